// Images cannot be pulled where the tests run. What can be tried without them is: the Compose file by Compose's own loader, the
// configurations by the tools of those who read them, every path in them against what is mounted there, and Prometheus'
// configuration on a real Prometheus that asks the real exporter.
package stack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/exporter"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load reads the Compose file as Compose does, with the given environment.
func load(t testing.TB, environment ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose.yml"}, cli.WithEnv(environment), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func service(t testing.TB, project *types.Project, name string) types.ServiceConfig {
	t.Helper()
	s, err := project.GetService(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mounted finds what lies at a path of a service's container.
func mounted(s types.ServiceConfig, inside string) (string, bool) {
	for _, v := range s.Volumes {
		if rest, below := strings.CutPrefix(inside+"/", v.Target+"/"); below && v.Type == types.VolumeTypeBind {
			return filepath.Join(v.Source, rest), true
		}
	}
	return "", false
}

func TestCompose(t *testing.T) {
	project := load(t, "DEPLOYMENT="+t.TempDir())
	names := project.ServiceNames()
	slices.Sort(names)
	if want := []string{"alertmanager", "exporter", "grafana", "prometheus"}; !slices.Equal(names, want) {
		t.Fatalf("services %q, want %q", names, want)
	}
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			switch v.Type {
			case types.VolumeTypeBind:
				if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
					t.Errorf("%s: mounts %s, read only: %v, %v", name, v.Source, v.ReadOnly, err)
				}
			case types.VolumeTypeVolume:
				if _, ok := project.Volumes[v.Source]; !ok {
					t.Errorf("%s: no volume %s", name, v.Source)
				}
			}
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: publishes %d on %q: the board is an attacker's map", name, p.Target, p.HostIP)
			}
		}
		if len(s.Ports) != 1 {
			t.Errorf("%s: publishes %d ports", name, len(s.Ports))
		}
		if l := s.Deploy.Resources.Limits; l == nil || l.MemoryBytes == 0 || l.NanoCPUs == 0 {
			t.Errorf("%s: no limits", name)
		}
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: may do more than it needs to", name)
		}
		if s.Build == nil && !regexp.MustCompile(`^[a-z/]+:v?[0-9]+\.[0-9]+\.[0-9]+$`).MatchString(s.Image) {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
	}
	if !slices.ContainsFunc(service(t, project, "prometheus").Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && "--storage.tsdb.path="+v.Target == service(t, project, "prometheus").Command[1]
	}) {
		t.Error("prometheus forgets what was good: its storage is no volume")
	}
	build := service(t, project, "exporter").Build
	if _, err := os.Stat(filepath.Join(build.Context, "go.mod")); err != nil {
		t.Errorf("the exporter is built from %s: %v", build.Context, err)
	}
}

// TestShippedFilesAreMounted: rules, routes and board are those of the repository.
func TestShippedFilesAreMounted(t *testing.T) {
	project := load(t, "DEPLOYMENT="+t.TempDir())
	for inside, shipped := range map[string]string{
		"prometheus /etc/prometheus/rules/catalyst.rules.yml":  "../../alerts/catalyst.rules.yml",
		"alertmanager /etc/alertmanager/alertmanager.yml":      "../../alerts/alertmanager.yml",
		"grafana /etc/grafana/boards/catalyst-readiness.json":  "../../dashboards/catalyst-readiness.json",
		"prometheus /etc/prometheus/prometheus.yml":            "prometheus.yml",
		"grafana /etc/grafana/provisioning/dashboards":         "grafana/provisioning/dashboards",
		"grafana /etc/grafana/provisioning/datasources":        "grafana/provisioning/datasources",
		"alertmanager /etc/alertmanager/secrets/.gitignore":    "secrets/.gitignore",
		"alertmanager /etc/alertmanager/secrets/never-written": "",
	} {
		name, at, _ := strings.Cut(inside, " ")
		source, ok := mounted(service(t, project, name), at)
		if shipped == "" {
			if _, err := os.Stat(source); err == nil {
				t.Errorf("%s exists", source)
			}
			continue
		}
		want, err := os.Stat(shipped)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.Stat(source)
		if !ok || err != nil || !os.SameFile(got, want) {
			t.Errorf("%s is %q, not %s: %v", inside, source, shipped, err)
		}
	}
}

