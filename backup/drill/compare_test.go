package drill

import (
	"strconv"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
)

func TestCompare(t *testing.T) {
	backup := dump.Proof{Tables: []dump.Table{{Database: "", Schema: "public", Name: "users", Rows: 100}, {Database: "", Schema: "public", Name: "orders", Rows: 5}, {Database: "", Schema: "audit", Name: "log", Rows: 0}}}
	restored := func(change map[string]Restored) []Restored {
		all := map[string]Restored{
			"users": {Schema: "public", Name: "users", Rows: 100}, "orders": {Schema: "public", Name: "orders", Rows: 5},
			"log": {Schema: "audit", Name: "log"}, "unlogged": {Schema: "public", Name: "unlogged"},
		}
		for name, r := range change {
			all[name] = r
		}
		var list []Restored
		for _, r := range all {
			if r.Name != "" {
				list = append(list, r)
			}
		}
		return list
	}
	type with = map[string]Restored
	tests := []struct {
		name     string
		proof    dump.Proof
		restored []Restored
		holds    bool
		text     string
	}{
		{"all there", backup, restored(nil), true, "3 tables with 105 rows match"},
		{"a table missing", backup, restored(with{"users": {}}), false, "table public.users is missing (100 rows)"},
		{"an empty table missing", backup, restored(with{"log": {}}), false, "table audit.log is missing (0 rows)"},
		{"a row missing", backup, restored(with{"users": {Schema: "public", Name: "users", Rows: 99}}), false, "table public.users has 99 rows instead of 100"},
		{"a row too many", backup, restored(with{"users": {Schema: "public", Name: "users", Rows: 101}}), false, "table public.users has 101 rows instead of 100"},
		{"not counted", backup, restored(with{"users": {Schema: "public", Name: "users", Rows: -1}}), false, "table public.users could not be counted"},
		{"in another schema", backup, restored(with{"users": {Schema: "private", Name: "users", Rows: 100}}), false,
			"table private.users has 100 rows that are not in the backup; table public.users is missing (100 rows)"},
		{"the worst first", backup, restored(with{"users": {Schema: "public", Name: "users", Rows: 98}, "orders": {}}), false,
			"table public.orders is missing (5 rows); table public.users has 98 rows instead of 100"},
		{"a table of an extension", backup, restored(with{"x": {Schema: "public", Name: "spatial_ref_sys", Rows: 8500, Extension: true}}), true, "3 tables"},
		{"a table of an extension with own rows", backup, restored(with{"users": {Schema: "public", Name: "users", Rows: 8500, Extension: true}}), true, "3 tables"},
		{"a table of an extension with too few", backup, restored(with{"users": {Schema: "public", Name: "users", Rows: 99, Extension: true}}), false, "99 rows instead"},
		{"a partitioned table", backup, restored(with{"p": {Schema: "public", Name: "p", Rows: 100, Parent: true}}), true, "3 tables"},
		{"through the root", dump.Proof{Tables: []dump.Table{{Database: "", Schema: "public", Name: "p", Rows: 7}}},
			[]Restored{{Schema: "public", Name: "p", Rows: 7, Parent: true}, {Schema: "public", Name: "p1", Rows: 3}, {Schema: "public", Name: "p2", Rows: 4}}, true, "1 tables with 7 rows"},
		{"more tables than are listed", dump.Proof{Partial: true, Tables: backup.Tables}, restored(with{"x": {Schema: "public", Name: "x", Rows: 3}}), true, "3 tables"},
		{"nothing in both", dump.Proof{}, nil, false, "no tables to compare"},
		{"no row in both", dump.Proof{Tables: []dump.Table{{Database: "", Schema: "public", Name: "a", Rows: 0}}}, []Restored{{Schema: "public", Name: "a"}}, false, "1 tables with 0 rows"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := Compare(test.proof, test.restored)
			if c.Holds() != test.holds || !strings.Contains(c.String(), test.text) {
				t.Errorf("%v: %s, want %s", c.Holds(), c, test.text)
			}
		})
	}
}

func TestCompareLive(t *testing.T) {
	restored := []Restored{{Schema: "public", Name: "users", Rows: 100}, {Schema: "public", Name: "old", Rows: 3}, {Schema: "public", Name: "ext", Rows: 3, Extension: true}}
	tests := []struct {
		name      string
		live      []dump.Table
		tolerance Tolerance
		holds     bool
		text      string
	}{
		{"equal", []dump.Table{{Database: "", Schema: "public", Name: "users", Rows: 100}}, Tolerance{}, true, "rows match"},
		{"just within the ratio", []dump.Table{{Database: "", Schema: "public", Name: "users", Rows: 125}}, Tolerance{Ratio: 0.2}, true, ""},
		{"just beyond the ratio", []dump.Table{{Database: "", Schema: "public", Name: "users", Rows: 126}}, Tolerance{Ratio: 0.2}, false, "100 rows instead of 126"},
		{"too many", []dump.Table{{Database: "", Schema: "public", Name: "users", Rows: 80}}, Tolerance{Ratio: 0.2}, false, "100 rows instead of 80"},
		{"within the rows", []dump.Table{{Database: "", Schema: "public", Name: "users", Rows: 1}}, Tolerance{Ratio: 0.2, Rows: 99}, true, ""},
		{"no estimate", []dump.Table{{Database: "", Schema: "public", Name: "users", Rows: -1}}, Tolerance{}, true, ""},
		{"no estimate, no table", []dump.Table{{Database: "", Schema: "public", Name: "new", Rows: -1}}, Tolerance{Ratio: 1}, false, "public.new is missing (0 rows)"},
		{"a table newer than the backup", []dump.Table{{Database: "", Schema: "public", Name: "new", Rows: 10}}, Tolerance{Ratio: 1, Rows: 1000}, false, "public.new is missing (10 rows)"},
		{"of an extension", []dump.Table{{Database: "", Schema: "public", Name: "ext", Rows: 100}}, Tolerance{}, true, ""},
		{"no table", nil, Tolerance{}, false, "no tables to compare"},
	}
	for _, test := range tests {
		c := CompareLive(test.live, restored, test.tolerance)
		if c.Holds() != test.holds || !strings.Contains(c.String(), test.text) {
			t.Errorf("%s: %v: %s", test.name, c.Holds(), c)
		}
	}
}

func TestCompare_ManyDifferences(t *testing.T) {
	var p dump.Proof
	for i := range 150 {
		p.Tables = append(p.Tables, dump.Table{Schema: "public", Name: strconv.Itoa(i), Rows: int64(i)})
	}
	c := Compare(p, nil)
	if len(c.Differences) != maxDifferences || c.More != 50 || c.Differences[0].Name != "149" || !strings.HasSuffix(c.String(), "; and 145 more") {
		t.Errorf("%d differences, %d more: %s", len(c.Differences), c.More, c)
	}
}
