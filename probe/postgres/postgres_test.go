package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// errorMessage is the server's error of a SQLSTATE.
func errorMessage(code string) string {
	return probetest.Message('E', "SFATAL\x00VFATAL\x00C"+code+"\x00Mmark of the server\x00\x00")
}

// startup reads what a client begins with, and refuses TLS.
func startup(c net.Conn) {
	buf := make([]byte, 1024)
	n, _ := c.Read(buf)
	if n == 8 {
		_, _ = c.Write([]byte("N"))
	}
}

// answersPostgres is a server that answers whoever begins to talk with a text.
func answersPostgres(t *testing.T, text string) string {
	return probetest.Listener(t, func(c net.Conn) {
		startup(c)
		_, _ = c.Write([]byte(text))
		_, _ = c.Read(make([]byte, 1024))
	})
}

// postgresKinds are all kinds that ask the database, with a spec.
func postgresKinds() map[string]string {
	return map[string]string{"postgres_login": "{}", "postgres_default_login": "{}", "postgres_tables": "{tables: [publishers]}",
		"postgres_indexes": "{indexes: [{table: publishers, leading: [api_key]}]}", "postgres_migrations": "{}", "postgres_connections": "{}"}
}

func TestPostgresFaults(t *testing.T) {
	all := append(probetest.PortFaults(t),
		probetest.Fault{Name: "closed after the greeting", Address: probetest.Listener(t, startup), State: probe.StateUnknown, Reason: probe.ReasonUnreachable},
		probetest.Fault{Name: "oversized", Address: answersPostgres(t, "R\x7f\xff\xff\xffmark"), State: probe.StateUnknown, Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "invalid UTF-8", Address: answersPostgres(t, "\xff\xfe\x00\xffmark\xff\xff"), State: probe.StateUnknown, Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "too many connections", Address: answersPostgres(t, errorMessage("53300")), State: probe.StateUnknown, Reason: probe.ReasonUnhealthy},
		probetest.Fault{Name: "starting up", Address: answersPostgres(t, errorMessage("57P03")), State: probe.StateUnknown, Reason: probe.ReasonUnhealthy},
		probetest.Fault{Name: "shutting down", Address: answersPostgres(t, errorMessage("57P01")), State: probe.StateUnknown, Reason: probe.ReasonUnhealthy},
		probetest.Fault{Name: "no entry in pg_hba.conf", Address: answersPostgres(t, errorMessage("28000")), State: probe.StateUnknown, Reason: probe.ReasonPermissionDenied},
		probetest.Fault{Name: "a pooler", Address: answersPostgres(t, errorMessage("08P01")), State: probe.StateUnknown, Reason: probe.ReasonInvalid},
		probetest.Fault{Name: "another error", Address: answersPostgres(t, errorMessage("XX000")), State: probe.StateUnknown, Reason: probe.ReasonError},
		probetest.Fault{Name: "an error with a strange code", Address: answersPostgres(t, errorMessage("mark!")), State: probe.StateUnknown, Reason: probe.ReasonInvalid},
	)
	password := parts.Secret()
	for _, f := range all {
		switch f.Name {
		case "HTTP":
			f.Reason = probe.ReasonTimeout // it waits for the end of a line
		case "drips":
			f.Reason = probe.ReasonInvalid // the first byte tells
		}
		for kind, spec := range postgresKinds() {
			t.Run(kind+" "+f.Name, func(t *testing.T) {
				files := probetest.Folder{".env": "DB_MAX_OPEN_CONNS=25\n", "migrations/001_first.sql": "create table publishers ();\n"}
				s := probetest.PostgresSettings(f.Address, "marked_user", password)
				s.Database.Timeout = probetest.Patience(f.Reason)
				r := probetest.Look(t, probetest.NewPass(t, files, s), postgresKindNamed(kind), spec)
				probetest.Expect(t, r, f.State, f.Reason, "PostgreSQL at "+f.Address)
				probetest.HasNot(t, r, password)
				if strings.Contains(r.Detail, "mark") {
					t.Errorf("the detail holds what the server sent: %s", r.Detail)
				}
			})
		}
	}
}

