// Package portset holds sets of ports and the policy that says which may be exposed.
package portset

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Sets of ports, for the firewall and listener probes.

const (
	MaxPort = 65535
	SSH     = 22
)

// Range is one port, or all from first to last.
type Range struct{ First, Last int }

// Set is a set of ports: sorted, disjoint, non-adjacent ranges. The zero value is the empty set; sets are
// immutable.
type Set []Range

// Of returns the set of the given ports.
func Of(ports ...int) Set {
	var s Set
	for _, p := range ports {
		s = append(s, Range{p, p})
	}
	return s.Sorted()
}

func (s Set) Sorted() Set {
	sorted := slices.SortedFunc(slices.Values(s), func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	var out Set
	for _, r := range sorted {
		switch last := len(out) - 1; {
		case r.First > r.Last:
		case last >= 0 && r.First <= out[last].Last+1:
			out[last].Last = max(out[last].Last, r.Last)
		default:
			out = append(out, r)
		}
	}
	return out
}

// With returns the union of two sets.
func (s Set) With(other Set) Set { return append(slices.Clone(s), other...).Sorted() }

// without returns the ports of s that are not in other.
func (s Set) without(other Set) Set {
	var out Set
	for _, r := range s {
		for _, o := range other {
			if o.Last < r.First || o.First > r.Last {
				continue
			}
			if o.First > r.First {
				out = append(out, Range{r.First, o.First - 1})
			}
			r.First = o.Last + 1
		}
		if r.First <= r.Last {
			out = append(out, r)
		}
	}
	return out
}

// Has reports whether a port is in the set.
func (s Set) Has(port int) bool {
	return slices.ContainsFunc(s, func(r Range) bool { return r.First <= port && port <= r.Last })
}

// Count returns the number of ports.
func (s Set) Count() int {
	n := 0
	for _, r := range s {
		n += r.Last - r.First + 1
	}
	return n
}

// String lists the ports: "22, 8000-8010".
func (s Set) String() string {
	var parts []string
	for _, r := range s {
		if r.First == r.Last {
			parts = append(parts, strconv.Itoa(r.First))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", r.First, r.Last))
		}
	}
	return phrase.List(parts)
}

// Opened are open ports by protocol.
type Opened struct{ TCP, UDP Set }

func (o Opened) With(other Opened) Opened {
	return Opened{o.TCP.With(other.TCP), o.UDP.With(other.UDP)}
}

func (o Opened) Without(other Opened) Opened {
	return Opened{o.TCP.without(other.TCP), o.UDP.without(other.UDP)}
}

func (o Opened) Empty() bool { return len(o.TCP) == 0 && len(o.UDP) == 0 }

// Numbers returns the ports of either protocol.
func (o Opened) Numbers() Set { return o.TCP.With(o.UDP) }

// String lists the ports with their protocols: "22, 443/tcp and 443/udp"; ports open for both come first.
func (o Opened) String() string {
	both := o.TCP.without(o.TCP.without(o.UDP))
	var parts []string
	for _, part := range []struct {
		ports    Set
		protocol string
	}{{both, " (tcp and udp)"}, {o.TCP.without(both), "/tcp"}, {o.UDP.without(both), "/udp"}} {
		if len(part.ports) > 0 {
			parts = append(parts, part.ports.String()+part.protocol)
		}
	}
	return strings.Join(parts, " and ")
}

// Offenders are the ports of a program or service, a range each.
func (o Opened) Offenders(of probe.Offender) []probe.Offender {
	var out []probe.Offender
	for _, part := range []struct {
		ports    Set
		protocol string
	}{{o.TCP, "/tcp"}, {o.UDP, "/udp"}} {
		for _, r := range part.ports {
			out = append(out, probe.Offender{ID: of.ID + ":" + Set{r}.String() + part.protocol, File: of.File, Line: of.Line})
		}
	}
	return out
}

// Policy is the part of a spec that lists the allowed ports.
type Policy struct {
	Allowed []int `yaml:"allowed" default:"[80, 443]" doc:"ports, TCP or UDP, that may be reached from outside, in addition to deployment.firewall.allowed"`
}

// StandardPolicy are the web ports.
func StandardPolicy() Policy { return Policy{Allowed: []int{80, 443}} }

func (s *Policy) Wrong() []error {
	for _, p := range s.Allowed {
		if p < 1 || p > MaxPort {
			return []error{fmt.Errorf("allowed: %d is not a port", p)}
		}
	}
	return nil
}

// Beyond returns the opened ports that are not allowed.
func (s *Policy) Beyond(o Opened, alsoAllowed []int) Opened {
	allowed := Of(s.Allowed...).With(Of(alsoAllowed...))
	return o.Without(Opened{allowed, allowed})
}

// Tell reports open ports that are not allowed. SSH is a warning, since hosts are administered through it; all others
// fail. Format has one verb, for the ports. Of is what opens them.
func (o Opened) Tell(f *probe.ResultBuilder, of probe.Offender, format string, args ...any) {
	ssh := Opened{TCP: Of(SSH), UDP: Of(SSH)}
	rest := o.Without(ssh)
	if !rest.Empty() {
		f.Offend(rest.Offenders(of)...)
		f.Fail(probe.ReasonExposed, format, append([]any{rest}, args...)...)
	}
	if in := o.Without(rest); !in.Empty() {
		f.Offend(in.Offenders(of)...)
		f.Warn(probe.ReasonExposed, format+": restrict it to known addresses, or add 22 to deployment.firewall.allowed", append([]any{in}, args...)...)
	}
}

var ExposedPorts = &probe.Value{Name: "catalyst_exposed_ports", Help: "Ports reachable from outside that are not in the allowed set.", Labels: nil}
