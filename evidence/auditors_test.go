package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

const (
	govulnConfig   = "{\n  \"config\": {\n    \"protocol_version\": \"v1.0.0\",\n    \"scanner_name\": \"govulncheck\",\n    \"scan_level\": \"symbol\",\n    \"scan_mode\": \"source\"\n  }\n}\n"
	govulnSBOM     = `{"SBOM":{"go_version":"go1.26.8","modules":[{"path":"example.com/m"},{"path":"stdlib","version":"v1.26.8"}],"roots":["example.com/m"]}}` + "\n"
	govulnFetching = `{"progress":{"message":"Fetching vulnerabilities from the database..."}}` + "\n"
	govulnOSV      = `{"osv":{"schema_version":"1.3.1","id":"GO-2099-0001","details":"d","affected":[{"package":{"name":"stdlib"}}]}}` + "\n"
	govulnChecking = `{"progress":{"message":"Checking the code against the vulnerabilities..."}}` + "\n"
	govulnModule   = `{"finding":{"osv":"GO-2099-0001","trace":[{"module":"stdlib","version":"v1.26.8"}]}}` + "\n"
	govulnPackage  = `{"finding":{"osv":"GO-2099-0001","trace":[{"module":"stdlib","version":"v1.26.8","package":"os"}]}}` + "\n"
	govulnSymbol   = `{"finding":{"osv":"GO-2099-0001","trace":[{"module":"stdlib","package":"os","function":"Remove","position":{"line":357}},{"module":"example.com/m","package":"example.com/m","function":"main"}]}}` + "\n"
	govulnHead     = govulnConfig + govulnSBOM + govulnFetching
)

func goodAuditReports() []example {
	return []example{
		{name: "govulncheck", kind: report.Vulnerabilities, text: govulnHead + govulnChecking},
		{name: "govulncheck, sealed", kind: report.Vulnerabilities, sealed: true, text: govulnHead + govulnOSV + govulnChecking + govulnModule + govulnPackage},
		{name: "nancy", kind: report.Vulnerabilities, text: `{"audited":[{"Coordinates":"pkg:golang/a@1","Vulnerabilities":[]}],"exclusions":[],"invalid":[],"num_audited":1,"num_vulnerable":0,"version":"1.0","vulnerable":[]}`},
		{name: "trivy", kind: report.Vulnerabilities, text: `{"SchemaVersion":2,"CreatedAt":"2026-11-20T10:00:00.5Z","ArtifactName":".","ArtifactType":"filesystem","Results":[{"Target":"go.mod","Class":"lang-pkgs","Type":"gomod"}]}`},
		{name: "osv-scanner", kind: report.Vulnerabilities, text: `{"results":[{"source":{"path":"go.mod"},"packages":[{"package":{"name":"a"}}]}],"experimental_config":{}}`},
		{name: "osv-scanner, exit status", kind: report.Vulnerabilities, exited: true, text: `{"results":[],"experimental_config":{"licenses":{"summary":false}}}`},
		{name: "SARIF", kind: report.Vulnerabilities, text: sarifReport(`"artifacts":[{"location":{"uri":"go.mod"}}],"results":[]`)},
	}
}

