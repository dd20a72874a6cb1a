package deployment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/schema"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

func TestPlaces(t *testing.T) {
	tests := []struct {
		name   string
		files  []string // ending in / for folders
		set    Settings
		fact   string
		want   string // chosen, relative, joined with spaces
		how    string
		others string
	}{
		{"production env file", []string{".env", ".env.production", ".env.example", ".env.staging"}, Settings{}, find.FactEnvFile, ".env.production", find.Found, ".env .env.staging"},
		{"plain env file", []string{".env", ".env.sample"}, Settings{}, find.FactEnvFile, ".env", find.Found, ""},
		{"env file in deployment/", []string{".env", "deployment/.env.production"}, Settings{}, find.FactEnvFile, "deployment/.env.production", find.Found, ".env"},
		{"the root's production env file first", []string{".env.production", "deploy/.env.production"}, Settings{}, find.FactEnvFile, ".env.production", find.Found, "deploy/.env.production"},
		{"another env file is only reported", []string{".env.staging"}, Settings{}, find.FactEnvFile, "", find.Default, ".env.staging"},
		{"configured env file", []string{".env"}, Settings{EnvFile: "prod.env"}, find.FactEnvFile, "prod.env", find.Configured, ".env"},
		{"no env file", nil, Settings{}, find.FactEnvFile, "", find.Default, ""},
		{"compose file", []string{"docker-compose.yml"}, Settings{}, find.FactCompose, "docker-compose.yml", find.Found, ""},
		{"Compose's own order", []string{"docker-compose.yml", "compose.yaml", "compose.yml", "docker-compose.yaml"}, Settings{}, find.FactCompose, "compose.yaml", find.Found, "compose.yml docker-compose.yml docker-compose.yaml"},
		{"override file", []string{"docker-compose.yml", "docker-compose.override.yml", "docker-compose.prod.yml"}, Settings{}, find.FactCompose, "docker-compose.yml docker-compose.override.yml", find.Found, "docker-compose.prod.yml"},
		{"production variant alone", []string{"docker-compose.prod.yml", "docker-compose.override.yml", "docker-compose.dev.yml"}, Settings{}, find.FactCompose, "docker-compose.prod.yml", find.Found, "docker-compose.override.yml docker-compose.dev.yml"},
		{"development variant alone", []string{"docker-compose.dev.yml"}, Settings{}, find.FactCompose, "", find.Default, "docker-compose.dev.yml"},
		{"compose file next to the env file", []string{"docker-compose.yml", "deployment/docker-compose.yml",
			"deployment/.env.production"}, Settings{}, find.FactCompose, "deployment/docker-compose.yml", find.Found,
			"docker-compose.yml"},
		{"the root's compose file", []string{"docker-compose.yml", "deployment/docker-compose.yml"}, Settings{}, find.FactCompose, "docker-compose.yml", find.Found, "deployment/docker-compose.yml"},
		{"configured compose files", []string{"docker-compose.yml", "x.yml"}, Settings{ComposeFiles: []string{"docker-compose.yml", "x.yml"}}, find.FactCompose, "docker-compose.yml x.yml", find.Configured, ""},
		{"certificates", []string{"deployment/ssl/", "certs/"}, Settings{}, find.FactSSL, "certs", find.Found, "deployment/ssl"},
		{"certificates next to nginx", []string{"nginx/ssl/"}, Settings{}, find.FactSSL, "nginx/ssl", find.Found, ""},
		{"file instead of a folder", []string{"ssl"}, Settings{}, find.FactSSL, "", find.Default, ""},
		{"migrations", []string{"deployment/migrations/", "db/migrations/"}, Settings{}, find.FactMigrations, "db/migrations", find.Found, "deployment/migrations"},
		{"disaster recovery", []string{"docs/ops/disaster_recovery.md", "deployment/DISASTER-RECOVERY.md"}, Settings{}, find.FactRecovery, "deployment/DISASTER-RECOVERY.md", find.Found, "docs/ops/disaster_recovery.md"},
		{"disaster recovery, in one word", []string{"docs/DisasterRecovery.md", "ops/dr-plan.md"}, Settings{}, find.FactRecovery, "ops/dr-plan.md", find.Found, "docs/DisasterRecovery.md"},
		{"runbook of operations", []string{"ops/Run-Book.md", "ops/notes.md"}, Settings{}, find.FactRunbook, "ops/Run-Book.md", find.Found, ""},
		{"runbook, deep", []string{"docs/a/b/c/RUNBOOK.md", "docs/a/b/c/d/RUNBOOK.md", "docs/.hidden/RUNBOOK.md"}, Settings{}, find.FactRunbook, "docs/a/b/c/RUNBOOK.md", find.Found, ""},
		{"the exact name first", []string{"runbook.md", "RUNBOOK.md"}, Settings{}, find.FactRunbook, "RUNBOOK.md", find.Found, "runbook.md"},
		{"configured runbook", []string{"RUNBOOK.md"}, Settings{Documents: Documents{Runbook: "x/y.md"}}, find.FactRunbook, "x/y.md", find.Configured, "RUNBOOK.md"},
		{"changelog", []string{"CHANGELOG.md"}, Settings{}, find.FactChangelog, "CHANGELOG.md", find.Found, ""},
		{"alertmanager", []string{"prometheus/alertmanager.yml", "deployment/monitoring/alertmanager.yaml"}, Settings{}, find.FactAlertmanager, "prometheus/alertmanager.yml", find.Found, "deployment/monitoring/alertmanager.yaml"},
		{"diagrams", []string{"docs/architecture.md", "docs/architecture.drawio", "docs/readme.md"}, Settings{}, find.FactDiagrams, "docs/architecture.drawio docs/architecture.md docs/readme.md", find.Found, ""},
		{"checklist", []string{"docs/production-deployment-checklist.md", "checklist.md"}, Settings{}, find.FactChecklist, "checklist.md", find.Found, "docs/production-deployment-checklist.md"},
		{"repository", []string{".git/HEAD"}, Settings{}, find.FactRepository, ".", find.Found, ""},
		{"empty .git", []string{".git/"}, Settings{Repository: Repository{Path: "x"}}, find.FactRepository, "x", find.Configured, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			content := map[string]string{}
			for _, f := range tt.files {
				content[f] = ""
			}
			tt.set.Root = install(t, content).Root
			d, err := Discover(tt.set)
			if err != nil {
				t.Fatal(err)
			}
			place := d.View(nil).Place(tt.fact)
			if got, others := strings.Join(relative(d, place.Paths), " "), strings.Join(relative(d, place.Others), " "); got != tt.want || place.How != tt.how || others != tt.others {
				t.Errorf("got %q, %s, others %q\nwant %q, %s, %q", got, place.How, others, tt.want, tt.how, tt.others)
			}
		})
	}
}

