package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// databases lists what is on a server.
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

// TestDrill restores real dumps into a real server: in the tests the deployment's and the drill's are one, but for what it is told.
func TestDrill(t *testing.T) {
	parts.Need(t, "pg_restore")
	parts.Need(t, "psql")
	c := hardDatabase(t)
	server := c.server
	ctx, dir := context.Background(), t.TempDir()
	value := parts.Secret() // in a row: never to be shown
	server.ExecIn(t, c.database, `create role of_the_deployment`, `alter table users owner to of_the_deployment`,
		`insert into users values (1000, `+literal(value)+`, '')`, `create extension pgcrypto`)
	write := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dump := func(args ...string) []byte { return c.dump(t, "pg_dump", args...) }
	drill := Drill{DSN: secret.New(server.DSN()), Deployment: "1"}
	throwaway := drill
	throwaway.Throwaway = true
	at := databases(t, server)
	clean := func(t *testing.T) {
		t.Helper()
		if now := databases(t, server); !slices.Equal(now, at) {
			t.Errorf("databases %v, before %v", now, at)
		}
	}
	custom := write("custom.dump", dump("-Fc"))
	directory := filepath.Join(dir, "directory")
	c.dump(t, "pg_dump", "-Fd", "-f", directory)

	t.Run("restored", func(t *testing.T) {
		created := client{server, ""}
		created.database = "shop_" + strings.ToLower(parts.Secret())
		server.Exec(t, "create database "+created.database)
		server.ExecIn(t, created.database, "create table a (x int)", "insert into a values (1), (2)")
		made := write("created.sql", created.dump(t, "pg_dump", "--create", "--clean"))
		server.Exec(t, "drop database "+created.database)
		for name, test := range map[string]struct {
			drill Drill
			path  string
			rows  int64
		}{
			"custom":               {drill, custom, 72},
			"custom in gzip":       {drill, write("custom.gz", packed(t, "gzip", dump("-Fc"))), 72},
			"custom in two layers": {drill, write("custom.lz4.zst", packed(t, "zstd", packed(t, "lz4", dump("-Fc")))), 72},
			"custom as INSERT":     {drill, write("inserts.dump", dump("-Fc", "--inserts")), 72},
			"through the root":     {drill, write("root.dump", dump("-Fc", "--load-via-partition-root")), 72},
			"tar":                  {drill, write("a.tar", dump("-Ft")), 72},
			"directory":            {drill, directory, 72},
			"plain":                {throwaway, write("a.sql", dump()), 72},
			"plain in gzip":        {throwaway, write("a.sql.gz", packed(t, "gzip", dump("--clean", "--if-exists"))), 72},
			"plain that creates":   {throwaway, made, 2},
		} {
			t.Run(name, func(t *testing.T) {
				out, err := test.drill.Run(ctx, test.path)
				if err != nil || !out.Holds() || out.Backup.Rows != test.rows || out.Took <= 0 || out.System == "" || !strings.HasPrefix(out.Server, "1") {
					t.Errorf("%s, %+v, %v", out, out, err)
				}
				if text, _ := json.Marshal(out); strings.Contains(string(text), value) {
					t.Error("a row's value is shown")
				}
				clean(t)
			})
		}
	})
	t.Run("refused", func(t *testing.T) {
		id, err := SystemIdentifier(ctx, drill.DSN)
		if err != nil || len(id) < 10 {
			t.Fatalf("%q, %v", id, err)
		}
		same, unknown, blind, deaf, unreadable := drill, drill, drill, drill, drill
		same.Deployment, unknown.Deployment = id, ""
		server.Exec(t, `create role blind login createdb password 'blind'`, `revoke execute on function pg_control_system() from public`)
		blind.DSN = secret.New(server.DSNFor("blind", "blind", "postgres"))
		deaf.DSN = secret.New("postgres://postgres:" + value + "@" + parts.Refusing(t) + "/postgres")
		unreadable.DSN = secret.New("postgres://" + value + "@[")
		plain := write("plain.sql", dump())
		for name, test := range map[string]struct {
			drill Drill
			path  string
			err   error
			text  string
		}{
			"the deployment's server":   {same, custom, ErrSameServer, ""},
			"an unknown deployment":     {unknown, custom, ErrNoIdentity, ""},
			"a server without identity": {blind, custom, ErrNoIdentity, "42501"},
			"no server":                 {deaf, custom, nil, "connection refused"},
			"no address":                {unreadable, custom, nil, "cannot be read"},
			"plain":                     {drill, plain, ErrThrowaway, "throwaway"},
			"commands of psql":          {throwaway, write("c.sql", []byte(plainBegin+"\\! id\n"+plainEnd)), ErrUnsupported, "run programs"},
			"a cluster":                 {throwaway, write("all.sql", c.dump(t, "pg_dumpall")), ErrUnsupported, `"cluster"`},
			"a packed directory":        {drill, write("d.tar", tarOf(t, directory)), ErrUnsupported, "unpack it"},
			"a database that is there":  {throwaway, write("create.sql", dump("--create")), ErrUnsupported, "already exists on the server"},
			"no backup":                 {drill, filepath.Join(dir, "none"), os.ErrNotExist, ""},
		} {
			t.Run(name, func(t *testing.T) {
				out, err := test.drill.Run(ctx, test.path)
				if err == nil || test.err != nil && !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.text) || out.Holds() {
					t.Errorf("%+v, %v; want %v, %s", out, err, test.err, test.text)
				}
				if err != nil && strings.Contains(err.Error(), value) {
					t.Error("the address is shown")
				}
				clean(t)
			})
		}
		t.Run("no program", func(t *testing.T) {
			t.Setenv("PATH", t.TempDir())
			if out, err := drill.Run(ctx, custom); !errors.Is(err, ErrNoProgram) {
				t.Errorf("%+v, %v", out, err)
			}
		})
	})
	t.Run("failed", func(t *testing.T) {
		whole := dump("-Fc")
		out, err := drill.Run(ctx, write("cut.dump", whole[:len(whole)-10]))
		if err != nil || out.Holds() || !strings.Contains(out.String(), "backup is truncated: it ends inside") {
			t.Errorf("%s, %v", out, err)
		}
		live := drill
		live.Live = []Table{{Schema: "public", Name: "users", Rows: 200}}
		if out, err = live.Run(ctx, custom); err != nil || out.Holds() || !strings.Contains(out.String(), "live database: table public.users has 61 rows instead of 200") {
			t.Errorf("%s, %v", out, err)
		}
		live.Tolerance = Tolerance{Ratio: 0.7}
		if out, err = live.Run(ctx, custom); err != nil || !out.Holds() || out.Live.Tables != 1 {
			t.Errorf("%s, %v", out, err)
		}
		// A constraint that holds everywhere but in a drill: what the program says of the row is not passed on.
		server.ExecIn(t, c.database, `create table picky (a text check (current_database() !~ '^catalyst_drill'))`, `insert into picky values (`+literal(value)+`)`)
		for name, d := range map[string]Drill{"picky.dump": drill, "picky.sql": throwaway} {
			format := "-Fc"
			if d.Throwaway {
				format = "-Fp"
			}
			out, err = d.Run(ctx, write(name, dump(format)))
			if err != nil || out.Holds() || !strings.Contains(out.String(), "rejected the backup") || strings.Contains(out.String(), value) {
				t.Errorf("%s: %s, %v", name, out, err)
			}
			if d.Throwaway && !strings.Contains(out.String(), "1 × SQLSTATE 23514") {
				t.Errorf("%s: %s", name, out)
			}
		}
		server.ExecIn(t, c.database, `drop table picky`)
		clean(t)
	})
	// begins waits until a drill has made its database, and a little: mostly it is in the middle of the restore then, and what is asked of it holds
	// wherever it is.
	begins := func(t *testing.T) {
		t.Helper()
		parts.Eventually(t, func() error {
			if len(databases(t, server)) == len(at) {
				return errors.New("the drill makes no database")
			}
			return nil
		})
		time.Sleep(300 * time.Millisecond)
	}
	t.Run("cancelled", func(t *testing.T) {
		server.ExecIn(t, c.database,
			`create function slow() returns int language plpgsql as $$ begin if current_database() ~ '^catalyst_drill' then perform pg_sleep(600); end if; return 1; end $$`,
			`create materialized view slow_view as select public.slow()`)
		path := write("slow.dump", dump("-Fc"))
		server.ExecIn(t, c.database, `drop materialized view slow_view`)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if out, err := drill.Run(ctx, path); !errors.Is(err, context.Canceled) || out.Holds() {
				t.Errorf("%+v, %v", out, err)
			}
		}()
		begins(t)
		cancel()
		select {
		case <-ended:
		case <-time.After(parts.Patience):
			t.Fatal("it goes on with the restore")
		}
		clean(t)
	})
	t.Run("killed", func(t *testing.T) {
		server.ExecIn(t, c.database, `create materialized view slow_view as select public.slow()`)
		slow := write("slow2.dump", dump("-Fc"))
		server.ExecIn(t, c.database, `drop materialized view slow_view`)
		child := exec.Command(os.Args[0], "-test.run=^TestDrillChild$", "-test.v")
		child.Env = append(os.Environ(), "DRILL_DSN="+server.DSN(), "DRILL_PATH="+slow)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		begins(t)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		if now := databases(t, server); len(now) != len(at)+1 {
			t.Errorf("the killed drill left %v", now)
		}
		parts.Eventually(t, func() error { // once the server has noticed that the killed one's session ended
			if out, err := drill.Run(ctx, custom); err != nil || !out.Holds() {
				t.Fatalf("%s, %v", out, err)
			}
			if now := databases(t, server); len(now) != len(at) {
				return fmt.Errorf("still there: %v", now)
			}
			return nil
		})
	})
	t.Run("left over", func(t *testing.T) {
		killed, err := open(ctx, drill.DSN)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if err := killed.create(ctx, now, []string{"made_by_the_dump"}); err != nil {
			t.Fatal(err)
		}
		server.Exec(t, `create database made_by_the_dump`, `create database catalyst_drill_of_somebody`,
			`create database catalyst_drill_1_abcdefgh`, `create database catalyst_drill_`+itoa(int(now.Unix()))+`_abcdefgh`)
		had := append(slices.Clone(at), "catalyst_drill_of_somebody", "catalyst_drill_"+itoa(int(now.Unix()))+"_abcdefgh")
		run := func(want ...string) {
			t.Helper()
			if out, err := drill.Run(ctx, custom); err != nil || !out.Holds() {
				t.Errorf("%s, %v", out, err)
			}
			want = append(slices.Clone(had), want...)
			if slices.Sort(want); !slices.Equal(databases(t, server), want) {
				t.Errorf("databases %v, want %v", databases(t, server), want)
			}
		}
		run(killed.name, "made_by_the_dump") // still alive
		killed.close()
		parts.Eventually(t, func() error {
			if n := server.Connections(t, killed.name); n > 0 {
				return fmt.Errorf("%d connections of a drill that ended", n)
			}
			return nil
		})
		run()
		server.Exec(t, `drop database catalyst_drill_of_somebody`, `drop database catalyst_drill_`+itoa(int(now.Unix()))+`_abcdefgh`)
	})
	t.Run("estimates", func(t *testing.T) {
		server.ExecIn(t, c.database, `analyze`, `create table fresh (a int)`, `create unlogged table fleeting (a int)`)
		tables, err := Estimates(ctx, secret.New(server.DSNFor(server.User, server.Password, c.database)))
		if err != nil {
			t.Fatal(err)
		}
		got := rowsOf(Proof{Tables: tables})
		want := map[string]int64{"public.users": 61, "public.nocolumns": 2, "public.fresh": -1, "public.part1": 2}
		for name, rows := range want {
			if got[name] != rows {
				t.Errorf("%s: %d rows, want %d", name, got[name], rows)
			}
		}
		if _, there := got["public.fleeting"]; there || len(got) != len(hardRows)+1 {
			t.Errorf("%v", got)
		}
	})
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
