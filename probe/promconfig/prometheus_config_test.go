package promconfig

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

const sound = `global:
  external_labels: {cluster: shop}
rule_files: [rules/*.yml]
scrape_configs:
  - job_name: api
    static_configs: [{targets: ['api:8080']}]
  - job_name: node
    file_sd_configs: [{files: [targets/*.json]}]
  - job_name: pods
    kubernetes_sd_configs: [{role: pod}]
alerting:
  alertmanagers: [{static_configs: [{targets: ['alertmanager:9093']}]}]
`

func folder() probetest.Folder {
	return probetest.Folder{
		"prometheus/prometheus.yml":    sound,
		"prometheus/rules/api.yml":     "groups: [{name: api, rules: [{alert: Down, expr: up == 0}, {record: a:b, expr: sum(x)}]}]\n",
		"prometheus/targets/node.json": `[{"targets": ["node:9100"]}]`,
		"compose.yaml":                 "services:\n  prometheus:\n    image: prom/prometheus:v3.0.0\n    command: [--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.retention.time=30d]\n",
	}
}

const everything = "path: prometheus/prometheus.yml, jobs: [api, node, pods], require: [rule_files, alerting, external_labels, targets], min_retention: 30d"

func TestPrometheusConfig_Verdicts(t *testing.T) {
	const pass, fail, unknown = probe.StatePass, probe.StateFail, probe.StateUnknown
	const main, rules, targets, compose = "prometheus/prometheus.yml", "prometheus/rules/api.yml", "prometheus/targets/node.json", "compose.yaml"
	for name, test := range map[string]struct {
		file, old, new string // old "" replaces the whole file
		state          probe.State
		reason         probe.Reason
		detail         string
	}{
		"sound":             {main, "x", "x", pass, "", "holds"},
		"absolute paths":    {main, "rules/*.yml", "/etc/prometheus/rules/*.yml", pass, "", ""},
		"other discovery":   {main, "kubernetes_sd_configs: [{role: pod}]", "dns_sd_configs: [{names: [a]}]", pass, "", ""},
		"targets in YAML":   {main, "targets/*.json", "targets/*", pass, "", ""},
		"drops one metric":  {main, "job_name: pods", "job_name: pods\n    metric_relabel_configs: [{action: drop, source_labels: [__name__], regex: go_.*}]", pass, "", ""},
		"retention in file": {main, "alerting:", "storage: {tsdb: {retention: {time: 90d}}}\nalerting:", pass, "", ""},

		"job renamed":           {main, "job_name: api", "job_name: apl", fail, probe.ReasonMissing, "no scrape job is called api"},
		"job commented out":     {main, "  - job_name: api\n    static_configs: [{targets: ['api:8080']}]\n", "#  - job_name: api\n", fail, probe.ReasonMissing, "api"},
		"job twice":             {main, "job_name: node", "job_name: api", fail, probe.ReasonInvalid, "two scrape jobs are called api"},
		"no targets":            {main, "['api:8080']", "[]", fail, probe.ReasonEmpty, "scrape job api has no targets"},
		"targets commented":     {main, "    static_configs: [{targets: ['api:8080']}]\n", "#    static_configs: [{targets: ['api:8080']}]\n", fail, probe.ReasonEmpty, "no targets"},
		"target is a URL":       {main, "api:8080", "http://api:8080/metrics", fail, probe.ReasonInvalid, "not host:port"},
		"empty discovery":       {main, "[{role: pod}]", "[]", fail, probe.ReasonEmpty, "scrape job pods has no targets"},
		"target file missing":   {main, "targets/*.json", "target/*.json", fail, probe.ReasonEmpty, "no target file"},
		"target file elsewhere": {main, "targets/*.json", "/run/sd/*.json", unknown, probe.ReasonError, "not in the deployment's folder"},
		"target file empty":     {targets, "", "[]", fail, probe.ReasonEmpty, "scrape job node has no targets"},
		"target file invalid":   {targets, "", "[{", fail, probe.ReasonInvalid, "not a valid target file"},
		"drops all targets":     {main, "job_name: api", "job_name: api\n    relabel_configs: [{action: drop}]", fail, probe.ReasonInvalid, "drops all its targets"},
		"drops all samples":     {main, "job_name: api", "job_name: api\n    metric_relabel_configs: [{action: drop, source_labels: [__name__], regex: .*}]", fail, probe.ReasonInvalid, "drops all its samples"},
		"template":              {main, "api:8080", "${API}:8080", unknown, probe.ReasonError, "a template"},

		"no rule_files":            {main, "rule_files: [rules/*.yml]\n", "", fail, probe.ReasonMissing, "no rule_files"},
		"rule_files match nothing": {main, "rules/*.yml", "alerts/*.yml", fail, probe.ReasonMissing, "no file matches alerts/*.yml"},
		"rule_files elsewhere":     {main, "rules/*.yml", "/etc/prometheus/alerts/*.yml", unknown, probe.ReasonError, "rule_files are not in the deployment's folder"},
		"rule file empty":          {rules, "", "", fail, probe.ReasonEmpty, "contains no rule"},
		"no groups":                {rules, "", "groups: []\n", fail, probe.ReasonEmpty, "contains no rule"},
		"rule without expr":        {rules, "expr: up == 0", "for: 1m", fail, probe.ReasonInvalid, "without a name or expression"},
		"rule file broken":         {rules, "", "groups: [", fail, probe.ReasonInvalid, "is not valid"},

		"no alerting":        {main, "alerting:\n  alertmanagers: [{static_configs: [{targets: ['alertmanager:9093']}]}]\n", "", fail, probe.ReasonMissing, "no Alertmanager"},
		"no Alertmanager":    {main, "['alertmanager:9093']", "[]", fail, probe.ReasonEmpty, "alerting has no targets"},
		"drops alerts":       {main, "alerting:", "alerting:\n  alert_relabel_configs: [{action: drop}]", fail, probe.ReasonInvalid, "drops all alerts"},
		"no external labels": {main, "{cluster: shop}", "{}", fail, probe.ReasonMissing, "no external_labels"},
		"empty label":        {main, "{cluster: shop}", "{cluster: ''}", fail, probe.ReasonEmpty, "cluster is empty"},

		"short retention":    {compose, "30d]", "7d]", fail, probe.ReasonThreshold, "less than"},
		"default retention":  {compose, ", --storage.tsdb.retention.time=30d", "", fail, probe.ReasonThreshold, "15d by default"},
		"retention as words": {compose, "--storage.tsdb.retention.time=30d", "--storage.tsdb.retention.time, 31d", pass, "", ""},
		"invalid retention":  {compose, "30d]", "long]", fail, probe.ReasonInvalid, "not a duration"},
		"unknown command":    {compose, "prom/prometheus:v3.0.0", "nginx", unknown, probe.ReasonError, "retention is unknown"},

		"not YAML":  {main, "", "scrape_configs: [", fail, probe.ReasonInvalid, "not a valid configuration"},
		"a list":    {main, "", "- a\n", fail, probe.ReasonInvalid, "not a valid configuration"},
		"empty":     {main, "", "", fail, probe.ReasonMissing, ""},
		"binary":    {main, "", "\x00\x01", fail, probe.ReasonInvalid, "not a valid configuration"},
		"deep":      {main, "", strings.Repeat("[", 5000), fail, probe.ReasonInvalid, ""},
		"too large": {main, "", "#" + strings.Repeat("x", maxFile), fail, probe.ReasonInvalid, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			f := folder()
			text := test.new
			if test.old != "" {
				if text = strings.ReplaceAll(f[test.file], test.old, test.new); text == f[test.file] && test.old != test.new {
					t.Fatalf("%q is not in the file", test.old)
				}
			}
			f[test.file] = text
			got := probetest.Look(t, probetest.NewPass(t, f, deployment.Settings{}), ConfigKind(), "{"+everything+"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
		})
	}
	got := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), ConfigKind(), "{"+everything+"}")
	probetest.Expect(t, got, fail, probe.ReasonMissing, "no such file")
}

func TestPrometheusConfig_Pipe(t *testing.T) {
	p := probetest.NewPass(t, nil, deployment.Settings{})
	if err := syscall.Mkfifo(filepath.Join(p.Deployment.Root, "p.yml"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := probetest.Look(t, p, ConfigKind(), "{path: p.yml, jobs: [a]}")
	probetest.Expect(t, got, probe.StateFail, probe.ReasonInvalid, "not a regular file")
}

func TestPrometheusConfig_Breakages(t *testing.T) {
	p := probetest.NewPass(t, folder(), deployment.Settings{})
	spec, problems := probetest.Decode(ConfigKind(), "{"+everything+"}")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	all := ConfigKind().Breakages(spec, p.View)
	if len(all) < 8 {
		t.Errorf("%d breakages", len(all))
	}
	for _, b := range all {
		f := folder()
		after := b.Edit([]byte(sound))
		if f["prometheus/prometheus.yml"] = string(after); after == nil {
			delete(f, "prometheus/prometheus.yml")
		}
		if got := probetest.Look(t, probetest.NewPass(t, f, deployment.Settings{}), ConfigKind(), "{"+everything+"}"); got.State != probe.StateFail {
			t.Errorf("%s: %+v", b.Name, got)
		}
	}
}
