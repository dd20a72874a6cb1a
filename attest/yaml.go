package attest

// How files are written: the same values always give the same text, one key per line in a fixed order, without empty
// values and without anything that YAML parsers read differently. Text that is not clearly a word is quoted.

import (
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest/plain"
)

// page is a YAML document being written.
type page struct {
	b      strings.Builder
	indent int
	dash   bool // the next line begins a list entry
}

func (p *page) line(key, value string) {
	if p.dash {
		p.b.WriteString(strings.Repeat("  ", p.indent-1) + "- ")
		p.dash = false
	} else {
		p.b.WriteString(strings.Repeat("  ", p.indent))
	}
	p.b.WriteString(key + ":")
	if value != "" {
		p.b.WriteString(" " + value)
	}
	p.b.WriteByte('\n')
}

func (p *page) text(key, value string) {
	if value != "" {
		p.line(key, plain.Scalar(value))
	}
}

func (p *page) time(key string, t time.Time) {
	if !t.IsZero() {
		p.line(key, stamp(t))
	}
}

// flag writes a field that is true.
func (p *page) flag(key string, set bool) {
	if set {
		p.line(key, "true")
	}
}

func (p *page) number(key string, n int64) {
	if n != 0 {
		p.line(key, strconv.FormatInt(n, 10))
	}
}

// in writes the keys that write adds below key; nothing when there are none.
func (p *page) in(key string, write func(*page)) {
	inner := page{indent: p.indent + 1}
	write(&inner)
	if inner.b.Len() > 0 {
		p.line(key, "")
		p.b.WriteString(inner.b.String())
	}
}

func (p *page) texts(key string, values []string) {
	if len(values) == 0 {
		return
	}
	p.line(key, "")
	for _, v := range values {
		p.b.WriteString(strings.Repeat("  ", p.indent+1) + "- " + plain.Scalar(v) + "\n")
	}
}

// entries writes a list of n mappings.
func (p *page) entries(key string, n int, write func(p *page, i int)) {
	if n == 0 {
		return
	}
	p.line(key, "")
	p.indent += 2
	for i := range n {
		p.dash = true
		write(p, i)
	}
	p.indent, p.dash = p.indent-2, false
}

func (p *page) bytes() []byte { return []byte(p.b.String()) }
