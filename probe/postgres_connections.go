package probe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// postgres_connections: does the database admit as many connections as all replicas of the application may open?
//
// Some must be left: whoever comes when the pools are full (a backup, a migration, a person) is turned away otherwise.

func postgresConnectionsKind() Kind {
	return Kind{
		Name:     "postgres_connections",
		Question: "Are the pools of all replicas smaller than what the database admits?",
		Example:  "{pool: [DB_MAX_OPEN_CONNS]}",
		Layer:    LayerLive,
		Reads:    "the size of the pool in the application's environment, its replicas in the compose file, and the database's settings (deployment.database, or DB_HOST and its like); needs to log in",
		MaxAge:   5 * time.Minute,
		Timeout:  15 * time.Second,
		Alone:    true,
		New: func() any {
			return &postgresConnections{Pool: []string{"DB_MAX_CONNS", "DB_MAX_OPEN_CONNS", "DB_MAX_CONNECTIONS"}}
		},
	}
}

type postgresConnections struct {
	Pool     []string `yaml:"pool" doc:"variables with the size of one replica's pool; the first that is set counts" default:"[DB_MAX_CONNS, DB_MAX_OPEN_CONNS, DB_MAX_CONNECTIONS]"`
	Replicas int      `yaml:"replicas" min:"0" max:"100000" default:"0" doc:"replicas of the application; those of its compose service when 0"`
}

func (s *postgresConnections) Validate() []error {
	if len(s.Pool) == 0 {
		return []error{errors.New("pool: no variable is named")}
	}
	return nil
}

// admitted is what the server's settings say, and what is set for the application's role and database; -1 where nothing is.
type admitted struct{ max, superuser, reserved, role, database int }

// least is how many connections there are for the application, and by whose bound.
func (a admitted) least() (connections int, by string) {
	connections, by = a.max-a.superuser-a.reserved, fmt.Sprintf("the server admits (%d without those reserved)", a.max)
	if a.database >= 0 && a.database < connections {
		connections, by = a.database, "this database admits (CONNECTION LIMIT)"
	}
	if a.role >= 0 && a.role < connections {
		connections, by = a.role, "the application's role may have (CONNECTION LIMIT)"
	}
	return connections, by
}

func (s *postgresConnections) Probe(ctx context.Context, p *Pass) (Result, error) {
	v, err := p.View.Value(s.Pool...)
	if err != nil {
		return unreadable(s.Pool[0]+" cannot be looked up", err)
	}
	pool, err := strconv.Atoi(strings.TrimSpace(v.Text.Reveal()))
	if err != nil || pool < 1 || pool > 1_000_000 {
		return Result{}, Skip(s.Pool[0], "the size of the pool is not known: %s is not set to a positive number", words(s.Pool))
	}
	replicas, err := s.replicas(p)
	if err != nil {
		return Result{}, err
	}
	db, err := postgresFor(p)
	if err != nil {
		return Result{}, err
	}
	var a admitted
	err = db.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		// reserved_connections came with PostgreSQL 16.
		return conn.QueryRow(ctx, `select current_setting('max_connections')::int, current_setting('superuser_reserved_connections')::int,
			coalesce(nullif(current_setting('reserved_connections', true), '')::int, 0),
			coalesce((select rolconnlimit from pg_roles where rolname = current_user and not rolsuper), -1),
			coalesce((select datconnlimit from pg_database where datname = current_database()), -1)`).Scan(&a.max, &a.superuser, &a.reserved, &a.role, &a.database)
	})
	if p.Deployment.Database.User != "" {
		a.role = -1 // it is the exporter's own
	}
	if err != nil {
		return db.target.unasked(err, false)
	}
	return s.judge(v.Key, pool, replicas, a), nil
}

// replicas is how often the application runs.
func (s *postgresConnections) replicas(p *Pass) (int, error) {
	if s.Replicas > 0 {
		return s.Replicas, nil
	}
	c, err := p.View.Compose()
	if errors.Is(err, deployment.ErrNoCompose) {
		return 1, nil
	}
	if err != nil {
		return 0, Unknown(ReasonBlocked, err)
	}
	app, err := p.View.AppService()
	if err != nil {
		return 0, Unknown(ReasonBlocked, err)
	}
	service, ok := c.Project.Services[app.Name]
	if !ok {
		return 1, nil
	}
	return service.GetScale(), nil
}

func (s *postgresConnections) judge(key string, pool, replicas int, a admitted) Result {
	left, by := a.least()
	if pool*replicas >= left {
		return Failed(ReasonThreshold, "%s times %d replicas is not below the %d connections that %s", key, replicas, left, by)
	}
	return Passed("%s times %d replicas is below the %d connections that %s", key, replicas, left, by)
}
