// The scratch database of a drill: creation, row counts, and cleanup after a killed drill.

package drill

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// A scratch database is identified by its name, which contains the second of its creation, and by its comment.
var scratchName = lazyregexp.New(`^catalyst_drill_(\d{1,12})_[a-z0-9]{8}$`)

// scratchMark starts the comment, followed by the databases that the dump creates itself, as JSON.
const scratchMark = "made by a catalyst_exporter restore drill, may be dropped: "

const (
	connectTime = 15 * time.Second
	dropTime    = 2 * time.Minute
	// unmarkedAge is the minimum age of a droppable scratch database without comment: a drill creates both together,
	// unless it is killed in between.
	unmarkedAge = time.Hour
)

// server is the server for drills.
type server struct {
	dsn  secret.Text
	conn *pgx.Conn
	name string // of the scratch database
}

// stripped removes text that may quote rows from a server's error: only the code is kept.
func stripped(err error) error {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		return fmt.Errorf("rejected by the server (SQLSTATE %s)", p.Code)
	}
	return err
}

func open(ctx context.Context, dsn secret.Text) (*server, error) {
	s := &server{dsn: dsn}
	var err error
	s.conn, err = s.connect(ctx, "", "catalyst_drill")
	return s, err
}

// connect opens a database, or the DSN's own. Errors never contain the DSN.
func (s *server) connect(ctx context.Context, database, application string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(s.dsn.Reveal())
	if err != nil {
		return nil,
			errors.New("invalid PostgreSQL address, or a file that it names cannot be read: use the form postgres://user@host:5432/database")
	}
	if database != "" {
		config.Database = database
	}
	config.ConnectTimeout = connectTime
	config.RuntimeParams["application_name"] = application
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // the connection may go through a pooler
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		var p *pgconn.PgError
		if errors.As(err, &p) {
			return nil, fmt.Errorf("connect to PostgreSQL at %s port %d: refused (SQLSTATE %s)", config.Host, config.Port, p.Code)
		}
		return nil, fmt.Errorf("connect to PostgreSQL at %s port %d: %w", config.Host, config.Port, withoutDetail(ctx, err))
	}
	return conn, nil
}

// withoutDetail reduces a connection error to its actionable part. The library's own text contains user and database.
func withoutDetail(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var network interface{ Timeout() bool }
	if errors.As(err, &network) && network.Timeout() {
		return errors.New("no response")
	}
	for _, known := range []string{"connection refused", "no such host", "network is unreachable", "no route to host", "certificate", "TLS"} {
		if strings.Contains(err.Error(), known) {
			return errors.New(known)
		}
	}
	return errors.New("failed")
}

func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	_ = s.conn.Close(ctx)
}

// identity returns the version and the system identifier.
func (s *server) identity(ctx context.Context) (version, id string, err error) {
	err = s.conn.QueryRow(ctx, `select current_setting('server_version'), system_identifier::text from pg_catalog.pg_control_system()`).Scan(&version, &id)
	if err == nil && id == "" {
		err = errors.New("system identifier is empty")
	}
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrNoIdentity, stripped(err))
	}
	return version, id, nil
}

// create creates and marks the scratch database. The databases that a dump creates itself must not exist yet.
func (s *server) create(ctx context.Context, now time.Time, makes []string) error {
	for _, name := range makes {
		var there bool
		if err := s.conn.QueryRow(ctx, `select exists (select from pg_catalog.pg_database where datname = $1)`, name).Scan(&there); err != nil {
			return stripped(err)
		}
		if there {
			return fmt.Errorf("%w: the dump creates the database %q, which already exists on the server", ErrUnsupported, name)
		}
	}
	mark, err := json.Marshal(append([]string{}, makes...))
	if err != nil {
		return err
	}
	var unicode bool
	if err := s.conn.QueryRow(ctx, `select pg_catalog.pg_encoding_to_char(encoding) = 'UTF8' from pg_catalog.pg_database where datname = 'template0'`).Scan(&unicode); err != nil {
		return stripped(err)
	}
	name := "catalyst_drill_" + strconv.FormatInt(now.Unix(), 10) + "_" + strings.ToLower(rand.Text()[:8])
	statement := "create database " + pgx.Identifier{name}.Sanitize() + " template template0"
	if !unicode {
		statement += " encoding 'UTF8' lc_collate 'C' lc_ctype 'C'" // most servers dump in UTF-8
	}
	// The session's application name shows that the drill is alive; it is visible from every database of the server.
	if _, err := s.conn.Exec(ctx, `select pg_catalog.set_config('application_name', $1, false)`, name); err != nil {
		return stripped(err)
	}
	if _, err := s.conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("create a scratch database: %w", stripped(err))
	}
	s.name = name
	comment := scratchMark + string(mark)
	if _, err := s.conn.Exec(ctx, "comment on database "+pgx.Identifier{name}.Sanitize()+" is "+literal(comment)); err != nil {
		return errors.Join(fmt.Errorf("mark the scratch database: %w", stripped(err)), s.drop(context.WithoutCancel(ctx), name))
	}
	return nil
}