func TestGovulncheck(t *testing.T) {
	level := func(level, text string) string { return strings.Replace(text, `"symbol"`, `"`+level+`"`, 1) }
	run(t, report.Govulncheck, []example{
		{name: "nothing known", kind: report.Vulnerabilities, text: govulnHead + govulnChecking, state: Pass, detail: "govulncheck found nothing", counts: &report.Counts{Audited: 2}},
		{name: "called", kind: report.Vulnerabilities, text: govulnHead + govulnOSV + govulnChecking + govulnModule + govulnPackage + govulnSymbol + govulnSymbol, state: Fail, reason: report.Threshold, detail: "1 vulnerability: GO-2099-0001", counts: &report.Counts{Audited: 2, Findings: 1}},
		{name: "called, sealed", kind: report.Vulnerabilities, sealed: true, text: govulnHead + govulnOSV + govulnChecking + govulnModule + govulnPackage + govulnSymbol, state: Fail, reason: report.Threshold},
		{name: "imported, not called", kind: report.Vulnerabilities, sealed: true, text: govulnHead + govulnOSV + govulnChecking + govulnModule + govulnPackage, state: Pass, detail: "1 in uncalled code", counts: &report.Counts{Audited: 2, Uncalled: 1}},
		{name: "function only further up", kind: report.Vulnerabilities, sealed: true, text: govulnHead + govulnOSV + govulnChecking + strings.Replace(govulnSymbol, `,"function":"Remove"`, "", 1), state: Pass},
		{name: "imported, end not proven", kind: report.Vulnerabilities, text: govulnHead + govulnOSV + govulnChecking + govulnModule + govulnPackage, state: Unknown, reason: report.Truncated, detail: "the stream has no end marker (record the tool's exit status and the file's size or digest"},
		{name: "imported, only the exit status", kind: report.Vulnerabilities, exited: true, text: govulnHead + govulnOSV + govulnChecking + govulnModule + govulnPackage, state: Unknown, reason: report.Truncated},
		{name: "required, end not proven", kind: report.Vulnerabilities, text: govulnHead + govulnOSV + govulnChecking + govulnModule, state: Warn, reason: report.Weak, detail: "completeness is not proven"},
		{name: "required, sealed", kind: report.Vulnerabilities, sealed: true, text: govulnHead + govulnOSV + govulnChecking + govulnModule, state: Pass},
		{name: "fixed in the version used", kind: report.Vulnerabilities, text: govulnHead + govulnOSV + govulnChecking, state: Warn, reason: report.Weak},
		{name: "fixed in the version used, sealed", kind: report.Vulnerabilities, sealed: true, text: govulnHead + govulnOSV + govulnChecking, state: Pass},
		{name: "cut before checking", kind: report.Vulnerabilities, text: govulnHead + govulnOSV, state: Unknown, reason: report.Truncated, detail: "ends before the check started"},
		{name: "only configured", kind: report.Vulnerabilities, text: govulnConfig, state: Unknown, reason: report.Truncated},
		{name: "cut in an object", kind: report.Vulnerabilities, text: govulnHead + govulnOSV[:50], state: Unknown, reason: report.Truncated, detail: "report is truncated"},
		{name: "cut in an object after a call", kind: report.Vulnerabilities, text: govulnHead + govulnOSV + govulnChecking + govulnSymbol + govulnSymbol[:50], state: Fail, reason: report.Threshold, detail: "report is truncated"},
		{name: "beginning missing", kind: report.Vulnerabilities, text: govulnOSV + govulnChecking, state: Unknown, reason: report.Truncated, detail: "the configuration at its beginning is missing"},
		{name: "only fetching", kind: report.Vulnerabilities, text: govulnFetching, state: Unknown, reason: report.Truncated},
		{name: "finding without configuration", kind: report.Vulnerabilities, text: govulnSymbol, state: Unknown, reason: report.Invalid, detail: "before the configuration"},
		{name: "no modules", kind: report.Vulnerabilities, text: govulnConfig + `{"SBOM":{}}` + govulnChecking, state: Unknown, reason: report.Empty, detail: "no module was audited"},
		{name: "before the SBOM", kind: report.Vulnerabilities, text: govulnConfig + `{"progress":{"message":"Scanning your code and 46 packages across 2 dependent modules for known vulnerabilities..."}}` + govulnChecking, state: Pass, counts: &report.Counts{Audited: 3}},
		{name: "packages only", kind: report.Vulnerabilities, sealed: true, text: level("package", govulnHead+govulnOSV+govulnChecking+govulnModule+govulnPackage), state: Fail, reason: report.Threshold},
		{name: "packages only, not imported", kind: report.Vulnerabilities, sealed: true, text: level("package", govulnHead+govulnOSV+govulnChecking+govulnModule), state: Pass},
		{name: "modules only", kind: report.Vulnerabilities, sealed: true, text: level("module", govulnHead+govulnOSV+govulnChecking+govulnModule), state: Fail, reason: report.Threshold},
		{name: "a query", kind: report.Vulnerabilities, sealed: true, text: strings.Replace(govulnHead+govulnChecking, `"source"`, `"query"`, 1), state: Unknown, reason: report.Invalid, detail: "scans nothing"},
		{name: "other protocol", kind: report.Vulnerabilities, sealed: true, text: strings.Replace(govulnHead+govulnChecking, `v1.0.0`, `v2.0.0`, 1), state: Unknown, reason: report.Invalid, detail: "protocol version is not 1"},
		{name: "two runs, the first cut", kind: report.Vulnerabilities, text: govulnHead + govulnHead + govulnChecking, state: Unknown, reason: report.Truncated},
		{name: "two runs, the first with a call", kind: report.Vulnerabilities, text: govulnHead + govulnOSV + govulnChecking + govulnSymbol + govulnHead + govulnChecking, state: Fail, reason: report.Threshold, counts: &report.Counts{Audited: 4, Findings: 1}},
		{name: "words between", kind: report.Vulnerabilities, text: govulnHead + "govulncheck: loading packages failed\n" + govulnChecking, state: Unknown, reason: report.Invalid},
	})
}

