package probe

import (
	"math/rand/v2"
	"testing"
)

// TestPortSet holds the sets to what a list of all ports says.
func TestPortSet(t *testing.T) {
	const top = 40
	random := func() (portSet, [top]bool) {
		var s portSet
		var in [top]bool
		for range rand.IntN(5) {
			first := rand.IntN(top)
			last := min(top-1, first+rand.IntN(8))
			s = append(s, portRange{first, last})
			for p := first; p <= last; p++ {
				in[p] = true
			}
		}
		return s.sorted(), in
	}
	for range 3000 {
		a, inA := random()
		b, inB := random()
		with, without := a.with(b), a.without(b)
		n := 0
		for p := range top {
			if a.has(p) != inA[p] || with.has(p) != (inA[p] || inB[p]) || without.has(p) != (inA[p] && !inB[p]) {
				t.Fatalf("port %d of %v and %v: with %v, without %v", p, a, b, with, without)
			}
			if inA[p] {
				n++
			}
		}
		if a.count() != n {
			t.Fatalf("%v has %d ports, not %d", a, n, a.count())
		}
		for i := 1; i < len(with); i++ {
			if with[i].first <= with[i-1].last+1 {
				t.Fatalf("%v is not in order or not joined", with)
			}
		}
	}
}

func TestOpenedSays(t *testing.T) {
	for want, o := range map[string]opened{
		"":                                       {},
		"22/tcp":                                 {tcp: portsOf(22)},
		"53/udp":                                 {udp: portsOf(53)},
		"5432 (tcp and udp)":                     {tcp: portsOf(5432), udp: portsOf(5432)},
		"53 (tcp and udp) and 80, 8000-8001/tcp": {tcp: portsOf(8001, 8000, 80, 53), udp: portsOf(53)},
	} {
		if o.String() != want {
			t.Errorf("%q, want %q", o.String(), want)
		}
	}
}
