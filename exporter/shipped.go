package exporter

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/alerts"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/dashboards"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
)

// shippedCommands adds the commands that print the embedded files for Prometheus, Alertmanager and Grafana. Only
// alertmanager --owners reads the configuration: apart from the scrape job's name, the files are the same for every deployment.
func (a *app) shippedCommands(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var job, ruleFormat, boardJob, boardName string
	rules := k.Command("rules", "Print the recording and alerting rules as a complete rule file for Prometheus.")
	rules.Flag("job", "job_name of the exporter in the Prometheus scrape configuration.").Default(alerts.DefaultJob).PlaceHolder("NAME").StringVar(&job)
	rules.Flag("format", "file for Prometheus, or crd: a PrometheusRule for the Prometheus Operator.").Default("file").EnumVar(&ruleFormat, "file", "crd")
	add(rules, func(context.Context) (int, error) {
		print := alerts.Rules
		if ruleFormat == "crd" {
			print = alerts.Resource
		}
		text, err := print(job)
		if err != nil {
			return 0, usage.Error{Err: err}
		}
		return a.print(text)
	})

	var whole, owners bool
	am := k.Command("alertmanager", "Print routes, receivers and inhibition rules to merge into an Alertmanager configuration.")
	am.Flag("complete", "Print a complete configuration instead, for a new Alertmanager.").BoolVar(&whole)
	am.Flag("owners", "Add a route and receivers for each owner that the checklist names.").BoolVar(&owners)
	add(am, func(context.Context) (int, error) {
		switch {
		case whole && owners:
			return 0, usage.Errorf("--owners adds to the fragment: merge it into the output of --complete")
		case whole:
			return a.print(alerts.Alertmanager())
		case owners:
			return a.printOwners()
		}
		return a.print(alerts.AlertmanagerFragment())
	})

	board := k.Command("dashboard", "Print a dashboard for import into Grafana.")
	board.Flag("board", "Which one: readiness (of a deployment) or fleet (all deployments, worst first).").Default("readiness").EnumVar(&boardName, "readiness", "fleet")
	board.Flag("job", "Scrape job that is selected when the dashboard opens; defaults to all jobs with series.").PlaceHolder("NAME").StringVar(&boardJob)
	add(board, func(context.Context) (int, error) {
		show := dashboards.Readiness
		if boardName == "fleet" {
			show = dashboards.Fleet
		}
		text, err := show(boardJob)
		if err != nil {
			return 0, usage.Error{Err: err}
		}
		return a.print(text)
	})
}

// printOwners prints the fragment with the routes of the checklist's owners.
func (a *app) printOwners() (int, error) {
	s, err := a.source().Load(collector.NewLimits())
	if err != nil {
		return 0, err
	}
	defer s.Close()
	var items []alerts.Item
	owned := false
	for _, it := range s.Checklist.Items() {
		items = append(items, alerts.Item{Category: it.Category, Name: it.Name, Owner: it.Owner})
		owned = owned || it.Owner != ""
	}
	if !owned {
		return 0, usage.Errorf("--owners: no item has an owner: set owner in the checklist, or in overrides of the configuration")
	}
	text, err := alerts.Owned(items)
	if err != nil {
		return 0, usage.Error{Err: err}
	}
	return a.print(text)
}

// print writes to the standard output.
func (a *app) print(text []byte) (int, error) {
	_, err := a.Stdout.Write(text)
	return ExitReady, err
}
