// PgBouncer: a connection pooler in front of a PostgreSQL server.

package parts

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PgBouncerServer is a running PgBouncer.
type PgBouncerServer struct {
	*process
	Host string // always 127.0.0.1
	Port int
}

// PgBouncer starts a pooler of the databases of a server. It knows the server's superuser and the given users with
// their passwords, and asks clients for them by auth (scram-sha-256, md5, plain).
func PgBouncer(t testing.TB, server *PostgreSQLServer, mode, auth string, users map[string]string) *PgBouncerServer {
	t.Helper()
	program := Need(t, "pgbouncer")
	uid, gid, credential := unprivileged(t, "postgres", "nobody")
	dir := tempDir(t, uid, gid)
	list := filepath.Join(dir, "users.txt")
	known := fmt.Sprintf("%q %q\n", server.User, server.Password)
	for user, password := range users {
		known += fmt.Sprintf("%q %q\n", user, password)
	}
	if err := writeAs(list, []byte(known), 0o600, uid, gid); err != nil {
		t.Fatalf("pgbouncer: %v", err)
	}
	start := func(port int) spec {
		config := filepath.Join(dir, "pgbouncer.ini")
		text := fmt.Sprintf("[databases]\n* = host=%s port=%d\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
			"auth_type = %s\nauth_file = %s\npool_mode = %s\n", server.Host, server.Port, port, auth, list, mode)
		if err := writeAs(config, []byte(text), 0o600, uid, gid); err != nil {
			t.Fatalf("pgbouncer: %v", err)
		}
		return spec{name: "pgbouncer", path: program, args: []string{config}, dir: dir, credential: credential}
	}
	pooler := &PgBouncerServer{Host: "127.0.0.1"}
	pooler.process, pooler.Port = serve(t, start, func(_ *process, port int) error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, server.dsn(port, server.User, server.Password, server.database))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	return pooler
}

// Addr returns host:port.
func (s *PgBouncerServer) Addr() string { return s.Host + ":" + strconv.Itoa(s.Port) }
