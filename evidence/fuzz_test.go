package evidence

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// FuzzParse: whatever the bytes, reading ends, stays within bounds, and what is called complete was read to its end.
func FuzzParse(f *testing.F) {
	for _, ex := range goodReports() {
		for i, kind := range report.Kinds() {
			if kind == ex.kind {
				f.Add([]byte(ex.text), byte(i))
				f.Add([]byte(ex.text[:len(ex.text)/2]), byte(i))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, k byte) {
		kind := report.Kinds()[int(k)%len(report.Kinds())]
		r, err := Parse(strings.NewReader(string(data)), kind)
		if err != nil {
			if !errors.Is(err, stream.ErrEmpty) && !errors.Is(err, stream.ErrFormat) {
				t.Errorf("an error of its own: %v", err)
			}
			return
		}
		if r.Complete() && r.Bytes != int64(len(data)) {
			t.Errorf("complete after %d of %d bytes", r.Bytes, len(data))
		}
		if len(r.Findings) > report.MaxFindings || len(r.Gaps) > report.MaxGaps {
			t.Errorf("%d findings, %d gaps", len(r.Findings), len(r.Gaps))
		}
		c := r.Counts
		for _, n := range []int64{int64(c.Passed), int64(c.Failed), int64(c.Skipped), int64(c.Errored), c.Statements, c.Covered, c.Statements - c.Covered, int64(c.Findings), int64(c.Audited), int64(c.Unaudited), int64(c.Suppressed), int64(c.Uncalled), c.Requests} {
			if n < 0 {
				t.Errorf("a negative count: %+v", c)
			}
		}
		for m, v := range r.Measures {
			if v < 0 || v != v || (m == report.CoverageRatio || m == report.ErrorRatio) && v > 1 {
				t.Errorf("%s is %v", m, v)
			}
		}
		v := Judge(Evidence{Report: r, Name: "x", Commit: commit, Taken: now}, policy)
		if v.State == Pass && !r.Complete() || v.Detail == "" || strings.ContainsAny(v.Detail, "\n\x1b") {
			t.Errorf("judged %+v of %+v", v, r)
		}
		// Read again in the smallest pieces: the verdict hangs on bytes, not on how they come.
		again, err := Parse(io.MultiReader(oneByOne(data)...), kind)
		if err != nil || Judge(Evidence{Report: again, Name: "x", Commit: commit, Taken: now}, policy) != v {
			t.Errorf("in pieces: %v %+v, at once %+v", err, again, r)
		}
	})
}

func oneByOne(data []byte) []io.Reader {
	if len(data) > 2000 {
		return []io.Reader{strings.NewReader(string(data[:1])), strings.NewReader(string(data[1:]))}
	}
	var rs []io.Reader
	for i := range data {
		rs = append(rs, strings.NewReader(string(data[i:i+1])))
	}
	return rs
}
