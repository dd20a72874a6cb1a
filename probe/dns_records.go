package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// dns_records: do the public hosts resolve to the expected addresses at every resolver?
//
// Without expected addresses a hijacked record cannot be detected, so a host that resolves is only a warning. A
// resolver that does not respond makes the result unknown.

func dnsRecordsKind() Kind {
	return Kind{
		Name:     "dns_records",
		Question: "Do the public hosts resolve to the expected addresses at every resolver?",
		Example:  "{}",
		Layer:    LayerLive,
		Reads: "A and AAAA records of the public hosts (deployment.public.hosts) at each resolver " +
			"(deployment.dns.resolvers); needs network access to them",
		Values:  []*Value{DNSTTL},
		MaxAge:  30 * time.Second,
		Timeout: 8 * time.Second,
		Alone:   true,
		New:     func() any { return &dnsRecords{} },
	}
}

type dnsRecords struct{}

func (s *dnsRecords) Probe(ctx context.Context, p *Pass) (Result, error) {
	hosts, err := publicHosts(p)
	if err != nil {
		return Result{}, err
	}
	expected, err := parseAddresses(p.Deployment.DNS.Expected)
	if err != nil {
		return Result{}, Unknownf(ReasonInvalid, "deployment.dns.expected: %w", err)
	}
	servers, err := resolvers(p)
	if err != nil {
		return Result{}, err
	}
	var f Findings
	ttl, asked := uint32(0), 0
	for _, host := range hosts {
		for _, server := range servers {
			a, err := dnsAsk(ctx, p, server, host)
			f.Add(judgeRecords(host, server, a, err, expected))
			if err == nil && len(a.Addresses) > 0 {
				asked++
				if ttl == 0 || a.TTL < ttl {
					ttl = a.TTL
				}
			}
		}
	}
	if asked > 0 {
		f.Measure(DNSTTL.Of(float64(ttl)))
	}
	return f.Result("%s resolve as expected at %d resolvers", words(hosts), len(servers)), nil
}

// judgeRecords evaluates the response of one resolver for one host.
func judgeRecords(host, server string, a dnsAnswer, err error, expected []netip.Addr) Result {
	switch {
	case errors.Is(err, errNoName):
		return Failed(ReasonMissing, "%s does not exist at %s", host, server)
	case err != nil:
		r := unanswered(fmt.Errorf("resolver %s, query for %s: %w", server, host, err))
		r.Remedy = "deployment.dns.resolvers"
		return r
	case len(a.Addresses) == 0:
		return Failed(ReasonMissing, "%s has no address at %s", host, server)
	case len(expected) == 0:
		return Warned(ReasonUnpinned, "%s resolves to %s at %s, but deployment.dns.expected is not set", host,
			shownAddresses(a.Addresses), server)
	case !slices.Equal(a.Addresses, expected):
		return Failed(ReasonMismatch, "%s resolves to %s at %s, expected %s", host, shownAddresses(a.Addresses), server,
			shownAddresses(expected))
	}
	return Passed("%s resolves as expected at %s", host, server)
}

// publicHosts lists the public host names: the configured ones, or those in the deployment's files. Placeholders are
// left out.
func publicHosts(p *Pass) ([]string, error) {
	hosts, err := p.View.PublicHosts() // hosts from readable files count even when another file is unreadable
	var names []string
	for _, h := range hosts {
		if h.Placeholder == "" {
			names = append(names, h.Name)
		}
	}
	if len(names) == 0 && err != nil {
		return nil, Needs("deployment.public.hosts", err)
	}
	if len(names) == 0 {
		return nil, Skip("deployment.public.hosts",
			"no public host is configured, and none was found in the deployment's files")
	}
	return names, nil
}