func TestPostgresTarget(t *testing.T) {
	password := parts.Secret()
	_, port, _ := net.SplitHostPort(parts.Refusing(t))
	tests := []struct {
		name   string
		files  probetest.Folder
		state  probe.State
		reason probe.Reason
	}{
		{"nothing tells of one", nil, probe.StateSkip, probe.ReasonNotConfigured},
		{"in the env file, nobody there", probetest.Folder{".env": fmt.Sprintf("DB_HOST=127.0.0.1\nDB_PORT=%s\nDB_PASSWORD=%s\n", port, password)}, probe.StateUnknown, probe.ReasonUnreachable},
		{"the default address, nobody there", probetest.Folder{".env": fmt.Sprintf("DB_PORT=%s\nDB_PASSWORD=%s\n", port, password)}, probe.StateUnknown, probe.ReasonNotConfigured},
		{"in the compose network alone", probetest.Folder{"compose.yaml": "services: {app: {build: ., environment: {DB_HOST: db, DB_PASSWORD: " + password + "}}, db: {image: 'postgres:16'}}"}, probe.StateSkip, probe.ReasonNotConfigured},
		{"a compose file that cannot be read", probetest.Folder{"compose.yaml": "services: ["}, probe.StateUnknown, probe.ReasonBlocked},
		{"no word of libpq", probetest.Folder{".env": "DB_HOST=127.0.0.1\nDB_SSL_MODE=" + password + "\nDB_PASSWORD=x\n"}, probe.StateUnknown, probe.ReasonInvalid},
	}
	for _, tt := range tests {
		for kind, spec := range postgresKinds() {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				files := probetest.Folder{"migrations/001_first.sql": "create table publishers ();\n"}
				maps.Copy(files, tt.files)
				if kind == "postgres_connections" {
					if tt.files[".env"] == "" {
						return // without the pool's size it asks nobody
					}
					files[".env"] += "DB_MAX_OPEN_CONNS=25\n"
				}
				r := probetest.Look(t, probetest.NewPass(t, files, deployment.Settings{}), postgresKindNamed(kind), spec)
				probetest.Expect(t, r, tt.state, tt.reason, "")
				probetest.HasNot(t, r, password)
				if r.Remedy == "" {
					t.Error("nothing says what would answer it")
				}
			})
		}
	}
	t.Run("no password known", func(t *testing.T) {
		p := probetest.NewPass(t, probetest.Folder{".env": "DB_HOST=127.0.0.1\n"}, deployment.Settings{})
		probetest.Expect(t, probetest.Look(t, p, LoginKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "the password of the database is unknown")
	})
	t.Run("the password is kept elsewhere", func(t *testing.T) {
		p := probetest.NewPass(t, probetest.Folder{".env": "DB_HOST=127.0.0.1\nDB_PASSWORD=vault:secret/mark#x\n"}, deployment.Settings{})
		r := probetest.Look(t, p, LoginKind(), "{}")
		probetest.Expect(t, r, probe.StateUnknown, probe.ReasonNotConfigured, "secret manager")
		probetest.HasNot(t, r, "mark")
	})
}

