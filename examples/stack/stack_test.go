// Package stack tests the example stack: its Compose file, the rules and Prometheus.
//
// The tests cannot pull images. They check what works without them: the Compose file with Compose's own loader, the
// configurations with promtool and amtool, every path in them against the mounts, and the Prometheus configuration on a
// real Prometheus that scrapes the real exporter.
package stack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

// load loads the Compose file like Compose, with the given environment.
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

// mounted returns the host path of a path in a service's container.
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
			t.Errorf("%s: not hardened: read_only %v, cap_drop %q, security_opt %q", name, s.ReadOnly, s.CapDrop, s.SecurityOpt)
		}
		if s.Build == nil && !regexp.MustCompile(`^[a-z/]+:v?[0-9]+\.[0-9]+\.[0-9]+$`).MatchString(s.Image) {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
	}
	if !slices.ContainsFunc(service(t, project, "prometheus").Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && "--storage.tsdb.path="+v.Target == service(t, project, "prometheus").Command[1]
	}) {
		t.Error("Prometheus's storage is not on a volume, so a restart loses the last good states")
	}
}

// TestStack_UsesBuiltImage checks that the stack uses the image that `make image` builds, as README.md says. The tests in
// packaging build and run that image.
func TestStack_UsesBuiltImage(t *testing.T) {
	s := service(t, load(t, "DEPLOYMENT="+t.TempDir()), "exporter")
	same := func(a, b string) bool {
		x, errX := os.Stat(a)
		y, errY := os.Stat(b)
		return errX == nil && errY == nil && os.SameFile(x, y)
	}
	if s.Build == nil || !same(s.Build.Context, "../..") || !same(filepath.Join(s.Build.Context, s.Build.Dockerfile), "../../Dockerfile") {
		t.Fatalf("the exporter is built by %+v", s.Build)
	}
	dockerfile, makefile := read(t, "../../Dockerfile"), read(t, "../../Makefile")
	if !strings.Contains(makefile, "\nIMAGE ?= "+s.Image+"\n") || !strings.Contains(makefile, "\nimage: rootfs ") {
		t.Errorf("make image does not build %s", s.Image)
	}
	for _, file := range []string{"README.md", "compose.yml"} {
		if !strings.Contains(read(t, file), "make -C ../.. image") {
			t.Errorf("%s does not say how to build the image", file)
		}
	}
	for _, line := range []string{
		`ENTRYPOINT ["/catalyst_exporter"]`,         // the command is its arguments
		fmt.Sprintf("EXPOSE %d", s.Ports[0].Target), //
		`CMD ["/catalyst_exporter", "healthy"]`,     // used by up --wait
		`COPY dist/rootfs/ /`,                       // the output of make rootfs
	} {
		if !strings.Contains(dockerfile, line) {
			t.Errorf("Dockerfile does not contain %s", line)
		}
	}
	if s.HealthCheck != nil && s.HealthCheck.Disable || s.User != "" {
		t.Errorf("the stack overrides settings of the image: health check %+v, user %q", s.HealthCheck, s.User)
	}
	deployment, ok := mounted(s, "/deployment")
	if !ok || deployment == "" || !slices.Contains(s.Command, "--deployment.root=/deployment") {
		t.Errorf("command %q, mounts %v", s.Command, s.Volumes)
	}
}

// TestStack_MountsShippedFiles checks that rules, routes and dashboard are mounted from the repository.
func TestStack_MountsShippedFiles(t *testing.T) {
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

// inContainer links the mounts of a service into a folder, like in its container, and returns a function that maps paths.
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
	if err != nil || !strings.Contains(output, "1 rule files found") || !strings.Contains(output, "32 rules found") {
		t.Errorf("%v\n%s", err, output)
	}
	for address, wanted := range map[string]string{"alertmanager:9093": "alertmanager", "exporter:10460": "exporter"} {
		if !strings.Contains(content, address) {
			t.Errorf("prometheus.yml does not contain %s", address)
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
			t.Errorf("README.md does not mention %s", path.Base(m[1]))
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
		t.Fatalf("home dashboard %v is not in the provisioned folder: %+v", home, boards.Providers)
	}
	source, _ := mounted(s, *home)
	var board struct{ UID string }
	if err := json.Unmarshal([]byte(read(t, source)), &board); err != nil || board.UID != "catalyst-readiness" {
		t.Errorf("dashboard uid %q: %v", board.UID, err)
	}
	for key, want := range map[string]string{"GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer", "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true"} {
		if got := s.Environment[key]; got == nil || *got != want {
			t.Errorf("%s is not %s", key, want)
		}
	}
}

// flag returns the value of a flag in a service's command.
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
	ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
	defer cancel()
	output, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	return string(output), err
}
