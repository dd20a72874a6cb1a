// Package drill restores a backup into a scratch database on a separate server, counts its tables and drops the scratch
// database. Only a restored backup is known to be restorable.
package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Errors of a drill that did not run. Faults of the backup are in its Outcome.
var (
	// ErrSameServer: the drill server is the deployment's own, or a replica or copy of it.
	ErrSameServer = errors.New("the drill server is the deployment's own server")
	// ErrNoIdentity: the system identifier of one of the servers could not be read, so they cannot be distinguished.
	ErrNoIdentity = errors.New("cannot read the system identifier")
	// ErrThrowaway: a plain SQL dump can change anything on the server, so it needs a disposable server.
	ErrThrowaway = errors.New("a plain SQL dump can change the whole server, including DROP DATABASE: confirm that this server is disposable (throwaway)")
	// ErrUnsupported: this kind of backup cannot be restored here.
	ErrUnsupported = errors.New("cannot be restored in a drill")
	// ErrNoProgram: pg_restore or psql is not installed.
	ErrNoProgram = errors.New("is not installed")
)

// Drill configures a restore drill.
type Drill struct {
	// DSN of a server for drills, with a user who may create databases.
	DSN secret.Text
	// Deployment is the system identifier of the deployment's own server (SystemIdentifier), which is never used for a
	// drill. Required.
	Deployment string
	// Throwaway allows backups that can change more of the server than the scratch database: plain SQL dumps.
	Throwaway bool
	// Live are the tables of the live database with estimated rows (Estimates) for comparison; empty for no comparison.
	Live        []dump.Table
	LiveObjects []Object  // constraints, indexes and sequences of the live database (Objects); compared together with Live
	Tolerance   Tolerance // for Live and LiveObjects

	Ledger *backup.Ledger   // verifies the backup; a new one when nil
	Now    func() time.Time // time.Now when nil
}

// Outcome is the result of a drill.
type Outcome struct {
	Proof    dump.Proof    `json:"proof"`
	Server   string        `json:"server_version,omitempty"`
	System   string        `json:"system_identifier,omitempty"`
	Began    time.Time     `json:"began"`
	Took     time.Duration `json:"took_nanoseconds"` // time of the restore only
	Restored []Restored    `json:"restored,omitempty"`

	// Failed says why the backup was not compared: incomplete, or rejected by the restoring program.
	Failed string     `json:"failed,omitempty"`
	Backup Comparison `json:"backup"` // comparison with the backup's own contents
	Live   Comparison `json:"live"`   // comparison with the live database's estimates; without tables when there are none
	// Lacking are the constraints, indexes and sequences of the live database that were not restored.
	Lacking []string `json:"lacking,omitempty"`
}

// Holds reports whether the backup was restored completely.
func (o Outcome) Holds() bool {
	return o.Failed == "" && o.Backup.Holds() && (o.Live.Tables == 0 || o.Live.Holds()) && len(o.Lacking) == 0
}

// Compared reports whether the restored database was compared with the live one.
func (o Outcome) Compared() bool { return o.Live.Tables > 0 }

// String formats the result on one line.
func (o Outcome) String() string {
	switch {
	case o.Failed != "":
		return o.Failed
	case !o.Backup.Holds():
		return "restored, but differs from the backup: " + o.Backup.String()
	case o.Live.Tables > 0 && !o.Live.Holds():
		return "restored, but differs from the live database: " + o.Live.String()
	case len(o.Lacking) > 0:
		return "restored, but differs from the live database: " + shownObjects(o.Lacking)
	case !o.Compared():
		return fmt.Sprintf("restored in %s: %s; not compared with the live database", o.Took.Round(time.Second/10), o.Backup)
	}
	return fmt.Sprintf("restored in %s: %s, as do %d tables of the live database with their constraints, indexes and sequences",
		o.Took.Round(time.Second/10), o.Backup, o.Live.Tables)
}

