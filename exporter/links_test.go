package exporter

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestLinks_EchoNothing replaces every file that the exporter finds by a link to a file of the host: no output contains a line
// of it, whatever its form.
func TestLinks_EchoNothing(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock") // not the machine's own
	for name, form := range map[string]string{
		"shadow": "root:$y$j9T$%s$%s:20000:0:99999:7:::\ndaemon:*:%s:0:99999:7:::\n",
		"env":    "export API_TOKEN=%s\nURL='https://x:%s@db/'\n%s\n",
		"yaml":   "auth: {password: %s, %s: x}\nlist: [%s]\n",
		"toml":   "[[rules]]\nid = \"%s\"\nregex = '''%s('''\ntoken = %s\n",
		"json":   `{"auths":{"registry":{"auth":"%s","x":["%s"]}},"%s":1}` + "\n",
		"text":   "# %s\n\n## TODO %s\n\n- [ ] %s\n",
	} {
		t.Run(name, func(t *testing.T) {
			var m marks
			host := t.TempDir()
			text := fmt.Sprintf(form, m.plant("the first place"), m.plant("the second place"), m.plant("the third place"))
			target := write(t, host, "secrets", text)
			r := parts.GitRepo(t)
			r.Commit(t, "Begin", map[string]string{"README.md": "# Ours\n"})
			for _, found := range []string{
				".env.production", "docker-compose.yml", "nginx/nginx.conf", "prometheus/alertmanager.yml", "prometheus/prometheus.yml",
				"prometheus/rules/a.yml", "migrations/001_first.sql", "DISASTER-RECOVERY.md", "RUNBOOK.md", "CHANGELOG.md",
				"docs/production-checklist.md", "docs/architecture.mmd", "docs/architecture.svg", "openapi.yaml", "ssl/server.crt", "ssl/server.key",
				".gitleaks.toml", ".gitleaksignore", "gitleaks-baseline.json", ".gitignore", "backups/db.sql", "backups/db.dump",
				".catalyst/attestations/a.yml", ".catalyst/releases/0001.yaml", ".catalyst/releases/head.sha256",
				".catalyst/evidence/" + r.Head(t) + "/tests.json", ".catalyst/evidence/" + r.Head(t) + "/coverage.out",
			} {
				path := filepath.Join(r.Dir, found)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(target, path); err != nil {
					t.Fatal(err)
				}
			}
			s := &secretRun{t: t, marks: &m, root: r.Dir}
			with := func(args ...string) []string { return append(args, s.flags()...) }
			for _, format := range []string{"table", "json", "junit", "sarif", "markdown", "prometheus"} {
				s.run("check --format="+format, with("check", "--format="+format)...)
			}
			for _, command := range [][]string{{"report"}, {"report", "--document=" + filepath.Join(r.Dir, "RUNBOOK.md")}, {"config", "discover"},
				{"deploy", "record", "--by=ops", "--version=1.0.0", "--commit=0123456"}, {"attest", "disaster_recovery_plan", "--by=ops", "--valid-for=90d"},
				{"drill", "restore"}, {"explain", "hardcoded_secrets"}} {
				s.run(strings.Join(command, " "), with(command...)...)
			}
			if said := s.out.all["check --format=json"]; strings.Count(said, "secrets") == 0 {
				t.Error("nothing was checked")
			}
			for _, leak := range s.out.leaks(&m) {
				t.Error(leak)
			}
		})
	}
}
