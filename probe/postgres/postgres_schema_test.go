package postgres

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
	"github.com/thenexusengine/catalyst_exporter/probe/migrations"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// databaseIn is a pass over a server's database, emptied, with the statements run in it.
func databaseIn(t *testing.T, server *parts.PostgreSQLServer, files probetest.Folder, statements ...string) *probe.Pass {
	t.Helper()
	server.Exec(t, append([]string{"drop schema if exists public, app, archive cascade", "create schema public"}, statements...)...)
	return probetest.NewPass(t, files, probetest.DatabaseOf(server))
}

func TestPostgresTables(t *testing.T) {
	server := parts.PostgreSQL(t)
	const both = "{tables: [publishers, bidders]}"
	tests := []struct {
		name       string
		statements []string
		spec       string
		state      probe.State
		reason     probe.Reason
		detail     string
	}{
		{"both", []string{"create table publishers ()", "create table bidders ()"}, both, probe.StatePass, "", ""},
		{"one is missing", []string{"create table publishers ()"}, both, probe.StateFail, probe.ReasonMissing, "table bidders does not exist"},
		{"an empty database", nil, both, probe.StateFail, probe.ReasonMissing, "table publishers does not exist; table bidders does not exist"},
		{"a view", []string{"create table publishers ()", "create view bidders as select 1"}, both, probe.StateFail, probe.ReasonMismatch, "bidders is a view"},
		{"partitioned", []string{"create table publishers (id int) partition by range (id)", "create table bidders ()"}, both, probe.StatePass, "", ""},
		{"in a schema off the path", []string{"create schema archive", "create table archive.publishers ()", "create table bidders ()"}, both, probe.StateFail, probe.ReasonMissing, "table publishers"},
		{"in a named schema", []string{"create schema app", "create table app.publishers ()"}, "{tables: [app.publishers]}", probe.StatePass, "", ""},
		{"not in the named schema", []string{"create table publishers ()"}, "{tables: [app.publishers]}", probe.StateFail, probe.ReasonMissing, "table app.publishers"},
		{"other letters", []string{`create table "Publishers" ()`, "create table bidders ()"}, both, probe.StateFail, probe.ReasonMissing, "table publishers"},
		{"an index of that name", []string{"create table x (id int)", "create index publishers on x (id)", "create table bidders ()"}, both, probe.StateFail, probe.ReasonMissing, "table publishers"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			probetest.Expect(t, probetest.Look(t, databaseIn(t, server, nil, tt.statements...), TablesKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
	t.Run("no such database", func(t *testing.T) {
		s := probetest.DatabaseOf(server)
		s.Database.Name = "marked"
		for _, kind := range []string{"postgres_tables", "postgres_indexes"} {
			r := probetest.Look(t, probetest.NewPass(t, nil, s), postgresKindNamed(kind), postgresKinds()[kind])
			probetest.Expect(t, r, probe.StateFail, probe.ReasonMissing, "database does not exist")
			probetest.HasNot(t, r, "marked")
		}
	})
	t.Run("another password", func(t *testing.T) {
		s := probetest.DatabaseOf(server)
		s.Database.Password = secret.New(parts.Secret())
		probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, s), TablesKind(), both), probe.StateUnknown, probe.ReasonBlocked, "password rejected")
	})
}

func TestPostgresIndexes(t *testing.T) {
	server := parts.PostgreSQL(t)
	const table, spec = "create table publishers (id int, api_key text, publisher_id text)", "{indexes: [{table: publishers, leading: [api_key, publisher_id]}]}"
	tests := []struct {
		name       string
		statements []string
		state      probe.State
		detail     string
	}{
		{"on the column", []string{table, "create index on publishers (api_key)"}, probe.StatePass, ""},
		{"on the alternative", []string{table, "create index on publishers (publisher_id, id)"}, probe.StatePass, ""},
		{"primary key", []string{"create table publishers (api_key text primary key)"}, probe.StatePass, ""},
		{"unique, with other columns", []string{table, "create unique index on publishers (api_key) include (id)"}, probe.StatePass, ""},
		{"partitioned", []string{"create table publishers (api_key text) partition by range (api_key)", "create index on publishers (api_key)"}, probe.StatePass, ""},
		{"good beside bad", []string{table, "create index on publishers (api_key) where id > 0", "create index on publishers (api_key)"}, probe.StatePass, ""},
		{"no table", nil, probe.StateFail, "table publishers does not exist"},
		{"no column", []string{"create table publishers (id int)"}, probe.StateFail, "none of the columns api_key, publisher_id"},
		{"a dropped column", []string{"create table publishers (api_key text)", "create index on publishers (api_key)", "alter table publishers drop column api_key"}, probe.StateFail, "none of the columns"},
		{"no index", []string{table}, probe.StateFail, "no usable index that leads with api_key or publisher_id"},
		{"partial", []string{table, "create index on publishers (api_key) where id > 0"}, probe.StateFail, "is partial"},
		{"expression", []string{table, "create index on publishers (lower(api_key))"}, probe.StateFail, "is on an expression"},
		{"expression in second place", []string{table, "create index on publishers (api_key, lower(publisher_id))"}, probe.StatePass, ""},
		{"expression before the column", []string{table, "create index on publishers (lower(publisher_id), api_key)"}, probe.StateFail, "is on an expression"},
		{"of a kind for ranges", []string{table, "create index on publishers using brin (api_key)"}, probe.StateFail, "the index with api_key is of type brin"},
		{"of a kind for texts", []string{"create table publishers (id int, api_key text[])", "create index on publishers using gin (api_key)"}, probe.StateFail, "of type gin"},
		{"of a kind for equality", []string{table, "create index on publishers using hash (api_key)"}, probe.StatePass, ""},
		{"second column", []string{table, "create index on publishers (id, api_key)"}, probe.StateFail, "does not lead with that column"},
		{"included column", []string{table, "create index on publishers (id) include (api_key)"}, probe.StateFail, "does not lead with that column"},
		{"an index of another table", []string{table, "create table other (api_key text)", "create index on other (api_key)"}, probe.StateFail, "no usable index"},
		{"a view", []string{"create view publishers as select 1 as api_key"}, probe.StateFail, "view"},
		{"not valid", []string{table, "create index broken on publishers (api_key)", "update pg_index set indisvalid = false where indexrelid = 'broken'::regclass"}, probe.StateFail, "not valid"},
		{"not ready", []string{table, "create index broken on publishers (api_key)", "update pg_index set indisready = false where indexrelid = 'broken'::regclass"}, probe.StateFail, "not valid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reason := probe.ReasonNone
			if tt.state == probe.StateFail {
				if reason = probe.ReasonMissing; tt.name == "a view" {
					reason = probe.ReasonMismatch
				}
			}
			probetest.Expect(t, probetest.Look(t, databaseIn(t, server, nil, tt.statements...), IndexesKind(), spec), tt.state, reason, tt.detail)
		})
	}
	t.Run("built concurrently and broken off", func(t *testing.T) {
		p := databaseIn(t, server, nil, table, "insert into publishers values (1, 'twice'), (2, 'twice')")
		conn, err := pgx.Connect(t.Context(), server.DSN())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		if _, err := conn.Exec(t.Context(), "create unique index concurrently on publishers (api_key)"); err == nil {
			t.Fatal("the index was built")
		}
		probetest.Expect(t, probetest.Look(t, p, IndexesKind(), spec), probe.StateFail, probe.ReasonMissing, "not valid")
	})
	t.Run("several tables", func(t *testing.T) {
		p := databaseIn(t, server, nil, table, "create index on publishers (api_key)")
		probetest.Expect(t, probetest.Look(t, p, IndexesKind(), "{indexes: [{table: publishers, leading: [api_key]}, {table: bidders, leading: [bidder_code]}]}"), probe.StateFail, probe.ReasonMissing, "table bidders does not exist")
	})
}

