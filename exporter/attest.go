package exporter

import (
	"context"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/backup"
	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/selection"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/probe/attestcheck"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// attestFlags are the flags of the attest command.
type attestFlags struct {
	item, by, role, evidence, note, signWith, subject string
	validFor                                          string
}

func (a *app) attestCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var f attestFlags
	c := k.Command("attest", "Create a signed attestation for an item that cannot be checked automatically. Prints the claim, then writes and signs it.")
	c.Arg("item", "The item, as item or category/item.").Required().StringVar(&f.item)
	c.Flag("by", "Person who attests: a principal in allowed_signers, usually an e-mail address.").Required().PlaceHolder("WHO").StringVar(&f.by)
	c.Flag("role", "Role of the person; defaults to the item's role if it has exactly one.").PlaceHolder("ROLE").StringVar(&f.role)
	c.Flag("valid-for", "How long the claim is valid, e.g. 90d.").PlaceHolder("DURATION").StringVar(&f.validFor)
	c.Flag("subject", "File that the claim is about, e.g. the backup that was restored; required by some items.").PlaceHolder("FILE").StringVar(&f.subject)
	c.Flag("evidence", "Link to the evidence.").PlaceHolder("URL").StringVar(&f.evidence)
	c.Flag("note", "Free text.").PlaceHolder("TEXT").StringVar(&f.note)
	c.Flag("sign-with", "SSH key to sign with: a key file, `agent`, or the fingerprint of a key in the agent (SHA256:…).").PlaceHolder("KEY").StringVar(&f.signWith)
	add(c, func(ctx context.Context) (int, error) { return a.attest(ctx, f) })
}

func (a *app) attest(ctx context.Context, f attestFlags) (int, error) {
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	t, err := a.source().Pick(s)
	if err != nil {
		return 0, err
	}
	it, err := selection.Item(t.Checklist, f.item)
	if err != nil {
		return 0, err
	}
	claim, err := a.claim(ctx, t, it, f)
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	made, err := attest.New(claim)
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	return a.writeClaim(ctx, t, made, f.signWith)
}

// writeClaim prints a claim, signs it if a key is given, and writes it if the checks of the signed claim allow it.
func (a *app) writeClaim(ctx context.Context, t *config.Target, made *attest.Attestation, signWith string, checks ...func() error) (int, error) {
	if _, err := fmt.Fprintf(a.Stdout, "The claim:\n\n%s\n", indent(string(made.Data))); err != nil {
		return 0, err
	}
	if signWith != "" {
		signer, err := a.openSigner(ctx, signWith)
		if err != nil {
			return 0, err
		}
		defer func() { _ = signer.Close() }()
		if err := made.Sign(signer); err != nil {
			return 0, fmt.Errorf("sign: %w", err)
		}
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return 0, usage.Error{Err: err}
		}
	}
	path, err := made.Write(t.Deployment.AttestationsDir())
	if err != nil {
		return 0, fmt.Errorf("write claim: %w", err)
	}
	signed := "and signed"
	if signWith == "" {
		signed = "without a signature"
	}
	_, err = fmt.Fprintf(a.Stdout, "written to %s %s\n", t.Deployment.Rel(path), signed)
	if err != nil {
		return 0, fmt.Errorf("the claim is written to %s, but not its report: %w", t.Deployment.Rel(path), err)
	}
	return ExitReady, nil
}

// openSigner opens the key of the flag --sign-with.
func (a *app) openSigner(ctx context.Context, with string) (*attest.Signer, error) {
	socket, _ := a.Getenv("SSH_AUTH_SOCK")
	signer, err := attest.OpenSigner(ctx, with, socket)
	if err != nil {
		return nil, usage.Error{Err: fmt.Errorf("--sign-with: %w", err)}
	}
	return signer, nil
}

// claim builds the claim that an item requires.
func (a *app) claim(ctx context.Context, t *config.Target, it *checklist.Item, f attestFlags) (attest.Claim, error) {
	c := attest.Claim{Item: it.ID(), By: f.by, Role: f.role, At: a.Now(), Deployment: t.Name, Evidence: f.evidence, Note: f.note}
	if f.validFor != "" {
		d, err := schema.ParseDuration(f.validFor)
		if err != nil {
			return c, usage.Errorf("--valid-for=%s: %w (write it like 90d)", f.validFor, err)
		}
		c.ValidFor = d
	}
	wants, err := t.Collector.Claims(ctx, it)
	if err != nil {
		return c, err
	}
	if wants == nil {
		return c, fmt.Errorf("item %s is checked automatically and takes no attestation", it.ID())
	}
	if wants.AlertDrill {
		return c, fmt.Errorf("item %s is attested with drill alert --item=%s", it.ID(), it.Name)
	}
	if c.Role == "" && len(wants.Roles) == 1 {
		c.Role = wants.Roles[0]
	}
	if len(wants.Roles) > 0 && c.Role == "" {
		return c, fmt.Errorf("--role is required: one of %s", strings.Join(wants.Roles, ", "))
	}
	c.Release, c.Plan, c.Subject = wants.Release, wants.Plan, wants.Subject
	if len(wants.Basis) > 0 {
		c.Basis = attest.BasisOf(wants.Basis)
		c.Basis.Waived, c.Basis.Open = wants.Waived, wants.Open
	}
	if f.subject != "" {
		digest, err := attestcheck.FileDigest(f.subject)
		if err != nil {
			return c, fmt.Errorf("--subject: %w", err)
		}
		c.Subject = attest.Subject{Path: t.Deployment.Rel(f.subject), SHA256: digest}
		if wants.NeedsSubject {
			if c.Subject, err = a.knownBackup(ctx, t, f.subject, digest); err != nil {
				return c, fmt.Errorf("--subject: %w", err)
			}
		}
	}
	if wants.NeedsSubject && c.Subject.SHA256 == "" {
		return c, fmt.Errorf("--subject is required: name the file that the claim is about")
	}
	if c.ValidFor == 0 && c.Release.IsZero() {
		return c, fmt.Errorf("--valid-for is required for a claim that is not bound to a release")
	}
	return c, nil
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ") + "\n"
}

// knownBackup returns the subject of a claim about a backup. Only that of a complete one has size and time, which keep the
// claim valid after the file was deleted.
func (a *app) knownBackup(ctx context.Context, t *config.Target, path, digest string) (attest.Subject, error) {
	proof, err := (&backup.Ledger{Now: a.Now}).Prove(ctx, path)
	if err != nil {
		return attest.Subject{}, err
	}
	if !proof.Whole && proof.Reason != dump.Opaque {
		_, err := fmt.Fprintf(a.Stderr, "catalyst_exporter: %s is not a complete backup: it %s. The claim holds only as long as the file exists\n",
			t.Deployment.Rel(path), proof.Detail)
		return attest.Subject{Path: t.Deployment.Rel(path), SHA256: digest}, err
	}
	return a.backupSubject(t, path, proof)
}
