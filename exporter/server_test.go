package exporter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// running is a server in this process.
type running struct {
	url    string
	stderr *lockedBuffer
	stop   func() int
	more   <-chan string // addresses of further listeners
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts the program with serve and the given flags on a free port.
func serve(t *testing.T, args ...string) *running {
	t.Helper()
	return serveAt(t, time.Now, args...)
}

// serveAt is serve with another clock.
func serveAt(t *testing.T, now func() time.Time, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	listening := make(chan string, 1)
	code := make(chan int, 1)
	r := &running{stderr: &lockedBuffer{}, more: listening}
	sys := System{Context: ctx, Stdout: io.Discard, Stderr: r.stderr, Getenv: os.LookupEnv, Now: now, Listening: func(a string) { listening <- a }}
	go func() { code <- Main(append([]string{"serve", "--web.listen-address=127.0.0.1:0"}, args...), sys) }()
	var once sync.Once
	var ended int
	r.stop = func() int {
		once.Do(func() { cancel(); ended = <-code })
		return ended
	}
	t.Cleanup(func() { r.stop(); http.DefaultClient.CloseIdleConnections() })
	select {
	case a := <-listening:
		r.url = "http://" + a
	case c := <-code:
		code <- c
		t.Fatalf("the program exited with %d: %s", c, r.stderr)
	}
	return r
}

// get returns status and body.
func (r *running) get(t *testing.T, path string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// looked returns the response of the API once every probe has a result. Slow probes continue after the first responses,
// which report a timeout for them.
func (r *running) looked(t *testing.T, path string) (body string) {
	t.Helper()
	parts.Eventually(t, func() error {
		var status int
		if status, body = r.get(t, path); status != http.StatusOK {
			return fmt.Errorf("%s: status %d", path, status)
		}
		if strings.Contains(body, `"reason":"timeout"`) {
			return fmt.Errorf("%s: probes are still running: %s", path, body)
		}
		return nil
	})
	return body
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMetrics_SingleDeployment(t *testing.T) {
	root := t.TempDir()
	r := serve(t, "--deployment.root="+root)
	status, body := r.get(t, "/metrics")
	if status != 200 {
		t.Fatalf("status %d: %s", status, body)
	}
	for _, want := range []string{
		`catalyst_check_ok{category="security",item="redis_password"} 0`,
		`catalyst_check_info{category="security",item="redis_password",required="true",scope="standing",severity="critical",title="Redis password configured"} 1`,
		"catalyst_ready 0", `catalyst_gate_ready{gate="pre"} 0`, `catalyst_category_ready{category="security"} 0`, "catalyst_config_last_reload_successful 1",
		"catalyst_exporter_build_info{", "process_start_time_seconds", "go_goroutines",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}

	status, body = r.get(t, "/metrics?collect[]=security")
	if status != 200 || !strings.Contains(body, `item="redis_password"`) {
		t.Errorf("filtered scrape: %d\n%s", status, body)
	}
	for _, family := range []string{"catalyst_ready", "catalyst_gate_ready", "catalyst_category_ready"} {
		if strings.Contains(body, family) {
			t.Errorf("filtered scrape contains %s", family)
		}
	}
	if status, body = r.get(t, "/metrics?collect[]=securty"); status != 400 || !strings.Contains(body, `did you mean "security"?`) {
		t.Errorf("unknown category: %d %s", status, body)
	}
}

func TestPaths(t *testing.T) {
	r := serve(t, "--deployment.root="+t.TempDir())
	tests := []struct {
		path   string
		status int
		want   string
	}{
		{"/", 200, "catalyst_exporter"},
		{"/-/healthy", 200, "healthy"},
		{"/-/ready", 200, "ready"},
		{"/probe?target=x", 404, "no target of this name"},
		{"/probe?target=http://127.0.0.1/", 404, "no target of this name"},
		{"/probe", 404, "no target of this name"},
		{"/api/v1/ready", 503, `"ready":false`},
		{"/api/v1/ready?category=security", 503, "security/redis_password"},
		{"/api/v1/ready?gate=pre", 503, "security/redis_password"},
		{"/api/v1/ready?gate=nope", 400, "the gates are"},
		{"/sd", 200, `"__metrics_path__":"/metrics"`},
		{"/debug/pprof/", 404, ""},
		{"/nope", 404, ""},
	}
	for _, tt := range tests {
		if status, body := r.get(t, tt.path); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s; want %d %s", tt.path, status, body, tt.status, tt.want)
		}
	}
	resp, err := http.Post(r.url+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("reload over HTTP is enabled by default: %d", resp.StatusCode)
	}
}

// TestAPIChecks_EqualsCheckOutput compares /api/v1/checks with check --format=json.
func TestAPIChecks_EqualsCheckOutput(t *testing.T) {
	root := t.TempDir()
	r := serve(t, "--deployment.root="+root)
	served := r.looked(t, "/api/v1/checks")
	var out bytes.Buffer
	code := Main([]string{"check", "--format=json", "--deployment.root=" + root}, System{Context: t.Context(), Stdout: &out, Stderr: io.Discard, Getenv: os.LookupEnv, Now: time.Now})
	if code == ExitUsage || code == ExitInternal {
		t.Fatalf("check: %d", code)
	}
	strip := func(text string) string {
		var m map[string]any
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		delete(m, "time")
		for _, it := range m["items"].([]any) {
			delete(it.(map[string]any), "last_run")
			delete(it.(map[string]any), "duration_seconds")
		}
		b, _ := json.MarshalIndent(m, "", " ")
		return string(b)
	}
	if a, b := strip(served), strip(out.String()); a != b {
		t.Errorf("served:\n%s\nprinted:\n%s", a, b)
	}
}

func TestTargets(t *testing.T) {
	dir := t.TempDir()
	config := write(t, dir, "config.yml", "targets:\n  one: {root: one, environment: staging}\n  two: {root: two}\n")
	write(t, dir, "one/.env.production", "X=1\n")
	write(t, dir, "two/.env.production", "X=1\n")
	r := serve(t, "--config.file="+config)
	if _, body := r.get(t, "/metrics"); strings.Contains(body, "catalyst_check_ok") || !strings.Contains(body, "catalyst_config_last_reload_successful") {
		t.Errorf("/metrics of several targets:\n%s", body)
	}
	if status, body := r.get(t, "/probe?target=one"); status != 200 || !strings.Contains(body, "catalyst_ready 0") || strings.Contains(body, "go_goroutines") {
		t.Errorf("/probe: %d\n%s", status, body)
	}
	_, body := r.get(t, "/sd")
	var groups []struct {
		Targets []string
		Labels  map[string]string
	}
	if err := json.Unmarshal([]byte(body), &groups); err != nil || len(groups) != 3 {
		t.Fatalf("/sd: %v %s", err, body)
	}
	if l := groups[0].Labels; l["deployment"] != "one" || l["environment"] != "staging" || l["__param_target"] != "one" || l["__metrics_path__"] != "/probe" || groups[0].Targets[0] != strings.TrimPrefix(r.url, "http://") {
		t.Errorf("/sd: %s", body)
	}
	if l := groups[2].Labels; l["__metrics_path__"] != "/metrics" || len(l) != 1 || groups[2].Targets[0] != groups[0].Targets[0] {
		t.Errorf("/sd, the exporter itself: %s", body)
	}
	if _, body := r.get(t, "/sd?self=false"); strings.Contains(body, `"/metrics"`) || !strings.Contains(body, `"two"`) {
		t.Errorf("/sd without the exporter itself: %s", body)
	}
}

func TestReload_KeepsOldConfigurationOnError(t *testing.T) {
	dir := t.TempDir()
	config := write(t, dir, "config.yml", "overrides: {redis_password: {severity: info}}\n")
	r := serve(t, "--config.file="+config, "--deployment.root="+dir, "--web.enable-lifecycle")
	reload := func(want int) {
		t.Helper()
		resp, err := http.Post(r.url+"/-/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("reload: %d, want %d", resp.StatusCode, want)
		}
	}
	holds := func(wants ...string) {
		t.Helper()
		_, body := r.get(t, "/metrics")
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("no %s", want)
			}
		}
	}
	holds(`item="redis_password",required="true",scope="standing",severity="info"`)
	write(t, dir, "config.yml", "overrides: {redis_pasword: {severity: warning}}\n")
	reload(500)
	holds(`item="redis_password",required="true",scope="standing",severity="info"`, "catalyst_config_last_reload_successful 0")
	write(t, dir, "config.yml", "overrides: {redis_password: {severity: warning}}\n")
	reload(200)
	holds(`item="redis_password",required="true",scope="standing",severity="warning"`, "catalyst_config_last_reload_successful 1")
	if code := r.stop(); code != ExitReady {
		t.Errorf("exit code %d", code)
	}
}

