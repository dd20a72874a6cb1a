package exporter

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/record"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// deployFlags are the flags of the deploy commands.
type deployFlags struct {
	version, commit, by, note, backup, signWith string
	issues, images                              []string
	despite, unplanned, requireGate             bool
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
		cmd.Flag("sign-with", "SSH key to sign the record with, as for attest.").PlaceHolder("KEY").StringVar(&f.signWith)
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
			cmd.Flag("unplanned", "Record a release without a plan. Its sign-offs and its verification before the deployment count as missing.").BoolVar(&f.unplanned)
			cmd.Flag("require-gate", "Record nothing while the pre gate is closed; exit as check does.").BoolVar(&f.requireGate)
			cmd.Flag("backup", "Backup made before the deployment, relative to the deployment's root; defaults to the newest one found.").PlaceHolder("FILE").StringVar(&f.backup)
		}
		add(cmd, func(ctx context.Context) (int, error) { return c.run(ctx, f) })
	}
}

// records opens the configuration and the release records of the deployment that a command runs for.
func (a *app) records() (*config.Config, *config.Target, *attest.Chain, error) {
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := a.source().Pick(s)
	if err != nil {
		s.Close()
		return nil, nil, nil, err
	}
	chain, err := attest.OpenChain(t.Deployment.ReleasesDir(), nil)
	if err != nil {
		s.Close()
		return nil, nil, nil, fmt.Errorf("release records: %w", err)
	}
	chain.Compare(a.Now())
	if err := release.Verify(chain, t.Trust, t.Deployment); err != nil {
		s.Close()
		return nil, nil, nil, fmt.Errorf("release records: %w", err)
	}
	return s, t, chain, nil
}

// appendRecord writes a record and prints it.
func (a *app) appendRecord(ctx context.Context, t *config.Target, chain *attest.Chain, r attest.Record, f deployFlags) (int, error) {
	r.At, r.By, r.Note = a.Now(), f.by, f.note
	switch {
	case f.signWith != "":
		signer, err := a.openSigner(ctx, f.signWith)
		if err != nil {
			return 0, err
		}
		defer func() { _ = signer.Close() }()
		chain.SignWith(signer)
	case t.Trust.SignedReleases:
		return 0, usage.Errorf("--sign-with is required: attestations.signed_releases is set")
	case chain.Signed():
		return 0, usage.Errorf("--sign-with is required: earlier release records are signed")
	}
	written, err := chain.Append(r, f.despite)
	if err != nil {
		return 0, recordError(err)
	}
	_, err = fmt.Fprintf(a.Stdout, "record %d: %s %s by %s\n", written.Number, written.Phase, written.Release, written.By)
	if err != nil {
		return 0, fmt.Errorf("record %d is written, but not its report: %w", written.Number, err)
	}
	return ExitReady, nil
}

// recordError tells errors of the disk (it is full, the folder is not writable) from errors of usage.
func recordError(err error) error {
	err = fmt.Errorf("release records: %w", err)
	var path *fs.PathError
	var link *os.LinkError
	var call *os.SyscallError
	if errors.As(err, &path) || errors.As(err, &link) || errors.As(err, &call) {
		return err
	}
	return usage.Error{Err: err}
}

func (a *app) deployPlan(ctx context.Context, f deployFlags) (int, error) {
	s, t, chain, err := a.records()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	commit, resolved, err := record.FullCommit(ctx, t.Deployment, f.commit)
	switch {
	case errors.Is(err, record.ErrCommit):
		return 0, usage.Error{Err: err}
	case err != nil:
		return 0, err
	}
	return a.appendRecord(ctx, t, chain, attest.Record{Phase: attest.PhasePlanned, Release: attest.ReleaseID{Version: f.version, Commit: commit},
		Unresolved: !resolved, Images: f.images, Checklist: s.Checklist.Digest}, f)
}

func (a *app) deployCancel(ctx context.Context, f deployFlags) (int, error) {
	s, t, chain, err := a.records()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return a.appendRecord(ctx, t, chain, attest.Record{Phase: attest.PhaseCancelled}, f)
}

func (a *app) deployRollback(ctx context.Context, f deployFlags) (int, error) {
	s, t, chain, err := a.records()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return a.appendRecord(ctx, t, chain, attest.Record{Phase: attest.PhaseRolledBack}, f)
}

func (a *app) deployRecord(ctx context.Context, f deployFlags) (int, error) {
	s, t, chain, err := a.records()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	r, err := a.recordOf(chain, f)
	if err != nil {
		return 0, err
	}
	r.Checklist = s.Checklist.Digest
	if r.Backup, err = a.backupBefore(ctx, t, f.backup); err != nil {
		return 0, fmt.Errorf("backup before the deployment: %w", err)
	}
	report := t.Collector.Collect(ctx, collector.Selection{}, true)
	if err := ctx.Err(); err != nil {
		return 0, interrupted(err)
	}
	record.Accept(&r, report)
	gate := t.Checklist.Gate("pre")
	if gate == nil {
		if f.requireGate {
			return 0, usage.Errorf("--require-gate: the checklist has no gate pre")
		}
		return a.appendRecord(ctx, t, chain, r, f)
	}
	r.Gate = record.Verdicts(report, gate, r.Unplanned)
	answer := report.Gate(gate)
	var b bytes.Buffer
	a.table().WriteAnswer(&b, report, gate, answer)
	unseen := record.NotJudged(r.Gate)
	if len(unseen) > 0 {
		fmt.Fprintf(&b, "not judged: %s\n", strings.Join(unseen, ", "))
	}
	for _, relaxed := range r.NotRequired {
		fmt.Fprintf(&b, "not required: %s: %s\n", relaxed.Item, cmp.Or(relaxed.Reason, "no reason given"))
	}
	closed := !answer.Ready || r.Unplanned
	if closed && !f.requireGate {
		b.WriteString("the gate is closed: this records the release, it does not approve it (--require-gate refuses)\n")
	}
	if _, err := a.Stdout.Write(b.Bytes()); err != nil {
		return 0, err
	}
	if closed && f.requireGate {
		_, err := fmt.Fprintln(a.Stdout, "nothing was recorded: the gate is closed")
		if code := exitCode(answer); code != ExitReady {
			return code, err
		}
		return ExitFailing, err
	}
	return a.appendRecord(ctx, t, chain, r, f)
}
