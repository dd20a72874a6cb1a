package probe

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

type fixedProbe struct{ result Result }

func (f fixedProbe) Probe(context.Context, *Pass) (Result, error) { return f.result, nil }

func TestResultBuilder_KeepsOffenders(t *testing.T) {
	var f ResultBuilder
	f.Add(Passed("fine"))
	if r := f.Result("fine"); r.Offenders != nil {
		t.Errorf("a pass has offenders: %+v", r.Offenders)
	}
	f.Warn(ReasonWeak, "weak")
	f.Offend(Offender{ID: "a:weak"})
	f.Add(Failed(ReasonOpen, "open").About(Offender{ID: "b:open", File: "b.yml", Line: 3}))
	want := []Offender{{ID: "a:weak"}, {ID: "b:open", File: "b.yml", Line: 3}}
	if r := f.Result("fine"); r.State != StateFail || !slices.Equal(r.Offenders, want) {
		t.Errorf("%+v", r)
	}
}

func TestRun_TidiesOffenders(t *testing.T) {
	root := t.TempDir()
	p := NewPass(NewDeps(slog.New(slog.DiscardHandler), "test"), &deployment.Deployment{Settings: deployment.Settings{Root: root}})
	offenders := []Offender{{"z", "b.yml", 2}, {"x\x1b[0m", root + "/a.yml", 9}, {"y", "b.yml", 1}, {"z", "b.yml", 2}, {"w", "", 0}}
	got := Run(t.Context(), fixedProbe{Failed(ReasonOpen, "open").About(offenders...)}, p).Offenders
	if len(got) != 4 || got[0].ID != "w" || got[1].File != "a.yml" || got[1].ID == offenders[1].ID || got[2].ID != "y" || got[3].ID != "z" {
		t.Errorf("%+v", got)
	}
	for _, r := range []Result{Passed("fine"), Pending(ReasonStale, "later"), {State: StateUnknown, Reason: ReasonError}} {
		if got := Run(t.Context(), fixedProbe{r.About(offenders...)}, p); got.Offenders != nil {
			t.Errorf("%v has offenders: %+v", got.State, got.Offenders)
		}
	}
}
