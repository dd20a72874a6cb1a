package exporter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

// exampleWalk is the example deployment on its way through two releases, with the checklist that ships.
type exampleWalk struct {
	t        *testing.T
	dir      string
	now      time.Time
	env      map[string]string
	commands []string // of the document, not yet run
}

// run runs the program as in the deployment's folder, and returns what it printed.
func (w *exampleWalk) run(want int, line string) string {
	w.t.Helper()
	var out, errs bytes.Buffer
	sys := System{Context: w.t.Context(), Stdout: &out, Stderr: &errs, Now: func() time.Time { return w.now },
		Getenv: func(key string) (string, bool) { v, ok := w.env[key]; return v, ok }}
	line = os.Expand(line, func(name string) string { return w.env[name] })
	var words []string
	for i, word := range strings.Fields(line) {
		if i > 0 && strings.Contains(words[len(words)-1], "=") && !strings.HasPrefix(word, "--") {
			words[len(words)-1] += " " + word // was quoted
			continue
		}
		words = append(words, word)
	}
	args := slices.Concat(words, []string{"--config.file=" + filepath.Join(w.dir, "catalyst.yml"), "--deployment.root=" + w.dir})
	if got := Main(args, sys); got != want {
		w.t.Fatalf("%s: exit code %d, want %d\n%s%s", line, got, want, out.String(), errs.String())
	}
	return out.String()
}

// printed runs the next command of the document, which must begin with the given words.
func (w *exampleWalk) printed(want int, begins string, says ...string) {
	w.t.Helper()
	if len(w.commands) == 0 || !strings.HasPrefix(w.commands[0], begins) {
		w.t.Fatalf("the document's next command is %q, not %s", w.commands, begins)
	}
	line := w.commands[0]
	w.commands = w.commands[1:]
	out := w.run(want, line)
	for _, s := range says {
		if !strings.Contains(out, s) {
			w.t.Errorf("%s: no %q in\n%s", line, s, out)
		}
	}
}

// state returns state and reason of each item.
func (w *exampleWalk) state() map[string]string {
	w.t.Helper()
	var out bytes.Buffer
	sys := System{Context: w.t.Context(), Stdout: &out, Stderr: &out, Now: func() time.Time { return w.now }, Getenv: func(string) (string, bool) { return "", false }}
	Main([]string{"check", "--format=json", "--config.file=" + filepath.Join(w.dir, "catalyst.yml"), "--deployment.root=" + w.dir}, sys)
	var checks struct {
		Items []struct {
			Category, Item, State, Reason string
			Required                      bool
		}
	}
	if err := json.Unmarshal(out.Bytes(), &checks); err != nil {
		w.t.Fatalf("%v: %s", err, out.String())
	}
	all := map[string]string{}
	for _, it := range checks.Items {
		all[it.Category+"/"+it.Item] = strings.TrimSpace(it.State + " " + it.Reason)
	}
	return all
}

func (w *exampleWalk) replace(name, old, text string) {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil || !bytes.Contains(data, []byte(old)) {
		w.t.Fatalf("%s does not contain %q: %v", name, old, err)
	}
	write(w.t, w.dir, name, strings.Replace(string(data), old, text, 1))
}

