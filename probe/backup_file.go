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

const (
	// clockSkew is how far a file's time may be ahead of the clock: what machines that share a folder are apart.
	clockSkew = 5 * time.Minute
	// stillWriting is how long after the last write a backup counts as being written: a dump waits for locks in silence.
	stillWriting = time.Hour
)

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

// judge judges the newest finished backup and what reading it has shown. The gauge of success keeps to what was not seen to be broken.
func (s *backupFile) judge(p *Pass, set backup.Set, proof backup.Proof, beforeWhole bool) (Result, error) {
	newest, name := set.Newest, p.Deployment.Rel(set.Newest.Path)
	fresh := s.Fresh.Std()
	if fresh == 0 {
		fresh = p.Deployment.Backup.MaxAge.Std()
	}
	age := p.Now().Sub(newest.Modified)
	var f Findings
	f.Measure(BackupSize.Of(float64(newest.Size), "local"))
	opaque := !proof.Whole && proof.Reason == backup.Opaque
	switch {
	case proof.Whole || opaque:
		f.Measure(BackupLastSuccess.Of(seconds(newest.Modified), "local"))
	case beforeWhole:
		f.Measure(BackupLastSuccess.Of(seconds(set.Before.Modified), "local"))
	}
	switch {
	case proof.Whole:
		if proof.NoData {
			f.Warn(ReasonEmpty, "%s is whole, but not one row of a table is in it", name)
		}
	case opaque:
	case proof.Reason == backup.Empty:
		f.Fail(ReasonEmpty, "%s is empty: %s", name, proof.Detail)
	case proof.Reason == backup.Truncated:
		f.Fail(ReasonTruncated, "%s is not whole: %s", name, proof.Detail)
	case proof.Reason == backup.Mismatch:
		f.Fail(ReasonMismatch, "%s %s", name, proof.Detail)
	default:
		f.Fail(ReasonInvalid, "%s is no whole backup: %s", name, proof.Detail)
	}
	switch {
	case age > fresh:
		f.Fail(ReasonStale, "%s is %s old, older than %s", name, howLong(age), schema.Duration(fresh))
	case age < -clockSkew:
		f.Fail(ReasonInvalid, "%s is dated %s ahead of the clock, so that its age is not known", name, howLong(-age))
	}
	if before := set.Before; before.Path != "" && float64(newest.Size) < s.Smaller*float64(before.Size) {
		f.Warn(ReasonThreshold, "%s has %d bytes, far less than the %d of %s before it", name, newest.Size, before.Size, p.Deployment.Rel(before.Path))
	}
	r := f.Result("%s: %s old, %d bytes, %s", name, howLong(age), newest.Size, shownFormat(proof))
	if opaque && r.State != StateFail {
		return Result{Samples: r.Samples}, Needs("a manifest beside the backup ("+filepath.Base(newest.Path)+".sha256)",
			Unknownf(ReasonNotConfigured, "%s cannot be read through: %s", name, proof.Detail))
	}
	return r, nil
}

// shownFormat says what was read.
func shownFormat(proof backup.Proof) string {
	what := string(proof.Format)
	if len(proof.Packed) > 0 {
		what = strings.Join(proof.Packed, " ") + " " + what
	}
	if proof.ByManifest {
		return what + ", as its manifest says"
	}
	return what + ", read to its end"
}

// howLong is a duration for people, to the minute.
func howLong(d time.Duration) string { return schema.Duration(d.Round(time.Minute)).String() }

// seconds is a time as a metric has it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
