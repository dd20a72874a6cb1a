//go:build long

package alerts

import "testing"

// TestLongMutantsAlone puts every mutant in the place of its rule, in a run of its own: what a litter says of it must be so.
func TestLongMutantsAlone(t *testing.T) {
	h, all := newHunt(t)
	witnesses := readWitnesses(t, h.scenarios, all)
	for rule := range witnesses {
		for i := range witnesses[rule] {
			witnesses[rule][i].alone = true
		}
	}
	h.confirm(all, witnesses)
	for _, m := range h.left(all) {
		t.Errorf("%s: nobody notices", m.name)
	}
}