// TestReleaseWalk_Example runs the commands of docs/release.md in order on the example deployment.
func TestReleaseWalk_Example(t *testing.T) {
	probetest.ForgetAWS(t)
	w := &exampleWalk{t: t, dir: exampleCopy(t), now: time.Now().Truncate(time.Second)}
	aws := probetest.StartAWS(t)
	resolver := probetest.Resolver(t, func(rw dns.ResponseWriter, q *dns.Msg) { _ = rw.WriteMsg(probetest.Records(q, "192.0.2.7")) })
	engine := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { // without containers
		rw.Header().Set("Api-Version", "1.47")
		if strings.HasSuffix(r.URL.Path, "/containers/json") {
			_, _ = rw.Write([]byte("[]"))
		}
	}))
	t.Cleanup(engine.Close)
	scripted := &scriptedPrometheus{value: "0.001", labels: `{"job":"catalyst"}`}
	prometheus := httptest.NewServer(scripted)
	t.Cleanup(prometheus.Close)
	text, err := os.ReadFile("../docs/release.md")
	if err != nil {
		t.Fatal(err)
	}
	w.env = map[string]string{"SHA": "4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192", "NEXT": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"}
	w.commands = documented(string(text), func(name string) string { return "${" + name + "}" })

	// The configuration of the document, and three people with a key in their own home folder.
	var signers strings.Builder
	for _, who := range []string{"you", "manager", "security"} {
		key := filepath.Join(w.home(who), ".ssh", "id_ed25519")
		write(t, filepath.Dir(key), "config", "")
		_, _ = fmt.Fprintf(&signers, "%s@your.org %s\n", who, strings.TrimSpace(sshKey(t, key)))
	}
	write(t, w.dir, "allowed_signers", signers.String())
	_, settings, _ := strings.Cut(string(text), "```yaml\n")
	settings, _, _ = strings.Cut(settings, "```")
	settings += "deployment:\n  prometheus: {url: " + prometheus.URL + "}\n  public: {hosts: [ads.tne-exchange.io], url: 'http://127.0.0.1:1'}\n" +
		"  dns: {resolvers: ['" + resolver + "'], expected: [192.0.2.7]}\n  docker: {host: '" + strings.Replace(engine.URL, "http", "tcp", 1) + "'}\n  aws: {endpoint: " + aws.URL + "}\n\n" +
		"  firewall: {host_root: host}\n  database: {host: 127.0.0.1, port: 1}\n  api: {url: 'http://127.0.0.1:1'}\n  grafana: {url: 'http://127.0.0.1:1'}\n"
	write(t, w.dir, "catalyst.yml", settings)

	w.printed(ExitFailing, "check --gate=pre", "pre: not ready", "postgres_password")
	w.repair(aws)

	// What cannot be seen here is waived, and nothing that can.
	var waivers strings.Builder
	expires := w.now.AddDate(0, 0, 30).Format(time.DateOnly)
	before := w.state()
	for _, item := range absent {
		if s := before[item]; s != "" && (strings.HasPrefix(s, "pass") || strings.HasPrefix(s, "warn")) {
			t.Errorf("%s is waived, but it is %s", item, s)
		}
		_, _ = fmt.Fprintf(&waivers, "  - {item: %s, by: you@your.org, reason: nothing runs in this test, expires: %q}\n", item, expires)
	}
	write(t, w.dir, "catalyst.yml", settings+"waivers:\n"+waivers.String())
	if out := w.run(ExitReady, "check"); !strings.Contains(out, "ready") {
		t.Error(out)
	}

	w.release("1.5.0")
	w.now = w.now.Add(30 * time.Minute)
	w.printed(ExitReady, "deploy record", "pre: ready", "recorded 1.5.0 (4f1c2d3) by you@your.org")
	w.printed(ExitWaiting, "check --gate=post", "monitoring_hour", "in_progress")
	recorded := w.state()
	w.now = w.now.Add(time.Hour + 5*time.Minute)
	w.run(ExitReady, "check --gate=post") // otherwise wait would take two hours
	w.printed(ExitReady, "wait --gate=post", "post: ready")

	// The day after: a task is overdue until it is attested.
	w.now = w.now.Add(23 * time.Hour)
	w.backUp(aws)
	if s := w.state(); s["post_deployment/status_page"] != "fail overdue" || s["post_deployment/review_scheduled"] != "pending in_progress" {
		t.Errorf("status page %s, review %s", s["post_deployment/status_page"], s["post_deployment/review_scheduled"])
	}
	w.env["HOME"] = w.home("you")
	w.printed(ExitReady, "attest status_page", "and signed")
	w.printed(ExitReady, "attest review_scheduled", "and signed")
	if s := w.state(); s["post_deployment/status_page"] != "pass" || s["post_deployment/review_scheduled"] != "pass" {
		t.Errorf("status page %s, review %s", s["post_deployment/status_page"], s["post_deployment/review_scheduled"])
	}

	w.release("1.6.0")
	w.printed(ExitReady, "deploy record", "pre: ready", "recorded 1.6.0")
	w.printed(ExitReady, "deploy rollback", "rolled_back 1.5.0")
	if len(w.commands) > 0 {
		t.Errorf("not run: %q", w.commands)
	}
	back := w.state()
	for _, item := range []string{"deployment/pre_deployment_verification", "deployment/pre_deployment_backup", "sign_off/devops_lead", "sign_off/engineering_manager", "sign_off/security_review"} {
		if back[item] != recorded[item] || back[item] == "" {
			t.Errorf("%s: %q, but %q when it was recorded", item, back[item], recorded[item])
		}
	}
	if got := back["deployment/monitoring_hour"]; got != "pending in_progress" {
		t.Errorf("the hour after the rollback: %s", got)
	}
}

// absent lists the items about what does not run in the test: the application, its database, Grafana, a pipeline.
var absent = []string{
	"backup/backup_service", "backup/disaster_recovery_plan", "backup/restore_tested", "compliance/privacy_policy",
	"compliance/terms_of_service", "configuration/hardcoded_secrets", "deployment/application_deployed",
	"deployment/post_deployment_verification", "deployment/smoke_tests", "documentation/api_docs", "documentation/architecture_diagram",
	"infrastructure/database_schema", "monitoring/alert_rules", "monitoring/grafana", "monitoring/health_endpoints",
	"monitoring/prometheus", "performance/connection_pool", "performance/database_indexes", "performance/load_test",
	"performance/rate_limit", "security/postgres_password", "security/tls_certificates", "success_criteria/backups_running",
	"success_criteria/error_rate", "success_criteria/health_checks", "success_criteria/monitoring_active",
	"success_criteria/response_time_p95", "testing/dependency_vulnerabilities", "testing/lint", "testing/security_scan",
	"testing/test_coverage",
}