// inContainer puts what a service mounts below a directory, as the container sees it, and returns where a path is there.
func inContainer(t testing.TB, s types.ServiceConfig) func(inside string) string {
	t.Helper()
	root := t.TempDir()
	for _, v := range s.Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		at := filepath.Join(root, v.Target)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(v.Source, at); err != nil {
			t.Fatal(err)
		}
	}
	return func(inside string) string { return filepath.Join(root, inside) }
}

func TestPrometheusConfiguration(t *testing.T) {
	promtool := parts.Need(t, "promtool")
	project := load(t, "DEPLOYMENT="+t.TempDir())
	s := service(t, project, "prometheus")
	at := inContainer(t, s)
	content := read(t, at(flag(s, "--config.file")))
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	write(t, config, strings.ReplaceAll(content, "/etc/prometheus", at("/etc/prometheus")))
	output, err := run(t, promtool, "check", "config", config)
	if err != nil || !strings.Contains(output, "1 rule files found") || !strings.Contains(output, "26 rules found") {
		t.Errorf("%v\n%s", err, output)
	}
	for address, wanted := range map[string]string{"alertmanager:9093": "alertmanager", "exporter:10460": "exporter"} {
		if !strings.Contains(content, address) {
			t.Errorf("prometheus.yml does not name %s", address)
		}
		if port := fmt.Sprint(service(t, project, wanted).Ports[0].Target); !strings.HasSuffix(address, ":"+port) {
			t.Errorf("%s listens on %s", wanted, port)
		}
	}
	if command := service(t, project, "exporter").Command; !slices.Contains(command, "--web.listen-address=:10460") {
		t.Errorf("the exporter is started with %q", command)
	}
}

func TestAlertmanagerConfiguration(t *testing.T) {
	amtool := parts.Need(t, "amtool")
	s := service(t, load(t, "DEPLOYMENT="+t.TempDir()), "alertmanager")
	config := inContainer(t, s)(flag(s, "--config.file"))
	if output, err := run(t, amtool, "check-config", config); err != nil || !strings.Contains(output, "SUCCESS") {
		t.Errorf("%v\n%s", err, output)
	}
	files := regexp.MustCompile(`_file: (\S+)`).FindAllStringSubmatch(read(t, config), -1)
	if len(files) == 0 {
		t.Error("no keys are read from files")
	}
	for _, m := range files {
		if dir, ok := mounted(s, path.Dir(m[1])); !ok || filepath.Base(dir) != "secrets" {
			t.Errorf("%s would be in %q, which is not secrets/", m[1], dir)
		}
		if !strings.Contains(read(t, "README.md"), path.Base(m[1])) {
			t.Errorf("README.md does not say where %s goes", path.Base(m[1]))
		}
	}
}

func TestGrafanaProvisioning(t *testing.T) {
	project := load(t, "DEPLOYMENT="+t.TempDir())
	s := service(t, project, "grafana")
	var sources struct {
		Datasources []struct {
			Type, URL string
			IsDefault bool `yaml:"isDefault"`
		}
	}
	var boards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	for file, into := range map[string]any{"datasources/prometheus.yml": &sources, "dashboards/catalyst.yml": &boards} {
		source, _ := mounted(s, "/etc/grafana/provisioning/"+file)
		if err := yaml.Unmarshal([]byte(read(t, source)), into); err != nil {
			t.Fatal(err)
		}
	}
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || !sources.Datasources[0].IsDefault {
		t.Fatalf("data sources %+v", sources.Datasources)
	}
	address, err := url.Parse(sources.Datasources[0].URL)
	if err != nil || fmt.Sprint(service(t, project, address.Hostname()).Ports[0].Target) != address.Port() {
		t.Errorf("the data source is at %s (%v)", sources.Datasources[0].URL, err)
	}
	home := s.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if home == nil || len(boards.Providers) != 1 || path.Dir(*home) != boards.Providers[0].Options.Path {
		t.Fatalf("home %v is not where boards are provisioned from: %+v", home, boards.Providers)
	}
	source, _ := mounted(s, *home)
	var board struct{ UID string }
	if err := json.Unmarshal([]byte(read(t, source)), &board); err != nil || board.UID != "catalyst-readiness" {
		t.Errorf("the board is %q: %v", board.UID, err)
	}
	for key, want := range map[string]string{"GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer", "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true"} {
		if got := s.Environment[key]; got == nil || *got != want {
			t.Errorf("%s is not %s", key, want)
		}
	}
}

