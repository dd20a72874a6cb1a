package evidence

import (
	"bufio"
	"bytes"

	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Formats that pipelines often have and that are not read: they are named, with the format to use instead.

// unread names such a format by the beginning of a report; "" for an unknown one.
func unread(head []byte) (name, instead string) {
	text := bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF")))
	switch {
	case len(text) == 0:
		return "", ""
	case text[0] == '{', text[0] == '[':
		return unreadJSON(keysOf(text))
	case text[0] == '<':
		return unreadXML(text)
	}
	for _, f := range []struct {
		head          *lazyregexp.Regexp
		name, instead string
	}{
		{wrkText, "text of wrk", "it states no percentile by default and no errors: use k6 or vegeta"},
		{abText, "text of ApacheBench", "use k6 or vegeta"},
		{heyText, "text of hey", "use k6 or vegeta"},
		{jmeterText, "JMeter CSV", "use k6 or vegeta"},
		{locustText, "locust CSV", "use k6 or vegeta"},
		{tapText, "TAP", "use JUnit XML"},
		{goText, "text of go test", "use go test -json"},
		{pytestText, "text of pytest", "use pytest --junitxml"},
		{vulnText, "text of govulncheck", "use govulncheck -format json"},
		{npmText, "text of npm audit", "use npm audit --json"},
		{k6Text, "text of k6", "use k6 run --summary-export"},
	} {
		if f.head.Match(text) {
			return f.name, f.instead
		}
	}
	return "", ""
}

var (
	wrkText    = lazyregexp.New(`^Running \S+ test @ `)
	abText     = lazyregexp.New(`^This is ApacheBench`)
	heyText    = lazyregexp.New(`^Summary:\s+Total:`)
	jmeterText = lazyregexp.New(`^timeStamp,elapsed,`)
	locustText = lazyregexp.New(`^"?Type"?,"?Name"?,"?Request Count`)
	tapText    = lazyregexp.New(`^(?:TAP version \d+|1\.\.\d+\s)`)
	goText     = lazyregexp.New(`^(?:=== RUN |ok  \t|---? (?:PASS|FAIL)|PASS\n|FAIL\t|\?   \t)`)
	pytestText = lazyregexp.New(`^=+ test session starts`)
	vulnText   = lazyregexp.New(`^(?:=== Symbol Results|No vulnerabilities found\.|Scanning your code)`)
	npmText    = lazyregexp.New(`^(?:found \d+ vulnerabilities|# npm audit report)`)
	k6Text     = lazyregexp.New(`(?m)^\s*(?:execution: local|http_req_duration\.+:)`)
)

func unreadJSON(has map[string]bool) (name, instead string) {
	for _, f := range []struct {
		keys          []string
		name, instead string
	}{
		{[]string{".numTotalTests"}, "Jest JSON", "use the reporter jest-junit"},
		{[]string{".stats.passes", ".tests"}, "Mocha JSON", "use the reporter mocha-junit-reporter"},
		{[]string{".suites.specs"}, "Playwright JSON", "use the reporter junit"},
		{[]string{".metrics._totals"}, "bandit JSON", "use bandit -f sarif"},
		{[]string{".results.check_id"}, "semgrep JSON", "use semgrep --sarif"},
		{[]string{".paths.scanned"}, "semgrep JSON", "use semgrep --sarif"},
		{[]string{".total.lines.pct"}, "Istanbul's coverage summary", "use the reporter lcov"},
		{[]string{".totals.percent_covered"}, "coverage.py JSON", "use coverage xml"},
		{[]string{".packageManager", ".ok"}, "Snyk JSON", "use snyk test --sarif"},
		{[]string{".dependencies.vulns"}, "pip-audit JSON", "use osv-scanner or trivy"},
		{[]string{".report_meta"}, "safety JSON", "use osv-scanner or trivy"},
		{[]string{".@context", ".@graph"}, "SPDX 3", "use SPDX 2.3 JSON or CycloneDX JSON"},
		{[]string{".reportSchema", ".dependencies"}, "OWASP dependency-check JSON", "use its SARIF"},
		{[]string{".filePath", ".messages"}, "ESLint JSON", "use the formatter checkstyle"},
		{[]string{".message-id"}, "Pylint JSON", "use SARIF or checkstyle"},
		{[]string{".check_name"}, "Code Climate JSON", "use SARIF or checkstyle"},
		{[]string{".code", ".filename"}, "Ruff JSON", "use ruff check --output-format=sarif"},
		{[]string{".aggregate.counters"}, "Artillery JSON", "use k6 or vegeta"},
		{[]string{".num_requests"}, "locust JSON", "use k6 or vegeta"},
		{[]string{".rps", ".latencyDistribution"}, "hey or fortio JSON", "use k6 or vegeta"},
		{[]string{".type", ".data"}, "k6's stream of measurements (--out json)", "use k6 run --summary-export"},
		{[]string{".SourceMetadata"}, "trufflehog JSON", "use gitleaks"},
	} {
		all := true
		for _, key := range f.keys {
			all = all && has[key]
		}
		if all {
			return f.name, f.instead
		}
	}
	return "", ""
}

func unreadXML(text []byte) (name, instead string) {
	start, _, err := stream.NewXML(&stream.Input{Reader: bufio.NewReader(bytes.NewReader(text))}).Next()
	if err != nil || start == nil {
		if bytes.HasPrefix(bytes.ToLower(text), []byte("<!doctype html")) {
			return "an HTML page", "store the report itself, not its page"
		}
		return "", ""
	}
	switch start.Name.Local {
	case "html", "HTML":
		return "an HTML page", "store the report itself, not its page"
	case "TestRun":
		return "Visual Studio's TRX", "use the logger junit"
	case "test-run", "test-results":
		return "NUnit XML", "use the logger junit"
	case "assemblies", "assembly":
		return "xUnit.net XML", "use the logger junit"
	case "testResults":
		return "JMeter XML", "use k6 or vegeta"
	case "coverage":
		return "Clover XML", "use Cobertura XML or LCOV"
	case "CoverageSession":
		return "OpenCover XML", "use Cobertura XML"
	case "analysis":
		return "OWASP dependency-check XML", "use its SARIF"
	case "pmd", "FileViolations", "BugCollection":
		return "XML of PMD or SpotBugs", "use SARIF"
	}
	return "", ""
}
