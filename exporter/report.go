package exporter

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

func (a *app) reportCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var document, output, at string
	c := k.Command("report", "Fill in your team's own Markdown checklist: ticks the boxes from verdicts, fills in sign-offs, release and waivers,"+
		" and adds a line of evidence under each item. The rest of the document is kept. Differences between the document and the checklist are reported.")
	c.Flag("document", "Document to fill in; defaults to deployment.documents.checklist, else to the one discovered.").PlaceHolder("FILE").StringVar(&document)
	c.Flag("output", "Write to this file, atomically, instead of the standard output. It can be the document itself: entries of earlier runs are replaced.").PlaceHolder("FILE").StringVar(&output)
	c.Flag("at", "Fill in the verdicts of that time from the history in --state.directory instead of checking now: a date (its end, in UTC) or a time as in RFC 3339.").
		PlaceHolder("DATE").StringVar(&at)
	add(c, func(ctx context.Context) (int, error) { return a.report(ctx, document, output, at) })
}

func (a *app) report(ctx context.Context, document, output, at string) (int, error) {
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	t, err := a.source().Pick(s)
	if err != nil {
		return 0, err
	}
	a.warnOfEmptyRoot(s, t)
	if document == "" {
		if document = t.Deployment.View(nil).Place(find.FactChecklist).Path(); document == "" {
			return 0, usage.Errorf("no checklist document found in the deployment; pass --document or set deployment.documents.checklist")
		}
	}
	d, err := checklistDocument(t.Deployment.Root, document, t.Checklist)
	if err != nil {
		return 0, usage.Errorf("checklist document: %w", err)
	}
	var r *collector.Report
	if at != "" {
		if r, err = a.reportAt(s, t, at); err != nil {
			return 0, err
		}
	} else {
		stop := a.progress(t.Collector)
		r = t.Collector.Collect(ctx, collector.Selection{}, true)
		stop()
	}
	if err := ctx.Err(); err != nil {
		return 0, interrupted(err)
	}
	answer := "Ready:"
	if !r.Ready().Ready {
		answer = "Not ready:"
	}
	facts := paper.Facts{Checklist: t.Checklist, Verdicts: r.Verdicts, Time: r.Time, Recorded: r.Recorded, Answer: answer + " " + format.Counts(r) + "."}
	if at == "" {
		t.History.Observe(r)
		facts.Signed = signed(t, r)
	}
	out := d.Fill(facts)
	for _, line := range d.Tell(t.Checklist) {
		if _, err := fmt.Fprintf(a.Stderr, "%s: %s\n", filepath.Base(document), phrase.Printable(line)); err != nil {
			return 0, err
		}
	}
	if err := a.output(output, out); err != nil {
		return 0, err
	}
	return ExitReady, nil
}

// signed returns a function that finds who signed off an item for the planned release, else for the recorded one. The
// claims were already judged: the valid one is the newest whose author is named in the verdict.
func signed(t *config.Target, r *collector.Report) func(id string) (string, time.Time) {
	details := map[string]string{}
	for _, v := range r.Verdicts {
		details[v.ID()] = v.Detail
	}
	release := r.Planned
	if release == nil {
		release = r.Recorded
	}
	claims, err := attest.Load(t.Deployment.AttestationsDir())
	return func(id string) (by string, at time.Time) {
		if err != nil || release == nil {
			return "", at
		}
		for _, c := range claims {
			if c.Err == nil && (c.Claim.Item == id || strings.HasSuffix(id, "/"+c.Claim.Item)) && c.Claim.Release.Same(release.Release) &&
				strings.Contains(details[id]+" ", "attested by "+c.Claim.By+" ") && c.Claim.At.After(at) {
				by, at = c.Claim.By, c.Claim.At
			}
		}
		return by, at
	}
}
