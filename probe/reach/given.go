package reach

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
)

// Addresses given by the deployment's own files (DB_HOST, REDIS_URL, server_name, S3_ENDPOINT). Whoever writes those
// files must not be able to direct the exporter, its credentials or its network position at something else:
//
//   - metadata services of clouds and other link-local addresses are never called,
//   - this host, at any of its addresses, is called only at the ports that the compose project publishes and at the documented default ports,
//   - a credential of the exporter's configuration goes only to an address of the exporter's configuration.
//
// Addresses are checked after name resolution, when the connection is made.

// Guard decides which addresses given by the deployment's files are called. Its zero value allows only the default
// ports of this host. It holds no pass and may be kept.
type Guard struct{ published []compose.PublishedPort }

// GuardOf returns the guard of a deployment.
func GuardOf(p *probe.Pass) Guard {
	c, err := p.View.Compose()
	if err != nil {
		return Guard{}
	}
	return Guard{c.Published()}
}

// Context returns a context under which Deps.Dial connects only to allowed addresses. Others are a fault.NotDialled.
func (g Guard) Context(ctx context.Context) context.Context { return probe.CheckDials(ctx, g.Check) }

// Given is Context for the deployment of a pass.
func Given(ctx context.Context, p *probe.Pass) context.Context { return GuardOf(p).Context(ctx) }

// Check returns an error for an address that must not be called.
func (g Guard) Check(address netip.AddrPort) error {
	for _, ip := range meanings(address.Addr()) {
		switch {
		case slices.Contains(metadata(), ip), ip.IsLinkLocalUnicast(), ip.IsMulticast():
			return fault.NotDialled("the deployment's files refer to a metadata or link-local address, which is not called")
		case isThisHost(ip) && !g.local(ip, int(address.Port())):
			return fault.NotDialled(fmt.Sprintf("the deployment's files refer to port %d of this host, which no compose service publishes",
				address.Port()))
		}
	}
	return nil
}

// metadata lists the metadata services that are not link-local: AWS and Google over IPv6, Alibaba, Azure, Oracle.
func metadata() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"), netip.MustParseAddr("100.100.100.200"),
		netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("192.0.0.192"),
	}
}

// meanings returns an address and the IPv4 address that it may be translated to.
func meanings(ip netip.Addr) []netip.Addr {
	ip = ip.Unmap().WithZone("")
	all := []netip.Addr{ip}
	if !ip.Is6() || ip.IsLoopback() || ip.IsUnspecified() {
		return all
	}
	bytes := ip.As16()
	for _, form := range []struct {
		prefix string
		at     int
	}{{"::/96", 12}, {"64:ff9b::/96", 12}, {"64:ff9b:1::/48", 12}, {"2002::/16", 2}} { // RFC 4291, 6052, 8215, 3056
		if netip.MustParsePrefix(form.prefix).Contains(ip) {
			all = append(all, netip.AddrFrom4([4]byte(bytes[form.at:form.at+4])))
		}
	}
	return all
}

// local reports whether a port of this host may be called.
func (g Guard) local(ip netip.Addr, port int) bool {
	for _, p := range g.published {
		on, err := netip.ParseAddr(p.HostIP)
		everywhere := err != nil || on.Unmap() == ip || ip.IsUnspecified()
		if p.Protocol == "tcp" && p.First > 0 && p.First <= port && port <= p.Last && everywhere {
			return true
		}
	}
	return slices.Contains(defaultPorts(), port)
}

// defaultPorts are the ports that the checklist expects on this host: the public site, the application, Prometheus,
// Alertmanager, Grafana, PostgreSQL and Redis.
func defaultPorts() []int { return []int{80, 443, 8000, 9090, 9093, 3000, 5432, 6379} }

// IsGiven reports whether the deployment's files give an address. The exporter's defaults are its own.
func IsGiven(at deployment.Reach) bool {
	return !at.Configured && at.How != "" && at.How != find.Default
}

// Credential returns an error when a credential of the exporter's configuration would go to an address given by the
// deployment's files. setting is the setting of the address.
func Credential(given bool, credential deployment.Value, setting string) error {
	if !given || !strings.HasPrefix(credential.Key, "deployment.") {
		return nil
	}
	return KeepCredential(credential.Key, setting)
}

// KeepCredential is the error of a configured credential that is not sent to an address given by the deployment's files.
func KeepCredential(credential, setting string) error {
	return probe.Needs(setting, probe.Unknownf(probe.ReasonNotConfigured,
		"%s is not sent to an address that only the deployment's files give. Set %s", credential, setting))
}
