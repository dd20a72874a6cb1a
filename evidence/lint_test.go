package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

func goodLintReports() []example {
	return []example{
		{name: "golangci-lint 1", kind: report.Lint, text: `{"Issues":[],"Report":{"Warnings":[{"Tag":"runner","Text":"The linter 'x' is deprecated"}],"Linters":[{"Name":"errcheck","Enabled":true,"EnabledByDefault":true},{"Name":"gosec"}]}}` + "\n"},
		{name: "golangci-lint 2", kind: report.Lint, text: `{"Issues":null,"Report":{"Linters":[{"Name":"errcheck","Enabled":true}]}}` + "\n0 issues.\n"},
		{name: "SARIF", kind: report.Lint, text: sarifReport(`"results":[]`)},
		{name: "SARIF with exit status", kind: report.Lint, exited: true, text: `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"golangci-lint"}},"results":[]}]}`},
		{name: "checkstyle", kind: report.Lint, text: `<?xml version="1.0"?><checkstyle version="5.0"><file name="a.js"></file></checkstyle>`},
	}
}

// sarifReport is one run of a tool that finished, with what a test adds.
func sarifReport(rest string) string {
	return `{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{"tool":{"driver":{"name":"scan","rules":[
{"id":"R1","defaultConfiguration":{"level":"error"}},{"id":"R2","properties":{"security-severity":"9.8"}}]}},
"invocations":[{"executionSuccessful":true,"endTimeUtc":"2026-11-20T10:00:00Z"}],` + rest + `}]}`
}

func TestGolangci(t *testing.T) {
	text := func(issues, rest string) string { return `{"Issues":` + issues + `,"Report":{` + rest + `}}` }
	const on = `"Linters":[{"Name":"errcheck","Enabled":true},{"Name":"dupl"}]`
	const issue = `{"FromLinter":"errcheck","Text":"Error return value of foo is not checked","Severity":"","SourceLines":["foo(\"hunter2\")"],"Replacement":null,"Pos":{"Filename":"a/b.go","Offset":74,"Line":5,"Column":48},"ExpectNoLint":false}`
	run(t, report.GolangciLint, []example{
		{name: "clean", kind: report.Lint, text: text(`[]`, on), state: Pass, detail: "golangci-lint found nothing", counts: &report.Counts{Audited: 1}},
		{name: "issue", kind: report.Lint, text: text(`[`+issue+`]`, on), state: Fail, reason: report.Threshold, detail: "1 finding: errcheck at a/b.go:5", counts: &report.Counts{Audited: 1, Findings: 1}},
		{name: "many issues", kind: report.Lint, text: text(`[`+strings.Repeat(issue+",", 4)+issue+`]`, on), state: Fail, reason: report.Threshold, detail: "5 findings: errcheck at a/b.go:5, errcheck at a/b.go:5, errcheck at a/b.go:5, …"},
		{name: "report first", kind: report.Lint, text: `{"Report":{` + on + `},"Issues":[` + issue + `]}`, state: Fail, reason: report.Threshold},
		{name: "a second, empty list", kind: report.Lint, text: `{"Issues":[` + issue + `],"Issues":[],"Report":{` + on + `}}`, state: Fail, reason: report.Threshold},
		{name: "error", kind: report.Lint, text: text(`[]`, on+`,"Error":"context deadline exceeded"`), state: Unknown, reason: report.Failed, detail: "reported an internal error"},
		{name: "error and issue", kind: report.Lint, text: text(`[`+issue+`]`, on+`,"Error":"x"`), state: Fail, reason: report.Threshold, detail: "reported an internal error"},
		{name: "no error", kind: report.Lint, text: text(`[]`, on+`,"Error":""`), state: Pass},
		{name: "crashed linter", kind: report.Lint, text: text(`[]`, on+`,"Warnings":[{"Tag":"runner","Text":"Can't run linter unused: buildir: failed"}]`), state: Unknown, reason: report.Failed, detail: "1 linter failed to run"},
		{name: "panicked linter", kind: report.Lint, text: text(`[]`, on+`,"Warnings":[{"Text":"Panic: gocritic: nil"},{"Text":"something else"}]`), state: Unknown, reason: report.Failed, detail: "1 linter failed to run"},
		{name: "no linter", kind: report.Lint, text: text(`[]`, `"Linters":[{"Name":"errcheck"}]`), state: Unknown, reason: report.Empty, detail: "no linter was enabled"},
		{name: "no report", kind: report.Lint, text: `{"Issues":[` + issue[:len(issue)-1] + `,"FromLinter":"x"}]}`, state: Fail, reason: report.Threshold, detail: "enabled linters are not listed"},
		{name: "statistics", kind: report.Lint, text: text(`[`+issue+`]`, on) + "\n1 issues:\n* errcheck: 1\n", state: Fail, reason: report.Threshold},
		{name: "something else behind", kind: report.Lint, text: text(`[]`, on) + "\nlevel=error msg=failed\n", state: Unknown, reason: report.Invalid, detail: "data after the end"},
		{name: "other types", kind: report.Lint, text: text(`{}`, on), state: Unknown, reason: report.Invalid, detail: "expected a list"},
	})
}

