// Package backupcheck checks the newest backup, in a folder of the host or inside a container.
package backupcheck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// backup_file: could the newest backup be restored?
//
// The newest finished backup is read to its end, outside the scrape and once for each state of the file; its age is
// judged every few minutes. When the newest is clearly not of the deployment's database (another database, roles only,
// Redis), the newest backup with another name pattern is judged instead. A backup that is still being written is
// skipped in favour of the previous one. Without a previous one (the first backup, or a single file that is rewritten
// each time), the verdict is pending while the file is being written.

// stillWriting is how long after its last write a backup counts as being written: a dump may wait for locks silently.
const stillWriting = time.Hour

func FileKind() probe.Kind {
	return probe.Kind{
		Name:       "backup_file",
		Question:   "Is the newest finished backup on this host fresh and complete?",
		Example:    "{fresh: 26h}",
		Layer:      probe.LayerDeclared,
		Reads:      "the newest backup, to its end",
		Permission: "to list the backup folder and to read its files",
		Values:     []*probe.Value{LastSuccess, Size},
		MaxAge:     5 * time.Minute,
		Timeout:    2 * time.Hour, // a terabyte at the speed of one disk
		Alone:      true,

		Background: true,
		New:        func() any { return &backupFile{Smaller: 0.5} },
	}
}

// aside returns why an undamaged backup is certainly not of the deployment's database; "" when it may be.
func aside(proof dump.Proof, database string, known knownTables) string {
	if why := proof.Aside(database); why != "" {
		return why
	}
	if why, sure := known.strange(proof, database); sure {
		return why
	}
	return ""
}

type backupFile struct {
	Fresh   schema.Duration `yaml:"fresh" min:"1m" doc:"age from which the newest backup is stale; deployment.backup.max_age when unset"`
	Smaller float64         `yaml:"smaller" min:"0" max:"1" default:"0.5" doc:"a backup smaller than this share of the previous one is suspicious; 0 disables the check"`
	Tables  []string        `yaml:"tables" doc:"tables that a backup must contain with rows"`
}

// Key is the state of the folder and of its newest file.
func (s *backupFile) Key(p *probe.Pass) string {
	kept, err := KeptBackups(p)
	if err != nil || p.Deployment.Backup.Container != "" {
		return ""
	}
	places, _ := backupPlaces(p)
	var key strings.Builder
	see := func(path string) {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&key, "%+v\n", files.Identify(info))
		}
	}
	for _, place := range places {
		see(place.place)
		if newest := kept.of(place.place); newest != "" {
			see(newest)
			see(filepath.Dir(newest))
		}
	}
	return key.String()
}

func (s *backupFile) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if ctx.Err() != nil {
		return probe.Result{}, ctx.Err()
	}
	kept, err := KeptBackups(p)
	if err != nil {
		return probe.Result{}, err
	}
	var where string
	var set backup.Set
	var proof dump.Proof
	for range 3 { // retried when a backup changes while it is read, or a newer one replaces it
		where, set, err = FindBackups(ctx, p)
		if err != nil {
			if errors.Is(err, backup.ErrNone) || errors.Is(err, fs.ErrNotExist) {
				kept.settled(p, where)
			}
			return s.notFound(p, where, set, err)
		}
		kept.note(where, set.Newest.Path)
		proof, err = kept.Ledger.Prove(ctx, set.Newest.Path)
		if err == nil || !errors.Is(err, files.ErrChanged) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return probe.Result{}, Unproven(err)
	}
	known := tablesOf(p, s.Tables)
	kept.settled(p, where)
	chosen, err := s.choose(ctx, p, kept.Ledger, set, proof, known)
	if err != nil {
		return probe.Result{}, Unproven(err)
	}
	kept.note(where, chosen.Newest.Path)
	before, read := kept.Ledger.Known(chosen.Before.Identity)
	if len(known.empty(chosen.proof, chosen.database)) > 0 && chosen.Before.Path != "" && !read {
		before, err = kept.Ledger.Prove(ctx, chosen.Before.Path)
		if read = err == nil; ctx.Err() != nil {
			return probe.Result{}, Unproven(err)
		}
	}
	if !read {
		before = dump.Proof{}
	}
	return s.judge(p, chosen, known, before)
}

// chosenBackup is the backup to judge.
type chosenBackup struct {
	backup.Series
	proof    dump.Proof
	database string // of the deployment; "" when unknown
	mismatch string // see newestBackup
	skipped  string
	others   bool
}