func TestPostgresMigrations(t *testing.T) {
	server := parts.PostgreSQL(t)
	up := probetest.Folder{"migrations/000001_a.up.sql": "x", "migrations/000001_a.down.sql": "x", "migrations/000002_b.up.sql": "x"}
	numbered := probetest.Folder{"migrations/001_a.sql": "x", "migrations/002_b.sql": "x", "migrations/notes.md": "x"}
	flyway := probetest.Folder{"migrations/V1__a.sql": "x", "migrations/V1.1__b.sql": "x", "migrations/V2__c.sql": "x", "migrations/R__views.sql": "x"}
	const migrate = "create table schema_migrations (version bigint not null primary key, dirty boolean not null)"
	const goose = "create table goose_db_version (id serial primary key, version_id bigint not null, is_applied boolean not null, tstamp timestamp default now())"
	const fly = "create table flyway_schema_history (installed_rank int primary key, version varchar(50), description varchar(200), type varchar(20), script varchar(1000), success boolean)"
	flown := func(values string) string {
		return "insert into flyway_schema_history (installed_rank, version, type, success) values " + values
	}
	tests := []struct {
		name       string
		files      probetest.Folder
		statements []string
		spec       string
		state      probe.State
		reason     probe.Reason
		detail     string
	}{
		{"golang-migrate at the newest", up, []string{migrate, "insert into schema_migrations values (2, false)"}, "{}", probe.StatePass, "", "000002_b.up.sql"},
		{"golang-migrate behind", up, []string{migrate, "insert into schema_migrations values (1, false)"}, "{}", probe.StateFail, probe.ReasonDrift, "1 of 2 migrations in migrations are not applied by golang-migrate, the first is 000002_b.up.sql"},
		{"golang-migrate dirty", up, []string{migrate, "insert into schema_migrations values (2, true)"}, "{}", probe.StateFail, probe.ReasonUnhealthy, "dirty"},
		{"golang-migrate ahead", up, []string{migrate, "insert into schema_migrations values (3, false)"}, "{}", probe.StateWarn, probe.ReasonDrift, "ahead"},
		{"golang-migrate, none run", up, []string{migrate}, "{}", probe.StateFail, probe.ReasonDrift, "2 of 2"},
		{"golang-migrate's word for none", up, []string{migrate, "insert into schema_migrations values (-1, false)"}, "{}", probe.StateFail, probe.ReasonDrift, "2 of 2"},
		{"goose at the newest", numbered, []string{goose, "insert into goose_db_version (version_id, is_applied) values (0, true), (1, true), (2, true)"}, "{}", probe.StatePass, "", "goose"},
		{"goose behind in the middle", numbered, []string{goose, "insert into goose_db_version (version_id, is_applied) values (0, true), (2, true)"}, "{}", probe.StateFail, probe.ReasonDrift, "1 of 2 migrations in migrations are not applied by goose, the first is 001_a.sql"},
		{"goose, taken back", numbered, []string{goose, "insert into goose_db_version (version_id, is_applied) values (0, true), (1, true), (2, true), (2, false)"}, "{}", probe.StateFail, probe.ReasonDrift, "002_b.sql"},
		{"goose, taken back and run again", numbered, []string{goose, "insert into goose_db_version (version_id, is_applied) values (0, true), (1, true), (2, true), (2, false), (2, true)"}, "{}", probe.StatePass, "", ""},
		{"goose, under another name", numbered, []string{strings.Replace(goose, "goose_db_version", "app_versions", 1), "insert into app_versions (version_id, is_applied) values (1, true), (2, true)"}, "{table: app_versions}", probe.StatePass, "", ""},
		{"dbmate", numbered, []string{"create table schema_migrations (version varchar primary key)", "insert into schema_migrations values ('001'), ('002')"}, "{}", probe.StatePass, "", "dbmate"},
		{"dbmate behind", numbered, []string{"create table schema_migrations (version varchar primary key)", "insert into schema_migrations values ('002')"}, "{}", probe.StateFail, probe.ReasonDrift, "001_a.sql"},
		{"no numbers", numbered, []string{"create table schema_migrations (version varchar primary key)", "insert into schema_migrations values ('marked')"}, "{}", probe.StateUnknown, probe.ReasonInvalid, "invalid version number"},
		{"Flyway at the newest", flyway, []string{fly, flown("(1, '1', 'SQL', true), (2, '1.1', 'SQL', true), (3, null, 'SQL', true), (4, '2', 'SQL', true)")}, "{}", probe.StatePass, "", "Flyway"},
		{"Flyway failed", flyway, []string{fly, flown("(1, '1', 'SQL', true), (2, '1.1', 'SQL', false)")}, "{}", probe.StateFail, probe.ReasonUnhealthy, "dirty"},
		{"Flyway behind", flyway, []string{fly, flown("(1, '1', 'SQL', true), (2, '1_1', 'SQL', true)")}, "{}", probe.StateFail, probe.ReasonDrift, "V2__c.sql"},
		{"Flyway, begun with a baseline", flyway, []string{fly, flown("(1, '1.1', 'BASELINE', true), (2, '2', 'SQL', true)")}, "{}", probe.StatePass, "", ""},
		{"Flyway, taken back", flyway, []string{fly, flown("(1, '1.1', 'BASELINE', true), (2, '2', 'SQL', true), (3, '2', 'UNDO_SQL', true)")}, "{}", probe.StateFail, probe.ReasonDrift, "V2__c.sql"},
		{"the tool of the files", up, []string{migrate, "insert into schema_migrations values (2, false)", goose}, "{}", probe.StatePass, "", "golang-migrate"},
		{"no table", up, nil, "{}", probe.StateSkip, probe.ReasonNotConfigured, "no table of"},
		{"another's table of that name", up, []string{"create table schema_migrations (id int)"}, "{}", probe.StateSkip, probe.ReasonNotConfigured, "no table of"},
		{"no folder", nil, []string{migrate}, "{}", probe.StateSkip, probe.ReasonNotConfigured, "migrations folder not found"},
		{"an empty folder", probetest.Folder{"migrations/README.md": "x"}, []string{migrate}, "{}", probe.StateSkip, probe.ReasonNotConfigured, "contains no migration"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, databaseIn(t, server, tt.files, tt.statements...), MigrationsKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "marked")
		})
	}
	t.Run("the role may not read it", func(t *testing.T) {
		password := parts.Secret()
		p := databaseIn(t, server, up, migrate, "grant usage on schema public to public", "create role watcher login password '"+password+"'")
		s := p.Deployment.Settings
		s.Root, s.Database.User = p.Deployment.Root, "watcher"
		s.Database.Password = secret.New(password)
		r := probetest.Look(t, probetest.NewPass(t, nil, s), MigrationsKind(), "{}")
		probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "privilege")
	})
	t.Run("while a release is planned", func(t *testing.T) {
		m, err := readNotes(toolMigrate, []migrationNote{{"1", true, ""}})
		if err != nil {
			t.Fatal(err)
		}
		versions := []migrations.Version{{Number: []string{"1"}, Text: "1", Files: []string{"1_a.sql"}}, {Number: []string{"2"}, Text: "2", Files: []string{"2_b.sql"}}}
		probetest.Expect(t, m.judge(versions, "migrations", true), probe.StateWarn, probe.ReasonDrift, "the planned release applies them")
		probetest.Expect(t, m.judge(versions, "migrations", false), probe.StateFail, probe.ReasonDrift, "2_b.sql")
	})
}

