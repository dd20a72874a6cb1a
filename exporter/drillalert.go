package exporter

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/alertdrill"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/selection"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// alertDrillFlags are the flags of the drill alert command.
type alertDrillFlags struct {
	item, by, role, signWith, validFor, severity, confirm string
	wait                                                  time.Duration
	yes                                                   bool
}

func (a *app) drillAlertCommand(drill *kingpin.CmdClause, add func(*kingpin.CmdClause, command)) {
	var f alertDrillFlags
	c := drill.Command("alert", "Send the alert CatalystDrill through the deployment's Alertmanager, resolve it, and attest that it was sent. With --confirm:"+
		" attest that it arrived. Prints the receivers first.")
	c.Flag("item", "Item that the drill attests, with a probe attestation: {alert_drill: true}.").Required().PlaceHolder("ITEM").StringVar(&f.item)
	c.Flag("by", "Person who attests the drill.").Required().PlaceHolder("WHO").StringVar(&f.by)
	c.Flag("role", "Role of the person.").PlaceHolder("ROLE").StringVar(&f.role)
	c.Flag("yes", "Send the alert: without it, only the receivers are printed.").BoolVar(&f.yes)
	c.Flag("severity", "Severity of the alert, which decides its route: critical or warning.").Default("critical").EnumVar(&f.severity, "critical", "warning")
	c.Flag("wait", "How long to wait until a receiver accepts it; at least group_wait of its route, or group_interval after an earlier drill.").Default("2m").DurationVar(&f.wait)
	c.Flag("confirm", "Code of an alert that arrived: the value of its label drill.").PlaceHolder("CODE").StringVar(&f.confirm)
	c.Flag("valid-for", "How long the attestation is valid.").Default("90d").StringVar(&f.validFor)
	c.Flag("sign-with", "SSH key to sign the attestation with, as for attest.").PlaceHolder("KEY").StringVar(&f.signWith)
	add(c, func(ctx context.Context) (int, error) { return a.drillAlert(ctx, f) })
}

func (a *app) drillAlert(ctx context.Context, f alertDrillFlags) (int, error) {
	validFor, err := schema.ParseDuration(f.validFor)
	if err != nil {
		return 0, usage.Errorf("--valid-for=%s: %w (write it like 90d)", f.validFor, err)
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
	wants, err := t.Collector.Claims(ctx, it)
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	if wants == nil || !wants.AlertDrill {
		return 0, usage.Errorf("--item=%s: the item takes no alert drill: give it a probe attestation: {alert_drill: true}", f.item)
	}
	claim := attest.Claim{Item: it.ID(), By: f.by, Role: f.role, At: a.Now(), ValidFor: validFor, Deployment: t.Name}
	if f.confirm != "" {
		return a.confirmAlert(ctx, t, it, claim, f)
	}
	return a.sendAlert(ctx, t, it, claim, f)
}

// sendAlert fires and resolves the alert, and attests that it was sent.
func (a *app) sendAlert(ctx context.Context, t *config.Target, it *checklist.Item, claim attest.Claim, f alertDrillFlags) (int, error) {
	at := t.Deployment.Alertmanager
	client, err := httpclient.For(t.Pass(), "alertmanager", at.HTTP)
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	code := alertdrill.NewCode()
	confirm := fmt.Sprintf("catalyst_exporter drill alert --item=%s --confirm=%s --by=…", it.Name, code)
	d := alertdrill.Drill{Client: client, URL: at.Address().URL, Wait: f.wait,
		Labels: map[string]string{"alertname": alertdrill.AlertName, "severity": f.severity, alertdrill.CodeLabel: code}, Note: "Nothing is broken. If you read this, run: " + confirm}
	if t.Name != "" {
		d.Labels["deployment"], d.Labels["environment"] = t.Name, t.Deployment.Environment
	}
	names, err := d.Receivers(ctx)
	if err != nil {
		return 0, fmt.Errorf("receivers of Alertmanager: %w", err)
	}
	if _, err := fmt.Fprintf(a.Stdout, "Alertmanager at %s has the receivers %s. Its routes decide which of them get %s{severity=%q}.\n", d.URL,
		strings.Join(names, ", "), alertdrill.AlertName, f.severity); err != nil {
		return 0, err
	}
	if !f.yes {
		return 0, usage.Errorf("nothing was sent: repeat the command with --yes")
	}
	out, err := d.Run(ctx)
	if err != nil {
		return 0, err
	}
	routed := "no receiver"
	if len(out.Receivers) > 0 {
		routed = strings.Join(out.Receivers, ", ")
	}
	if !out.Sent {
		why := "no receiver accepted a request within " + f.wait.String()
		if out.Failed {
			why = "requests to receivers failed"
		}
		_, err := fmt.Fprintf(a.Stdout, "routed to %s; not sent: %s. Check Alertmanager's log\n", routed, why)
		return ExitFailing, err
	}
	if _, err := fmt.Fprintf(a.Stdout, "routed to %s; sent, and resolved. Whoever gets it confirms it with the code in its label %s\n", routed, alertdrill.CodeLabel); err != nil {
		return 0, err
	}
	claim.At = a.Now()
	claim.Drill = attest.Drill{Alert: attest.AlertSent, Code: alertdrill.Digest(code)}
	claim.Note = "alert drill: sent to " + routed
	made, err := attest.New(claim)
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	return a.writeClaim(ctx, t, made, f.signWith)
}

// maxConfirm is how long after a drill its alert can be confirmed.
const maxConfirm = 7 * 24 * time.Hour

// confirmAlert attests that an alert arrived: only its receivers know its code.
func (a *app) confirmAlert(ctx context.Context, t *config.Target, it *checklist.Item, claim attest.Claim, f alertDrillFlags) (int, error) {
	claims, err := attest.Load(t.Deployment.AttestationsDir())
	if err != nil {
		return 0, err
	}
	claim.Drill = attest.Drill{Alert: attest.AlertDelivered, Code: alertdrill.Digest(f.confirm)}
	for _, c := range claims {
		sent := c.Claim.Drill.Alert == attest.AlertSent && c.Claim.Drill.Code == claim.Drill.Code && c.Claim.Item == it.ID()
		if c.Err != nil || !sent {
			continue
		}
		if age := a.Now().Sub(c.Claim.At); age > maxConfirm || age < -attest.Skew {
			return 0, usage.Errorf("--confirm: the drill was at %s: send a new alert", c.Claim.At.Format(time.RFC3339))
		}
		claim.Note = "alert drill of " + c.Claim.At.UTC().Format(time.RFC3339) + ": arrived"
		made, err := attest.New(claim)
		if err != nil {
			return 0, usage.Error{Err: err}
		}
		return a.writeClaim(ctx, t, made, f.signWith)
	}
	return 0, usage.Errorf("--confirm: no alert with this code was sent for %s", it.ID())
}
