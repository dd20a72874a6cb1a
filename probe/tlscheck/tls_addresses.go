package tlscheck

import (
	"context"
	"crypto/x509"
	"net"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dnscheck"
)

// A name with several addresses may lead to several servers: one of them that kept an old certificate, or another site at
// the IPv6 address, is met by some clients only.

// maxAddresses bounds the addresses of one name.
const maxAddresses = 8

// lookUpTime bounds the look-up of the addresses; without them, the name is connected to.
const lookUpTime = 2 * time.Second

// addressesOf returns the addresses of a name as its clients find them (deployment.dns.resolvers); nil if it has only one.
func addressesOf(ctx context.Context, p *probe.Pass, address string) (all []string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || net.ParseIP(host) != nil {
		return nil
	}
	servers, err := dnscheck.Resolvers(p)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpTime)
	defer cancel()
	found, err := dnscheck.Ask(ctx, p, servers[0], host)
	if err != nil || len(found.Addresses) < 2 {
		return nil
	}
	for _, ip := range found.Addresses[:min(len(found.Addresses), maxAddresses)] {
		all = append(all, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return all
}

// askEach checks the certificate presented for one host at each of its addresses. One that cannot be reached from here
// does not count as long as another can: this host may have no IPv6.
func (s *tlsEndpoint) askEach(ctx context.Context, p *probe.Pass, t tlsTarget, configured bool, roots *x509.CertPool) (probe.Result, time.Time, error) {
	addresses := addressesOf(ctx, p, t.address)
	type seen struct {
		probe.Result
		end time.Time
		err error
	}
	all := make([]seen, len(addresses))
	var asking sync.WaitGroup
	for i, address := range addresses {
		asking.Go(func() {
			all[i].Result, all[i].end, all[i].err = s.ask(ctx, p, tlsTarget{address, t.host}, configured, roots)
		})
	}
	asking.Wait()
	var f probe.ResultBuilder
	var first *seen // that could be reached
	var end time.Time
	for i, one := range all {
		if one.err != nil || one.Reason == probe.ReasonUnreachable {
			continue
		}
		if first == nil {
			first = &all[i]
		}
		f.Add(one.Result)
		if end.IsZero() || !one.end.IsZero() && one.end.Before(end) {
			end = one.end
		}
	}
	if first == nil {
		return s.ask(ctx, p, t, configured, roots) // by its name, which may have another address from here
	}
	return f.Result("%s", first.Detail), end, nil
}