func FuzzMigrationNotes(f *testing.F) {
	f.Add("1", "002", true, "SQL")
	f.Add("1.0", "1", false, "UNDO_SQL")
	f.Add("-1", "", true, "BASELINE")
	f.Fuzz(func(t *testing.T, first, second string, holds bool, kind string) {
		for _, tool := range []string{toolMigrate, toolGoose, toolFlyway, toolDbmate} {
			m, err := readNotes(tool, []migrationNote{{first, holds, kind}, {second, !holds, kind}})
			if err == nil && (m.newest == nil) != (len(m.applied) == 0) {
				t.Errorf("%s: %q, %q: %+v", tool, first, second, m)
			}
		}
	})
}

func TestPostgresConnections(t *testing.T) {
	server := parts.PostgreSQL(t, parts.PostgreSQLSetting("max_connections", "20"), parts.PostgreSQLSetting("superuser_reserved_connections", "4"))
	compose := func(service string) probetest.Folder {
		return probetest.Folder{"compose.yaml": "services: {catalyst: {image: c, environment: {DB_MAX_OPEN_CONNS: 8}, " + service + "}}"}
	}
	tests := []struct {
		name   string
		files  probetest.Folder
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"one below", probetest.Folder{".env": "DB_MAX_OPEN_CONNS=15\n"}, "{}", probe.StatePass, "", "below the 16"},
		{"as many", probetest.Folder{".env": "DB_MAX_OPEN_CONNS=16\n"}, "{}", probe.StateFail, probe.ReasonThreshold, "not below the 16 connections that the server allows (20 minus reserved ones)"},
		{"another name", probetest.Folder{".env": "DB_MAX_CONNS=100\n"}, "{}", probe.StateFail, probe.ReasonThreshold, "DB_MAX_CONNS"},
		{"not set", probetest.Folder{".env": "X=1\n"}, "{}", probe.StateSkip, probe.ReasonNotConfigured, "not set to a positive number"},
		{"without bound", probetest.Folder{".env": "DB_MAX_OPEN_CONNS=0\n"}, "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		{"no number", probetest.Folder{".env": "DB_MAX_OPEN_CONNS=marked\n"}, "{}", probe.StateSkip, probe.ReasonNotConfigured, ""},
		{"one replica", compose("restart: always"), "{}", probe.StatePass, "", ""},
		{"deployed twice", compose("deploy: {replicas: 2}"), "{}", probe.StateFail, probe.ReasonThreshold, "2 replicas"},
		{"scaled", compose("scale: 2"), "{}", probe.StateFail, probe.ReasonThreshold, "2 replicas"},
		{"replicas told", probetest.Folder{".env": "DB_MAX_OPEN_CONNS=4\n"}, "{replicas: 4}", probe.StateFail, probe.ReasonThreshold, "4 replicas"},
		{"a compose file that cannot be read", probetest.Folder{"compose.yaml": "services: ["}, "{}", probe.StateUnknown, probe.ReasonError, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, tt.files, probetest.DatabaseOf(server)), ConnectionsKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "marked")
		})
	}
	for _, tt := range []struct {
		name   string
		a      admitted
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"what is reserved", admitted{max: 20, superuser: 2, reserved: 2, role: -1, database: -1}, probe.StateFail, probe.ReasonThreshold, "below the 16 connections that the server allows"},
		{"one more", admitted{max: 20, superuser: 2, reserved: 1, role: -1, database: -1}, probe.StatePass, "", "the 17"},
		{"the role's limit", admitted{max: 100, role: 16, database: -1}, probe.StateFail, probe.ReasonThreshold, "the 16 connections that the application's role is allowed"},
		{"the database's limit", admitted{max: 100, role: -1, database: 16}, probe.StateFail, probe.ReasonThreshold, "the 16 connections that the database allows"},
		{"the least of all", admitted{max: 100, role: 12, database: 16}, probe.StateFail, probe.ReasonThreshold, "the 12 connections that the application's role"},
		{"limits above the server's", admitted{max: 20, superuser: 2, reserved: 1, role: 50, database: 50}, probe.StatePass, "", "the 17 connections that the server"},
	} {
		probetest.Expect(t, (&postgresConnections{}).judge("K", 8, 2, tt.a), tt.state, tt.reason, tt.detail)
	}

	// As the server has it: a role with a limit asks, then the exporter's own role asks for it.
	password := parts.Secret()
	server.Exec(t, "create role limited login connection limit 5 password '"+password+"'")
	ask := func(own string) probe.Result {
		settings := probetest.DatabaseOf(server)
		settings.Database.User, settings.Database.Password = own, secret.Text{}
		return probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env": "DB_MAX_OPEN_CONNS=8\nDB_USER=limited\nDB_PASSWORD=" + password + "\n"}, settings), ConnectionsKind(), "{}")
	}
	probetest.Expect(t, ask(""), probe.StateFail, probe.ReasonThreshold, "the 5 connections that the application's role is allowed")
	probetest.Expect(t, ask("limited"), probe.StatePass, "", "the 16 connections that the server allows")
	server.Exec(t, "alter role limited connection limit -1", "alter database postgres connection limit 7")
	probetest.Expect(t, ask(""), probe.StateFail, probe.ReasonThreshold, "the 7 connections that the database allows")
}