// Files mounted by the compose file take precedence over the conventional names.
func TestPlaces_PreferMountedFiles(t *testing.T) {
	const am = "services:\n  am:\n    image: reg:5000/prom/alertmanager:v0.27\n"
	tests := []struct {
		name, fact string
		files      map[string]string
		want       string
		others     string
	}{
		{"another name", find.FactAlertmanager, map[string]string{"compose.yml": am + "    volumes: ['./obs/am.yml:/etc/alertmanager/alertmanager.yml:ro']\n", "obs/am.yml": "a"}, "obs/am.yml", ""},
		{"before the conventional name", find.FactAlertmanager,
			map[string]string{"compose.yml": am + "    volumes: ['./obs:/etc/alertmanager']\n", "obs/alertmanager.yml": "a",
				"alertmanager.yml": "b"}, "obs/alertmanager.yml", "alertmanager.yml"},
		{"by flag", find.FactAlertmanager,
			map[string]string{"compose.yml": am + "    command: ['--config.file=/etc/alertmanager/config.yml']\n    volumes: ['./obs:/etc/alertmanager']\n", "obs/config.yml": "a"}, "obs/config.yml", ""},
		{"by flag in two arguments", find.FactAlertmanager,
			map[string]string{"compose.yml": am + "    command: --config.file /c/x.yml\n    volumes: ['./obs:/c']\n",
				"obs/x.yml": "a"}, "obs/x.yml", ""},
		{"as a config", find.FactAlertmanager, map[string]string{"compose.yml": am + "    configs: [{source: a, target: /etc/alertmanager/alertmanager.yml}]\nconfigs: {a: {file: ./x.yml}}\n", "x.yml": "a"}, "x.yml", ""},
		{"missing", find.FactAlertmanager,
			map[string]string{"compose.yml": am + "    volumes: ['./gone.yml:/etc/alertmanager/alertmanager.yml']\n",
				"alertmanager.yml": "b"}, "gone.yml", "alertmanager.yml"},
		{"not mounted", find.FactAlertmanager, map[string]string{"compose.yml": am, "prometheus/alertmanager.yml": "a"}, "prometheus/alertmanager.yml", ""},
		{"another service's", find.FactAlertmanager, map[string]string{"compose.yml": "services:\n  a:\n    image: b\n    volumes: ['./c:/etc/alertmanager']\n", "c/alertmanager.yml": "a"}, "", ""},
		{"initial scripts", find.FactMigrations, map[string]string{"compose.yml": "services:\n  db:\n    image: postgres\n    volumes: ['./initdb:/docker-entrypoint-initdb.d:ro']\n", "initdb/001_a.sql": "a"}, "initdb", ""},
		{"initial scripts and migrations", find.FactMigrations,
			map[string]string{"compose.yml": "services:\n  db:\n    image: postgres\n    volumes: ['./initdb:/docker-entrypoint-initdb.d:ro']\n", "initdb/001_a.sql": "a", "migrations/001_b.sql": "a"}, "migrations", ""},
		{"one initial script", find.FactMigrations, map[string]string{"compose.yml": "services:\n  db:\n    image: postgres\n    volumes: ['./init.sql:/docker-entrypoint-initdb.d/init.sql:ro']\n", "init.sql": "a"}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := view(t, tt.files)
			place := v.Place(tt.fact)
			if got, others := strings.Join(relative(v.Deployment, place.Paths), " "), strings.Join(relative(v.Deployment, place.Others), " "); got != tt.want || others != tt.others {
				t.Errorf("got %q and %q, want %q and %q", got, others, tt.want, tt.others)
			}
		})
	}
	configured := install(t, tests[0].files)
	configured.Alertmanager.Config = "mine.yml"
	if got := configured.View(nil).Place(find.FactAlertmanager); got.How != find.Configured {
		t.Errorf("configured: %+v", got)
	}
}

