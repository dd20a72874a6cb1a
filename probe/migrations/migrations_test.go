package migrations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// migrationsOf makes migrations of their names; a name behind "empty " holds comments alone.
func migrationsOf(t *testing.T, names ...string) []File {
	t.Helper()
	var found []File
	for _, n := range names {
		n, empty := strings.CutPrefix(n, "empty ")
		name, ok := parseMigrationName(n)
		if !ok {
			t.Fatalf("%s is no migration", n)
		}
		file := File{Name: name}
		if empty {
			file.content = migrationEmpty
		}
		found = append(found, file)
	}
	return found
}

func TestMigrationsJudgement(t *testing.T) {
	for name, tt := range map[string]struct {
		from   int
		files  string
		state  probe.State
		reason probe.Reason
		detail string
		Count  float64
	}{
		"one":                 {0, "001_a.sql", probe.StatePass, probe.ReasonNone, "001 to 001, 1 in total (numbered)", 1},
		"in order":            {0, "001_a.sql 002_b.sql 003_c.sql", probe.StatePass, probe.ReasonNone, "001 to 003, 3 in total", 3},
		"from zero":           {0, "0_a.sql 1_b.sql", probe.StatePass, probe.ReasonNone, "", 2},
		"past ten":            {0, "1_a.sql 2_a.sql 3_a.sql 4_a.sql 5_a.sql 6_a.sql 7_a.sql 8_a.sql 9_a.sql 10_a.sql 11_a.sql", probe.StatePass, probe.ReasonNone, "1 to 11", 11},
		"dashes":              {0, "01-a.sql 02-b.sql", probe.StatePass, probe.ReasonNone, "", 2},
		"gap":                 {0, "001_a.sql 003_c.sql", probe.StateFail, probe.ReasonMissing, "002 is missing", 2},
		"wide gap":            {0, "001_a.sql 009_c.sql", probe.StateFail, probe.ReasonMissing, "002 to 008 are missing", 2},
		"no first":            {0, "002_a.sql 003_c.sql", probe.StateFail, probe.ReasonMissing, "001 is missing", 2},
		"squashed":            {7, "007_a.sql 008_c.sql", probe.StatePass, probe.ReasonNone, "", 2},
		"squashed, not all":   {7, "005_z.sql 007_a.sql", probe.StatePass, probe.ReasonNone, "", 2},
		"squashed too much":   {7, "009_c.sql", probe.StateFail, probe.ReasonMissing, "007 to 008 are missing", 1},
		"tens":                {0, "010_a.sql 020_b.sql", probe.StatePass, probe.ReasonNone, "", 2},
		"tens with a gap":     {0, "010_a.sql 030_b.sql", probe.StateFail, probe.ReasonMissing, "020 is missing", 2},
		"tens and one":        {0, "010_a.sql 011_b.sql", probe.StateFail, probe.ReasonMissing, "001 to 009 are missing", 2},
		"duplicate":           {0, "001_a.sql 001_b.sql", probe.StateFail, probe.ReasonInvalid, "001_a.sql and 001_b.sql have the same number", 1},
		"duplicate by value":  {0, "001_a.sql 1_b.sql", probe.StateFail, probe.ReasonInvalid, "same number", 1},
		"empty":               {0, "001_a.sql|empty 002_b.sql", probe.StateFail, probe.ReasonEmpty, "db/002_b.sql contains no statement", 2},
		"times":               {0, "20240101120000_a.sql 20240301120000_b.sql", probe.StatePass, probe.ReasonNone, "", 2},
		"same time":           {0, "20240101120000_a.sql 20240101120000_b.sql", probe.StateFail, probe.ReasonInvalid, "same number", 1},
		"numbers, then times": {0, "00001_a.sql 00002_b.sql 20240301120000_c.sql", probe.StatePass, probe.ReasonNone, "00001 to 20240301120000", 3},
		"huge numbers":        {0, "9999999999999999999_a.sql 10000000000000000000_b.sql", probe.StatePass, probe.ReasonNone, "9999999999999999999 to 10000000000000000000", 2},

		"pairs":                {0, "000001_a.up.sql 000001_a.down.sql 000002_b.up.sql 000002_b.down.sql", probe.StatePass, probe.ReasonNone, "000001 to 000002, 2 in total (golang-migrate)", 2},
		"up alone":             {0, "000001_a.up.sql 000002_b.up.sql", probe.StatePass, probe.ReasonNone, "", 2},
		"one down missing":     {0, "000001_a.up.sql 000001_a.down.sql 000002_b.up.sql", probe.StateWarn, probe.ReasonMissing, "1 numbered migrations have no down file, unlike the others; the first is 000002_b.up.sql", 2},
		"down alone":           {0, "000001_a.up.sql 000001_a.down.sql 000002_b.down.sql", probe.StateFail, probe.ReasonMissing, "000002_b.down.sql reverts a migration that does not exist", 1},
		"empty down":           {0, "000001_a.up.sql|empty 000001_a.down.sql", probe.StateWarn, probe.ReasonEmpty, "reverts nothing", 1},
		"empty up":             {0, "empty 000001_a.up.sql|000001_a.down.sql", probe.StateFail, probe.ReasonEmpty, "000001_a.up.sql contains no statement", 1},
		"two ups":              {0, "000001_a.up.sql 000001_b.up.sql", probe.StateFail, probe.ReasonInvalid, "same number", 1},
		"other name for down":  {0, "000001_a.up.sql 000001_b.down.sql", probe.StatePass, probe.ReasonNone, "", 1},
		"gap among pairs":      {0, "000001_a.up.sql 000003_b.up.sql", probe.StateFail, probe.ReasonMissing, "000002 is missing", 2},
		"flyway":               {0, "V1__a.sql V1.1__b.sql V1_2__c.sql V2__d.sql R__views.sql U2__d.sql", probe.StatePass, probe.ReasonNone, "V1 to V2, 4 in total (flyway)", 4},
		"flyway past ten":      {0, "V1.9__a.sql V1.10__b.sql", probe.StatePass, probe.ReasonNone, "V1.9 to V1.10", 2},
		"flyway gap":           {0, "V1__a.sql V3__b.sql", probe.StateFail, probe.ReasonMissing, "2 is missing", 2},
		"flyway twice":         {0, "V1__a.sql V1.0__b.sql", probe.StateFail, probe.ReasonInvalid, "V1.0__b.sql and V1__a.sql", 1},
		"flyway twice by sign": {0, "V1.2__a.sql V1_2__b.sql", probe.StateFail, probe.ReasonInvalid, "same number", 1},
		"flyway undo alone":    {0, "V1__a.sql U2__b.sql", probe.StateFail, probe.ReasonMissing, "U2__b.sql reverts", 1},
		"empty repeatable":     {0, "V1__a.sql|empty R__b.sql", probe.StateFail, probe.ReasonEmpty, "R__b.sql", 1},
		"repeatable alone":     {0, "R__b.sql", probe.StateFail, probe.ReasonEmpty, "contains no migration", 0},
		"two styles":           {0, "000001_a.up.sql 000001_a.down.sql 002_b.sql", probe.StateWarn, probe.ReasonMismatch, "1 files use a different numbering than the rest (golang-migrate)", 1},
		"none":                 {0, "", probe.StateFail, probe.ReasonEmpty, "contains no migration", 0},
		"worst of several":     {0, "empty 001_a.sql|001_b.sql|003_c.sql", probe.StateFail, probe.ReasonEmpty, "002 is missing", 2},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			for part := range strings.SplitSeq(tt.files, "|") {
				if strings.HasPrefix(part, "empty ") {
					names = append(names, part)
				} else {
					names = append(names, strings.Fields(part)...)
				}
			}
			slices.SortFunc(names, func(a, b string) int {
				return strings.Compare(strings.TrimPrefix(a, "empty "), strings.TrimPrefix(b, "empty "))
			})
			r := probe.ValidateResult((&migrations{From: tt.from}).judge(migrationsOf(t, names...), "db"))
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if got, ok := probetest.Measured(r, Count); !ok || got != tt.Count {
				t.Errorf("measured %v %v, want %v", got, ok, tt.Count)
			}
		})
	}
	for name, tt := range map[string]struct {
		file   File
		state  probe.State
		reason probe.Reason
	}{
		"binary":     {File{migration: migration{content: migrationNotText}}, probe.StateFail, probe.ReasonInvalid},
		"conflict":   {File{migration: migration{content: contentOf([]byte("A;\n<<<<<<< HEAD\nB;\n=======\nC;\n>>>>>>> x\n"), false)}}, probe.StateFail, probe.ReasonInvalid},
		"pointer":    {File{migration: migration{content: contentOf([]byte("version https://git-lfs.github.com/spec/v1\noid sha256:ab\n"), false)}}, probe.StateFail, probe.ReasonMissing},
		"page":       {File{migration: migration{content: contentOf([]byte("<!DOCTYPE html><html></html>"), false)}}, probe.StateFail, probe.ReasonInvalid},
		"endless":    {File{migration: migration{content: migrationNoEnd}}, probe.StateFail, probe.ReasonInvalid},
		"gone":       {File{err: fs.ErrNotExist}, probe.StateFail, probe.ReasonMissing},
		"forbidden":  {File{err: fs.ErrPermission}, probe.StateUnknown, probe.ReasonPermissionDenied},
		"disk error": {File{err: errors.New("input/output error")}, probe.StateUnknown, probe.ReasonError},
	} {
		t.Run(name, func(t *testing.T) {
			tt.file.Name, _ = parseMigrationName("001_a.sql")
			probetest.Expect(t, probe.ValidateResult((&migrations{}).judge([]File{tt.file}, "db")), tt.state, tt.reason, "db/001_a.sql")
		})
	}
}

