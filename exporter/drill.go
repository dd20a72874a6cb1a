package exporter

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/backup/drill"
	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe/backupcheck"
	"github.com/thenexusengine/catalyst_exporter/schema"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// drillItem is the item that a successful drill attests.
const drillItem = "backup/restore_tested"

// drillFlags are the flags of the drill restore command.
type drillFlags struct {
	dsn, dsnFile, backup, live, by, role, signWith, validFor string
	throwaway                                                bool
}

func (a *app) drillCommands(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var f drillFlags
	d := k.Command("drill", "Rehearse disaster recovery.")
	c := d.Command("restore", "Restore the newest backup into a scratch database on a separate server, compare it with the contents of the backup,"+
		" drop it and attest restore_tested.")
	c.Flag("dsn", "Server for the drill, with a user that can create databases: postgres://user@host:port/postgres."+
		" Pass the password in PGPASSWORD or --dsn-file: the process list shows this flag.").PlaceHolder("DSN").StringVar(&f.dsn)
	c.Flag("dsn-file", "File that contains the DSN.").PlaceHolder("FILE").StringVar(&f.dsnFile)
	c.Flag("backup", "Backup to restore; defaults to the newest one found.").PlaceHolder("FILE").StringVar(&f.backup)
	c.Flag("live-system-identifier", "System identifier of the deployment's own server, which the drill never uses"+
		" (SELECT system_identifier FROM pg_control_system()); queried from that server by default.").PlaceHolder("ID").StringVar(&f.live)
	c.Flag("throwaway", "The drill server holds no valuable data: allow plain SQL dumps, which can drop databases.").BoolVar(&f.throwaway)
	c.Flag("by", "Person who attests the drill.").Required().PlaceHolder("WHO").StringVar(&f.by)
	c.Flag("role", "Role of the person.").PlaceHolder("ROLE").StringVar(&f.role)
	c.Flag("valid-for", "How long the attestation is valid.").Default("90d").StringVar(&f.validFor)
	c.Flag("sign-with", "SSH key to sign the attestation with, as for attest.").PlaceHolder("KEY").StringVar(&f.signWith)
	add(c, func(ctx context.Context) (int, error) { return a.drill(ctx, f) })
	a.drillAlertCommand(d, add)
}

func (a *app) drill(ctx context.Context, f drillFlags) (int, error) {
	validFor, err := schema.ParseDuration(f.validFor)
	if err != nil {
		return 0, usage.Errorf("--valid-for=%s: %w (write it like 90d)", f.validFor, err)
	}
	dsn, err := a.drillDSN(f)
	if err != nil {
		return 0, err
	}
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	t, err := a.source().Pick(s)
	if err != nil {
		return 0, err
	}
	path := f.backup
	if path == "" {
		if path, err = backupcheck.NewestBackup(ctx, t.Deployment, a.Now); err != nil {
			return 0, fmt.Errorf("newest backup: %w", err)
		}
		if path == "" {
			return 0, usage.Errorf("no backup found that a drill can restore; pass one with --backup. For a repository of pgBackRest, WAL-G," +
				" Barman or restic, restore it with that program, then attest restore_tested")
		}
	}
	d := drill.Drill{DSN: dsn, Deployment: f.live, Throwaway: f.throwaway, Now: a.Now, Tolerance: drill.Tolerance{Ratio: 0.1, Rows: 1000}}
	if err := a.identifyLive(ctx, t, &d); err != nil {
		return 0, err
	}
	out, err := d.Run(ctx, path)
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	if _, err := fmt.Fprintf(a.Stdout, "%s: %s\n", t.Deployment.Rel(path), out); err != nil {
		return 0, err
	}
	if !out.Holds() {
		return ExitFailing, nil
	}
	subject, err := a.backupSubject(t, path, out.Proof)
	if err != nil {
		return 0, err
	}
	compared := attest.LiveNotCompared
	if out.Compared() {
		compared = attest.LiveCompared
	}
	made, err := attest.New(attest.Claim{Item: drillItem, By: f.by, Role: f.role, At: a.Now(), ValidFor: validFor, Deployment: t.Name,
		Subject: subject, Drill: attest.Drill{Live: compared}, Note: fmt.Sprintf("restore drill: %d tables in %v", len(out.Restored), out.Took.Round(time.Second))})
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	return a.writeClaim(ctx, t, made, f.signWith)
}

