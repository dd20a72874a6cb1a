// Prometheus and Alertmanager: they take a configuration and rules, and return a URL.

package parts

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// PrometheusServer is a running Prometheus.
type PrometheusServer struct{ *monitor }

// AlertmanagerServer is a running Alertmanager.
type AlertmanagerServer struct{ *monitor }

// monitor is the common part of both: a configuration file, a health page, a reload over HTTP.
type monitor struct {
	*process
	URL  string // http://127.0.0.1:port, without a trailing slash
	Addr string // host:port
	Dir  string // of the configuration, and the base of its relative paths
	file string // the configuration's name in Dir
}

// Prometheus starts a server with the given configuration. The rules are files by name, written to Dir/rules; the
// configuration loads them with
//
//	rule_files: [rules/*.yml]
func Prometheus(t testing.TB, config string, rules map[string]string, flags ...string) *PrometheusServer {
	t.Helper()
	m := startMonitor(t, "prometheus", Need(t, "prometheus"), "prometheus.yml", config, rules, func(dir, address string) []string {
		return append([]string{
			"--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + address, "--web.enable-lifecycle", "--web.enable-admin-api", "--query.lookback-delta=5m",
		}, flags...)
	})
	return &PrometheusServer{m}
}

// PrometheusHistory starts a server that scrapes nothing and has the samples of a text in OpenMetrics format.
func PrometheusHistory(t testing.TB, samples string) *PrometheusServer {
	t.Helper()
	dir := tempDir(t, -1, -1)
	file := filepath.Join(dir, "samples")
	WriteFile(t, file, samples, 0o644)
	data := filepath.Join(dir, "data")
	if out, err := exec.Command(Need(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", file, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	m := startMonitor(t, "prometheus", Need(t, "prometheus"), "prometheus.yml", "scrape_configs: []\n", nil, func(dir, address string) []string {
		return []string{"--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + data, "--web.listen-address=" + address}
	})
	return &PrometheusServer{m}
}

// SetRules replaces one rule file; Reload activates it.
func (s *PrometheusServer) SetRules(t testing.TB, name, content string) {
	t.Helper()
	WriteFile(t, filepath.Join(s.Dir, "rules", name), content, 0o644)
}

// AwaitScrapes waits until that many targets were scraped twice, so that rates have values.
func (s *PrometheusServer) AwaitScrapes(t testing.TB, targets int) {
	t.Helper()
	Eventually(t, func() error {
		_, body, err := Get(s.URL+"/api/v1/query?query="+url.QueryEscape("count_over_time(up[1h]) >= 2"), nil)
		if err != nil {
			return err
		}
		var found struct{ Data struct{ Result []any } }
		if err := json.Unmarshal(body, &found); err != nil {
			return err
		}
		if len(found.Data.Result) < targets {
			return fmt.Errorf("%d of %d targets were scraped twice", len(found.Data.Result), targets)
		}
		return nil
	})
}

// Alertmanager starts a server with the given configuration, without a cluster.
func Alertmanager(t testing.TB, config string) *AlertmanagerServer {
	t.Helper()
	program, ok := find("prometheus-alertmanager") // Debian's name
	if !ok {
		program = Need(t, "alertmanager")
	}
	m := startMonitor(t, "alertmanager", program, "alertmanager.yml", config, nil, func(dir, address string) []string {
		return []string{
			"--config.file=" + filepath.Join(dir, "alertmanager.yml"), "--storage.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + address, "--cluster.listen-address=",
		}
	})
	return &AlertmanagerServer{m}
}

func startMonitor(t testing.TB, name, program, file, config string, rules map[string]string,
	args func(dir, address string) []string) *monitor {
	t.Helper()
	m := &monitor{Dir: tempDir(t, -1, -1), file: file}
	m.SetConfig(t, config)
	for rule, content := range rules {
		WriteFile(t, filepath.Join(m.Dir, "rules", rule), content, 0o644)
	}
	address := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	var port int
	m.process, port = serve(t, func(port int) spec {
		return spec{name: name, path: program, dir: m.Dir, args: args(m.Dir, address(port))}
	}, func(_ *process, port int) error {
		return answers200(http.MethodGet, "http://"+address(port)+"/-/ready")
	})
	m.Addr = address(port)
	m.URL = "http://" + m.Addr
	return m
}

// SetConfig replaces the configuration; Reload activates it.
func (m *monitor) SetConfig(t testing.TB, config string) {
	t.Helper()
	WriteFile(t, filepath.Join(m.Dir, m.file), config, 0o644)
}

// Reload makes the server read its files again. If it rejects the configuration, the test fails with its error.
func (m *monitor) Reload(t testing.TB) {
	t.Helper()
	if err := answers200(http.MethodPost, m.URL+"/-/reload"); err != nil {
		t.Fatalf("%s: reload: %v", m.name, err)
	}
}

func answers200(method, url string) error {
	status, body, err := request(method, url, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	return err
}
