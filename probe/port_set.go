package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Sets of ports, for the firewall and listener probes.

const (
	maxPort = 65535
	portSSH = 22
)

// portRange is one port, or all from first to last.
type portRange struct{ first, last int }

// portSet is a set of ports: sorted, disjoint, non-adjacent ranges. The zero value is the empty set; sets are
// immutable.
type portSet []portRange

// portsOf returns the set of the given ports.
func portsOf(ports ...int) portSet {
	var s portSet
	for _, p := range ports {
		s = append(s, portRange{p, p})
	}
	return s.sorted()
}

func (s portSet) sorted() portSet {
	sorted := slices.SortedFunc(slices.Values(s), func(a, b portRange) int { return cmp.Compare(a.first, b.first) })
	var out portSet
	for _, r := range sorted {
		switch last := len(out) - 1; {
		case r.first > r.last:
		case last >= 0 && r.first <= out[last].last+1:
			out[last].last = max(out[last].last, r.last)
		default:
			out = append(out, r)
		}
	}
	return out
}

// with returns the union of two sets.
func (s portSet) with(other portSet) portSet { return append(slices.Clone(s), other...).sorted() }

// without returns the ports of s that are not in other.
func (s portSet) without(other portSet) portSet {
	var out portSet
	for _, r := range s {
		for _, o := range other {
			if o.last < r.first || o.first > r.last {
				continue
			}
			if o.first > r.first {
				out = append(out, portRange{r.first, o.first - 1})
			}
			r.first = o.last + 1
		}
		if r.first <= r.last {
			out = append(out, r)
		}
	}
	return out
}

// has reports whether a port is in the set.
func (s portSet) has(port int) bool {
	return slices.ContainsFunc(s, func(r portRange) bool { return r.first <= port && port <= r.last })
}

// count returns the number of ports.
func (s portSet) count() int {
	n := 0
	for _, r := range s {
		n += r.last - r.first + 1
	}
	return n
}

// String lists the ports: "22, 8000-8010".
func (s portSet) String() string {
	var parts []string
	for _, r := range s {
		if r.first == r.last {
			parts = append(parts, strconv.Itoa(r.first))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", r.first, r.last))
		}
	}
	return someOf(parts)
}

// opened are open ports by protocol.
type opened struct{ tcp, udp portSet }

func (o opened) with(other opened) opened {
	return opened{o.tcp.with(other.tcp), o.udp.with(other.udp)}
}

func (o opened) without(other opened) opened {
	return opened{o.tcp.without(other.tcp), o.udp.without(other.udp)}
}

func (o opened) empty() bool { return len(o.tcp) == 0 && len(o.udp) == 0 }

// numbers returns the ports of either protocol.
func (o opened) numbers() portSet { return o.tcp.with(o.udp) }

// String lists the ports with their protocols: "22, 443/tcp and 443/udp"; ports open for both come first.
func (o opened) String() string {
	both := o.tcp.without(o.tcp.without(o.udp))
	var parts []string
	for _, part := range []struct {
		ports    portSet
		protocol string
	}{{both, " (tcp and udp)"}, {o.tcp.without(both), "/tcp"}, {o.udp.without(both), "/udp"}} {
		if len(part.ports) > 0 {
			parts = append(parts, part.ports.String()+part.protocol)
		}
	}
	return strings.Join(parts, " and ")
}

// portPolicy is the part of a spec that lists the allowed ports.
type portPolicy struct {
	Allowed []int `yaml:"allowed" default:"[80, 443]" doc:"ports, TCP or UDP, that may be reached from outside, in addition to deployment.firewall.allowed"`
}

// standardPorts are the web ports.
func standardPorts() portPolicy { return portPolicy{Allowed: []int{80, 443}} }

func (s *portPolicy) wrong() []error {
	for _, p := range s.Allowed {
		if p < 1 || p > maxPort {
			return []error{fmt.Errorf("allowed: %d is not a port", p)}
		}
	}
	return nil
}

// beyond returns the opened ports that are not allowed.
func (s *portPolicy) beyond(o opened, alsoAllowed []int) opened {
	allowed := portsOf(s.Allowed...).with(portsOf(alsoAllowed...))
	return o.without(opened{allowed, allowed})
}

// tell reports open ports that are not allowed. SSH is a warning, since hosts are administered through it; all others
// fail. Format has one verb, for the ports.
func (o opened) tell(f *Findings, format string, args ...any) {
	ssh := opened{tcp: portsOf(portSSH), udp: portsOf(portSSH)}
	rest := o.without(ssh)
	if !rest.empty() {
		f.Fail(ReasonExposed, format, append([]any{rest}, args...)...)
	}
	if in := o.without(rest); !in.empty() {
		f.Warn(ReasonExposed, format+": restrict it to known addresses, or add 22 to deployment.firewall.allowed", append([]any{in}, args...)...)
	}
}
