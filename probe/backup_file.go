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
// One that is still being written is passed over for the one before it. Where there is none before it (the first one, or one file that is written
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
	before, known := kept.ledger.Known(set.Before.Identity)
	return s.judge(p, set, proof, known && before.Whole)
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
func (s *backupFile) judge(p *Pass, set backup.Set, proof backup.Proof, beforeWhole bool) (Result, error) {
	fresh := s.Fresh.Std()
	if fresh == 0 {
		fresh = p.Deployment.Backup.MaxAge.Std()
	}
	b := newestBackup{
		name: p.Deployment.Rel(set.Newest.Path), place: "local", size: set.Newest.Size, modified: set.Newest.Modified, proof: proof,
		beforeSize: set.Before.Size, beforeBroken: !beforeWhole, beforeTime: set.Before.Modified,
		fresh: fresh, smaller: s.Smaller, remedy: "a manifest beside the backup (" + filepath.Base(set.Newest.Path) + ".sha256)",
	}
	if set.Before.Path != "" {
		b.before = p.Deployment.Rel(set.Before.Path)
	}
	return b.judge(p.Now())
}
