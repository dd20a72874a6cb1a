package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/migrations"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// postgres_migrations: has every migration of the folder been applied completely to the database?
//
// Migration tools record applied migrations in a table: golang-migrate only the newest number; goose, Flyway and dbmate
// each one. A database without such a table is skipped, since some teams run the files by hand.

func MigrationsKind() probe.Kind {
	return probe.Kind{
		Name:       "postgres_migrations",
		Services:   []deployment.Service{deployment.DatabaseService},
		Question:   "Has every migration of the folder been applied completely to the database?",
		Example:    "{}",
		Layer:      probe.LayerLive,
		Reads:      "the names in the migrations folder, and the migration tool's table (deployment.database, or DB_HOST and related variables)",
		Permission: "a login with SELECT on that table",
		MaxAge:     time.Minute,
		Timeout:    15 * time.Second,
		Alone:      true,
		New:        func() any { return &postgresMigrations{} },
	}
}

type postgresMigrations struct {
	Table string `yaml:"table" doc:"name of the tool's table; default: schema_migrations, goose_db_version or flyway_schema_history"`
}

func (s *postgresMigrations) Validate() []error {
	if s.Table == "" {
		return nil
	}
	return tableNames("table", s.Table)
}

// Migration tools with a table, as shown to users.
const (
	toolMigrate = "golang-migrate"
	toolGoose   = "goose"
	toolFlyway  = "Flyway"
	toolDbmate  = "dbmate" // Rails uses the same format
)

// migrated is the content of a tool's table.
type migrated struct {
	tool  string
	dirty bool // a migration was started and not completed
	// applied are the numbers by key; golang-migrate records only the newest, and all before it count.
	applied map[string]bool
	newest  []string // nil when none is applied
	upTo    []string // everything up to this number counts as applied; nil for none
}

const maxApplied = 2 * migrations.MaxMigrations // rows of a tool's table; goose also records each rollback

var (
	errNoTool  = errors.New("no migration tool's table found")
	errStrange = errors.New("the migration tool's table contains an invalid version number")
)

func (s *postgresMigrations) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	place := p.View.Place(find.FactMigrations)
	dir := place.Path()
	if dir == "" {
		return probe.Result{}, probe.Absent(p, place, "migrations folder", "deployment.migrations")
	}
	shown := p.Deployment.Rel(dir)
	names, err := migrations.Names(p, dir)
	if err != nil {
		return probe.Unreadable(shown+" cannot be listed", err)
	}
	all := make([]migrations.File, len(names))
	for i, name := range names {
		all[i] = migrations.File{Name: name}
	}
	style := migrations.StyleOf(all)
	versions := migrations.VersionsOf(slices.DeleteFunc(all, func(f migrations.File) bool { return f.Style != style }))
	if len(versions) == 0 {
		return probe.Result{}, probe.Skip("deployment.migrations", "%s contains no migration to compare the database with", shown)
	}
	db, err := postgresFor(p)
	if err != nil {
		return probe.Result{}, err
	}
	var m migrated
	var odd error // about the table's content; contains no server text
	err = db.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		m, err = s.read(ctx, conn, db.target, style)
		if odd = nil; errors.Is(err, errNoTool) || errors.Is(err, errStrange) {
			odd, err = err, nil
		}
		return err
	})
	switch {
	case err != nil:
		return db.target.unasked(err, true)
	case errors.Is(odd, errNoTool):
		return probe.Result{}, probe.Skip("probe parameter table", "the database has no table of golang-migrate, goose, Flyway or dbmate")
	case odd != nil:
		return probe.Result{}, probe.Unknown(probe.ReasonInvalid, odd)
	}
	return m.judge(versions, shown, release.Planned(p)), nil
}

// toolTables lists the candidate tables, most likely first by the style of the files.
func (s *postgresMigrations) toolTables(style string) []string {
	switch {
	case s.Table != "":
		return []string{s.Table}
	case style == migrations.StyleFlyway:
		return []string{"flyway_schema_history", "schema_migrations", "goose_db_version"}
	case style == migrations.StyleMigrate:
		return []string{"schema_migrations", "goose_db_version", "flyway_schema_history"}
	}
	return []string{"goose_db_version", "schema_migrations", "flyway_schema_history"}
}

