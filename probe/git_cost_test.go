package probe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// processorTime returns the CPU time of this process and its finished child processes.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

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
	p := newPass(t, nil, deployment.Settings{Root: r.Dir})
	pr := load(t, gitSecretsKind(), "{}")
	cost := func(times int) time.Duration {
		before := processorTime(t)
		for range times {
			expect(t, Look(t.Context(), pr, again(p)), StatePass, ReasonNone, "no secret in 30 commits")
		}
		return (processorTime(t) - before) / time.Duration(times)
	}
	first, second := cost(1), cost(10)
	t.Logf("first %v, then %v: %.2f %%", first, second, 100*float64(second)/float64(first))
	if second*50 > first {
		t.Errorf("second pass took %v, first %v: more than 2 %%", second, first)
	}
	// The cost is proportional to the new commits.
	r.Commit(t, "one more", map[string]string{"more.conf": lines.String()})
	before := processorTime(t)
	expect(t, Look(t.Context(), pr, again(p)), StatePass, ReasonNone, "no secret in 31 commits")
	if took := processorTime(t) - before; took*4 > first {
		t.Errorf("one new commit of 31 took %v, all of them %v", took, first)
	}
}
