package kinds

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// leastBreakages is how many ways to break its files a kind declares at least.
const leastBreakages = 3

// withoutBreakages lists kinds that read files but declare no breakages, each with the reason.
var withoutBreakages = map[string]string{
	"git_secrets":         "reads the git repository, which challenge never copies",
	"git_untracked":       "reads the git repository, which challenge never copies",
	"release_record":      "reads the exporter's own records, not files of the deployment",
	"rollback_backup":     "reads the exporter's own records and the backups they name",
	"sign_off":            "attests one release, whose record challenge never copies",
	"ufw_rules":           "reads files of the host, outside the deployment's folder",
	"backup_file":         "reads backups, which challenge never copies",
	"recovery_objectives": "compares the plan with backups, which challenge never copies",
}

// breakable is a deployment in which the examples of all kinds that read files have something to break.
func breakable() probetest.Folder {
	return probetest.Folder{
		".env.production": "REDIS_PASSWORD=" + parts.Secret() + "\nDB_PASSWORD=" + parts.Secret() + "\nPBS_ENFORCE_GDPR=true\n" +
			"PBS_ENFORCE_CCPA=true\nDB_MAX_OPEN_CONNS=20\nDB_MAX_IDLE_CONNS=5\nLOG_LEVEL=info\n",
		"compose.yaml": `services:
  catalyst:
    image: catalyst:1.0.0
    env_file: .env.production
    restart: always
    healthcheck: {test: curl -f http://localhost/}
    logging: {driver: loki, options: {loki-url: "http://loki:3100/loki/api/v1/push"}}
    deploy:
      resources:
        limits: {cpus: "1", memory: 1G}
  postgres:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: "${DB_PASSWORD}"}
  redis:
    image: redis:7
    logging: {driver: gelf, options: {gelf-address: "udp://logs:12201"}}
    command: redis-server --requirepass ${REDIS_PASSWORD}
`,
		"cron.d/app":                "# jobs\n0 3 * * * app backup.sh\n",
		"prometheus/prometheus.yml": "global:\n  external_labels: {cluster: a}\nrule_files: [rules.yml]\nscrape_configs:\n- job_name: api\n  static_configs: [{targets: [api:80]}]\nalerting:\n  alertmanagers: [{static_configs: [{targets: [am:9093]}]}]\n",
		"certs/shop.pem":            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"on-call.ics":               "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:a\r\nDTSTART:20260101T000000Z\r\nDURATION:P1D\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		"grafana/provisioning/datasources/a.yaml": "datasources:\n- {name: a, type: prometheus, uid: a}\n",
		"grafana/provisioning/dashboards/a.yaml":  "providers:\n- {name: a, options: {path: /var/lib/grafana/dashboards}}\n",
		"grafana/dashboards/a.json":               `{"title": "a", "panels": [{"type": "text", "gridPos": {}}]}`,
		"k8s/api.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: api}}\n" +
			"  template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n      - name: api\n        image: api:1.0.0\n" +
			"        readinessProbe: {tcpSocket: {port: 80}}\n        resources:\n          limits: {memory: 1Gi}\n" +
			"---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: api}\nspec:\n  minAvailable: 1\n  selector: {matchLabels: {app: api}}\n",
		"Dockerfile":                              "FROM alpine:3.22\nHEALTHCHECK CMD wget -q http://localhost/\n",
		"CHANGELOG.md":                            "# Changelog\n\n## [1.0.0] - 2026-01-31\n\n- The first release.\n",
		"DISASTER-RECOVERY.md":                    "# Recovery\n\nRTO: 4 hours. RPO: 24 hours.\n",
		"RUNBOOK.md":                              "# Runbook\n\n| Role | Contact | Escalation |\n|---|---|---|\n| DevOps Lead | +49 1 | the CTO |\n",
		"docs/architecture.mmd":                   "flowchart LR\n  catalyst --> postgres\n  catalyst --> redis\n",
		"migrations/001_initial.sql":              "CREATE TABLE publishers (id int);\n",
		"alertmanager.yml":                        "route: {receiver: ops}\nreceivers:\n  - name: ops\n    webhook_configs: [{url: 'http://hooks:80/'}]\n",
		"nginx/nginx.conf":                        "http {\n  split_clients $remote_addr $up {\n    5% catalyst_green;\n    * catalyst_blue;\n  }\n  upstream catalyst_green { server a:1; }\n  upstream catalyst_blue { server b:1; }\n  server { listen 80; location / { proxy_pass http://$up; } }\n}\n",
		"ssl/server.crt":                          "-----BEGIN CERTIFICATE-----\n",
		"ssl/server.key":                          "not a key\n",
		".catalyst/attestations/a.yaml":           "item: backup/disaster_recovery_plan\nby: a@example.com\nat: 2026-01-31T12:00:00Z\nvalid_for: 90d\n",
		".catalyst/attestations/b.yaml":           "item: security/firewall_rules\nby: a@example.com\nat: 2026-01-31T12:00:00Z\nvalid_for: 90d\n",
		".catalyst/evidence/tests.json":           "{}\n",
		".catalyst/evidence/tests.json.meta.yaml": "exit_code: 0\n",
	}
}

// Every kind that reads files of the deployment says how to break them.
func TestBreakages(t *testing.T) {
	for _, k := range All() {
		reads := k.Layer == probe.LayerDeclared || k.Layer == probe.LayerEvidence || k.Layer == probe.LayerAttested
		reason, exempt := withoutBreakages[k.Name]
		switch {
		case !reads && k.Breakages != nil:
			t.Errorf("%s declares breakages, but challenge runs only kinds of the layers declared, evidence and attested", k.Name)
		case !reads && exempt, exempt && (reason == "" || k.Breakages != nil):
			t.Errorf("%s: remove it from withoutBreakages", k.Name)
		case !reads || exempt:
		case k.Breakages == nil:
			t.Errorf("%s declares no breakages; edit %s", k.Name, place(k.New))
		default:
			t.Run(k.Name, func(t *testing.T) { checkBreakages(t, k) })
		}
	}
	for name := range withoutBreakages {
		if _, ok := Find(name); !ok {
			t.Errorf("withoutBreakages lists %s, which is not a kind", name)
		}
	}
}

func checkBreakages(t *testing.T, k probe.Kind) {
	spec, problems := probetest.Decode(k, k.Example)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	view := probetest.NewPass(t, breakable(), deployment.Settings{}).View
	seen, apply := map[string]bool{}, 0
	for _, b := range k.Breakages(spec, view) {
		id := b.File + ": " + b.Name
		if b.Name == "" || b.File == "" || (b.Edit == nil) == (b.Mode == 0) || seen[id] {
			t.Errorf("breakage %q is incomplete or declared twice", id)
			continue
		}
		seen[id] = true
		content, err := os.ReadFile(view.Deployment.Abs(b.File))
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if b.Mode != 0 {
			apply++
			continue
		}
		kept := bytes.Clone(content)
		if after := b.Edit(content); after == nil || !bytes.Equal(after, content) {
			apply++
		}
		if !bytes.Equal(kept, content) {
			t.Errorf("%s modifies its argument", id)
		}
	}
	if apply < leastBreakages {
		t.Errorf("%d breakages change a file of the deployment in breakable, expected at least %d", apply, leastBreakages)
	}
	empty := probetest.NewPass(t, nil, deployment.Settings{}).View
	for _, b := range k.Breakages(spec, empty) {
		if _, err := os.Lstat(filepath.Clean(empty.Deployment.Abs(b.File))); errors.Is(err, fs.ErrNotExist) {
			t.Errorf("breaks %s of an empty deployment", b.File)
		}
	}
}
