package record_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/exporter/record"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestMain(m *testing.M) { parts.Main(m) }

// report has one item of the gate, one that freezes at the record, and one that is neither.
func report() (*collector.Report, *checklist.Gate) {
	gated := &checklist.Item{Category: "data", Name: "backup"}
	frozen := &checklist.Item{Category: "team", Name: "briefing", Freeze: checklist.Freeze{AtRecord: true}}
	other := &checklist.Item{Category: "team", Name: "runbook"}
	return &collector.Report{Verdicts: []checklist.Verdict{
		{Item: gated, State: probe.StateUnknown, Reason: probe.ReasonTimeout, Detail: "no response"},
		{Item: frozen, State: probe.StatePass, Detail: "signed"},
		{Item: other, State: probe.StateFail, Reason: probe.ReasonMissing},
	}}, &checklist.Gate{Items: []*checklist.Item{gated}}
}

// TestVerdicts keeps what the gate and the freeze need. Without a plan, a sign-off cannot have been given for the release.
func TestVerdicts(t *testing.T) {
	r, gate := report()
	for _, unplanned := range []bool{false, true} {
		var got []string
		for _, v := range record.Verdicts(r, gate, unplanned) {
			got = append(got, v.Item+" "+v.State)
		}
		want := []string{"data/backup unknown", "team/briefing pass"}
		if unplanned {
			want[1] = "team/briefing fail"
		}
		if !slices.Equal(got, want) {
			t.Errorf("unplanned %v: %v, want %v", unplanned, got, want)
		}
	}
	if got := record.NotJudged(record.Verdicts(r, gate, false)); !slices.Equal(got, []string{"data/backup"}) {
		t.Errorf("not judged: %v", got)
	}
}

// TestAccept records who accepted what: waivers in force, optional sign-offs and overdue tasks.
func TestAccept(t *testing.T) {
	r, _ := report()
	until := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	waived := &r.Verdicts[2]
	waived.Waived = true
	waived.Item.Waiver = &checklist.Waiver{By: "a@example.org", Reason: "moved", Expires: until}
	r.Verdicts[0].Reason = probe.ReasonOverdue
	var to attest.Record
	record.Accept(&to, r)
	if len(to.Waivers) != 1 || to.Waivers[0] != (attest.Waiver{Item: "team/runbook", By: "a@example.org", Reason: "moved", Expires: until}) {
		t.Errorf("waivers: %+v", to.Waivers)
	}
	if !slices.Equal(to.Overdue, []string{"data/backup"}) {
		t.Errorf("overdue: %v", to.Overdue)
	}
}

// TestFreezer appends final verdicts once they are due, and logs once that it cannot.
func TestFreezer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "releases")
	chain, err := attest.OpenChain(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	release := attest.ReleaseID{Version: "1.5.0", Commit: strings.Repeat("a", 40)}
	if _, err := chain.Append(attest.Record{Phase: attest.PhaseRecorded, At: at, By: "a@example.org", Release: release, Unplanned: true}, false); err != nil {
		t.Fatal(err)
	}
	r := &collector.Report{Time: at.Add(time.Hour), Recorded: chain.Recorded()}
	var log bytes.Buffer
	f := record.NewFreezer(dir, slog.New(slog.NewTextHandler(&log, nil)))
	if f.Freeze(r); log.Len() > 0 {
		t.Errorf("nothing was due: %s", log.String())
	}
	r.DueForFreeze = []attest.Verdict{{Item: "data/backup", State: "pass"}}
	f.Freeze(r)
	chain, err = attest.OpenChain(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := chain.Frozen(1, "data/backup"); !ok || v.State != "pass" {
		t.Errorf("not frozen: %+v, log %s", v, log.String())
	}

	notAFolder := filepath.Join(t.TempDir(), "releases")
	if err := os.WriteFile(notAFolder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	log.Reset()
	f = record.NewFreezer(notAFolder, slog.New(slog.NewTextHandler(&log, nil)))
	f.Freeze(r)
	f.Freeze(r)
	if strings.Count(log.String(), "cannot be frozen") != 1 {
		t.Errorf("log: %s", log.String())
	}
}

// TestFullCommit completes an abbreviated commit from the application's clone, and refuses one that is not there.
func TestFullCommit(t *testing.T) {
	parts.Need(t, "git")
	repository := parts.GitRepo(t)
	commit := repository.Commit(t, "Start", map[string]string{"a": "b"})
	d := &deployment.Deployment{Settings: deployment.Settings{Root: repository.Dir, Source: repository.Dir}}
	full, resolved, err := record.FullCommit(t.Context(), d, commit[:8])
	if err != nil || !resolved || full != commit {
		t.Errorf("%s %v %v, want %s", full, resolved, err, commit)
	}
	if _, _, err := record.FullCommit(t.Context(), d, strings.Repeat("0", 40)); !errors.Is(err, record.ErrCommit) {
		t.Errorf("a commit that is not there: %v", err)
	}
	d.Source = ""
	if full, resolved, err := record.FullCommit(t.Context(), d, "abc1234"); full != "abc1234" || resolved || err != nil {
		t.Errorf("without a clone: %s %v %v", full, resolved, err)
	}
}
