// Package firewall checks which ports of the host are reachable from outside: ufw rules, loaded rules and listening
// sockets.
package firewall

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/firewall/nft"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// listening_ports: do the loaded rules limit internet access to the allowed listening ports of this host?
//
// A TCP or UDP socket counts if the kernel's rules accept the first packet of a connection from an arbitrary address,
// or redirect one to it from another disallowed port. Without rules every socket counts. If an unsupported rule or an
// unreadable iptables-legacy rule decides, the result is unknown: neither pass nor fail. Sockets of docker-proxy are
// checked by container_ports. Ports of DHCP clients are open on every host with DHCP and are not reported.

func ListeningPortsKind() probe.Kind {
	return probe.Kind{
		Name:       "listening_ports",
		Question:   "Do the loaded firewall rules limit internet access to the allowed listening ports of this host?",
		Example:    "{allowed: [80, 443]}",
		Layer:      probe.LayerLive,
		Reads:      "the listening sockets, addresses and nf_tables rules of the exporter's host, over netlink",
		Permission: "CAP_NET_ADMIN and the host's network, and CAP_SYS_PTRACE to name other users' processes",
		Values:     []*probe.Value{portset.ExposedPorts},
		Timeout:    15 * time.Second,
		Alone:      true,
		New:        func() any { return &listeningPorts{Policy: portset.StandardPolicy()} },
	}
}

type listeningPorts struct {
	portset.Policy `inline:"true"`
}

func (s *listeningPorts) Validate() []error { return s.Wrong() }

func (s *listeningPorts) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if err := ctx.Err(); err != nil {
		return probe.Result{}, err
	}
	if p.Deployment.Firewall.External {
		return probe.Result{}, reach.ExternalFirewall()
	}
	h, err := readOwnHost(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	h.ufw = ufwEnabled(p)
	return s.judge(h, p.Deployment.Firewall.Allowed, func(inodes map[uint32]bool) map[uint32]string { return processesOf(ctx, p, inodes) })
}

// readOwnHost reads the network state of the deployment's host, which must be the exporter's.
func readOwnHost(ctx context.Context, p *probe.Pass) (host, error) {
	if docker, _ := dockerclient.Host(p); strings.HasPrefix(docker, "tcp://") {
		return host{}, probe.Skip(deployment.DockerService.Setting("host"), "deployment runs on another host, according to its Docker Engine address")
	}
	if root := p.Deployment.Firewall.HostRoot; root != "" && filepath.Clean(root) != "/" && !sameNetwork(root) {
		return host{}, probe.Skip("deployment.firewall.host_root", "host at %s does not use the exporter's network", root)
	}
	if err := ownNetwork(p); err != nil {
		return host{}, probe.Needs(hostNetworkSetting, probe.Unknown(probe.ReasonNotConfigured, err))
	}
	return readHost(ctx)
}

// ufwEnabled reports whether ufw is enabled in its configuration. Unreadable files are reported by another probe.
func ufwEnabled(p *probe.Pass) bool {
	place := p.View.Place(find.FactFirewall)
	if len(place.Paths) < 2 || removed(filepath.Dir(filepath.Dir(place.Paths[0]))) {
		return false
	}
	conf, err := loadShell(p, filepath.Join(place.Paths[0], "ufw.conf"))
	return err == nil && startsUFW(conf)
}

// addressing reports whether the socket is a DHCP client port (RFC 2131 and RFC 8415).
func (l hostSocket) isDHCPClient() bool { return l.udp && (l.port == 68 || l.port == 546) }

// ephemeral reports whether the socket is a UDP port assigned by the kernel, which often only waits for a reply.
func (l hostSocket) ephemeral() bool { return l.udp && l.port >= 32768 }

// exposedProgram is a program with ports that are reachable in the same way.
type exposedProgram struct {
	program string
	ports   portset.Opened
}

func (s *listeningPorts) judge(h host, alsoAllowed []int, names func(map[uint32]bool) map[uint32]string) (probe.Result, error) {
	reached, all := s.reached(h, alsoAllowed)
	inodes := map[uint32]bool{}
	for _, a := range reached {
		inodes[a.inode] = true
	}
	program := map[uint32]string{}
	if len(inodes) > 0 {
		program = names(inodes)
	}
	var e exposure
	for _, a := range reached {
		e.add(a, program[a.inode])
	}
	return e.result(h, all), nil
}

// reached returns the sockets and redirected ports that packets from outside may reach. all reports whether every
// redirection was evaluated.
func (s *listeningPorts) reached(h host, alsoAllowed []int) (reached []access, all bool) {
	for _, l := range h.listeners {
		if l.local.Unmap().IsLoopback() || l.isDHCPClient() || s.Beyond(l.portOf(), alsoAllowed).Empty() {
			continue
		}
		if a := h.accessTo(l); a.fate != nft.FateDenied {
			reached = append(reached, a)
		}
	}
	led, all := h.redirected(func(udp bool, port uint16) bool {
		return !s.Beyond(hostSocket{udp: udp, port: port}.portOf(), alsoAllowed).Empty()
	})
	return append(reached, led...), all
}

