package probe

import (
	"slices"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

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
	TellProgress(t.Context(), Progress{}) // nobody watches
}

// TestGitSecretsTellsItsProgress over all of a history, then over what is new alone.
func TestGitSecretsTellsItsProgress(t *testing.T) {
	r := parts.GitRepo(t)
	r.Commit(t, "1", map[string]string{"a": "1\n"})
	r.Commit(t, "2", map[string]string{"a": "2\n"})
	r.Commit(t, "adds nothing", nil)
	p := newPass(t, nil, deployment.Settings{Root: r.Dir})
	scan := func() []string {
		var told []string
		ctx := Watched(t.Context(), func(p Progress) { told = append(told, p.String()) })
		expect(t, Look(ctx, load(t, gitSecretsKind(), "{}"), again(p)), StatePass, ReasonNone, "no secret")
		return told
	}
	if got := scan(); !slices.Equal(got, []string{"0 of at most 3 commits read", "1 of at most 3 commits read", "2 of at most 3 commits read"}) {
		t.Errorf("of all %q", got)
	}
	r.Commit(t, "3", map[string]string{"a": "3\n"})
	if got := scan(); !slices.Equal(got, []string{"0 of at most 1 commits read", "1 of at most 1 commits read"}) {
		t.Errorf("of what is new %q", got)
	}
	if got := scan(); got != nil {
		t.Errorf("of nothing new %q", got)
	}
}
