package releasecheck

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
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/backupcheck"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// rollback_image and rollback_backup: are the image and the backup for a rollback still available? Both are skipped
// without an earlier release to return to.

func RollbackImageKind() probe.Kind {
	return probe.Kind{
		Name:       "rollback_image",
		Services:   []deployment.Service{deployment.DockerService},
		Question:   "Are the images of the rollback target on the host?",
		Example:    "{}",
		Layer:      probe.LayerRunning,
		Reads:      "the release records, and GET on the Docker Engine (deployment.docker)",
		Permission: "its socket or address",
		Timeout:    25 * time.Second,
		Alone:      true,
		New:        func() any { return &rollbackImage{} },
	}
}

type rollbackImage struct{}

// Probe implements Probe. While a release is planned, the release in force is the rollback target.
func (s *rollbackImage) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := release.Chain(p)
	if err != nil {
		return probe.Result{}, err
	}
	to, from := c.Previous(), c.Recorded()
	if c.Planned() != nil {
		to, from = c.Recorded(), c.Planned()
	}
	if to == nil {
		return probe.Result{}, probe.SkipRelease()
	}
	unpinned := func(format string, args ...any) error {
		return probe.Needs("deploy record --image", probe.Unknownf(probe.ReasonUnpinned, format, args...))
	}
	if len(to.Images) == 0 {
		return probe.Result{}, unpinned("the record of %s lists no images", to.Release)
	}
	var f probe.ResultBuilder
	for _, name := range to.Images {
		image, err := dockerclient.ImageOf(ctx, p, name)
		switch {
		case err != nil && probe.ReasonOf(err) == probe.ReasonMissing && dockerclient.ParseImageName(name).ID != "" && !idsHold(ctx, p, from):
			f.Add(probe.Result{State: probe.StateUnknown, Reason: probe.ReasonUnpinned, Detail: fmt.Sprintf(
				"an image id recorded for %s is not on this host: it was removed, or Docker's image store was changed, which changes all ids", to.Release)})
		case err != nil && probe.ReasonOf(err) == probe.ReasonMissing:
			f.Fail(probe.ReasonMissing, "an image of %s is no longer on this host: number %d of its record", to.Release, slices.Index(to.Images, name)+1)
		case err != nil:
			return probe.Result{}, err
		default:
			f.Add(judgeRollback(name, image, to, from, len(to.Images) == 1 || ofApplication(p, name)))
		}
	}
	r := f.Result("%s of %s on this host", phrase.Count(len(to.Images), "image"), to.Release)
	if r.Reason == probe.ReasonUnpinned {
		r.Remedy = "the label org.opencontainers.image.revision on the image, or images recorded by digest (name@sha256:…) or with a unique tag"
	}
	return r, nil
}

// idsHold reports whether an image id recorded for a release is on this host, so that ids are those of its image store:
// containerd's store and Docker's own give different ids to one image.
func idsHold(ctx context.Context, p *probe.Pass, r *attest.Release) bool {
	return slices.ContainsFunc(r.Images, func(name string) bool {
		if dockerclient.ParseImageName(name).ID == "" {
			return false
		}
		_, err := dockerclient.ImageOf(ctx, p, name)
		return err == nil
	})
}

// ofApplication reports whether an image name belongs to the application's service. The labels of other images name
// commits of other repositories.
func ofApplication(p *probe.Pass, name string) bool {
	c, err := p.View.Compose()
	if err != nil {
		return false
	}
	app, err := p.View.AppService()
	if err != nil {
		return false
	}
	repository := dockerclient.ParseImageName(c.Project.Services[app.Name].Image).Repository
	return repository != "" && repository == dockerclient.ParseImageName(name).Repository
}

// judgeRollback checks an image with the recorded name: a name may now refer to another image. A digest or id cannot.
// The commit in the label decides whenever there is one.
func judgeRollback(name string, image dockerclient.Image, to, from *attest.Release, own bool) probe.Result {
	n := dockerclient.ParseImageName(name)
	if n.Pinned() {
		return probe.Passed("on this host")
	}
	if same, told := dockerclient.SameCommit(image.Commit(), to.Release.Commit); told && same {
		return probe.Passed("on this host")
	}
	if same, told := dockerclient.SameCommit(image.Commit(), from.Release.Commit); told && same {
		return probe.Failed(probe.ReasonMismatch, "an image name recorded for %s now refers to %s", to.Release, from.Release)
	}
	if _, told := dockerclient.SameCommit(image.Commit(), to.Release.Commit); told && own {
		return probe.Failed(probe.ReasonMismatch, "an image name recorded for %s now refers to an image of another commit", to.Release)
	}
	if !moves(n, name, to, from) {
		return probe.Passed("on this host")
	}
	return probe.Result{State: probe.StateUnknown, Reason: probe.ReasonUnpinned, Detail: fmt.Sprintf("a tag recorded for %s moves between releases, and the image has no commit label", to.Release)}
}

func RollbackBackupKind() probe.Kind {
	return probe.Kind{
		Name:       "rollback_backup",
		Question:   "Is the backup made before the recorded release still available and unchanged?",
		Example:    "{}",
		Layer:      probe.LayerDeclared,
		Reads:      "the release records and the complete backup they name",
		Permission: "read permission",
		MaxAge:     6 * time.Hour,
		Timeout:    2 * time.Hour, // a terabyte at the speed of one disk
		Alone:      true,

		Background: true,
		New:        func() any { return &rollbackBackup{} },
	}
}

type rollbackBackup struct{}

// Key is the release and the identity of its backup file.
func (s *rollbackBackup) Key(p *probe.Pass) string {
	c, err := release.Chain(p)
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
func (s *rollbackBackup) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := release.Chain(p)
	if err != nil {
		return probe.Result{}, err
	}
	r := c.Recorded()
	if r == nil || c.Previous() == nil {
		return probe.Result{}, probe.SkipRelease()
	}
	b := r.Backup
	switch {
	case b.Path == "" || b.SHA256 == "":
		return probe.Failed(probe.ReasonMissing, "the record of %s has no backup", r.Release), nil
	case strings.Contains(b.Path, "://"):
		return probe.Result{}, probe.Unknownf(probe.ReasonNotConfigured, "the backup in the record of %s is not on this host", r.Release)
	}
	path := p.Deployment.Abs(b.Path)
	info, err := os.Stat(path)
	if err != nil {
		return probe.Unreadable("the backup in the record of "+r.Release.String(), err)
	}
	if !info.IsDir() && info.Size() != b.Size {
		return probe.Failed(probe.ReasonMismatch, "%s has %d bytes, but %d in the record of %s", p.Deployment.Rel(path), info.Size(), b.Size, r.Release), nil
	}
	kept, err := backupcheck.KeptBackups(p)
	if err != nil {
		return probe.Result{}, err
	}
	proof, err := kept.Ledger.Prove(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return probe.Unreadable("the backup in the record of "+r.Release.String(), err)
	case err != nil:
		return probe.Result{}, backupcheck.Unproven(err)
	case proof.SHA256 != b.SHA256:
		return probe.Failed(probe.ReasonMismatch, "%s differs from the backup in the record of %s: digest mismatch", p.Deployment.Rel(path), r.Release), nil
	}
	return probe.Passed("%s matches the record of %s: all %d bytes were read", p.Deployment.Rel(path), r.Release, b.Size), nil
}