// exposure sorts programs by how their ports are reachable.
type exposure struct {
	exposed portset.Set
	chains  []string // undecided chains

	open, private, unsure, weak, passing []exposedProgram
}

func (e *exposure) add(a access, program string) {
	name := fmt.Sprintf("process %q", program)
	switch {
	case program == "docker-proxy" && !a.led:
		return
	case program == "":
		name = "a process hidden from the exporter"
	}
	switch {
	case a.fate == nft.FateUnsure && a.world && a.port != portset.SSH && (a.led || !a.ephemeral()):
		e.unsure = noteOffender(e.unsure, name, a.portOf())
		if a.where != "" && !slices.Contains(e.chains, a.where) {
			e.chains = append(e.chains, a.where)
		}
	case a.fate == nft.FateUnsure:
		e.weak = noteOffender(e.weak, name, a.portOf())
	case a.ephemeral() && !a.led:
		e.passing = noteOffender(e.passing, name, a.portOf())
	case a.world:
		e.open = noteOffender(e.open, name, a.portOf())
		e.exposed = e.exposed.With(a.portOf().Numbers())
	default:
		e.private = noteOffender(e.private, name, a.portOf())
	}
}

// result reports what is exposed and what could not be decided.
func (e *exposure) result(h host, all bool) probe.Result {
	var f probe.ResultBuilder
	for _, o := range e.open {
		o.ports.Tell(&f, probe.Offender{ID: o.program}, "%v of %s is reachable from the internet: the loaded rules accept it", o.program)
	}
	if h.ufw && !h.rules.HasUFW() && !h.legacy {
		f.Fail(probe.ReasonDrift, "ufw is enabled in its configuration, but its rules are not loaded. Run `sudo ufw reload` or `sudo systemctl restart ufw`")
	}
	if !all {
		f.Add(probe.Result{State: probe.StateUnknown, Reason: probe.ReasonError,
			Detail: "too many loaded rules redirect packets to evaluate them all"})
	}
	if h.legacyNAT {
		f.Add(probe.Result{State: probe.StateUnknown, Reason: probe.ReasonError, Remedy: legacyRemedy,
			Detail: "iptables-legacy rules, which cannot be read, may redirect packets to other ports"})
	}
	for _, o := range e.unsure {
		f.Add(h.unclear(o, e.chains))
	}
	for _, o := range e.private {
		f.Offend(o.ports.Offenders(probe.Offender{ID: o.program})...)
		f.Warn(probe.ReasonExposed, "%v of %s is reachable from a private network", o.ports, o.program)
	}
	for _, o := range e.weak {
		f.Offend(o.ports.Offenders(probe.Offender{ID: o.program})...)
		f.Warn(probe.ReasonExposed, "%v of %s may be reachable from outside: unsupported or unreadable rules decide", o.ports,
			o.program)
	}
	for _, o := range e.passing {
		f.Offend(o.ports.Offenders(probe.Offender{ID: o.program})...)
		f.Warn(probe.ReasonExposed, "%v of %s accepts packets from the internet, unless it only waits for replies", o.ports,
			o.program)
	}
	f.Measure(portset.ExposedPorts.Of(float64(e.exposed.Count())))
	return f.Result("%s checked: only allowed ports are reachable from the internet", phrase.Count(len(h.listeners),
		"listening socket"))
}

// legacyRemedy makes all rules readable: only root can read the legacy lists.
const legacyRemedy = "iptables-nft instead of iptables-legacy on the host, or CAP_DAC_READ_SEARCH to check in " +
	"/proc/net/ip_tables_names that none is loaded"

// unclear is the verdict when it is unknown whether packets are accepted.
func (h host) unclear(o exposedProgram, chains []string) probe.Result {
	r := probe.Result{State: probe.StateUnknown, Reason: probe.ReasonError}
	if h.legacy {
		r.Remedy = legacyRemedy
		r.Detail = fmt.Sprintf("%v of %s may be reachable from the internet: iptables-legacy rules may be loaded and "+
			"cannot be read", o.ports, o.program)
		return r
	}
	r.Detail = fmt.Sprintf("%v of %s may be reachable from the internet: an unsupported rule decides", o.ports, o.program)
	if len(chains) > 0 {
		slices.Sort(chains)
		r.Detail += fmt.Sprintf(" (chain %s)", phrase.List(chains))
	}
	return r
}

// opened is the socket's port.
func (l hostSocket) portOf() portset.Opened {
	one := portset.Of(int(l.port))
	if l.udp {
		return portset.Opened{UDP: one}
	}
	return portset.Opened{TCP: one}
}

// noteOffender adds ports to a program and keeps the programs sorted.
func noteOffender(all []exposedProgram, program string, ports portset.Opened) []exposedProgram {
	for i := range all {
		if all[i].program == program {
			all[i].ports = all[i].ports.With(ports)
			return all
		}
	}
	all = append(all, exposedProgram{program, ports})
	slices.SortFunc(all, func(a, b exposedProgram) int { return cmp.Compare(a.program, b.program) })
	return all
}
