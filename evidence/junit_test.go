package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

func TestJUnit(t *testing.T) {
	run(t, report.JUnit, []example{
		{name: "one suite as root", kind: report.Tests, text: `<testsuite tests="1"><testcase name="x"/></testsuite>`, state: Pass, counts: &report.Counts{Passed: 1, Packages: 1}},
		{name: "nested suites", kind: report.Tests, text: `<testsuites tests="3"><testsuite name="a" tests="3"><testsuite name="b" tests="2"><testcase name="x"/><testcase name="y"/></testsuite><testcase name="z"/></testsuite></testsuites>`,
			state: Pass, counts: &report.Counts{Passed: 3, Packages: 2}},
		{name: "no tests", kind: report.Tests, text: `<testsuites tests="0"></testsuites>`, state: Fail, reason: report.Empty, detail: "no test ran"},
		{name: "no tests, closed at once", kind: report.Tests, text: `<testsuites/>`, state: Fail, reason: report.Empty},
		{name: "empty suites", kind: report.Tests, text: `<testsuites><testsuite name="a" tests="0"/></testsuites>`, state: Fail, reason: report.Empty},
		{name: "only skipped", kind: report.Tests, text: `<testsuite><testcase name="x"><skipped/></testcase></testsuite>`, state: Fail, reason: report.Empty, detail: "(1 skipped)"},
		{name: "failure", kind: report.Tests, text: `<testsuite name="s"><testcase classname="pkg.Class" name="x"><failure message="a secret">another</failure></testcase><testcase name="y"/></testsuite>`,
			state: Fail, reason: report.Unhealthy, detail: "1 of 2 tests failed: x in pkg.Class", counts: &report.Counts{Passed: 1, Failed: 1, Packages: 1}},
		{name: "error", kind: report.Tests, text: `<testsuite name="s"><testcase name="x"><error/></testcase></testsuite>`, state: Fail, reason: report.Unhealthy, detail: "x in s", counts: &report.Counts{Errored: 1, Packages: 1}},
		{name: "failure and error count once", kind: report.Tests, text: `<testsuite><testcase name="x"><failure/><error/><failure/></testcase></testsuite>`, state: Fail, reason: report.Unhealthy, counts: &report.Counts{Failed: 1, Packages: 1}},
		{name: "skipped and failed", kind: report.Tests, text: `<testsuite><testcase name="x"><skipped/><failure/></testcase></testsuite>`, state: Fail, reason: report.Unhealthy},
		{name: "suite in error", kind: report.Tests, text: `<testsuite name="s"><error/><testcase name="x"/></testsuite>`, state: Fail, reason: report.Unhealthy, detail: "suite failed in s"},
		{name: "status only", kind: report.Tests, text: `<testsuite><testcase name="x" status="failed"/></testsuite>`, state: Fail, reason: report.Unhealthy},
		{name: "result only", kind: report.Tests, text: `<testsuite><testcase name="x" result="error"/></testsuite>`, state: Fail, reason: report.Unhealthy},
		{name: "not run", kind: report.Tests, text: `<testsuite><testcase name="x" status="notrun"/><testcase name="y" status="run"/></testsuite>`, state: Pass, counts: &report.Counts{Passed: 1, Skipped: 1, Packages: 1}},
		{name: "flaky", kind: report.Tests, text: `<testsuite><testcase name="x"><flakyFailure/></testcase></testsuite>`, state: Warn, reason: report.Weak, detail: "1 test passed only after a retry"},
		{name: "failures without cases", kind: report.Tests, text: `<testsuites failures="2"><testsuite tests="1"><testcase name="x"/></testsuite></testsuites>`, state: Fail, reason: report.Unhealthy, detail: "2 failures in the totals"},
		{name: "failures of a suite without cases", kind: report.Tests, text: `<testsuite tests="3" failures="1" errors="1"><testcase name="x"/></testsuite>`, state: Fail, reason: report.Unhealthy},
		{name: "one failure without its case", kind: report.Tests, text: `<testsuite tests="1" failures="1"><testcase name="x"/></testsuite>`, state: Fail, reason: report.Unhealthy, detail: "1 failures in"},
		{name: "tests missing", kind: report.Tests, text: `<testsuite tests="3"><testcase name="x"/></testsuite>`, state: Unknown, reason: report.Truncated, detail: "totals state 3 tests, but 1 are present"},
		{name: "skipped ones not listed", kind: report.Tests, text: `<testsuite tests="3" skipped="1" disabled="1"><testcase name="x"/></testsuite>`, state: Pass},
		{name: "senseless totals", kind: report.Tests, text: `<testsuite tests="many" failures="-3"><testcase name="x"/></testsuite>`, state: Pass},
		{name: "name space", kind: report.Tests, text: `<j:testsuites xmlns:j="urn:x"><j:testsuite><j:testcase name="x"><j:failure/></j:testcase></j:testsuite></j:testsuites>`, state: Fail, reason: report.Unhealthy},
		{name: "case in a case", kind: report.Tests, text: `<testsuite><testcase name="x"><failure/><testcase name="y"/></testcase></testsuite>`, state: Unknown, reason: report.Invalid, detail: "test case inside a test case"},
		{name: "words that look like tags", kind: report.Tests, text: `<testsuite><testcase name="x"><system-out>&lt;failure/&gt; &nothing; <!-- <failure/> --> <![CDATA[<failure/>]]></system-out></testcase></testsuite>`, state: Pass},
		{name: "two reports in one file", kind: report.Tests, text: `<testsuite><testcase name="x"/></testsuite><testsuite><testcase name="y"/></testsuite>`, state: Unknown, reason: report.Invalid, detail: "second root element"},
		{name: "wrong end tag", kind: report.Tests, text: `<testsuite><testcase name="x"></testsuite>`, state: Unknown, reason: report.Invalid, detail: "end tag without a start tag"},
		{name: "malformed tag", kind: report.Tests, text: `<testsuite><testcase name=x/></testsuite>`, state: Unknown, reason: report.Invalid, detail: "malformed tag"},
		{name: "undefined entity", kind: report.Tests, text: `<testsuite><testcase name="&x;"/></testsuite>`, state: Unknown, reason: report.Invalid, detail: "malformed tag"},
	})
}

