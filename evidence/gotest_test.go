package evidence

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// events writes one event per argument: "action package[ test[ output]]".
func events(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		f := strings.SplitN(l, " ", 4)
		b.WriteString(`{"Time":"2026-11-20T10:00:00.5Z","Action":"` + f[0] + `","Package":"example.com/` + f[1] + `"`)
		if len(f) > 2 && f[2] != "" {
			b.WriteString(`,"Test":"` + f[2] + `"`)
		}
		if len(f) > 3 {
			b.WriteString(`,"Output":"` + f[3] + `"`)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func goodTestReports() []example {
	return []example{
		{name: "go test", kind: report.Tests, text: events("start a", "run a TestX", "output a TestX === RUN\\n", "run a TestX/sub", "pass a TestX/sub", "pass a TestX", "output a  PASS\\n", "pass a",
			"start b", "output b  ?\\n", "skip b")},
		{name: "go test before 1.20", kind: report.Tests, text: events("run a TestX", "pass a TestX", "output a  PASS\\n", "pass a")},
		{name: "go test with other words", kind: report.Tests, text: "go: downloading example.com/x v1.0.0\n" + events("start a", "run a TestX") + "warning: {not json}\n" + events("pass a TestX", "pass a")},
		{name: "JUnit", kind: report.Tests, text: `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="0"><testsuite name="a" tests="2" timestamp="2026-11-20T10:00:00Z"><testcase name="x"/><testcase name="y"><skipped/></testcase></testsuite>
<testsuite name="b"><testcase name="z"><system-out><![CDATA[</testcase> & <failure/>]]></system-out></testcase></testsuite></testsuites>
`},
	}
}

func TestGoTest(t *testing.T) {
	good := []string{"start a", "run a TestX", "pass a TestX", "pass a"}
	with := func(lines ...string) string { return events(good...) + events(lines...) }
	run(t, report.GoTest, []example{
		{name: "passed", kind: report.Tests, text: events(good...), state: Pass, detail: "1 test passed in 1 package", counts: &report.Counts{Passed: 1, Packages: 1}},
		{name: "again", kind: report.Tests, text: with(good...), state: Pass, counts: &report.Counts{Passed: 2, Packages: 2}},
		{name: "skipped beside", kind: report.Tests, text: with("start b", "run b TestY", "skip b TestY", "pass b"), state: Pass, detail: "1 test passed in 2 packages, 1 skipped"},
		{name: "only skipped", kind: report.Tests, text: events("start b", "run b TestY", "skip b TestY", "pass b"), state: Fail, reason: report.Empty, detail: "no test ran (1 skipped)"},
		{name: "no tests", kind: report.Tests, text: events("start b", "output b  ?[no test files]\\n", "skip b"), state: Fail, reason: report.Empty},
		{name: "failed", kind: report.Tests, text: with("start b", "run b TestY", "fail b TestY", "fail b"), state: Fail, reason: report.Unhealthy, detail: "1 of 2 tests failed: TestY in example.com/b",
			counts: &report.Counts{Passed: 1, Failed: 1, Packages: 2}},
		{name: "failed test, package passed", kind: report.Tests, text: with("start b", "run b TestY", "fail b TestY", "pass b"), state: Fail, reason: report.Unhealthy},
		{name: "failed then passed when run again", kind: report.Tests, text: with("start b", "run b TestY", "fail b TestY", "fail b", "start b", "run b TestY", "pass b TestY", "pass b"), state: Warn, reason: report.Weak,
			detail: "1 test passed only after a retry", counts: &report.Counts{Passed: 2, Flaky: 1, Packages: 3}},
		{name: "failed again when run again", kind: report.Tests, text: with("start b", "run b TestY", "fail b TestY", "fail b", "start b", "run b TestY", "fail b TestY", "fail b"), state: Fail, reason: report.Unhealthy,
			detail: "1 of 2 tests failed: TestY in example.com/b"},
		{name: "another test passed when run again", kind: report.Tests, text: with("start b", "run b TestY", "fail b TestY", "fail b", "start b", "run b TestZ", "pass b TestZ", "pass b"), state: Fail, reason: report.Unhealthy},
		{name: "passed, then failed when run again", kind: report.Tests, text: with("start b", "run b TestY", "pass b TestY", "pass b", "start b", "run b TestY", "fail b TestY", "fail b"), state: Fail, reason: report.Unhealthy},
		{name: "repeated within one run", kind: report.Tests, text: with("start b", "run b TestY", "fail b TestY", "run b TestY", "pass b TestY", "fail b"), state: Fail, reason: report.Unhealthy},
		{name: "broken, then passed when run again", kind: report.Tests, text: with("start b", "output b  panic: x\\n", "fail b", "start b", "run b TestY", "pass b TestY", "pass b"), state: Warn, reason: report.Weak},
		{name: "third run passed", kind: report.Tests, text: with("start b", "run b TestY", "fail b TestY", "fail b", "start b", "run b TestY", "fail b TestY", "fail b", "start b", "run b TestY", "pass b TestY", "pass b"),
			state: Warn, reason: report.Weak, counts: &report.Counts{Passed: 2, Flaky: 1, Packages: 4}},
		{name: "left through os.Exit", kind: report.Tests, text: with("start b", "output b  exit status 3\\n", "fail b"), state: Fail, reason: report.Unhealthy, detail: "failed outside its tests in example.com/b",
			counts: &report.Counts{Passed: 1, Errored: 1, Packages: 2}},
		{name: "not built", kind: report.Tests, text: `{"ImportPath":"example.com/b [example.com/b.test]","Action":"build-output","Output":"# example.com/b\n"}
{"ImportPath":"example.com/b [example.com/b.test]","Action":"build-fail"}
` + with("start b", "output b  FAIL\\texample.com/b [build failed]\\n") + `{"Action":"fail","Package":"example.com/b","Elapsed":0,"FailedBuild":"example.com/b [example.com/b.test]"}` + "\n",
			state: Fail, reason: report.Unhealthy, detail: "build failed in example.com/b", counts: &report.Counts{Passed: 1, Errored: 1, Packages: 2}},
		{name: "not built, package not told", kind: report.Tests, text: `{"ImportPath":"example.com/b","Action":"build-fail"}` + "\n" + with(), state: Fail, reason: report.Unhealthy, detail: "build failed"},
		{name: "not built before 1.24", kind: report.Tests, text: with("output b  FAIL\\texample.com/b [build failed]\\n", "fail b"), state: Fail, reason: report.Unhealthy, detail: "build failed in example.com/b"},
		{name: "not built, in plain words", kind: report.Tests, text: "# example.com/b\nb/b.go:1:1: expected 'package'\n" + with() + "FAIL\texample.com/b [setup failed]\nFAIL\n", state: Fail, reason: report.Unhealthy, detail: "build failed in example.com/b"},
		{name: "panicked", kind: report.Tests, text: with("start b", "run b TestY", "output b TestY panic: boo\\n", "fail b TestY", "fail b"), state: Fail, reason: report.Unhealthy, detail: "TestY in example.com/b"},
		{name: "panicked in TestMain", kind: report.Tests, text: with("start b", "output b  panic: boo\\n", "fail b"), state: Fail, reason: report.Unhealthy, detail: "panicked in example.com/b"},
		{name: "timed out", kind: report.Tests, text: with("start b", "run b TestY", "output b TestY panic: test timed out after 1s\\n", "fail b"), state: Fail, reason: report.Unhealthy, detail: "timed out in example.com/b"},
		{name: "data race", kind: report.Tests, text: with("start b", "output b  WARNING: DATA RACE\\n", "fail b"), state: Fail, reason: report.Unhealthy, detail: "data race in example.com/b"},
		{name: "words of a panic in a passing test", kind: report.Tests, text: events("start a", "run a TestX", "output a TestX panic: no\\n", "output a TestX FAIL\\tx [build failed]\\n", "pass a TestX", "pass a"), state: Pass},
		{name: "benchmarks have no end", kind: report.Tests, text: events("start a", "run a TestX", "pass a TestX", "run a BenchmarkX", "run a BenchmarkX/sub", "output a BenchmarkX BenchmarkX-2 1\\n", "pass a"), state: Pass},
		{name: "later words", kind: report.Tests, text: with("output a  late\\n"), state: Pass},
		{name: "new kinds of events", kind: report.Tests, text: events("start a", "run a TestX", "attr a TestX", "artifacts a TestX", "pause a TestX", "cont a TestX", "pass a TestX", "bench a TestX", "pass a"), state: Pass},

		{name: "package without result", kind: report.Tests, text: with("start b", "run b TestY", "pass b TestY"), state: Unknown, reason: report.Truncated, detail: "1 of 2 packages have no result, the first is example.com/b"},
		{name: "package without result before 1.20", kind: report.Tests, text: with("output b TestY ok\\n"), state: Unknown, reason: report.Truncated, detail: "have no result"},
		{name: "test without result", kind: report.Tests, text: events("start a", "run a TestX", "run a TestY", "pass a TestX", "pass a"), state: Unknown, reason: report.Truncated, detail: "passed but 1 of its tests did not end"},
		{name: "cut in an event", kind: report.Tests, text: with("start b")[:len(with("start b"))-10], state: Unknown, reason: report.Truncated, detail: "report is truncated: line 5"},
		{name: "cut after a failure", kind: report.Tests, text: with("start b", "run b TestY", "fail b TestY"), state: Fail, reason: report.Unhealthy, detail: "1 of 2 tests failed"},
		{name: "two writers", kind: report.Tests, text: events(good[:2]...) + `{"Time":"20{"Action":"pass","Package":"b"}` + "\n" + events(good[2:]...), state: Unknown, reason: report.Invalid, detail: "line 3 is not a test event"},
		{name: "line broken off", kind: report.Tests, text: events(good[:2]...) + `{"Time":"20` + "\n" + events(good[2:]...), state: Unknown, reason: report.Invalid, detail: "line 3 is not a test event", counts: &report.Counts{Passed: 1, Packages: 1}},
		{name: "no event", kind: report.Tests, text: events(good...) + "{}\n", state: Unknown, reason: report.Invalid, detail: "line 5 is not a test event"},
		{name: "other types", kind: report.Tests, text: events(good...) + `{"Action":["pass"]}` + "\n", state: Unknown, reason: report.Invalid, detail: "line 5 is not a test event"},
	})
}

func TestGoTest_Time(t *testing.T) {
	r := parse(t, report.Tests, `{"Time":"2026-11-20T12:00:00+02:00","Action":"start","Package":"a"}
{"Time":"2026-11-20T10:00:01.25Z","Action":"pass","Package":"a"}
{"Time":"2026-11-20T10:00:00Z","Action":"output","Package":"a"}
{"Time":"nonsense","Action":"output","Package":"a"}
`)
	if want := time.Date(2026, 11, 20, 10, 0, 1, 25e7, time.UTC); !r.Time.Equal(want) || r.Tool != "go test" {
		t.Errorf("made by %q at %v, want %v", r.Tool, r.Time, want)
	}
}

// TestGoTest_Limits: many findings, long names, terminal codes and many packages stay within a Report's limits.
func TestGoTest_Limits(t *testing.T) {
	var b strings.Builder
	for range report.MaxFindings + 5 {
		b.WriteString(events(`fail a Test\u001b[31m` + strings.Repeat("x", 3*report.MaxName)))
	}
	b.WriteString(events("fail a"))
	r := parse(t, report.Tests, b.String())
	if len(r.Findings) != report.MaxFindings || r.Counts.Failed != report.MaxFindings+5 {
		t.Errorf("%d findings of %d failures", len(r.Findings), r.Counts.Failed)
	}
	if name := r.Findings[0].Rule; strings.ContainsRune(name, 0x1b) || len(name) > report.MaxName+10 || !strings.HasPrefix(name, "Test?[31mxxx") {
		t.Errorf("the name is kept as %q", name)
	}
	b.Reset()
	for i := range report.MaxPackages + 1 {
		b.WriteString(`{"Action":"skip","Package":"p` + strconv.Itoa(i) + "\"}\n")
	}
	if r := parse(t, report.Tests, b.String()); r.Complete() || r.Gaps[0].Reason != report.Invalid || !strings.Contains(r.Gaps[0].Detail, "more than 50000 packages") {
		t.Errorf("too many packages: %+v", r.Gaps)
	}
}

// TestGoTest_Memory reads 500 MB in constant memory; 50 MB with the race detector, which takes as long.
func TestGoTest_Memory(t *testing.T) { goTestMemory(t, !raced) }

func goTestMemory(t *testing.T, whole bool) {
	size := 50 << 20
	if whole {
		size = 500 << 20
	}
	body := events("start a", "run a TestX", "output a TestX "+strings.Repeat("some words of a log ", 20)+"\\n", "output a TestX "+strings.Repeat("x", 3*stream.MaxText)+"\\n", "pass a TestX", "pass a")
	r := constantMemory(t, report.Tests, repeat("", body, "", size), int64(size), 1<<20)
	if !r.Complete() || r.Counts.Passed != size/len(body) || r.Counts.Failed != 0 {
		t.Errorf("complete %v, %+v", r.Complete(), r.Counts)
	}

	// One event and one line of 16 MB each.
	const long = 16 << 20
	for name, stream := range map[string][2]string{
		"output": {`{"Action":"output","Package":"example.com/a","Output":"`, "\"}\n" + events("run a TestX", "pass a TestX", "pass a")},
		"words":  {"", "\n" + events("run a TestX", "pass a TestX", "pass a")},
	} {
		head := events("start a") + stream[0]
		if r := constantMemory(t, report.Tests, repeat(head, strings.Repeat("a", 1000), stream[1], long), long, 1<<20); !r.Complete() || r.Counts.Passed != 1 {
			t.Errorf("long %s: complete %v, %+v", name, r.Complete(), r.Counts)
		}
	}
}

// TestGoTest_RealTool judges the output of the real go tool.
func TestGoTest_RealTool(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal("the go tool that runs this test is not in PATH")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":            "module example.com/m\n\ngo 1.24\n",
		"good/a.go":         "package good\n\nfunc Add(a, b int) int {\n\tif a > 100 {\n\t\treturn 0\n\t}\n\treturn a + b\n}\n",
		"good/a_test.go":    "package good\n\nimport (\n\t\"fmt\"\n\t\"testing\"\n)\n\nfunc TestAdd(t *testing.T) {\n\tfmt.Print(\"no line end\")\n\tt.Run(\"sub\", func(t *testing.T) {\n\t\tif Add(1, 2) != 3 {\n\t\t\tt.Fatal()\n\t\t}\n\t})\n}\n\nfunc TestParallel(t *testing.T) { t.Parallel(); fmt.Println(\"panic: not really\") }\n\nfunc TestSkip(t *testing.T) { t.Skip() }\n\nfunc BenchmarkAdd(b *testing.B) {\n\tfor range b.N {\n\t\tAdd(1, 2)\n\t}\n}\n\nfunc FuzzAdd(f *testing.F) {\n\tf.Add(1)\n\tf.Fuzz(func(t *testing.T, a int) { Add(a, a) })\n}\n\nfunc ExampleAdd() {\n\tfmt.Println(Add(1, 2))\n\t// Output: 3\n}\n",
		"none/a.go":         "package none\n",
		"nobuild/a.go":      "package nobuild\n\nfunc F() int { return \"x\" }\n",
		"nobuild/a_test.go": "package nobuild\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {}\n",
		"nosetup/a_test.go": "package nosetup\n\nimport _ \"example.com/m/absent\"\n",
		"panics/a_test.go":  "package panics\n\nimport \"testing\"\n\nfunc TestP(t *testing.T) { panic(\"boo\") }\n\nfunc TestQ(t *testing.T) {}\n",
		"exits/a_test.go":   "package exits\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) { m.Run(); os.Exit(3) }\n\nfunc TestQ(t *testing.T) {}\n",
		"slow/a_test.go":    "package slow\n\nimport (\n\t\"testing\"\n\t\"time\"\n)\n\nfunc TestSlow(t *testing.T) { time.Sleep(time.Minute) }\n",
		"races/a_test.go":   "package races\n\nimport \"testing\"\n\nfunc TestRace(t *testing.T) {\n\tn, done := 0, make(chan bool)\n\tgo func() { n++; close(done) }()\n\tn++\n\t<-done\n}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args   string
		state  State
		reason report.Reason
		detail string
		counts report.Counts
	}{
		{"-coverprofile=c.out ./good ./none", Pass, "", "6 tests passed in 2 packages, 1 skipped", report.Counts{Passed: 6, Skipped: 1, Packages: 2}},
		{"-count=3 -cpu=1,2 -shuffle=on ./good", Pass, "", "31 tests passed in 1 package, 6 skipped", report.Counts{Passed: 31, Skipped: 6, Packages: 1}},
		{"-bench=. -benchtime=1x ./good", Pass, "", "6 tests passed", report.Counts{Passed: 6, Skipped: 1, Packages: 1}},
		{"-run=Nothing ./good", Fail, report.Empty, "no test ran", report.Counts{Packages: 1}},
		{"./none", Fail, report.Empty, "no test ran", report.Counts{Packages: 1}},
		{"./good ./nobuild", Fail, report.Unhealthy, "build failed in example.com/m/nobuild", report.Counts{Passed: 6, Skipped: 1, Errored: 1, Packages: 2}},
		{"./good ./nosetup", Fail, report.Unhealthy, "build failed in example.com/m/nosetup", report.Counts{Passed: 6, Skipped: 1, Errored: 1, Packages: 2}},
		{"./panics", Fail, report.Unhealthy, "TestP in example.com/m/panics", report.Counts{Failed: 1, Packages: 1}},
		{"./exits", Fail, report.Unhealthy, "failed outside its tests in example.com/m/exits", report.Counts{Passed: 1, Errored: 1, Packages: 1}},
		{"-timeout=100ms ./slow", Fail, report.Unhealthy, "timed out in example.com/m/slow", report.Counts{Errored: 1, Packages: 1}},
		{"-race ./races", Fail, report.Unhealthy, "TestRace in example.com/m/races", report.Counts{Failed: 1, Packages: 1}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			cmd := exec.Command("go", append([]string{"test", "-json"}, strings.Fields(tt.args)...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off", "GOPROXY=off")
			both := &strings.Builder{}
			out := &strings.Builder{}
			cmd.Stdout, cmd.Stderr = out, both
			_ = cmd.Run() // its status is not what is looked at
			e := fresh(report.Tests, out.String())
			v := Judge(e, policy)
			if v.State != tt.state || v.Reason != tt.reason || !strings.Contains(v.Detail, tt.detail) {
				t.Errorf("judged %s (%s) %s\nwant   %s (%s) …%s…\n%s%s", v.State, v.Reason, v.Detail, tt.state, tt.reason, tt.detail, out, both)
			}
			if e.Report.Counts != tt.counts {
				t.Errorf("counted %+v\nwant    %+v\n%s", e.Report.Counts, tt.counts, out)
			}
			if age := time.Since(e.Report.Time); age > time.Hour || age < -time.Minute {
				t.Errorf("made at %v", e.Report.Time)
			}
			// `2>&1` mixes the go command's own words in.
			if mixed := Judge(fresh(report.Tests, both.String()+out.String()), policy); mixed.State != v.State || mixed.Reason != v.Reason {
				t.Errorf("with the go command's own words: %s (%s) %s", mixed.State, mixed.Reason, mixed.Detail)
			}
			if t.Failed() || v.State != Pass || len(out.String()) > 20_000 {
				return
			}
			text := out.String()
			for n := range len(text) - 1 {
				if cut := Judge(fresh(report.Tests, text[:n]), policy); cut.State == Pass && !endsPackage(text[:n]+"\n") {
					t.Fatalf("cut after %d bytes: a pass\n…%s", n, text[max(0, n-200):n])
				}
			}
		})
	}

	profile, err := os.ReadFile(filepath.Join(dir, "c.out"))
	if err != nil {
		t.Fatal(err)
	}
	if v := Judge(fresh(report.Coverage, string(profile)), policy); v.State != Fail || v.Reason != report.Threshold || !strings.Contains(v.Detail, "66.6 % of 3 statements") {
		t.Errorf("coverage: %s (%s) %s\n%s", v.State, v.Reason, v.Detail, profile)
	}
}