// drillDSN returns the DSN of the drill server.
func (a *app) drillDSN(f drillFlags) (secret.Text, error) {
	switch {
	case (f.dsn == "") == (f.dsnFile == ""):
		return secret.Text{}, usage.Errorf("pass either --dsn or --dsn-file")
	case f.dsn != "":
		return secret.New(f.dsn), nil
	}
	data, _, err := files.Read(f.dsnFile, 64<<10)
	if err != nil {
		return secret.Text{}, usage.Error{Err: fmt.Errorf("--dsn-file: %w", err)}
	}
	return secret.New(strings.TrimSpace(string(data))), nil
}

// liveDSN returns the DSN of the deployment's own database.
func (a *app) liveDSN(t *config.Target) (secret.Text, error) {
	access, err := t.Deployment.View(nil).DatabaseAccess()
	if err != nil {
		return secret.Text{}, err
	}
	if access.Host == "" {
		return secret.Text{}, errors.New("database address not found; set deployment.database")
	}
	u := url.URL{Scheme: "postgres", Host: access.Address(), Path: access.Name, User: url.UserPassword(access.User, access.Password.Text.Reveal())}
	q := url.Values{}
	if access.SSLMode != "" {
		q.Set("sslmode", access.SSLMode)
	}
	if access.CAFile != "" {
		q.Set("sslrootcert", access.CAFile)
	}
	u.RawQuery = q.Encode()
	return secret.New(u.String()), nil
}

// identifyLive finds out which server is the deployment's own, so that the drill never uses it, and what the live database
// holds. An identifier that is given must be that of the server, if it can be asked.
func (a *app) identifyLive(ctx context.Context, t *config.Target, d *drill.Drill) error {
	given := d.Deployment
	if given != "" && !drill.Plausible(given, a.Now()) {
		return usage.Errorf("--live-system-identifier=%s is not a system identifier: take it from SELECT system_identifier FROM pg_control_system()"+
			" on the deployment's own server", given)
	}
	live, err := a.liveDSN(t)
	if err == nil {
		d.Deployment, err = drill.SystemIdentifier(ctx, live)
	}
	switch {
	case err != nil && given == "":
		return usage.Error{Err: fmt.Errorf("cannot identify the deployment's own server: %w; pass --live-system-identifier", err)}
	case err != nil:
		d.Deployment = given
		return nil // the outcome says that nothing was compared with the live database
	case given != "" && given != d.Deployment:
		return usage.Errorf("--live-system-identifier=%s is not that of the deployment's own server, which has %s", given, d.Deployment)
	}
	if d.Live, err = drill.Estimates(ctx, live); err == nil {
		d.LiveObjects, err = drill.Objects(ctx, live)
	}
	if err != nil {
		d.Live, d.LiveObjects = nil, nil // likewise
	}
	return nil
}

// backupSubject returns the subject of a claim about a backup: with its size and time, the claim holds after the backup
// was deleted.
func (a *app) backupSubject(t *config.Target, path string, proof dump.Proof) (attest.Subject, error) {
	info, err := os.Stat(path)
	if err != nil {
		return attest.Subject{}, err
	}
	subject := attest.Subject{Path: t.Deployment.Rel(path), SHA256: proof.SHA256}
	if at := info.ModTime().UTC().Truncate(time.Second); !at.After(a.Now().Add(attest.Skew)) { // otherwise one of the clocks is wrong
		subject.Size, subject.Finished = proof.Bytes, at
	}
	return subject, nil
}
