package exporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe/backupcheck"
)

// deployFlags are the flags of the deploy commands.
type deployFlags struct {
	version, commit, by, note, backup string
	issues, images                    []string
	despite                           bool
}

func (a *app) deployCommands(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	d := k.Command("deploy", "Record releases: planned, deployed, rolled back or cancelled.")
	for _, c := range []struct {
		name, help string
		run        func(context.Context, deployFlags) (int, error)
	}{
		{"plan", "Plan a release. Until it is recorded, its gate is judged against it, and running versions may differ from declared ones.", a.deployPlan},
		{"record", "Record a release as deployed, with the verdicts of its pre gate and the backup made before it.", a.deployRecord},
		{"rollback", "Record a rollback to the previous release.", a.deployRollback},
		{"cancel", "Cancel the planned release.", a.deployCancel},
	} {
		var f deployFlags
		cmd := d.Command(c.name, c.help)
		cmd.Flag("by", "Person who runs the command.").Required().PlaceHolder("WHO").StringVar(&f.by)
		cmd.Flag("note", "Free text.").PlaceHolder("TEXT").StringVar(&f.note)
		cmd.Flag("despite-damage", "Append a record even if existing records are damaged; the new record describes the damage.").BoolVar(&f.despite)
		switch c.name {
		case "plan":
			cmd.Flag("version", "Version of the release.").Required().PlaceHolder("VERSION").StringVar(&f.version)
			cmd.Flag("commit", "Commit of the release.").Required().PlaceHolder("SHA").StringVar(&f.commit)
			cmd.Flag("image", "Image to be deployed; repeatable.").PlaceHolder("IMAGE").StringsVar(&f.images)
		case "record":
			cmd.Flag("version", "Version of the release; defaults to the planned release's.").PlaceHolder("VERSION").StringVar(&f.version)
			cmd.Flag("commit", "Commit of the release; defaults to the planned release's.").PlaceHolder("SHA").StringVar(&f.commit)
			cmd.Flag("image", "Deployed image; repeatable; defaults to the planned release's.").PlaceHolder("IMAGE").StringsVar(&f.images)
			cmd.Flag("issues", "Known issue; repeatable.").PlaceHolder("TEXT").StringsVar(&f.issues)
			cmd.Flag("backup", "Backup made before the deployment; defaults to the newest one found.").PlaceHolder("FILE").StringVar(&f.backup)
		}
		add(cmd, func(ctx context.Context) (int, error) { return c.run(ctx, f) })
	}
}

// records opens the configuration and the release records of the deployment that a command runs for.
func (a *app) records() (*setup, *target, *attest.Chain, error) {
	s, err := a.load(collector.NewLimits())
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := a.pick(s)
	if err != nil {
		s.Close()
		return nil, nil, nil, err
	}
	chain, err := attest.OpenChain(t.deploy.ReleasesDir(), nil)
	if err != nil {
		s.Close()
		return nil, nil, nil, fmt.Errorf("release records: %w", err)
	}
	return s, t, chain, nil
}

// appendRecord writes a record and prints it.
func (a *app) appendRecord(chain *attest.Chain, r attest.Record, f deployFlags) (int, error) {
	r.At, r.By, r.Note = a.Now(), f.by, f.note
	written, err := chain.Append(r, f.despite)
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk): // not a usage error: the disk is full or the folder is not writable
		return 0, fmt.Errorf("release records: %w", err)
	case err != nil:
		return 0, usageError{fmt.Errorf("release records: %w", err)}
	}
	_, err = fmt.Fprintf(a.Stdout, "record %d: %s %s by %s\n", written.Number, written.Phase, written.Release, written.By)
	return ExitReady, err
}

func (a *app) deployPlan(_ context.Context, f deployFlags) (int, error) {
	s, _, chain, err := a.records()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return a.appendRecord(chain, attest.Record{Phase: attest.PhasePlanned, Release: attest.ReleaseID{Version: f.version, Commit: f.commit}, Images: f.images, Checklist: s.list.Digest}, f)
}

func (a *app) deployCancel(_ context.Context, f deployFlags) (int, error) {
	s, _, chain, err := a.records()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return a.appendRecord(chain, attest.Record{Phase: attest.PhaseCancelled}, f)
}

func (a *app) deployRollback(_ context.Context, f deployFlags) (int, error) {
	s, _, chain, err := a.records()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return a.appendRecord(chain, attest.Record{Phase: attest.PhaseRolledBack}, f)
}

func (a *app) deployRecord(ctx context.Context, f deployFlags) (int, error) {
	s, t, chain, err := a.records()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	r := attest.Record{Phase: attest.PhaseRecorded, Release: attest.ReleaseID{Version: f.version, Commit: f.commit}, Images: f.images, Issues: f.issues, Checklist: s.list.Digest}
	if p := chain.Planned(); p != nil {
		if r.Release.Version == "" {
			r.Release.Version = p.Release.Version
		}
		if r.Release.Commit == "" {
			r.Release.Commit = p.Release.Commit
		}
		if len(r.Images) == 0 {
			r.Images = p.Images
		}
	}
	if r.Backup, err = a.backupBefore(ctx, t, f.backup); err != nil {
		return 0, fmt.Errorf("backup before the deployment: %w", err)
	}
	gate := s.list.Gate("pre")
	if gate != nil {
		report := t.collector.Collect(ctx, collector.Selection{}, true)
		if err := ctx.Err(); err != nil {
			return 0, interrupted(err)
		}
		r.Gate = gateVerdicts(report, gate)
		answer := report.Gate(gate)
		var b bytes.Buffer
		a.table().WriteAnswer(&b, report, gate, answer)
		if _, err := a.Stdout.Write(b.Bytes()); err != nil {
			return 0, err
		}
	}
	return a.appendRecord(chain, r, f)
}

// gateVerdicts returns the verdicts to keep in the record: of the gate's items, and of items that freeze at the record.
func gateVerdicts(r *collector.Report, gate *checklist.Gate) []attest.Verdict {
	var all []attest.Verdict
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if gate.Has(v.Item) || v.Freeze.AtRecord {
			all = append(all, attest.Verdict{Item: v.ID(), State: v.State.String(), Reason: attest.Reason(v.Reason), Detail: v.Detail})
		}
	}
	return all
}

// backupBefore finds and verifies the backup that a rollback would restore. A missing backup is not an error here: the
// item for it reports that.
func (a *app) backupBefore(ctx context.Context, t *target, path string) (attest.Backup, error) {
	if path == "" {
		var err error
		if path, err = backupcheck.NewestBackup(ctx, t.deploy, a.Now); err != nil || path == "" {
			return attest.Backup{}, err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return attest.Backup{}, err
	}
	var ledger backup.Ledger
	proof, err := ledger.Prove(ctx, path)
	if err != nil {
		return attest.Backup{}, err
	}
	if !proof.Whole {
		return attest.Backup{}, fmt.Errorf("%s is incomplete: it %s", t.deploy.Rel(path), proof.Detail)
	}
	database, err := t.deploy.View(&files.Cache{}).DatabaseName()
	if aside := proof.Aside(database); err == nil && aside != "" {
		return attest.Backup{}, fmt.Errorf("%s %s", t.deploy.Rel(path), aside)
	}
	return attest.Backup{Path: t.deploy.Rel(path), SHA256: proof.SHA256, Size: proof.Bytes, Finished: info.ModTime().UTC().Truncate(time.Second)}, nil
}