// Run restores the backup at path and compares it. It always drops the scratch database, and also those of earlier
// drills that were killed. An error means that no drill ran, or that the scratch database could not be dropped (the
// outcome is then also returned).
func (d Drill) Run(ctx context.Context, path string) (out Outcome, err error) {
	now := time.Now
	if d.Now != nil {
		now = d.Now
	}
	ledger := d.Ledger
	if ledger == nil {
		ledger = &backup.Ledger{}
	}
	out.Began = now()
	if d.Deployment == "" {
		return out, fmt.Errorf("deployment's server: %w", ErrNoIdentity)
	}
	if out.Proof, err = ledger.Prove(ctx, path); err != nil {
		return out, err
	}
	if !out.Proof.Whole {
		out.Failed = fmt.Sprintf("backup is %s: it %s", out.Proof.Reason, out.Proof.Detail)
		return out, nil
	}
	id, directory, err := dump.Identify(ctx, path)
	if err != nil {
		return out, err
	}
	plan, err := d.plan(path, directory, out.Proof)
	if err != nil {
		return out, fmt.Errorf("%s: %w", path, err)
	}

	s, err := open(ctx, d.DSN)
	if err != nil {
		return out, err
	}
	defer s.close()
	if out.Server, out.System, err = s.identity(ctx); err != nil {
		return out, err
	}
	if out.System == d.Deployment {
		return out, ErrSameServer
	}
	if err := s.clean(ctx, now()); err != nil {
		return out, err
	}
	if err := s.create(ctx, now(), out.Proof.Connects); err != nil {
		return out, err
	}
	defer func() {
		for _, name := range append(slices.Clone(out.Proof.Connects), s.name) { // the marked one last, because its comment lists the others
			if e := s.drop(context.WithoutCancel(ctx), name); e != nil {
				err = errors.Join(err, fmt.Errorf("drop the scratch database %s: %w", name, e))
			}
		}
	}()
	begun := now()
	failed, err := plan.restore(ctx, s)
	out.Took = now().Sub(begun)
	if err != nil {
		return out, err
	}
	if after, _, err := dump.Identify(ctx, path); err != nil || after != id {
		return out, fmt.Errorf("%s: %w", path, files.ErrChanged)
	}
	if out.Failed = failed; failed != "" {
		return out, nil
	}
	database := s.name
	if n := len(out.Proof.Connects); n > 0 {
		database = out.Proof.Connects[n-1]
	}
	if out.Restored, err = s.count(ctx, database); err != nil {
		return out, err
	}
	out.Backup = Compare(out.Proof, out.Restored)
	if len(d.Live) > 0 {
		return out, d.compareLive(ctx, s, database, &out)
	}
	return out, nil
}

// compareLive compares what was restored with the live database.
func (d Drill) compareLive(ctx context.Context, s *server, database string, out *Outcome) error {
	restored, err := s.objects(ctx, database)
	if err != nil {
		return err
	}
	out.Live = CompareLive(d.Live, out.Restored, d.Tolerance)
	out.Lacking = CompareObjects(d.LiveObjects, restored, d.Tolerance)
	return nil
}

// SystemIdentifier returns the number that identifies a PostgreSQL cluster including its replicas and copies.
func SystemIdentifier(ctx context.Context, dsn secret.Text) (string, error) {
	s, err := open(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer s.close()
	_, id, err := s.identity(ctx)
	return id, err
}

// Estimates returns the tables of a live database with their estimated rows, -1 for none, without counting. It omits
// tables of extensions and unlogged and temporary tables.
func Estimates(ctx context.Context, dsn secret.Text) ([]dump.Table, error) {
	s, err := open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer s.close()
	rows, err := s.conn.Query(ctx, `select n.nspname, c.relname, c.reltuples::bigint
		from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where c.relkind = 'r' and c.relpersistence = 'p' and `+ownTables+`
		order by 1, 2 limit $1`, dump.MaxTables)
	if err != nil {
		return nil, stripped(err)
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t dump.Table, err error) {
		return t, row.Scan(&t.Schema, &t.Name, &t.Rows)
	})
	return tables, stripped(err)
}

// ownTables excludes PostgreSQL's own tables and those of extensions.
const ownTables = notSystem + ` and not ` + ofExtension

const (
	notSystem   = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`
	ofExtension = `exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`
)