func TestNancy(t *testing.T) {
	text := func(rest string) string { return `{"audited":[],"exclusions":[],` + rest + `}` }
	const vulnerable = `"vulnerable":[{"Vulnerabilities":[{"ID":"x-1","Title":"hunter2","CvssScore":"9.8","Cve":"CVE-2099-1","Excluded":false},{"ID":"x-2","CvssScore":5.0},{"ID":"x-3","Excluded":true}],"Coordinates":"pkg:golang/a@v1.0.0"}]`
	run(t, report.Nancy, []example{
		{name: "clean", kind: report.Vulnerabilities, text: text(`"num_audited":7,"num_vulnerable":0,"vulnerable":null`), state: Pass, counts: &report.Counts{Audited: 7}},
		{name: "vulnerable", kind: report.Vulnerabilities, text: text(`"num_audited":7,"num_vulnerable":1,` + vulnerable), state: Fail, reason: report.Threshold, detail: "2 vulnerabilities (1 critical, 1 medium): CVE-2099-1 in pkg:golang/a@v1.0.0, x-2 in", counts: &report.Counts{Audited: 7, Findings: 2, Suppressed: 1}},
		{name: "nothing audited", kind: report.Vulnerabilities, text: text(`"num_audited":0,"num_vulnerable":0`), state: Unknown, reason: report.Empty, detail: "no module was audited"},
		{name: "audited not stated", kind: report.Vulnerabilities, text: `{"audited":[],"vulnerable":[]}`, state: Unknown, reason: report.Empty},
		{name: "vulnerable, not listed", kind: report.Vulnerabilities, text: text(`"num_audited":7,"num_vulnerable":2`), state: Fail, reason: report.Threshold, detail: "2 vulnerabilities: vulnerable module that is not listed"},
		{name: "not understood", kind: report.Vulnerabilities, text: text(`"invalid":[{"Coordinates":"x"}],"num_audited":7`), state: Warn, reason: report.Weak, detail: "1 dependency could not be checked"},
		{name: "cut", kind: report.Vulnerabilities, text: text(`"num_audited":7`)[:45], state: Unknown, reason: report.Truncated},
	})
}

