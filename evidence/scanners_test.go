package evidence

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

func goodScannerReports() []example {
	return []example{
		{name: "gosec", kind: report.Security, text: gosecReport(``, ``, `"files":3,"lines":10,"nosec":0,"found":0`)},
		{name: "SARIF", kind: report.Security, text: sarifReport(`"results":[]`)},
		{name: "gitleaks", kind: report.Secrets, text: "[]\n"},
		{name: "secrets in SARIF", kind: report.Secrets, text: sarifReport(`"results":[]`)},
	}
}

func gosecReport(errors, issues, stats string) string {
	return "{\n\t\"Golang errors\": {" + errors + "},\n\t\"Issues\": [" + issues + "],\n\t\"Stats\": {" + stats + "},\n\t\"GosecVersion\": \"dev\"\n}"
}

func TestGosec(t *testing.T) {
	issue := func(rest string) string {
		return `{"severity":"HIGH","confidence":"HIGH","cwe":{"id":"798","url":"https://x"},"rule_id":"G101","details":"Potential hardcoded credentials","file":"/src/a.go","code":"4: password = \"hunter2\"\n","column":"2",` + rest + `}`
	}
	const stats = `"files":3,"lines":10,"nosec":0,"found":0`
	run(t, report.Gosec, []example{
		{name: "clean", kind: report.Security, text: gosecReport(``, ``, stats), state: Pass, detail: "gosec found nothing", counts: &report.Counts{Audited: 3}},
		{name: "issue", kind: report.Security, text: gosecReport(``, issue(`"line":"12","nosec":false,"suppressions":null`), `"files":3,"found":1`), state: Fail, reason: report.Threshold, detail: "1 finding (1 high): G101 at /src/a.go:12", counts: &report.Counts{Audited: 3, Findings: 1}},
		{name: "issue over lines", kind: report.Security, text: gosecReport(``, issue(`"line":"12-14"`), `"files":3,"found":1`), state: Fail, reason: report.Threshold, detail: "G101 at /src/a.go:12"},
		{name: "line as a number", kind: report.Security, text: gosecReport(``, issue(`"line":12`), `"files":3,"found":1`), state: Fail, reason: report.Threshold, detail: "G101 at /src/a.go:12"},
		{name: "Golang errors", kind: report.Security, text: gosecReport(`"/src/b.go":[{"line":2,"column":23,"error":"cannot use hunter2"}],"":[{"line":0,"column":0,"error":"x"}]`, ``, stats), state: Unknown, reason: report.Failed, detail: "2 files or packages could not be loaded by gosec (Golang errors)"},
		{name: "Golang errors at the end", kind: report.Security, text: `{"Issues":[],"Stats":{"files":1},"GosecVersion":"dev","Golang errors":{"a":[]}}`, state: Unknown, reason: report.Failed},
		{name: "Golang errors and an issue", kind: report.Security, text: gosecReport(`"a":[]`, issue(`"line":"1"`), `"files":3,"found":1`), state: Fail, reason: report.Threshold},
		{name: "no Golang errors", kind: report.Security, text: `{"Golang errors":null,"Issues":null,"Stats":{"files":1}}`, state: Pass},
		{name: "suppressed", kind: report.Security, text: gosecReport(``, issue(`"line":"1","nosec":true`)+","+issue(`"line":"1","suppressions":[{"kind":"inSource","justification":""}]`), stats), state: Pass, detail: "2 suppressed", counts: &report.Counts{Audited: 3, Suppressed: 2}},
		{name: "suppressed, not listed", kind: report.Security, text: gosecReport(``, ``, `"files":3,"nosec":4,"found":0`), state: Pass, detail: "4 suppressed"},
		{name: "nothing scanned", kind: report.Security, text: gosecReport(``, ``, `"files":0,"lines":0,"nosec":0,"found":0`), state: Unknown, reason: report.Empty, detail: "no file was scanned"},
		{name: "no statistics", kind: report.Security, text: `{"Golang errors":{},"Issues":[]}`, state: Unknown, reason: report.Truncated, detail: "statistics are missing"},
		{name: "issues missing", kind: report.Security, text: gosecReport(``, ``, `"files":3,"found":2`), state: Unknown, reason: report.Truncated, detail: "states 2 issues, but lists 0"},
		{name: "cut", kind: report.Security, text: gosecReport(``, issue(`"line":"1"`), stats)[:200], state: Unknown, reason: report.Truncated},
	})
}

