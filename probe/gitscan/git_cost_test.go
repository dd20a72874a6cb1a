package gitscan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestGitSecrets_CheapWhenUnchanged compares CPU times within one run, so that the machine's speed does not matter. A
// scrape does not even get this far while nothing has changed and max_age has not passed (Key).
func TestGitSecrets_CheapWhenUnchanged(t *testing.T) {
	r := parts.GitRepo(t)
	// Keywords of rules trigger the full search; none of them is a secret.
	var lines strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&lines, "setting_%d = \"the token, password, secret or api key number %d is read from a file\"\n", i, i)
	}
	for i := range 30 {
		r.Commit(t, fmt.Sprint(i), map[string]string{fmt.Sprintf("part%d/settings.conf", i): fmt.Sprintf("# %d\n", i) + lines.String()})
	}
	p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
	pr := probetest.Load(t, SecretsKind(), "{}")
	cost := func(times int) time.Duration {
		before := probetest.ProcessorTime(t)
		for range times {
			probetest.Expect(t, probe.Run(t.Context(), pr, probetest.Again(p)), probe.StatePass, probe.ReasonNone, "no secret in 30 commits")
		}
		return (probetest.ProcessorTime(t) - before) / time.Duration(times)
	}
	first, second := cost(1), cost(10)
	t.Logf("first %v, then %v: %.2f %%", first, second, 100*float64(second)/float64(first))
	if second*50 > first {
		t.Errorf("second pass took %v, first %v: more than 2 %%", second, first)
	}
	// The cost is proportional to the new commits: only they are read.
	r.Commit(t, "one more", map[string]string{"more.conf": lines.String()})
	most := 0
	ctx := probe.WithProgress(t.Context(), func(p probe.Progress) { most = max(most, p.Most) })
	probetest.Expect(t, probe.Run(ctx, pr, probetest.Again(p)), probe.StatePass, probe.ReasonNone, "no secret in 31 commits")
	if most != 1 {
		t.Errorf("%d commits were read for one new commit", most)
	}
}
