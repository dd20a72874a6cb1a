package probe

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
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// backup_file: could the newest backup be restored?
//
// The newest finished backup is read to its end, off the scrape and once for each state of the file; its age is judged anew every few minutes.
// Where the newest is plainly not of the deployment's database (of another one, of the roles alone, of Redis), the newest that is called otherwise is
// judged in its place. One that is still being written is passed over for the one before it. Where there is none before it (the first one, or one file that is written
// anew each time), it is waited for as long as somebody writes to it.

// stillWriting is how long after the last write a backup counts as being written: a dump waits for locks in silence.
const stillWriting = time.Hour

func backupFileKind() Kind {
	return Kind{
		Name:     "backup_file",
		Question: "Is the newest finished backup on this host fresh and whole?",
		Example:  "{fresh: 26h}",
		Layer:    LayerDeclared,
		Reads:    "the newest backup, to its end; needs to list the backups' folder and to read them",
		Values:   []*Value{BackupLastSuccess, BackupSize},
		MaxAge:   5 * time.Minute,
		Timeout:  2 * time.Hour, // a terabyte at the speed of one disk
		Alone:    true,

		Background: true,
		New:        func() any { return &backupFile{Smaller: 0.5} },
	}
}

type backupFile struct {
	Fresh   schema.Duration `yaml:"fresh" min:"1m" doc:"age from which the newest backup is stale; deployment.backup.max_age when not set"`
	Smaller float64         `yaml:"smaller" min:"0" max:"1" default:"0.5" doc:"share of the size of the backup before it under which one is suspiciously small; 0 never is"`
}

// Key is the state of the folder and of the newest file in it.
func (s *backupFile) Key(p *Pass) string {
	kept, err := keptBackups(p)
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

func (s *backupFile) Probe(ctx context.Context, p *Pass) (Result, error) {
	kept, err := keptBackups(p)
	if err != nil {
		return Result{}, err
	}
	var where string
	var set backup.Set
	var proof backup.Proof
	for range 3 { // as often as a backup changes under our eyes, or gives way to a newer one
		where, set, err = findBackups(ctx, p)
		if err != nil {
			return s.notFound(p, where, set, err)
		}
		kept.note(where, set.Newest.Path)
		proof, err = kept.ledger.Prove(ctx, set.Newest.Path)
		if err == nil || !errors.Is(err, files.ErrChanged) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return Result{}, unproven(err)
	}
	chosen, err := s.choose(ctx, p, kept.ledger, set, proof)
	if err != nil {
		return Result{}, unproven(err)
	}
	kept.note(where, chosen.Newest.Path)
	before, known := kept.ledger.Known(chosen.Before.Identity)
	return s.judge(p, chosen, known && before.Whole)
}

// chosenBackup is the backup to judge.
type chosenBackup struct {
	backup.Series
	proof    backup.Proof
	aside    string // see newestBackup
	passedBy string
	others   bool
}

// choose takes the newest backup, or the newest of another series where that one is not of the deployment's database. A broken one is taken as it
// is: what it should have been is not known.
func (s *backupFile) choose(ctx context.Context, p *Pass, ledger *backup.Ledger, set backup.Set, proof backup.Proof) (chosenBackup, error) {
	first := chosenBackup{Series: backup.Series{Newest: set.Newest, Before: set.Before}, proof: proof, others: len(set.Others) > 0}
	database, err := p.View.DatabaseName()
	if err != nil {
		database = "" // env_file and compose_syntax say so
	}
	if first.aside = proof.Aside(database); first.aside == "" {
		return first, nil
	}
	for _, other := range set.Others {
		proof, err := ledger.Prove(ctx, other.Newest.Path)
		switch {
		case errors.Is(err, files.ErrChanged), errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return first, err
		case proof.Aside(database) == "":
			passedBy := fmt.Sprintf("%s, which is newer, %s", p.Deployment.Rel(set.Newest.Path), first.aside)
			return chosenBackup{Series: other, proof: proof, passedBy: passedBy}, nil
		}
	}
	return first, nil
}

// unproven is the answer where the newest backup could not be read to its end.
func unproven(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return Needs("permission to read the backups", Unknown(ReasonPermissionDenied, err))
	case errors.Is(err, files.ErrChanged), errors.Is(err, fs.ErrNotExist):
		return Unknown(ReasonInProgress, fmt.Errorf("the backups change faster than they can be read: %w", err))
	}
	return Unknown(reasonOf(err), err)
}

// notFound judges that no finished backup was found.
func (s *backupFile) notFound(p *Pass, where string, set backup.Set, err error) (Result, error) {
	var u *Unanswered
	shown := p.Deployment.Rel(where)
	switch {
	case errors.As(err, &u):
		return Result{}, err
	case errors.Is(err, backup.ErrUnfinished):
		for _, passed := range set.Passed {
			if info, err := os.Stat(passed.Path); err == nil && p.Now().Sub(info.ModTime()) < stillWriting {
				return Pending(ReasonInProgress, "%s: %s; it is judged when it is finished", p.Deployment.Rel(passed.Path), passed.Why), nil
			}
		}
		return Failed(ReasonMissing, "no finished backup in %s, only one that nobody has written to for an hour: %s", shown, p.Deployment.Rel(set.Passed[0].Path)), nil
	case errors.Is(err, backup.ErrRepository):
		return Result{}, Needs("a dump beside it (deployment.backup.path), or an item of one's own with an attestation",
			Unknownf(ReasonNotConfigured, "%s holds what %s keeps, which is not read here", shown, set.Repository))
	case errors.Is(err, backup.ErrNone) && set.Dangling != "":
		return Failed(ReasonMissing, "no backup in %s: %s is a link to nothing", shown, p.Deployment.Rel(set.Dangling)), nil
	case errors.Is(err, backup.ErrNone) && set.Strange > 0:
		return Failed(ReasonMissing, "no backup in %s: none of the %d files there is called like one; where one is, deployment.backup.glob says how they are called", shown, set.Strange), nil
	case errors.Is(err, backup.ErrNone):
		return Failed(ReasonMissing, "no backup in %s", shown), nil
	case errors.Is(err, filepath.ErrBadPattern):
		return Result{}, Needs("deployment.backup.glob", Unknown(ReasonError, errors.New("deployment.backup.glob is no pattern")))
	case errors.Is(err, backup.ErrTooMany):
		return Result{}, Needs("deployment.backup.directory", Unknown(ReasonError, err))
	case errors.Is(err, fs.ErrPermission):
		return Result{}, Needs("permission to read the backups", Unknown(ReasonPermissionDenied, err))
	}
	return unreadable("no backup can be found", err)
}

// judge judges the newest finished backup and what reading it has shown.
func (s *backupFile) judge(p *Pass, set chosenBackup, beforeWhole bool) (Result, error) {
	fresh := s.Fresh.Std()
	if fresh == 0 {
		fresh = p.Deployment.Backup.MaxAge.Std()
	}
	b := newestBackup{
		name: p.Deployment.Rel(set.Newest.Path), place: "local", size: set.Newest.Size, modified: set.Newest.Modified, proof: set.proof, aside: set.aside, passedBy: set.passedBy, others: set.others,
		beforeSize: set.Before.Size, beforeBroken: !beforeWhole, beforeTime: set.Before.Modified,
		fresh: fresh, smaller: s.Smaller, remedy: "a manifest beside the backup (" + filepath.Base(set.Newest.Path) + ".sha256)",
	}
	if set.Before.Path != "" {
		b.before = p.Deployment.Rel(set.Before.Path)
	}
	return b.judge(p.Now())
}
