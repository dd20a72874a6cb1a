package drill

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/secret"
)

func TestPlausible(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for id, want := range map[string]bool{
		"7300000000000000000": true, "": false, "1": false, "-7300000000000000000": false, "18446744073709551615": false, "abc": false, "730000000000000000": false, " 7300000000000000000": false,
	} {
		if Plausible(id, now) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}

func TestCompareObjects(t *testing.T) {
	live := []Object{{"index", "public.a_pkey", 0}, {"constraint", "public.a.a_pkey", 0}, {"sequence", "public.a_id_seq", 100_000}, {"sequence", "public.new", 0}}
	for name, tt := range map[string]struct {
		restored []Object
		want     string
	}{
		"the same":       {live, ""},
		"more":           {append(slices.Clone(live), Object{"index", "public.b", 0}), ""},
		"a little older": {[]Object{live[0], live[1], {"sequence", "public.a_id_seq", 95_000}, live[3]}, ""},
		"ahead":          {[]Object{live[0], live[1], {"sequence", "public.a_id_seq", 200_000}, live[3]}, ""},
		"reset":          {[]Object{live[0], live[1], {"sequence", "public.a_id_seq", 1}, live[3]}, "sequence public.a_id_seq is at 1 instead of 100000"},
		"no index":       {live[1:], "index public.a_pkey is missing"},
		"nothing":        {nil, "constraint public.a.a_pkey is missing; index public.a_pkey is missing; sequence public.a_id_seq is missing; sequence public.new is missing"},
	} {
		if got := strings.Join(CompareObjects(live, tt.restored, Tolerance{Ratio: 0.1, Rows: 1000}), "; "); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// objects restores a dump and compares it with a live database that has another index, constraint and sequence.
func (s *drillServer) objects(t *testing.T) {
	live := secret.New(s.Server.DSNFor(s.Server.User, s.Server.Password, s.Database))
	path := s.dumpTo(t, "objects.dump", "-Fc")
	run := func(want ...string) {
		t.Helper()
		d := s.drill
		d.Tolerance = Tolerance{Ratio: 0.1, Rows: 1000}
		var err error
		if d.Live, err = Estimates(t.Context(), live); err != nil {
			t.Fatal(err)
		}
		if d.LiveObjects, err = Objects(t.Context(), live); err != nil {
			t.Fatal(err)
		}
		out, err := d.Run(t.Context(), path)
		if err != nil || out.Failed != "" || !out.Compared() || !slices.Equal(out.Lacking, want) || out.Holds() != (len(want) == 0) {
			t.Errorf("%v %q, lacking %q, want %q: %s", err, out.Failed, out.Lacking, want, out)
		}
	}
	run()
	s.Server.ExecIn(t, s.Database, "create index drill_new on users (id)", "alter table users add constraint drill_rule check (id > -10)", "create sequence drill_numbers")
	run("constraint public.users.drill_rule is missing", "index public.drill_new is missing", "sequence public.drill_numbers is missing")
	s.Server.ExecIn(t, s.Database, "drop index drill_new", "alter table users drop constraint drill_rule", "drop sequence drill_numbers")
}
