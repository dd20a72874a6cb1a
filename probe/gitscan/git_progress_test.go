package gitscan

import (
	"slices"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestGitSecretsTellsItsProgress over all of a history, then over what is new alone.
func TestGitSecretsTellsItsProgress(t *testing.T) {
	r := parts.GitRepo(t)
	r.Commit(t, "1", map[string]string{"a": "1\n"})
	r.Commit(t, "2", map[string]string{"a": "2\n"})
	r.Commit(t, "adds nothing", nil)
	p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
	scan := func() []string {
		var told []string
		ctx := probe.WithProgress(t.Context(), func(p probe.Progress) { told = append(told, p.String()) })
		probetest.Expect(t, probe.Run(ctx, probetest.Load(t, SecretsKind(), "{}"), probetest.Again(p)), probe.StatePass, probe.ReasonNone, "no secret")
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