func TestRepository_AboveRoot(t *testing.T) {
	d := install(t, map[string]string{"repo/.git/HEAD": "ref", "repo/deploy/prod/x": "", "tree/.git": "gitdir: x", "tree/sub/x": ""})
	for sub, want := range map[string]string{"repo/deploy/prod": "repo", "repo": "repo", "tree/sub": "tree"} {
		below, err := Discover(Settings{Root: filepath.Join(d.Root, sub)})
		if err != nil {
			t.Fatal(err)
		}
		if got := below.View(nil).Place(find.FactRepository); got.Path() != filepath.Join(d.Root, want) {
			t.Errorf("%s: %+v", sub, got)
		}
	}
}

func TestCompose_FileVariable(t *testing.T) {
	v := view(t, map[string]string{
		".env": "COMPOSE_FILE=a.yml:b.yml\nCOMPOSE_PROFILES=extra\nCOMPOSE_PROJECT_NAME=shop\n", "docker-compose.yml": "services: {no: {image: x}}\n",
		"a.yml": "services: {one: {image: x}}\n", "b.yml": "services: {two: {image: x, profiles: [extra]}, three: {image: x, profiles: [other]}}\n",
	})
	c, err := v.Compose()
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Services(); !slices.Equal(got, []string{"one", "two"}) || c.Project.Name != "shop" {
		t.Errorf("services %v of %s", got, c.Project.Name)
	}
	if place := v.Place(find.FactCompose); len(place.Others) != 1 || place.How != find.Configured {
		t.Errorf("place %+v", place)
	}
}

