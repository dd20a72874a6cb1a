package provisioning

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func folder(secret string) probetest.Folder {
	return probetest.Folder{
		"grafana/provisioning/datasources/all.yaml": "apiVersion: 1\ndatasources:\n- {name: Prometheus, type: prometheus, uid: prom, url: 'http://prometheus:9090', isDefault: true, secureJsonData: {password: " + secret + "}}\n- {name: Loki, type: loki, url: 'http://loki:3100'}\n",
		"grafana/provisioning/dashboards/all.yaml":  "apiVersion: 1\nproviders:\n- {name: all, type: file, options: {path: /var/lib/grafana/dashboards}}\n",
		"grafana/dashboards/api.json":               `{"uid": "api", "title": "API", "templating": {"list": [{"name": "ds", "type": "datasource", "query": "prometheus"}]}, "panels": [{"type": "timeseries", "gridPos": {}, "datasource": {"type": "prometheus", "uid": "prom"}, "targets": [{"datasource": {"uid": "${ds}"}}]}]}`,
		"grafana/dashboards/more/logs.json":         `{"uid": "logs", "title": "Logs", "panels": [{"type": "logs", "gridPos": {}, "datasource": "Loki"}], "annotations": {"list": [{"datasource": {"uid": "-- Grafana --"}}]}}`,
	}
}

func TestGrafanaProvisioning_Verdicts(t *testing.T) {
	const pass, fail, unknown = probe.StatePass, probe.StateFail, probe.StateUnknown
	const sources, providers, api, logs = "grafana/provisioning/datasources/all.yaml", "grafana/provisioning/dashboards/all.yaml", "grafana/dashboards/api.json", "grafana/dashboards/more/logs.json"
	secret := parts.Secret()
	for name, test := range map[string]struct {
		file, old, new string // old "" replaces the whole file, new "" of that deletes it
		more           string
		state          probe.State
		reason         probe.Reason
		detail         string
	}{
		"sound":              {sources, "x", "x", "", pass, "", "2 data sources and 2 dashboards provisioned"},
		"by pattern":         {providers, "/var/lib/grafana/dashboards", "/elsewhere", ", dashboards: ['grafana/dashboards/**/*.json']", pass, "", ""},
		"generated uid":      {logs, `"datasource": "Loki"`, `"datasource": {"uid": "P8E80F9AEF21F6940"}`, "", pass, "", ""},
		"default source":     {logs, `"datasource": "Loki"`, `"datasource": null`, "", pass, "", ""},
		"uid by environment": {sources, "uid: prom", "uid: $PROM_UID", "", pass, "", ""},

		"no sources":          {sources, "", "", "", fail, probe.ReasonMissing, "no YAML file in datasources"},
		"empty sources":       {sources, "", "apiVersion: 1\n", "", fail, probe.ReasonMissing, "no data source"},
		"commented sources":   {sources, "", "# datasources:\n", "", fail, probe.ReasonMissing, "no data source"},
		"broken sources":      {sources, "", "datasources: [", "", fail, probe.ReasonInvalid, "not a valid provisioning file"},
		"sources of text":     {sources, "", "datasources: all\n", "", fail, probe.ReasonInvalid, "not a valid provisioning file"},
		"no type":             {sources, "type: loki, ", "", "", fail, probe.ReasonInvalid, "no name or no type"},
		"one name":            {sources, "name: Loki", "name: Prometheus", "", fail, probe.ReasonInvalid, "one name or uid"},
		"two defaults":        {sources, "type: loki", "type: loki, isDefault: true", "", fail, probe.ReasonInvalid, "are the default"},
		"type missing":        {sources, "x", "x", ", datasources: [tempo]", fail, probe.ReasonMissing, "no data source of type tempo"},
		"no providers":        {providers, "", "", "", fail, probe.ReasonMissing, "no provider"},
		"empty providers":     {providers, "", "providers: []\n", "", fail, probe.ReasonMissing, "no provider"},
		"no folder":           {providers, "/var/lib/grafana/dashboards", "/elsewhere", "", unknown, probe.ReasonError, "not in the deployment's folder"},
		"no path":             {providers, "{path: /var/lib/grafana/dashboards}", "{}", "", fail, probe.ReasonMissing, "no options.path"},
		"no dashboards match": {providers, "x", "x", ", dashboards: ['d/*.json']", fail, probe.ReasonMissing, "no dashboard matches"},
		"broken dashboard":    {api, "", "{", "", fail, probe.ReasonInvalid, "grafana/dashboards/api.json: not a valid dashboard"},
		"binary dashboard":    {api, "", "\x00", "", fail, probe.ReasonInvalid, "not a valid dashboard"},
		"list":                {api, "", "[]", "", fail, probe.ReasonInvalid, "not a valid dashboard"},
		"no title":            {api, `"title": "API", `, "", "", fail, probe.ReasonMissing, "no title"},
		"no panel":            {api, "", `{"title": "API", "panels": []}`, "", fail, probe.ReasonEmpty, "no panel"},
		"uid twice":           {api, `"uid": "api"`, `"uid": "logs"`, "", fail, probe.ReasonInvalid, "has the uid of"},
		"source missing":      {api, `"uid": "prom"`, `"uid": "prometheus-1"`, "", fail, probe.ReasonMismatch, "a data source that is not provisioned"},
		"source renamed":      {sources, "uid: prom", "uid: prom2", "", fail, probe.ReasonMismatch, "not provisioned"},
		"input not filled in": {api, "${ds}", "${DS_PROMETHEUS}", "", fail, probe.ReasonMismatch, "provisioning fills in no inputs"},
	} {
		t.Run(name, func(t *testing.T) {
			f := folder(secret)
			text := test.new
			if test.old != "" {
				if text = strings.ReplaceAll(f[test.file], test.old, test.new); text == f[test.file] && test.old != test.new {
					t.Fatalf("%q is not in the file", test.old)
				}
			}
			f[test.file] = text
			if test.old == "" && test.new == "" {
				f = f.Lacks(test.file)
			}
			got := probetest.Look(t, probetest.NewPass(t, f, deployment.Settings{}), ProvisioningKind(), "{path: grafana/provisioning"+test.more+"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, secret)
		})
	}
	empty := folder(secret).Lacks(api).Lacks(logs)
	empty["grafana/dashboards/README.md"] = "x"
	got := probetest.Look(t, probetest.NewPass(t, empty, deployment.Settings{}), ProvisioningKind(), "{path: grafana/provisioning}")
	probetest.Expect(t, got, fail, probe.ReasonEmpty, "the folder of a provider has no dashboard")
}

func TestGrafanaProvisioning_Breakages(t *testing.T) {
	base := folder("x")
	p := probetest.NewPass(t, base, deployment.Settings{})
	spec, problems := probetest.Decode(ProvisioningKind(), "{path: grafana/provisioning}")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	all := ProvisioningKind().Breakages(spec, p.View)
	if len(all) < 6 {
		t.Errorf("%d breakages", len(all))
	}
	for _, b := range all {
		f, name := folder("x"), p.Deployment.Rel(b.File)
		after := b.Edit([]byte(f[name]))
		if f[name] = string(after); after == nil {
			f = f.Lacks(name)
		}
		if got := probetest.Look(t, probetest.NewPass(t, f, deployment.Settings{}), ProvisioningKind(), "{path: grafana/provisioning}"); got.State != probe.StateFail {
			t.Errorf("%s %s: %+v", name, b.Name, got)
		}
	}
}
