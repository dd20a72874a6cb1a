package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/internal/dumptest"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// databases returns the names of all databases of a server.
func databases(t *testing.T, server *parts.PostgreSQLServer) []string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `select datname from pg_database order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestDrill restores real dumps into a real server. It is the server of the deployment and of the drill, which the drill
// cannot know: it is configured with another system identifier.
func TestDrill(t *testing.T) {
	s := newDrillServer(t)
	t.Run("restores", s.restores)
	t.Run("refuses", s.refuses)
	t.Run("reports failures", s.reportsFailures)
	t.Run("cancelled", s.cancelled)
	t.Run("killed", s.killed)
	t.Run("drops old databases", s.dropsOldDatabases)
	t.Run("estimates", s.estimates)
	t.Run("objects", s.objects)
}

// drillServer is a server with a database, dumps of it, and drills that use the server.
type drillServer struct {
	dumptest.Client
	dir               string
	value             string // secret value in a row, which must not be shown
	drill, throwaway  Drill
	custom, directory string // dumps
	initial           []string
}

func newDrillServer(t *testing.T) *drillServer {
	t.Helper()
	parts.Need(t, "pg_restore")
	parts.Need(t, "psql")
	s := &drillServer{Client: dumptest.HardDatabase(t), dir: t.TempDir(), value: parts.Secret()}
	s.Server.ExecIn(t, s.Database, `create role of_the_deployment`, `alter table users owner to of_the_deployment`,
		`insert into users values (1000, `+literal(s.value)+`, '')`, `create extension pgcrypto`)
	s.drill = Drill{DSN: secret.New(s.Server.DSN()), Deployment: "1"}
	s.throwaway = s.drill
	s.throwaway.Throwaway = true
	s.initial = databases(t, s.Server)
	s.custom = s.dumpTo(t, "custom.dump", "-Fc")
	s.directory = filepath.Join(s.dir, "directory")
	s.Dump(t, "pg_dump", "-Fd", "-f", s.directory)
	return s
}

func (s *drillServer) write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// dumpTo writes the output of pg_dump to a file and returns its path.
func (s *drillServer) dumpTo(t *testing.T, name string, args ...string) string {
	t.Helper()
	return s.write(t, name, s.Dump(t, "pg_dump", args...))
}

// requireClean checks that no drill left a database.
func (s *drillServer) requireClean(t *testing.T) {
	t.Helper()
	if now := databases(t, s.Server); !slices.Equal(now, s.initial) {
		t.Errorf("databases %v, want %v", now, s.initial)
	}
}

// slowDump returns a dump that takes ten minutes to restore in a drill.
func (s *drillServer) slowDump(t *testing.T, name string) string {
	t.Helper()
	s.Server.ExecIn(t, s.Database, `create or replace function slow() returns int language plpgsql as $$ begin
			if current_database() ~ '^catalyst_drill' then perform pg_sleep(600); end if; return 1; end $$`,
		`create materialized view slow_view as select public.slow()`)
	path := s.dumpTo(t, name, "-Fc")
	s.Server.ExecIn(t, s.Database, `drop materialized view slow_view`)
	return path
}

// awaitRestore waits until a drill has created its database, and a little longer: then it usually is in the middle of the
// restore. The test is valid at any point.
func (s *drillServer) awaitRestore(t *testing.T) {
	t.Helper()
	parts.Eventually(t, func() error {
		if len(databases(t, s.Server)) == len(s.initial) {
			return errors.New("the drill has not created a database")
		}
		return nil
	})
	time.Sleep(300 * time.Millisecond)
}

func (s *drillServer) restores(t *testing.T) {
	dumped := func(args ...string) []byte { return s.Dump(t, "pg_dump", args...) }
	created := dumptest.Client{Server: s.Server, Database: "shop_" + strings.ToLower(parts.Secret())}
	s.Server.Exec(t, "create database "+created.Database)
	s.Server.ExecIn(t, created.Database, "create table a (x int)", "insert into a values (1), (2)")
	made := s.write(t, "created.sql", created.Dump(t, "pg_dump", "--create", "--clean"))
	s.Server.Exec(t, "drop database "+created.Database)
	for name, test := range map[string]struct {
		drill Drill
		path  string
		rows  int64
	}{
		"custom":               {s.drill, s.custom, 72},
		"custom in gzip":       {s.drill, s.write(t, "custom.gz", dumptest.Compress(t, "gzip", dumped("-Fc"))), 72},
		"custom in two layers": {s.drill, s.write(t, "a.lz4.zst", dumptest.Compress(t, "zstd", dumptest.Compress(t, "lz4", dumped("-Fc")))), 72},
		"custom as INSERT":     {s.drill, s.dumpTo(t, "inserts.dump", "-Fc", "--inserts"), 72},
		"through the root":     {s.drill, s.dumpTo(t, "root.dump", "-Fc", "--load-via-partition-root"), 72},
		"tar":                  {s.drill, s.dumpTo(t, "a.tar", "-Ft"), 72},
		"directory":            {s.drill, s.directory, 72},
		"plain":                {s.throwaway, s.dumpTo(t, "a.sql"), 72},
		"plain in gzip":        {s.throwaway, s.write(t, "a.sql.gz", dumptest.Compress(t, "gzip", dumped("--clean", "--if-exists"))), 72},
		"plain that creates":   {s.throwaway, made, 2},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := test.drill.Run(t.Context(), test.path)
			if err != nil || !out.Holds() || out.Backup.Rows != test.rows {
				t.Errorf("%s, %+v, %v", out, out, err)
			}
			if out.Took <= 0 || out.System == "" || !strings.HasPrefix(out.Server, "1") {
				t.Errorf("took %v on system %q, server %q", out.Took, out.System, out.Server)
			}
			if text, _ := json.Marshal(out); strings.Contains(string(text), s.value) {
				t.Error("outcome contains the value of a row")
			}
			s.requireClean(t)
		})
	}
}

func (s *drillServer) refuses(t *testing.T) {
	id, err := SystemIdentifier(t.Context(), s.drill.DSN)
	if err != nil || len(id) < 10 {
		t.Fatalf("%q, %v", id, err)
	}
	same, unknown, blind, deaf, unreadable := s.drill, s.drill, s.drill, s.drill, s.drill
	same.Deployment, unknown.Deployment = id, ""
	s.Server.Exec(t, `create role blind login createdb password 'blind'`,
		`revoke execute on function pg_control_system() from public`)
	blind.DSN = secret.New(s.Server.DSNFor("blind", "blind", "postgres"))
	deaf.DSN = secret.New("postgres://postgres:" + s.value + "@" + parts.Refusing(t) + "/postgres")
	unreadable.DSN = secret.New("postgres://" + s.value + "@[")
	commands := s.write(t, "c.sql", []byte(dumptest.Begin+"\\! id\n"+dumptest.End))
	cluster := s.write(t, "all.sql", s.Dump(t, "pg_dumpall"))
	for name, test := range map[string]struct {
		drill Drill
		path  string
		err   error
		text  string
	}{
		"server of the deployment": {same, s.custom, ErrSameServer, ""},
		"unknown deployment":       {unknown, s.custom, ErrNoIdentity, ""},
		"server without identity":  {blind, s.custom, ErrNoIdentity, "42501"},
		"no server":                {deaf, s.custom, nil, "connection refused"},
		"invalid address":          {unreadable, s.custom, nil, "cannot be read"},
		"plain":                    {s.drill, s.dumpTo(t, "plain.sql"), ErrThrowaway, "throwaway"},
		"psql commands":            {s.throwaway, commands, ErrUnsupported, "run programs"},
		"cluster":                  {s.throwaway, cluster, ErrUnsupported, "attest restore_tested, or dump the database with pg_dump"},
		"packed directory":         {s.drill, s.write(t, "d.tar", dumptest.Tar(t, s.directory)), ErrUnsupported, "unpack it"},
		"existing database":        {s.throwaway, s.dumpTo(t, "create.sql", "--create"), ErrUnsupported, "already exists on the server"},
		"no backup":                {s.drill, filepath.Join(s.dir, "none"), os.ErrNotExist, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := test.drill.Run(t.Context(), test.path)
			if err == nil || out.Holds() {
				t.Fatalf("%+v, %v", out, err)
			}
			if test.err != nil && !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%v; want %v, %s", err, test.err, test.text)
			}
			if strings.Contains(err.Error(), s.value) {
				t.Error("error contains the password")
			}
			s.requireClean(t)
		})
	}
	t.Run("no program", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if out, err := s.drill.Run(t.Context(), s.custom); !errors.Is(err, ErrNoProgram) {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

func (s *drillServer) reportsFailures(t *testing.T) {
	complete := s.Dump(t, "pg_dump", "-Fc")
	truncated := s.write(t, "cut.dump", complete[:len(complete)-10])
	// This constraint fails only in a drill. The error of the program quotes the row.
	s.Server.ExecIn(t, s.Database, `create table picky (a text check (current_database() !~ '^catalyst_drill'))`,
		`insert into picky values (`+literal(s.value)+`)`)
	picky, pickyPlain := s.dumpTo(t, "picky.dump", "-Fc"), s.dumpTo(t, "picky.sql", "-Fp")
	s.Server.ExecIn(t, s.Database, `drop table picky`)
	live := s.drill
	live.Live = []dump.Table{{Schema: "public", Name: "users", Rows: 200}}
	for name, test := range map[string]struct {
		drill Drill
		path  string
		want  []string
	}{
		"truncated":       {s.drill, truncated, []string{"backup is truncated: it ends inside"}},
		"fewer rows":      {live, s.custom, []string{"live database: table public.users has 61 rows instead of 200"}},
		"rejected":        {s.drill, picky, []string{"rejected the backup"}},
		"rejected, plain": {s.throwaway, pickyPlain, []string{"rejected the backup", "1 × SQLSTATE 23514"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := test.drill.Run(t.Context(), test.path)
			if err != nil || out.Holds() {
				t.Errorf("%s, %v", out, err)
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%s; want %q", out, want)
				}
			}
			if strings.Contains(out.String(), s.value) {
				t.Error("outcome contains the value of a row")
			}
			s.requireClean(t)
		})
	}
	t.Run("fewer rows, tolerated", func(t *testing.T) {
		live.Tolerance = Tolerance{Ratio: 0.7}
		if out, err := live.Run(t.Context(), s.custom); err != nil || !out.Holds() || out.Live.Tables != 1 {
			t.Errorf("%s, %v", out, err)
		}
	})
}

func (s *drillServer) cancelled(t *testing.T) {
	path := s.slowDump(t, "slow.dump")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if out, err := s.drill.Run(ctx, path); !errors.Is(err, context.Canceled) || out.Holds() {
			t.Errorf("%+v, %v", out, err)
		}
	}()
	s.awaitRestore(t)
	cancel()
	select {
	case <-ended:
	case <-time.After(parts.Patience):
		t.Fatal("the restore continues")
	}
	s.requireClean(t)
}

func (s *drillServer) killed(t *testing.T) {
	child := exec.Command(os.Args[0], "-test.run=^TestDrillChild$", "-test.v")
	child.Env = append(os.Environ(), "DRILL_DSN="+s.Server.DSN(), "DRILL_PATH="+s.slowDump(t, "slow2.dump"))
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitRestore(t)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	if now := databases(t, s.Server); len(now) != len(s.initial)+1 {
		t.Errorf("databases after the kill: %v", now)
	}
	parts.Eventually(t, func() error { // the server notices the end of the session after some time
		if out, err := s.drill.Run(t.Context(), s.custom); err != nil || !out.Holds() {
			t.Fatalf("%s, %v", out, err)
		}
		if now := databases(t, s.Server); len(now) != len(s.initial) {
			return fmt.Errorf("databases not dropped: %v", now)
		}
		return nil
	})
}

// dropsOldDatabases checks that a drill drops the databases of drills that ended, and no others.
func (s *drillServer) dropsOldDatabases(t *testing.T) {
	earlier, err := open(t.Context(), s.drill.DSN)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := earlier.create(t.Context(), now, []string{"made_by_the_dump"}); err != nil {
		t.Fatal(err)
	}
	foreign, recent := "catalyst_drill_of_somebody", "catalyst_drill_"+strconv.Itoa(int(now.Unix()))+"_abcdefgh"
	s.Server.Exec(t, `create database made_by_the_dump`, `create database catalyst_drill_1_abcdefgh`,
		`create database `+foreign, `create database `+recent)
	requireAfterDrill := func(names ...string) {
		t.Helper()
		if out, err := s.drill.Run(t.Context(), s.custom); err != nil || !out.Holds() {
			t.Errorf("%s, %v", out, err)
		}
		want := slices.Concat(s.initial, []string{foreign, recent}, names)
		slices.Sort(want)
		if got := databases(t, s.Server); !slices.Equal(got, want) {
			t.Errorf("databases %v, want %v", got, want)
		}
	}
	requireAfterDrill(earlier.name, "made_by_the_dump") // the earlier drill still runs
	earlier.close()
	parts.Eventually(t, func() error {
		if n := s.Server.Connections(t, earlier.name); n > 0 {
			return fmt.Errorf("%d connections of a drill that ended", n)
		}
		return nil
	})
	requireAfterDrill()
	s.Server.Exec(t, `drop database `+foreign, `drop database `+recent)
}

func (s *drillServer) estimates(t *testing.T) {
	s.Server.ExecIn(t, s.Database, `analyze`, `create table fresh (a int)`, `create unlogged table fleeting (a int)`)
	tables, err := Estimates(t.Context(), secret.New(s.Server.DSNFor(s.Server.User, s.Server.Password, s.Database)))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int64)
	for _, table := range tables {
		got[table.Schema+"."+table.Name] += table.Rows
	}
	want := map[string]int64{"public.users": 61, "public.nocolumns": 2, "public.fresh": -1, "public.part1": 2}
	for name, rows := range want {
		if got[name] != rows {
			t.Errorf("%s: %d rows, want %d", name, got[name], rows)
		}
	}
	if _, found := got["public.fleeting"]; found || len(got) != len(dumptest.HardRows)+1 {
		t.Errorf("%v", got)
	}
}

// TestDrillChild is the drill that is killed.
func TestDrillChild(t *testing.T) {
	path := os.Getenv("DRILL_PATH")
	if path == "" {
		return // only for TestDrill, which starts it
	}
	out, err := Drill{DSN: secret.New(os.Getenv("DRILL_DSN")), Deployment: "1"}.Run(context.Background(), path)
	t.Errorf("not killed: %s, %v", out, err)
}