// TestJUnit_RejectsEntities: a report's own entities are never expanded.
func TestJUnit_RejectsEntities(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>`
	if r, err := Parse(strings.NewReader(bomb), report.Tests); err == nil || r.Counts.Passed != 0 {
		t.Errorf("with entities: %v %+v", err, r)
	}
	file := `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&a;"/></testsuite>`
	if _, err := Parse(strings.NewReader(file), report.Tests); err == nil {
		t.Error("with an external entity: no error")
	}
	// A name of a DTD alone is nothing to refuse; it is not fetched.
	if v := (example{kind: report.Tests, text: `<!DOCTYPE testsuite PUBLIC "a > b" 'http://127.0.0.1:1/[x].dtd'><testsuite><testcase name="x"/></testsuite>`}).verdict(); v.State != Pass {
		t.Errorf("with the name of a DTD: %+v", v)
	}
	for name, text := range map[string]string{
		"late DOCTYPE":    `<testsuite><!DOCTYPE x [<!ENTITY a "b">]><testcase name="x"/></testsuite>`,
		"deep":            `<testsuite>` + strings.Repeat("<testsuite>", stream.MaxDepth) + `<testcase name="x"/>` + strings.Repeat("</testsuite>", stream.MaxDepth) + `</testsuite>`,
		"many attributes": `<testsuite><testcase name="x" ` + strings.Repeat(`a="b" `, stream.MaxTag/5) + `/></testsuite>`,
		"encoding":        `<?xml version="1.0" encoding="EBCDIC"?><testsuite><testcase name="x"/></testsuite>`,
	} {
		v := (example{kind: report.Tests, text: text}).verdict()
		if v.State != Unknown || v.Reason != report.Invalid {
			t.Errorf("%s: %s (%s) %s", name, v.State, v.Reason, v.Detail)
		}
	}
}

