// PostgreSQL: one server per call, with scram-sha-256 for all connections and a random superuser password.

package parts

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgreSQLServer is a running PostgreSQL.
type PostgreSQLServer struct {
	*process
	Host     string // always 127.0.0.1
	Port     int
	User     string // superuser
	Password string
	database string
	data     string // data directory
	tls      *Cert
	start    func(port int) spec
}

// PostgreSQLOption changes how a server is set up.
type PostgreSQLOption func(*postgresqlSetup)

type postgresqlSetup struct {
	settings map[string]string
	tls      *Cert
}

// PostgreSQLSetting sets a parameter of postgresql.conf, such as max_connections.
func PostgreSQLSetting(name, value string) PostgreSQLOption {
	return func(s *postgresqlSetup) { s.settings[name] = value }
}

// PostgreSQLTLS enables TLS with the given certificate.
func PostgreSQLTLS(cert *Cert) PostgreSQLOption {
	return func(s *postgresqlSetup) { s.tls = cert }
}

// PostgreSQL starts a server with an empty database "postgres".
func PostgreSQL(t testing.TB, options ...PostgreSQLOption) *PostgreSQLServer {
	t.Helper()
	postgres := Need(t, "postgres")
	uid, gid, credential := unprivileged(t, "postgres", "nobody")
	template := postgresqlTemplate(t, uid, gid, credential)

	setup := postgresqlSetup{settings: map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "", // no socket directory is needed, and Debian's default belongs to another server
		"fsync":                   "off",
		"synchronous_commit":      "off",
		"full_page_writes":        "off",
		"shared_buffers":          "16MB",
		"max_wal_size":            "32MB",
		"log_connections":         "on",
		"timezone":                "UTC",
	}}
	for _, option := range options {
		option(&setup)
	}
	dir := tempDir(t, uid, gid)
	data := filepath.Join(dir, "data")
	if err := template.copyTo(data, uid, gid); err != nil {
		t.Fatalf("postgresql: copy the data directory: %v", err)
	}
	if setup.tls != nil {
		for name, content := range map[string][]byte{"server.crt": setup.tls.ChainPEM(), "server.key": setup.tls.KeyPEM()} {
			if err := writeAs(filepath.Join(data, name), content, 0o600, uid, gid); err != nil {
				t.Fatalf("postgresql: %v", err)
			}
		}
		setup.settings["ssl"] = "on"
		setup.settings["ssl_cert_file"] = "server.crt"
		setup.settings["ssl_key_file"] = "server.key"
	}

	server := &PostgreSQLServer{
		Host: "127.0.0.1", User: "postgres", Password: template.password, database: "postgres", data: data, tls: setup.tls,
		start: func(port int) spec {
			args := []string{"-D", data, "-p", strconv.Itoa(port)}
			for name, value := range setup.settings {
				args = append(args, "-c", name+"="+value)
			}
			// SIGINT is PostgreSQL's fast shutdown: clients are disconnected, data is written.
			return spec{name: "postgresql", path: postgres, args: args, dir: dir, credential: credential, quit: syscall.SIGINT}
		},
	}
	server.process, server.Port = serve(t, server.start, server.answers)
	return server
}

// Admit sets the rules of pg_hba.conf and restarts the server.
func (s *PostgreSQLServer) Admit(t testing.TB, rules string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.data, "pg_hba.conf"), []byte(rules), 0o600); err != nil {
		t.Fatalf("postgresql: %v", err)
	}
	s.Restart(t)
}

// Restart stops the server and starts it again on its port with its data.
func (s *PostgreSQLServer) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	s.process = serveAt(t, s.Port, s.start, s.answers)
}

func (s *PostgreSQLServer) answers(_ *process, port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.dsn(port, s.User, s.Password, s.database))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// Addr returns host:port.
func (s *PostgreSQLServer) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// DSN returns the superuser's connection URL for the database "postgres".
func (s *PostgreSQLServer) DSN() string { return s.DSNFor(s.User, s.Password, s.database) }

// DSNFor returns the connection URL of another user or database.
func (s *PostgreSQLServer) DSNFor(user, password, database string) string {
	return s.dsn(s.Port, user, password, database)
}

func (s *PostgreSQLServer) dsn(port int, user, password, database string) string {
	mode := "disable"
	if s.tls != nil {
		mode = "require"
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, password), Path: database,
		Host: net.JoinHostPort(s.Host, strconv.Itoa(port)), RawQuery: "sslmode=" + mode,
	}
	return u.String()
}

// Exec runs statements as the superuser in the database "postgres".
func (s *PostgreSQLServer) Exec(t testing.TB, statements ...string) {
	t.Helper()
	s.ExecIn(t, s.database, statements...)
}

// ExecIn runs statements as the superuser in the named database.
func (s *PostgreSQLServer) ExecIn(t testing.TB, database string, statements ...string) {
	t.Helper()
	s.with(t, database, func(ctx context.Context, conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
}

// Database creates an empty database and returns its name and the superuser's connection URL, so that tests sharing a
// server do not see each other's tables.
func (s *PostgreSQLServer) Database(t testing.TB) (name, dsn string) {
	t.Helper()
	name = "db_" + Secret()
	s.Exec(t, "create database "+pgx.Identifier{name}.Sanitize())
	return name, s.DSNFor(s.User, s.Password, name)
}

// Connections counts the connected clients except the counting one; with an application name, only clients of that
// name.
func (s *PostgreSQLServer) Connections(t testing.TB, application string) int {
	t.Helper()
	var count int
	s.with(t, s.database, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `select count(*) from pg_stat_activity
			where backend_type = 'client backend' and pid <> pg_backend_pid() and ($1 = '' or application_name = $1)`,
			application).Scan(&count)
	})
	return count
}

func (s *PostgreSQLServer) with(t testing.TB, database string, f func(context.Context, *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSNFor(s.User, s.Password, database))
	if err != nil {
		t.Fatalf("postgresql: %v", err)
	}
	defer conn.Close(ctx)
	if err := f(ctx, conn); err != nil {
		t.Fatalf("postgresql: %v", err)
	}
}
