package evidence

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// jsonSeeds are texts at the edges of the grammar.
func jsonSeeds() []string {
	return []string{
		`{}`, `[]`, `[1]`, `[-0.5e+10,0,-0]`, `[01]`, `[1.]`, `[.5]`, `[1e]`, `[+1]`, `[--1]`, `[1e5e5]`, `["\u00e4\ud83d\ude00\n\/"]`, `["\ud83d"]`, `["\ud83dx"]`, `["\x"]`, `["\u12g4"]`, "[\"a\nb\"]", "[\"\x00\"]", "[\"\xff\"]",
		`[true,false,null]`, `[True]`, `[nul]`, `{"a":1,"a":2}`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{a:1}`, `{"a":1,}`, `[1,]`, `[,1]`, `[1 2]`, `[1]]`, `{} {}`, `[`, `{`, `{"a`, `["a\`, `[1`, " \t\r\n[ \n] \n", `[[[[]]]]`, `{"a":{"b":[{"c":null}]}}`,
	}
}

// checkJSON checks that skipped values are validated like in encoding/json.
func checkJSON(t *testing.T, text string) {
	t.Helper()
	if trimmed := strings.TrimLeft(text, " \t\r\n"); trimmed == "" || trimmed[0] != '{' && trimmed[0] != '[' {
		return // a report is an object or a list
	}
	j := newJSON(bufio.NewReaderSize(strings.NewReader(text), 16)) // small: every token crosses a border
	err := j.skip()
	if err == nil {
		err = j.end()
	}
	if valid := json.Valid([]byte(text)); valid != (err == nil) {
		if !valid || !strings.Contains(err.Error(), "nested deeper") && !strings.Contains(err.Error(), "number") {
			t.Errorf("%.200q: %v, encoding/json says valid=%v", text, err, valid)
		}
	}
	if err != nil && !errors.Is(err, errCut) && !errors.Is(err, errInvalid) {
		t.Errorf("%.200q: an error of its own: %v", text, err)
	}
}

func TestJSON_Grammar(t *testing.T) {
	for _, text := range jsonSeeds() {
		checkJSON(t, text)
		for n := range len(text) {
			checkJSON(t, text[:n])
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, text := range jsonSeeds() {
		f.Add(text)
	}
	f.Fuzz(checkJSON)
}

// TestJSON_Values reads each type and rejects the others.
func TestJSON_Values(t *testing.T) {
	long := strings.Repeat("ä", maxText)
	for _, tt := range []struct {
		text string
		read func(j *jsonReader) (any, error)
		want any
		err  error
	}{
		{`"a\u00e4\ud83d\ude00\t"`, readString, "aä😀\t", nil},
		{`"\ud83d\u0041"`, readString, "\uFFFD", nil},
		{`"` + long + `"`, readString, long[:maxText], nil},
		{`null`, readString, "", nil},
		{`5`, readString, "", errInvalid},
		{`{}`, readString, "", errInvalid},
		{`5.5 `, readNumber, 5.5, nil},
		{`null `, readNumber, 0.0, nil},
		{`"5"`, readNumber, 0.0, errInvalid},
		{`1e999 `, readNumber, 0.0, errInvalid},
		{`5`, readNumber, 0.0, errCut}, // perhaps 50
		{strings.Repeat("1", maxNumber+1) + ` `, readNumber, 0.0, errInvalid},
		{`7 `, readWhole, int64(7), nil},
		{`7e2 `, readWhole, int64(700), nil},
		{`7.5 `, readWhole, int64(0), errInvalid},
		{`1e300 `, readWhole, int64(0), errInvalid},
		{`true`, readBool, true, nil},
		{`null`, readBool, false, nil},
		{`1 `, readBool, false, errInvalid},
		{`"yes"`, readBool, false, errInvalid},
		{`tru`, readBool, false, errCut},
	} {
		got, err := tt.read(newJSON(bufio.NewReader(strings.NewReader(tt.text))))
		if got != tt.want && err == nil || !errors.Is(err, tt.err) {
			t.Errorf("%.40q is read as %.40v, %v; want %.40v, %v", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func readString(j *jsonReader) (any, error) {
	var s string
	err := j.str(&s)
	return s, err
}

func readNumber(j *jsonReader) (any, error) {
	var f float64
	_, err := j.number(&f)
	return f, err
}

func readWhole(j *jsonReader) (any, error) {
	var n int64
	err := j.whole(&n)
	return n, err
}

func readBool(j *jsonReader) (any, error) {
	var b bool
	err := j.boolean(&b)
	return b, err
}

// TestJSON_Lines: errors contain the line, but never its content.
func TestJSON_Lines(t *testing.T) {
	j := newJSON(bufio.NewReader(strings.NewReader("{\n\"a\": [1,\n 2],\n\"hunter\": hunter2}")))
	err := j.skip()
	if err == nil || !strings.Contains(err.Error(), "line 4") || strings.Contains(err.Error(), "hunter") {
		t.Errorf("error %v", err)
	}
	deep := newJSON(bufio.NewReader(endless('[')))
	if err := deep.skip(); !errors.Is(err, errInvalid) || !strings.Contains(err.Error(), "nested deeper than 200") {
		t.Errorf("endless nesting: %v", err)
	}
}

// endless is a stream of one byte without end.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// FuzzParse: whatever the bytes, reading ends, stays within bounds, and what is called complete was read to its end.
func FuzzParse(f *testing.F) {
	for _, ex := range goodReports() {
		for i, kind := range Kinds() {
			if kind == ex.kind {
				f.Add([]byte(ex.text), byte(i))
				f.Add([]byte(ex.text[:len(ex.text)/2]), byte(i))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, k byte) {
		kind := Kinds()[int(k)%len(Kinds())]
		r, err := Parse(strings.NewReader(string(data)), kind)
		if err != nil {
			if !errors.Is(err, ErrEmpty) && !errors.Is(err, ErrFormat) {
				t.Errorf("an error of its own: %v", err)
			}
			return
		}
		if r.Complete() && r.Bytes != int64(len(data)) {
			t.Errorf("complete after %d of %d bytes", r.Bytes, len(data))
		}
		if len(r.Findings) > MaxFindings || len(r.Gaps) > maxGaps {
			t.Errorf("%d findings, %d gaps", len(r.Findings), len(r.Gaps))
		}
		c := r.Counts
		for _, n := range []int64{int64(c.Passed), int64(c.Failed), int64(c.Skipped), int64(c.Errored), c.Statements, c.Covered, c.Statements - c.Covered, int64(c.Findings), int64(c.Audited), int64(c.Unaudited), int64(c.Suppressed), int64(c.Uncalled), c.Requests} {
			if n < 0 {
				t.Errorf("a negative count: %+v", c)
			}
		}
		for m, v := range r.Measures {
			if v < 0 || v != v || (m == CoverageRatio || m == ErrorRatio) && v > 1 {
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