// home is the home folder of a person.
func (w *exampleWalk) home(who string) string { return filepath.Join(filepath.Dir(w.dir), "home", who) }

// release plans a release, in which the gate is closed until its tests have run and three people have signed.
func (w *exampleWalk) release(version string) {
	w.t.Helper()
	commit := w.env[map[string]string{"1.5.0": "SHA", "1.6.0": "NEXT"}[version]]
	w.env["HOME"] = w.home("you")
	w.printed(ExitReady, "deploy plan --version="+version, "planned "+version)
	w.replace("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n## ["+version+"] - "+w.now.UTC().Format(time.DateOnly)+"\n\n### Added\n\n- Bids in a third currency.\n")
	if out := w.run(ExitFailing, "check --gate=pre"); !strings.Contains(out, "devops_lead") || !strings.Contains(out, "pre: not ready") {
		w.t.Errorf("the gate of a release without sign-offs:\n%s", out)
	}
	var report strings.Builder
	for _, event := range []string{`"Action":"start"`, `"Action":"run","Test":"TestX"`, `"Action":"pass","Test":"TestX"`, `"Action":"pass"`} {
		_, _ = fmt.Fprintf(&report, "{\"Time\":%q,\"Package\":\"p\",%s}\n", w.now.Add(-time.Minute).UTC().Format(time.RFC3339), event)
	}
	write(w.t, w.dir, ".catalyst/evidence/"+commit+"/tests.json", report.String())
	w.now = w.now.Add(time.Minute)
	for _, role := range [][2]string{{"devops_lead", "you"}, {"engineering_manager", "manager"}, {"security_review", "security"}} {
		w.run(ExitFailing, "check --gate=pre")
		w.env["HOME"] = w.home(role[1])
		w.printed(ExitReady, "attest "+role[0], "and signed")
	}
	w.printed(ExitReady, "check --gate=pre", "pre: ready")
}

// repair fixes what is wrong in the example's files, and uploads its backup.
func (w *exampleWalk) repair(aws *probetest.AWSServer) {
	w.t.Helper()
	w.replace(".env.production", "PBS_ENFORCE_GDPR=yes", "PBS_ENFORCE_GDPR=true")
	env, err := os.ReadFile(filepath.Join(w.dir, ".env.production"))
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(env)) {
		key, _, _ := strings.Cut(line, "=")
		switch key {
		case "HOST":
			line = "HOST=ads.tne-exchange.io\n"
		case "DB_PASSWORD", "BIDDER_API_KEY":
			line = key + "=" + parts.Secret() + "\n"
		}
		lines = append(lines, line)
	}
	lines = append(lines, "S3_BUCKET="+probetest.AWSTestBucket+"\nAWS_REGION="+aws.Region+"\nAWS_ACCESS_KEY_ID=AKIA"+"TEST\nAWS_SECRET_ACCESS_KEY="+aws.Secret+"\n")
	write(w.t, w.dir, ".env.production", strings.Join(lines, ""))
	write(w.t, w.dir, "secrets/jwt_secret", parts.Secret()+parts.Secret())
	w.replace("docker-compose.yml", "  backup: # no limits\n", "  backup:\n    deploy: {resources: {limits: {cpus: '1', memory: 1G}}}\n")
	w.replace("docker-compose.yml", `ports: ["5432:5432"]`, `ports: ["127.0.0.1:5432:5432"]`)
	w.replace("nginx/nginx.conf", "ads.catalyst-demo.example", "ads.tne-exchange.io")
	w.replace("nginx/nginx.conf", "25% green", "100% green")
	contacts, err := os.ReadFile(filepath.Join(w.dir, "docs/checklist.md"))
	if err != nil {
		w.t.Fatal(err)
	}
	write(w.t, w.dir, "docs/checklist.md", strings.ReplaceAll(string(contacts), "TBD", "ops@your.org"))
	if err := os.Remove(filepath.Join(w.dir, "backups/daily/daily_20261123.sql.gz")); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(w.dir, "backups/daily/daily_20261122.sql.gz"), filepath.Join(w.dir, "backups/first.sql.gz")); err != nil {
		w.t.Fatal(err)
	}
	w.backUp(aws)
}

// backUp makes the backup of the present day, as the nightly job does, and uploads it.
func (w *exampleWalk) backUp(aws *probetest.AWSServer) {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, "backups/first.sql.gz"))
	if err != nil {
		w.t.Fatal(err)
	}
	at := w.now.Add(-time.Hour)
	name := write(w.t, w.dir, at.UTC().Format("backups/daily/daily_20060102.sql.gz"), string(data))
	if err := os.Chtimes(name, at, at); err != nil {
		w.t.Fatal(err)
	}
	aws.Listing(probetest.Object("backups/"+filepath.Base(name), len(data), at.Add(time.Minute)))
}
