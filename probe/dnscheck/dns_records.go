package dnscheck

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
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
	servers, err := Resolvers(p)
	if err != nil {
		return probe.Result{}, err
	}
	var f probe.ResultBuilder
	ttl, asked := uint32(0), 0
	for _, host := range hosts {
		for _, server := range servers {
			a, err := Ask(ctx, p, server, host)
			f.Add(judgeRecords(host, server, a, err, p.Deployment.DNS.Expected))
			if err == nil && len(a.Addresses) > 0 {
				asked++
				if ttl == 0 || a.TTL < ttl {
					ttl = a.TTL
				}
			}
		}
	}
	for _, problem := range unusedHosts(p) {
		f.Add(probe.NotChecked(problem))
	}
	if asked > 0 {
		f.Measure(DNSTTL.Of(float64(ttl)))
	}
	return f.Result("%s resolve as expected at %d resolvers", phrase.Words(hosts), len(servers)), nil
}

// judgeRecords evaluates the response of one resolver for one host.
func judgeRecords(host, server string, a dnsAnswer, err error, all deployment.DNSExpected) probe.Result {
	expected, set := all.For(host)
	right := slices.Equal(a.Addresses, expected.Addresses)
	if expected.AnyOf {
		right = !slices.ContainsFunc(a.Addresses, func(one netip.Addr) bool { return !slices.Contains(expected.Addresses, one) })
	}
	switch {
	case errors.Is(err, errNoName):
		return probe.Failed(probe.ReasonMissing, "%s does not exist at %s", host, server)
	case err != nil:
		r := probe.NotChecked(fmt.Errorf("resolver %s, query for %s: %w", server, host, err))
		r.Remedy = deployment.DNSService.Setting("resolvers")
		return r
	case len(a.Addresses) == 0:
		return probe.Failed(probe.ReasonMissing, "%s has no address at %s", host, server)
	case set && !right:
		return probe.Failed(probe.ReasonMismatch, "%s resolves to %s at %s, expected %s%s", host, formatAddresses(a.Addresses), server,
			map[bool]string{true: "one or more of "}[expected.AnyOf], formatAddresses(expected.Addresses))
	case a.NoName != "":
		return probe.Warned(probe.ReasonInvalid, "%s resolves to %s at %s, but does not exist there for %s records: a resolver that stores that "+
			"answer loses the other addresses too. Fix the name server", host, formatAddresses(a.Addresses), server, a.NoName)
	case !set && all.Hosts != nil:
		return probe.Warned(probe.ReasonUnpinned, "%s resolves to %s at %s, but deployment.dns.expected has no entry for it", host,
			formatAddresses(a.Addresses), server)
	case !set:
		return probe.Warned(probe.ReasonUnpinned, "%s resolves to %s at %s, but deployment.dns.expected is not set", host,
			formatAddresses(a.Addresses), server)
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
	unused := unusedHosts(p)
	switch {
	case len(names) > 0:
		return names, nil
	case err != nil:
		return nil, probe.Needs(deployment.PublicService.Setting("hosts"), err)
	case len(unused) > 0:
		return nil, unused[0]
	}
	return nil, probe.Skip(deployment.PublicService.Setting("hosts"),
		"no public host is configured, and none was found in the deployment's files")
}

// unusedHosts returns an error for each configured host that cannot be public.
func unusedHosts(p *probe.Pass) (problems []error) {
	hosts, _ := p.View.PublicHosts()
	for _, h := range hosts {
		if h.How == find.Configured && h.Placeholder != "" {
			setting := deployment.PublicService.Setting("hosts")
			if len(p.Deployment.Public.Hosts) == 0 {
				setting = deployment.PublicService.Setting("url")
			}
			if slices.Contains([]string{"this machine", "a private address", "an internal name", "a name of the compose network"}, h.Placeholder) {
				problems = append(problems, probe.Skip(setting, "the configured host %s is %s, which nobody else resolves", h.Name, h.Placeholder))
				continue
			}
			problems = append(problems, probe.Needs(setting, probe.Unknownf(probe.ReasonPlaceholder,
				"the configured host %s is not checked: it is %s", h.Name, h.Placeholder)))
		}
	}
	return problems
}

var DNSTTL = &probe.Value{Name: "catalyst_dns_ttl_seconds", Help: "Lowest time to live of the public hosts' address records.", Labels: nil}