func TestMigrationNames(t *testing.T) {
	for _, file := range []string{
		"README.md", "schema.sql", "001.sql", "seed_001.sql", "v1__a.sql", "V1_a.sql", "B5__a.sql", "001_a.sql.bak", "001_a_test.go", "001_a.up.sql~", ".001_a.sql",
		"001_a\nb.sql", "V1..2__a.sql", "123456789012345678901_a.sql", "001_a.SQL",
	} {
		if name, ok := parseMigrationName(file); ok {
			t.Errorf("%q is a migration: %+v", file, name)
		}
	}
}

func TestHasStatement(t *testing.T) {
	for _, sql := range []string{
		"CREATE TABLE a ();", "-- a\nSELECT 1", "/* a */ SELECT 1", "/* a /* b */ c */ SELECT 1", "BEGIN; CREATE TABLE a (); COMMIT;", "BEGIN TRANSACTION\nCREATE TABLE a ();",
		"-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\n", "-- migrate:down\nDROP TABLE a;\n-- migrate:up\nCREATE TABLE a ();", "\uFEFFSELECT 1", "/*!40101 SET a=1 */;", "\\i other.sql",
		"beginning;", "# a\nselect 1",
	} {
		if !hasStatement(sql) {
			t.Errorf("%q holds a statement", sql)
		}
	}
	for _, sql := range []string{
		"", " \r\n\t", "-- CREATE TABLE a ();", "/* CREATE TABLE a (); */", "/* a /* b */ SELECT 1 */", "/* SELECT 1", "BEGIN;\nCOMMIT;", "begin transaction isolation level serializable;\nend", ";;",
		"-- +goose Up\n-- to be written\n-- +goose Down\nDROP TABLE a;", "-- migrate:up transaction:false\n\n-- migrate:down\nDROP TABLE a;", "\uFEFF-- a", "# a",
	} {
		if hasStatement(sql) {
			t.Errorf("%q holds no statement", sql)
		}
	}
}

