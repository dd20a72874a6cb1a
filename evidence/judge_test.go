package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

// TestJudge_OutsideFacts checks every good report of every format against facts from outside: age, commit, exit status,
// seal.
func TestJudge_OutsideFacts(t *testing.T) {
	day := 24 * time.Hour
	status := func(n int) *int { return &n }
	for _, tt := range []struct {
		name   string
		change func(e *Evidence, p *Policy)
		state  State
		reason report.Reason
		detail string
	}{
		{"as it is", func(e *Evidence, p *Policy) {}, Pass, "", ""},
		{"no commit wanted", func(e *Evidence, p *Policy) { p.Commit = "" }, Warn, report.Weak, "current commit is unknown"},
		{"no commit said", func(e *Evidence, p *Policy) { e.Commit = "" }, Warn, report.Weak, "commit of the report is unknown"},
		{"no commit said, newer than the commit", func(e *Evidence, p *Policy) { e.Commit = ""; p.CommitTime = e.Taken.Add(-time.Hour) }, Warn, report.Weak, "commit of the report is unknown"},
		{"no commit said, older than the commit", func(e *Evidence, p *Policy) { e.Commit = ""; p.CommitTime = e.Taken.Add(zoneSlack + 1) }, Fail, report.Outdated, "report is older than commit 0123456789ab"},
		{"other commit", func(e *Evidence, p *Policy) { e.Commit = otherCommit }, Fail, report.Outdated, "report is of commit 89abcdef0123, not 0123456789ab: run the pipeline"},
		{"abbreviated", func(e *Evidence, p *Policy) { e.Commit = commit[:7] }, Pass, "", ""},
		{"wanted abbreviated", func(e *Evidence, p *Policy) { p.Commit = commit[:7] }, Pass, "", ""},
		{"too short to tell", func(e *Evidence, p *Policy) { e.Commit = commit[:6] }, Fail, report.Outdated, ""},
		{"in doubt", func(e *Evidence, p *Policy) { e.Conflict = "a says b" }, Fail, report.Mismatch, "a says b"},
		{"just fresh", func(e *Evidence, p *Policy) { p.MaxAge = day; e.Taken = now.Add(-day) }, Pass, "", ""},
		{"just stale", func(e *Evidence, p *Policy) { p.MaxAge = day; e.Taken = now.Add(-day - 1) }, Fail, report.Stale, "report of 2026-11-19 is older than 1 day: run the pipeline again"},
		{"a year old", func(e *Evidence, p *Policy) { e.Taken = now.Add(-365 * day) }, Fail, report.Stale, ""},
		{"no time", func(e *Evidence, p *Policy) { e.Taken = time.Time{} }, Unknown, report.Stale, "report has no date"},
		{"clocks five minutes apart", func(e *Evidence, p *Policy) { e.Taken = now.Add(5 * time.Minute) }, Pass, "", ""},
		{"six minutes ahead", func(e *Evidence, p *Policy) { e.Taken = now.Add(6 * time.Minute) }, Unknown, report.Invalid, "report is dated in the future"},
		{"a zone ahead", func(e *Evidence, p *Policy) { e.Taken = now.Add(14 * time.Hour) }, Unknown, report.Invalid, "report is dated in the future"},
		{"a zone ahead, without zone", func(e *Evidence, p *Policy) {
			e.Taken = now.Add(14 * time.Hour)
			e.Report.Time, e.Report.Zoneless = e.Taken, true
		}, Warn, report.Weak, "which has no zone and is in the future in UTC"},
		{"beyond all zones, without zone", func(e *Evidence, p *Policy) {
			e.Taken = now.Add(15 * time.Hour)
			e.Report.Time, e.Report.Zoneless = e.Taken, true
		}, Unknown, report.Invalid, "report is dated in the future"},
		{"without zone, and dated by its record", func(e *Evidence, p *Policy) {
			e.Taken = now.Add(2 * time.Hour)
			e.Report.Time, e.Report.Zoneless = now, true
		}, Unknown, report.Invalid, "report is dated in the future"},
		{"in the future", func(e *Evidence, p *Policy) { e.Taken = now.Add(day) }, Unknown, report.Invalid, "report is dated in the future (2026-11-21 12:00:00 UTC)"},
		{"ended well", func(e *Evidence, p *Policy) { e.Exit = status(0) }, Pass, "", ""},
		{"ended badly", func(e *Evidence, p *Policy) { e.Exit = status(137) }, Unknown, report.Failed, "tool ended with status 137, which the report does not explain"},
		{"sealed", func(e *Evidence, p *Policy) { e.Seal = SealIntact }, Pass, "", ""},
		{"seal broken", func(e *Evidence, p *Policy) { e.Seal = SealBroken }, Unknown, report.Truncated, "size or digest differs from report.meta.yaml"},
		{"no report", func(e *Evidence, p *Policy) { e.Name = "" }, Fail, report.Missing, "no report found"},
		{"stale and of another commit", func(e *Evidence, p *Policy) { e.Commit = otherCommit; e.Taken = now.Add(-365 * day) }, Fail, report.Outdated, "older than"},
		{"stale and seal broken", func(e *Evidence, p *Policy) { e.Seal = SealBroken; e.Taken = now.Add(-365 * day) }, Fail, report.Stale, "; size or digest"},
	} {
		for _, ex := range goodReports() {
			e, p := fresh(ex.kind, ex.text), policy
			if ex.exited || ex.sealed {
				e.Exit = status(0)
			}
			if ex.sealed {
				e.Seal = SealIntact
			}
			tt.change(&e, &p)
			v := Judge(e, p)
			if tt.name == "ended badly" && e.Report.Counts.Uncalled > 0 {
				continue // explained
			}
			if tt.name == "seal broken" || !strings.HasPrefix(tt.name, "seal") || !ex.sealed {
				if v.State != tt.state || v.Reason != tt.reason || !strings.Contains(v.Detail, tt.detail) {
					t.Errorf("%s, %s: %s (%s) %s\nwant %s (%s) …%s…", tt.name, ex.name, v.State, v.Reason, v.Detail, tt.state, tt.reason, tt.detail)
				}
			}
		}
	}
}