// The next view sees a file that was created, changed or removed while the program runs. Unchanged files are not parsed
// again.
func TestView_FollowsFileChanges(t *testing.T) {
	d := install(t, map[string]string{"compose.yml": "services:\n  catalyst:\n    image: x\n    env_file: app.env\n", "app.env": "A=1\n"})
	cache := &files.Cache{}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(d.Root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	get := func(key string) Value {
		t.Helper()
		v, err := d.View(cache).Value(key)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if got := get("A"); got.Text.Reveal() != "1" {
		t.Errorf("A = %q", got.Text.Reveal())
	}
	write("app.env", "A=2\n")
	if got := get("A"); got.Text.Reveal() != "2" {
		t.Errorf("after the change A = %q", got.Text.Reveal())
	}
	if _, err := d.View(cache).Env(); err == nil {
		t.Error("env file without a file")
	}
	write(".env.production", "B=3\n")
	if e, err := d.View(cache).Env(); err != nil || e.Name != ".env.production" {
		t.Errorf("the new env file: %v", err)
	}
	write(".env.production", "B=4\n")
	if e, err := d.View(cache).Env(); err != nil || e.Entries[0].Text.Reveal() != "4" {
		t.Errorf("the changed env file: %v", err)
	}
	write("compose.override.yml", "services:\n  catalyst:\n    environment:\n      A: ${B}\n")
	if got := get("A"); got.Text.Reveal() != "4" || got.Origin.String() != ".env.production:1" {
		t.Errorf("with the override A = %q from %v", got.Text.Reveal(), got.Origin)
	}
	write(".env.production", "B=5\n")
	if got := get("A"); got.Text.Reveal() != "5" {
		t.Errorf("with another variable A = %q", got.Text.Reveal())
	}
	if err := os.Remove(filepath.Join(d.Root, "app.env")); err != nil {
		t.Fatal(err)
	}
	if c, err := d.View(cache).Compose(); err != nil || c.ConfigError() == nil {
		t.Errorf("the missing env_file: %v", err)
	}
	if err := os.Remove(filepath.Join(d.Root, "compose.yml")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.View(cache).Compose(); err == nil {
		t.Error("the removed compose file is still used")
	}

	// After two seconds without changes nothing is rebuilt. Later changes are still detected.
	first, _ := d.View(cache).Nginx()
	write("nginx.conf", "server { listen 80; }")
	write("compose.yml", "services: {catalyst: {image: x, env_file: [early.env, {path: late.env, required: false}]}}\n")
	write("early.env", "A=1\n")
	write(".env.production", "A=6\n")
	time.Sleep(source.Settled + 100*time.Millisecond) // change times cannot be set to the past
	_, _ = d.View(cache).Compose()
	c1, err1 := d.View(cache).Compose()
	c2, err2 := d.View(cache).Compose()
	n1, err3 := d.View(cache).Nginx()
	n2, err4 := d.View(cache).Nginx()
	if c1 != c2 || n1 != n2 || first == n1 || err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		t.Errorf("rebuilt: compose %v, nginx %v; %v %v %v %v", c1 != c2, n1 != n2, err1, err2, err3, err4)
	}
	if c1 != nil && c1.ConfigError() != nil {
		t.Error(c1.ConfigError())
	}
	write("CHANGELOG.md", "# Changelog")
	if p := d.View(cache).Place(find.FactChangelog); d.Rel(p.Path()) != "CHANGELOG.md" {
		t.Errorf("the new changelog: %+v", p)
	}
	if err := os.Remove(filepath.Join(d.Root, "early.env")); err != nil {
		t.Fatal(err)
	}
	if c, err := d.View(cache).Compose(); err != nil || !errors.Is(c.ConfigError(), fs.ErrNotExist) {
		t.Errorf("removed env_file: %v", err)
	}
	write("early.env", "A=1\n")
	write("late.env", "A='open\n")
	if c, err := d.View(cache).Compose(); err != nil || c.ConfigError() == nil {
		t.Errorf("env_file created late: %v", err)
	}
	write(".env.production", "COMPOSE_FILE=other.yml\n")
	write("other.yml", "services: {other: {image: x}}\n")
	write("nginx.conf", "server { listen 81; }")
	c3, err := d.View(cache).Compose()
	if err != nil || !slices.Equal(c3.Services(), []string{"other"}) {
		t.Errorf("the other compose file: %v", err)
	}
	if n3, err := d.View(cache).Nginx(); err != nil || n3.Servers[0].Listen[0].Port != 81 {
		t.Errorf("the changed nginx.conf: %v", err)
	}
	write("docs", "")
	if err := os.Remove(filepath.Join(d.Root, "docs")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(d.Root, "docs/new"), 0o755); err != nil {
		t.Fatal(err)
	}
	write("docs/new/RUNBOOK.md", "# Runbook")
	if p := d.View(cache).Place(find.FactRunbook); d.Rel(p.Path()) != "docs/new/RUNBOOK.md" {
		t.Errorf("the new runbook: %+v", p)
	}
}

func TestDiscover_Errors(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const password = "hunter" + "22"
	tests := []struct {
		name string
		set  Settings
		want []string
	}{
		{"missing root", Settings{Root: filepath.Join(root, "gone")}, []string{"no such file or directory", "--deployment.root"}},
		{"root is a file", Settings{Root: file}, []string{"is not a directory"}},
		{"key without certificate", Settings{Root: root, TLS: TLS{Key: "k"}}, []string{"tls.cert and tls.key must be set together"}},
		{"two passwords", Settings{Root: root, Redis: Redis{Password: secret.New(password), PasswordFile: "x"}},
			[]string{"redis.password and redis.password_file are both set"}},
		{"URL with a password", Settings{Root: root, Prometheus: Prometheus{URL: "http://u:" + password + "@x"}},
			[]string{"prometheus.url contains a user or password"}},
		{"invalid URL", Settings{Root: root, API: API{URL: "localhost:8000"}},
			[]string{"api.url is not an http:// or https:// URL"}},
		{"everything at once", Settings{Root: root, Loki: Loki{URL: "x"}, Backup: Backup{Path: "a", Directory: "b"}, Firewall: Firewall{Allowed: []int{0}}, Database: Database{Port: 70000},
			Grafana: Grafana{TokenFile: "a", HTTP: HTTP{BearerTokenFile: "b", CertFile: "c", Username: "d"}}},
			[]string{"loki.url is", "backup.path and", "firewall.allowed contains 0", "database.port", "grafana.token_file and", "grafana.cert_file and", "grafana.username or"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Discover(tt.set)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\ndoes not contain %q", err, want)
				}
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("%v contains the password", err)
			}
		})
	}
}