func TestPostgresLoginJudge(t *testing.T) {
	says := func(code string) error { return sqlRefusal(code) }
	tests := []struct {
		name   string
		err    error
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"accepted", nil, probe.StatePass, "", "accepts"},
		{"not asked", errNotAsked, probe.StateFail, probe.ReasonOpen, "trust"},
		{"refused", says("28P01"), probe.StateFail, probe.ReasonMismatch, "rejects"},
		{"accepted, no such database", says("3D000"), probe.StatePass, "", "does not exist"},
		{"accepted, no right to connect", says("42501"), probe.StatePass, "", "privilege"},
		{"not let in", says("28000"), probe.StateUnknown, probe.ReasonPermissionDenied, "pg_hba.conf"},
		{"too many", says("53300"), probe.StateUnknown, probe.ReasonUnhealthy, "too many"},
		{"timeout", context.DeadlineExceeded, probe.StateUnknown, probe.ReasonTimeout, ""},
		{"the question took too long", says("57014"), probe.StateUnknown, probe.ReasonTimeout, ""},
		{"anything", errors.New("x"), probe.StateUnknown, probe.ReasonError, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := (&postgresLogin{}).judge(postgresTarget{}, rules{}, tt.err)
			if err != nil {
				r = probe.NotChecked(err)
			}
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
}

func TestPostgresLogin(t *testing.T) {
	server := parts.PostgreSQL(t)
	own, wrong := parts.Secret(), parts.Secret()
	server.Exec(t, "create role catalyst login password '"+own+"'", "create role guest login password 'changeme'", "create role locked login connection limit 0 password '"+own+"'", "create role group_only password '"+own+"'")
	address := net.JoinHostPort(server.Host, strconv.Itoa(server.Port))
	refusals := func() int { return strings.Count(server.Log(), "password authentication failed for user") }
	tests := []struct {
		name, kind, user, password string
		state                      probe.State
		reason                     probe.Reason
		attempts                   int // refused ones on the server's log
	}{
		{"the right password", "postgres_login", "catalyst", own, probe.StatePass, "", 0},
		{"another password", "postgres_login", "catalyst", wrong, probe.StateFail, probe.ReasonMismatch, 1},
		{"another role", "postgres_login", "nobody", own, probe.StateFail, probe.ReasonMismatch, 1},
		{"no more connections of the role", "postgres_login", "locked", own, probe.StateUnknown, probe.ReasonUnhealthy, 0},
		{"a role that may not log in", "postgres_login", "group_only", own, probe.StateUnknown, probe.ReasonPermissionDenied, 0},
		{"both defaults are refused", "postgres_default_login", "catalyst", own, probe.StatePass, "", 2},
		{"a default is let in", "postgres_default_login", "guest", own, probe.StateFail, probe.ReasonOpen, 0},
		{"its own password is a default", "postgres_default_login", "guest", "changeme", probe.StateSkip, probe.ReasonNotConfigured, 0},
		{"it has no password", "postgres_default_login", "guest", "", probe.StateSkip, probe.ReasonNotConfigured, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.PostgresSettings(address, tt.user, tt.password)
			before := refusals()
			r := probetest.Look(t, probetest.NewPass(t, nil, s), postgresKindNamed(tt.kind), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, "")
			probetest.HasNot(t, r, own)
			probetest.HasNot(t, r, wrong)
			parts.Eventually(t, func() error {
				if got := refusals() - before; got != tt.attempts {
					return fmt.Errorf("%d refused attempts on the server's log, want %d", got, tt.attempts)
				}
				return nil
			})
		})
	}
	t.Run("a database that does not exist", func(t *testing.T) {
		s := probetest.PostgresSettings(address, "catalyst", own)
		s.Database.Name = "marked"
		r := probetest.Look(t, probetest.NewPass(t, nil, s), LoginKind(), "{}")
		probetest.Expect(t, r, probe.StatePass, "", "does not exist")
		probetest.HasNot(t, r, "marked")
	})
	t.Run("no connection is left", func(t *testing.T) {
		parts.Eventually(t, func() error {
			if n := server.Connections(t, ""); n != 0 {
				return fmt.Errorf("%d connections", n)
			}
			return nil
		})
	})
	t.Run("everybody is let in", func(t *testing.T) {
		server.Admit(t, "host all all 127.0.0.1/32 trust\n")
		for _, kind := range []string{"postgres_login", "postgres_default_login"} {
			s := probetest.PostgresSettings(address, "catalyst", own)
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, s), postgresKindNamed(kind), "{}"), probe.StateFail, probe.ReasonOpen, "trust")
		}
	})
	t.Run("it dies and comes back", func(t *testing.T) {
		s := probetest.PostgresSettings(address, "catalyst", own)
		p := probetest.NewPass(t, nil, s)
		server.Stop()
		probetest.Expect(t, probetest.Look(t, p, LoginKind(), "{}"), probe.StateUnknown, probe.ReasonUnreachable, "")
		server.Restart(t)
		probetest.Expect(t, probetest.Look(t, p, LoginKind(), "{}"), probe.StateFail, probe.ReasonOpen, "")
	})
}

