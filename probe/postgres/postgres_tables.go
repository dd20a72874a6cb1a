package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// postgres_tables: do the expected tables exist in the database?
//
// Tables are named as the application names them: a name without schema is searched on the role's search path,
// schema.table only in that schema.

func TablesKind() probe.Kind {
	return probe.Kind{
		Name:       "postgres_tables",
		Services:   []deployment.Service{deployment.DatabaseService},
		Question:   "Do the expected tables exist in the database?",
		Example:    "{tables: [publishers, bidders]}",
		Layer:      probe.LayerLive,
		Reads:      "the database's catalogue (deployment.database, or DB_HOST and related variables)",
		Permission: "a login",
		MaxAge:     time.Minute,
		Timeout:    15 * time.Second,
		New:        func() any { return &postgresTables{} },
	}
}

type postgresTables struct {
	Tables []string `yaml:"tables" required:"true" doc:"table names, with schema (app.publishers) or without"`
}

func (s *postgresTables) Validate() []error { return tableNames("tables", s.Tables...) }

// tableNames rejects invalid table names.
func tableNames(field string, names ...string) []error {
	if len(names) == 0 {
		return []error{errors.New(field + ": at least one is required")}
	}
	for _, name := range names {
		if name == "" || strings.Count(name, ".") > 1 || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") {
			return []error{errors.New(field + ": a name must have the form table or schema.table")}
		}
	}
	return nil
}

func (s *postgresTables) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	db, err := postgresFor(p)
	if err != nil {
		return probe.Result{}, err
	}
	var found map[string]table
	err = db.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		found, err = db.target.tablesNamed(ctx, conn, s.Tables...)
		return err
	})
	if err != nil {
		return db.target.unasked(err, true)
	}
	return s.judge(found), nil
}

// table is a relation of the database.
type table struct {
	oid  uint32
	sql  string // its name as needed in a statement: quoted, with schema
	kind string // pg_class.relkind
	off  bool   // its schema is not on the search path
}

// stores reports whether it is a table: plain, partitioned or foreign.
func (t table) stores() bool { return t.kind == "r" || t.kind == "p" || t.kind == "f" }

// tablesNamed looks up relations by name; those that do not exist are left out. With a role of the exporter's own, whose
// search path is not the application's, other schemas are searched too.
func (t postgresTarget) tablesNamed(ctx context.Context, conn *pgx.Conn, names ...string) (map[string]table, error) {
	rows, err := conn.Query(ctx, `
		select wanted.name, c.oid, c.oid::regclass::text, c.relkind::text, c.off
		from unnest($1::text[]) as wanted(name)
		cross join lateral (
			select c.oid, c.relkind, position('.' in wanted.name) = 0 and not n.nspname = any (current_schemas(false)) as off
			from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where c.relkind in ('r', 'p', 'f', 'v', 'm') and case
				when position('.' in wanted.name) > 0 then n.nspname = split_part(wanted.name, '.', 1) and c.relname = split_part(wanted.name, '.', 2)
				else c.relname = wanted.name and (n.nspname = any (current_schemas(false))
					or $2 and n.nspname <> 'information_schema' and n.nspname not like 'pg\_%') end
			order by array_position(current_schemas(false), n.nspname) nulls last, n.nspname limit 1
		) c`, names, t.Foreign && t.SearchPath == "")
	if err != nil {
		return nil, err
	}
	found := map[string]table{}
	var name string
	var one table
	_, err = pgx.ForEachRow(rows, []any{&name, &one.oid, &one.sql, &one.kind, &one.off}, func() error { found[name] = one; return nil })
	return found, err
}

func (s *postgresTables) judge(found map[string]table) probe.Result {
	var f probe.ResultBuilder
	var off []string
	for _, name := range s.Tables {
		if found[name].off {
			off = append(off, name)
		}
		switch t, there := found[name]; {
		case !there:
			f.Fail(probe.ReasonMissing, "table %s does not exist", name)
		case !t.stores():
			f.Fail(probe.ReasonMismatch, "%s is a view, not a table", name)
		}
	}
	if len(off) > 0 {
		return f.Result("the database has the tables %s; not on the search path of the exporter's role: %s", phrase.Words(s.Tables), phrase.Words(off))
	}
	return f.Result("the database has the tables %s", phrase.Words(s.Tables))
}
