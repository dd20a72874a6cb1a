package portset

import (
	"math/rand/v2"
	"testing"
)

// TestPortSet holds the sets to what a list of all ports says.
func TestPortSet(t *testing.T) {
	const top = 40
	random := func() (Set, [top]bool) {
		var s Set
		var in [top]bool
		for range rand.IntN(5) {
			first := rand.IntN(top)
			last := min(top-1, first+rand.IntN(8))
			s = append(s, Range{first, last})
			for p := first; p <= last; p++ {
				in[p] = true
			}
		}
		return s.Sorted(), in
	}
	for range 3000 {
		a, inA := random()
		b, inB := random()
		with, without := a.With(b), a.without(b)
		n := 0
		for p := range top {
			if a.Has(p) != inA[p] || with.Has(p) != (inA[p] || inB[p]) || without.Has(p) != (inA[p] && !inB[p]) {
				t.Fatalf("port %d of %v and %v: with %v, without %v", p, a, b, with, without)
			}
			if inA[p] {
				n++
			}
		}
		if a.Count() != n {
			t.Fatalf("%v has %d ports, not %d", a, n, a.Count())
		}
		for i := 1; i < len(with); i++ {
			if with[i].First <= with[i-1].Last+1 {
				t.Fatalf("%v is not in order or not joined", with)
			}
		}
	}
}

func TestOpenedSays(t *testing.T) {
	for want, o := range map[string]Opened{
		"":                                       {},
		"22/tcp":                                 {TCP: Of(22)},
		"53/udp":                                 {UDP: Of(53)},
		"5432 (tcp and udp)":                     {TCP: Of(5432), UDP: Of(5432)},
		"53 (tcp and udp) and 80, 8000-8001/tcp": {TCP: Of(8001, 8000, 80, 53), UDP: Of(53)},
	} {
		if o.String() != want {
			t.Errorf("%q, want %q", o.String(), want)
		}
	}
}
