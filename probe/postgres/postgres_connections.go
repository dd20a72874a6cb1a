package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// postgres_connections: does the database allow as many connections as all replicas of the application may open?
//
// Some must remain: otherwise a backup, a migration or a person is rejected when the pools are full.

func ConnectionsKind() probe.Kind {
	return probe.Kind{
		Name:       "postgres_connections",
		Services:   []deployment.Service{deployment.DatabaseService},
		Question:   "Are the pools of all replicas together smaller than the database's connection limit?",
		Example:    "{pool: [DB_MAX_OPEN_CONNS]}",
		Layer:      probe.LayerLive,
		Reads:      "the pool size in the application's environment, its replicas in the compose file, and the database's settings (deployment.database, or DB_HOST and related variables)",
		Permission: "a login",
		MaxAge:     5 * time.Minute,
		Timeout:    15 * time.Second,
		Alone:      true,
		New: func() any {
			return &postgresConnections{Pool: []string{"DB_MAX_CONNS", "DB_MAX_OPEN_CONNS", "DB_MAX_CONNECTIONS"}}
		},
	}
}

type postgresConnections struct {
	Pool     []string `yaml:"pool" doc:"variables with the pool size of one replica; the first that is set counts" default:"[DB_MAX_CONNS, DB_MAX_OPEN_CONNS, DB_MAX_CONNECTIONS]"`
	Replicas int      `yaml:"replicas" min:"0" max:"100000" default:"0" doc:"replicas of the application; 0 uses those of its compose service"`
}

func (s *postgresConnections) Validate() []error {
	if len(s.Pool) == 0 {
		return []error{errors.New("pool: at least one variable is required")}
	}
	return nil
}

// admitted are the server's limits and those of the application's role and database; -1 where unset.
type admitted struct{ max, superuser, reserved, role, database int }

// least returns the number of connections left for the application, and the limit that applies.
func (a admitted) least() (connections int, by string) {
	connections, by = a.max-a.superuser-a.reserved, fmt.Sprintf("the server allows (%d minus reserved ones)", a.max)
	if a.database >= 0 && a.database < connections {
		connections, by = a.database, "the database allows (CONNECTION LIMIT)"
	}
	if a.role >= 0 && a.role < connections {
		connections, by = a.role, "the application's role is allowed (CONNECTION LIMIT)"
	}
	return connections, by
}

func (s *postgresConnections) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	v, err := p.View.Value(s.Pool...)
	if err != nil {
		return probe.Unreadable(s.Pool[0]+" cannot be read", err)
	}
	pool, err := strconv.Atoi(strings.TrimSpace(v.Text.Reveal()))
	if err != nil || pool < 1 || pool > 1_000_000 {
		return probe.Result{}, probe.Skip(s.Pool[0], "pool size is unknown: %s is not set to a positive number", phrase.Words(s.Pool))
	}
	replicas, err := s.replicas(p)
	if err != nil {
		return probe.Result{}, err
	}
	db, err := postgresFor(p)
	if err != nil {
		return probe.Result{}, err
	}
	var a admitted
	var pooler bool
	err = db.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if pooler, err = pooled(ctx, conn); err != nil || pooler {
			return err
		}
		// reserved_connections came with PostgreSQL 16.
		return conn.QueryRow(ctx, `select current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
			coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0),
			coalesce((select rolconnlimit from pg_roles where rolname = current_user and not rolsuper), -1),
			coalesce((select datconnlimit from pg_database where datname = current_database()), -1)`).Scan(&a.max, &a.superuser, &a.reserved, &a.role, &a.database)
	})
	if p.Deployment.Database.User != "" {
		a.role = -1 // the limit is that of the exporter's own role
	}
	if err != nil {
		return db.target.unasked(err, false)
	}
	if pooler {
		return probe.Result{}, probe.Skip(deployment.DatabaseService.Setting("host")+" of the server itself",
			"a connection pooler answers at %s: its own limits decide how many connections %s may open", db.target.Address(), v.Key)
	}
	return s.judge(v.Key, pool, replicas, a), nil
}

// replicas returns the number of replicas of the application.
func (s *postgresConnections) replicas(p *probe.Pass) (int, error) {
	if s.Replicas > 0 {
		return s.Replicas, nil
	}
	c, err := p.View.Compose()
	if errors.Is(err, compose.ErrNoFile) {
		return 1, nil
	}
	if err != nil {
		return 0, probe.Unknown(probe.ReasonBlocked, err)
	}
	app, err := p.View.AppService()
	if err != nil {
		return 0, probe.Unknown(probe.ReasonBlocked, err)
	}
	service, ok := c.Project.Services[app.Name]
	if !ok {
		return 1, nil
	}
	return service.GetScale(), nil
}

func (s *postgresConnections) judge(key string, pool, replicas int, a admitted) probe.Result {
	left, by := a.least()
	if pool*replicas >= left {
		return probe.Failed(probe.ReasonThreshold, "%s times %d replicas is not below the %d connections that %s", key, replicas, left, by)
	}
	return probe.Passed("%s times %d replicas is below the %d connections that %s", key, replicas, left, by)
}