func TestJUnit_Encodings(t *testing.T) {
	for encoding, name := range map[string]string{"UTF-8": "gr\xc3\xb6\xc3\x9fer", "utf-8": "gr\xc3\xb6\xc3\x9fer", "ISO-8859-1": "gr\xf6\xdfer", "windows-1252": "gr\xf6\xdfer", "iso-8859-15": "gr\xf6\xdfer"} {
		r := parse(t, report.Tests, `<?xml version="1.0" encoding="`+encoding+`"?><testsuite><testcase name="`+name+`"><failure/></testcase></testsuite>`)
		if len(r.Findings) != 1 || r.Findings[0].Rule != "größer" {
			t.Errorf("%s: %+v %+v", encoding, r.Findings, r.Gaps)
		}
	}
	wide := wide16(`<?xml version="1.0" encoding="UTF-16"?><testsuite><testcase name="größer"><failure/></testcase></testsuite>`, [2]int{0, 1})
	if r := parse(t, report.Tests, wide); len(r.Findings) != 1 || r.Findings[0].Rule != "größer" {
		t.Errorf("UTF-16: %+v %+v", r.Findings, r.Gaps)
	}
}

func TestJUnit_Time(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-11-20T10:00:00":          time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00.5":        time.Date(2026, 11, 20, 10, 0, 0, 5e8, time.UTC),
		"2026-11-20T12:00:00+02:00":    time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20 10:00:00":          time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"Fri Nov 20 10:00:00 UTC 2026": {},
	} {
		r := parse(t, report.Tests, `<testsuites><testsuite timestamp="2020-01-01T00:00:00"/><testsuite timestamp="`+text+`"/></testsuites>`)
		if want.IsZero() {
			want = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		if !r.Time.Equal(want) {
			t.Errorf("%q is read as %v", text, r.Time)
		}
	}
}

// TestJUnit_LongValues: truncating a long attribute never splits a reference or character.
func TestJUnit_LongValues(t *testing.T) {
	for n := range 24 {
		value := strings.Repeat("x", stream.MaxAttr-n) + "&#x1F600;ö&amp;ö&lt;" + strings.Repeat("ä&quot;", 100)
		r := parse(t, report.Tests, `<testsuite><testcase name="`+value+`" classname='c'><failure/></testcase></testsuite>`)
		if !r.Complete() || r.Counts.Failed != 1 || r.Findings[0].Package != "c" {
			t.Fatalf("%d characters before the limit: %+v %+v", n, r.Gaps, r.Counts)
		}
	}
}

// TestJUnit_Memory: many cases and an endless log use constant memory.
func TestJUnit_Memory(t *testing.T) {
	const size = 8 << 20
	for name, s := range map[string][3]string{
		"cases":     {`<testsuite>`, `<testcase name="a name that is long enough" classname="c"><system-out>some words</system-out></testcase>`, `</testsuite>`},
		"log":       {`<testsuite><testcase name="x"><system-out>`, "some words of a log ", `</system-out></testcase></testsuite>`},
		"CDATA":     {`<testsuite><testcase name="x"><system-out><![CDATA[`, "some ]] > words of a log ", `]]></system-out></testcase></testsuite>`},
		"comment":   {`<testsuite><testcase name="x"><!--`, "some <words> - of a -> log ", `--></testcase></testsuite>`},
		"attribute": {`<testsuite><testcase name="x"><skipped message="`, "some words &amp; &#228; ö of a log ", `"/></testcase><testcase name="y"/></testsuite>`},
	} {
		t.Run(name, func(t *testing.T) {
			r := constantMemory(t, report.Tests, repeat(s[0], s[1], s[2], size), size, 1<<20)
			if !r.Complete() || r.Counts.Passed < 1 || r.Counts.Failed != 0 {
				t.Errorf("%+v %+v", r.Counts, r.Gaps)
			}
		})
	}
}
