package exporter

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/alerts"
	"github.com/thenexusengine/catalyst_exporter/dashboards"
)

// shippedCommands print what ships with the exporter, as files for Prometheus, Alertmanager and Grafana. They read no configuration: what they
// print is the same for every deployment but for the name of the scrape job.
func (a *app) shippedCommands(k *kingpin.Application, add func(*kingpin.CmdClause, command)) {
	var job, boardJob string
	rules := k.Command("rules", "Print the recording and alerting rules, a complete rule file for Prometheus.")
	rules.Flag("job", "Name of the scrape job of the exporter, as Prometheus's configuration calls it.").Default(alerts.DefaultJob).PlaceHolder("NAME").StringVar(&job)
	add(rules, func(context.Context) (int, error) {
		text, err := alerts.Rules(job)
		if err != nil {
			return 0, usageError{err}
		}
		return a.print(text)
	})

	var whole bool
	am := k.Command("alertmanager", "Print routes, receivers and inhibitions to merge into the configuration of an Alertmanager.")
	am.Flag("complete", "Print a complete configuration instead, for an Alertmanager that has none.").BoolVar(&whole)
	add(am, func(context.Context) (int, error) {
		if whole {
			return a.print(alerts.Alertmanager())
		}
		return a.print(alerts.AlertmanagerFragment())
	})

	board := k.Command("dashboard", "Print the readiness dashboard, for Grafana to import.")
	board.Flag("job", "Name of the scrape job the dashboard opens with; without it, of every one that has series. It can be chosen on the dashboard, too.").PlaceHolder("NAME").StringVar(&boardJob)
	add(board, func(context.Context) (int, error) {
		text, err := dashboards.Readiness(boardJob)
		if err != nil {
			return 0, usageError{err}
		}
		return a.print(text)
	})
}

// print writes to the standard output.
func (a *app) print(text []byte) (int, error) {
	_, err := a.Stdout.Write(text)
	return ExitReady, err
}