func TestGitleaks(t *testing.T) {
	entry := func(rule string) string {
		return `{"RuleID":"` + rule + `","Description":"d","StartLine":14,"EndLine":14,"StartColumn":2,"Match":"key = hunter2","Secret":"hunter2","File":"a/b.env","SymlinkFile":"","Commit":"` + commit + `","Entropy":3.5,"Author":"A","Email":"a@example.com","Date":"2026-11-20T10:00:00Z","Message":"hunter2","Tags":[],"Fingerprint":"x"}`
	}
	run(t, report.Gitleaks, []example{
		{name: "none", kind: report.Secrets, text: `[]`, state: Pass, detail: "gitleaks found nothing"},
		{name: "none, spread", kind: report.Secrets, text: "\n[\n ]\n\n", state: Pass},
		{name: "found", kind: report.Secrets, text: `[` + entry("generic-api-key") + `]`, state: Fail, reason: report.Committed, detail: "1 secret found: generic-api-key at a/b.env:14 of commit 0123456789ab", counts: &report.Counts{Findings: 1}},
		{name: "cut behind one", kind: report.Secrets, text: `[` + entry("x") + `,`, state: Fail, reason: report.Committed, detail: "report is truncated"},
		{name: "cut", kind: report.Secrets, text: `[`, state: Unknown, reason: report.Invalid, detail: "not evidence of secrets"},
		{name: "something behind", kind: report.Secrets, text: `[][` + entry("x") + `]`, state: Unknown, reason: report.Invalid, detail: "data after the end"},
		{name: "entry without rule", kind: report.Secrets, text: `[` + entry("x") + `,{}]`, state: Fail, reason: report.Committed, detail: "entry without RuleID"},
	})
}

// TestReport_LeaksNothing: no message, source line, match, log or setup of a report is kept or displayed.
func TestReport_LeaksNothing(t *testing.T) {
	const mark = "hunter2"
	for _, tt := range []struct {
		kind report.Kind
		text string
	}{
		{report.Tests, `{"Action":"output","Package":"a","Test":"T","Output":"panic: ` + mark + `"}` + "\n" + `{"Action":"fail","Package":"a","Test":"T"}` + "\n" + `{"Action":"fail","Package":"a"}` + "\n" + mark + "\n{" + mark + "\n"},
		{report.Tests, `<testsuite hostname="` + mark + `"><properties><property name="x" value="` + mark + `"/></properties><testcase name="x"><failure message="` + mark + `">` + mark + `</failure></testcase><` + mark + `></testsuite>`},
		{report.Coverage, "mode: set\n" + mark + "\n"},
		{report.Coverage, "SF:a\n" + mark + "\n"},
		{report.Coverage, `<coverage><sources><source>` + mark + `</source></sources></coverage>`},
		{report.Lint, `{"Issues":[{"FromLinter":"x","Text":"` + mark + `","SourceLines":["` + mark + `"]}],"Report":{"Error":"` + mark + `","Warnings":[{"Text":"panic ` + mark + `"}]}}` + "\n" + mark},
		{report.Lint, sarifReport(`"results":[{"message":{"text":"` + mark + `"},"locations":[{"physicalLocation":{"region":{"snippet":{"text":"` + mark + `"}}}}]}],"properties":{"x":"` + mark + `"}`)},
		{report.Lint, `<checkstyle><file name="a"><error message="` + mark + `"/></file></checkstyle>`},
		{report.Security, gosecReport(`"a":[{"error":"`+mark+`"}]`, `{"rule_id":"G101","code":"`+mark+`","details":"`+mark+`"}`, `"files":1`)},
		{report.Secrets, `[{"RuleID":"x","Match":"` + mark + `","Secret":"` + mark + `","Message":"` + mark + `","Author":"` + mark + `","Link":"` + mark + `","Line":"` + mark + `","Fragment":{"Raw":"` + mark + `"}}]`},
		{report.Secrets, `[{"RuleID":"x","Commit":"` + mark + `"}]`},
		{report.Secrets, `[{"RuleID":"x","Secret":` + mark + `}]`},
		{report.Secrets, sarifReport(`"results":[{"ruleId":"x","message":{"text":"` + mark + `"},"partialFingerprints":{"author":"` + mark + `","commitSha":"` + mark + `"}}]`)},
		{report.Vulnerabilities, `{"config":{"protocol_version":"v1.0.0","db":"` + mark + `"}}{"progress":{"message":"` + mark + `"}}{"osv":{"details":"` + mark + `"}}`},
		{report.Load, `{"metrics":{"http_reqs":{"count":1}},"setup_data":{"token":"` + mark + `"},"options":{"x":"` + mark + `"},"root_group":{"name":"` + mark + `"}}`},
		{report.Load, `{"latencies":{},"requests":1,"errors":["` + mark + `"],"status_codes":{"` + mark + `":1}}`},
	} {
		e := fresh(tt.kind, tt.text)
		v := Judge(e, policy)
		if all := fmt.Sprintf("%+v %v %+v", e.Report, e.Err, v); strings.Contains(all, mark) {
			t.Errorf("%s: %s", tt.kind, all)
		}
		if e.Err != nil || reflect.DeepEqual(e.Report, report.Report{Kind: tt.kind}) {
			t.Errorf("%s was not read: %v", tt.kind, e.Err)
		}
	}
}