// TestScraped plays the stack without its images: the exporter in this process, a real Prometheus with the stack's
// configuration and rules, and only the addresses changed.
func TestScraped(t *testing.T) {
	deployment := t.TempDir()
	write(t, filepath.Join(deployment, ".env.production"), "LOG_LEVEL=debug\n")
	ctx, stop := context.WithCancel(t.Context())
	listening, ended := make(chan string, 1), make(chan int, 1)
	go func() {
		ended <- exporter.Main([]string{"--deployment.root=" + deployment, "--web.listen-address=127.0.0.1:0"}, exporter.System{
			Context: ctx, Stdout: t.Output(), Stderr: t.Output(), Getenv: func(string) (string, bool) { return "", false }, Now: time.Now,
			Listening: func(address string) { listening <- address },
		})
	}()
	t.Cleanup(func() { stop(); <-ended })
	var address string
	select {
	case address = <-listening:
	case code := <-ended:
		ended <- code
		t.Fatalf("the exporter ended with %d", code)
	case <-time.After(30 * time.Second):
		t.Fatal("the exporter does not listen")
	}

	rules := read(t, "../../alerts/catalyst.rules.yml")
	config := read(t, "prometheus.yml")
	for from, to := range map[string]string{
		"/etc/prometheus/rules/": "rules/", "exporter:10460": address, "alertmanager:9093": "127.0.0.1:9",
		"scrape_interval: 1m": "scrape_interval: 1s", "scrape_timeout: 30s": "scrape_timeout: 1s", "refresh_interval: 1m": "refresh_interval: 1s",
	} {
		if !strings.Contains(config, from) {
			t.Fatalf("prometheus.yml does not hold %q", from)
		}
		config = strings.ReplaceAll(config, from, to)
	}
	server := parts.Prometheus(t, config, map[string]string{"catalyst.rules.yml": strings.ReplaceAll(rules, "interval: 1m", "interval: 1s")})
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	for query, want := range map[string]string{
		`up{job="catalyst"} == 1`: "default",
		`catalyst_check_state{category="configuration",item="log_level",state="fail"}`:               "default",
		`ALERTS{alertname="CatalystCheckFailing",item="log_level",alertstate="pending"}`:             "default",
		`catalyst:check_last_good_timestamp_seconds or on () catalyst_config_last_reload_successful`: "default",
	} {
		parts.Eventually(t, 60*time.Second, func() error {
			var answer struct {
				Data struct {
					Result []struct{ Metric map[string]string }
				}
			}
			response, err := http.Get(server.URL + "/api/v1/query?query=" + url.QueryEscape(query))
			if err != nil {
				return err
			}
			defer response.Body.Close()
			if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
				return err
			}
			if len(answer.Data.Result) == 0 {
				return errors.New("no answer to " + query)
			}
			if got := answer.Data.Result[0].Metric["deployment"]; got != want {
				return fmt.Errorf("%s: deployment %q, want %q", query, got, want)
			}
			return nil
		})
	}
}

// flag is the value of a flag in a service's command.
func flag(s types.ServiceConfig, name string) string {
	for _, arg := range s.Command {
		if value, ok := strings.CutPrefix(arg, name+"="); ok {
			return value
		}
	}
	return ""
}

func read(t testing.TB, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t testing.TB, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	return string(output), err
}
