package exporter

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/exporter/selection"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

func (a *app) explainCommand(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var name string
	c := k.Command("explain", "Run the probes of one item and print what they check, what they found and how to make the item pass.")
	c.Arg("item", "The item, as item or category/item.").Required().StringVar(&name)
	add(c, func(ctx context.Context) (int, error) {
		s, err := a.source().Load(collector.NewLimits())
		if err != nil {
			return 0, err
		}
		defer s.Close()
		t, err := a.source().Pick(s)
		if err != nil {
			return 0, err
		}
		it, err := selection.Item(t.Checklist, name)
		if err != nil {
			return 0, err
		}
		r := t.Collector.Collect(ctx, collector.Selection{Items: []*checklist.Item{it}}, true)
		var b bytes.Buffer
		writeExplanation(&b, &r.Verdicts[0], a.table())
		_, err = a.Stdout.Write(b.Bytes())
		return ExitReady, err
	})
}

func writeExplanation(b *bytes.Buffer, v *checklist.Verdict, t format.Table) {
	p := format.Painter(t.Colour)
	mark, colour := format.Sign(v.State)
	fmt.Fprintf(b, "%s: %s\n\n", p.Paint("1", v.ID()), v.Title)
	word := v.State.String()
	if v.Reason != "" {
		word += " (" + string(v.Reason) + ")"
	}
	fmt.Fprintf(b, "%s %s\n", p.Paint(colour, mark), p.Paint(colour, word))
	if v.Detail != "" {
		t.Paragraph(b, 2, "", phrase.Printable(v.Detail))
	}
	required := "required"
	if !v.Required {
		required = "optional"
	}
	fmt.Fprintf(b, "  %s, %s, %s\n", v.Severity, v.Scope, required)
	if v.Owner != "" {
		fmt.Fprintf(b, "  owner: %s\n", v.Owner)
	}
	if !v.Due.IsZero() {
		fmt.Fprintf(b, "  due %s: a failure opens a ticket until then, and pages afterwards if the severity is critical\n", checklist.LastDay(v.Due))
	}
	for _, it := range v.Needs {
		fmt.Fprintf(b, "  needs %s: %s\n", it.ID(), it.Title)
	}
	if v.Waiver != nil {
		word := "waived by"
		if v.Waiver.Problem != "" {
			word = "a waiver was requested by"
		}
		fmt.Fprintf(b, "  %s %s until %s: %s\n", word, phrase.Printable(v.Waiver.Who()), v.Waiver.LastDay(), phrase.Printable(v.Waiver.Reason))
	}
	b.WriteString("\nHow to make it pass\n")
	t.Paragraph(b, 2, "", phrase.Printable(v.Fix))
	b.WriteString("\nProbes\n")
	for _, o := range v.Outcomes {
		writeProbe(b, p, o)
	}
	var deeper []string
	for _, remedy := range v.Remedies {
		if v.BlockedBy != nil && remedy == v.BlockedBy.ID() { // the detail says so
			continue
		}
		if !slices.Contains(deeper, remedy) {
			deeper = append(deeper, remedy)
		}
	}
	if len(deeper) > 0 {
		b.WriteString("\nTo check more\n")
		for _, remedy := range deeper {
			fmt.Fprintf(b, "  configure %s\n", phrase.Printable(remedy))
		}
	}
}

func writeProbe(b *bytes.Buffer, p format.Painter, o checklist.Outcome) {
	mark, colour := format.Sign(o.Result.State)
	word := o.Result.State.String()
	if o.Result.Reason != probe.ReasonNone {
		word += " (" + string(o.Result.Reason) + ")"
	}
	fmt.Fprintf(b, "  %s %s, %s: %s\n", p.Paint(colour, mark), o.Probe.Name, o.Probe.Kind.Layer, p.Paint(colour, word))
	if o.Probe.Essential {
		b.WriteString("      essential: the item cannot pass without it\n")
	}
	fmt.Fprintf(b, "      checks %s\n", o.Probe.Kind.Question)
	fmt.Fprintf(b, "      reads  %s\n", o.Probe.Kind.Reads)
	if o.Probe.Kind.Permission != "" {
		fmt.Fprintf(b, "      needs  %s\n", o.Probe.Kind.Permission)
	}
	before := "      with   "
	for line := range strings.Lines(o.Probe.Settings) {
		fmt.Fprintf(b, "%s%s\n", before, phrase.Printable(strings.TrimRight(line, "\n")))
		before = "             "
	}
	if o.Result.Detail != "" {
		fmt.Fprintf(b, "      found  %s\n", phrase.Printable(o.Result.Detail))
	}
	for _, s := range o.Result.Samples {
		var labels []string
		for i, name := range s.Value.Labels {
			labels = append(labels, fmt.Sprintf("%s=%q", name, s.Labels[i]))
		}
		fmt.Fprintf(b, "      value  %s{%s} = %v\n", s.Value.Name, strings.Join(labels, ","), s.Number)
	}
}