// TestMetrics_WithPrometheus scrapes with a real Prometheus and lints with promtool.
func TestMetrics_WithPrometheus(t *testing.T) {
	r := serve(t, "--deployment.root="+t.TempDir())
	_, scrape := r.get(t, "/metrics")
	check := exec.CommandContext(t.Context(), parts.Need(t, "promtool"), "check", "metrics")
	check.Stdin = strings.NewReader(scrape)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v %s", err, out)
	}
	p := parts.Prometheus(t, "global: {scrape_interval: 5s, scrape_timeout: 5s}\nscrape_configs:\n- job_name: catalyst\n  static_configs: [{targets: ['"+strings.TrimPrefix(r.url, "http://")+"']}]\n", nil)
	parts.Eventually(t, func() error {
		resp, err := http.Get(p.URL + "/api/v1/query?query=catalyst_check_ok")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && !strings.Contains(string(body), `"item":"redis_password"`) {
			err = fmt.Errorf("Prometheus has no catalyst_check_ok: %s", body)
		}
		return err
	})
}

// TestLibraries_DoNotLog checks that the default logger is disabled, because log messages of libraries quote servers.
func TestLibraries_DoNotLog(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(t.Output(), nil)))
	var out bytes.Buffer
	if code := Main([]string{"list", "--deployment.root=" + t.TempDir()}, quiet(t, &out)); code != ExitReady {
		t.Fatal(out.String())
	}
	if slog.Default().Enabled(t.Context(), slog.LevelError) {
		t.Error("the default logger is enabled")
	}
}

// TestServe_LogsWhatItChecks reads the line that says which deployments are checked, at the start and after a reload.
func TestServe_LogsWhatItChecks(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "one.yml", "deployment: {root: "+folder+"}\n")
	r := serve(t, "--config.file="+filepath.Join(folder, "one.yml"), "--web.enable-lifecycle")
	write(t, folder, "one.yml", "targets: {a: {root: "+folder+"}, b: {root: "+folder+"}}\n")
	response, err := http.Post(r.url+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	log := r.stderr.String()
	for _, want := range []string{
		"msg=serving version=unknown addresses=" + strings.TrimPrefix(r.url, "http://") + " checklist=\"TNE Catalyst\" items=75 root=" + folder + " history=\"off: --state.directory is not set\" config=",
		"msg=\"the configuration was reloaded\" checklist=\"TNE Catalyst\" items=75 targets=2 history=\"off: --state.directory is not set\" config=",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not contain %q:\n%s", want, log)
		}
	}
}