// TestPostgresKept: one connection serves all, through the server's restarts, and none is left when the configuration goes.
func TestPostgresKept(t *testing.T) {
	server := parts.PostgreSQL(t)
	server.Exec(t, "create table publishers (api_key text primary key)")
	p := probetest.NewPass(t, probetest.Folder{".env": "DB_MAX_OPEN_CONNS=5\n"}, probetest.DatabaseOf(server))
	probes := []probe.Probe{probetest.Load(t, TablesKind(), "{tables: [publishers]}"), probetest.Load(t, IndexesKind(), "{indexes: [{table: publishers, leading: [api_key]}]}"), probetest.Load(t, ConnectionsKind(), "{}")}
	seen := func(state probe.State, reason probe.Reason) {
		t.Helper()
		for _, pr := range probes {
			probetest.Expect(t, probe.Run(t.Context(), pr, p), state, reason, "")
		}
	}
	for range 334 {
		seen(probe.StatePass, "")
	}
	if n := server.Connections(t, p.Agent); n != 1 {
		t.Errorf("%d connections after a thousand looks", n)
	}
	if n := strings.Count(server.Log(), "application_name="+p.Agent); n != 1 {
		t.Errorf("%d log-ins for a thousand looks", n)
	}
	server.Restart(t)
	seen(probe.StatePass, "") // the dead connection is replaced within the look
	server.Stop()
	seen(probe.StateUnknown, probe.ReasonUnreachable)
	server.Restart(t)
	seen(probe.StatePass, "")

	t.Run("it may only read", func(t *testing.T) {
		db, err := postgresFor(p)
		if err != nil {
			t.Fatal(err)
		}
		err = db.ask(t.Context(), func(_ context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(t.Context(), "create table x ()")
			return err
		})
		if access.Code(err) != "25006" { // read_only_sql_transaction
			t.Errorf("writing: %v", err)
		}
	})
	t.Run("a question takes too long", func(t *testing.T) {
		s := probetest.DatabaseOf(server)
		s.Database.Timeout = probetest.Patience(probe.ReasonTimeout)
		db, err := postgresFor(probetest.NewPass(t, nil, s))
		if err != nil {
			t.Fatal(err)
		}
		err = db.ask(t.Context(), func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "select pg_sleep(60)")
			return err
		})
		_, err = db.target.unasked(err, true)
		if probe.ReasonOf(err) != probe.ReasonTimeout {
			t.Errorf("it is told as %v", err)
		}
	})
	p.Kept.Close()
	parts.Eventually(t, func() error {
		if n := server.Connections(t, ""); n != 0 {
			return fmt.Errorf("%d connections are left", n)
		}
		return nil
	})
	for _, pr := range probes {
		if r := probe.Run(t.Context(), pr, p); r.State != probe.StateUnknown {
			t.Errorf("after the end: %+v", r)
		}
	}
}

