package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
)

// Logging in, and the transaction in which queries run.
//
// A server that checks passwords with PAM, LDAP or RADIUS asks for them in cleartext, and a directory locks an account
// after a few wrong ones. A password in cleartext is therefore sent only where that is allowed, and a rejected one is not
// repeated. SCRAM and MD5 prove that the server (or the pooler) compares the password itself.

// login says what a login may do.
type login struct {
	asked     bool // a server that requests no password is an error (errNotAsked)
	cleartext bool // a server that requests the password in cleartext is not an error (errCleartext)
}

// connect logs in at the servers in turn, as libpq does: the next one is tried when one cannot be reached or is not as
// target_session_attrs requires. The answer of a server about the login is final.
func (t postgresTarget) connect(ctx context.Context, password string, how login) (*pgx.Conn, error) {
	if len(t.others) == 0 && t.Session == "" {
		return t.at(ctx, password, how)
	}
	var first error
	for i, server := range append([]postgresTarget{t}, t.others...) {
		turn, cancel := context.WithTimeout(ctx, t.patience/time.Duration(len(t.others)+1))
		conn, err := server.at(turn, password, how)
		if err == nil {
			if err = server.fits(turn, conn); err != nil {
				_ = conn.Close(turn)
			}
		}
		cancel()
		switch {
		case err == nil:
			return conn, nil
		case access.Code(err) != "", errors.Is(err, errNotAsked), errors.Is(err, errCleartext):
			return nil, err
		}
		if i == 0 || errors.Is(err, errSession) {
			first = err
		}
	}
	if errors.Is(first, errSession) {
		return nil, probe.Needs(deployment.DatabaseService.Setting("host")+" of a server that is as target_session_attrs requires",
			probe.Unknownf(probe.ReasonUnhealthy, "none of the servers %s is as target_session_attrs=%s requires", t.Address(), t.Session))
	}
	return nil, first
}

var errSession = errors.New("the server is not as target_session_attrs requires")

// fits checks target_session_attrs. prefer-standby prefers only.
func (t postgresTarget) fits(ctx context.Context, conn *pgx.Conn) error {
	var standby, readOnly bool
	if t.Session == "" || t.Session == "any" {
		return nil
	}
	if err := conn.QueryRow(ctx, "select pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'").Scan(&standby, &readOnly); err != nil {
		return t.plain(ctx, err)
	}
	right, known := map[string]bool{"read-write": !readOnly, "read-only": readOnly, "primary": !standby, "standby": standby}[t.Session]
	if known && !right {
		return errSession
	}
	return nil
}

// at logs in at one server with the ways of sslmode in turn. Its first answer about the password ends the login.
func (t postgresTarget) at(ctx context.Context, password string, how login) (*pgx.Conn, error) {
	ways := []*tls.Config{t.tls.first}
	if t.tls.second {
		ways = append(ways, t.tls.other)
	}
	if t.socket() {
		ways = []*tls.Config{nil}
	}
	var err error
	for _, secured := range ways {
		var conn *pgx.Conn
		if conn, err = t.over(ctx, password, secured, how); err == nil {
			return conn, nil
		}
		if code := access.Code(err); ctx.Err() != nil || errors.Is(err, errNotAsked) || errors.Is(err, errCleartext) || code == "28P01" || afterLogin(code) {
			return nil, err
		}
	}
	return nil, err
}

// socket reports whether the server is reached over a Unix socket.
func (t postgresTarget) socket() bool { return strings.HasPrefix(t.Host, "/") }

// over logs in over one connection.
func (t postgresTarget) over(ctx context.Context, password string, secured *tls.Config, how login) (*pgx.Conn, error) {
	c, err := t.config(password, secured)
	if err != nil {
		return nil, err
	}
	refuse := []string{"!password"}
	if how.asked {
		refuse = append(refuse, "!none")
	}
	c.RequireAuth = strings.Join(refuse, ",")
	conn, err := pgx.ConnectConfig(ctx, c)
	if err == nil {
		return conn, nil
	}
	if err = t.plain(ctx, err); !errors.Is(err, errCleartext) || !how.cleartext || secured == nil && !t.cleartext {
		return nil, err
	}
	if t.rejected.lately(t.fingerprint(), password) {
		return nil, sqlRefusal("28P01")
	}
	c.RequireAuth = strings.Join(refuse[1:], ",")
	if conn, err = pgx.ConnectConfig(ctx, c); err == nil {
		return conn, nil
	}
	if err = t.plain(ctx, err); access.Code(err) == "28P01" {
		t.rejected.note(t.fingerprint(), password)
	}
	return nil, err
}

// rejections remembers the last password that was rejected in cleartext. It is not repeated for rejectedFor, unless
// server, role or password change.
type rejections struct {
	mu   sync.Mutex
	what string
	at   time.Time
	now  func() time.Time
}

const rejectedFor = time.Hour

type rejectionsKey struct{}

func rejectionsOf(p *probe.Pass) *rejections {
	r, err := probe.Keep(p.Kept, rejectionsKey{}, "", func() (*rejections, func(), error) { return &rejections{now: p.Now}, nil, nil })
	if err != nil { // the configuration is being replaced: nothing is kept
		return &rejections{now: p.Now}
	}
	return r
}

func (r *rejections) lately(target, password string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.what == target+password && r.now().Sub(r.at) < rejectedFor
}

func (r *rejections) note(target, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.what, r.at = target+password, r.now()
}

// readOnly runs f in a read-only transaction with a time limit, the search path and the role of the application's
// connection URL.
func (t postgresTarget) readOnly(ctx context.Context, conn *pgx.Conn, f func(ctx context.Context, conn *pgx.Conn) error) error {
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		settings := [][2]string{{"statement_timeout", strconv.FormatInt(t.patience.Milliseconds(), 10)}}
		if t.SearchPath != "" {
			settings = append(settings, [2]string{"search_path", t.SearchPath})
		}
		if t.Role != "" && !t.Foreign {
			settings = append(settings, [2]string{"role", t.Role})
		}
		for _, s := range settings {
			if _, err := tx.Exec(ctx, "select set_config($1, $2, true)", s[0], s[1]); err != nil {
				return err
			}
		}
		return f(ctx, tx.Conn())
	})
}

// pooled reports whether a connection pooler answered: it hands out keys of its own instead of the server's process id.
func pooled(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid uint32
	err := conn.QueryRow(ctx, "select pg_backend_pid()").Scan(&pid)
	return pid != conn.PgConn().PID(), err
}
