package evidence

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// now is the time of judging in the tests.
var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const commit = "0123456789abcdef0123456789abcdef01234567"

func parse(t *testing.T, kind report.Kind, text string) report.Report {
	t.Helper()
	r, err := Parse(strings.NewReader(text), kind)
	if err != nil {
		t.Fatalf("Parse as %s: %v\n%.300s", kind, err, text)
	}
	if r.Bytes != int64(len(text)) && r.Complete() {
		t.Errorf("%d bytes read of %d", r.Bytes, len(text))
	}
	return r
}

// fresh is evidence without external faults: of the requested commit, one hour old.
func fresh(kind report.Kind, text string) Evidence {
	r, err := Parse(strings.NewReader(text), kind)
	r.Kind = kind
	return Evidence{Report: r, Err: err, Name: "report", Commit: commit, Taken: now.Add(-time.Hour)}
}

var policy = Policy{Now: now, Commit: commit, ExpectedRate: 10}

// example is one report of a format as a test knows it.
type example struct {
	name   string
	kind   report.Kind
	text   string
	state  State
	reason report.Reason
	detail string // a part of it
	counts *report.Counts
	exited bool // the pipeline recorded exit status 0
	sealed bool // and a digest, which is right
}

func (ex example) verdict() Verdict {
	e := fresh(ex.kind, ex.text)
	if ex.exited || ex.sealed {
		e.Exit = new(int)
	}
	if ex.sealed {
		e.Seal = SealIntact
	}
	return Judge(e, policy)
}

// run judges each example and compares what was counted.
func run(t *testing.T, format report.Format, examples []example) {
	t.Helper()
	for _, ex := range examples {
		t.Run(ex.name, func(t *testing.T) {
			v := ex.verdict()
			if v.State != ex.state || v.Reason != ex.reason || !strings.Contains(v.Detail, ex.detail) {
				t.Errorf("judged %s (%s) %q\nwant   %s (%s) …%s…", v.State, v.Reason, v.Detail, ex.state, ex.reason, ex.detail)
			}
			if v.State == Pass != (v.Reason == "") {
				t.Errorf("state %s with reason %q", v.State, v.Reason)
			}
			e := fresh(ex.kind, ex.text)
			if e.Err == nil && e.Report.Format != format {
				t.Errorf("read as %s", e.Report.Format)
			}
			if ex.counts != nil && !reflect.DeepEqual(e.Report.Counts, *ex.counts) {
				t.Errorf("counted %+v\nwant    %+v", e.Report.Counts, *ex.counts)
			}
		})
	}
}

// goodReports holds one complete, passing report of every format for every kind it is evidence of. Each test file adds its own.
func goodReports() []example {
	return slices.Concat(goodTestReports(), goodCoverageReports(), goodLintReports(), goodScannerReports(), goodAuditReports(), goodLoadReports(), goodOtherReports(), goodImageReports())
}

// TestPrefixes truncates good reports at every byte: half a report never passes. It is not even weak, unless the format
// cannot show truncation.
func TestPrefixes(t *testing.T) {
	for _, ex := range goodReports() {
		t.Run(ex.name, func(t *testing.T) {
			whole := ex.verdict()
			if whole.State != Pass {
				t.Fatalf("the whole report: %s (%s) %s", whole.State, whole.Reason, whole.Detail)
			}
			text := strings.TrimRight(ex.text, "\r\n")
			for n := range len(text) {
				cut := ex
				cut.text = text[:n]
				if untellable(cut) {
					continue
				}
				cut.sealed = false // the digest is no longer right; that alone would tell
				v := cut.verdict()
				if v.State == Warn && v.Reason == report.Weak && Detect([]byte(cut.text)) == report.Govulncheck && !strings.Contains(cut.text, `"package":"os"`) {
					continue // see govulncheck
				}
				if v.State != Unknown && v.State != Fail {
					t.Fatalf("cut after %d of %d bytes: %s (%s) %s\n…%s", n, len(text), v.State, v.Reason, v.Detail, text[max(0, n-80):n])
				}
			}
		})
	}
}

// untellable names the cuts that leave what is a whole report of its format: line formats without an end, cut between two records. Only a digest
// that the pipeline recorded tells them (see TestSeal).
func untellable(ex example) bool {
	lines := strings.HasSuffix(ex.text, "\n")
	switch Detect([]byte(ex.text)) {
	case report.CoverFile:
		return lines && strings.Count(ex.text, "\n") > 1
	case report.LCOV:
		return strings.HasSuffix(ex.text, "end_of_record\n") || strings.HasSuffix(ex.text, "end_of_record")
	case report.GolangciLint:
		return json.Valid([]byte(ex.text)) // its statistics are missing, which are not needed
	case report.GoTest:
		// Between two packages; everything inside of one shows.
		return lines && endsPackage(ex.text) || strings.HasSuffix(ex.text, "}") && endsPackage(ex.text+"\n")
	}
	return false
}

func endsPackage(text string) bool {
	open := 0
	for line := range strings.Lines(text) {
		switch {
		case strings.Contains(line, `"Action":"start"`):
			open++
		case !strings.Contains(line, `"Test":`) && (strings.Contains(line, `"Action":"pass"`) || strings.Contains(line, `"Action":"skip"`)):
			open--
		}
	}
	return open == 0
}