// TestJudge_Crash: a crashed tool never passes, and an earlier failure remains.
func TestJudge_Crash(t *testing.T) {
	nine := 137
	for _, ex := range goodReports() {
		for _, n := range []int{len(ex.text) / 3, len(ex.text) / 2, len(ex.text) - 2} {
			e := fresh(ex.kind, ex.text[:n])
			e.Exit = &nine
			if v := Judge(e, policy); v.State == Pass || v.State == Warn {
				t.Errorf("%s, dead after %d bytes: %s (%s) %s", ex.name, n, v.State, v.Reason, v.Detail)
			}
		}
	}
}

func TestJudge_Kind(t *testing.T) {
	if v := Judge(Evidence{Name: "x"}, policy); v.State != Unknown {
		t.Errorf("of no kind: %+v", v)
	}
	for _, k := range report.Kinds() {
		if v := Judge(Evidence{Report: report.Report{Kind: k}}, policy); v.State != Fail || v.Reason != report.Missing || !strings.Contains(v.Detail, string(k)) {
			t.Errorf("no report of %s: %+v", k, v)
		}
		// An empty Report never passes.
		if v := Judge(Evidence{Report: report.Report{Kind: k}, Name: "x", Commit: commit, Taken: now}, policy); v.State == Pass && (k == report.Tests || k == report.Coverage || k == report.Load) {
			t.Errorf("a report of %s without content: %+v", k, v)
		}
	}
}

func TestCommits(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{commit, commit, true}, {commit, commit[:7], true}, {commit[:7], commit, true}, {strings.ToUpper(commit), commit, true}, {commit, commit[:6], false}, {commit, otherCommit, false}, {"", "", false}, {commit, "", false}, {"main", "main", false}, {commit, commit + strings.Repeat("0", 24), true}, {commit, commit + strings.Repeat("0", 25), false},
	} {
		if report.SameCommit(tt.a, tt.b) != tt.want {
			t.Errorf("SameCommit(%q, %q) = %v", tt.a, tt.b, !tt.want)
		}
	}
}

func TestCount(t *testing.T) {
	for want, got := range map[string]string{"1 test": report.Count(1, "test"), "2 tests": report.Count(2, "test"), "2 days": report.Count(2, "day"), "0 vulnerabilities": report.Count(0, "vulnerability"), "1 dependency": report.Count(1, "dependency"), "30 days": days(30 * 24 * time.Hour), "36h0m0s": days(36 * time.Hour)} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
