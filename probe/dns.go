package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// How probes ask DNS resolvers: over UDP, and over TCP when the answer does not fit.

// dnsAnswer is what one resolver says of one name.
type dnsAnswer struct {
	Addresses []netip.Addr // sorted, of both families
	Aliases   []string     // names that the asked one is an alias of, in lower case without the final dot
	TTL       uint32       // the least of all records, seconds
}

// errNoName is the answer that a name does not exist (NXDOMAIN).
var errNoName = errors.New("no such name")

// resolvers lists the resolvers to ask as host:port: those configured, else the system's. A configured one may name its port.
func resolvers(p *Pass) ([]string, error) {
	servers := p.Deployment.DNS.Resolvers
	port := "53"
	if len(servers) == 0 {
		conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil || len(conf.Servers) == 0 {
			return nil, Needs("deployment.dns.resolvers", Unknownf(ReasonNotConfigured, "no resolver is configured, and the system has none"))
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

// dnsAsk asks one resolver for the addresses of a name.
func dnsAsk(ctx context.Context, p *Pass, resolver, name string) (dnsAnswer, error) {
	var a dnsAnswer
	for _, family := range []uint16{dns.TypeA, dns.TypeAAAA} {
		reply, err := dnsExchange(ctx, p, resolver, name, family)
		if err != nil {
			return dnsAnswer{}, err
		}
		a.take(reply)
	}
	slices.SortFunc(a.Addresses, netip.Addr.Compare)
	a.Addresses = slices.Compact(a.Addresses)
	return a, nil
}

func (a *dnsAnswer) take(reply *dns.Msg) {
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

// dnsExchange asks one question. The error is errNoName, one of the network, or says how the resolver refused.
func dnsExchange(ctx context.Context, p *Pass, resolver, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), kind)
	question.SetEdns0(1232, false) // what fits into one packet everywhere
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
	return nil, Unknownf(ReasonError, "answers %s", dns.RcodeToString[reply.Rcode])
}

func dnsOver(ctx context.Context, p *Pass, network, resolver string, question *dns.Msg) (*dns.Msg, error) {
	conn, err := p.Dial(ctx, network, resolver)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c := &dns.Client{Net: network, UDPSize: 1232}
	// The client drops packets with another id, which are somebody else's or forged, and waits on.
	reply, _, err := c.ExchangeWithConnContext(ctx, question, &dns.Conn{Conn: conn, UDPSize: 1232})
	switch {
	case ctx.Err() != nil:
		return nil, late{ctx.Err()}
	case err != nil && reasonOf(err) == ReasonError:
		return nil, Unknownf(ReasonInvalid, "answers something else than DNS")
	case err != nil:
		return nil, err
	case len(reply.Question) != 1 || !strings.EqualFold(reply.Question[0].Name, question.Question[0].Name):
		return nil, Unknownf(ReasonInvalid, "answers another question")
	}
	return reply, nil
}

// shownAddresses lists addresses.
func shownAddresses(addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return "no address"
	}
	all := make([]string, len(addrs))
	for i, a := range addrs {
		all[i] = a.String()
	}
	return strings.Join(all, ", ")
}

// parseAddresses reads configured addresses.
func parseAddresses(list []string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, s := range list {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%q is no IP address", s)
		}
		all = append(all, a.Unmap())
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all), nil
}
