package probe

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
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// postgresSettings are those of a database at an address.
func postgresSettings(address, user, password string) deployment.Settings {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return deployment.Settings{Database: deployment.Database{Host: host, Port: n, User: user, Name: "postgres", Password: secret.New(password), Timeout: patience(ReasonNone)}}
}

// databaseOf are those of a running server.
func databaseOf(s *parts.PostgreSQLServer) deployment.Settings {
	return postgresSettings(net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), s.User, s.Password)
}

// message is one message of PostgreSQL's protocol.
func message(kind byte, body string) string {
	n := len(body) + 4
	return string([]byte{kind, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + body
}

// errorMessage is the server's error of a SQLSTATE.
func errorMessage(code string) string {
	return message('E', "SFATAL\x00VFATAL\x00C"+code+"\x00Mmark of the server\x00\x00")
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
	return listener(t, func(c net.Conn) {
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
	all := append(portFaults(t),
		fault{"closed after the greeting", listener(t, startup), StateUnknown, ReasonUnreachable},
		fault{"oversized", answersPostgres(t, "R\x7f\xff\xff\xffmark"), StateUnknown, ReasonInvalid},
		fault{"invalid UTF-8", answersPostgres(t, "\xff\xfe\x00\xffmark\xff\xff"), StateUnknown, ReasonInvalid},
		fault{"too many connections", answersPostgres(t, errorMessage("53300")), StateUnknown, ReasonUnhealthy},
		fault{"starting up", answersPostgres(t, errorMessage("57P03")), StateUnknown, ReasonUnhealthy},
		fault{"shutting down", answersPostgres(t, errorMessage("57P01")), StateUnknown, ReasonUnhealthy},
		fault{"no entry in pg_hba.conf", answersPostgres(t, errorMessage("28000")), StateUnknown, ReasonPermissionDenied},
		fault{"a pooler", answersPostgres(t, errorMessage("08P01")), StateUnknown, ReasonInvalid},
		fault{"another error", answersPostgres(t, errorMessage("XX000")), StateUnknown, ReasonError},
		fault{"an error with a strange code", answersPostgres(t, errorMessage("mark!")), StateUnknown, ReasonInvalid},
	)
	password := parts.Secret()
	for _, f := range all {
		switch f.name {
		case "HTTP":
			f.reason = ReasonTimeout // it waits for the end of a line
		case "drips":
			f.reason = ReasonInvalid // the first byte tells
		}
		for kind, spec := range postgresKinds() {
			t.Run(kind+" "+f.name, func(t *testing.T) {
				files := folder{".env": "DB_MAX_OPEN_CONNS=25\n", "migrations/001_first.sql": "create table publishers ();\n"}
				s := postgresSettings(f.address, "marked_user", password)
				s.Database.Timeout = patience(f.reason)
				r := look(t, newPass(t, files, s), postgresKindNamed(kind), spec)
				expect(t, r, f.state, f.reason, "PostgreSQL at "+f.address)
				hasNot(t, r, password)
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
		files  folder
		state  State
		reason Reason
	}{
		{"nothing tells of one", nil, StateSkip, ReasonNotConfigured},
		{"in the env file, nobody there", folder{".env": fmt.Sprintf("DB_HOST=127.0.0.1\nDB_PORT=%s\nDB_PASSWORD=%s\n", port, password)}, StateUnknown, ReasonUnreachable},
		{"the default address, nobody there", folder{".env": fmt.Sprintf("DB_PORT=%s\nDB_PASSWORD=%s\n", port, password)}, StateUnknown, ReasonNotConfigured},
		{"in the compose network alone", folder{"compose.yaml": "services: {app: {build: ., environment: {DB_HOST: db, DB_PASSWORD: " + password + "}}, db: {image: 'postgres:16'}}"}, StateSkip, ReasonNotConfigured},
		{"a compose file that cannot be read", folder{"compose.yaml": "services: ["}, StateUnknown, ReasonBlocked},
		{"no word of libpq", folder{".env": "DB_HOST=127.0.0.1\nDB_SSL_MODE=" + password + "\nDB_PASSWORD=x\n"}, StateUnknown, ReasonInvalid},
	}
	for _, tt := range tests {
		for kind, spec := range postgresKinds() {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				files := folder{"migrations/001_first.sql": "create table publishers ();\n"}
				maps.Copy(files, tt.files)
				if kind == "postgres_connections" {
					if tt.files[".env"] == "" {
						return // without the pool's size it asks nobody
					}
					files[".env"] += "DB_MAX_OPEN_CONNS=25\n"
				}
				r := look(t, newPass(t, files, deployment.Settings{}), postgresKindNamed(kind), spec)
				expect(t, r, tt.state, tt.reason, "")
				hasNot(t, r, password)
				if r.Remedy == "" {
					t.Error("nothing says what would answer it")
				}
			})
		}
	}
	t.Run("no password known", func(t *testing.T) {
		p := newPass(t, folder{".env": "DB_HOST=127.0.0.1\n"}, deployment.Settings{})
		expect(t, look(t, p, postgresLoginKind(), "{}"), StateSkip, ReasonNotConfigured, "the password of the database is unknown")
	})
	t.Run("the password is kept elsewhere", func(t *testing.T) {
		p := newPass(t, folder{".env": "DB_HOST=127.0.0.1\nDB_PASSWORD=vault:secret/mark#x\n"}, deployment.Settings{})
		r := look(t, p, postgresLoginKind(), "{}")
		expect(t, r, StateUnknown, ReasonNotConfigured, "secret manager")
		hasNot(t, r, "mark")
	})
}

func TestPostgresLoginJudge(t *testing.T) {
	says := func(code string) error { return sqlRefusal(code) }
	tests := []struct {
		name   string
		err    error
		state  State
		reason Reason
		detail string
	}{
		{"accepted", nil, StatePass, "", "accepts"},
		{"not asked", errNotAsked, StateFail, ReasonOpen, "trust"},
		{"refused", says("28P01"), StateFail, ReasonMismatch, "rejects"},
		{"accepted, no such database", says("3D000"), StatePass, "", "does not exist"},
		{"accepted, no right to connect", says("42501"), StatePass, "", "privilege"},
		{"not let in", says("28000"), StateUnknown, ReasonPermissionDenied, "pg_hba.conf"},
		{"too many", says("53300"), StateUnknown, ReasonUnhealthy, "too many"},
		{"timeout", context.DeadlineExceeded, StateUnknown, ReasonTimeout, ""},
		{"the question took too long", says("57014"), StateUnknown, ReasonTimeout, ""},
		{"anything", errors.New("x"), StateUnknown, ReasonError, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := (&postgresLogin{}).judge(postgresTarget{}, tt.err)
			if err != nil {
				r = unanswered(err)
			}
			expect(t, r, tt.state, tt.reason, tt.detail)
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
		state                      State
		reason                     Reason
		attempts                   int // refused ones on the server's log
	}{
		{"the right password", "postgres_login", "catalyst", own, StatePass, "", 0},
		{"another password", "postgres_login", "catalyst", wrong, StateFail, ReasonMismatch, 1},
		{"another role", "postgres_login", "nobody", own, StateFail, ReasonMismatch, 1},
		{"no more connections of the role", "postgres_login", "locked", own, StateUnknown, ReasonUnhealthy, 0},
		{"a role that may not log in", "postgres_login", "group_only", own, StateUnknown, ReasonPermissionDenied, 0},
		{"both defaults are refused", "postgres_default_login", "catalyst", own, StatePass, "", 2},
		{"a default is let in", "postgres_default_login", "guest", own, StateFail, ReasonOpen, 0},
		{"its own password is a default", "postgres_default_login", "guest", "changeme", StateSkip, ReasonNotConfigured, 0},
		{"it has no password", "postgres_default_login", "guest", "", StateSkip, ReasonNotConfigured, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := postgresSettings(address, tt.user, tt.password)
			before := refusals()
			r := look(t, newPass(t, nil, s), postgresKindNamed(tt.kind), "{}")
			expect(t, r, tt.state, tt.reason, "")
			hasNot(t, r, own)
			hasNot(t, r, wrong)
			parts.Eventually(t, func() error {
				if got := refusals() - before; got != tt.attempts {
					return fmt.Errorf("%d refused attempts on the server's log, want %d", got, tt.attempts)
				}
				return nil
			})
		})
	}
	t.Run("a database that does not exist", func(t *testing.T) {
		s := postgresSettings(address, "catalyst", own)
		s.Database.Name = "marked"
		r := look(t, newPass(t, nil, s), postgresLoginKind(), "{}")
		expect(t, r, StatePass, "", "does not exist")
		hasNot(t, r, "marked")
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
			s := postgresSettings(address, "catalyst", own)
			expect(t, look(t, newPass(t, nil, s), postgresKindNamed(kind), "{}"), StateFail, ReasonOpen, "trust")
		}
	})
	t.Run("it dies and comes back", func(t *testing.T) {
		s := postgresSettings(address, "catalyst", own)
		p := newPass(t, nil, s)
		server.Stop()
		expect(t, look(t, p, postgresLoginKind(), "{}"), StateUnknown, ReasonUnreachable, "")
		server.Restart(t)
		expect(t, look(t, p, postgresLoginKind(), "{}"), StateFail, ReasonOpen, "")
	})
}

func TestPostgresDefaultLoginKey(t *testing.T) {
	key := func(address, user, password string) string {
		return (&postgresDefaultLogin{}).Key(newPass(t, nil, postgresSettings(address, user, password)))
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
		state    State
		reason   Reason
		detail   string
	}{
		{"disable", "", server, StatePass, "", ""},
		{"allow", "", server, StatePass, "", ""},
		{"prefer", "", server, StatePass, "", ""},
		{"prefer", "", plain, StatePass, "", ""},
		{"allow", "", plain, StatePass, "", ""},
		{"require", "", server, StatePass, "", ""},
		{"require", "", plain, StateUnknown, ReasonMismatch, "does not offer"},
		{"require", otherFile, server, StateUnknown, ReasonMismatch, "unknown authority"},
		{"verify-ca", file, misnamed, StatePass, "", ""},
		{"verify-ca", otherFile, misnamed, StateUnknown, ReasonMismatch, "unknown authority"},
		{"verify-full", file, server, StatePass, "", ""},
		{"verify-full", file, misnamed, StateUnknown, ReasonMismatch, "another name"},
		{"verify-full", "", server, StateUnknown, ReasonMismatch, "unknown authority"},
		{"verify-full", file + ".none", server, StateUnknown, ReasonError, "deployment.database.ca_file"},
	}
	for _, tt := range tests {
		t.Run(tt.mode+" "+string(tt.reason), func(t *testing.T) {
			s := databaseOf(tt.server)
			s.Database.SSLMode, s.Database.CAFile = tt.mode, tt.ca
			expect(t, look(t, newPass(t, nil, s), postgresLoginKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}

	t.Run("one way in asks for no password", func(t *testing.T) {
		server.Admit(t, "hostssl all all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 scram-sha-256\n")
		for mode, open := range map[string]bool{"prefer": true, "require": true, "disable": false} {
			s := databaseOf(server)
			s.Database.SSLMode = mode
			r := look(t, newPass(t, nil, s), postgresLoginKind(), "{}")
			if open {
				expect(t, r, StateFail, ReasonOpen, "trust")
			} else {
				expect(t, r, StatePass, "", "")
			}
		}
	})
}

// postgresKindNamed is the kind of that name among those that these tests run.
func postgresKindNamed(name string) Kind {
	return map[string]Kind{
		"postgres_connections":   postgresConnectionsKind(),
		"postgres_default_login": postgresDefaultLoginKind(),
		"postgres_indexes":       postgresIndexesKind(),
		"postgres_login":         postgresLoginKind(),
		"postgres_migrations":    postgresMigrationsKind(),
		"postgres_tables":        postgresTablesKind(),
	}[name]
}
