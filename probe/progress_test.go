package probe

import "testing"

func TestProgress(t *testing.T) {
	for p, want := range map[Progress]string{
		{Done: 0, What: "commits"}:                 "0 commits",
		{Done: 999, What: "commits"}:               "999 commits",
		{Done: 1000, Most: 1234567, What: "bytes"}: "1,000 of at most 1,234,567 bytes",
		{Done: 9, Most: 8, What: "files"}:          "9 of at most 9 files",
		{Done: 100000, What: "x"}:                  "100,000 x",
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	SetProgress(t.Context(), Progress{}) // nobody watches
}
