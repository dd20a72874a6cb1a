package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestPostgres_ConnectionStrings connects as the application's connection string says.
func TestPostgres_ConnectionStrings(t *testing.T) {
	sockets := t.TempDir()
	for dir := sockets; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	server := parts.PostgreSQL(t, parts.PostgreSQLSetting("unix_socket_directories", sockets))
	password := parts.Secret()
	server.Exec(t, "create schema app", "create table app.publishers ()", "create role owner", "grant usage on schema app to owner",
		"create role catalyst login password '"+password+"' in role owner", "create schema owner", "create table owner.bidders ()", "grant usage on schema owner to owner")
	port := server.Port
	const missing = "does not exist"
	for _, tt := range []struct {
		name, dsn, tables string
		state             probe.State
		detail            string
	}{
		{"keywords", "host=127.0.0.1 port=%d user=catalyst password=%s dbname=postgres sslmode=disable", "app.publishers", probe.StatePass, ""},
		{"quoted keywords", "host = '127.0.0.1' port='%d' user=catalyst password='%s' dbname=postgres search_path='app'", "publishers", probe.StatePass, ""},
		{"URL without a search path", "postgres://catalyst:%[2]s@127.0.0.1:%[1]d/postgres", "publishers", probe.StateFail, missing},
		{"search_path", "postgres://catalyst:%[2]s@127.0.0.1:%[1]d/postgres?search_path=app", "publishers", probe.StatePass, ""},
		{"two schemas", "postgres://catalyst:%[2]s@127.0.0.1:%[1]d/postgres?search_path=owner,app", "publishers, bidders", probe.StatePass, ""},
		{"options", "postgres://catalyst:%[2]s@127.0.0.1:%[1]d/postgres?options=-c%%20search_path%%3Dapp", "publishers", probe.StatePass, ""},
		{"long options", "postgres://catalyst:%[2]s@127.0.0.1:%[1]d/postgres?options=--search-path%%3Dapp", "publishers", probe.StatePass, ""},
		{"JDBC", "jdbc:postgresql://127.0.0.1:%d/postgres?user=catalyst&password=%s&currentSchema=app", "publishers", probe.StatePass, ""},
		{"a driver in the scheme", "postgresql+asyncpg://catalyst:%[2]s@127.0.0.1:%[1]d/postgres", "app.publishers", probe.StatePass, ""},
		{"several hosts", "postgres://catalyst:%[2]s@127.0.0.1:%[1]d,127.0.0.2:5432/postgres", "app.publishers", probe.StatePass, ""},
		{"role", "postgres://catalyst:%[2]s@127.0.0.1:%[1]d/postgres?role=owner", "bidders", probe.StatePass, ""},
		{"a Unix socket", "host=" + sockets + " port=%d user=catalyst password=%s dbname=postgres", "app.publishers", probe.StatePass, ""},
		{"a Unix socket in a URL", "postgres://catalyst:%[2]s@/postgres?host=" + sockets + "&port=%[1]d", "app.publishers", probe.StatePass, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := probetest.Folder{".env": "DATABASE_URL=" + fmt.Sprintf(tt.dsn, port, password) + "\n"}
			r := probetest.Look(t, probetest.NewPass(t, f, deployment.Settings{}), TablesKind(), "{tables: ["+tt.tables+"]}")
			reason := probe.ReasonNone
			if tt.state == probe.StateFail {
				reason = probe.ReasonMissing
			}
			probetest.Expect(t, r, tt.state, reason, tt.detail)
			probetest.HasNot(t, r, password)
		})
	}
	t.Run("a role of the exporter's own", func(t *testing.T) {
		s := probetest.DatabaseOf(server)
		f := probetest.Folder{".env": "DB_USER=catalyst\n"}
		r := probetest.Look(t, probetest.NewPass(t, f, s), TablesKind(), "{tables: [publishers]}")
		probetest.Expect(t, r, probe.StatePass, "", "not on the search path of the exporter's role: publishers")
		r = probetest.Look(t, probetest.NewPass(t, f, s), TablesKind(), "{tables: [publishers, pg_class, nowhere]}")
		probetest.Expect(t, r, probe.StateFail, probe.ReasonMissing, "table nowhere does not exist")
	})
}

// TestPostgres_SeveralHosts tries the hosts of a connection string in turn.
func TestPostgres_SeveralHosts(t *testing.T) {
	first, second := parts.PostgreSQL(t, parts.PostgreSQLSetting("default_transaction_read_only", "on")), parts.PostgreSQL(t)
	password := parts.Secret()
	second.Exec(t, "create role catalyst login password '"+password+"'", "create table publishers ()")
	first.Exec(t, "set default_transaction_read_only = off", "create role catalyst login password '"+password+"'")
	gone := parts.Refusing(t)
	for _, tt := range []struct {
		name, dsn string
		state     probe.State
		reason    probe.Reason
	}{
		{"the first refuses", "postgres://catalyst:{}@" + gone + "," + second.Addr() + "/postgres", probe.StatePass, ""},
		{"the second refuses", "postgres://catalyst:{}@" + second.Addr() + "," + gone + "/postgres", probe.StatePass, ""},
		{"read-write", "postgres://catalyst:{}@" + first.Addr() + "," + second.Addr() + "/postgres?target_session_attrs=read-write", probe.StatePass, ""},
		{"any", "postgres://catalyst:{}@" + first.Addr() + "," + second.Addr() + "/postgres", probe.StateFail, probe.ReasonMissing},
		{"keywords", fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d user=catalyst password={} dbname=postgres target_session_attrs=primary", first.Port, second.Port), probe.StateFail, probe.ReasonMissing},
		{"keywords, read-write", fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d user=catalyst password={} dbname=postgres target_session_attrs=read-write", first.Port, second.Port), probe.StatePass, ""},
		{"none fits", "postgres://catalyst:{}@" + first.Addr() + "," + gone + "/postgres?target_session_attrs=read-write", probe.StateUnknown, probe.ReasonUnhealthy},
		{"all refuse", "postgres://catalyst:{}@" + gone + "," + gone + "/postgres", probe.StateUnknown, probe.ReasonUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{".env": "DATABASE_URL=" + strings.ReplaceAll(tt.dsn, "{}", password) + "\n"},
				deployment.Settings{EnvFile: ".env"})
			got := probetest.Look(t, p, TablesKind(), "{tables: [publishers]}")
			probetest.Expect(t, got, tt.state, tt.reason, "")
			probetest.HasNot(t, got, password)
		})
	}
}
