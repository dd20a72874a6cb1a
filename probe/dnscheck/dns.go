// Package dnscheck checks the DNS records of the public hosts.
package dnscheck

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
)

// DNS queries of probes: over UDP, and over TCP when the response is truncated.

// dnsAnswer is the response of one resolver for one name.
type dnsAnswer struct {
	Addresses []netip.Addr // sorted, of both families
	Aliases   []string     // CNAME targets, in lower case without the final dot
	TTL       uint32       // minimum of all records, seconds
	NoName    string       // the type of records for which the name does not exist, although it has others: AAAA
}

// errNoName is returned for NXDOMAIN.
var errNoName = errors.New("name does not exist")

// Resolvers lists the resolvers to query as host:port: the configured ones, or the first of the system. The port of a
// configured resolver is optional.
func Resolvers(p *probe.Pass) ([]string, error) {
	servers := p.Deployment.DNS.Resolvers
	port := "53"
	if len(servers) == 0 {
		conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil || len(conf.Servers) == 0 {
			return nil, probe.Needs(deployment.DNSService.Setting("resolvers"), probe.Unknownf(probe.ReasonNotConfigured,
				"no DNS resolver is configured, and /etc/resolv.conf lists none"))
		}
		servers, port = conf.Servers[:1], conf.Port
	}
	all := make([]string, len(servers))
	for i, s := range servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			s = net.JoinHostPort(strings.Trim(s, "[]"), port)
		}
		all[i] = s
	}
	return all, nil
}

// Ask queries one resolver for the addresses of a name.
func Ask(ctx context.Context, p *probe.Pass, resolver, name string) (dnsAnswer, error) {
	var a dnsAnswer
	var missing []string
	for _, family := range []uint16{dns.TypeA, dns.TypeAAAA} {
		switch err := a.ask(ctx, p, resolver, name, family); {
		case errors.Is(err, errNoName):
			missing = append(missing, dns.TypeToString[family])
		case err != nil:
			return dnsAnswer{}, err
		}
	}
	switch {
	case len(missing) == 0:
	case len(a.Addresses) == 0:
		return dnsAnswer{}, errNoName
	default:
		a.NoName = missing[0]
	}
	slices.SortFunc(a.Addresses, netip.Addr.Compare)
	a.Addresses = slices.Compact(a.Addresses)
	return a, nil
}

// maxAliases bounds the queries for the targets of aliases.
const maxAliases = 8

// ask adds the addresses of one family. A resolver that returns only an alias is queried for its target.
func (a *dnsAnswer) ask(ctx context.Context, p *probe.Pass, resolver, name string, family uint16) error {
	for range maxAliases {
		reply, err := dnsExchange(ctx, p, resolver, name, family)
		if err != nil {
			return err
		}
		end, found := a.follow(reply, name)
		if found || end == canonical(name) {
			return nil
		}
		name = end
	}
	return probe.Unknownf(probe.ReasonInvalid, "returned a chain of more than %d aliases", maxAliases)
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// follow adds the records of the name and of its aliases. Records of other names in the same response are not about it.
// It returns the end of the chain, and whether there are addresses for it.
func (a *dnsAnswer) follow(reply *dns.Msg, name string) (end string, found bool) {
	end = canonical(name)
	for range len(reply.Answer) + 1 {
		next := ""
		for _, rr := range reply.Answer {
			if canonical(rr.Header().Name) != end {
				continue
			}
			switch rr := rr.(type) {
			case *dns.A:
				a.add(rr.A)
				found = true
			case *dns.AAAA:
				a.add(rr.AAAA)
				found = true
			case *dns.CNAME:
				next = canonical(rr.Target)
				if !slices.Contains(a.Aliases, next) {
					a.Aliases = append(a.Aliases, next)
				}
			default:
				continue
			}
			if ttl := rr.Header().Ttl; a.TTL == 0 || ttl < a.TTL {
				a.TTL = ttl
			}
		}
		if next == "" || found {
			return end, found
		}
		end = next
	}
	return canonical(name), false // the aliases form a loop
}

func (a *dnsAnswer) add(ip net.IP) {
	if addr, ok := netip.AddrFromSlice(ip); ok {
		a.Addresses = append(a.Addresses, addr.Unmap())
	}
}

// dnsExchange sends one query. The error is errNoName, a network error, or holds the response code of the resolver.
func dnsExchange(ctx context.Context, p *probe.Pass, resolver, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), kind)
	question.SetEdns0(1232, false) // fits into one unfragmented packet on any network
	reply, err := dnsOver(ctx, p, "udp", resolver, question)
	if err == nil && reply.Truncated {
		reply, err = dnsOver(ctx, p, "tcp", resolver, question)
	}
	if err != nil {
		return nil, err
	}
	if reply.Truncated {
		return nil, probe.Unknownf(probe.ReasonTruncated, "returned a truncated response over TCP")
	}
	switch reply.Rcode {
	case dns.RcodeSuccess:
		return reply, nil
	case dns.RcodeNameError:
		return nil, errNoName
	}
	if reply.Rcode == dns.RcodeServerFailure && !question.CheckingDisabled {
		question.CheckingDisabled = true
		if unchecked, err := dnsOver(ctx, p, "udp", resolver, question); err == nil && unchecked.Rcode == dns.RcodeSuccess {
			return nil, probe.Unknownf(probe.ReasonError, "returned SERVFAIL, and an answer with checking disabled: the DNSSEC signatures of the zone "+
				"are broken, expired or do not match its DS record. Fix them: validating resolvers do not resolve the name")
		}
	}
	return nil, probe.Unknownf(probe.ReasonError, "returned %s", dns.RcodeToString[reply.Rcode])
}

func dnsOver(ctx context.Context, p *probe.Pass, network, resolver string, question *dns.Msg) (*dns.Msg, error) {
	conn, err := p.Dial(ctx, network, resolver)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c := &dns.Client{Net: network, UDPSize: 1232}
	// The client ignores packets with another ID, which may be forged, and keeps waiting.
	reply, _, err := c.ExchangeWithConnContext(ctx, question, &dns.Conn{Conn: conn, UDPSize: 1232})
	switch {
	case ctx.Err() != nil:
		return nil, fault.Late{Cause: ctx.Err()}
	case err != nil && probe.ReasonOf(err) == probe.ReasonError:
		return nil, probe.Unknownf(probe.ReasonInvalid, "returned an invalid DNS message")
	case err != nil:
		return nil, err
	case len(reply.Question) != 1 || !strings.EqualFold(reply.Question[0].Name, question.Question[0].Name):
		return nil, probe.Unknownf(probe.ReasonInvalid, "returned a response to another question")
	}
	return reply, nil
}

// formatAddresses formats addresses for messages.
func formatAddresses(addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return "no address"
	}
	all := make([]string, len(addrs))
	for i, a := range addrs {
		all[i] = a.String()
	}
	return strings.Join(all, ", ")
}