// TestDocument_Memory: many entries and endless strings use constant memory.
func TestDocument_Memory(t *testing.T) {
	const size = 6 << 20
	const words = "some words of a description "
	for name, s := range map[string]struct {
		kind             report.Kind
		head, body, tail string
	}{
		"SARIF results":         {report.Lint, `{"version":"2.1.0","runs":[{"invocations":[{"executionSuccessful":true}],"results":[{}`, `,{"ruleId":"R","message":{"text":"` + words + `"}}`, `]}]}`},
		"SARIF message":         {report.Lint, `{"version":"2.1.0","runs":[{"invocations":[{"executionSuccessful":true}],"results":[{"message":{"text":"`, words, `"}}]}]}`},
		"golangci-lint issues":  {report.Lint, `{"Report":{"Linters":[{"Enabled":true}]},"Issues":[{}`, `,{"FromLinter":"x","Text":"` + words + `"}`, `]}`},
		"checkstyle":            {report.Lint, `<checkstyle>`, `<file name="a"><error message="` + words + `"/></file>`, `</checkstyle>`},
		"gosec issues":          {report.Security, `{"Golang errors":{},"Stats":{"files":1},"Issues":[{}`, `,{"rule_id":"x","code":"` + words + `"}`, `]}`},
		"gitleaks match":        {report.Secrets, `[{"RuleID":"x","Match":"`, words, `"}]`},
		"govulncheck":           {report.Vulnerabilities, govulnHead, govulnOSV, govulnChecking + govulnSymbol},
		"nancy vulnerabilities": {report.Vulnerabilities, `{"num_audited":1,"vulnerable":[{"Vulnerabilities":[{}`, `,{"ID":"x","Description":"` + words + `"}`, `]}]}`},
		"trivy results":         {report.Vulnerabilities, `{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Class":"lang-pkgs","Vulnerabilities":[{}`, `,{"VulnerabilityID":"x","Title":"` + words + `"}`, `]}]}`},
		"osv-scanner packages":  {report.Vulnerabilities, `{"results":[{"packages":[{"groups":[{}]}`, `,{"package":{"name":"x"},"vulnerabilities":[{"id":"x","details":"` + words + `"}]}`, `]}]}`},
		"k6 metrics":            {report.Load, k6Export[:len(k6Export)-2], `,"x":{"p(95)":1,"thresholds":{"a<1":true}}`, `}}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := constantMemory(t, s.kind, repeat(s.head, s.body, s.tail, size), size, 1<<20)
			if !r.Complete() || r.Counts.Findings+r.Counts.Failed == 0 {
				t.Errorf("%+v %+v", r.Counts, r.Gaps)
			}
		})
	}
}
