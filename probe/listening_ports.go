package probe

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// listening_ports: of the sockets that listen on this host, do the loaded rules let the world only to those it may reach?
//
// A socket counts where the rules in the kernel admit the first packet of a connection from an address that nothing names; without any rules
// everything that listens is admitted; and where rules lead packets on to it from another port that the world may not reach. Where rules decide that
// are not understood here, or rules of iptables' older way that cannot be seen, it is unknown what is admitted: neither a pass nor a fault. Sockets of
// TCP and UDP are looked at. docker-proxy's sockets are the containers' matter. The ports of DHCP clients are open on
// every host that asks for its address, and are not told.

func listeningPortsKind() Kind {
	return Kind{
		Name:     "listening_ports",
		Question: "Do the loaded firewall rules let the world only to the allowed ports that this host listens on?",
		Example:  "{allowed: [80, 443]}",
		Layer:    LayerLive,
		Reads:    "the listening sockets, addresses and nf_tables rules of the host that the exporter runs on, over netlink; needs CAP_NET_ADMIN and the host's network, and CAP_SYS_PTRACE to name other users' processes",
		Values:   []*Value{ExposedPorts},
		Timeout:  15 * time.Second,
		Alone:    true,
		New:      func() any { return &listeningPorts{portPolicy: standardPorts()} },
	}
}

type listeningPorts struct {
	portPolicy `inline:"true"`
}

func (s *listeningPorts) Validate() []error { return s.wrong() }

func (s *listeningPorts) Probe(ctx context.Context, p *Pass) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if p.Deployment.Firewall.External {
		return Result{}, externalFirewall()
	}
	if host, _ := dockerHost(p); strings.HasPrefix(host, "tcp://") {
		return Result{}, Skip(dockerSetting, "the deployment runs on another host, as the address of its Docker Engine says")
	}
	if root := p.Deployment.Firewall.HostRoot; root != "" && filepath.Clean(root) != "/" && !sameNetwork(root) {
		return Result{}, Skip("deployment.firewall.host_root", "the host is seen at %s, and its network is not the exporter's", root)
	}
	if err := ownNetwork(p); err != nil {
		return Result{}, Needs(hostNetworkSetting, Unknown(ReasonNotConfigured, err))
	}
	h, err := lookHost(ctx)
	if err != nil {
		return Result{}, err
	}
	h.ufw = ufwEnabled(p)
	return s.judge(h, p.Deployment.Firewall.Allowed, func(inodes map[uint32]bool) map[uint32]string { return processesOf(ctx, p, inodes) })
}

// ufwEnabled tells whether ufw's files say that it is enabled; not where they cannot be read, which is another probe's matter.
func ufwEnabled(p *Pass) bool {
	place := p.View.Place(deployment.FactFirewall)
	if len(place.Paths) < 2 || removed(filepath.Dir(filepath.Dir(place.Paths[0]))) {
		return false
	}
	conf, err := loadShell(p, filepath.Join(place.Paths[0], "ufw.conf"))
	return err == nil && (conf["ENABLED"] == "yes" || conf["ENABLED"] == "YES")
}

// addressing tells of the port at which a host's own address is asked for (DHCP, RFC 2131 and RFC 8415).
func (l hostSocket) addressing() bool { return l.udp && (l.port == 68 || l.port == 546) }

// ephemeral tells of a UDP port that programs get when they ask for any: often one that only waits for an answer.
func (l hostSocket) ephemeral() bool { return l.udp && l.port >= 32768 }

// offender are the ports of one program that are reached in one way.
type offender struct {
	program string
	ports   opened
}

