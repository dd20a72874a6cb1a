package probe

import "testing"

// The list of reasons is closed, without duplicates.
func TestReasons_Closed(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if r == ReasonNone || seen[r] {
			t.Errorf("%q is listed twice or empty", r)
		}
		seen[r] = true
	}
	if len(seen) != 35 {
		t.Errorf("%d reasons, want 35", len(seen))
	}
}
