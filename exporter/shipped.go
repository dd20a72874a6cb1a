package exporter

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/alerts"
	"github.com/thenexusengine/catalyst_exporter/dashboards"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
)

// shippedCommands adds the commands that print the embedded files for Prometheus, Alertmanager and Grafana. They read no
// configuration: apart from the scrape job's name, the files are the same for every deployment.
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

	var whole bool
	am := k.Command("alertmanager", "Print routes, receivers and inhibition rules to merge into an Alertmanager configuration.")
	am.Flag("complete", "Print a complete configuration instead, for a new Alertmanager.").BoolVar(&whole)
	add(am, func(context.Context) (int, error) {
		if whole {
			return a.print(alerts.Alertmanager())
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

// print writes to the standard output.
func (a *app) print(text []byte) (int, error) {
	_, err := a.Stdout.Write(text)
	return ExitReady, err
}
