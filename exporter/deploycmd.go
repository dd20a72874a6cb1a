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
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// deployFlags are the flags of the deploy commands.
type deployFlags struct {
	version, commit, by, note, backup string
	issues, images                    []string
	despite                           bool
}

func (a *app) deployCommands(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	d := k.Command("deploy", "Keep the records of releases: what was planned, what went out, what was rolled back.")
	for _, c := range []struct {
		name, help string
		run        func(context.Context, deployFlags) (int, error)
	}{
		{"plan", "Open a release: its gate is judged against it from now on, and what runs may differ from what is declared.", a.deployPlan},
		{"record", "Close the release as deployed: keeps what the gate said and which backup there was.", a.deployRecord},
		{"rollback", "Reinstate the release before.", a.deployRollback},
		{"cancel", "Give up the planned release.", a.deployCancel},
	} {
		var f deployFlags
		cmd := d.Command(c.name, c.help)
		cmd.Flag("by", "Who does it.").Required().PlaceHolder("WHO").StringVar(&f.by)
		cmd.Flag("note", "Free text.").PlaceHolder("TEXT").StringVar(&f.note)
		cmd.Flag("despite-damage", "Append although the records are damaged; what is wrong with them is kept in the new one.").BoolVar(&f.despite)
		switch c.name {
		case "plan":
			cmd.Flag("version", "Version of the release.").Required().PlaceHolder("VERSION").StringVar(&f.version)
			cmd.Flag("commit", "Commit it is built from.").Required().PlaceHolder("SHA").StringVar(&f.commit)
			cmd.Flag("image", "Image that will run; may be given again.").PlaceHolder("IMAGE").StringsVar(&f.images)
		case "record":
			cmd.Flag("version", "Version of the release; the planned one's when not given.").PlaceHolder("VERSION").StringVar(&f.version)
			cmd.Flag("commit", "Commit it is built from; the planned one's when not given.").PlaceHolder("SHA").StringVar(&f.commit)
			cmd.Flag("image", "Image that runs; may be given again.").PlaceHolder("IMAGE").StringsVar(&f.images)
			cmd.Flag("issues", "Known issue; may be given again.").PlaceHolder("TEXT").StringsVar(&f.issues)
			cmd.Flag("backup", "The backup made before the deployment; the newest that is found when not given.").PlaceHolder("FILE").StringVar(&f.backup)
		}
		add(cmd, func(ctx context.Context) (int, error) { return c.run(ctx, f) })
	}
}

// records opens the configuration and the release records of the deployment a command speaks of.
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

// append writes a record and says so.
func (a *app) appendRecord(chain *attest.Chain, r attest.Record, f deployFlags) (int, error) {
	r.At, r.By, r.Note = a.Now(), f.by, f.note
	written, err := chain.Append(r, f.despite)
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk): // no mistake in the call: the disk is full, or the folder may not be written
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
		return 0, fmt.Errorf("the backup before the deployment: %w", err)
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
		writeAnswer(&b, painter(a.Terminal), report, gate, answer)
		if _, err := a.Stdout.Write(b.Bytes()); err != nil {
			return 0, err
		}
	}
	return a.appendRecord(chain, r, f)
}

// gateVerdicts is what the gate says of each of its items, and what every item that freezes with the record is.
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

// backupBefore finds and proves the backup that a rollback would go back to. None at all is told by the item, not here.
func (a *app) backupBefore(ctx context.Context, t *target, path string) (attest.Backup, error) {
	if path == "" {
		var err error
		if path, err = probe.NewestBackup(ctx, t.deploy, a.Now); err != nil || path == "" {
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
		return attest.Backup{}, fmt.Errorf("%s is not whole: it %s", t.deploy.Rel(path), proof.Detail)
	}
	database, err := t.deploy.View(&files.Cache{}).DatabaseName()
	if aside := proof.Aside(database); err == nil && aside != "" {
		return attest.Backup{}, fmt.Errorf("%s %s", t.deploy.Rel(path), aside)
	}
	return attest.Backup{Path: t.deploy.Rel(path), SHA256: proof.SHA256, Size: proof.Bytes, Finished: info.ModTime().UTC().Truncate(time.Second)}, nil
}
