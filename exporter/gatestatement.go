package exporter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/statement"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// statementFlags are the flags of check for a statement about its gate.
type statementFlags struct{ out, signWith, validFor string }

func (f *statementFlags) add(c *kingpin.CmdClause) {
	c.Flag("attest-out", "With --gate: write a signed statement about the verdict on the gate (in-toto, DSSE) to this file.").PlaceHolder("FILE").StringVar(&f.out)
	c.Flag("sign-with", "With --attest-out: ed25519 key to sign with, as for attest, or in PEM.").PlaceHolder("KEY").StringVar(&f.signWith)
	c.Flag("attest-valid-for", "With --attest-out: how long the statement is valid.").Default("24h").PlaceHolder("DURATION").StringVar(&f.validFor)
}

// validate checks the flags before anything runs.
func (f *statementFlags) validate(gate string) (time.Duration, error) {
	switch {
	case f.out == "" && f.signWith != "":
		return 0, usage.Errorf("--sign-with is for --attest-out")
	case f.out == "":
		return 0, nil
	case gate == "":
		return 0, usage.Errorf("--attest-out is for --gate")
	case f.signWith == "":
		return 0, usage.Errorf("--attest-out requires --sign-with")
	}
	d, err := schema.ParseDuration(f.validFor)
	if err != nil || d <= 0 {
		return 0, usage.Errorf("--attest-valid-for=%s: not a duration such as 24h", f.validFor)
	}
	return d.Std(), nil
}

// writeStatement writes the statement of --attest-out.
func (a *app) writeStatement(ctx context.Context, t *config.Target, r result, f checkFlags, validFor time.Duration) error {
	made, err := statement.Of(statement.Gate{Report: r.report, Gate: r.gate, Passed: r.answer.Ready, Optional: f.failOn == "any", Deployment: t.Name,
		Config: r.digest, ValidFor: validFor})
	if err != nil {
		return usage.Errorf("--attest-out: %w", err)
	}
	socket, _ := a.Getenv("SSH_AUTH_SOCK")
	signer, err := attest.OpenSigner(ctx, f.statement.signWith, socket)
	if err != nil {
		return usage.Errorf("--sign-with: %w", err)
	}
	defer func() { _ = signer.Close() }()
	data, err := made.Sign(signer)
	if err != nil {
		return usage.Errorf("--sign-with: %w", err)
	}
	if err := files.Write(f.statement.out, data, 0o644); err != nil {
		return fmt.Errorf("--attest-out=%s: %w", f.statement.out, err)
	}
	return nil
}

// verifyFlags are the flags of the verify command.
type verifyFlags struct{ file, key, commit, gate, deployment string }

// statementLimit is the largest statement that is read.
const statementLimit = 16 << 20

func (a *app) verifyCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var f verifyFlags
	c := k.Command("verify", "Verify a statement of check --attest-out. Exit code: 0 the commit passed the gate, 1 it did not, or the statement is not valid.")
	c.Arg("file", "The statement.").Required().StringVar(&f.file)
	c.Flag("key", "Public key of who signs statements: PEM, or an OpenSSH .pub file.").Required().PlaceHolder("FILE").StringVar(&f.key)
	c.Flag("commit", "The full commit that must have passed.").Required().PlaceHolder("SHA").StringVar(&f.commit)
	c.Flag("gate", "The gate that it must have passed.").Default("pre").PlaceHolder("NAME").StringVar(&f.gate)
	c.Flag("deployment", "Name of the target that was checked; none for a single deployment.").PlaceHolder("NAME").StringVar(&f.deployment)
	add(c, func(context.Context) (int, error) { return a.verify(f) })
}

func (a *app) verify(f verifyFlags) (int, error) {
	if !statement.IsFullCommit(f.commit) {
		return 0, usage.Errorf("--commit=%s: not a full commit of 40 or 64 hexadecimal digits in lower case", f.commit)
	}
	text, err := readFlag("--key", f.key)
	if err != nil {
		return 0, err
	}
	key, err := statement.ParseKey(text)
	if err != nil {
		return 0, usage.Errorf("--key=%s: %w", f.key, err)
	}
	data, err := readFlag("statement", f.file)
	if err != nil {
		return 0, err
	}
	s, err := statement.Open(data, key)
	if err == nil {
		err = s.Refuse(statement.Wanted{Commit: f.commit, Gate: f.gate, Deployment: f.deployment}, a.Now())
	}
	if err != nil {
		_, _ = fmt.Fprintf(a.Stderr, "catalyst_exporter: %s: %v\n", f.file, err)
		return ExitFailing, nil
	}
	_, err = fmt.Fprintf(a.Stdout, "commit %s passed gate %s at %s; valid until %s\n", f.commit, f.gate, s.Predicate.CheckedAt.Format(time.RFC3339),
		s.Predicate.Expires.Format(time.RFC3339))
	return ExitReady, err
}

// readFlag reads the file of a flag. Errors name the flag.
func readFlag(name, path string) ([]byte, error) {
	data, _, err := files.Read(path, statementLimit)
	if failed := new(fs.PathError); errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return nil, usage.Errorf("%s=%s: %w", name, path, err)
	}
	return data, nil
}
