package postgres

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestPostgres_BehindPooler runs every kind through PgBouncer, which rejects startup parameters that it does not know.
func TestPostgres_BehindPooler(t *testing.T) {
	server := parts.PostgreSQL(t, parts.PostgreSQLSetting("max_connections", "20"))
	password, wrong := parts.Secret(), parts.Secret()
	server.Exec(t, "create role catalyst login password '"+password+"'", "create table publishers (api_key text primary key)",
		"create table schema_migrations (version bigint, dirty bool)", "insert into schema_migrations values (1, false)", "grant select on schema_migrations to catalyst")
	files := probetest.Folder{".env": "DB_MAX_OPEN_CONNS=25\n", "migrations/001_first.sql": "create table publishers ();\n"}
	for _, mode := range []string{"session", "transaction"} {
		for _, auth := range []string{"scram-sha-256", "plain"} {
			t.Run(mode+" "+auth, func(t *testing.T) {
				pooler := parts.PgBouncer(t, server, mode, auth, map[string]string{"catalyst": password})
				settings := probetest.PostgresSettings(pooler.Addr(), "catalyst", password)
				for kind, spec := range postgresKinds() {
					p := probetest.NewPass(t, files, settings)
					for range 2 { // the second run reuses the connection
						r := probetest.Look(t, p, postgresKindNamed(kind), spec)
						switch {
						case kind == "postgres_connections":
							probetest.Expect(t, r, probe.StateSkip, probe.ReasonNotConfigured, "connection pooler")
						case kind == "postgres_default_login" && auth == "plain":
							probetest.Expect(t, r, probe.StateSkip, probe.ReasonNotConfigured, "not tried")
						case kind == "postgres_login":
							probetest.Expect(t, r, probe.StatePass, "", "a connection pooler answered")
						default:
							probetest.Expect(t, r, probe.StatePass, "", "")
						}
					}
				}
				r := probetest.Look(t, probetest.NewPass(t, nil, probetest.PostgresSettings(pooler.Addr(), "catalyst", wrong)), LoginKind(), "{}")
				probetest.Expect(t, r, probe.StateFail, probe.ReasonMismatch, "")
				probetest.HasNot(t, r, wrong)
			})
		}
	}
	t.Run("no setting stays on the server's connection", func(t *testing.T) {
		pooler := parts.PgBouncer(t, server, "transaction", "scram-sha-256", nil)
		s := probetest.PostgresSettings(pooler.Addr(), server.User, server.Password)
		probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, s), TablesKind(), "{tables: [publishers]}"), probe.StatePass, "", "")
		through := *server
		through.Port = pooler.Port
		through.Exec(t, "create table through_the_pooler ()") // fails in a read-only session
	})
}