func TestSARIF(t *testing.T) {
	const result = `{"ruleId":"R1","message":{"text":"hunter2"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.go"},"region":{"startLine":7,"snippet":{"text":"hunter2"}}}},{"physicalLocation":{"artifactLocation":{"uri":"b.go"}}}]`
	results := func(rs ...string) string { return sarifReport(`"results":[` + strings.Join(rs, ",") + `]`) }
	without := func(text string) string {
		return strings.Replace(sarifReport(`"results":[]`), `"executionSuccessful":true`, text, 1)
	}
	run(t, report.SARIF, []example{
		{name: "clean", kind: report.Lint, text: results(), state: Pass, detail: "scan found nothing"},
		{name: "finding", kind: report.Lint, text: results(result + `}`), state: Fail, reason: report.Threshold, detail: "1 finding (1 high): R1 at a.go:7", counts: &report.Counts{Findings: 1}},
		{name: "level of the result", kind: report.Lint, text: results(result + `,"level":"note"}`), state: Fail, reason: report.Threshold, detail: "(1 low)"},
		{name: "default level", kind: report.Lint, text: results(`{"ruleId":"R9"}`), state: Fail, reason: report.Threshold, detail: "(1 medium): R9"},
		{name: "security severity", kind: report.Security, text: results(`{"ruleId":"R2","level":"note"}`), state: Fail, reason: report.Threshold, detail: "(1 critical): R2"},
		{name: "severity of a rule's part", kind: report.Security, text: results(`{"ruleId":"R2/part/of","level":"note"}`), state: Fail, reason: report.Threshold, detail: "(1 critical): R2/part/of"},
		{name: "rule by index", kind: report.Security, text: results(`{"ruleIndex":1}`, `{"rule":{"index":0}}`, `{"rule":{"id":"R2"}}`), state: Fail, reason: report.Threshold, detail: "3 findings (2 critical, 1 high): R2, R1, R2"},
		{name: "index out of range", kind: report.Lint, text: results(`{"ruleIndex":99}`, `{"ruleIndex":-5}`), state: Fail, reason: report.Threshold, detail: "unnamed rule"},
		{name: "rules after results", kind: report.Security, text: `{"version":"2.1.0","runs":[{"results":[{"ruleIndex":0}],"invocations":[{"executionSuccessful":true}],"tool":{"driver":{"name":"x","rules":[{"id":"R","properties":{"security-severity":7.5}}]}}}]}`,
			state: Fail, reason: report.Threshold, detail: "1 finding (1 high): R"},
		{name: "no findings by kind", kind: report.Lint, text: results(`{"kind":"pass"}`, `{"kind":"notApplicable"}`, `{"kind":"informational"}`, `{"baselineState":"absent"}`), state: Pass},
		{name: "findings by kind", kind: report.Lint, text: results(`{"kind":"open"}`, `{"kind":"review"}`, `{"kind":"fail"}`, `{"baselineState":"unchanged"}`, `{"level":"none"}`), state: Fail, reason: report.Threshold, counts: &report.Counts{Findings: 5}},
		{name: "suppressed", kind: report.Security, text: results(result+`,"suppressions":[{"kind":"inSource"}]}`, result+`,"suppressions":[{"status":"accepted"}]}`), state: Pass, detail: "2 suppressed", counts: &report.Counts{Suppressed: 2}},
		{name: "not really suppressed", kind: report.Security, text: results(result+`,"suppressions":[]}`, result+`,"suppressions":[{"status":"accepted"},{"status":"underReview"}]}`, result+`,"suppressions":[{"status":"rejected"}]}`), state: Fail, reason: report.Threshold, counts: &report.Counts{Findings: 3}},
		{name: "no invocations", kind: report.Lint, text: strings.Replace(results(), `"invocations"`, `"other"`, 1), state: Unknown, reason: report.Truncated, detail: "scan does not report whether it finished (no invocations) (record the tool's exit status in report.meta.yaml)"},
		{name: "no invocations, exit status", kind: report.Lint, exited: true, text: strings.Replace(results(), `"invocations"`, `"other"`, 1), state: Pass},
		{name: "no invocations, findings", kind: report.Lint, text: strings.Replace(results(result+`}`), `"invocations"`, `"other"`, 1), state: Fail, reason: report.Threshold},
		{name: "empty invocations", kind: report.Lint, text: strings.Replace(results(), `"invocations":[{"executionSuccessful":true,"endTimeUtc":"2026-11-20T10:00:00Z"}]`, `"invocations":[]`, 1), state: Unknown, reason: report.Truncated},
		{name: "not successful", kind: report.Lint, text: without(`"executionSuccessful":false`), state: Unknown, reason: report.Failed, detail: "scan reported an unsuccessful execution"},
		{name: "not successful, exit status", kind: report.Lint, exited: true, text: without(`"executionSuccessful":false`), state: Unknown, reason: report.Failed},
		{name: "success not said", kind: report.Lint, text: without(`"exitCode":0`), state: Unknown, reason: report.Truncated},
		{name: "one of two not successful", kind: report.Lint, text: without(`"executionSuccessful":true},{"executionSuccessful":false`), state: Unknown, reason: report.Failed},
		{name: "errors of the tool", kind: report.Lint, text: without(`"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error"}]`), state: Unknown, reason: report.Failed},
		{name: "warnings of the tool", kind: report.Lint, text: without(`"executionSuccessful":true,"toolExecutionNotifications":[{"level":"warning"}]`), state: Pass},
		{name: "errors of its configuration", kind: report.Lint, text: without(`"executionSuccessful":true,"toolConfigurationNotifications":[{"level":"error"}]`), state: Unknown, reason: report.Failed},
		{name: "no runs", kind: report.Lint, text: `{"version":"2.1.0","runs":[]}`, state: Unknown, reason: report.Empty, detail: "report contains no run"},
		{name: "a second run without invocations", kind: report.Lint, text: `{"version":"2.1.0","runs":[{"invocations":[{"executionSuccessful":true}],"results":[]},{"tool":{"driver":{"name":"other"}}}]}`, state: Unknown, reason: report.Truncated, detail: "other does not report"},
		{name: "results null", kind: report.Lint, text: sarifReport(`"results":null`), state: Unknown, reason: report.Empty, detail: "did not compute results"},
		{name: "results missing", kind: report.Lint, text: sarifReport(`"artifacts":[]`), state: Unknown, reason: report.Empty, detail: "did not compute results"},
		{name: "results null, exit status 0", kind: report.Lint, exited: true, text: sarifReport(`"results":null`), state: Pass},
		{name: "other version", kind: report.Lint, text: strings.Replace(results(), `"2.1.0"`, `"2.0.0"`, 1), state: Unknown, reason: report.Invalid, detail: "SARIF version is not 2.1.0"},
		{name: "something behind", kind: report.Lint, text: results() + `{}`, state: Unknown, reason: report.Invalid, detail: "data after the end"},
		{name: "secrets", kind: report.Secrets, text: results(`{"ruleId":"aws","partialFingerprints":{"commitSha":"` + commit + `","email":"hunter2"},"message":{"text":"hunter2"}}`), state: Fail, reason: report.Committed, detail: "1 secret found: aws of commit 0123456789ab: rotate them"},
		{name: "no secrets", kind: report.Secrets, text: results(), state: Pass},

		{name: "vulnerabilities, nothing said of what was audited", kind: report.Vulnerabilities, text: results(), state: Warn, reason: report.Weak, detail: "report does not list what was audited"},
		{name: "vulnerabilities, artifacts named", kind: report.Vulnerabilities, text: sarifReport(`"artifacts":[{"location":{"uri":"go.mod"}}],"results":[]`), state: Pass},
		{name: "vulnerability", kind: report.Vulnerabilities, text: results(`{"ruleId":"R2"}`), state: Fail, reason: report.Threshold, detail: "1 vulnerability (1 critical): R2"},
	})
}

