package exporter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/collector/textformat"
	"github.com/thenexusengine/catalyst_exporter/exporter/server"
	"github.com/thenexusengine/catalyst_exporter/kinds"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The pages of the reference, each generated from its list in the code.

func probesPage(p *page) error {
	p.start("Probes", `A probe is one way to check an item of a checklist. An item lists the probe kinds it uses and their parameters. The worst verdict of its probes
is the item's verdict. All probes also take the common parameters of the [last section](#every-probe).

The *layer* of a kind is where it gets its facts: **declared** from a file, **running** from the settings of the started service, **live** from
the behaviour of the system, **evidence** from a CI report, **attested** from a person's signed statement, **derived** from other verdicts.
**Active** kinds do more than read: they are disabled unless the configuration enables them. **Background** kinds read much data and never
delay a scrape.`)
	kinds := slices.Clone(kinds.All())
	slices.SortFunc(kinds, func(a, b probe.Kind) int { return cmp.Compare(a.Name, b.Name) })
	var rows [][]string
	for _, k := range kinds {
		rows = append(rows, []string{"[" + k.Name + "](#" + k.Name + ")", string(k.Layer), k.Question})
	}
	p.table([]string{"Kind", "Layer", "Question"}, rows)
	for _, k := range kinds {
		p.f("\n## %s\n\n%s\n\n", k.Name, k.Question)
		p.f("- Layer: %s\n- Reads: %s\n", k.Layer, k.Reads)
		if k.Permission != "" {
			p.f("- Needs: %s\n", k.Permission)
		}
		p.f("- Runs: %s, with a timeout of %s\n", often(k.MaxAge), shortly(cmp.Or(k.Timeout, probe.DefaultTimeout)))
		if k.Active {
			p.f("- Active: does more than read; set `enabled: true` to enable it\n")
		}
		if k.Background {
			p.f("- Background: a scrape shows the verdict of the last run\n")
		}
		for _, v := range k.Values {
			p.f("- Measures: [`%s`](metrics.md#measured-values)\n", v.Name)
		}
		p.f("\n```yaml\n- %s: %s\n```\n", k.Name, k.Example)
		p.fields(specJSON(k), "")
	}
	p.f("\n## Every probe\n\nSettings of every probe, in addition to the parameters of its kind.\n")
	p.fields(schema.JSON(checklist.ProbeDocument{}), "")
	return nil
}

func often(maxAge time.Duration) string {
	if maxAge == 0 {
		return "on every scrape"
	}
	return "every " + shortly(maxAge)
}

