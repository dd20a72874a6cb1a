package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/valuerule"
)

// sql_query: does a statement of the checklist return the value that it should?
//
// The statement runs alone over a connection of its own, by the extended protocol (one statement), in a read-only
// transaction that is always rolled back, with a time limit. Before it runs, two things are checked in the same
// transaction: that the role, with every role that it can become, has no power over files, programs and other sessions,
// which a read-only transaction does not take away; and that the functions called by the statement are not volatile, as
// those with effects outside of the transaction are. The value is never shown.

// QueryKind is the kind sql_query.
func QueryKind() probe.Kind {
	return probe.Kind{
		Name:       "sql_query",
		Services:   []deployment.Service{deployment.DatabaseService},
		Question:   "Does the statement return the value that it should?",
		Example:    `{query: "select count(*) from pg_stat_activity where wait_event_type = 'Lock'", at_most: 20}`,
		Layer:      probe.LayerLive,
		Reads:      "what the statement reads, in a read-only transaction that is rolled back (deployment.database, or DB_HOST and related variables)",
		Permission: "a login of a role that is neither a superuser nor a member of pg_write_*, pg_execute_*, pg_read_server_files or pg_signal_backend, and has no REPLICATION; SELECT on what the statement reads",
		MaxAge:     time.Hour,
		Timeout:    15 * time.Second,
		Active:     true,
		New:        func() any { return &sqlQuery{} },
	}
}

type sqlQuery struct {
	Query   string   `yaml:"query" required:"true" doc:"one statement (SELECT, WITH, VALUES, TABLE or SHOW) that returns one row with one column. It calls no volatile functions, except those that only report, such as pg_database_size"`
	Equals  *string  `yaml:"equals" doc:"the value as text, e.g. \"true\" or \"20\""`
	OneOf   []string `yaml:"one_of" doc:"the allowed values"`
	Matches string   `yaml:"matches" doc:"regular expression (RE2) that the value must match"`
	Lacks   string   `yaml:"lacks" doc:"regular expression that the value must not match"`
	Min     *float64 `yaml:"at_least" doc:"minimum of a number"`
	Max     *float64 `yaml:"at_most" doc:"maximum of a number"`
}

func (s *sqlQuery) rule() valuerule.Rule {
	return valuerule.Rule{At: "value", Equals: s.Equals, OneOf: s.OneOf, Matches: s.Matches, Lacks: s.Lacks, Min: s.Min, Max: s.Max}
}

const maxStatement = 16 << 10 // bytes

// Validate reports faults of the parameters when the checklist is loaded.
func (s *sqlQuery) Validate() []error {
	errs := s.rule().Validate()
	if !s.rule().Compares() {
		errs = append(errs, errors.New("one of equals, one_of, matches, lacks, at_least and at_most is required"))
	}
	words, err := parseStatement(s.Query)
	switch {
	case len(s.Query) > maxStatement:
		errs = append(errs, errors.New("query: longer than 16 KiB"))
	case err != nil:
		errs = append(errs, err)
	case !slices.Contains([]string{"select", "with", "values", "table", "show"}, words.first):
		errs = append(errs, errors.New("query: only SELECT, WITH, VALUES, TABLE and SHOW are allowed"))
	}
	return errs
}

// scalar is the outcome of the statement.
type scalar struct {
	powers    []string // roles that the session has and should not have
	functions []string // volatile functions that the statement calls
	rows      int      // 2 for two or more
	columns   int
	kind      uint32 // type of the column
	text      []byte // nil for NULL
}

func (s *sqlQuery) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	t, err := postgresAt(p)
	if err != nil {
		return probe.Result{}, err
	}
	if err := access.NoPassword("the database", deployment.DatabaseService.Setting("password_file"), t.Password); err != nil {
		return probe.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	conn, err := t.connect(ctx, t.Password.Text.Reveal(), login{cleartext: true})
	if err != nil {
		return t.unasked(err, false)
	}
	d := postgres{conn: conn}
	defer d.drop() // with what the session holds, such as locks
	var found scalar
	if err := s.run(ctx, t, conn, &found); err != nil {
		return s.failed(t, t.plain(ctx, err))
	}
	return s.judge(found)
}

// run checks the session, then runs the statement. Everything is rolled back.
func (s *sqlQuery) run(ctx context.Context, t postgresTarget, conn *pgx.Conn, found *scalar) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	set := func(name, value string) error {
		_, err := tx.Exec(ctx, "select pg_catalog.set_config($1, $2, true)", name, value)
		return err
	}
	// With another search path, the names below could be those of functions that a user defined.
	for _, setting := range [][2]string{
		{"search_path", "pg_catalog"}, {"standard_conforming_strings", "on"},
		{"statement_timeout", strconv.FormatInt(t.patience.Milliseconds(), 10)},
	} {
		if err := set(setting[0], setting[1]); err != nil {
			return err
		}
	}
	var path string
	if found.powers, err = powersOf(ctx, tx); err != nil || len(found.powers) > 0 {
		return err
	}
	words, _ := parseStatement(s.Query) // valid, see Validate
	if found.functions, err = volatile(ctx, tx, words.called, s.Query); err != nil || len(found.functions) > 0 {
		return err
	}
	if err := tx.QueryRow(ctx, "select coalesce(reset_val, '') from pg_settings where name = 'search_path'").Scan(&path); err != nil {
		return err
	}
	if t.SearchPath != "" {
		path = t.SearchPath
	}
	if err := set("search_path", path); err != nil {
		return err
	}
	if t.Role != "" && !t.Foreign {
		if err := set("role", t.Role); err != nil {
			return err
		}
	}
	return found.read(ctx, conn, s.Query)
}

