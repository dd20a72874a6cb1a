package exporter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/attest/waiver"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/selection"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// waiveFlags are the flags of the waive command.
type waiveFlags struct {
	item, by, until, reason, covers, signWith, digest string
	offenders                                         []string
	approve                                           bool
}

func (a *app) waiveCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var f waiveFlags
	c := k.Command("waive", "Request a waiver of an item with a signed claim, or approve one that somebody else requested. It is in force once it is approved.")
	c.Arg("item", "The item, as item or category/item.").Required().StringVar(&f.item)
	c.Flag("by", "Person who requests or approves: a principal in allowed_signers.").Required().PlaceHolder("WHO").StringVar(&f.by)
	c.Flag("until", "Last day of the waiver, YYYY-MM-DD in UTC.").PlaceHolder("DATE").StringVar(&f.until)
	c.Flag("reason", "Why the item is accepted; shown wherever the item is shown.").PlaceHolder("TEXT").StringVar(&f.reason)
	c.Flag("covers", "The only reason of a verdict that is accepted, e.g. weak.").PlaceHolder("REASON").StringVar(&f.covers)
	c.Flag("offender", "Identifier of a single thing that is accepted; repeatable.").PlaceHolder("ID").StringsVar(&f.offenders)
	c.Flag("approve", "Approve the requested waiver of the item.").BoolVar(&f.approve)
	c.Flag("digest", "With --approve: digest of the request, if the item has several.").PlaceHolder("SHA256").StringVar(&f.digest)
	c.Flag("sign-with", "SSH key to sign with, as for attest.").Required().PlaceHolder("KEY").StringVar(&f.signWith)
	add(c, func(ctx context.Context) (int, error) { return a.waive(ctx, f) })
}

func (a *app) waive(ctx context.Context, f waiveFlags) (int, error) {
	requests := f.until != "" || f.reason != "" || f.covers != "" || len(f.offenders) > 0
	switch {
	case f.approve && requests:
		return 0, usage.Errorf("--approve takes the request as it is: remove --until, --reason, --covers and --offender")
	case !f.approve && (f.until == "" || f.reason == ""):
		return 0, usage.Errorf("--until and --reason are required, or --approve")
	case !f.approve && f.digest != "":
		return 0, usage.Errorf("--digest is for --approve")
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
	it, err := selection.Item(t.Checklist, f.item)
	if err != nil {
		return 0, err
	}
	if !it.Waivable() {
		return 0, usage.Errorf("%s: a sign-off cannot be waived", it.ID())
	}
	signers, err := s.Signers(t.Deployment)
	if err == nil && signers == nil {
		err = errors.New("attestations.allowed_signers is not set, so that no request and no approval could be checked")
	}
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	if f.approve {
		return a.approveWaiver(ctx, t, it, signers, f)
	}
	return a.requestWaiver(ctx, t, it, signers, f)
}

func (a *app) requestWaiver(ctx context.Context, t *config.Target, it *checklist.Item, signers *attest.Signers, f waiveFlags) (int, error) {
	var until attest.Deadline
	if err := until.UnmarshalText([]byte(f.until)); err != nil {
		return 0, usage.Errorf("--until=%s: %w", f.until, err)
	}
	if !a.Now().Before(until.Time) {
		return 0, usage.Errorf("--until=%s has passed", f.until)
	}
	covers := &checklist.CoversDocument{Reason: probe.Reason(f.covers), Offenders: f.offenders}
	if f.covers == "" && len(f.offenders) > 0 {
		return 0, usage.Errorf("--offender requires --covers")
	}
	if err := errors.Join(covers.Validate()...); err != nil {
		return 0, usage.Errorf("--covers: %w", err)
	}
	made, err := attest.New(attest.Claim{Item: it.ID(), By: f.by, At: a.Now(), Until: until, Deployment: t.Name,
		Waives: attest.Waives{Reason: f.reason, Covers: f.covers, Offenders: f.offenders}})
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	code, err := a.writeClaim(ctx, t, made, f.signWith, func() error {
		w := waiver.Judge([]*attest.Attestation{made}, signers, t.Name, a.Now())[0]
		if !w.Pending(a.Now()) {
			return errors.New(w.Problem)
		}
		return nil
	})
	if err == nil {
		_, err = fmt.Fprintf(a.Stdout, "not in force before another person approves it: catalyst_exporter waive %s --approve --by=… --sign-with=…\n", it.Name)
	}
	return code, err
}

func (a *app) approveWaiver(ctx context.Context, t *config.Target, it *checklist.Item, signers *attest.Signers, f waiveFlags) (int, error) {
	claims, err := attest.Load(t.Deployment.AttestationsDir())
	if err != nil {
		return 0, err
	}
	pending := slices.DeleteFunc(waiver.Judge(claims, signers, t.Name, a.Now()), func(w waiver.Waiver) bool {
		return w.Item != it.ID() || w.InForce || !a.Now().Before(w.Expires) || f.digest != "" && w.Digest != f.digest
	})
	switch {
	case len(pending) == 0:
		return 0, usage.Errorf("%s has no requested waiver to approve", it.ID())
	case len(pending) > 1:
		var which string
		for _, w := range pending {
			which += fmt.Sprintf("\n%s by %s until %s: %s", w.Digest, w.By, checklist.LastDay(w.Expires), w.Waives.Reason)
		}
		return 0, usage.Errorf("%s has several requested waivers: choose one with --digest%s", it.ID(), which)
	}
	w := pending[0]
	if _, err := fmt.Fprintf(a.Stdout, "The request of %s with the digest %s:\n\n%s\n", w.By, w.Digest, indent(string(attest.Marshal(w.Claim)))); err != nil {
		return 0, err
	}
	made, err := attest.New(attest.Claim{Item: it.ID(), By: f.by, At: a.Now(), Until: attest.Deadline{Time: w.Expires}, Deployment: t.Name, Approves: w.Digest})
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	code, err := a.writeClaim(ctx, t, made, f.signWith, func() error {
		for _, judged := range waiver.Judge(append(claims, made), signers, t.Name, a.Now()) {
			if judged.Digest == w.Digest && !judged.InForce {
				return errors.New(judged.Problem)
			}
		}
		return nil
	})
	if err == nil {
		_, err = fmt.Fprintf(a.Stdout, "%s is waived until %s; a running exporter applies it when it reloads the configuration\n", it.ID(), checklist.LastDay(w.Expires))
	}
	return code, err
}
