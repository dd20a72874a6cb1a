package exporter

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/record"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe/backupcheck"
)

// What a release record holds.

// recordOf returns the record of the planned release, or of the one that the flags name.
func (a *app) recordOf(chain *attest.Chain, f deployFlags) (attest.Record, error) {
	r := attest.Record{Phase: attest.PhaseRecorded, Release: attest.ReleaseID{Version: f.version, Commit: f.commit}, Images: f.images, Issues: f.issues}
	p := chain.Planned()
	switch {
	case p == nil && !f.unplanned:
		return r, usage.Errorf("no release is planned: run deploy plan first, or record without a plan with --unplanned")
	case p == nil:
		r.Unplanned, r.Unresolved = true, !record.IsFull(r.Release.Commit)
		if r.Release.Version == "" || r.Release.Commit == "" {
			return r, usage.Errorf("--unplanned requires --version and --commit")
		}
		return r, nil
	case f.unplanned:
		return r, usage.Errorf("--unplanned: %s is planned; record it, or cancel it first", p.Release)
	}
	if r.Release.Version == "" {
		r.Release.Version = p.Release.Version
	}
	if r.Release.Commit == "" || r.Release.Same(p.Release) {
		r.Release.Commit = p.Release.Commit
	}
	r.Unresolved = p.Unresolved
	switch {
	case len(r.Images) == 0:
		r.Images = p.Images
	case len(p.Images) > 0 && !slices.Equal(slices.Sorted(slices.Values(r.Images)), slices.Sorted(slices.Values(p.Images))):
		return r, usage.Errorf("planned images are %s: plan the release again with the deployed ones", strings.Join(p.Images, ", "))
	}
	return r, nil
}

// backupBefore finds and verifies the backup that a rollback would restore. A missing backup is not an error here: the
// item for it reports that.
func (a *app) backupBefore(ctx context.Context, t *config.Target, path string) (attest.Backup, error) {
	if path == "" {
		var err error
		if path, err = backupcheck.NewestBackup(ctx, t.Deployment, a.Now); err != nil || path == "" {
			return attest.Backup{}, err
		}
	} else {
		path = t.Deployment.Abs(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return attest.Backup{}, usage.Error{Err: err}
	}
	var ledger backup.Ledger
	proof, err := ledger.Prove(ctx, path)
	if err != nil {
		return attest.Backup{}, err
	}
	if !proof.Whole {
		return attest.Backup{}, usage.Errorf("%s is incomplete: it %s", t.Deployment.Rel(path), proof.Detail)
	}
	database, err := t.Deployment.View(&files.Cache{}).DatabaseName()
	if aside := proof.Aside(database); err == nil && aside != "" {
		return attest.Backup{}, usage.Errorf("%s %s", t.Deployment.Rel(path), aside)
	}
	finished := info.ModTime()
	if dumped := proof.Dumped; !dumped.IsZero() && finished.Sub(dumped) > longestDump {
		finished = dumped // a copy of an old backup
	}
	return attest.Backup{Path: t.Deployment.Rel(path), SHA256: proof.SHA256, Size: proof.Bytes, Finished: finished.UTC().Truncate(time.Second)}, nil
}

// longestDump is how long a dump may take: the time in its content may be that of its start.
const longestDump = 12 * time.Hour
