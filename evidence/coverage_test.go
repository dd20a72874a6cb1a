package evidence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/cover"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/coverage"
)

func goodCoverageReports() []example {
	return []example{
		{name: "cover profile", kind: report.Coverage, text: "mode: atomic\nexample.com/a/x.go:1.2,3.4 8 12\nexample.com/a/x.go:4.2,5.4 1 3\nexample.com/a/y.go:4.2,5.4 1 0\n"},
		{name: "Cobertura", kind: report.Coverage, text: `<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.8" timestamp="1795168800000"><sources><source>.</source></sources><packages><package name="p"><classes>
<class name="A" filename="a.go"><methods><method name="m"><lines><line number="1" hits="2"/></lines></method></methods>
<lines><line number="1" hits="2"/><line number="2" hits="1"/><line number="3" hits="1"/><line number="4" hits="1"/><line number="5" hits="0"/></lines></class>
</classes></package></packages></coverage>
`},
		{name: "LCOV", kind: report.Coverage, text: "TN:\nSF:a.js\nFN:1,f\nFNDA:1,f\nDA:1,1\nDA:2,1\nDA:3,0\nDA:4,5,checksum\nLF:4\nLH:3\nend_of_record\nSF:b.js\nDA:1,9\nend_of_record\n"},
	}
}