func (s *listeningPorts) judge(h host, alsoAllowed []int, names func(map[uint32]bool) map[uint32]string) (Result, error) {
	var reached []access
	inodes := map[uint32]bool{}
	for _, l := range h.listeners {
		if l.local.Unmap().IsLoopback() || l.addressing() || s.beyond(l.opened(), alsoAllowed).empty() {
			continue
		}
		if a := h.accessTo(l); a.fate != fateDenied {
			reached = append(reached, a)
			inodes[l.inode] = true
		}
	}
	led, all := h.led(func(udp bool, port uint16) bool {
		return !s.beyond(hostSocket{udp: udp, port: port}.opened(), alsoAllowed).empty()
	})
	for _, a := range led {
		reached = append(reached, a)
		inodes[a.inode] = true
	}
	program := map[uint32]string{}
	if len(inodes) > 0 {
		program = names(inodes)
	}
	var f Findings
	var exposed portSet
	var open, private, unsure, weak, passing []offender
	var chains []string
	for _, a := range reached {
		name := program[a.inode]
		switch {
		case name == "docker-proxy" && !a.led:
			continue
		case name == "":
			name = "a process that the exporter may not see"
		default:
			name = fmt.Sprintf("process %q", name)
		}
		switch {
		case a.fate == fateUnsure && a.world && a.port != portSSH && (a.led || !a.ephemeral()):
			unsure = noteOffender(unsure, name, a.opened())
			if a.where != "" && !slices.Contains(chains, a.where) {
				chains = append(chains, a.where)
			}
		case a.fate == fateUnsure:
			weak = noteOffender(weak, name, a.opened())
		case a.ephemeral() && !a.led:
			passing = noteOffender(passing, name, a.opened())
		case a.world:
			open = noteOffender(open, name, a.opened())
			exposed = exposed.with(a.opened().numbers())
		default:
			private = noteOffender(private, name, a.opened())
		}
	}
	for _, o := range open {
		o.ports.tell(&f, "%v of %s is reached by the world: the loaded rules admit it", o.program)
	}
	if h.ufw && !h.rules.hasUFW() && !h.legacy {
		f.Fail(ReasonDrift, "ufw is enabled in its files, and its rules are not loaded: `sudo ufw reload`, or `sudo systemctl restart ufw`")
	}
	if !all {
		f.Add(Result{State: StateUnknown, Reason: ReasonError, Detail: "more rules that lead packets to other ports are loaded than are followed here"})
	}
	if h.legacyNAT {
		f.Add(Result{State: StateUnknown, Reason: ReasonError, Remedy: legacyRemedy, Detail: "rules that may lead packets to other ports are or may be loaded by iptables-legacy, which cannot be seen"})
	}
	for _, o := range unsure {
		f.Add(h.unclear(o, chains))
	}
	for _, o := range private {
		f.Warn(ReasonExposed, "%v of %s is reached from a private network", o.ports, o.program)
	}
	for _, o := range weak {
		f.Warn(ReasonExposed, "%v of %s may be reached from outside: rules that are not understood or not seen decide", o.ports, o.program)
	}
	for _, o := range passing {
		f.Warn(ReasonExposed, "%v of %s takes what the world sends, unless it only waits for answers", o.ports, o.program)
	}
	f.Measure(ExposedPorts.Of(float64(exposed.count())))
	return f.Result("of %s, the world reaches none but at the allowed ports", count(len(h.listeners), "listening socket")), nil
}

// legacyRemedy is what lets all rules be seen: their lists are root's.
const legacyRemedy = "iptables-nft instead of iptables-legacy on the host, or CAP_DAC_READ_SEARCH to see in /proc/net/ip_tables_names that none is loaded"

// unclear is the verdict where it cannot be told whether something is admitted.
func (h host) unclear(o offender, chains []string) Result {
	r := Result{State: StateUnknown, Reason: ReasonError}
	if h.legacy {
		r.Remedy = legacyRemedy
		r.Detail = fmt.Sprintf("%v of %s may be reached by the world: rules are or may be loaded by iptables-legacy, which cannot be seen", o.ports, o.program)
		return r
	}
	r.Detail = fmt.Sprintf("%v of %s may be reached by the world: a rule that is not understood decides", o.ports, o.program)
	if len(chains) > 0 {
		slices.Sort(chains)
		r.Detail += fmt.Sprintf(" (chain %s)", someOf(chains))
	}
	return r
}

// opened is the socket's port.
func (l hostSocket) opened() opened {
	one := portsOf(int(l.port))
	if l.udp {
		return opened{udp: one}
	}
	return opened{tcp: one}
}

// noteOffender adds a port to those of its program, and keeps the programs in order.
func noteOffender(all []offender, program string, ports opened) []offender {
	for i := range all {
		if all[i].program == program {
			all[i].ports = all[i].ports.with(ports)
			return all
		}
	}
	all = append(all, offender{program, ports})
	slices.SortFunc(all, func(a, b offender) int { return cmp.Compare(a.program, b.program) })
	return all
}

// hasUFW tells whether ufw's rules are loaded.
func (rs *nftRuleset) hasUFW() bool {
	return rs.chains[nftName{nftTable{unix.NFPROTO_IPV4, "filter"}, "ufw-user-input"}] != nil
}
