// Package dnscheck checks the DNS records of the public hosts.
package dnscheck

import (
	"context"
	"errors"
	"fmt"
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
	for _, family := range []uint16{dns.TypeA, dns.TypeAAAA} {
		reply, err := dnsExchange(ctx, p, resolver, name, family)
		if err != nil {
			return dnsAnswer{}, err
		}
		a.addRecords(reply)
	}
	slices.SortFunc(a.Addresses, netip.Addr.Compare)
	a.Addresses = slices.Compact(a.Addresses)
	return a, nil
}

func (a *dnsAnswer) addRecords(reply *dns.Msg) {
	for _, rr := range reply.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			a.add(rr.A)
		case *dns.AAAA:
			a.add(rr.AAAA)
		case *dns.CNAME:
			if alias := strings.ToLower(strings.TrimSuffix(rr.Target, ".")); !slices.Contains(a.Aliases, alias) {
				a.Aliases = append(a.Aliases, alias)
			}
		default:
			continue
		}
		if ttl := rr.Header().Ttl; a.TTL == 0 || ttl < a.TTL {
			a.TTL = ttl
		}
	}
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
	switch reply.Rcode {
	case dns.RcodeSuccess:
		return reply, nil
	case dns.RcodeNameError:
		return nil, errNoName
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

// parseAddresses parses configured addresses.
func parseAddresses(list []string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, s := range list {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%q is not an IP address", s)
		}
		all = append(all, a.Unmap())
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all), nil
}
