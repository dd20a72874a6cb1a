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

// TestResultBuilder_Unnamed: a fault without an offender is known as such, in any order of the calls.
func TestResultBuilder_Unnamed(t *testing.T) {
	o := Offender{ID: "a"}
	for name, tt := range map[string]struct {
		build   func(f *ResultBuilder)
		unnamed bool
	}{
		"before":       {func(f *ResultBuilder) { f.Offend(o); f.Fail(ReasonOpen, "x") }, false},
		"after":        {func(f *ResultBuilder) { f.Fail(ReasonOpen, "x"); f.Offend(o, o) }, false},
		"within":       {func(f *ResultBuilder) { f.Add(Failed(ReasonOpen, "x").About(o)) }, false},
		"none":         {func(f *ResultBuilder) { f.Fail(ReasonOpen, "x") }, true},
		"one of two":   {func(f *ResultBuilder) { f.Offend(o); f.Fail(ReasonOpen, "x"); f.Fail(ReasonOpen, "y") }, true},
		"the second":   {func(f *ResultBuilder) { f.Fail(ReasonOpen, "x"); f.Offend(o); f.Warn(ReasonOpen, "y") }, true},
		"an empty one": {func(f *ResultBuilder) { f.Offend(); f.Fail(ReasonOpen, "x") }, true},
	} {
		var f ResultBuilder
		tt.build(&f)
		if r := f.Result("fine"); r.Unnamed != tt.unnamed {
			t.Errorf("%s: unnamed is %v", name, r.Unnamed)
		}
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
