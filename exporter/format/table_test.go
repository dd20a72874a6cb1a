package format

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestWrap(t *testing.T) {
	path := "/srv/a/very/long/path/that/no/terminal/is/wide/enough/for"
	for _, tt := range []struct {
		text            string
		indent, columns int
		want            []string
	}{
		{"one two three", 0, 0, []string{"one two three"}},
		{"one two three", 0, 80, []string{"one two three"}},
		{"aaaaaaaaaa bbbbbbbbbb cccccccccc", 0, 21, []string{"aaaaaaaaaa bbbbbbbbbb", "cccccccccc"}},
		{"aaaaaaaaaa bbbbbbbbbb cccccccccc", 4, 24, []string{"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"}},
		{"open " + path + ": denied", 0, 40, []string{"open", path + ":", "denied"}},
		{"too narrow to wrap at all", 70, 80, []string{"too narrow to wrap at all"}},
		{"備份備份備份 備份備份備份", 0, 20, []string{"備份備份備份", "備份備份備份"}},
		{"", 0, 80, []string{""}},
	} {
		if got := wrap(tt.text, tt.indent, tt.columns); !slices.Equal(got, tt.want) {
			t.Errorf("%q at %d of %d columns: %q, want %q", tt.text, tt.indent, tt.columns, got, tt.want)
		}
	}
}

// report returns a report of three failing items, of which two have the same cause, one that is unknown and one that passes.
func report(t *testing.T) *collector.Report {
	t.Helper()
	text := "checklist: Own\ncategories:\n  - category: files\n    items:\n"
	for _, name := range []string{"first", "second", "third", "unseen", "fine"} {
		text += "      - item: " + name + "\n        title: T\n        fix: " + strings.Repeat("Do it again. ", 12) + "\n        probes: [env_file: {}]\n"
	}
	list, err := checklist.Load(&checklist.Source{File: "own.yml", Data: []byte(text)}, checklist.Changes{})
	if err != nil {
		t.Fatal(err)
	}
	r := &collector.Report{Time: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Checklist: list}
	cause := "the file of the environment is missing: " + strings.Repeat("no such file ", 12)
	for i, it := range list.Items() {
		v := checklist.Verdict{Item: it, State: probe.StateFail, Reason: probe.ReasonMissing, Detail: cause}
		switch i {
		case 2:
			v.Detail = "something else"
		case 3:
			v.State, v.Remedies = probe.StateUnknown, []string{"deployment.prometheus.url"}
		case 4:
			v = checklist.Verdict{Item: it, State: probe.StatePass}
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	return r
}

func TestTable_FitsTheTerminal(t *testing.T) {
	for _, columns := range []int{60, 80, 120} {
		var b bytes.Buffer
		r := report(t)
		Table{Columns: columns}.Write(&b, r, nil, r.Ready())
		for line := range strings.Lines(b.String()) {
			if line = strings.TrimRight(line, "\n"); runewidth.StringWidth(line) > columns {
				t.Errorf("at %d columns: %q", columns, line)
			}
		}
	}
}

func TestTable_NamesARepeatedCauseOnce(t *testing.T) {
	var b bytes.Buffer
	r := report(t)
	Table{}.Write(&b, r, nil, r.Ready())
	if n := strings.Count(b.String(), "the file of the environment is missing"); n != 1 || !strings.Contains(b.String(), "      as first\n") {
		t.Errorf("the cause is printed %d times:\n%s", n, b.String())
	}
	if !strings.Contains(b.String(), "1 item waits for deployment.prometheus.url: unseen\n") {
		t.Errorf("no remedy:\n%s", b.String())
	}
}

func TestTable_Selections(t *testing.T) {
	for name, tt := range map[string]struct {
		table Table
		want  []string // items that are listed
	}{
		"all":     {Table{}, []string{"first", "second", "third", "unseen", "fine"}},
		"failing": {Table{Only: OnlyFailing}, []string{"first", "second", "third"}},
		"not ok":  {Table{Only: OnlyNotOK}, []string{"first", "second", "third", "unseen"}},
		"quiet":   {Table{Quiet: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			r := report(t)
			tt.table.Write(&b, r, nil, r.Ready())
			var listed []string
			for line := range strings.Lines(b.String()) {
				if fields := strings.Fields(line); len(fields) > 2 && slices.Contains([]string{"✗", "?", "✓"}, fields[0]) {
					listed = append(listed, fields[1])
				}
			}
			if !slices.Equal(listed, tt.want) {
				t.Errorf("listed %q, want %q", listed, tt.want)
			}
			if !strings.Contains(b.String(), "not ready: 1 pass, 3 fail, 1 unknown\n") {
				t.Errorf("no summary:\n%s", b.String())
			}
		})
	}
}
