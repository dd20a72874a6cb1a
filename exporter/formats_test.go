package exporter

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// everyState returns a report with an item in every state. The details contain markup of all output formats.
func everyState(t *testing.T) *collector.Report {
	t.Helper()
	var text strings.Builder
	text.WriteString("checklist: Own\ncategories:\n")
	for i, s := range probe.States() {
		if i%3 == 0 {
			text.WriteString("  - category: c" + strconv.Itoa(i/3) + "\n    items:\n")
		}
		text.WriteString("      - item: " + s.String() + "_item\n        title: It is " + s.String() + "\n        fix: Run `a | b` <b>now</b>.\n        probes: [env_file: {}]\n")
	}
	text.WriteString("      - item: waived_item\n        title: Waived\n        fix: Wait.\n        probes: [env_file: {}]\n")
	waiver, err := yamlNode("item: waived_item\nreason: 'old <i>hardware</i>'\nby: lead@example.com\nexpires: 2026-03-31\n")
	if err != nil {
		t.Fatal(err)
	}
	list, err := checklist.Load(&checklist.Source{File: "own.yml", Data: []byte(text.String())}, checklist.Changes{Waivers: waiver})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	r := &collector.Report{Time: now, Checklist: list}
	for _, it := range list.Items() {
		var s probe.State
		if it.Name == "waived_item" {
			s = probe.StateFail
		} else if err := s.UnmarshalText([]byte(strings.TrimSuffix(it.Name, "_item"))); err != nil {
			t.Fatal(err)
		}
		result := probe.Result{State: s, Detail: "</failure>]]> <script>alert(1)</script> | **bold** `code`\n# heading\x00"}
		if s != probe.StatePass {
			result.Reason = probe.ReasonInvalid
		}
		if s == probe.StateFail {
			result.Offenders = []probe.Offender{{ID: "web:memory", File: "docker-compose.yml", Line: 7}}
		}
		v := checklist.Verdict{Item: it, State: s, Reason: result.Reason, Detail: result.Detail, Waived: it.Waiver.Active(now), Duration: time.Second, LastRun: now,
			Outcomes: []checklist.Outcome{{Probe: it.Probes[0], Result: result}}}
		r.Verdicts = append(r.Verdicts, v)
	}
	return r
}

// junitForm is the used part of junit-10.xsd of Jenkins's xunit plugin: for each element its attributes, in order, and its
// child elements. The children of testcase can be in any order.
var junitForm = map[string]struct {
	attributes, children []string
}{
	"testsuites": {[]string{"name", "tests", "failures", "errors", "time"}, []string{"testsuite"}},
	"testsuite":  {[]string{"name", "timestamp", "tests", "failures", "errors", "skipped", "time"}, []string{"testcase"}},
	"testcase":   {[]string{"name", "classname", "time"}, []string{"failure", "error", "skipped", "system-out"}},
	"failure":    {[]string{"message", "type"}, nil},
	"error":      {[]string{"message", "type"}, nil},
	"skipped":    {[]string{"message"}, nil},
	"system-out": {nil, nil},
}

// junitTime is SUREFIRE_TIME of the schema.
var junitTime = regexp.MustCompile(`^(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?$`)

// validJUnit returns the first error in the structure or the counts of a document, or "".
func validJUnit(data []byte) string {
	type open struct {
		name   string
		counts map[string]int // as declared
		seen   map[string]int
	}
	var stack []open
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		switch x := token.(type) {
		case xml.StartElement:
			name := x.Name.Local
			form, ok := junitForm[name]
			if !ok {
				return "unknown element " + name
			}
			if len(stack) == 0 && name != "testsuites" || len(stack) > 0 && !slices.Contains(junitForm[stack[len(stack)-1].name].children, name) {
				return name + " is not allowed here"
			}
			o := open{name, map[string]int{}, map[string]int{}}
			var got []string
			for _, a := range x.Attr {
				got = append(got, a.Name.Local)
				switch a.Name.Local {
				case "tests", "failures", "errors", "skipped":
					n, err := strconv.Atoi(a.Value)
					if err != nil || n < 0 {
						return name + ": " + a.Name.Local + " is not a number"
					}
					o.counts[a.Name.Local] = n
				case "time":
					if f, err := strconv.ParseFloat(a.Value, 64); err != nil || f < 0 || !junitTime.MatchString(a.Value) {
						return name + ": time is not a number of seconds with three decimals"
					}
				case "timestamp":
					if _, err := time.Parse("2006-01-02T15:04:05", a.Value); err != nil {
						return name + ": timestamp: " + err.Error()
					}
				}
			}
			if !slices.Equal(got, form.attributes) {
				return name + " has the attributes " + strings.Join(got, " ")
			}
			for i := range stack {
				switch name {
				case "testcase":
					stack[i].seen["tests"]++
				case "failure":
					stack[i].seen["failures"]++
				case "error":
					stack[i].seen["errors"]++
				case "skipped":
					stack[i].seen["skipped"]++
				}
			}
			stack = append(stack, o)
		case xml.EndElement:
			o := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for what, n := range o.counts {
				if o.seen[what] != n {
					return o.name + " declares " + strconv.Itoa(n) + " " + what + " but contains " + strconv.Itoa(o.seen[what])
				}
			}
		case xml.CharData:
			if parent := len(stack) - 1; parent >= 0 && len(junitForm[stack[parent].name].children) > 0 && strings.TrimSpace(string(x)) != "" {
				return "text in " + stack[parent].name
			}
		}
	}
}

