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
	"git_secrets":     "reads the git repository, which challenge never copies",
	"git_untracked":   "reads the git repository, which challenge never copies",
	"release_record":  "reads the exporter's own records, not files of the deployment",
	"rollback_backup": "reads the exporter's own records and the backups they name",
	"ufw_rules":       "reads files of the host, outside the deployment's folder",

	"alertmanager_config": "not declared yet",
	"backup_file":         "not declared yet",
	"changelog":           "not declared yet",
	"compose_config":      "not declared yet",
	"compose_logging":     "not declared yet",
	"compose_ports":       "not declared yet",
	"compose_postgres":    "not declared yet",
	"compose_redis":       "not declared yet",
	"compose_secrets":     "not declared yet",
	"compose_service":     "not declared yet",
	"contacts":            "not declared yet",
	"diagram":             "not declared yet",
	"document":            "not declared yet",
	"env_file":            "not declared yet",
	"env_number":          "not declared yet",
	"env_placeholders":    "not declared yet",
	"env_secret":          "not declared yet",
	"env_word":            "not declared yet",
	"evidence":            "not declared yet",
	"file_content":        "not declared yet",
	"migrations":          "not declared yet",
	"nginx_split":         "not declared yet",
	"recovery_objectives": "not declared yet",
	"tls_files":           "not declared yet",
}

// breakable is a deployment in which the examples of all kinds that read files have something to break.
func breakable() probetest.Folder {
	return probetest.Folder{
		".env.production": "REDIS_PASSWORD=" + parts.Secret() + "\nPBS_ENFORCE_GDPR=true\nPBS_ENFORCE_CCPA=true\n" +
			"DB_MAX_OPEN_CONNS=20\nDB_MAX_IDLE_CONNS=5\nLOG_LEVEL=info\n",
		"compose.yaml": "services:\n  catalyst:\n    image: catalyst:1.0.0\n    env_file: .env.production\n" +
			"    deploy:\n      resources:\n        limits: {cpus: \"1\", memory: 1G}\n",
		"cron.d/app":                "# jobs\n0 3 * * * app backup.sh\n",
		"prometheus/prometheus.yml": "global:\n  external_labels: {cluster: a}\nrule_files: [rules.yml]\nscrape_configs:\n- job_name: api\n  static_configs: [{targets: [api:80]}]\nalerting:\n  alertmanagers: [{static_configs: [{targets: [am:9093]}]}]\n",
		"certs/shop.pem":            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"k8s/api.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: api}}\n" +
			"  template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n      - name: api\n        image: api:1.0.0\n" +
			"        readinessProbe: {tcpSocket: {port: 80}}\n        resources:\n          limits: {memory: 1Gi}\n" +
			"---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: api}\nspec:\n  minAvailable: 1\n  selector: {matchLabels: {app: api}}\n",
	}
}

// Every kind that reads files of the deployment says how to break them.
func TestBreakages(t *testing.T) {
	for _, k := range All() {
		reads := k.Layer == probe.LayerDeclared || k.Layer == probe.LayerEvidence
		reason, exempt := withoutBreakages[k.Name]
		switch {
		case !reads && k.Breakages != nil:
			t.Errorf("%s declares breakages, but challenge runs only kinds of the layers declared and evidence", k.Name)
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
		if b.Name == "" || b.File == "" || b.Edit == nil || seen[id] {
			t.Errorf("breakage %q is incomplete or declared twice", id)
			continue
		}
		seen[id] = true
		content, err := os.ReadFile(view.Deployment.Abs(b.File))
		if err != nil {
			t.Errorf("%s: %v", id, err)
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
