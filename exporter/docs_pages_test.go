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
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The pages of the reference, each from the one list in the code that it speaks of.

func probesPage(p *page) error {
	p.start("Probes", `A probe is one way an item of a checklist is looked at. An item names the kinds it wants and their parameters; of all that answer, the gravest
verdict is the item's. Beside its own parameters every probe takes those of the [last section](#every-probe).

*Layer* says how near to the truth a kind looks: **declared** reads what a file says, **running** what the started service was given, **live**
what the system does, **evidence** what CI has seen, **attested** what a person vouches for, **derived** what other verdicts add up to.
Kinds that are **active** do more than read and are off unless the configuration enables them; kinds that run **in the background** read much
and never hold up a scrape.`)
	kinds := slices.Clone(probe.Kinds())
	slices.SortFunc(kinds, func(a, b probe.Kind) int { return cmp.Compare(a.Name, b.Name) })
	var rows [][]string
	for _, k := range kinds {
		rows = append(rows, []string{"[" + k.Name + "](#" + k.Name + ")", string(k.Layer), k.Question})
	}
	p.table([]string{"Kind", "Layer", "Asks"}, rows)
	for _, k := range kinds {
		p.f("\n## %s\n\n%s\n\n", k.Name, k.Question)
		p.f("- Layer: %s\n- Reads: %s\n- Looks: %s, for at most %s\n", k.Layer, k.Reads, often(k.MaxAge), shortly(cmp.Or(k.Timeout, probe.DefaultTimeout)))
		if k.Active {
			p.f("- Active: it does more than read; `enabled: true` switches it on\n")
		}
		if k.Background {
			p.f("- In the background: a scrape shows the verdict before\n")
		}
		for _, v := range k.Values {
			p.f("- Measures: [`%s`](metrics.md#measured-values)\n", v.Name)
		}
		p.f("\n```yaml\n- %s: %s\n```\n", k.Name, k.Example)
		p.fields(schema.JSON(k.New()), "")
	}
	p.f("\n## Every probe\n\nWhat any probe may have beside the parameters of its kind.\n")
	p.fields(schema.JSON(checklist.ProbeDocument{}), "")
	return nil
}

func often(maxAge time.Duration) string {
	if maxAge == 0 {
		return "on every scrape"
	}
	return "again after " + shortly(maxAge)
}

// shortly writes a duration without the units that are zero.
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
	p.start("The embedded checklist", fmt.Sprintf(`What is judged with no configuration: the checklist of %s, %d items. Severity **critical** pages, **warning** opens a ticket, **info** informs.
A **standing** item must hold every day and decides readiness; a **release** item speaks of one release and decides gates. How to change an item
for one deployment, or write a checklist of one's own: [own-checklist.md](own-checklist.md). What the probes do: [probes.md](probes.md).`, list.Name, len(list.Items())))
	for _, g := range list.Gates {
		var cats []string
		for _, it := range g.Items {
			if !slices.Contains(cats, it.Category) {
				cats = append(cats, it.Category)
			}
		}
		p.f("\nGate **%s**: %d items of %s.\n", g.Name, len(g.Items), strings.Join(cats, ", "))
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
				weight = append(weight, "final once the release is recorded")
			case it.Freeze.After > 0:
				weight = append(weight, "final "+shortly(it.Freeze.After)+" after the release was recorded")
			}
			p.f("\n### %s\n\n**%s** · %s\n\n", it.Name, it.Title, strings.Join(weight, ", "))
			for _, pr := range it.Probes {
				name := pr.Kind.Name
				if pr.Name != name {
					name = pr.Name + ", " + name
				}
				off := ""
				if pr.Disabled != "" {
					off = " (off unless enabled)"
				}
				p.f("- [%s](probes.md#%s), %s: %s%s\n", name, pr.Kind.Name, pr.Kind.Layer, pr.Kind.Question, off)
			}
			p.f("\nFix: %s\n", it.Fix)
		}
	}
	return nil
}

func metricsPage(p *page) error {
	p.start("Metrics", `Everything is a gauge. Labels hold names of the checklist and words of closed lists, never free text and never a value of the checked system.
Series carry neither deployment nor environment: the scrape configuration (or `+"`/sd`"+`) attaches those. A scrape that asks for some categories
(`+"`collect[]`"+`) leaves out `+"`catalyst_ready`, `catalyst_gate_ready` and `catalyst_category_ready`"+`.`)
	measured := map[string]bool{}
	for _, v := range probe.Values() {
		measured[v.Name] = true
	}
	row := func(f collector.Family) []string {
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
	head := []string{"Metric", "Labels", "What it says"}
	p.f("\n## Verdicts\n")
	p.table(head, verdicts)
	p.f("\n## Measured values\n\nWhat probes measure beside their verdict.\n")
	p.table(head, values)
	p.f("\n## The exporter itself\n")
	families, err := newSelfMetrics().registry.Gather()
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
		own = append(own, row(collector.Family{Name: f.GetName(), Help: f.GetHelp(), Labels: labels}))
	}
	p.table(head, append(own, []string{"`go_*`, `process_*`", "", "The Go runtime and the process, as client_golang exposes them; without the traffic of the whole network namespace (process_network_*)."}))
	return nil
}

func commandsPage(p *page) error {
	a := &app{}
	k, _, _ := a.commandLine()
	model := k.Model()
	p.start("Commands", model.Help+`

Exit codes: 0 ready or done · 1 a required item fails · 2 wrong usage or configuration · 3 none fails, but unknown (or, for a gate, pending) ones
keep it from being ready · 4 the program itself could not go on.

Without a command, `+"`serve`"+` runs.`)
	p.f("\n## Flags of every command\n")
	p.flags(model.Flags)
	for _, c := range model.FlattenedCommands() {
		if c.FullCommand == "help" {
			continue
		}
		p.f("\n## %s\n\n%s\n\n```\ncatalyst_exporter %s\n```\n", c.FullCommand, c.Help, strings.TrimSpace(c.FullCommand+" "+usage(c)))
		var rows [][]string
		for _, arg := range c.Args {
			rows = append(rows, []string{code(strings.ToUpper(arg.Name)), "", arg.Help})
		}
		if len(rows) > 0 {
			p.table([]string{"Argument", "Default", "What it is"}, rows)
		}
		p.flags(c.Flags)
	}
	return nil
}

func usage(c *kingpin.CmdModel) string {
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
		p.table([]string{"Flag", "Default", "What it does"}, rows)
	}
}
