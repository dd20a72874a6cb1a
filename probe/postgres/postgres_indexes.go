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
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// postgres_indexes: does each listed table have an index usable for lookups by the listed column?
//
// The index must lead with the column, support lookups (btree, hash), cover all rows and be complete. An index that has
// the column in second place, is of a kind for ranges or texts, leads with an expression, is partial or whose build was
// aborted does not count; the message names the cause. Expressions after the column do no harm.

func IndexesKind() probe.Kind {
	return probe.Kind{
		Name:       "postgres_indexes",
		Services:   []deployment.Service{deployment.DatabaseService},
		Question:   "Does each listed table have a usable index that leads with the listed column?",
		Example:    "{indexes: [{table: publishers, leading: [api_key, publisher_id]}]}",
		Layer:      probe.LayerLive,
		Reads:      "the database's catalogue (deployment.database, or DB_HOST and related variables)",
		Permission: "a login",
		MaxAge:     5 * time.Minute,
		Timeout:    15 * time.Second,
		New:        func() any { return &postgresIndexes{} },
	}
}

type postgresIndexes struct {
	Indexes []wantedIndex `yaml:"indexes" required:"true" doc:"required indexes"`
}

type wantedIndex struct {
	Table   string   `yaml:"table" required:"true" doc:"name of the table, with its schema (app.publishers) or without"`
	Leading []string `yaml:"leading" required:"true" doc:"columns, one of which must lead an index"`
}

func (s *postgresIndexes) Validate() []error {
	if len(s.Indexes) == 0 {
		return []error{errors.New("indexes: at least one is required")}
	}
	var errs []error
	for _, w := range s.Indexes {
		errs = append(errs, tableNames("indexes: table", w.Table)...)
		if len(w.Leading) == 0 {
			errs = append(errs, fmt.Errorf("indexes: at least one column of %s is required", w.Table))
		}
	}
	return errs
}

// seenTable is what the database has for one listed table.
type seenTable struct {
	table
	there   bool
	columns map[string]bool
	indexes []seenIndex
}

// seenIndex is an index related to a column: it contains the column, or an expression or condition on it.
type seenIndex struct {
	column, method                                  string
	leads, valid, ready, live, partial, expressions bool
}

func (s *postgresIndexes) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	db, err := postgresFor(p)
	if err != nil {
		return probe.Result{}, err
	}
	seen := make([]seenTable, len(s.Indexes))
	err = db.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		for i, w := range s.Indexes {
			if seen[i], err = indexesOf(ctx, conn, db.target, w); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return db.target.unasked(err, true)
	}
	var f probe.ResultBuilder
	for i, w := range s.Indexes {
		f.Add(w.judge(seen[i]))
	}
	return f.Result("every listed table has an index that leads with the listed column"), nil
}

// indexesOf reads a table's listed columns and all indexes related to them.
func indexesOf(ctx context.Context, conn *pgx.Conn, t postgresTarget, w wantedIndex) (seenTable, error) {
	found, err := t.tablesNamed(ctx, conn, w.Table)
	if err != nil {
		return seenTable{}, err
	}
	seen := seenTable{columns: map[string]bool{}}
	if seen.table, seen.there = found[w.Table]; !seen.there {
		return seen, nil
	}
	rows, err := conn.Query(ctx, `
		select a.attname::text, i.indexrelid is not null, coalesce(i.indkey[0] = a.attnum, false), coalesce(i.indisvalid, false), coalesce(i.indisready, false),
			coalesce(i.indislive, false), i.indpred is not null, i.indexprs is not null,
			coalesce((select m.amname::text from pg_class c join pg_am m on m.oid = c.relam where c.oid = i.indexrelid), '')
		from pg_attribute a
		left join pg_index i on i.indrelid = a.attrelid and (a.attnum = any (i.indkey::int2[]) or exists (
			select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
				and d.refclassid = 'pg_class'::regclass and d.refobjid = a.attrelid and d.refobjsubid = a.attnum))
		where a.attrelid = $1::oid and a.attname = any ($2::text[]) and a.attnum > 0 and not a.attisdropped`, seen.oid, w.Leading)
	if err != nil {
		return seen, err
	}
	var i seenIndex
	var some bool
	_, err = pgx.ForEachRow(rows, []any{&i.column, &some, &i.leads, &i.valid, &i.ready, &i.live, &i.partial, &i.expressions, &i.method}, func() error {
		seen.columns[i.column] = true
		if some {
			seen.indexes = append(seen.indexes, i)
		}
		return nil
	})
	return seen, err
}

func (w wantedIndex) judge(seen seenTable) probe.Result {
	switch {
	case !seen.there:
		return probe.Failed(probe.ReasonMissing, "table %s does not exist", w.Table)
	case !seen.stores() && seen.kind != "m":
		return probe.Failed(probe.ReasonMismatch, "%s is a view, not a table", w.Table)
	case len(seen.columns) == 0 && len(w.Leading) == 1:
		return probe.Failed(probe.ReasonMissing, "table %s has no column %s", w.Table, w.Leading[0])
	case len(seen.columns) == 0:
		return probe.Failed(probe.ReasonMissing, "table %s has none of the columns %s", w.Table, phrase.Words(w.Leading))
	}
	var but []string
	for _, i := range seen.indexes {
		why := i.unusable()
		if why == "" {
			return probe.Passed("%s has an index that leads with %s", w.Table, i.column)
		}
		but = append(but, fmt.Sprintf("the index with %s %s", i.column, why))
	}
	told := fmt.Sprintf("table %s has no usable index that leads with %s", w.Table, strings.Join(w.Leading, " or "))
	if len(but) > probe.MaxFindings {
		but = append(but[:probe.MaxFindings:probe.MaxFindings], "and more")
	}
	if len(but) > 0 {
		told += " (" + strings.Join(but, ", ") + ")"
	}
	return probe.Failed(probe.ReasonMissing, "%s", told)
}

// unusable returns why an index does not serve every lookup by the column; "" when it does.
func (i seenIndex) unusable() string {
	switch {
	case slices.Contains([]string{"brin", "gin", "gist", "spgist", "bloom"}, i.method): // for ranges, texts and shapes
		return "is of type " + i.method + ", which does not support lookups of single rows"
	case i.partial:
		return "is partial"
	case !i.leads && i.expressions:
		return "is on an expression"
	case !i.leads:
		return "does not lead with that column"
	case !i.valid, !i.ready, !i.live:
		return "is not valid: its build was aborted or is still running"
	}
	return ""
}
