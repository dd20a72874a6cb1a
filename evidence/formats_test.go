package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

const (
	k6Machine = `{"config":{"duration":300.5,"execution":"local","script":"load.js"},"metadata":{"generated_at":"2026-11-20T10:00:00.5Z","k6_version":"1.5.0"},
"results":{"checks":{"metrics":[{"contains":"default","name":"checks_total","type":"counter","values":{"count":10}},
{"contains":"default","name":"checks_succeeded","type":"rate","values":{"matches":10,"rate":1,"total":10}}],"results":[{"fails":0,"name":"a","passes":10}]},
"metrics":[{"contains":"time","name":"http_req_duration","type":"trend","values":{"avg":20,"p90":30,"p95":45.5}},
{"contains":"default","name":"http_reqs","type":"counter","values":{"count":6010}},
{"contains":"default","name":"http_req_failed","type":"rate","values":{"matches":6,"rate":0.001,"total":6010}}]},"version":"1.0.0"}`
	jacoco = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="shop"><sessioninfo id="ci" start="1795164800000" dump="1795168800000"/><package name="com/example"><class name="com/example/A" sourcefilename="A.java">
<method name="m" desc="()V" line="3"><counter type="LINE" missed="9" covered="0"/></method></class>
<sourcefile name="A.java"><line nr="3" mi="0" ci="2" mb="0" cb="0"/><line nr="4" mi="0" ci="1" mb="0" cb="0"/><line nr="5" mi="1" ci="3" mb="0" cb="0"/><line nr="6" mi="0" ci="3" mb="0" cb="0"/>
<line nr="7" mi="2" ci="0" mb="0" cb="0"/><counter type="LINE" missed="1" covered="4"/></sourcefile></package><counter type="INSTRUCTION" missed="3" covered="9"/><counter type="LINE" missed="1" covered="4"/></report>
`
	grype = `{"matches":[],"ignoredMatches":[],"source":{"type":"image","target":{"userInput":"shop:1"}},"distro":{"name":"debian"},
"descriptor":{"name":"grype","version":"0.90.0","db":{"status":{"schemaVersion":"v6.0.2","built":"2026-11-19T06:00:00Z"}},"timestamp":"2026-11-20T10:00:00Z"}}`
	npmClean = `{"auditReportVersion":2,"vulnerabilities":{},"metadata":{"vulnerabilities":{"info":0,"low":0,"moderate":0,"high":0,"critical":0,"total":0},"dependencies":{"prod":80,"dev":200,"total":280}}}`
	npmOld   = `{"actions":[],"advisories":{},"muted":[],"metadata":{"vulnerabilities":{"info":0,"low":0,"moderate":0,"high":0,"critical":0},"dependencies":900,"totalDependencies":905}}`
)

func goodOtherReports() []example {
	return []example{
		{name: "k6 machine-readable", kind: report.Load, text: k6Machine},
		{name: "JaCoCo", kind: report.Coverage, text: jacoco},
		{name: "grype", kind: report.Vulnerabilities, text: grype},
		{name: "npm audit", kind: report.Vulnerabilities, text: npmClean},
		{name: "npm audit of npm 6", kind: report.Vulnerabilities, text: npmOld},
	}
}

func TestK6_MachineReadable(t *testing.T) {
	run(t, report.K6, []example{
		{name: "good", kind: report.Load, text: k6Machine, state: Pass, detail: "20 requests/s, 0.1 % errors, 95 % of requests within 0.0455 s"},
		{name: "slow", kind: report.Load, text: swap(k6Machine, `"p95":45.5`, `"p95":1450`), state: Fail, reason: report.Threshold, detail: "within 1.45 s"},
		{name: "errors", kind: report.Load, text: swap(k6Machine, `"rate":0.001`, `"rate":0.2`), state: Fail, reason: report.Threshold, detail: "20 % errors"},
		{name: "no requests", kind: report.Load, text: swap(k6Machine, `6010}`, `0}`), state: Fail, reason: report.Empty},
		{name: "checks failed", kind: report.Load, text: swap(k6Machine, `"matches":10,"rate":1`, `"matches":5,"rate":0.5`), state: Warn, reason: report.Weak, detail: "50 % of the script's checks failed"},
		{name: "too short", kind: report.Load, text: swap(k6Machine, `300.5`, `30.05`), state: Warn, reason: report.Weak, detail: "the test took 30.1 s, at least 1m0s"},
		{name: "percentile unstated", kind: report.Load, text: swap(k6Machine, `,"p95":45.5`, ``), state: Unknown, reason: report.Missing, detail: "95th percentile"},
	})
}

func TestJaCoCo(t *testing.T) {
	run(t, report.JaCoCo, []example{
		{name: "lines", kind: report.Coverage, text: jacoco, state: Pass, detail: "80.0 % of 5"},
		{name: "counters alone", kind: report.Coverage, text: `<report name="a"><group name="g"><counter type="LINE" missed="1" covered="0"/></group><counter type="INSTRUCTION" missed="50" covered="50"/><counter type="LINE" missed="1" covered="9"/></report>`,
			state: Pass, detail: "90.0 % of 10"},
		{name: "too little", kind: report.Coverage, text: swap(jacoco, `nr="6" mi="0" ci="3"`, `nr="6" mi="3" ci="0"`), state: Fail, reason: report.Threshold, detail: "60.0 %"},
		{name: "nothing", kind: report.Coverage, text: `<report name="a"></report>`, state: Fail, reason: report.Empty},
	})
}

func TestGrype(t *testing.T) {
	match := `"matches":[{"vulnerability":{"id":"CVE-2026-1","severity":"High"},"artifact":{"name":"openssl"}}]`
	run(t, report.Grype, []example{
		{name: "clean", kind: report.Vulnerabilities, text: grype, state: Pass, detail: "grype found nothing"},
		{name: "found", kind: report.Vulnerabilities, text: swap(grype, `"matches":[]`, match), state: Fail, reason: report.Threshold, detail: "1 vulnerability (1 high): CVE-2026-1 in openssl"},
		{name: "a database of last year", kind: report.Vulnerabilities, text: swap(grype, "2026-11-19T06", "2025-11-19T06"), state: Warn, reason: report.Weak, detail: "database was of 2025-11-19, 366 days old"},
		{name: "the older form of its database", kind: report.Vulnerabilities, text: swap(grype, `{"status":{"schemaVersion":"v6.0.2","built":"2026-11-19T06:00:00Z"}}`, `{"built":"2026-01-19T06:00:00Z","schemaVersion":5}`),
			state: Warn, reason: report.Weak, detail: "database was of 2026-01-19"},
		{name: "of nothing", kind: report.Vulnerabilities, text: swap(grype, `"source":{"type":"image","target":{"userInput":"shop:1"}},`, ``), state: Unknown, reason: report.Empty},
		{name: "many ignored", kind: report.Vulnerabilities, text: swap(grype, `"ignoredMatches":[]`, `"ignoredMatches":[{}`+strings.Repeat(",{}", 10)+`]`), state: Warn, reason: report.Weak, detail: "11 findings suppressed, at most 10"},
	})
}

func TestNpmAudit(t *testing.T) {
	run(t, report.NpmAudit, []example{
		{name: "clean", kind: report.Vulnerabilities, text: npmClean, state: Pass, detail: "npm audit found nothing", counts: &report.Counts{Audited: 280}},
		{name: "found", kind: report.Vulnerabilities, text: swap(npmClean, `"vulnerabilities":{},`, `"vulnerabilities":{"lodash":{"name":"lodash","severity":"high","via":["x"]}},`),
			state: Fail, reason: report.Threshold, detail: "1 vulnerability (1 high): lodash"},
		{name: "found, not listed", kind: report.Vulnerabilities, text: swap(npmClean, `"high":0`, `"high":2`), state: Fail, reason: report.Threshold, detail: "2 vulnerabilities"},
		{name: "found by npm 6", kind: report.Vulnerabilities, text: swap(npmOld, `"advisories":{}`, `"advisories":{"118":{"module_name":"minimatch","severity":"moderate"}}`),
			state: Fail, reason: report.Threshold, detail: "118 in minimatch"},
		{name: "no lock file", kind: report.Vulnerabilities, text: `{"auditReportVersion":2,"error":{"code":"ENOLOCK","summary":"This command requires an existing lockfile."}}`, state: Unknown, reason: report.Failed},
		{name: "nothing audited", kind: report.Vulnerabilities, text: swap(npmClean, `"prod":80,"dev":200,"total":280`, `"total":0`), state: Unknown, reason: report.Empty},
	})
}

// TestDatabase_Govulncheck judges the age of the database when it was used.
func TestDatabase_Govulncheck(t *testing.T) {
	head := swap(govulnHead, `"protocol_version"`, `"db_last_modified":"2026-01-01T00:00:00Z","protocol_version"`)
	if head == govulnHead {
		t.Fatal("the configuration is not replaced")
	}
	e := fresh(report.Vulnerabilities, head+govulnChecking)
	if v := Judge(e, policy); v.State != Warn || v.Reason != report.Weak || !strings.Contains(v.Detail, "database was of 2026-01-01") {
		t.Errorf("%+v", v)
	}
	e.Taken = time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC)
	p := policy
	p.Now = e.Taken.Add(time.Hour)
	if v := Judge(e, p); v.State != Pass {
		t.Errorf("three weeks: %+v", v)
	}
}

// TestExtent judges what a report proves by its size and by its record.
func TestExtent(t *testing.T) {
	none := 0
	for name, tt := range map[string]struct {
		kind   report.Kind
		text   string
		change func(e *Evidence, p *Policy)
		state  State
		reason report.Reason
		detail string
	}{
		"a dirty tree":             {report.Tests, oneTest, func(e *Evidence, p *Policy) { e.Dirty = true }, Warn, report.Weak, "uncommitted changes"},
		"older than its commit":    {report.Tests, oneTest, func(e *Evidence, p *Policy) { e.Stated = true; p.CommitTime = e.Taken.Add(time.Hour) }, Warn, report.Outdated, "older than commit"},
		"clocks apart":             {report.Tests, oneTest, func(e *Evidence, p *Policy) { e.Stated = true; p.CommitTime = e.Taken.Add(4 * time.Minute) }, Pass, "", ""},
		"a file of another zone":   {report.Tests, oneTest, func(e *Evidence, p *Policy) { p.CommitTime = e.Taken.Add(13 * time.Hour) }, Pass, "", ""},
		"a file of the day before": {report.Tests, oneTest, func(e *Evidence, p *Policy) { p.CommitTime = e.Taken.Add(24 * time.Hour) }, Warn, report.Outdated, "older than commit"},
		"few requests":             {report.Load, swap(k6Handle, `"count":6000`, `"count":999`), func(e *Evidence, p *Policy) { p.MinDuration = time.Second }, Warn, report.Weak, "999 requests were sent, at least 1000"},
		"enough by its own limit":  {report.Load, swap(k6Handle, `"count":6000`, `"count":999`), func(e *Evidence, p *Policy) { p.MinRequests, p.MinDuration = 900, time.Second }, Pass, "", ""},
		"of the machine itself":    {report.Load, k6Handle, func(e *Evidence, p *Policy) { e.Target = "localhost" }, Warn, report.Weak, "the machine that ran it"},
		"of another host":          {report.Load, k6Handle, func(e *Evidence, p *Policy) { e.Target, p.Hosts = "demo.example.org", []string{"staging.example.org"} }, Fail, report.Mismatch, "of host demo.example.org"},
		"of the host": {report.Load, k6Handle, func(e *Evidence, p *Policy) {
			e.Target, p.Hosts = "staging.example.org", []string{"https://Staging.example.org:8443/x"}
		}, Pass, "", ""},
		"of an unknown host":       {report.Load, k6Handle, func(e *Evidence, p *Policy) { p.Hosts = []string{"staging.example.org"} }, Warn, report.Weak, "target of the test is unknown"},
		"no suppression allowed":   {report.Lint, `{"Issues":[],"Report":{"Linters":[{"Name":"a","Enabled":true}]}}`, func(e *Evidence, p *Policy) { e.Report.Counts.Suppressed, p.MaxSuppressed = 1, &none }, Warn, report.Weak, "at most 0"},
		"some suppression":         {report.Lint, `{"Issues":[],"Report":{"Linters":[{"Name":"a","Enabled":true}]}}`, func(e *Evidence, p *Policy) { e.Report.Counts.Suppressed = 10 }, Pass, "", ""},
		"skipped within the limit": {report.Tests, oneTest, func(e *Evidence, p *Policy) { e.Report.Counts.Passed, e.Report.Counts.Skipped = 8, 2 }, Pass, "", ""},
		"skipped beyond the limit": {report.Tests, oneTest, func(e *Evidence, p *Policy) { e.Report.Counts.Passed, e.Report.Counts.Skipped = 7, 3 }, Warn, report.Weak, "3 of 10 tests skipped (30.0 %), at most 20.0 %"},
		"skipped, and allowed more": {report.Tests, oneTest, func(e *Evidence, p *Policy) {
			p.MaxSkipped, e.Report.Counts.Passed, e.Report.Counts.Skipped = 0.5, 7, 3
		}, Pass, "", ""},
	} {
		e, p := fresh(tt.kind, tt.text), policy
		tt.change(&e, &p)
		if v := Judge(e, p); v.State != tt.state || v.Reason != tt.reason || !strings.Contains(v.Detail, tt.detail) {
			t.Errorf("%s: %s (%s) %s, want %s (%s) …%s…", name, v.State, v.Reason, v.Detail, tt.state, tt.reason, tt.detail)
		}
	}
}

// TestUnread: formats that are not read are named, with what to use instead.
func TestUnread(t *testing.T) {
	for text, want := range map[string]string{
		"Running 30s test @ http://localhost:8000/\n  12 threads":      "text of wrk",
		"This is ApacheBench, Version 2.3":                             "text of ApacheBench",
		`{"numTotalTests":3,"testResults":[]}`:                         "Jest JSON is not read: use the reporter jest-junit",
		`{"errors":[],"metrics":{"_totals":{"loc":1}},"results":[]}`:   "bandit JSON",
		`{"results":[{"check_id":"a"}],"paths":{"scanned":["a"]}}`:     "semgrep JSON",
		`{"total":{"lines":{"total":1,"pct":100}}}`:                    "Istanbul",
		`[{"filePath":"a.js","messages":[]}]`:                          "ESLint JSON",
		`<coverage generated="1" clover="4.4.1"><project/></coverage>`: "Clover XML",
		`<TestRun id="a">`: "Visual Studio's TRX",
		"=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n":                        "text of go test",
		"ok  \texample.org/a\t0.1s\n":                                             "text of go test",
		"No vulnerabilities found.\n":                                             "text of govulncheck",
		"<!DOCTYPE html><html><head>":                                             "an HTML page",
		`{"type":"Point","data":{"time":"2026"},"metric":"http_reqs"}`:            "k6's stream of measurements",
		`{"version":"8.0","packageManager":"npm","ok":true,"vulnerabilities":[]}`: "Snyk JSON",
	} {
		for _, kind := range report.Kinds() {
			if _, err := Parse(strings.NewReader(text), kind); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%.40s as %s: %v, want …%s…", text, kind, err, want)
			}
		}
	}
}

// TestJUnit_Reruns: of a test that gotestsum ran again the last result counts. Elsewhere names may repeat.
func TestJUnit_Reruns(t *testing.T) {
	suite := func(property string, cases ...string) string {
		return `<testsuites><testsuite name="example.org/a"><properties>` + property + `</properties>` + strings.Join(cases, "") + `</testsuite></testsuites>`
	}
	bad, good := `<testcase classname="example.org/a" name="TestA"><failure/></testcase>`, `<testcase classname="example.org/a" name="TestA"/>`
	version := `<property name="go.version" value="go1.26"/>`
	run(t, report.JUnit, []example{
		{name: "passed again", kind: report.Tests, text: suite(version, bad, good), state: Warn, reason: report.Weak, detail: "1 test passed only after a retry"},
		{name: "failed again", kind: report.Tests, text: suite(version, bad, bad), state: Fail, reason: report.Unhealthy, detail: "1 of 1 test failed"},
		{name: "passed at the third time", kind: report.Tests, text: suite(version, bad, bad, good), state: Warn, reason: report.Weak},
		{name: "failed after it had passed", kind: report.Tests, text: suite(version, good, bad), state: Fail, reason: report.Unhealthy},
		{name: "two tests of one name", kind: report.Tests, text: suite("", bad, good), state: Fail, reason: report.Unhealthy, detail: "1 of 2 tests failed"},
	})
}

// TestSubjects compares reports of other languages with the commit.
func TestSubjects(t *testing.T) {
	python := []string{"shop/__init__.py", "shop/app.py", "shop/cart.py", "shop/pay.py", "tests/test_app.py", "tests/test_cart.py", "setup.py", "poetry.lock"}
	java := []string{"pom.xml", "src/main/java/com/example/A.java", "src/main/java/com/example/B.java", "src/test/java/com/example/ATest.java", "src/test/java/com/example/BaseTest.java"}
	node := []string{"package-lock.json", "src/a.js", "src/b.js", "src/c.js", "src/a.test.js", "jest.config.js", "backend/go.mod"}
	pytest := func(classes ...string) string {
		text := `<testsuites><testsuite name="pytest">`
		for _, c := range classes {
			text += `<testcase classname="` + c + `" name="test_x"/>`
		}
		return text + `</testsuite></testsuites>`
	}
	lcov := func(files ...string) string {
		text := ""
		for _, f := range files {
			text += "TN:\nSF:" + f + "\nDA:1,1\nend_of_record\n"
		}
		return text
	}
	cobertura := func(files ...string) string {
		text := `<coverage><packages><package><classes>`
		for _, f := range files {
			text += `<class filename="` + f + `"><lines><line number="1" hits="1"/></lines></class>`
		}
		return text + `</classes></package></packages></coverage>`
	}
	trivy := func(kind string, targets ...string) string {
		text := `{"SchemaVersion":2,"ArtifactName":".","ArtifactType":"` + kind + `","Results":[`
		for i, target := range targets {
			if i > 0 {
				text += ","
			}
			text += `{"Target":"` + target + `","Class":"lang-pkgs"}`
		}
		return text + `]}`
	}
	for name, tt := range map[string]struct {
		kind   report.Kind
		text   string
		tree   Tree
		state  State
		reason report.Reason
		detail string
	}{
		"pytest":                    {report.Tests, pytest("tests.test_app", "tests.test_cart.TestCart"), Tree{Files: python}, Pass, "", ""},
		"pytest, from a folder":     {report.Tests, pytest("test_app", "test_cart"), Tree{Files: python}, Pass, "", ""},
		"pytest of another project": {report.Tests, pytest("tests.test_login", "tests.test_mail"), Tree{Files: python}, Fail, report.Mismatch, "another repository"},
		"pytest of a part":          {report.Tests, pytest("tests.test_app"), Tree{Files: python}, Warn, report.Weak, "1 of the commit's 2 test files"},
		"pytest without Python":     {report.Tests, pytest("tests.test_login"), Tree{Files: []string{"docker-compose.yml"}}, Pass, "", ""},
		"surefire":                  {report.Tests, pytest("com.example.ATest", "com.example.ATest$Inner"), Tree{Files: java}, Pass, "", ""},
		"surefire of another":       {report.Tests, pytest("org.other.XTest"), Tree{Files: java}, Fail, report.Mismatch, ""},
		"gotestsum":                 {report.Tests, pytest("example.org/shop/a"), Tree{Modules: []string{"example.org/shop"}, Tested: []string{"example.org/shop/a"}}, Pass, "", ""},
		"gotestsum of another":      {report.Tests, pytest("example.org/other/a"), Tree{Modules: []string{"example.org/shop"}, Tested: []string{"example.org/shop/a"}}, Fail, report.Mismatch, "another module"},
		"gotestsum of a part":       {report.Tests, pytest("example.org/shop/a"), Tree{Modules: []string{"example.org/shop"}, Tested: []string{"example.org/shop/a", "example.org/shop/b"}}, Warn, report.Weak, "50 %"},
		"jest's titles":             {report.Tests, pytest("the cart adds", "the cart removes"), Tree{Files: node}, Pass, "", ""},
		"lcov":                      {report.Coverage, lcov("/home/ci/shop/src/a.js", "src/b.js"), Tree{Files: node}, Pass, "", ""},
		"lcov, Windows":             {report.Coverage, lcov(`src\a.js`, `src\b.js`), Tree{Files: node}, Pass, "", ""},
		"lcov of another":           {report.Coverage, lcov("src/x.js", "lib/y.js"), Tree{Files: node}, Fail, report.Mismatch, "none of its 2 files"},
		"lcov of a part":            {report.Coverage, lcov("src/a.js"), Tree{Files: node}, Warn, report.Weak, "1 of the commit's 3 source files (33 %)"},
		"lcov without JavaScript":   {report.Coverage, lcov("src/x.js"), Tree{Files: python}, Pass, "", ""},
		"cobertura":                 {report.Coverage, cobertura("app.py", "cart.py", "pay.py"), Tree{Files: python}, Pass, "", ""},
		"cobertura of another":      {report.Coverage, cobertura("login.py"), Tree{Files: python}, Fail, report.Mismatch, ""},
		"JaCoCo of a part":          {report.Coverage, jacoco, Tree{Files: append([]string{"src/main/java/com/example/C.java"}, java...)}, Warn, report.Weak, "1 of the commit's 3 source files"},
		"govulncheck":               {report.Vulnerabilities, govulnHead + govulnChecking, Tree{Modules: []string{"example.com/m"}}, Pass, "", ""},
		"govulncheck of another":    {report.Vulnerabilities, govulnHead + govulnChecking, Tree{Modules: []string{"example.com/other"}}, Fail, report.Mismatch, "another module"},
		"trivy":                     {report.Vulnerabilities, trivy("filesystem", "package-lock.json", "backend/go.mod"), Tree{Files: node}, Pass, "", ""},
		"trivy of another":          {report.Vulnerabilities, trivy("filesystem", "web/yarn.lock"), Tree{Files: node}, Fail, report.Mismatch, "another repository"},
		"trivy of a part":           {report.Vulnerabilities, trivy("filesystem", "package-lock.json"), Tree{Files: node}, Warn, report.Weak, "1 of the commit's 2 lock files (50 %): backend/go.mod is missing"},
		"trivy of an image":         {report.Vulnerabilities, trivy("container_image", "app/server"), Tree{Files: node}, Pass, "", ""},
		"gosec of a part":           {report.Security, `{"Golang errors":{},"Issues":[],"Stats":{"files":3,"lines":9,"nosec":0,"found":0},"GosecVersion":"dev"}`, Tree{Modules: []string{"m"}, GoFiles: 30}, Warn, report.Weak, "3 of the commit's 30 Go files (10 %)"},
		"gosec":                     {report.Security, `{"Golang errors":{},"Issues":[],"Stats":{"files":27,"lines":9,"nosec":0,"found":0},"GosecVersion":"dev"}`, Tree{Modules: []string{"m"}, GoFiles: 30}, Pass, "", ""},
	} {
		e, p := fresh(tt.kind, tt.text), policy
		p.Tree = &tt.tree
		if v := Judge(e, p); v.State != tt.state || v.Reason != tt.reason || !strings.Contains(v.Detail, tt.detail) {
			t.Errorf("%s: %s (%s) %s, want %s (%s) …%s…", name, v.State, v.Reason, v.Detail, tt.state, tt.reason, tt.detail)
		}
	}
}

// oneTest is a stream of one package with one test.
const oneTest = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`