func TestCoverProfile(t *testing.T) {
	run(t, report.CoverFile, []example{
		{name: "enough", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 4 1\na.go:3.1,4.2 1 0\n", state: Pass, detail: "80.0 % of 5 statements", counts: &report.Counts{Statements: 5, Covered: 4, Audited: 1}},
		{name: "by statements, not by blocks", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 1 1\na.go:3.1,4.2 9 0\n", state: Fail, reason: report.Threshold, detail: "10.0 % of 10 statements or lines covered, at least 80.0 % is required"},
		{name: "nearly enough", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 7999 1\na.go:3.1,4.2 2001 0\n", state: Fail, reason: report.Threshold, detail: "79.9 %"},
		{name: "duplicate blocks count once, covered when any is", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 4 0\na.go:3.1,4.2 1 0\na.go:1.1,2.2 4 1\na.go:3.1,4.2 1 0\na.go:1.1,2.2 4 0\n",
			state: Pass, counts: &report.Counts{Statements: 5, Covered: 4, Audited: 1}},
		{name: "duplicates cannot be combined", kind: report.Coverage, text: "mode: count\n" + strings.Repeat("a.go:1.1,2.2 4 1\n", 10) + "a.go:3.1,4.2 4 0\n", state: Fail, reason: report.Threshold, detail: "50.0 % of 8"},
		{name: "same place in another file", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 4 1\nb.go:1.1,2.2 1 0\n", state: Pass, counts: &report.Counts{Statements: 5, Covered: 4, Audited: 2}},
		{name: "joined profiles", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 4 1\nmode: set\nb.go:1.1,2.2 1 0\n", state: Pass},
		{name: "modes that differ", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 4 1\nmode: count\nb.go:1.1,2.2 1 0\n", state: Unknown, reason: report.Invalid, detail: "line 3: mode"},
		{name: "unknown mode", kind: report.Coverage, text: "mode: best\na.go:1.1,2.2 4 1\n", state: Unknown, reason: report.Invalid, detail: "line 1: mode"},
		{name: "names with colons and spaces", kind: report.Coverage, text: "mode: set\nC:/a b/x.go:1.1,2.2 4 1\n", state: Pass},
		{name: "no blocks", kind: report.Coverage, text: "mode: set\n", state: Fail, reason: report.Empty, detail: "has no statements"},
		{name: "blocks without statements", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 0 1\n", state: Fail, reason: report.Empty},
		{name: "count above 32 bits", kind: report.Coverage, text: "mode: count\na.go:1.1,2.2 1 18446744073709551615\n", state: Pass},
		{name: "one block with two sizes", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 4 1\na.go:1.1,2.2 5 1\n", state: Unknown, reason: report.Invalid, detail: "profiles of different code versions"},
		{name: "no line end", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 4 1", state: Unknown, reason: report.Truncated, detail: "line 2 has no line end"},
		{name: "other text", kind: report.Coverage, text: "mode: set\nok example.com\n", state: Unknown, reason: report.Invalid, detail: "line 2 is not a cover profile line"},
		{name: "negative", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 -4 1\n", state: Unknown, reason: report.Invalid},
		{name: "too large", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 9999999999 1\n", state: Unknown, reason: report.Invalid},
		{name: "too few fields", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 4\n", state: Unknown, reason: report.Invalid},
		{name: "too many fields", kind: report.Coverage, text: "mode: set\na.go:1.1,2.2 4 1 1\n", state: Unknown, reason: report.Invalid},
	})
}

// TestCoverProfile_AgreesWithGo compares with the parser of the Go tools on random profiles with duplicates.
func TestCoverProfile_AgreesWithGo(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var b strings.Builder
		b.WriteString("mode: count\n")
		for range rnd.IntN(60) {
			l := rnd.IntN(9) + 1
			fmt.Fprintf(&b, "example.com/%c.go:%d.%d,%d.%d %d %d\n", 'a'+rune(rnd.IntN(3)), l, 1, l+1, 2, l, max(0, rnd.IntN(5)-2))
		}
		profiles, err := cover.ParseProfilesFromReader(strings.NewReader(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		var all, covered int64
		for _, p := range profiles {
			for _, block := range p.Blocks {
				all += int64(block.NumStmt)
				if block.Count > 0 {
					covered += int64(block.NumStmt)
				}
			}
		}
		if r := parse(t, report.Coverage, b.String()); r.Counts.Statements != all || r.Counts.Covered != covered || !r.Complete() {
			t.Fatalf("%+v %+v, the Go tools count %d of %d:\n%s", r.Counts, r.Gaps, covered, all, b.String())
		}
	}
}

// TestCoverage_Memory: duplicates use no memory, and the number of distinct blocks is limited.
func TestCoverage_Memory(t *testing.T) {
	body := strings.Repeat("example.com/module/package/file.go:1.1,2.2 4 1\nexample.com/module/package/file.go:3.1,4.2 1 0\n", 50)
	r := constantMemory(t, report.Coverage, repeat("mode: set\n", body, "", 10<<20), 10<<20, 1<<20)
	if !r.Complete() || r.Counts.Covered != 4 || r.Counts.Statements != 5 {
		t.Errorf("%+v", r)
	}
	var lines strings.Builder
	lines.WriteString("mode: set\n")
	for i := range coverage.MaxBlocks {
		fmt.Fprintf(&lines, "a.go:%d.1,%d.2 1 1\n", i, i)
	}
	if r := parse(t, report.Coverage, lines.String()); !r.Complete() || r.Counts.Covered != coverage.MaxBlocks {
		t.Errorf("%d blocks: %+v %+v", coverage.MaxBlocks, r.Counts, r.Gaps)
	}
	if r := parse(t, report.Coverage, lines.String()+"b.go:1.1,1.2 1 1\n"); r.Complete() || !strings.Contains(r.Gaps[0].Detail, "more than 1000000 blocks") {
		t.Errorf("%d blocks: %+v", coverage.MaxBlocks+1, r.Gaps)
	}
	var names strings.Builder
	names.WriteString("mode: set\n")
	for i := range coverage.MaxNames/50_000 + 1 {
		fmt.Fprintf(&names, "%s%d.go:1.1,1.2 1 1\n", strings.Repeat("x", 50_000), i)
	}
	if r := parse(t, report.Coverage, names.String()); r.Complete() || !strings.Contains(r.Gaps[0].Detail, "MiB of file names") {
		t.Errorf("long names: %+v", r.Gaps)
	}
}

func TestLCOV(t *testing.T) {
	record := func(lines ...string) string { return "SF:a.js\n" + strings.Join(lines, "\n") + "\nend_of_record\n" }
	run(t, report.LCOV, []example{
		{name: "lines", kind: report.Coverage, text: record("DA:1,1", "DA:2,1", "DA:3,1", "DA:4,1", "DA:5,0", "LF:9", "LH:1"), state: Pass, detail: "80.0 % of 5", counts: &report.Counts{Statements: 5, Covered: 4, Audited: 1}},
		{name: "the same file again", kind: report.Coverage, text: record("DA:1,0", "DA:2,1") + record("DA:1,1", "DA:2,0"), state: Pass, detail: "100.0 % of 2"},
		{name: "negative counts are none", kind: report.Coverage, text: record("DA:1,-1", "DA:2,1"), state: Fail, reason: report.Threshold, detail: "50.0 %"},
		{name: "totals only", kind: report.Coverage, text: record("LF:10", "LH:9") + "SF:b.js\nLF:10\nLH:8\nend_of_record\n", state: Pass, detail: "85.0 % of 20"},
		{name: "totals and lines", kind: report.Coverage, text: record("LF:10", "LH:9") + "SF:b.js\nDA:1,1\nend_of_record\n", state: Unknown, reason: report.Invalid, detail: "cannot be combined"},
		{name: "senseless totals", kind: report.Coverage, text: record("LF:1", "LH:9"), state: Unknown, reason: report.Invalid, detail: "more lines hit than found"},
		{name: "no lines", kind: report.Coverage, text: record("LF:0", "LH:0"), state: Fail, reason: report.Empty},
		{name: "only a test's name", kind: report.Coverage, text: "TN:\n", state: Fail, reason: report.Empty},
		{name: "record without end", kind: report.Coverage, text: "SF:a.js\nDA:1,1\n", state: Unknown, reason: report.Truncated, detail: "last record has no end"},
		{name: "record in a record", kind: report.Coverage, text: "SF:a.js\nSF:b.js\nDA:1,1\nend_of_record\n", state: Unknown, reason: report.Invalid, detail: "line 2 is not an LCOV"},
		{name: "line outside of a record", kind: report.Coverage, text: record("DA:1,1") + "DA:2,1\n", state: Unknown, reason: report.Invalid, detail: "line 4"},
		{name: "no number", kind: report.Coverage, text: record("DA:x,1"), state: Unknown, reason: report.Invalid, detail: "line 2"},
		{name: "cut in a number", kind: report.Coverage, text: "SF:a.js\nDA:1,", state: Unknown, reason: report.Truncated},
	})
}

func TestCobertura(t *testing.T) {
	class := func(file, lines string) string {
		return `<class filename="` + file + `"><lines>` + lines + `</lines></class>`
	}
	run(t, report.Cobertura, []example{
		{name: "lines", kind: report.Coverage, text: `<coverage line-rate="0.1">` + class("a", `<line number="1" hits="1"/><line number="2" hits="1"/><line number="3" hits="1"/><line number="4" hits="1"/><line number="5" hits="0"/>`) + `</coverage>`,
			state: Pass, detail: "80.0 % of 5", counts: &report.Counts{Statements: 5, Covered: 4, Audited: 1}},
		{name: "two classes of one file", kind: report.Coverage, text: `<coverage>` + class("a", `<line number="1" hits="1"/>`) + class("a", `<line number="1" hits="0"/>`) + `</coverage>`, state: Pass, detail: "100.0 % of 1"},
		{name: "two files", kind: report.Coverage, text: `<coverage>` + class("a", `<line number="1" hits="1"/>`) + class("b", `<line number="1" hits="0"/>`) + `</coverage>`, state: Fail, reason: report.Threshold, detail: "50.0 % of 2"},
		{name: "a class in a class", kind: report.Coverage, text: `<coverage><class filename="a"><class filename="b"><lines><line number="1" hits="1"/></lines></class><lines><line number="1" hits="0"/></lines></class></coverage>`, state: Fail, reason: report.Threshold, detail: "50.0 % of 2"},
		{name: "totals only", kind: report.Coverage, text: `<coverage lines-valid="10" lines-covered="8"/>`, state: Pass, detail: "80.0 % of 10"},
		{name: "rate only", kind: report.Coverage, text: `<coverage line-rate="1"/>`, state: Fail, reason: report.Empty},
		{name: "no lines", kind: report.Coverage, text: `<coverage lines-valid="0" lines-covered="0" line-rate="1"><packages/></coverage>`, state: Fail, reason: report.Empty},
		{name: "senseless totals", kind: report.Coverage, text: `<coverage lines-valid="1" lines-covered="8"/>`, state: Unknown, reason: report.Invalid, detail: "more lines covered"},
		{name: "no hits", kind: report.Coverage, text: `<coverage>` + class("a", `<line number="1"/>`) + `</coverage>`, state: Unknown, reason: report.Invalid, detail: "without number or hits"},
		{name: "cut", kind: report.Coverage, text: `<coverage>` + class("a", `<line number="1" hits="1"/>`), state: Unknown, reason: report.Truncated},
	})
	for text, want := range map[string]time.Time{"1795168800": time.Unix(1795168800, 0), "1795168800000": time.Unix(1795168800, 0), "": {}, "-5": {}, "9999999999999999": {}, "x": {}} {
		if r := parse(t, report.Coverage, `<coverage timestamp="`+text+`"/>`); !r.Time.Equal(want) {
			t.Errorf("time stamp %q is read as %v", text, r.Time)
		}
	}
}

func TestJudgeCoverage_Limits(t *testing.T) {
	for _, tt := range []struct {
		covered, all int64
		least        float64
		state        State
	}{
		{80, 100, 0, Pass}, {799, 1000, 0, Fail}, {50, 100, 0.5, Pass}, {499999, 1000000, 0.5, Fail}, {57, 100, 0.57, Pass}, {1, 3, 1, Fail}, {3, 3, 1, Pass}, {3, 3, math.NaN(), Fail},
	} {
		e := fresh(report.Coverage, fmt.Sprintf("mode: set\na.go:1.1,1.1 %d 1\na.go:2.1,2.1 %d 0\n", tt.covered, tt.all-tt.covered))
		p := policy
		p.MinCoverage = tt.least
		if v := JudgeCoverage(e, p); v.State != tt.state {
			t.Errorf("%d of %d against %v: %s (%s)", tt.covered, tt.all, tt.least, v.State, v.Detail)
		}
	}
	for ratio, want := range map[float64]string{0.57: "57.0 %", 0.7999: "79.9 %", 0.8: "80.0 %", 1: "100.0 %", 0: "0.0 %"} {
		if got := percent(ratio); got != want {
			t.Errorf("percent(%v) = %s", ratio, got)
		}
	}
}
