package dnscheck

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// dns_records: do the public hosts resolve to the expected addresses at every resolver?
//
// Without expected addresses a hijacked record cannot be detected, so a host that resolves is only a warning. A
// resolver that does not respond makes the result unknown.

func RecordsKind() probe.Kind {
	return probe.Kind{
		Name:     "dns_records",
		Services: []deployment.Service{deployment.DNSService},
		Question: "Do the public hosts resolve to the expected addresses at every resolver?",
		Example:  "{}",
		Layer:    probe.LayerLive,
		Reads: "A and AAAA records of the public hosts (deployment.public.hosts) at each resolver " +
			"(deployment.dns.resolvers)",
		Permission: "network access to them",
		Values:     []*probe.Value{DNSTTL},
		MaxAge:     30 * time.Second,
		Timeout:    8 * time.Second,
		Alone:      true,
		New:        func() any { return &dnsRecords{} },
	}
}

type dnsRecords struct{}

func (s *dnsRecords) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	hosts, err := PublicHosts(p)
	if err != nil {
		return probe.Result{}, err
	}
	expected, err := parseAddresses(p.Deployment.DNS.Expected)
	if err != nil {
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "deployment.dns.expected: %w", err)
	}
	servers, err := Resolvers(p)
	if err != nil {
		return probe.Result{}, err
	}
	var f probe.ResultBuilder
	ttl, asked := uint32(0), 0
	for _, host := range hosts {
		for _, server := range servers {
			a, err := Ask(ctx, p, server, host)
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
	return f.Result("%s resolve as expected at %d resolvers", phrase.Words(hosts), len(servers)), nil
}

// judgeRecords evaluates the response of one resolver for one host.
func judgeRecords(host, server string, a dnsAnswer, err error, expected []netip.Addr) probe.Result {
	switch {
	case errors.Is(err, errNoName):
		return probe.Failed(probe.ReasonMissing, "%s does not exist at %s", host, server)
	case err != nil:
		r := probe.NotChecked(fmt.Errorf("resolver %s, query for %s: %w", server, host, err))
		r.Remedy = deployment.DNSService.Setting("resolvers")
		return r
	case len(a.Addresses) == 0:
		return probe.Failed(probe.ReasonMissing, "%s has no address at %s", host, server)
	case len(expected) == 0:
		return probe.Warned(probe.ReasonUnpinned, "%s resolves to %s at %s, but deployment.dns.expected is not set", host,
			formatAddresses(a.Addresses), server)
	case !slices.Equal(a.Addresses, expected):
		return probe.Failed(probe.ReasonMismatch, "%s resolves to %s at %s, expected %s", host, formatAddresses(a.Addresses), server,
			formatAddresses(expected))
	}
	return probe.Passed("%s resolves as expected at %s", host, server)
}

// PublicHosts lists the public host names: the configured ones, or those in the deployment's files. Placeholders are
// left out.
func PublicHosts(p *probe.Pass) ([]string, error) {
	hosts, err := p.View.PublicHosts() // hosts from readable files count even when another file is unreadable
	var names []string
	for _, h := range hosts {
		if h.Placeholder == "" {
			names = append(names, h.Name)
		}
	}
	if len(names) == 0 && err != nil {
		return nil, probe.Needs(deployment.PublicService.Setting("hosts"), err)
	}
	if len(names) == 0 {
		return nil, probe.Skip(deployment.PublicService.Setting("hosts"),
			"no public host is configured, and none was found in the deployment's files")
	}
	return names, nil
}

var DNSTTL = &probe.Value{Name: "catalyst_dns_ttl_seconds", Help: "Lowest time to live of the public hosts' address records.", Labels: nil}
