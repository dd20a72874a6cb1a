package dashboards

import "slices"

// What an import asks for and checks: the data source, and the parts of Grafana that the panels use.

// sourceInput is the name of the input for the data source. A dashboard that is provisioned from a file is not imported:
// the variable then takes the first data source, since it has no value of this name.
const sourceInput = "DS_PROMETHEUS"

func inputs() []input {
	return []input{{
		Name: sourceInput, Label: "Prometheus", Description: "Prometheus with the exporter's series.", Type: "datasource",
		PluginID: "prometheus", PluginName: "Prometheus",
	}}
}

func requirements(panels []panel) []requirement {
	all := []requirement{{"grafana", "grafana", "Grafana", "9.0.0"}, {"datasource", "prometheus", "Prometheus", "1.0.0"}}
	names := map[string]string{
		"stat": "Stat", "table": "Table", "state-timeline": "State timeline", "timeseries": "Time series", "bargauge": "Bar gauge",
	}
	for _, p := range panels {
		r := requirement{"panel", p.Type, names[p.Type], ""}
		if p.Type != "row" && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}