// TestPostgresStoppedInTheMiddle: the server is cut off while it answers a question.
func TestPostgresStoppedInTheMiddle(t *testing.T) {
	server := parts.PostgreSQL(t)
	var cut atomic.Bool
	address := probetest.Listener(t, func(c net.Conn) {
		to, err := net.Dial("tcp", net.JoinHostPort(server.Host, strconv.Itoa(server.Port)))
		if err != nil {
			return
		}
		defer func() { _ = to.Close() }()
		go func() { _, _ = io.Copy(to, c); _ = to.Close() }()
		buf := make([]byte, 4096)
		for {
			n, err := to.Read(buf)
			if err != nil {
				return
			}
			if cut.Load() {
				_, _ = c.Write(buf[:n/2])
				return
			}
			if _, err := c.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	s := probetest.DatabaseOf(server)
	s.Database.Host, s.Database.Port = probetest.PostgresSettings(address, "", "").Database.Host, probetest.PostgresSettings(address, "", "").Database.Port
	p := probetest.NewPass(t, nil, s)
	tables := probetest.Load(t, TablesKind(), "{tables: [publishers]}")
	probetest.Expect(t, probe.Run(t.Context(), tables, p), probe.StateFail, probe.ReasonMissing, "publishers")
	cut.Store(true)
	probetest.Expect(t, probe.Run(t.Context(), tables, p), probe.StateUnknown, probe.ReasonUnreachable, "")
	cut.Store(false)
	probetest.Expect(t, probe.Run(t.Context(), tables, p), probe.StateFail, probe.ReasonMissing, "publishers")
}
