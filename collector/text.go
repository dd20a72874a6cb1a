package collector

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Reports are written as text without building the data model first. Where the formats differ, and how numbers and labels are written, follows
// https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/specs/om/open_metrics_spec/; a test holds the
// text against what the reference encoder makes of Gather.

// TextFamily is one metric family as text: its help, its type and its samples.
type TextFamily struct {
	Name string
	Text []byte
}

// Writer writes reports as text and reuses its memory from report to report. Not safe for concurrent use.
type Writer struct {
	byName map[string]*textFamily
	all    []*textFamily // sorted by name
	format int           // 1 for OpenMetrics, 0 for text
	key    []byte

	// of the samples before, which are of the same item more often than not
	category, item string
	ofItem         []byte // both labels as text
}

type textFamily struct {
	Family
	order  []int     // of the labels by name
	before []string  // what stands before each label's value, in this order
	ofItem bool      // category and item come first
	heads  [2]string // help and type, in the text format and in OpenMetrics
	text   []byte
	// What a probe measured twice is dropped; families that are not measured have no doubles.
	measured bool
	seen     map[string]bool
}

// NewWriter returns a writer.
func NewWriter() *Writer {
	w := &Writer{byName: map[string]*textFamily{}}
	own := map[string]bool{}
	for _, f := range reportFamilies() {
		own[f.Name] = true
	}
	for _, f := range Families() {
		t := &textFamily{Family: f, measured: !own[f.Name], heads: heads(f), seen: map[string]bool{}}
		for i := range f.Labels {
			t.order = append(t.order, i)
		}
		slices.SortFunc(t.order, func(a, b int) int { return cmp.Compare(f.Labels[a], f.Labels[b]) })
		for n, i := range t.order {
			t.before = append(t.before, f.Labels[i]+`="`)
			if n > 0 {
				t.before[n] = `",` + t.before[n]
			}
		}
		t.ofItem = len(t.order) > 1 && f.Labels[t.order[0]] == "category" && f.Labels[t.order[1]] == "item"
		w.byName[f.Name] = t
		w.all = append(w.all, t)
	}
	slices.SortFunc(w.all, func(a, b *textFamily) int { return cmp.Compare(a.Name, b.Name) })
	return w
}

// Write renders a report in the text format, or in OpenMetrics without its end mark. The families that have samples come sorted by name; they are valid
// until the next Write.
func (w *Writer) Write(r *Report, openMetrics bool) []TextFamily {
	w.format = 0
	if openMetrics {
		w.format = 1
	}
	for _, f := range w.all {
		f.text = f.text[:0]
		if len(f.seen) > 0 {
			clear(f.seen)
		}
	}
	r.samples(w.add)
	out := make([]TextFamily, 0, len(w.all))
	for _, f := range w.all {
		if len(f.text) > 0 {
			out = append(out, TextFamily{f.Name, f.text})
		}
	}
	return out
}

func (w *Writer) add(name string, number float64, labels ...string) {
	f := w.byName[name]
	if f == nil || len(labels) != len(f.Labels) {
		panic("metric " + name + " is not declared with these labels")
	}
	if f.measured {
		w.key = w.key[:0]
		for _, l := range labels {
			w.key = append(append(w.key, l...), 0)
		}
		if f.seen[string(w.key)] {
			return
		}
		f.seen[string(w.key)] = true
	}
	text := f.text
	if len(text) == 0 {
		text = append(text, f.heads[w.format]...)
	}
	text = append(text, f.Name...)
	if len(labels) > 0 {
		text = append(w.appendLabels(append(text, '{'), f, labels), '"', '}')
	}
	text = append(text, ' ')
	f.text = append(w.appendNumber(text, number), '\n')
}

// appendLabels writes labels but for the last quotation mark.
func (w *Writer) appendLabels(text []byte, f *textFamily, labels []string) []byte {
	done := 0
	if f.ofItem {
		if category, item := labels[f.order[0]], labels[f.order[1]]; category != w.category || item != w.item || len(w.ofItem) == 0 {
			w.category, w.item = category, item
			w.ofItem = appendEscaped(append(w.ofItem[:0], f.before[0]...), category)
			w.ofItem = appendEscaped(append(w.ofItem, f.before[1]...), item)
		}
		text, done = append(text, w.ofItem...), 2
	}
	for n := done; n < len(labels); n++ {
		text = appendEscaped(append(text, f.before[n]...), labels[f.order[n]])
	}
	return text
}

// heads are the lines before a family's samples, which differ in how they escape.
func heads(f Family) [2]string {
	help := strings.NewReplacer("\\", `\\`, "\n", `\n`).Replace(f.Help)
	behind := "\n# TYPE " + f.Name + " gauge\n"
	return [2]string{"# HELP " + f.Name + " " + help + behind, "# HELP " + f.Name + " " + strings.ReplaceAll(help, `"`, `\"`) + behind}
}

// appendEscaped writes a label's value; bytes that are no UTF-8 become the replacement character.
func appendEscaped(text []byte, value string) []byte {
	if plain(value) {
		return append(text, value...)
	}
	value = strings.ToValidUTF8(value, "\uFFFD")
	from := 0
	for i := range len(value) {
		var escaped string
		switch value[i] {
		case '\\':
			escaped = `\\`
		case '"':
			escaped = `\"`
		case '\n':
			escaped = `\n`
		default:
			continue
		}
		text = append(append(text, value[from:i]...), escaped...)
		from = i + 1
	}
	return append(text, value[from:]...)
}

// plain reports whether a value is written as it is: ASCII without anything to escape, as nearly all are.
func plain(value string) bool {
	for i := range len(value) {
		if c := value[i]; c >= utf8.RuneSelf || c == '\\' || c == '"' || c == '\n' {
			return false
		}
	}
	return true
}

// appendNumber writes a number; in OpenMetrics a whole one has a decimal point too.
func (w *Writer) appendNumber(text []byte, v float64) []byte {
	switch {
	case v == 0, v == 1:
		text = append(text, '0'+byte(v))
	case math.IsInf(v, 1):
		return append(text, "+Inf"...)
	default:
		at := len(text)
		text = strconv.AppendFloat(text, v, 'g', -1, 64)
		if bytes.ContainsAny(text[at:], "e.NI") {
			return text
		}
	}
	if w.format == 1 {
		text = append(text, '.', '0')
	}
	return text
}