// read finds a tool's table, identifies the tool by the columns, and reads the rows.
func (s *postgresMigrations) read(ctx context.Context, conn *pgx.Conn, target postgresTarget, style string) (migrated, error) {
	wanted := s.toolTables(style)
	found, err := target.tablesNamed(ctx, conn, wanted...)
	if err != nil {
		return migrated{}, err
	}
	for _, name := range wanted {
		t, there := found[name]
		if !there {
			continue
		}
		rows, err := conn.Query(ctx, "select attname::text from pg_attribute where attrelid = $1::oid and attnum > 0 and not attisdropped", t.oid)
		if err != nil {
			return migrated{}, err
		}
		columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return migrated{}, err
		}
		has := func(names ...string) bool {
			return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(columns, n) })
		}
		// Each returns number, success and kind of the record, newest first.
		var tool, query string
		switch {
		case has("version", "dirty"):
			tool, query = toolMigrate, "select version::text, not dirty, '' from "+t.sql
		case has("version_id", "is_applied", "id"):
			tool, query = toolGoose, "select version_id::text, is_applied, '' from "+t.sql+" order by id desc"
		case has("version", "success", "installed_rank", "type"):
			tool, query = toolFlyway, "select coalesce(version::text, ''), success, type::text from "+t.sql+" order by installed_rank desc"
		case has("version"):
			tool, query = toolDbmate, "select version::text, true, '' from "+t.sql
		default:
			continue
		}
		rows, err = conn.Query(ctx, fmt.Sprintf("%s limit %d", query, maxApplied))
		if err != nil {
			return migrated{}, err
		}
		notes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[migrationNote])
		if err != nil {
			return migrated{}, err
		}
		return readNotes(tool, notes)
	}
	return migrated{}, errNoTool
}

// migrationNote is one row of a tool's table.
type migrationNote struct {
	Version string
	Holds   bool
	Kind    string // of Flyway
}

var noteNumber = lazyregexp.New(`^\d{1,20}([._]\d{1,20}){0,5}$`)

// readNotes reads a tool's rows, newest first where the tool has an order.
func readNotes(tool string, notes []migrationNote) (migrated, error) {
	m := migrated{tool: tool, applied: map[string]bool{}}
	decided := map[string]bool{} // by a newer row
	for _, n := range notes {
		if n.Version == "" || tool == toolMigrate && n.Version == "-1" { // Flyway's repeatable migrations; golang-migrate's value for none
			m.dirty = m.dirty || !n.Holds
			continue
		}
		if !noteNumber.MatchString(n.Version) {
			return m, errStrange
		}
		number := migrations.NumberParts(strings.ReplaceAll(n.Version, "_", "."))
		key := strings.Join(number, ".")
		if tool == toolGoose && key == "0" || decided[key] { // goose starts with a row of its own
			continue
		}
		decided[key] = true
		undone := n.Kind == "DELETE" || strings.HasPrefix(n.Kind, "UNDO")
		switch {
		case !n.Holds && tool == toolGoose, n.Holds && undone: // reverted
			continue
		case !n.Holds:
			m.dirty = true
			continue
		}
		m.applied[key] = true
		if m.newest == nil || migrations.CompareNumbers(number, m.newest) > 0 {
			m.newest = number
		}
		if (tool == toolMigrate || n.Kind == "BASELINE") && (m.upTo == nil || migrations.CompareNumbers(number, m.upTo) > 0) {
			m.upTo = number
		}
	}
	return m, nil
}

// judge compares the applied migrations with the folder's versions, at least one. While a release is planned, its
// migrations are still to come.
func (m migrated) judge(versions []migrations.Version, shown string, planned bool) probe.Result {
	var f probe.ResultBuilder
	if m.dirty {
		f.Fail(probe.ReasonUnhealthy, "%s recorded an incomplete migration (dirty): repair the schema and clear the dirty state", m.tool)
		return f.Result("")
	}
	var first string
	missing := 0
	for _, v := range versions {
		if m.applied[strings.Join(v.Number, ".")] || m.upTo != nil && migrations.CompareNumbers(v.Number, m.upTo) <= 0 {
			continue
		}
		if missing++; first == "" {
			first = v.Files[0]
		}
	}
	last := versions[len(versions)-1]
	switch {
	case missing > 0 && planned:
		f.Warn(probe.ReasonDrift, "%d of %d migrations in %s are not applied yet by %s, the first is %s; the planned release applies them", missing, len(versions), shown, m.tool, first)
	case missing > 0:
		f.Fail(probe.ReasonDrift, "%d of %d migrations in %s are not applied by %s, the first is %s", missing, len(versions), shown, m.tool, first)
	}
	if m.newest != nil && migrations.CompareNumbers(m.newest, last.Number) > 0 {
		f.Warn(probe.ReasonDrift, "the database is ahead: %s has applied a migration newer than %s, the last in %s", m.tool, last.Files[0], shown)
	}
	return f.Result("the database is at %s, the last of %d migrations in %s (%s)", last.Files[0], len(versions), shown, m.tool)
}