func TestTrivy(t *testing.T) {
	text := func(results string) string {
		return `{"SchemaVersion":2,"CreatedAt":"2026-11-20T10:00:00.123456789Z","ArtifactName":".","ArtifactType":"repository","Metadata":{"Commit":"` + commit + `","ImageConfig":{"config":{"Env":["A=b"]}}}` + results + `}`
	}
	const vulnerable = `{"VulnerabilityID":"CVE-2099-1","PkgName":"a","InstalledVersion":"1","Severity":"HIGH","Title":"t","Description":"d"}`
	run(t, report.Trivy, []example{
		{name: "clean", kind: report.Vulnerabilities, text: text(`,"Results":[{"Target":"go.mod","Class":"lang-pkgs","Type":"gomod"},{"Target":"x","Class":"os-pkgs"}]`), state: Pass, counts: &report.Counts{Audited: 2}},
		{name: "a system nobody maintains", kind: report.Vulnerabilities, text: strings.Replace(text(`,"Results":[{"Class":"os-pkgs"}]`), `"ImageConfig"`, `"OS":{"Family":"debian","Name":"9","EOSL":true},"ImageConfig"`, 1), state: Warn, reason: report.Weak, detail: "end of life"},
		{name: "one that is maintained", kind: report.Vulnerabilities, text: strings.Replace(text(`,"Results":[{"Class":"os-pkgs"}]`), `"ImageConfig"`, `"OS":{"Family":"debian","Name":"13"},"ImageConfig"`, 1), state: Pass},
		{name: "vulnerable", kind: report.Vulnerabilities, text: text(`,"Results":[{"Vulnerabilities":[` + vulnerable + `],"Target":"go.mod","Class":"lang-pkgs"}]`), state: Fail, reason: report.Threshold, detail: "1 vulnerability (1 high): CVE-2099-1 in a"},
		{name: "vulnerable, no class", kind: report.Vulnerabilities, text: text(`,"Results":[{"Target":"go.mod","Vulnerabilities":[` + vulnerable + `]}]`), state: Fail, reason: report.Threshold, detail: "in a at go.mod", counts: &report.Counts{Audited: 1, Findings: 1}},
		{name: "ignored", kind: report.Vulnerabilities, text: text(`,"Results":[{"Class":"lang-pkgs","ExperimentalModifiedFindings":[{"Type":"vulnerability","Status":"ignored"}]}]`), state: Pass, detail: "1 suppressed"},
		{name: "no results", kind: report.Vulnerabilities, text: text(``), state: Unknown, reason: report.Empty, detail: "no package was audited"},
		{name: "null", kind: report.Vulnerabilities, text: text(`,"Results":null`), state: Unknown, reason: report.Empty},
		{name: "something else was scanned", kind: report.Vulnerabilities, text: text(`,"Results":[{"Target":"Dockerfile","Class":"config"},{"Target":"x","Class":"secret","Secrets":[]}]`), state: Unknown, reason: report.Empty},
		{name: "other schema", kind: report.Vulnerabilities, text: strings.Replace(text(`,"Results":[{"Class":"lang-pkgs"}]`), `:2,`, `:1,`, 1), state: Unknown, reason: report.Invalid, detail: "schema version is not 2"},
	})
	r := parse(t, report.Vulnerabilities, text(``))
	if r.Commit != commit || !r.Time.Equal(time.Date(2026, 11, 20, 10, 0, 0, 123456789, time.UTC)) {
		t.Errorf("of commit %q at %v", r.Commit, r.Time)
	}
}

func TestOSVScanner(t *testing.T) {
	pkg := func(rest string) string {
		return `{"results":[{"source":{"path":"/src/go.mod","type":"lockfile"},"packages":[{"package":{"name":"a","version":"1","ecosystem":"Go"}` + rest + `}]}],"experimental_config":{}}`
	}
	run(t, report.OSVScanner, []example{
		{name: "all packages", kind: report.Vulnerabilities, text: pkg(``), state: Pass, counts: &report.Counts{Audited: 1}},
		{name: "group of aliases", kind: report.Vulnerabilities, text: pkg(`,"vulnerabilities":[{"id":"GO-1"},{"id":"GHSA-1"}],"groups":[{"ids":["GHSA-1","GO-1"],"aliases":["CVE-1"],"max_severity":"7.5"}]`), state: Fail, reason: report.Threshold, detail: "1 vulnerability (1 high): GHSA-1 in a", counts: &report.Counts{Audited: 1, Findings: 1}},
		{name: "no groups", kind: report.Vulnerabilities, text: pkg(`,"vulnerabilities":[{"id":"GO-1"},{"id":"GO-2"}]`), state: Fail, reason: report.Threshold, detail: "2 vulnerabilities: GO-1 in a, GO-2 in a"},
		{name: "not called", kind: report.Vulnerabilities, text: pkg(`,"groups":[{"ids":["GO-1"],"max_severity":"","experimentalAnalysis":{"GO-1":{"called":false}}}]`), state: Pass, detail: "1 in uncalled code", counts: &report.Counts{Audited: 1, Uncalled: 1}},
		{name: "one of two called", kind: report.Vulnerabilities, text: pkg(`,"groups":[{"ids":["GO-1"],"experimentalAnalysis":{"GO-1":{"called":false},"GO-2":{"called":true}}}]`), state: Fail, reason: report.Threshold},
		{name: "analysis says nothing", kind: report.Vulnerabilities, text: pkg(`,"groups":[{"ids":["GO-1"],"experimentalAnalysis":{"GO-1":{}}}]`), state: Fail, reason: report.Threshold},
		{name: "empty", kind: report.Vulnerabilities, text: `{"results":[],"experimental_config":{}}`, state: Unknown, reason: report.Empty, detail: "run osv-scanner with --all-packages"},
		{name: "empty, exit status", kind: report.Vulnerabilities, exited: true, text: `{"results":[],"experimental_config":{}}`, state: Pass, detail: "osv-scanner found nothing"},
	})
}
