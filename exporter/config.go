package exporter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/deployment/discovery"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

func (a *app) configCommands(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	c := k.Command("config", "Check the configuration, or print its schema or what was discovered in the deployment.")
	add(c.Command("check", "Validate the configuration and the checklist, and report all errors."), a.configCheck)
	add(c.Command("discover", "Print what was found in the deployment's folder, what was chosen and what it implies."), a.configDiscover)
	var of string
	printing := c.Command("schema", "Print the JSON Schema of the configuration file or of a checklist file, for editors.")
	printing.Flag("of", "File to describe: config, checklist or fragment, which is a file that a checklist includes.").
		Default("config").EnumVar(&of, "config", "checklist", "fragment")
	add(printing, func(context.Context) (int, error) { return a.configSchema(of) })
}

func (a *app) configCheck(context.Context) (int, error) {
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	probes := 0
	for _, it := range s.Checklist.Items() {
		probes += len(it.Probes)
	}
	_, err = fmt.Fprintf(a.Stdout, "configuration is valid: checklist %q, %d items, %d probes, %d deployments\n",
		s.Checklist.Name, len(s.Checklist.Items()), probes, len(s.Targets))
	var warnings []string
	for _, t := range s.Targets { // requested waivers are those of a deployment
		for _, warning := range t.Checklist.WaiverWarnings(a.Now(), s.MaxWaiver) {
			if !slices.Contains(warnings, warning) {
				warnings = append(warnings, warning)
			}
		}
	}
	for _, warning := range slices.Concat(warnings, s.Checklist.EssentialWarnings(), s.Checklist.PlaceholderWarnings(), s.Checklist.SignOffWarnings()) {
		if err == nil {
			_, err = fmt.Fprintf(a.Stdout, "warning: %s\n", warning)
		}
	}
	return ExitReady, err
}

func (a *app) configDiscover(context.Context) (int, error) {
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	var b bytes.Buffer
	for _, t := range s.Targets {
		if t.Name != "" {
			fmt.Fprintf(&b, "target %s\n", t.Name)
		}
		for _, f := range discovery.Findings(t.Deployment) {
			value := f.Value
			if value == "" {
				value = "none"
			}
			fmt.Fprintf(&b, "%s: %s (%s)\n", f.Fact, phrase.Printable(value), f.How)
			for _, other := range f.Others {
				fmt.Fprintf(&b, "    not chosen: %s\n", phrase.Printable(other))
			}
			if f.Implies != "" {
				fmt.Fprintf(&b, "    %s\n", phrase.Printable(f.Implies))
			}
		}
	}
	_, err = a.Stdout.Write(b.Bytes())
	return ExitReady, err
}

func (a *app) configSchema(of string) (int, error) {
	form := configJSON()
	switch of {
	case "checklist":
		form = checklistJSON()
	case "fragment":
		form = fragmentJSON()
	}
	data, err := json.MarshalIndent(form, "", "  ")
	if err != nil {
		return 0, err
	}
	_, err = a.Stdout.Write(append(data, '\n'))
	return ExitReady, err
}
