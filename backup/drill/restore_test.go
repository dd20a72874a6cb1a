package drill

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

func TestClean_LeftOvers(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	const marked, young, old = scratchMark + "[]", "catalyst_drill_1799999000_abcdefgh", "catalyst_drill_1799990000_abcdefgh"
	for _, test := range []struct {
		left leftOver
		want bool
	}{
		{leftOver{young, marked, false}, true},
		{leftOver{young, marked, true}, false},
		{leftOver{young, "", false}, false},
		{leftOver{old, "", false}, true},
		{leftOver{old, "", true}, false},
		{leftOver{old, "mine, do not drop", false}, false},
		{leftOver{"catalyst_drill", marked, false}, false},
		{leftOver{"catalyst_drill_of_somebody", marked, false}, false},
		{leftOver{"x" + old, marked, false}, false},
		{leftOver{"shop", marked, false}, false},
	} {
		if got := test.left.droppable(now); got != test.want {
			t.Errorf("%+v: %v", test.left, got)
		}
	}
	if names := (leftOver{comment: scratchMark + `["a","b c"]`}).makes(); !slices.Equal(names, []string{"a", "b c"}) {
		t.Errorf("%q", names)
	}
	if names := (leftOver{comment: `["a"]`}).makes(); names != nil {
		t.Errorf("%q", names)
	}
}

func TestRestore_HidesPassword(t *testing.T) {
	parts.Need(t, "pg_restore")
	parts.Need(t, "psql")
	password := parts.Secret()
	dsn := "postgres://u:" + password + "@db.example:6432/x?sslmode=require"
	environment, err := libpq(secret.New(dsn))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PGHOST=db.example", "PGPORT=6432", "PGUSER=u", "PGPASSWORD=" + password, "PGSSLMODE=require", "LC_ALL=C"} {
		if !slices.Contains(environment, want) {
			t.Errorf("no %s", strings.Replace(want, password, "…", 1))
		}
	}
	for _, p := range []dump.Proof{{Whole: true, Format: dump.Custom}, {Whole: true, Format: dump.SQL}} {
		plan, err := Drill{DSN: secret.New(dsn), Throwaway: true}.plan("a", false, p)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.Join(plan.args, " "), password) {
			t.Error("the password is an argument")
		}
	}
}

func TestParameter(t *testing.T) {
	for _, test := range []struct{ dsn, key, want string }{
		{"postgres://u@h/d?sslmode=require", "sslmode", "require"},
		{"postgresql://u@h/d?sslmode=require&x=y", "x", "y"},
		{"postgres://u@h/d", "sslmode", ""},
		{"host=h sslmode=disable user=u", "sslmode", "disable"},
		{"host=h sslmode = disable", "sslmode", "disable"},
		{`password='a sslmode=x \' b' sslmode=prefer`, "sslmode", "prefer"},
		{`sslcert='/a b/it\'s'`, "sslcert", "/a b/it's"},
		{`sslkey=a\ b`, "sslkey", `a\`},
	} {
		if got := parameter(test.dsn, test.key); got != test.want {
			t.Errorf("%s of %s: %q", test.key, test.dsn, got)
		}
	}
}

func TestSayings(t *testing.T) {
	s := &sayings{}
	for _, part := range []string{
		"pg_restore: error: could not execute query: ERROR:  unrecognized configuration ", "parameter \"transaction_timeout\"\nCommand was: SET ...\n",
		"psql:<stdin>:17: ERROR:  23505\npsql:<stdin>:18: ERROR:  42704\n", "psql:<stdin>:19: ERROR:  23505\nDETAIL: Key (a)=(ERROR:  12345 in a row)\n", strings.Repeat("x", 3*maxLine) + "\n",
		"pg_restore: error: unsupported version (1.16) in file header",
	} {
		if n, err := s.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	s.read()
	want := "psql rejected the backup (exit status 3): 2 × SQLSTATE 23505: the server is older than the pg_dump that made the backup; pg_restore is older than the pg_dump that made the backup"
	if got := s.failure(plan{psql: true}, errors.New("exit status 3")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
