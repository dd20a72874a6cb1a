package exporter

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
)

func (a *app) reportCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var document, output string
	c := k.Command("report", "Fill in the team's own Markdown checklist: boxes ticked from verdicts, sign-offs, release and waivers, a line of evidence under each item; all else stays as it is. What the document and the checklist do not have in common is told.")
	c.Flag("document", "The document; the deployment's checklist document (deployment.documents.checklist, else found) when not given.").PlaceHolder("FILE").StringVar(&document)
	c.Flag("output", "Write to a file, as one step, instead of the standard output. It may be the document itself: what an earlier run filled in is replaced.").PlaceHolder("FILE").StringVar(&output)
	add(c, func(ctx context.Context) (int, error) { return a.report(ctx, document, output) })
}

func (a *app) report(ctx context.Context, document, output string) (int, error) {
	s, err := a.load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	t, err := a.pick(s)
	if err != nil {
		return 0, err
	}
	if document == "" {
		if document = t.deploy.View(nil).Place(deployment.FactChecklist).Path(); document == "" {
			return 0, usagef("no checklist document was found in the deployment: name it with --document or in deployment.documents.checklist")
		}
	}
	data, _, err := files.Read(document, paper.MaxSize)
	if err != nil {
		return 0, usagef("checklist document: %w", err)
	}
	d := paper.Parse(data)
	d.Match(s.list)
	stop := a.progress(t.collector)
	r := t.collector.Collect(ctx, collector.Selection{}, true)
	stop()
	if err := ctx.Err(); err != nil {
		return 0, interrupted(err)
	}
	answer := "Ready:"
	if !r.Ready().Ready {
		answer = "Not ready:"
	}
	out := d.Fill(paper.Facts{
		Checklist: s.list, Verdicts: r.Verdicts, Time: r.Time, Recorded: r.Recorded, Signed: signed(t, r), Answer: answer + " " + counts(r) + ".",
	})
	for _, line := range d.Tell(s.list) {
		if _, err := fmt.Fprintf(a.Stderr, "%s: %s\n", filepath.Base(document), printable(line)); err != nil {
			return 0, err
		}
	}
	if output == "" {
		return a.print(out)
	}
	if err := files.WriteAtomic(output, out, fs.FileMode(0o644), false); err != nil {
		return 0, fmt.Errorf("output: %w", err)
	}
	return ExitReady, nil
}

// signed finds who signed an item off for the release that is planned, else recorded. Whether a claim counts was judged already: the newest one
// whose author the verdict names is it.
func signed(t *target, r *collector.Report) func(id string) (string, time.Time) {
	details := map[string]string{}
	for _, v := range r.Verdicts {
		details[v.ID()] = v.Detail
	}
	release := r.Planned
	if release == nil {
		release = r.Recorded
	}
	claims, err := attest.Load(t.deploy.AttestationsDir())
	return func(id string) (by string, at time.Time) {
		if err != nil || release == nil {
			return "", at
		}
		for _, c := range claims {
			if c.Err == nil && (c.Claim.Item == id || strings.HasSuffix(id, "/"+c.Claim.Item)) && c.Claim.Release.Same(release.Release) &&
				strings.Contains(details[id]+" ", "vouched for by "+c.Claim.By+" ") && c.Claim.At.After(at) {
				by, at = c.Claim.By, c.Claim.At
			}
		}
		return by, at
	}
}