func TestPostgresLogin_Rules(t *testing.T) {
	server := parts.PostgreSQL(t)
	own := parts.Secret()
	server.Exec(t, "create role catalyst login password '"+own+"'", "create role reader login password '"+own+"'",
		"grant execute on function pg_hba_file_rules() to reader", "grant select on pg_hba_file_rules to reader")
	for _, tt := range []struct {
		name, rules, user string
		state             probe.State
		reason            probe.Reason
		detail            string
	}{
		{"loopback and local", "local all all trust\nhost all all ::1/128 trust\nhost all all 127.0.0.1/32 scram-sha-256\n", "reader", probe.StatePass, "", "accepts"},
		{"everybody", "host all all 127.0.0.1/32 scram-sha-256\nhost all all all trust\n", "reader", probe.StateWarn, probe.ReasonOpen, "1 line"},
		{"a network", "host all all 127.0.0.1/32 scram-sha-256\nhost all all 10.0.0.0/8 trust\nhost all all 192.0.2.1 255.255.255.255 trust\n", "reader", probe.StateWarn, probe.ReasonOpen, "2 lines"},
		{"everything over IPv6", "host all all 127.0.0.1/32 scram-sha-256\nhost all all ::0/0 trust\n", "reader", probe.StateWarn, probe.ReasonOpen, "1 line"},
		{"a host name", "host all all 127.0.0.1/32 scram-sha-256\nhost all all db.example trust\n", "reader", probe.StateWarn, probe.ReasonOpen, ""},
		{"this host", "host all all 127.0.0.1/32 scram-sha-256\nhost all all samehost trust\n", "reader", probe.StatePass, "", ""},
		{"may not read it", "host all all 127.0.0.1/32 scram-sha-256\nhost all all all trust\n", "catalyst", probe.StatePass, "", "may not read pg_hba.conf"},
	} {
		server.Admit(t, "host all postgres 127.0.0.1/32 scram-sha-256\n"+tt.rules) // outside of a subtest, whose end would stop it
		t.Run(tt.name, func(t *testing.T) {
			s := probetest.PostgresSettings(server.Addr(), tt.user, own)
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, s), LoginKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
	server.Admit(t, "host all all 127.0.0.1/32 scram-sha-256\n")
	t.Run("superuser", func(t *testing.T) {
		r := probetest.Look(t, probetest.NewPass(t, nil, probetest.DatabaseOf(server)), LoginKind(), "{}")
		if !strings.Contains(r.Detail, "role is a superuser") {
			t.Errorf("%+v", r)
		}
		r = probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env": "DB_USER=catalyst\n"}, probetest.DatabaseOf(server)), LoginKind(), "{}")
		if strings.Contains(r.Detail, "superuser") {
			t.Errorf("of the exporter's own role: %+v", r)
		}
	})
}

// TestPostgres_Directory: a directory locks an account after a few wrong passwords, and asks for them in cleartext.
func TestPostgres_Directory(t *testing.T) {
	server := parts.PostgreSQL(t)
	own := parts.Secret()
	server.Exec(t, "create role catalyst login password '"+own+"'", "create role reader login password '"+own+"'",
		"grant execute on function pg_hba_file_rules() to reader", "grant select on pg_hba_file_rules to reader")
	guesses := func() int { return strings.Count(server.Log(), "password authentication failed for user") }
	look := func(user, password string, kind probe.Kind) probe.Result {
		return probetest.Look(t, probetest.NewPass(t, nil, probetest.PostgresSettings(server.Addr(), user, password)), kind, "{}")
	}
	const cleartext = "host all postgres 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 password\n"
	server.Admit(t, cleartext)
	probetest.Expect(t, look("reader", own, DefaultLoginKind()), probe.StatePass, "", "rejects")
	before := guesses()
	probetest.Expect(t, look("catalyst", own, DefaultLoginKind()), probe.StateSkip, probe.ReasonNotConfigured, "may not read pg_hba.conf")
	server.Admit(t, cleartext+"host all all 192.0.2.0/24 ldap ldapserver=192.0.2.1 ldapprefix=\"cn=\"\n")
	probetest.Expect(t, look("reader", own, DefaultLoginKind()), probe.StateSkip, probe.ReasonNotConfigured, "LDAP")
	if got := guesses(); got != before {
		t.Errorf("%d passwords were tried", got-before)
	}

	// The configured password is sent once, not once a minute.
	p := probetest.NewPass(t, nil, probetest.PostgresSettings(server.Addr(), "catalyst", parts.Secret()))
	before = guesses()
	for range 3 {
		probetest.Expect(t, probetest.Look(t, p, LoginKind(), "{}"), probe.StateFail, probe.ReasonMismatch, "")
		probetest.Expect(t, probetest.Look(t, p, TablesKind(), "{tables: [a]}"), probe.StateUnknown, probe.ReasonBlocked, "")
		p = probetest.Again(p)
	}
	if got := guesses() - before; got != 1 {
		t.Errorf("the rejected password was sent %d times", got)
	}
}

func TestPostgres_CredentialOwners(t *testing.T) {
	server := parts.PostgreSQL(t)
	look := func(env string, s deployment.Settings) probe.Result {
		return probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env": env}, s), LoginKind(), "{}")
	}
	configured := probetest.DatabaseOf(server)
	configured.Database.Host, configured.Database.Port = "", 0
	given := "DB_HOST=" + server.Host + "\nDB_PORT=" + strings.TrimPrefix(server.Addr(), server.Host+":") + "\n"
	before := strings.Count(server.Log(), "connection received")
	r := look(given, configured)
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonNotConfigured, "deployment.database.password is not sent")
	if r.Remedy != "deployment.database.host" || strings.Count(server.Log(), "connection received") != before {
		t.Errorf("remedy %q, or it connected", r.Remedy)
	}
	probetest.Expect(t, look("A=1\n", probetest.DatabaseOf(server)), probe.StatePass, "", "")
	probetest.Expect(t, look(given+"DB_USER="+server.User+"\nDB_PASSWORD="+server.Password+"\n", deployment.Settings{}), probe.StatePass, "", "")
}
