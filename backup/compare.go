// What a restored database lacks: its tables and rows held against those of the backup it was made of, and against those of the live one.
// Pure: no look at anything.

package backup

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Tolerance is how far a number of rows may be from another. The larger of the two allowances counts; the zero value allows nothing.
type Tolerance struct {
	Ratio float64 // of the rows that are wanted
	Rows  int64
}

// Kind says in what a restored table differs.
type Kind string

// The kinds of differences.
const (
	Missing    Kind = "missing"     // the table is not there
	Rows       Kind = "rows"        // it has another number of rows
	Unexpected Kind = "unexpected"  // it has rows, and the backup does not know it
	NotCounted Kind = "not_counted" // it is there and could not be counted
)

// Difference is one table that is not as it should be.
type Difference struct {
	Kind   Kind   `json:"kind"`
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Want   int64  `json:"want"` // rows
	Got    int64  `json:"got"`
}

func (d Difference) String() string {
	name := d.Schema + "." + d.Name
	switch d.Kind {
	case Missing:
		return fmt.Sprintf("table %s is missing (%d rows)", name, d.Want)
	case Unexpected:
		return fmt.Sprintf("table %s has %d rows that are not of the backup", name, d.Got)
	case NotCounted:
		return fmt.Sprintf("table %s could not be counted", name)
	}
	return fmt.Sprintf("table %s has %d rows instead of %d", name, d.Got, d.Want)
}

// Comparison is the outcome.
type Comparison struct {
	Tables int   `json:"tables"` // compared
	Rows   int64 `json:"rows"`   // restored, in these

	// Differences are ordered by the rows they concern, most first. More counts those beyond the hundred that are kept.
	Differences []Difference `json:"differences,omitempty"`
	More        int          `json:"more,omitempty"`
}

// Holds tells whether something was compared and nothing differs: an empty database restored from an empty backup shows nothing.
func (c Comparison) Holds() bool { return c.Tables > 0 && c.Rows > 0 && len(c.Differences) == 0 }

// String tells the outcome in one line, with the worst differences named.
func (c Comparison) String() string {
	if c.Tables == 0 {
		return "there is no table to compare"
	}
	if len(c.Differences) == 0 {
		return fmt.Sprintf("%d tables with %d rows are as they should be", c.Tables, c.Rows)
	}
	const told = 5
	var b strings.Builder
	for i, d := range c.Differences[:min(told, len(c.Differences))] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(d.String())
	}
	if more := len(c.Differences) + c.More - told; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// maxDifferences bounds what is kept of them.
const maxDifferences = 100

// Restored is one table of a restored database.
type Restored struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Rows   int64  `json:"rows"` // -1: could not be counted

	// Extension: the table belongs to an extension, which fills it by itself; rows of the backup come on top.
	Extension bool `json:"extension,omitempty"`
	// Parent: the table is partitioned, Rows are those of its partitions, which are listed too.
	Parent bool `json:"parent,omitempty"`
}

// Compare holds a restored database against the backup it was made of. The rows of a backup are exact, so every table must have just these; the
// tables of an extension at least these.
func Compare(p Proof, restored []Restored) Comparison {
	var c Comparison
	got := index(restored)
	want := make(map[table]int64)
	var order []table
	viaRoot := false
	for _, t := range p.Tables {
		name := table{schema: t.Schema, name: t.Name}
		if _, twice := want[name]; !twice {
			order = append(order, name)
		}
		want[name] += t.Rows
		viaRoot = viaRoot || got[name].Parent
	}
	for _, name := range order {
		r, there := got[name]
		c.compare(name, want[name], r, there, func() bool { return r.Rows == want[name] || r.Extension && r.Rows >= want[name] })
	}
	for _, r := range restored {
		_, known := want[table{schema: r.Schema, name: r.Name}]
		// With rows that went in through the root of a partitioned table the backup does not know where they ended; a backup with more tables
		// than are listed does not know either.
		if !known && r.Rows > 0 && !r.Extension && !r.Parent && !viaRoot && !p.Partial {
			c.differ(Difference{Unexpected, r.Schema, r.Name, 0, r.Rows})
		}
	}
	return c.sorted()
}

// CompareLive holds a restored database against the live one's own estimates, which are old, and the live one has moved on since the backup.
// Live tables without an estimate (Rows below zero) need only be there.
func CompareLive(live []Table, restored []Restored, tolerance Tolerance) Comparison {
	var c Comparison
	got := index(restored)
	for _, t := range live {
		name := table{schema: t.Schema, name: t.Name}
		r, there := got[name]
		c.compare(name, max(t.Rows, 0), r, there, func() bool { return t.Rows < 0 || r.Extension || tolerance.allows(t.Rows, r.Rows) })
	}
	return c.sorted()
}

func (t Tolerance) allows(want, got int64) bool {
	allowed := max(float64(t.Rows), t.Ratio*float64(want))
	return math.Abs(float64(want)-float64(got)) <= allowed
}

func index(restored []Restored) map[table]Restored {
	m := make(map[table]Restored, len(restored))
	for _, r := range restored {
		m[table{schema: r.Schema, name: r.Name}] = r
	}
	return m
}

func (c *Comparison) compare(name table, want int64, r Restored, there bool, holds func() bool) {
	c.Tables++
	switch {
	case !there:
		c.differ(Difference{Missing, name.schema, name.name, want, 0})
	case r.Rows < 0:
		c.differ(Difference{NotCounted, name.schema, name.name, want, 0})
	default:
		c.Rows += r.Rows
		if !holds() {
			c.differ(Difference{Rows, name.schema, name.name, want, r.Rows})
		}
	}
}

func (c *Comparison) differ(d Difference) { c.Differences = append(c.Differences, d) }

// sorted orders the differences and keeps the first.
func (c Comparison) sorted() Comparison {
	weight := func(d Difference) int64 { return max(d.Want-d.Got, d.Got-d.Want) }
	slices.SortStableFunc(c.Differences, func(a, b Difference) int {
		if wa, wb := weight(a), weight(b); wa != wb {
			if wa > wb {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Schema+"."+a.Name, b.Schema+"."+b.Name)
	})
	if n := len(c.Differences); n > maxDifferences {
		c.Differences, c.More = c.Differences[:maxDifferences:maxDifferences], n-maxDifferences
	}
	return c
}