func TestJUnit(t *testing.T) {
	data, err := format.EncodeJUnit(everyState(t))
	if err != nil {
		t.Fatal(err)
	}
	if wrong := validJUnit(data); wrong != "" {
		t.Fatalf("%s\n%s", wrong, data)
	}
	var got format.JunitSuites
	if err := xml.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 7 || got.Failures != 1 || got.Errors != 1 || len(got.Suites) != 2 || got.Suites[0].Skipped+got.Suites[1].Skipped != 2 {
		t.Errorf("%d tests, %d failures, %d errors in suites %+v", got.Tests, got.Failures, got.Errors, got.Suites)
	}
	for _, s := range got.Suites {
		for _, c := range s.Cases {
			ok := map[string]bool{
				"It is fail": c.Failure != nil, "It is unknown": c.Error != nil, "It is skip": c.Skipped != nil, "Waived": c.Skipped != nil && strings.Contains(c.Skipped.Message, "fail, waived by lead@example.com until 2026-03-31"),
				"It is pass": c.Failure == nil && c.Error == nil && c.Skipped == nil, "It is warn": strings.HasPrefix(c.Output, "warn (invalid)"), "It is pending": strings.HasPrefix(c.Output, "pending (invalid)"),
			}[c.Name]
			if !ok {
				t.Errorf("%s: %+v", c.Name, c)
			}
		}
	}
}

func TestJUnitForm(t *testing.T) {
	good := `<testsuites name="n" tests="0" failures="0" errors="0" time="0.001"><testsuite name="s" timestamp="2026-01-01T00:00:00" tests="0" failures="0" errors="0" skipped="0" time="1234.000"></testsuite></testsuites>`
	if wrong := validJUnit([]byte(good)); wrong != "" {
		t.Fatal(wrong)
	}
	for bad, want := range map[string]string{
		strings.Replace(good, `tests="0"`, `tests="1"`, 1):      "declares 1 tests",
		strings.Replace(good, "><", "><testcase/><", 1):         "is not allowed here",
		strings.Replace(good, "0.001", "0.0001", 1):             "three decimals",
		strings.Replace(good, "1234.000", "1e3", 1):             "three decimals",
		strings.Replace(good, `failures="0"`, `skipped="0"`, 1): "has the attributes",
		strings.Replace(good, `name="n" `, "", 1):               "has the attributes",
		strings.Replace(good, "><", ">text<", 1):                "text in testsuites",
		strings.Replace(good, "T00:00:00", "", 1):               "timestamp",
		strings.ReplaceAll(good, "testsuites", "suites"):        "unknown element suites",
	} {
		if got := validJUnit([]byte(bad)); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", bad, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	r := everyState(t)
	var b bytes.Buffer
	format.WriteMarkdown(&b, r, nil, r.Ready(), nil)
	text := b.String()
	for _, want := range []string{
		"## ❌ Not ready – Own\n", "**Failing:** fail_item\n", "**Waiting for:** ", "| ❌ fail | It is fail<br>`c1/fail_item` | `invalid` | ",
		"<details><summary>1 pass</summary>", "<details><summary>1 skip</summary>", "waived by lead@example.com until 2026-03-31: old &lt;i&gt;hardware", "Run `a \\| b` &lt;b&gt;now&lt;/b&gt;.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, forbidden := range []string{"<script", "</failure", "**bold**", "\n# heading", "`code`", "\x00"} {
		if strings.Contains(text, forbidden) {
			t.Errorf("output contains %q:\n%s", forbidden, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| ") && strings.Contains(line, "_item`") {
			plain := strings.ReplaceAll(line, `\|`, "")
			if n := strings.Count(plain, "|"); n != 6 && n != 4 && n != 3 {
				t.Errorf("%d cells: %s", n-1, line)
			}
		}
	}
	b.Reset()
	format.WriteMarkdown(&b, r, &checklist.Gate{Name: "pre"}, checklist.Answer{Ready: true}, nil)
	if !strings.HasPrefix(b.String(), "## ✅ Gate pre: ready – Own\n") {
		t.Errorf("%.60s", b.String())
	}
}

func TestCommands(t *testing.T) {
	for in, want := range map[string]string{"a `b|c` d": "a `b\\|c` d", "one ` alone": "one \\` alone", "`` x": " x", "<a> `<b>`": "&lt;a&gt; `<b>`"} {
		if got := format.Commands(in); got != want {
			t.Errorf("commands(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestCheck_EmptyRoot says first that a folder is no deployment, unless the checklist is the team's own.
func TestCheck_EmptyRoot(t *testing.T) {
	empty, full := t.TempDir(), t.TempDir()
	write(t, full, "compose.yml", "services: {a: {image: a}}\n")
	own := write(t, empty, "catalyst.yml", "checklist: own.yml\n")
	write(t, empty, "own.yml", "checklist: Own\ncategories: [{category: a, items: [{item: b, title: B, fix: Do., probes: [changelog: {}]}]}]\n")
	for _, tt := range []struct {
		args []string
		said bool
	}{
		{[]string{"check", "--item=changelog", "--deployment.root=" + empty}, true},
		{[]string{"check", "--item=changelog", "--format=json", "--deployment.root=" + empty}, true},
		{[]string{"check", "--item=changelog", "--deployment.root=" + full}, false},
		{[]string{"check", "--item=b", "--config.file=" + own, "--deployment.root=" + empty}, false},
	} {
		var errs bytes.Buffer
		Main(tt.args, System{Context: t.Context(), Stdout: io.Discard, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now})
		if said := strings.Contains(errs.String(), empty+" contains neither a compose file nor an env file"); said != tt.said {
			t.Errorf("%q: %s", tt.args, errs.String())
		}
	}
}