// TestSARIF_Govulncheck: only errors of govulncheck are called, and only if it analysed calls.
func TestSARIF_Govulncheck(t *testing.T) {
	text := func(level, results string) string {
		return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"govulncheck","properties":{"scan_level":"` + level + `"}}},"results":[` + results + `]}]}`
	}
	run(t, report.SARIF, []example{
		{name: "imported", kind: report.Vulnerabilities, exited: true, text: text("symbol", `{"ruleId":"GO-1","level":"warning"},{"ruleId":"GO-2","level":"note"}`), state: Pass, detail: "govulncheck found nothing, 2 in uncalled code", counts: &report.Counts{Uncalled: 2}},
		{name: "called", kind: report.Vulnerabilities, exited: true, text: text("symbol", `{"ruleId":"GO-1","level":"error"},{"ruleId":"GO-2","level":"note"}`), state: Fail, reason: report.Threshold, detail: "1 vulnerability (1 high): GO-1"},
		{name: "calls not looked for", kind: report.Vulnerabilities, exited: true, text: text("package", `{"ruleId":"GO-1","level":"warning"}`), state: Fail, reason: report.Threshold},
		{name: "exit status not known", kind: report.Vulnerabilities, text: text("symbol", `{"ruleId":"GO-2","level":"note"}`), state: Unknown, reason: report.Truncated},
	})
}

func TestSARIF_Facts(t *testing.T) {
	provenance := func(ids ...string) string {
		return sarifReport(`"versionControlProvenance":[{"repositoryUri":"https://x","revisionId":"` + strings.Join(ids, `"},{"revisionId":"`) + `"}],"results":[]`)
	}
	for _, tt := range []struct {
		text string
		want string
	}{
		{provenance(commit), commit}, {provenance(strings.ToUpper(commit)), commit}, {provenance(commit, commit), commit}, {provenance(commit, "89abcdef"), ""}, {provenance("main"), ""}, {sarifReport(`"results":[]`), ""},
	} {
		r := parse(t, report.Lint, tt.text)
		if r.Commit != tt.want || !r.Time.Equal(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)) || r.Tool != "scan" {
			t.Errorf("commit %q at %v by %q, want %q", r.Commit, r.Time, r.Tool, tt.want)
		}
	}
}

func TestCheckstyle(t *testing.T) {
	run(t, report.Checkstyle, []example{
		{name: "clean", kind: report.Lint, text: `<checkstyle><file name="a"/><file name="b"/></checkstyle>`, state: Pass, detail: "the tool found nothing", counts: &report.Counts{Audited: 2}},
		{name: "findings", kind: report.Lint, text: `<checkstyle><file name="a.go"><error line="3" severity="error" message="hunter2" source="errcheck"/><error severity="info"/></file></checkstyle>`,
			state: Fail, reason: report.Threshold, detail: "2 findings (1 high, 1 low): errcheck at a.go:3, unnamed rule at a.go", counts: &report.Counts{Audited: 1, Findings: 2}},
		{name: "ignored", kind: report.Lint, text: `<checkstyle><file name="a.go"><error severity="ignore"/></file></checkstyle>`, state: Pass, detail: "1 suppressed"},
		{name: "no file", kind: report.Lint, text: `<checkstyle version="5.0"></checkstyle>`, state: Unknown, reason: report.Empty, detail: "report lists no files and does not show what was checked (record the tool's exit status"},
		{name: "no file, exit status", kind: report.Lint, exited: true, text: `<checkstyle version="5.0"></checkstyle>`, state: Pass},
		{name: "error outside of a file", kind: report.Lint, text: `<checkstyle><error/></checkstyle>`, state: Fail, reason: report.Threshold},
		{name: "cut", kind: report.Lint, text: `<checkstyle><file name="a.go">`, state: Unknown, reason: report.Truncated},
	})
}

func TestMaxFindings(t *testing.T) {
	text := sarifReport(`"results":[{"ruleId":"R1"},{"ruleId":"R1"}]`)
	for allowed, want := range map[int]State{-1: Fail, 0: Fail, 1: Fail, 2: Pass, 3: Pass} {
		p := policy
		p.MaxFindings = allowed
		v := Judge(fresh(report.Lint, text), p)
		if v.State != want {
			t.Errorf("%d allowed: %+v", allowed, v)
		}
		if want == Pass && !strings.Contains(v.Detail, "2 allowed findings") {
			t.Errorf("%d allowed: %q", allowed, v.Detail)
		}
	}
}
