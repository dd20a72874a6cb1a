// Package textformat writes gauges in the Prometheus text format and in OpenMetrics.
//
// It writes text directly because client_golang's registry and encoder cost several times as much. Its output is
// compared with that encoder in the tests. The formats are defined in
// https://prometheus.io/docs/instrumenting/exposition_formats/ and
// https://prometheus.io/docs/specs/om/open_metrics_spec/.
package textformat

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Family declares a metric family. All families are gauges.
type Family struct {
	Name   string
	Help   string
	Labels []string
}

// Block is the text of one metric family: HELP, TYPE and the samples.
type Block struct {
	Name string
	Text []byte
}

// Writer collects samples by family. It reuses its memory after Reset. Not safe for concurrent use.
type Writer struct {
	byName      map[string]*family
	sorted      []*family // by name
	openMetrics bool
}

type family struct {
	Family
	order    []int    // label indexes in order of the label names
	prefixes []string // the text in front of each label value, in that order
	head     [2]string
	text     []byte
}

// NewWriter returns a writer for the declared families.
func NewWriter(declared []Family) *Writer {
	w := &Writer{byName: map[string]*family{}}
	for _, d := range declared {
		f := &family{Family: d, head: heads(d)}
		for i := range d.Labels {
			f.order = append(f.order, i)
		}
		slices.SortFunc(f.order, func(a, b int) int { return cmp.Compare(d.Labels[a], d.Labels[b]) })
		separator := "{"
		for _, i := range f.order {
			f.prefixes = append(f.prefixes, separator+d.Labels[i]+`="`)
			separator = `",`
		}
		w.byName[d.Name] = f
		w.sorted = append(w.sorted, f)
	}
	slices.SortFunc(w.sorted, func(a, b *family) int { return cmp.Compare(a.Name, b.Name) })
	return w
}

// heads returns the HELP and TYPE lines for the text format and for OpenMetrics, which escape differently.
func heads(f Family) [2]string {
	help := strings.NewReplacer("\\", `\\`, "\n", `\n`).Replace(f.Help)
	typeLine := "\n# TYPE " + f.Name + " gauge\n"
	return [2]string{
		"# HELP " + f.Name + " " + help + typeLine,
		"# HELP " + f.Name + " " + strings.ReplaceAll(help, `"`, `\"`) + typeLine,
	}
}

// Reset drops all samples and chooses the format of the next ones. It invalidates earlier results of Blocks.
func (w *Writer) Reset(openMetrics bool) {
	w.openMetrics = openMetrics
	for _, f := range w.sorted {
		f.text = f.text[:0]
	}
}

// Add writes one sample. Label values come in the order of the declaration; they are not kept. Add panics on an
// undeclared family or a wrong number of labels.
func (w *Writer) Add(name string, value float64, labels ...string) {
	f := w.byName[name]
	if f == nil || len(labels) != len(f.Labels) {
		panic("metric " + name + " is not declared with these labels")
	}
	text := f.text
	if len(text) == 0 {
		head := f.head[0]
		if w.openMetrics {
			head = f.head[1]
		}
		text = append(text, head...)
	}
	text = append(text, f.Name...)
	for n, i := range f.order {
		text = appendEscaped(append(text, f.prefixes[n]...), labels[i])
	}
	if len(labels) > 0 {
		text = append(text, '"', '}')
	}
	f.text = append(appendNumber(append(text, ' '), value, w.openMetrics), '\n')
}

// Blocks returns the families that have samples, sorted by name. For OpenMetrics the caller adds "# EOF".
func (w *Writer) Blocks() []Block {
	blocks := make([]Block, 0, len(w.sorted))
	for _, f := range w.sorted {
		if len(f.text) > 0 {
			blocks = append(blocks, Block{f.Name, f.text})
		}
	}
	return blocks
}

// appendEscaped writes a label value. Invalid UTF-8 becomes the replacement character.
func appendEscaped(text []byte, value string) []byte {
	if isPlain(value) {
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

// isPlain reports whether a value is ASCII that needs no escaping, as nearly all values are.
func isPlain(value string) bool {
	for i := range len(value) {
		if c := value[i]; c >= utf8.RuneSelf || c == '\\' || c == '"' || c == '\n' {
			return false
		}
	}
	return true
}

// appendNumber writes a value. OpenMetrics writes integers with a decimal point.
func appendNumber(text []byte, v float64, openMetrics bool) []byte {
	switch {
	case v == 0, v == 1: // most values; -0 is written as 0, as the reference encoder does
		text = append(text, '0'+byte(v))
	case math.IsInf(v, 1):
		return append(text, "+Inf"...)
	default:
		start := len(text)
		text = strconv.AppendFloat(text, v, 'g', -1, 64)
		if bytes.ContainsAny(text[start:], "e.NI") {
			return text
		}
	}
	if openMetrics {
		text = append(text, '.', '0')
	}
	return text
}
