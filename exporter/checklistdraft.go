package exporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/checklist/draft"
	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

func (a *app) checklistCommands(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	c := k.Command("checklist", "Write a checklist of your own.")
	var document, output string
	drafting := c.Command("draft", "Propose a checklist for your team's own Markdown list: for each line the probes that its words mean, with the parameters"+
		" found in the deployment's folder, or an attestation. Reads boxes, tables with a column for the status, and plain lists. Connects to nothing.")
	drafting.Arg("file", "The Markdown document.").Required().StringVar(&document)
	drafting.Flag("output", "Write to this file, atomically, instead of the standard output.").PlaceHolder("FILE").StringVar(&output)
	add(drafting, func(context.Context) (int, error) { return a.checklistDraft(document, output) })
}

func (a *app) checklistDraft(document, output string) (int, error) {
	data, _, err := files.Read(document, paper.MaxSize)
	if err != nil {
		return 0, usage.Errorf("%s: %w", document, err)
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return 0, usage.Errorf("%s is UTF-16. Save it as UTF-8", document)
	}
	source := a.source()
	source.Draft = true
	s, err := source.Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	t, err := source.Pick(s)
	if err != nil {
		return 0, err
	}
	words, err := draft.Words()
	if err != nil {
		return 0, err
	}
	name := filepath.Base(document)
	d, err := draft.New(name, data, words, draft.FactsOf(t.Deployment.View(nil), words))
	if err != nil {
		return 0, usage.Errorf("%s: %w", document, err)
	}
	text, err := d.YAML()
	if err != nil {
		return 0, err
	}
	if _, err := checklist.Load(&checklist.Source{File: "draft", Data: text}, checklist.Changes{}); err != nil {
		return 0, errors.New("internal error: the draft does not load: " + err.Error())
	}
	if err := a.output(output, text); err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(a.Stderr, "%s: %s\n", phrase.Printable(name), summary(d))
	return ExitReady, err
}

// summary says how many lines of a draft got which kind of proposal.
func summary(d *draft.Draft) string {
	confirmed, byWords, attested := d.Counts()
	parts := []string{
		fmt.Sprintf("%d lines: %d with probes that fit this deployment", len(d.Items), confirmed),
		fmt.Sprintf("%d by words alone (marked # check:)", byWords),
		fmt.Sprintf("%d left to people (attestation)", attested),
	}
	if d.Repeated > 0 {
		parts = append(parts, fmt.Sprintf("repeated lines left out: %d", d.Repeated))
	}
	if d.Masked > 0 {
		parts = append(parts, fmt.Sprintf("titles without what looks like a secret: %d", d.Masked))
	}
	return strings.Join(parts, ", ")
}
