package history

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a state directory with a clock and a log.
type world struct {
	dir string
	now time.Time
	log bytes.Buffer
}

func (w *world) store() *Store {
	return NewStore(w.dir, func() time.Time { return w.now }, func() *slog.Logger { return slog.New(slog.NewTextHandler(&w.log, nil)) })
}

func (w *world) keeper(t *testing.T) *Keeper {
	t.Helper()
	s := w.store()
	t.Cleanup(s.Close)
	k, err := s.Keeper("", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// verdict is a verdict of one probe.
func verdict(item string, state probe.State, reason probe.Reason, ran time.Time) checklist.Verdict {
	return checklist.Verdict{
		Item: &checklist.Item{Category: "c", Name: item}, State: state, Reason: reason,
		Outcomes: []checklist.Outcome{{Result: probe.Result{State: state, Reason: reason}, LastRun: ran}},
	}
}

func report(at time.Time, verdicts ...checklist.Verdict) *collector.Report {
	return &collector.Report{Time: at, Verdicts: verdicts}
}

// After a restart, items whose first run has not ended keep their state, and so do items that depend on them.
func TestKeeper_FirstRuns(t *testing.T) {
	w := &world{dir: t.TempDir(), now: noon}
	k := w.keeper(t)
	k.Observe(report(noon, verdict("slow", probe.StatePass, "", noon), verdict("derived", probe.StatePass, "", noon), verdict("other", probe.StatePass, "", noon)))
	later := noon.Add(5 * time.Minute)
	k.Observe(report(later, verdict("slow", probe.StateUnknown, probe.ReasonInProgress, time.Time{}),
		verdict("derived", probe.StateUnknown, probe.ReasonBlocked, later), verdict("other", probe.StateUnknown, probe.ReasonUnreachable, later)))
	w.now = later
	past := k.Past()
	for item, since := range map[string]time.Time{"c/slow": noon, "c/derived": noon, "c/other": later} {
		if got := past.Items[item].Since; !got.Equal(since) {
			t.Errorf("%s since %v, want %v", item, got, since)
		}
	}
	// A run that never ends is not forgotten for ever: its timeout is an outcome.
	k.Observe(report(later, verdict("slow", probe.StateUnknown, probe.ReasonTimeout, later), verdict("derived", probe.StateUnknown, probe.ReasonBlocked, later)))
	if got := k.Past().Items["c/derived"].Since; !got.Equal(later) {
		t.Errorf("derived since %v", got)
	}
}

func TestKeeper_Past(t *testing.T) {
	w := &world{dir: t.TempDir(), now: noon}
	k := w.keeper(t)
	for i := range 61 {
		v := verdict("a", probe.StatePass, "", noon)
		if i >= 20 && i < 50 {
			v = verdict("a", probe.StateFail, probe.ReasonWeak, noon)
		}
		k.Observe(report(noon.Add(time.Duration(i)*time.Minute), v))
	}
	partial := report(noon.Add(61*time.Minute), verdict("a", probe.StateFail, probe.ReasonWeak, noon))
	partial.Selection = collector.Selection{Categories: []string{"c"}}
	k.Observe(partial) // says nothing about the rest
	w.now = noon.Add(time.Hour)
	past := k.Past()
	it := past.Items["c/a"]
	if it.Day.NotReady != 30*time.Minute || it.Month.NotReady != 30*time.Minute || it.Day.Watched != time.Hour || !it.Exact || !it.Since.Equal(noon.Add(50*time.Minute)) {
		t.Errorf("%+v", it)
	}
	if !past.First.Equal(noon) || !past.Last.Equal(noon.Add(time.Hour)) || len(past.Notes) > 0 {
		t.Errorf("%+v", past)
	}
	if got := len(k.History("c/a", noon, w.now)); got != 3 {
		t.Errorf("%d spans", got)
	}
}

// The directory may not be in the deployment's folder, by whichever path.
func TestStore_NotInTheDeployment(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "dep")
	if err := os.MkdirAll(filepath.Join(root, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "sub"), filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	for dir, refused := range map[string]bool{
		root: true, filepath.Join(root, "new/below"): true, filepath.Join(base, "link"): true, filepath.Join(base, "link/new"): true,
		filepath.Join(base, "dep-state"): false, filepath.Join(base, "other"): false,
	} {
		w := &world{dir: dir, now: noon}
		s := w.store()
		if _, err := s.Keeper("", root); (err != nil) != refused {
			t.Errorf("%s: %v", dir, err)
		}
		s.Close()
	}
	var none *Store
	k, err := none.Keeper("", root)
	if k != nil || err != nil || k.Past() != nil {
		t.Error("a nil store keeps something")
	}
	k.Observe(report(noon))
	none.Close()
}

// A directory that cannot be written is logged once, and everything else works.
func TestKeeper_BadDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{dir: filepath.Join(file, "below"), now: noon}
	k := w.keeper(t)
	for range 3 {
		k.Observe(report(noon, verdict("a", probe.StatePass, "", noon)))
	}
	if first := k.First("x", noon); !first.Equal(noon) {
		t.Error(first)
	}
	k.Forget("x")
	if p := k.Past(); p == nil || len(p.Notes) != 1 {
		t.Errorf("%+v", p)
	}
	if n := strings.Count(w.log.String(), "history of verdicts"); n != 1 {
		t.Errorf("%d log lines: %s", n, w.log.String())
	}
}