// powersOf lists what the session may do that a read-only transaction does not prevent: every role counts that the
// session's user is a member of, directly or not, whether its privileges are inherited or reached with SET ROLE.
func powersOf(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `
		select case when rolsuper then 'superuser' when rolreplication then 'REPLICATION' else rolname::text end
		from pg_roles
		where (rolsuper or rolreplication or rolname like 'pg\_write\_%' or rolname like 'pg\_execute\_%' or rolname like 'pg\_signal\_%'
				or rolname = 'pg_read_server_files')
			and (pg_has_role(session_user, oid, 'member') or pg_has_role(current_user, oid, 'member'))
		order by 1`)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return slices.Compact(all), err
}

// reporting lists volatile functions of PostgreSQL that only report.
func reporting() []string {
	return []string{
		"clock_timestamp", "timeofday", "random", "gen_random_uuid", "pg_database_size", "pg_relation_size", "pg_total_relation_size",
		"pg_table_size", "pg_indexes_size", "pg_tablespace_size", "pg_is_in_recovery", "pg_is_wal_replay_paused", "pg_current_wal_lsn",
		"pg_current_wal_flush_lsn", "pg_current_wal_insert_lsn", "pg_last_wal_receive_lsn", "pg_last_wal_replay_lsn",
		"pg_last_xact_replay_timestamp", "pg_blocking_pids", "pg_safe_snapshot_blocking_pids", "pg_jit_available", "pg_is_in_backup",
	}
}

// volatile lists those of the functions that PostgreSQL takes to have effects, and those behind operators that the statement
// may use. A function with the name in any schema counts, because the search path decides which one is called.
func volatile(ctx context.Context, tx pgx.Tx, names []string, statement string) ([]string, error) {
	rows, err := tx.Query(ctx, `
		select p.proname::text from pg_proc p
		where p.proname::text = any ($1) and p.provolatile = 'v' and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
			and not (p.pronamespace = 'pg_catalog'::regnamespace and p.proname::text = any ($2))
		union
		select p.proname::text from pg_operator o join pg_proc p on p.oid = o.oprcode
		where p.provolatile = 'v' and position(o.oprname::text in $3::text) > 0
		order by 1`, names, reporting(), statement)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// read runs the statement. It reads the first two rows at most; the connection is closed afterwards.
func (found *scalar) read(ctx context.Context, conn *pgx.Conn, statement string) error {
	reader := conn.PgConn().ExecParams(ctx, statement, nil, nil, nil, nil)
	for found.rows < 2 && reader.NextRow() {
		found.rows++
		if fields := reader.FieldDescriptions(); found.rows == 1 && len(fields) > 0 {
			found.columns, found.kind = len(fields), fields[0].DataTypeOID
			found.text = slices.Clone(reader.Values()[0])
		}
	}
	if found.rows == 2 {
		return nil // more may follow without end
	}
	found.columns = max(found.columns, len(reader.FieldDescriptions()))
	_, err := reader.Close()
	return err
}

// judge evaluates the outcome. What cannot be compared is unknown.
func (s *sqlQuery) judge(found scalar) (probe.Result, error) {
	own := deployment.DatabaseService.Setting("user")
	switch {
	case len(found.powers) > 0:
		return probe.Result{}, probe.Needs(own, probe.Unknownf(probe.ReasonOverPrivileged,
			"the statement is not run: the role has or can take the powers of %s. Set %s to a role with SELECT only", phrase.List(found.powers), own))
	case len(found.functions) > 0:
		return probe.Result{}, probe.Needs("a statement without volatile functions", probe.Unknownf(probe.ReasonInvalid,
			"the statement is not run: %s may have effects (VOLATILE). A function that only reads can be declared STABLE", phrase.List(found.functions)))
	case found.columns > 1:
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "the statement returned %d columns, expected one", found.columns)
	case found.rows > 1:
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "the statement returned more than one row, expected one")
	case found.rows == 0:
		return probe.Failed(probe.ReasonMissing, "the statement returned no row"), nil
	case found.text == nil:
		return probe.Failed(probe.ReasonEmpty, "the statement returned NULL"), nil
	}
	var f probe.ResultBuilder
	s.rule().Judge(&f, "the result of the statement", map[string]any{"value": found.value()})
	return f.Result("the statement returned a value as required"), nil
}

// value returns the value with its type, as far as comparisons depend on it.
func (found scalar) value() any {
	text := string(found.text)
	switch found.kind {
	case pgtype.BoolOID:
		return map[string]string{"t": "true", "f": "false"}[text]
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID:
		return json.Number(text)
	}
	return text
}

// failed classifies an error of the transaction.
func (s *sqlQuery) failed(t postgresTarget, err error) (probe.Result, error) {
	switch code := access.Code(err); {
	case code == "42501":
		return probe.Result{}, probe.Needs("GRANT SELECT on what the statement reads to the exporter's role",
			probe.Unknownf(probe.ReasonPermissionDenied, "the role lacks a privilege for the statement"))
	case code == "25006":
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "the statement would write, and does not run in a read-only transaction")
	case code == "42601":
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "the statement has a syntax error, or is more than one (SQLSTATE 42601)")
	case strings.HasPrefix(code, "42"), strings.HasPrefix(code, "22"), strings.HasPrefix(code, "21"), strings.HasPrefix(code, "0A"):
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "the statement fails: SQLSTATE %s", code)
	}
	return t.unasked(err, false)
}