func TestSettings_Decode(t *testing.T) {
	const text = `name: shop
root: /srv/shop
compose_files: [a.yml, b.yml]
documents: {runbook: R.md, architecture_diagrams: [a.svg]}
api: {url: "https://x.test", ca_file: ca.pem, timeout: 3s}
public: {hosts: [x.test], terminated_at: cdn, cdn: cloudflare}
database: {host: db, port: 5433, password: hush, sslmode: require}
redis: {address: "r:6379", tls: true}
grafana: {token_file: t, dashboards: [one]}
backup: {directory: /b, max_age: 25h}
firewall: {allowed: [22], external: true}
evidence: {places: ["s3://bucket/x", local]}
app: {metric_prefixes: [shop_]}
`
	node, err := schema.Parse("x.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var s Settings
	if problems := schema.Decode("x.yml", node, &s); len(problems) > 0 {
		t.Fatal(problems)
	}
	if s.API.CAFile != "ca.pem" || s.API.Patience() != 3*time.Second || s.Database.Password.Reveal() != "hush" || s.Database.Port != 5433 || s.Backup.MaxAge.Std() != 25*time.Hour ||
		s.Public.CDN != "cloudflare" || s.Redis.TLS == nil || !*s.Redis.TLS || !s.Firewall.External || s.Redis.Patience() != 5*time.Second {
		t.Errorf("read %+v", s)
	}
	s.Root = t.TempDir()
	d, err := Discover(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.EvidencePlaces(); got[0] != "s3://bucket/x" || got[1] != filepath.Join(d.Root, "local") {
		t.Errorf("evidence at %v", got)
	}
	if d.ReleasesDir() != filepath.Join(d.Root, ".catalyst/releases") || d.AttestationsDir() != filepath.Join(d.Root, ".catalyst/attestations") {
		t.Errorf("state at %s and %s", d.ReleasesDir(), d.AttestationsDir())
	}
	if a := d.API.Address(); a.URL != "https://x.test" || !a.Configured {
		t.Errorf("API at %+v", a)
	}
	if a := d.Prometheus.Address(); a.URL != "http://localhost:9090" || a.Configured {
		t.Errorf("Prometheus at %+v", a)
	}
	var standard Settings
	standard.fill()
	if standard.Backup.Service != "backup" || standard.Environment != "production" || standard.Firewall.HostRoot != "/" || standard.Backup.MaxAge.Std() != 26*time.Hour {
		t.Errorf("defaults %+v", standard)
	}
}

func TestAppService(t *testing.T) {
	tests := []struct{ name, services, want, how string }{
		{"by its name", "{catalyst: {image: x}, api: {build: .}}", "catalyst", find.Found},
		{"by port and env file", "{api: {image: x, env_file: .env, ports: ['8000:8000']}, worker: {build: .}}", "api", find.Found},
		{"local build",
			"{redis: {build: ./redis, ports: ['8000:8000']}, app: {build: .}, nginx: {image: nginx, ports: ['80:80'], environment: {A: b}}}", "app", find.Found},
		{"equals", "{b: {build: .}, a: {build: .}}", "a", find.Found},
		{"only known services", "{db: {image: 'postgres:16'}, cache: {image: redis}}", "", find.Default},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			app, err := view(t, map[string]string{"compose.yml": "services: " + tt.services + "\n", ".env": ""}).AppService()
			if err != nil || app.Name != tt.want || app.How != tt.how {
				t.Errorf("got %+v, %v", app, err)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	c, err := view(t, map[string]string{"compose.yml": `x-common: &common
  environment:
    SHARED: ${SHARED}
services:
  web:
    <<: *common
    image: x:${TAG:-latest}
    command: ["$BARE", "${NEEDED:?say it}", "${NESTED:-${DEEP}}", "$$not", "${PLUS:+${TAG}}"]
  db:
    image: postgres:${TAG}
    labels: {a: "${BOTH:-x}", b: "${BOTH}"}
`}).Compose()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range c.Variables() {
		got = append(got, fmt.Sprintf("%s %v %v %d %s", v.Name, v.Required, v.Optional, v.Line, strings.Join(v.Services, ",")))
	}
	want := []string{"BARE false false 8 web", "BOTH false false 11 db", "DEEP false false 8 web", "NEEDED true false 8 web", "NESTED false true 8 web", "PLUS false true 8 web",
		"SHARED false false 3 web", "TAG false false 7 db,web"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func BenchmarkView(b *testing.B) {
	root := b.TempDir()
	for name, text := range map[string]string{
		"compose.yml": "services:\n  catalyst:\n    build: .\n    env_file: .env.production\n    ports: ['8000:8000']\n  nginx: {image: nginx, volumes: ['./nginx.conf:/etc/nginx/nginx.conf']}\n", ".env.production": strings.Repeat("A=1\n", 1) + "DB_PASSWORD=x\nDOMAIN=a.test\n", "nginx.conf": nginxConf,
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	d, err := Discover(Settings{Root: root})
	if err != nil {
		b.Fatal(err)
	}
	time.Sleep(source.Settled + 100*time.Millisecond)
	cache := &files.Cache{}
	for b.Loop() {
		v := d.View(cache)
		if _, err := v.Value("DB_PASSWORD"); err != nil {
			b.Fatal(err)
		}
		if _, err := v.PublicHosts(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestEvidencePlaces: remote addresses are distinguished from paths, and invalid places are rejected. Errors never
// quote a place, which may contain a token.
func TestEvidencePlaces(t *testing.T) {
	token := parts.Secret()
	tests := []struct{ text, want string }{
		{"{places: [.catalyst/evidence, 'ci/*.json', 'https://ci.test/{commit}/{report}.json', 's3://reports/{commit}']}", ""},
		{"{reports: [{report: tests, at: 'https://ci.test/x', bearer_token: " + token + ", timeout: 20s}]}", ""},
		{"{reports: [{report: tests, at: 'https://ci.test/x', username: ci, password: " + token + "}]}", ""},
		{"{reports: [{report: tests, at: 'out/{commit}.xml'}]}", ""},
		{"{places: ['']}", "is empty"},
		{"{places: [a, 'ftp://" + token + "/x']}", "places[1]: unsupported scheme"},
		{"{places: ['https:///x']}", "invalid https:// address"},
		{"{places: ['https://ci:" + token + "@ci.test/x']}", "must not contain a user"},
		{"{reports: [{report: tests, at: 'https://" + token + "@ci.test/x'}]}", "must not contain a user"},
		{"{reports: [{report: tests, at: 's3://b/x', bearer_token: " + token + "}]}", "deployment.aws"},
		{"{reports: [{report: tests, at: x.json, bearer_token_file: x}]}", "credentials apply only to URLs"},
		{"{reports: [{report: tests, at: 'https://ci.test/x', password: " + token + "}]}", "password is set without username"},
		{"{reports: [{report: tests}]}", "at"},
		{"{reports: [{report: test, at: x}]}", "tests"},
	}
	for _, tt := range tests {
		node, err := schema.Parse("x.yml", []byte("evidence: "+tt.text))
		if err != nil {
			t.Fatal(err)
		}
		var s Settings
		problems := schema.Decode("x.yml", node, &s)
		if text := fmt.Sprint(problems); (len(problems) > 0) != (tt.want != "") || !strings.Contains(text, tt.want) || strings.Contains(text, token) {
			t.Errorf("%s: %s", tt.text, text)
		}
	}
}

func relative(d *Deployment, paths []string) []string {
	var shown []string
	for _, p := range paths {
		shown = append(shown, d.Rel(p))
	}
	return shown
}
