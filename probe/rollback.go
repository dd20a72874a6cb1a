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

// rollback_image and rollback_backup: are the image and the backup for a rollback still available? Both are skipped
// without an earlier release to return to.

func rollbackImageKind() Kind {
	return Kind{
		Name:     "rollback_image",
		Question: "Are the images of the rollback target on the host?",
		Example:  "{}",
		Layer:    LayerRunning,
		Reads:    "the release records, and GET on the Docker Engine (deployment.docker); needs its socket or address",
		Timeout:  25 * time.Second,
		Alone:    true,
		New:      func() any { return &rollbackImage{} },
	}
}

type rollbackImage struct{}

// Probe implements Probe. While a release is planned, the release in force is the rollback target.
func (s *rollbackImage) Probe(ctx context.Context, p *Pass) (Result, error) {
	c, err := ReleaseChain(p)
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
		return Result{}, unpinned("the record of %s lists no images", to.Release)
	}
	var f Findings
	for _, name := range to.Images {
		image, err := dockerImageOf(ctx, p, name)
		switch {
		case err != nil && reasonOf(err) == ReasonMissing:
			f.Fail(ReasonMissing, "an image of %s is no longer on this host: number %d of its record", to.Release, slices.Index(to.Images, name)+1)
		case err != nil:
			return Result{}, err
		default:
			f.Add(judgeRollback(name, image, to, from))
		}
	}
	r := f.Result("%s of %s on this host", count(len(to.Images), "image"), to.Release)
	if r.Reason == ReasonUnpinned {
		r.Remedy = "the label org.opencontainers.image.revision on the image, or images recorded with a unique tag"
	}
	return r, nil
}

// judgeRollback checks an image with the recorded name: a name that moves between releases may now refer to another
// image.
func judgeRollback(name string, image dockerImage, to, from *attest.Release) Result {
	n := parseImageName(name)
	if n.pinned() || !moves(n, name, to, from) {
		return Passed("on this host")
	}
	if same, told := sameCommit(image.commit(), to.Release.Commit); told && same {
		return Passed("on this host")
	}
	if same, told := sameCommit(image.commit(), from.Release.Commit); told && same {
		return Failed(ReasonMismatch, "an image name recorded for %s now refers to %s", to.Release, from.Release)
	}
	return Result{State: StateUnknown, Reason: ReasonUnpinned, Detail: fmt.Sprintf("a tag recorded for %s moves between releases, and the image has no commit label", to.Release)}
}

func rollbackBackupKind() Kind {
	return Kind{
		Name:     "rollback_backup",
		Question: "Is the backup made before the recorded release still available and unchanged?",
		Example:  "{}",
		Layer:    LayerDeclared,
		Reads:    "the release records and the complete backup they name; needs permission to read it",
		MaxAge:   6 * time.Hour,
		Timeout:  2 * time.Hour, // a terabyte at the speed of one disk
		Alone:    true,

		Background: true,
		New:        func() any { return &rollbackBackup{} },
	}
}

type rollbackBackup struct{}

// Key is the release and the identity of its backup file.
func (s *rollbackBackup) Key(p *Pass) string {
	c, err := ReleaseChain(p)
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
	c, err := ReleaseChain(p)
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
		return Failed(ReasonMissing, "the record of %s has no backup", r.Release), nil
	case strings.Contains(b.Path, "://"):
		return Result{}, Unknownf(ReasonNotConfigured, "the backup in the record of %s is not on this host", r.Release)
	}
	path := p.Deployment.Abs(b.Path)
	info, err := os.Stat(path)
	if err != nil {
		return unreadable("the backup in the record of "+r.Release.String(), err)
	}
	if !info.IsDir() && info.Size() != b.Size {
		return Failed(ReasonMismatch, "%s has %d bytes, but %d in the record of %s", p.Deployment.Rel(path), info.Size(), b.Size, r.Release), nil
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
		return Failed(ReasonMismatch, "%s differs from the backup in the record of %s: digest mismatch", p.Deployment.Rel(path), r.Release), nil
	}
	return Passed("%s matches the record of %s: all %d bytes were read", p.Deployment.Rel(path), r.Release, b.Size), nil
}