func TestMigrationsFolder(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{"deployment/migrations/001_a.sql": "create table a (id int)", "deployment/migrations/README.md": "", "deployment/migrations/old/007_a.sql": ""}, deployment.Settings{})
	r := probetest.Look(t, p, FolderKind(), "{}")
	probetest.Expect(t, r, probe.StatePass, probe.ReasonNone, "deployment/migrations contains migrations 001 to 001, 1 in total")

	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), FolderKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "migrations folder not found")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Migrations: "db"}), FolderKind(), "{}"), probe.StateFail, probe.ReasonMissing, "db cannot be listed")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{"db": ""}, deployment.Settings{Migrations: "db"}), FolderKind(), "{}"), probe.StateFail, probe.ReasonInvalid, "not a directory")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{"db/seed.sql": "select 1"}, deployment.Settings{Migrations: "db"}), FolderKind(), "{}"), probe.StateFail, probe.ReasonEmpty, "db contains no migration")

	for name, tt := range map[string]struct {
		make   func(path string) error
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"zero bytes": {func(path string) error { return os.WriteFile(path, nil, 0o600) }, probe.StateFail, probe.ReasonEmpty, "no statement"},
		"binary":     {func(path string) error { return os.WriteFile(path, []byte("PGDMP\x00"), 0o600) }, probe.StateFail, probe.ReasonInvalid, "not a text file"},
		"fifo":       {func(path string) error { return syscall.Mkfifo(path, 0o600) }, probe.StateFail, probe.ReasonInvalid, "named pipe"},
		"directory":  {func(path string) error { return os.Mkdir(path, 0o700) }, probe.StateFail, probe.ReasonInvalid, "directory"},
		"loop":       {func(path string) error { return os.Symlink("001_a.sql", path) }, probe.StateFail, probe.ReasonInvalid, "symbolic links"},
		"dangling":   {func(path string) error { return os.Symlink("nowhere", path) }, probe.StateFail, probe.ReasonMissing, "no such file"},
		"large": {func(path string) error {
			return os.WriteFile(path, []byte("select 1;"+strings.Repeat("\n", maxMigrationHead)), 0o600)
		}, probe.StatePass, probe.ReasonNone, ""},
		"large, no end": {func(path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("\n", maxMigrationHead)+"select 1;"), 0o600)
		}, probe.StateFail, probe.ReasonInvalid, "first MiB"},
		"large and binary": {func(path string) error { return os.WriteFile(path, make([]byte, maxMigrationHead+1), 0o600) }, probe.StateFail, probe.ReasonInvalid, "not a text file"},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{"migrations/002_b.sql": "create table b (id int)"}, deployment.Settings{})
			if err := tt.make(filepath.Join(p.Deployment.Root, "migrations/001_a.sql")); err != nil {
				t.Fatal(err)
			}
			probetest.Expect(t, probetest.Look(t, p, FolderKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}

	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Migrations: fifo}), FolderKind(), "{}"), probe.StateFail, probe.ReasonInvalid, "not a directory")

	many := t.TempDir()
	for i := range MaxMigrations + 1 {
		if err := os.WriteFile(filepath.Join(many, fmt.Sprintf("%05d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Migrations: many}), FolderKind(), "{}"), probe.StateFail, probe.ReasonInvalid, "more than 10000 entries")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	probetest.Expect(t, probe.Run(ctx, probetest.Load(t, FolderKind(), "{}"), p), probe.StateUnknown, probe.ReasonTimeout, "")
}

func FuzzMigrations(f *testing.F) {
	f.Add("001_a.sql", "V1.2__b.sql", "-- +goose Up\n/* a */ begin;")
	f.Add("000001_a.up.sql", "000001_a.down.sql", "/*")
	f.Add("010_a.sql", "99999999999_b.sql", "start transaction;commit")
	f.Fuzz(func(t *testing.T, a, b, sql string) {
		hasStatement(sql)
		var found []File
		for _, file := range []string{a, b} {
			if name, ok := parseMigrationName(file); ok {
				found = append(found, File{Name: name})
			}
		}
		if r := probe.ValidateResult((&migrations{}).judge(found, "db")); r.State == probe.StatePass && len(found) == 0 || r.Reason == probe.ReasonError {
			t.Errorf("%+v", r)
		}
	})
}

func TestStatementsOf(t *testing.T) {
	for name, tt := range map[string]struct {
		sql  string
		want migrationContent
	}{
		"a table":                        {"CREATE TABLE a (id int);", migrationStatements},
		"without the last semicolon":     {"create table a (id int)", migrationStatements},
		"after a blank line and comment": {"-- one\n\n  CREATE TABLE a (\n  id int, -- (\n  b text DEFAULT '('\n);\n", migrationStatements},
		"a function body":                {"CREATE FUNCTION f() RETURNS int AS $$ BEGIN RETURN (1; END $$ LANGUAGE plpgsql;", migrationTableless},
		"an operator with a hash":        {"UPDATE a SET b = (c #>> '{x}') ; ALTER TABLE a ADD d int;", migrationStatements},
		"a hypertable":                   {"SELECT create_hypertable('a', 'time');", migrationStatements},
		"data of COPY":                   {"COPY a (b) FROM stdin;\n(\n\\.\n", migrationStatements},
		"MySQL's delimiter":              {"DELIMITER //\nCREATE TABLE a (id int) //\n", migrationStatements},
		"prose":                          {"hello world, this is not SQL", migrationGarbage},
		"a shopping list":                {"milk;\nbread (two;\n", migrationGarbage},
		"cut in a column list":           {"CREATE TABLE a (\n  id int,\n  name te", migrationUnclosed},
		"cut after a nested type":        {"CREATE TABLE a (id numeric(10,2),", migrationUnclosed},
		"a query alone":                  {"SELECT 1;", migrationTableless},
		"a setting alone":                {"SET search_path = a;", migrationTableless},
	} {
		if got := statementsOf(tt.sql); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
