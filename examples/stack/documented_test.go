// What docs/prometheus.md says, on a real Prometheus that scrapes the real exporter with three targets. Only addresses and
// intervals are changed.

package stack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/exporter"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// threeTargets writes a configuration of three deployments.
func threeTargets(t *testing.T) (file string) {
	t.Helper()
	dir := t.TempDir()
	config := "targets:\n"
	for _, name := range []string{"one", "two", "three"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, ".env.production"), "LOG_LEVEL=info\n")
		config += fmt.Sprintf("  %s: {root: %[1]s, environment: production}\n", name)
	}
	file = filepath.Join(dir, "catalyst.yml")
	write(t, file, config)
	return file
}

// served starts the exporter and returns its address. It is stopped when the test ends.
func served(t *testing.T, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	listening, ended := make(chan string, 1), make(chan int, 1)
	go func() {
		ended <- exporter.Main(append([]string{"serve"}, args...), exporter.System{
			Context: ctx, Stdout: t.Output(), Stderr: t.Output(), Getenv: func(string) (string, bool) { return "", false }, Now: time.Now,
			Listening: func(address string) { listening <- address },
		})
	}()
	t.Cleanup(func() { stop(); <-ended })
	select {
	case address := <-listening:
		return address
	case code := <-ended:
		ended <- code
		t.Fatalf("the exporter exited with %d", code)
	case <-time.After(parts.Patience):
		t.Fatal("the exporter does not listen")
	}
	return ""
}

// documented returns the scrape configuration for all targets and the rule files of docs/prometheus.md, faster.
func documented(t *testing.T) string {
	t.Helper()
	page := read(t, "../../docs/prometheus.md")
	block := func(start string) string {
		_, rest, found := strings.Cut(page, start)
		yaml, _, ended := strings.Cut(rest, "```")
		if !found || !ended {
			t.Fatalf("docs/prometheus.md has no block %q", start)
		}
		return yaml
	}
	scrape := block("For all targets of an exporter, with their labels:\n\n```yaml\n")
	rules := block("promtool check rules /etc/prometheus/rules/catalyst.rules.yml\n```\n\n```yaml\n")
	for from, to := range map[string]string{"scrape_interval: 1m": "scrape_interval: 1s", "/etc/prometheus/rules/": "rules/"} {
		if !strings.Contains(scrape+rules, from) {
			t.Fatalf("docs/prometheus.md does not contain %q", from)
		}
		scrape, rules = strings.ReplaceAll(scrape, from, to), strings.ReplaceAll(rules, from, to)
	}
	return "global: {scrape_timeout: 1s}\n" + scrape + rules
}

// fastRules are the shipped rules, evaluated every second, and with alerts that do not wait.
func fastRules(t *testing.T) map[string]string {
	t.Helper()
	rules := strings.ReplaceAll(read(t, "../../alerts/catalyst.rules.yml"), "interval: 1m", "interval: 1s")
	return map[string]string{"catalyst.rules.yml": regexp.MustCompile(`( +for:) \S+\n`).ReplaceAllString(rules, "$1 1s\n")}
}

// found returns the different values of a label in the result of a query, sorted.
func found(prometheus, query, label string) ([]string, error) {
	response, err := http.Get(prometheus + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, errors.New(answer.Error)
	}
	values := []string{}
	for _, r := range answer.Data.Result {
		values = append(values, r.Metric[label])
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}

// await waits until the result of a query has exactly these values of a label.
func await(t *testing.T, prometheus, query, label string, want ...string) {
	t.Helper()
	parts.Eventually(t, func() error {
		got, err := found(prometheus, query, label)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("%s: %s %q, want %q", query, label, got, want)
		}
		return err
	})
}

// TestDocumentation_PagesBrokenReload breaks the configuration of an exporter of three targets.
func TestDocumentation_PagesBrokenReload(t *testing.T) {
	config := threeTargets(t)
	address := served(t, "--config.file="+config, "--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle")
	server := parts.Prometheus(t, strings.ReplaceAll(documented(t), "localhost:10460", address), fastRules(t))
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	await(t, server.URL, `up{job="catalyst"} == 1`, "deployment", "", "one", "three", "two")
	await(t, server.URL, `catalyst_ready`, "deployment", "one", "three", "two")
	await(t, server.URL, `catalyst_config_last_reload_successful == 1`, "deployment", "")
	await(t, server.URL, `count(catalyst:check_drifted) > 0`, "deployment", "")
	await(t, server.URL, `ALERTS{alertname=~"CatalystConfigReloadFailed|CatalystExporterDown"}`, "alertname")

	good := read(t, config)
	reload := func(text string, want int) {
		t.Helper()
		write(t, config, text)
		response, err := http.Post("http://"+address+"/-/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != want {
			t.Fatalf("reload: %s, want %d", response.Status, want)
		}
	}
	reload(good+"tragets: {}\n", http.StatusInternalServerError)
	await(t, server.URL, `ALERTS{alertname="CatalystConfigReloadFailed",alertstate="firing"}`, "job", "catalyst")
	await(t, server.URL, `catalyst_ready`, "deployment", "one", "three", "two") // the old configuration stays
	reload(good, http.StatusOK)
	await(t, server.URL, `ALERTS{alertname="CatalystConfigReloadFailed"}`, "job")
}

// TestDocumentation_ScrapesThroughTLS scrapes the targets that /sd lists behind nginx, with TLS and below a path.
func TestDocumentation_ScrapesThroughTLS(t *testing.T) {
	address := parts.Refusing(t) // until the exporter listens there
	cert := parts.TLS(t, []string{"127.0.0.1"})
	_, _, root := cert.Write(t, t.TempDir())
	nginx := parts.Nginx(t, parts.NginxSite{TLS: cert, Server: "location /readiness/ { proxy_set_header Host $http_host; proxy_pass http://" + address + "; }"})
	served(t, "--config.file="+threeTargets(t), "--web.listen-address="+address, "--web.external-url="+nginx.URL+"/readiness/")

	trust := fmt.Sprintf("tls_config: {ca_file: %s}\n", root)
	config := documented(t)
	from := "      - url: http://localhost:10460/sd\n"
	if !strings.Contains(config, from) {
		t.Fatalf("no %q in\n%s", from, config)
	}
	config = strings.Replace(config, from, "      - url: "+nginx.URL+"/readiness/sd\n        "+trust+"    "+trust, 1)
	server := parts.Prometheus(t, config, fastRules(t))
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	await(t, server.URL, `up{job="catalyst"} == 1`, "deployment", "", "one", "three", "two")
	await(t, server.URL, `catalyst_ready`, "deployment", "one", "three", "two")
	await(t, server.URL, `catalyst_config_last_reload_successful`, "deployment", "")
}
