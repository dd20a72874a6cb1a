package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// rollback_image and rollback_backup: is what a rollback needs still at hand? Both are skipped where there is no earlier release to go back to.

func rollbackImageKind() Kind {
	return Kind{
		Name:     "rollback_image",
		Question: "Are the images of the release that a rollback would reinstate on the host?",
		Example:  "{}",
		Layer:    LayerRunning,
		Reads:    "the release records, and GET on the Docker Engine (deployment.docker); needs its socket or address",
		Timeout:  25 * time.Second,
		Alone:    true,
		New:      func() any { return &rollbackImage{} },
	}
}

type rollbackImage struct{}

// Probe implements Probe. While a release is planned, the one in force is what a rollback of it would go back to.
func (s *rollbackImage) Probe(ctx context.Context, p *Pass) (Result, error) {
	c, err := p.Chain()
	if err != nil {
		return Result{}, err
	}
	to, from := c.Previous(), c.Recorded()
	if c.Planned() != nil {
		to, from = c.Recorded(), c.Planned()
	}
	if to == nil {
		return Result{}, SkipRelease()
	}
	unpinned := func(format string, args ...any) error {
		return Needs("deploy record --image", Unknownf(ReasonUnpinned, format, args...))
	}
	if len(to.Images) == 0 {
		return Result{}, unpinned("the record of %s names no image", to.Release)
	}
	var f Findings
	for _, name := range to.Images {
		image, err := dockerImageOf(ctx, p, name)
		switch {
		case err != nil && reasonOf(err) == ReasonMissing:
			f.Fail(ReasonMissing, "an image of %s is not on this host any more: number %d of its record", to.Release, slices.Index(to.Images, name)+1)
		case err != nil:
			return Result{}, err
		default:
			f.Add(judgeRollback(name, image, to, from))
		}
	}
	r := f.Result("%s of %s on this host", count(len(to.Images), "image"), to.Release)
	if r.Reason == ReasonUnpinned {
		r.Remedy = "the label org.opencontainers.image.revision on the image, or images recorded with a tag of their own"
	}
	return r, nil
}

// judgeRollback judges an image that has the recorded name: a name that moves from release to release may mean another one by now.
func judgeRollback(name string, image dockerImage, to, from *attest.Release) Result {
	n := parseImageName(name)
	if n.pinned() || !moves(n, name, to, from) {
		return Passed("on this host")
	}
	if same, told := sameCommit(image.commit(), to.Release.Commit); told && same {
		return Passed("on this host")
	}
	if same, told := sameCommit(image.commit(), from.Release.Commit); told && same {
		return Failed(ReasonMismatch, "an image recorded for %s has moved on to %s under the same name", to.Release, from.Release)
	}
	return Result{State: StateUnknown, Reason: ReasonUnpinned, Detail: fmt.Sprintf("a tag recorded for %s moves from release to release, and the image does not say its commit", to.Release)}
}

func rollbackBackupKind() Kind {
	return Kind{
		Name:     "rollback_backup",
		Question: "Is the backup made before the recorded release still at hand, unchanged?",
		Example:  "{}",
		Layer:    LayerDeclared,
		Reads:    "the release records, and the backup they name, to its end; needs to read it",
		MaxAge:   6 * time.Hour,
		Timeout:  2 * time.Hour, // a terabyte at the speed of one disk
		Alone:    true,

		Background: true,
		New:        func() any { return &rollbackBackup{} },
	}
}

type rollbackBackup struct{}

// Key is the release and the state of its backup.
func (s *rollbackBackup) Key(p *Pass) string {
	c, err := p.Chain()
	if err != nil || c.Recorded() == nil {
		return ""
	}
	info, err := os.Stat(p.Deployment.Abs(c.Recorded().Backup.Path))
	if err != nil {
		return fmt.Sprintf("%d gone", c.Recorded().Number)
	}
	return fmt.Sprintf("%d %+v", c.Recorded().Number, files.Identify(info))
}

// Probe implements Probe.
func (s *rollbackBackup) Probe(ctx context.Context, p *Pass) (Result, error) {
	c, err := p.Chain()
	if err != nil {
		return Result{}, err
	}
	r := c.Recorded()
	if r == nil || c.Previous() == nil {
		return Result{}, SkipRelease()
	}
	b := r.Backup
	switch {
	case b.Path == "" || b.SHA256 == "":
		return Failed(ReasonMissing, "the record of %s holds no backup made before it", r.Release), nil
	case strings.Contains(b.Path, "://"):
		return Result{}, Unknownf(ReasonNotConfigured, "the backup in the record of %s is not on this host", r.Release)
	}
	path := p.Deployment.Abs(b.Path)
	info, err := os.Stat(path)
	if err != nil {
		return unreadable("the backup in the record of "+r.Release.String(), err)
	}
	if !info.IsDir() && info.Size() != b.Size {
		return Failed(ReasonMismatch, "%s has %d bytes, and %d in the record of %s", p.Deployment.Rel(path), info.Size(), b.Size, r.Release), nil
	}
	kept, err := keptBackups(p)
	if err != nil {
		return Result{}, err
	}
	proof, err := kept.ledger.Prove(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return unreadable("the backup in the record of "+r.Release.String(), err)
	case err != nil:
		return Result{}, unproven(err)
	case proof.SHA256 != b.SHA256:
		return Failed(ReasonMismatch, "%s is not the backup in the record of %s any more: its content has another digest", p.Deployment.Rel(path), r.Release), nil
	}
	return Passed("%s is as it was recorded for %s: %d bytes, read to its end", p.Deployment.Rel(path), r.Release, b.Size), nil
}