// literal quotes a text for a statement that takes no parameters.
func literal(text string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}

// leftOver is a scratch database that was found on the server.
type leftOver struct {
	name    string
	comment string
	alive   bool // a drill's session of that name exists
}

// droppable reports whether no drill can still use a scratch database.
func (l leftOver) droppable(now time.Time) bool {
	match := scratchName.FindStringSubmatch(l.name)
	if match == nil || l.alive {
		return false
	}
	if strings.HasPrefix(l.comment, scratchMark) {
		return true
	}
	seconds, err := strconv.ParseInt(match[1], 10, 64)
	return err == nil && l.comment == "" && now.Sub(time.Unix(seconds, 0)) > unmarkedAge
}

// makes returns the databases that the dump creates, from the comment.
func (l leftOver) makes() (names []string) {
	if text, ok := strings.CutPrefix(l.comment, scratchMark); ok {
		_ = json.Unmarshal([]byte(text), &names)
	}
	return names
}

// clean drops the databases of killed drills.
func (s *server) clean(ctx context.Context, now time.Time) error {
	rows, err := s.conn.Query(ctx, `select d.datname, coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), ''),
			exists (select from pg_catalog.pg_stat_activity a where a.application_name = d.datname)
		from pg_catalog.pg_database d where d.datname like 'catalyst\_drill\_%'`)
	if err != nil {
		return stripped(err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l leftOver, err error) {
		return l, row.Scan(&l.name, &l.comment, &l.alive)
	})
	if err != nil {
		return stripped(err)
	}
	for _, l := range found {
		if !l.droppable(now) {
			continue
		}
		for _, name := range append(l.makes(), l.name) { // the marked one last, because its comment lists the others
			if err := s.drop(ctx, name); err != nil {
				return fmt.Errorf("drop %s, left by an earlier drill: %w", name, err)
			}
		}
	}
	return nil
}

// drop drops a database and terminates its sessions. It runs even after the drill's context ended.
func (s *server) drop(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, dropTime)
	defer cancel()
	statement := "drop database if exists " + pgx.Identifier{name}.Sanitize() + " with (force)"
	_, err := s.conn.Exec(ctx, statement)
	var p *pgconn.PgError
	if err == nil || errors.As(err, &p) {
		return stripped(err)
	}
	// The connection was lost: it was idle during the restore, or closed by a cancelled query.
	conn, err := s.connect(ctx, "", "catalyst_drill")
	if err != nil {
		return err
	}
	_ = s.conn.Close(ctx)
	s.conn = conn
	_, err = s.conn.Exec(ctx, statement)
	return stripped(err)
}

// count counts the rows of every table.
func (s *server) count(ctx context.Context, database string) ([]Restored, error) {
	conn, err := s.connect(ctx, database, "catalyst_drill")
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `select n.nspname, c.relname, c.relkind = 'p', `+ofExtension+`
		from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and `+notSystem+` order by 1, 2 limit $1`, dump.MaxTables)
	if err != nil {
		return nil, stripped(err)
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Restored, err error) {
		return r, row.Scan(&r.Schema, &r.Name, &r.Parent, &r.Extension)
	})
	if err != nil {
		return nil, stripped(err)
	}
	for i := range tables {
		t := &tables[i]
		from := "only " + pgx.Identifier{t.Schema, t.Name}.Sanitize() // in a dump, a parent table contains only its own rows
		if t.Parent {
			from = pgx.Identifier{t.Schema, t.Name}.Sanitize()
		}
		if err := conn.QueryRow(ctx, "select count(*) from "+from).Scan(&t.Rows); err != nil {
			if ctx.Err() != nil || conn.IsClosed() {
				return nil, errors.Join(ctx.Err(), errors.New("count the restored rows: connection lost"))
			}
			t.Rows = -1
		}
	}
	return slices.Clip(tables), nil
}
