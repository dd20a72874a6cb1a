package stream

import (
	"bufio"
	"encoding/json"
	"errors"
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
	j := NewJSON(bufio.NewReaderSize(strings.NewReader(text), 16)) // small: every token crosses a border
	err := j.Skip()
	if err == nil {
		err = j.End()
	}
	if valid := json.Valid([]byte(text)); valid != (err == nil) {
		if !valid || !strings.Contains(err.Error(), "nested deeper") && !strings.Contains(err.Error(), "number") {
			t.Errorf("%.200q: %v, encoding/json says valid=%v", text, err, valid)
		}
	}
	if err != nil && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrInvalid) {
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
	long := strings.Repeat("ä", MaxText)
	for _, tt := range []struct {
		text string
		read func(j *JSON) (any, error)
		want any
		err  error
	}{
		{`"a\u00e4\ud83d\ude00\t"`, readString, "aä😀\t", nil},
		{`"\ud83d\u0041"`, readString, "\uFFFD", nil},
		{`"` + long + `"`, readString, long[:MaxText], nil},
		{`null`, readString, "", nil},
		{`5`, readString, "", ErrInvalid},
		{`{}`, readString, "", ErrInvalid},
		{`5.5 `, readNumber, 5.5, nil},
		{`null `, readNumber, 0.0, nil},
		{`"5"`, readNumber, 0.0, ErrInvalid},
		{`1e999 `, readNumber, 0.0, ErrInvalid},
		{`5`, readNumber, 0.0, ErrTruncated}, // perhaps 50
		{strings.Repeat("1", maxNumber+1) + ` `, readNumber, 0.0, ErrInvalid},
		{`7 `, readWhole, int64(7), nil},
		{`7e2 `, readWhole, int64(700), nil},
		{`7.5 `, readWhole, int64(0), ErrInvalid},
		{`1e300 `, readWhole, int64(0), ErrInvalid},
		{`true`, readBool, true, nil},
		{`null`, readBool, false, nil},
		{`1 `, readBool, false, ErrInvalid},
		{`"yes"`, readBool, false, ErrInvalid},
		{`tru`, readBool, false, ErrTruncated},
	} {
		got, err := tt.read(NewJSON(bufio.NewReader(strings.NewReader(tt.text))))
		if got != tt.want && err == nil || !errors.Is(err, tt.err) {
			t.Errorf("%.40q is read as %.40v, %v; want %.40v, %v", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func readString(j *JSON) (any, error) {
	var s string
	err := j.String(&s)
	return s, err
}

func readNumber(j *JSON) (any, error) {
	var f float64
	_, err := j.Number(&f)
	return f, err
}

func readWhole(j *JSON) (any, error) {
	var n int64
	err := j.Integer(&n)
	return n, err
}

func readBool(j *JSON) (any, error) {
	var b bool
	err := j.Bool(&b)
	return b, err
}

// TestJSON_Lines: errors contain the line, but never its content.
func TestJSON_Lines(t *testing.T) {
	j := NewJSON(bufio.NewReader(strings.NewReader("{\n\"a\": [1,\n 2],\n\"hunter\": hunter2}")))
	err := j.Skip()
	if err == nil || !strings.Contains(err.Error(), "line 4") || strings.Contains(err.Error(), "hunter") {
		t.Errorf("error %v", err)
	}
	deep := NewJSON(bufio.NewReader(endless('[')))
	if err := deep.Skip(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "nested deeper than 200") {
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