// choose returns the newest backup, or the newest of another series when that one is not of the deployment's database.
// A broken backup is returned as it is: its database is unknown.
func (s *backupFile) choose(ctx context.Context, p *probe.Pass, ledger *backup.Ledger, set backup.Set, proof dump.Proof, known knownTables) (chosenBackup, error) {
	first := chosenBackup{Series: backup.Series{Newest: set.Newest, Before: set.Before}, proof: proof, others: len(set.Others) > 0}
	database, err := p.View.DatabaseName()
	if err != nil {
		database = "" // reported by env_file and compose_syntax
	}
	first.database = database
	if first.mismatch = aside(proof, database, known); first.mismatch == "" {
		return first, nil
	}
	for _, other := range set.Others {
		proof, err := ledger.Prove(ctx, other.Newest.Path)
		switch {
		case errors.Is(err, files.ErrChanged), errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return first, err
		case aside(proof, database, known) == "":
			passedBy := fmt.Sprintf("%s, which is newer, %s", p.Deployment.Rel(set.Newest.Path), first.mismatch)
			return chosenBackup{Series: other, proof: proof, database: database, skipped: passedBy}, nil
		}
	}
	return first, nil
}

// Unproven returns the error for a newest backup that could not be read to its end.
func Unproven(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return probe.Needs("permission to read the backups", probe.Unknown(probe.ReasonPermissionDenied, err))
	case errors.Is(err, files.ErrChanged), errors.Is(err, fs.ErrNotExist):
		return probe.Unknown(probe.ReasonInProgress, fmt.Errorf("the backups change faster than they can be read: %w", err))
	}
	return probe.Unknown(probe.ReasonOf(err), err)
}

// notFound judges that no finished backup was found.
func (s *backupFile) notFound(p *probe.Pass, where string, set backup.Set, err error) (probe.Result, error) {
	var u *probe.NotCheckedError
	shown := p.Deployment.Rel(where)
	switch {
	case errors.As(err, &u):
		return probe.Result{}, err
	case errors.Is(err, backup.ErrUnfinished):
		return s.unfinished(p, where, set.Passed)
	case errors.Is(err, backup.ErrRepository):
		advice := ""
		if verify := backup.VerifyWith(set.Repository); verify != "" {
			advice = ". Verify it with " + verify + " on another host, and attest that"
		}
		return probe.Result{}, probe.Needs("a dump next to it (deployment.backup.path), or a custom item with an attestation",
			probe.Unknownf(probe.ReasonNotConfigured, "%s is a %s repository, which is not supported%s", shown, set.Repository, advice))
	case errors.Is(err, backup.ErrNone) && set.Dangling != "":
		return probe.Failed(probe.ReasonMissing, "no backup in %s: %s is a dangling symlink", shown, p.Deployment.Rel(set.Dangling)), nil
	case errors.Is(err, backup.ErrNone) && set.Strange > 0:
		return probe.Failed(probe.ReasonMissing,
			"no backup in %s: none of its %d files is named like a backup. Set deployment.backup.glob if one of them is",
			shown, set.Strange), nil
	case errors.Is(err, backup.ErrNone):
		return probe.Failed(probe.ReasonMissing, "no backup in %s", shown), nil
	case errors.Is(err, filepath.ErrBadPattern):
		return probe.Result{}, probe.Needs("deployment.backup.glob",
			probe.Unknown(probe.ReasonError, errors.New("deployment.backup.glob is not a valid pattern")))
	case errors.Is(err, files.ErrTooMany):
		return probe.Result{}, probe.Needs("deployment.backup.directory", probe.Unknown(probe.ReasonError, err))
	case errors.Is(err, fs.ErrPermission):
		return probe.Result{}, probe.Needs("permission to read the backups", probe.Unknown(probe.ReasonPermissionDenied, err))
	}
	return probe.Unreadable("no backup can be found", err)
}

// judge judges the newest finished backup and what reading it showed.
func (s *backupFile) judge(p *probe.Pass, set chosenBackup, known knownTables, before dump.Proof) (probe.Result, error) {
	fresh := s.Fresh.Std()
	if fresh == 0 {
		fresh = p.Deployment.Backup.MaxAge.Std()
	}
	b := newestBackup{
		name: p.Deployment.Rel(set.Newest.Path), place: "local", size: set.Newest.Size, modified: set.Newest.Modified,
		proof: set.proof, mismatch: set.mismatch, skipped: set.skipped, others: set.others,
		beforeSize: set.Before.Size, beforeBroken: !before.Whole, beforeTime: set.Before.Modified,
		database: set.database, known: known, beforeProof: before, path: set.Newest.Path,
		fresh: fresh, smaller: s.Smaller,
		remedy: "a manifest next to the backup (" + filepath.Base(set.Newest.Path) + ".sha256)",
	}
	if set.Before.Path != "" {
		b.before = p.Deployment.Rel(set.Before.Path)
	}
	return b.judge(p.Now())
}
