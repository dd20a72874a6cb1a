package tlscheck

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dnscheck"
)

// A name with several addresses may lead to several servers: one of them that kept an old certificate, or another site at
// the IPv6 address, is met by some clients only.

// maxAddresses bounds the addresses of one name that are connected to.
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
	for _, ip := range found.Addresses {
		all = append(all, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return all
}

// askEach checks the certificate presented for one host at each of its addresses. One that cannot be reached from here
// does not count as long as another can, because this host may have no IPv6; the detail says so.
func (s *tlsEndpoint) askEach(ctx context.Context, p *probe.Pass, t tlsTarget, configured bool, roots *x509.CertPool) (probe.Result, time.Time, error) {
	addresses := addressesOf(ctx, p, t.address)
	asked := addresses[:min(len(addresses), maxAddresses)]
	type seen struct {
		probe.Result
		end time.Time
		err error
	}
	all := make([]seen, len(asked))
	var asking sync.WaitGroup
	for i, address := range asked {
		asking.Go(func() {
			all[i].Result, all[i].end, all[i].err = s.ask(ctx, p, tlsTarget{address, t.host}, configured, roots)
		})
	}
	asking.Wait()
	var f probe.ResultBuilder
	var end time.Time
	var unjudged error
	reached, detail := 0, ""
	for _, one := range all {
		switch reason := probe.ReasonOf(one.err); {
		case one.err == nil && one.Reason == probe.ReasonUnreachable, one.err != nil && isAway(reason):
			continue
		case one.err != nil:
			unjudged = cmp.Or(unjudged, one.err)
		default:
			f.Add(one.Result)
			detail = cmp.Or(detail, one.Detail)
		}
		reached++
		if end.IsZero() || !one.end.IsZero() && one.end.Before(end) {
			end = one.end
		}
	}
	if reached == 0 {
		return s.ask(ctx, p, t, configured, roots) // by its name, which may have another address from here
	}
	if unjudged != nil && f.Worst.State != probe.StateFail {
		return probe.Result{}, end, unjudged
	}
	r := f.Result("%s", detail)
	if reached < len(addresses) {
		r.Detail += fmt.Sprintf("; not checked: %d of the %d addresses of the name", len(addresses)-reached, len(addresses))
	}
	return r, end, nil
}

// isAway reports whether an error means that nothing was reached.
func isAway(reason probe.Reason) bool {
	return reason == probe.ReasonUnreachable || reason == probe.ReasonTimeout
}
