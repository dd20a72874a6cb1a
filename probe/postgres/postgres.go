// Package postgres checks the running PostgreSQL server: log-in, tables, indexes, migrations and connections.
package postgres

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// Access to PostgreSQL: all probes share one connection that is kept between cycles, sets its application name, and is
// bounded in time and size. Queries run in read-only transactions with a time limit: connection poolers reject these
// settings in the startup message, and would pass settings of a session on to other clients. Errors describe the SQLSTATE in our own words. They never contain credentials
// or text from the server.
//
// Address and user are the deployment's (DB_HOST and related variables, through published ports) unless configured.

const (
	maxPostgresMessage = 1 << 20 // bytes of one server message
)

// postgresTarget describes the access to one database.
type postgresTarget struct {
	deployment.DatabaseAccess
	patience time.Duration
	agent    string
	tls      postgresTLS
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	// cleartext allows passwords in cleartext over connections without TLS.
	cleartext bool
	rejected  *rejections
	others    []postgresTarget // further servers, tried in turn
}

// Address returns the addresses of all servers.
func (t postgresTarget) Address() string {
	all := []string{t.Reach.Address()}
	for _, o := range t.others {
		all = append(all, o.Reach.Address())
	}
	return strings.Join(all, ", ")
}

// postgresAt returns the access to the database. It is a skip when no database is known or it is unreachable from here.
func postgresAt(p *probe.Pass) (postgresTarget, error) {
	a, err := p.View.DatabaseAccess()
	if err != nil {
		return postgresTarget{}, access.NotLocated("the database", deployment.DatabaseService.Setting("host"), err)
	}
	known := !a.Password.Text.Empty() || a.Password.Ref.Kind != ""
	if a.How == find.Default && !known {
		return postgresTarget{}, probe.Skip(deployment.DatabaseService.Setting("host"), "no database found: DB_HOST is unset and no service runs postgres")
	}
	if err := reach.Credential(reach.IsGiven(a.Reach), a.Password, deployment.DatabaseService.Setting("host")); err != nil {
		return postgresTarget{}, err
	}
	conf := p.Deployment.Database
	t := postgresTarget{DatabaseAccess: a, patience: conf.Patience(), agent: p.Agent, dial: reach.Dialer(p, a.Reach),
		cleartext: conf.SSLMode != "" || reach.Local(a.Reach, nil), rejected: rejectionsOf(p)}
	if t.tls, err = newPostgresTLS(a, p.Roots); err != nil {
		return t, err
	}
	for _, r := range a.Others {
		o := t
		o.Reach, o.dial, o.cleartext, o.others = r, reach.Dialer(p, r), conf.SSLMode != "" || reach.Local(r, nil), nil
		if o.tls, err = newPostgresTLS(o.DatabaseAccess, p.Roots); err != nil {
			return t, err
		}
		t.others = append(t.others, o)
	}
	return t, nil
}

// config returns the settings of a connection with a password.
func (t postgresTarget) config(password string, secured *tls.Config) (*pgx.ConnConfig, error) {
	// The library requires a connection string. Everything the exporter's own PG… variables can change is set again below.
	c, err := pgx.ParseConfig("host=localhost port=5432 user=none dbname=none password=none sslmode=disable passfile=/dev/null")
	if err != nil {
		return nil, probe.Unknown(probe.ReasonError, errors.New("invalid PG… variables in the exporter's environment: unset them"))
	}
	c.Host, c.Port = t.Host, uint16(t.Port)
	c.User, c.Password, c.Database = t.User, password, t.Name
	c.TLSConfig, c.Fallbacks = secured, nil
	c.SSLNegotiation, c.SSLCertMode, c.RequireAuth, c.ChannelBinding = "postgres", "", "", "prefer"
	c.ValidateConnect, c.AfterConnect = nil, nil
	c.ConnectTimeout = t.patience
	c.DialFunc = t.dial
	// One address, so that one run is one login attempt: the dialer tries the addresses of a name.
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	c.MaxProtocolMessageBodyLen = maxPostgresMessage
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // no prepared statements are left on the server
	c.RuntimeParams = map[string]string{"application_name": t.agent}
	return c, nil
}

// postgres is the kept connection. One probe uses it at a time.
type postgres struct {
	target postgresTarget
	turn   chan struct{} // held while conn is used
	conn   *pgx.Conn     // nil when not connected
	ended  context.Context
}

type postgresKey struct{}

// postgresFor returns the deployment's database. It connects on first use.
func postgresFor(p *probe.Pass) (*postgres, error) {
	t, err := postgresAt(p)
	if err != nil {
		return nil, err
	}
	if err := access.NoPassword("the database", deployment.DatabaseService.Setting("password_file"), t.Password); err != nil {
		return nil, err
	}
	return probe.Keep(p.Kept, postgresKey{}, t.fingerprint(), func() (*postgres, func(), error) {
		ended, end := context.WithCancel(context.Background())
		d := &postgres{target: t, turn: make(chan struct{}, 1), ended: ended}
		return d, func() {
			end()
			d.turn <- struct{}{} // end interrupts a running query
			d.drop()
		}, nil
	})
}

// fingerprint changes with everything that the connection depends on.
func (t postgresTarget) fingerprint() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %v %v %q %q %q", t.Address(), t.User, t.Name, t.Password.Text.Reveal(), t.SSLMode, t.tls.print, t.patience,
		t.cleartext, t.SearchPath, t.Role, t.Session))
	return hex.EncodeToString(sum[:])
}

// ask runs f with the connection and connects first when needed. A connection that died since the last cycle is
// replaced once. The error is one of plain.
func (d *postgres) ask(ctx context.Context, f func(ctx context.Context, conn *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.target.patience)
	defer cancel()
	defer context.AfterFunc(d.ended, cancel)()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return fault.Late{Cause: ctx.Err()}
	}
	for old := d.conn != nil; ; old = false {
		if ctx.Err() != nil {
			return fault.Late{Cause: ctx.Err()}
		}
		if d.conn == nil {
			conn, err := d.target.connect(ctx, d.target.Password.Text.Reveal(), login{cleartext: true})
			if err != nil {
				return err
			}
			d.conn = conn
		}
		err := d.target.readOnly(ctx, d.conn, f)
		if d.conn.IsClosed() {
			d.drop()
			if err != nil && old && ctx.Err() == nil {
				continue
			}
		}
		if err != nil {
			return d.target.plain(ctx, err)
		}
		return nil
	}
}

// drop closes the connection; the caller holds the turn.
func (d *postgres) drop() {
	if d.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = d.conn.Close(ctx) // sends Terminate; the socket is closed in any case
	d.conn = nil
}