// TestParse_Errors: an unsupported report is an error that names the supported formats.
func TestParse_Errors(t *testing.T) {
	for _, tt := range []struct {
		kind report.Kind
		text string
		want string
	}{
		{report.Tests, "", "report is empty"},
		{report.Tests, " \n\t\r\n", "report is empty"},
		{report.Tests, "\xEF\xBB\xBF", "report is empty"},
		{report.Tests, "hello", "not evidence of tests: use JUnit XML, go test -json"},
		{report.Tests, "{}", "this format is not evidence of tests"},
		{report.Tests, "null", "this format is not evidence of tests"},
		{report.Tests, "mode: set\n", "format Go cover profile is not evidence of tests"},
		{report.Tests, "<html><body>", "an HTML page is not read"},
		{report.Coverage, `<testsuites/>`, "format JUnit XML is not evidence of coverage: use Cobertura XML, Go cover profile, JaCoCo XML, LCOV"},
		{report.Kind("wishes"), "mode: set\n", "not evidence of wishes"},
	} {
		r, err := Parse(strings.NewReader(tt.text), tt.kind)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%q, %s) = %v; want …%s…", tt.text, tt.kind, err, tt.want)
		}
		if v := Judge(Evidence{Report: r, Err: err, Name: "x", Commit: commit, Taken: now}, policy); v.State != Unknown {
			t.Errorf("%q is judged %s (%s)", tt.text, v.State, v.Reason)
		}
	}
}

// TestParse_ReadErrors: a reader's error is not reported as a fault or the end of the content.
func TestParse_ReadErrors(t *testing.T) {
	for _, ex := range goodReports() {
		for _, n := range []int{0, 1, len(ex.text) / 2, len(ex.text)} {
			r := io.MultiReader(strings.NewReader(ex.text[:n]), failing{})
			if _, err := Parse(r, ex.kind); err != io.ErrClosedPipe {
				t.Errorf("%s: after %d bytes: %v", ex.name, n, err)
			}
		}
	}
}

// TestParse_TooLong: an endless report is an error, wherever it is truncated.
func TestParse_TooLong(t *testing.T) {
	for _, ex := range goodReports() {
		size := int64(len(ex.text))
		if _, err := parseUpTo(strings.NewReader(ex.text), ex.kind, size); err != nil {
			t.Errorf("%s, as long as may be: %v", ex.name, err)
		}
		for _, most := range []int64{0, size / 2, size - 1} {
			if _, err := parseUpTo(strings.NewReader(ex.text), ex.kind, most); err != stream.ErrTooLong {
				t.Errorf("%s of %d bytes, %d allowed: %v", ex.name, size, most, err)
			}
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestParse_Encodings parses the same reports in the encodings of other systems.
func TestParse_Encodings(t *testing.T) {
	for _, ex := range goodReports() {
		if strings.Contains(ex.text, "encoding=") {
			continue
		}
		for name, order := range map[string][2]int{"UTF-16LE": {0, 1}, "UTF-16BE": {1, 0}} {
			wide := ex
			wide.text = wide16(ex.text, order)
			if v := wide.verdict(); v.State != Pass {
				t.Errorf("%s in %s: %s (%s) %s", ex.name, name, v.State, v.Reason, v.Detail)
			}
		}
		for what, text := range map[string]string{"byte order mark": "\xEF\xBB\xBF" + ex.text, "Windows line ends": strings.ReplaceAll(ex.text, "\n", "\r\n")} {
			other := ex
			other.text = text
			if v := other.verdict(); v.State != Pass {
				t.Errorf("%s with %s: %s (%s) %s", ex.name, what, v.State, v.Reason, v.Detail)
			}
		}
	}
}

func wide16(text string, order [2]int) string {
	var b bytes.Buffer
	for _, c := range "\uFEFF" + text {
		var u [2]byte
		u[order[0]], u[order[1]] = byte(c), byte(c>>8)
		b.Write(u[:])
	}
	return b.String()
}

// repeat is a stream of any size: head, body again and again, tail.
func repeat(head, body, tail string, size int) io.Reader {
	return io.MultiReader(strings.NewReader(head), &repeated{body: body, left: size / len(body)}, strings.NewReader(tail))
}

type repeated struct {
	body string
	rest string
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if r.rest == "" {
			if r.left == 0 {
				break
			}
			r.left--
			r.rest = r.body
		}
		k := copy(p[n:], r.rest)
		n, r.rest = n+k, r.rest[k:]
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// heap samples the live heap while a stream is read and keeps the most that was seen.
type heap struct {
	io.Reader
	every, next int64
	read        int64
	most        uint64
}

func (h *heap) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if h.read += int64(n); h.read >= h.next {
		h.next += h.every
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		h.most = max(h.most, m.HeapAlloc)
	}
	return n, err
}

// constantMemory parses a stream and fails when the live heap grew by more than limit bytes at any moment.
func constantMemory(t *testing.T, kind report.Kind, stream io.Reader, size int64, limit uint64) report.Report {
	t.Helper()
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	h := &heap{Reader: stream, every: max(size/20, 1<<20)}
	begun := time.Now()
	r, err := Parse(h, kind)
	if err != nil {
		t.Fatal(err)
	}
	if grown := int64(h.most) - int64(before.HeapAlloc); grown > int64(limit) {
		t.Errorf("%d MB needed %d KiB of memory, more than %d KiB", r.Bytes>>20, grown>>10, limit>>10)
	} else {
		t.Logf("%d MB in %v, %d KiB of memory", r.Bytes>>20, time.Since(begun).Round(time.Millisecond), grown>>10)
	}
	if r.Bytes < size*9/10 {
		t.Errorf("only %d of %d bytes were read", r.Bytes, size)
	}
	return r
}
