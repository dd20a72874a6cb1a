// Compares a restored database's tables and rows with those of its backup and of the live database. It performs no I/O.

package drill

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
)

// Tolerance is the accepted difference between two row counts. The larger of the two allowances applies; the zero value
// allows none.
type Tolerance struct {
	Ratio float64 // relative to the expected rows
	Rows  int64
}

// Kind is the kind of a difference.
type Kind string

// The kinds of differences.
const (
	Missing    Kind = "missing"     // the table does not exist
	Rows       Kind = "rows"        // the table has a different number of rows
	Unexpected Kind = "unexpected"  // the table has rows, but is not in the backup
	NotCounted Kind = "not_counted" // the table exists, but could not be counted
)

// Difference is one table that differs.
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
		return fmt.Sprintf("table %s has %d rows that are not in the backup", name, d.Got)
	case NotCounted:
		return fmt.Sprintf("table %s could not be counted", name)
	}
	return fmt.Sprintf("table %s has %d rows instead of %d", name, d.Got, d.Want)
}

// Comparison is the result of a comparison.
type Comparison struct {
	Tables int   `json:"tables"` // compared tables
	Rows   int64 `json:"rows"`   // rows restored in these tables

	// Differences are sorted by the number of affected rows, largest first. More counts those after the first hundred.
	Differences []Difference `json:"differences,omitempty"`
	More        int          `json:"more,omitempty"`
}

// Holds reports whether tables were compared and none differs. An empty database restored from an empty backup proves
// nothing.
func (c Comparison) Holds() bool { return c.Tables > 0 && c.Rows > 0 && len(c.Differences) == 0 }

// String formats the result on one line, with the worst differences.
func (c Comparison) String() string {
	if c.Tables == 0 {
		return "no tables to compare"
	}
	if len(c.Differences) == 0 {
		return fmt.Sprintf("%d tables with %d rows match", c.Tables, c.Rows)
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

// maxDifferences is the maximum number of differences kept.
const maxDifferences = 100

// Restored is one table of a restored database.
type Restored struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	Rows   int64  `json:"rows"` // -1 if it could not be counted

	// Extension: the table belongs to an extension that fills it. Rows of the backup are added to its own.
	Extension bool `json:"extension,omitempty"`
	// Parent: the table is partitioned. Rows are those of its partitions, which are also listed.
	Parent bool `json:"parent,omitempty"`
}

// Compare compares a restored database with its backup. Row counts of a backup are exact, so every table must match
// exactly. Tables of an extension may have more rows.
func Compare(p dump.Proof, restored []Restored) Comparison {
	var c Comparison
	got := index(restored)
	want := make(map[key]int64)
	var order []key
	viaRoot := false
	for _, t := range p.Tables {
		name := key{schema: t.Schema, name: t.Name}
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
		_, known := want[key{schema: r.Schema, name: r.Name}]
		// The backup does not say which partition received rows inserted through the root of a partitioned table, and it does
		// not list all tables if Partial is set.
		if !known && r.Rows > 0 && !r.Extension && !r.Parent && !viaRoot && !p.Partial {
			c.differ(Difference{Unexpected, r.Schema, r.Name, 0, r.Rows})
		}
	}
	return c.sorted()
}

// CompareLive compares a restored database with the live one's own estimates, which may be old; the live database has
// also changed since the backup. Live tables without an estimate (Rows below zero) need only exist.
func CompareLive(live []dump.Table, restored []Restored, tolerance Tolerance) Comparison {
	var c Comparison
	got := index(restored)
	for _, t := range live {
		name := key{schema: t.Schema, name: t.Name}
		r, there := got[name]
		c.compare(name, max(t.Rows, 0), r, there, func() bool { return t.Rows < 0 || r.Extension || tolerance.allows(t.Rows, r.Rows) })
	}
	return c.sorted()
}

func (t Tolerance) allows(want, got int64) bool {
	allowed := max(float64(t.Rows), t.Ratio*float64(want))
	return math.Abs(float64(want)-float64(got)) <= allowed
}

type key struct{ schema, name string }

func index(restored []Restored) map[key]Restored {
	m := make(map[key]Restored, len(restored))
	for _, r := range restored {
		m[key{schema: r.Schema, name: r.Name}] = r
	}
	return m
}

func (c *Comparison) compare(name key, want int64, r Restored, there bool, holds func() bool) {
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

// sorted sorts the differences and keeps the first ones.
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
