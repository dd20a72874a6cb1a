// Compares what belongs to tables: constraints, indexes and sequences. A database that was restored without them has all
// rows, and does not work as the live one does.

package drill

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Object is a constraint, an index or a sequence of a database.
type Object struct {
	Kind string // constraint, index, sequence
	Name string // with schema, and for a constraint with its table
	Last int64  // for a sequence: the last value; 0 for none
}

// objectsQuery lists the objects of the deployment's own permanent tables. NOT NULL constraints count as columns.
const objectsQuery = `
	select 'constraint', n.nspname || '.' || c.relname || '.' || k.conname, 0::bigint
		from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where k.contype in ('c', 'f', 'p', 'u', 'x') and c.relpersistence = 'p' and ` + ownTables + `
	union all
	select 'index', n.nspname || '.' || i.relname, 0
		from pg_catalog.pg_index x join pg_catalog.pg_class i on i.oid = x.indexrelid join pg_catalog.pg_class c on c.oid = x.indrelid
			join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where x.indisvalid and c.relkind in ('r', 'p', 'm') and c.relpersistence = 'p' and ` + ownTables + `
	union all
	select 'sequence', n.nspname || '.' || c.relname, coalesce(s.last_value, 0)
		from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
			left join pg_catalog.pg_sequences s on s.schemaname = n.nspname and s.sequencename = c.relname
		where c.relkind = 'S' and c.relpersistence = 'p' and ` + ownTables + `
	order by 1, 2 limit $1`

// Objects returns the constraints, indexes and sequences of a live database.
func Objects(ctx context.Context, dsn secret.Text) ([]Object, error) {
	s, err := open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return objectsOf(ctx, s.conn)
}

// objects returns those of a database of the server.
func (s *server) objects(ctx context.Context, database string) ([]Object, error) {
	conn, err := s.connect(ctx, database, "catalyst_drill")
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return objectsOf(ctx, conn)
}

func objectsOf(ctx context.Context, conn *pgx.Conn) ([]Object, error) {
	rows, err := conn.Query(ctx, objectsQuery, dump.MaxTables)
	if err != nil {
		return nil, stripped(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Object, err error) {
		return o, row.Scan(&o.Kind, &o.Name, &o.Last)
	})
	return all, stripped(err)
}

// CompareObjects returns what a restored database lacks of the live one, for display. A sequence that is behind the live
// one by more than the tolerance would give numbers that are in use.
func CompareObjects(live, restored []Object, tolerance Tolerance) []string {
	there := make(map[Object]int64, len(restored))
	for _, o := range restored {
		there[Object{Kind: o.Kind, Name: o.Name}] = o.Last
	}
	var lacking []string
	for _, o := range live {
		last, ok := there[Object{Kind: o.Kind, Name: o.Name}]
		switch {
		case !ok:
			lacking = append(lacking, fmt.Sprintf("%s %s is missing", o.Kind, o.Name))
		case o.Kind == "sequence" && last < o.Last && !tolerance.allows(o.Last, last):
			lacking = append(lacking, fmt.Sprintf("sequence %s is at %d instead of %d", o.Name, last, o.Last))
		}
	}
	slices.Sort(lacking)
	return lacking
}

// shownObjects joins the first differences.
func shownObjects(lacking []string) string {
	const told = 5
	text := strings.Join(lacking[:min(told, len(lacking))], "; ")
	if more := len(lacking) - told; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// Plausible reports whether a text can be a system identifier: its upper half is the time at which the cluster was made.
func Plausible(id string, now time.Time) bool {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return false
	}
	made := time.Unix(int64(n>>32), 0) //nolint:gosec // 32 bits
	return made.After(time.Date(1996, 1, 1, 0, 0, 0, 0, time.UTC)) && made.Before(now.Add(24*time.Hour))
}