// shortly formats a duration without zero units.
func shortly(d time.Duration) string {
	if d > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func checklistPage(p *page) error {
	list, err := checklist.Load(nil, checklist.Changes{})
	if err != nil {
		return err
	}
	p.start("The embedded checklist", fmt.Sprintf(`The default checklist: the one of %s, with %d items. Severity **critical** pages, **warning** opens a ticket, **info** only informs.
**Standing** items must hold at all times and decide readiness. **Release** items apply to one release and decide gates. To change an item for
one deployment, or to write your own checklist, see [own-checklist.md](own-checklist.md). For the probes, see [probes.md](probes.md).`, list.Name, len(list.Items())))
	for _, g := range list.Gates {
		var cats []string
		for _, it := range g.Items {
			if !slices.Contains(cats, it.Category) {
				cats = append(cats, it.Category)
			}
		}
		p.f("\nGate **%s**: %d items in %s.\n", g.Name, len(g.Items), strings.Join(cats, ", "))
	}
	for _, cat := range list.Categories {
		p.f("\n## %s\n\nCategory `%s`.\n", cat.Title, cat.Name)
		for _, it := range cat.Items {
			weight := []string{it.Severity, it.Scope}
			if !it.Required {
				weight = append(weight, "optional")
			}
			switch {
			case it.Freeze.AtRecord:
				weight = append(weight, "final when the release is recorded")
			case it.Freeze.After > 0:
				weight = append(weight, "final "+shortly(it.Freeze.After)+" after the release is recorded")
			}
			p.f("\n### %s\n\n**%s** · %s\n\n", it.Name, it.Title, strings.Join(weight, ", "))
			for _, pr := range it.Probes {
				name := pr.Kind.Name
				if pr.Name != name {
					name = pr.Name + ", " + name
				}
				off := ""
				if pr.Disabled != "" {
					off = " (disabled by default)"
				}
				p.f("- [%s](probes.md#%s), %s: %s%s\n", name, pr.Kind.Name, pr.Kind.Layer, pr.Kind.Question, off)
			}
			p.f("\nFix: %s\n", it.Fix)
		}
	}
	return nil
}

func metricsPage(p *page) error {
	p.start("Metrics", `All metrics are gauges. Label values are names from the checklist or words from closed lists, never free text or values of the checked system.
Series have no deployment and environment labels: the scrape configuration (or `+"`/sd`"+`) attaches them. A scrape of selected categories
(`+"`collect[]`"+`) omits `+"`catalyst_ready`, `catalyst_gate_ready` and `catalyst_category_ready`"+`.`)
	measured := map[string]bool{}
	for _, v := range kinds.Values() {
		measured[v.Name] = true
	}
	row := func(f textformat.Family) []string {
		return []string{code(f.Name), code(strings.Join(f.Labels, ", ")), f.Help}
	}
	var verdicts, values [][]string
	for _, f := range collector.Families() {
		if measured[f.Name] {
			values = append(values, row(f))
		} else {
			verdicts = append(verdicts, row(f))
		}
	}
	head := []string{"Metric", "Labels", "Meaning"}
	p.f("\n## Verdicts\n")
	p.table(head, verdicts)
	p.f("\n## Measured values\n\nValues that probes measure in addition to their verdict.\n")
	p.table(head, values)
	p.f("\n## The exporter itself\n")
	families, err := server.NewSelfMetrics().Registry.Gather()
	if err != nil {
		return err
	}
	var own [][]string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "catalyst_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		own = append(own, row(textformat.Family{Name: f.GetName(), Help: f.GetHelp(), Labels: labels}))
	}
	p.table(head, append(own, []string{"`go_*`, `process_*`", "", "The Go runtime and the process, as exposed by client_golang, without the traffic of the network namespace (process_network_*)."}))
	return nil
}

func commandsPage(p *page) error {
	a := &app{}
	k, _, _ := a.commandLine()
	model := k.Model()
	p.start("Commands", model.Help+`

Exit codes: 0 ready, or the command succeeded · 1 a required item fails · 2 invalid usage or configuration · 3 no required item fails, but at
least one is unknown (or, for a gate, pending) · 4 the command failed for another reason.

The default command is `+"`serve`"+`.`)
	p.f("\n## Global flags\n")
	p.flags(model.Flags)
	for _, c := range model.FlattenedCommands() {
		if c.FullCommand == "help" {
			continue
		}
		p.f("\n## %s\n\n%s\n\n```\ncatalyst_exporter %s\n```\n", c.FullCommand, c.Help, strings.TrimSpace(c.FullCommand+" "+synopsis(c)))
		var rows [][]string
		for _, arg := range c.Args {
			rows = append(rows, []string{code(strings.ToUpper(arg.Name)), "", arg.Help})
		}
		if len(rows) > 0 {
			p.table([]string{"Argument", "Default", "Meaning"}, rows)
		}
		p.flags(c.Flags)
	}
	return nil
}

func synopsis(c *kingpin.CmdModel) string {
	var words []string
	for _, f := range c.Flags {
		if f.Required {
			words = append(words, "--"+f.Name+"="+f.PlaceHolder)
		}
	}
	if slices.ContainsFunc(c.Flags, func(f *kingpin.FlagModel) bool { return !f.Required && !f.Hidden }) {
		words = append(words, "[flags]")
	}
	for _, arg := range c.Args {
		word := strings.ToUpper(arg.Name)
		if !arg.Required {
			word = "[" + word + "]"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func (p *page) flags(flags []*kingpin.FlagModel) {
	var rows [][]string
	for _, f := range flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		name := "--" + f.Name
		if !f.IsBoolFlag() {
			name += "=" + cmp.Or(f.PlaceHolder, strings.ToUpper(f.Name[strings.LastIndexByte(f.Name, '.')+1:]))
		}
		rows = append(rows, []string{code(name), code(strings.Join(f.Default, ", ")), f.Help})
	}
	if len(rows) > 0 {
		p.table([]string{"Flag", "Default", "Meaning"}, rows)
	}
}