func TestPostgresDefaultLoginKey(t *testing.T) {
	key := func(address, user, password string) string {
		return (&postgresDefaultLogin{}).Key(probetest.NewPass(t, nil, probetest.PostgresSettings(address, user, password)))
	}
	first := key("127.0.0.1:1", "a", "b")
	if first == "" || first != key("127.0.0.1:1", "a", "b") {
		t.Error("the key of the same is not the same")
	}
	for _, other := range []string{key("127.0.0.1:2", "a", "b"), key("127.0.0.1:1", "x", "b"), key("127.0.0.1:1", "a", "x")} {
		if other == first || other == "" {
			t.Error("the key does not change with address, role and password")
		}
	}
}

func TestPostgresTLS(t *testing.T) {
	ca := parts.CA(t)
	server := parts.PostgreSQL(t, parts.PostgreSQLTLS(ca.Leaf(t, []string{"127.0.0.1"})))
	misnamed := parts.PostgreSQL(t, parts.PostgreSQLTLS(ca.Leaf(t, []string{"postgres.invalid"})))
	plain := parts.PostgreSQL(t)
	_, _, file := ca.Leaf(t, []string{"x"}).Write(t, t.TempDir())
	_, _, otherFile := parts.CA(t).Leaf(t, []string{"x"}).Write(t, t.TempDir())
	tests := []struct {
		mode, ca string
		server   *parts.PostgreSQLServer
		state    probe.State
		reason   probe.Reason
		detail   string
	}{
		{"disable", "", server, probe.StatePass, "", ""},
		{"allow", "", server, probe.StatePass, "", ""},
		{"prefer", "", server, probe.StatePass, "", ""},
		{"prefer", "", plain, probe.StatePass, "", ""},
		{"allow", "", plain, probe.StatePass, "", ""},
		{"require", "", server, probe.StatePass, "", ""},
		{"require", "", plain, probe.StateUnknown, probe.ReasonMismatch, "does not offer"},
		{"require", otherFile, server, probe.StateUnknown, probe.ReasonMismatch, "unknown authority"},
		{"verify-ca", file, misnamed, probe.StatePass, "", ""},
		{"verify-ca", otherFile, misnamed, probe.StateUnknown, probe.ReasonMismatch, "unknown authority"},
		{"verify-full", file, server, probe.StatePass, "", ""},
		{"verify-full", file, misnamed, probe.StateUnknown, probe.ReasonMismatch, "another name"},
		{"verify-full", "", server, probe.StateUnknown, probe.ReasonMismatch, "unknown authority"},
		{"verify-full", file + ".none", server, probe.StateUnknown, probe.ReasonError, "deployment.database.ca_file"},
	}
	for _, tt := range tests {
		t.Run(tt.mode+" "+string(tt.reason), func(t *testing.T) {
			s := probetest.DatabaseOf(tt.server)
			s.Database.SSLMode, s.Database.CAFile = tt.mode, tt.ca
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, s), LoginKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}

	t.Run("one way in asks for no password", func(t *testing.T) {
		server.Admit(t, "hostssl all all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 scram-sha-256\n")
		for mode, open := range map[string]bool{"prefer": true, "require": true, "disable": false} {
			s := probetest.DatabaseOf(server)
			s.Database.SSLMode = mode
			r := probetest.Look(t, probetest.NewPass(t, nil, s), LoginKind(), "{}")
			if open {
				probetest.Expect(t, r, probe.StateFail, probe.ReasonOpen, "trust")
			} else {
				probetest.Expect(t, r, probe.StatePass, "", "")
			}
		}
	})
}

// postgresKindNamed is the kind of that name among those that these tests run.
func postgresKindNamed(name string) probe.Kind {
	return map[string]probe.Kind{
		"postgres_connections":   ConnectionsKind(),
		"postgres_default_login": DefaultLoginKind(),
		"postgres_indexes":       IndexesKind(),
		"postgres_login":         LoginKind(),
		"postgres_migrations":    MigrationsKind(),
		"postgres_tables":        TablesKind(),
	}[name]
}
