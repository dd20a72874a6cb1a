// The stage of the end-to-end test: exporters whose series a test sets, a receiver that stands for PagerDuty and Slack, and
// a real Prometheus and Alertmanager between them, with every duration of the shipped files divided.

package alerts

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// faster divides every duration: a minute of the shipped rules is a second here. More would make a busy machine miss so many
// scrapes that exporters seem down.
const faster = 60

// scaled is a duration of the shipped files as the stage plays it.
func scaled(d time.Duration) time.Duration { return d / faster }

var (
	duration = regexp.MustCompile(`(\b(?:interval|for|keep_firing_for|group_wait|group_interval): |[[:])([0-9]+)([smhd])\b`)
	product  = regexp.MustCompile(`\b([0-9]+) \* (3600|86400)\b`)
)

// shorten divides the durations of a rule file or of an Alertmanager configuration: its fields (but for repeat_interval, so
// that nothing repeats), its ranges, and its products of seconds.
func shorten(text string) string {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	text = duration.ReplaceAllStringFunc(text, func(found string) string {
		m := duration.FindStringSubmatch(found)
		n, _ := strconv.Atoi(m[2])
		return m[1] + strconv.FormatInt(scaled(time.Duration(n)*units[m[3]]).Milliseconds(), 10) + "ms"
	})
	return product.ReplaceAllStringFunc(text, func(found string) string {
		m := product.FindStringSubmatch(found)
		n, _ := strconv.Atoi(m[1])
		per, _ := strconv.Atoi(m[2])
		return strconv.FormatFloat(float64(n*per)/faster, 'g', -1, 64)
	})
}

func TestShorten(t *testing.T) {
	for text, want := range map[string]string{
		"for: 10m":                       "for: 10000ms",
		"keep_firing_for: 1h":            "keep_firing_for: 60000ms",
		"repeat_interval: 4h":            "repeat_interval: 4h",
		"x[7d] > time() - 90 * 86400":    "x[10080000ms] > time() - 129600",
		"x[1d:1m]":                       "x[1440000ms:1000ms]",
		`{{ $x | humanizeDuration }} 1h`: `{{ $x | humanizeDuration }} 1h`,
	} {
		if got := shorten(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// fakeExporter is a replica of an exporter: it answers /metrics with the series it was told.
type fakeExporter struct {
	deployment, instance string
	addr                 string

	mu     sync.Mutex
	items  map[string]fakeItem // by category/item
	ready  bool
	server *http.Server
	ended  chan struct{}
}

type fakeItem struct {
	state, reason   string
	severity, scope string // critical, standing where empty
	waived          bool
}

func newFakeExporter(t testing.TB, deployment, instance string, items map[string]fakeItem) *fakeExporter {
	t.Helper()
	e := &fakeExporter{deployment: deployment, instance: instance, items: maps.Clone(items), ready: true, addr: parts.Refusing(t)}
	e.start(t)
	t.Cleanup(e.kill)
	return e
}

// start listens on the address that is its own, again when it was killed.
func (e *fakeExporter) start(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp4", e.addr)
	if err != nil {
		t.Fatalf("exporter of %s: %v", e.deployment, err)
	}
	e.server = &http.Server{Handler: http.HandlerFunc(e.metrics), ReadHeaderTimeout: 10 * time.Second}
	e.ended = make(chan struct{})
	go func(s *http.Server, ended chan struct{}) {
		defer close(ended)
		_ = s.Serve(listener) // ends with kill
	}(e.server, e.ended)
}

// kill closes the listener and every connection.
func (e *fakeExporter) kill() {
	_ = e.server.Close()
	<-e.ended
}

// set changes items; an item with no state leaves the list.
func (e *fakeExporter) set(items map[string]fakeItem) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, v := range items {
		if v.state == "" {
			delete(e.items, k)
		} else {
			e.items[k] = v
		}
	}
}

func (e *fakeExporter) metrics(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	one := map[bool]int{true: 1}
	fmt.Fprintf(w, "catalyst_ready %d\ncatalyst_config_last_reload_successful 1\n", one[e.ready])
	for _, name := range slices.Sorted(maps.Keys(e.items)) {
		v := e.items[name]
		category, id, _ := strings.Cut(name, "/")
		k := fmt.Sprintf("category=%q,item=%q", category, id)
		severity, scope := v.severity, v.scope
		if severity == "" {
			severity = "critical"
		}
		if scope == "" {
			scope = "standing"
		}
		fmt.Fprintf(w, "catalyst_check_state{%s,state=%q,reason=%q} 1\n", k, v.state, v.reason)
		fmt.Fprintf(w, "catalyst_check_info{%s,title=%q,severity=%q,required=\"true\",scope=%q} 1\n", k, "The "+id, severity, scope)
		fmt.Fprintf(w, "catalyst_check_waived{%s} %d\n", k, one[v.waived])
		if v.state != "skip" {
			fmt.Fprintf(w, "catalyst_check_ok{%s} %d\n", k, one[v.state != "fail" && v.state != "unknown"])
		}
		fmt.Fprintf(w, "catalyst_check_duration_seconds{%s} 0.01\n", k)
	}
}

// stage is the servers and how to ask them.
type stage struct {
	prometheus   *parts.PrometheusServer
	alertmanager *parts.AlertmanagerServer
	receiver     *receiver
}

func newStage(t *testing.T, exporters []*fakeExporter) *stage {
	t.Helper()
	s := &stage{receiver: &receiver{pages: map[string][]pageEvent{}, keys: map[string]string{}}}
	inbox := httptest.NewServer(s.receiver)
	t.Cleanup(inbox.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)

	dir := t.TempDir()
	write(t, filepath.Join(dir, "pagerduty_routing_key"), parts.Secret())
	write(t, filepath.Join(dir, "slack_webhook_url"), inbox.URL+"/slack")
	routes := "global: {pagerduty_url: " + inbox.URL + "/pagerduty}\n" +
		strings.ReplaceAll(shorten(string(Alertmanager())), "/etc/alertmanager/secrets", dir)
	s.alertmanager = parts.Alertmanager(t, routes)

	var targets strings.Builder
	for _, e := range exporters {
		fmt.Fprintf(&targets, "      - {targets: [%q], labels: {environment: prod, deployment: %q, instance: %q}}\n", e.addr, e.deployment, e.deployment+"-"+e.instance)
	}
	config := fmt.Sprintf(`
global: {scrape_interval: %[1]v, scrape_timeout: %[1]v, evaluation_interval: %[1]v}
rule_files: [rules/*.yml]
alerting: {alertmanagers: [{static_configs: [{targets: [%[2]q]}]}]}
scrape_configs:
  - job_name: catalyst
    static_configs:
%[3]s`, scaled(time.Minute), s.alertmanager.Addr, targets.String())
	s.prometheus = parts.Prometheus(t, config, map[string]string{"catalyst.rules.yml": shorten(rules)})
	return s
}

// ask runs an instant query; the samples come with their labels in the order of Prometheus.
func (s *stage) ask(query string) ([]sample, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := getJSON(s.prometheus.URL+"/api/v1/query?query="+url.QueryEscape(query), &answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s: %s", query, answer.Error)
	}
	var samples []sample
	for _, r := range answer.Data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample{r.Metric, value})
	}
	return samples, nil
}

type sample struct {
	labels map[string]string
	value  float64
}

// elapse returns when the rules have been evaluated for that time (of the shipped rules) from now on. The evaluations are the
// clock: a machine that is busy makes the test slower, not wrong.
func (s *stage) elapse(t *testing.T, d time.Duration) {
	t.Helper()
	until := time.Now().Add(scaled(d))
	time.Sleep(time.Until(until)) // spares the servers questions; what counts is asked below
	parts.Eventually(t, func() error {
		var answer struct {
			Data struct {
				Groups []struct {
					Name           string
					LastEvaluation time.Time
				}
			}
		}
		if err := getJSON(s.prometheus.URL+"/api/v1/rules", &answer); err != nil {
			return err
		}
		for _, g := range answer.Data.Groups {
			if g.LastEvaluation.Before(until) {
				return fmt.Errorf("group %s was evaluated at %v, not after %v", g.Name, g.LastEvaluation, until)
			}
		}
		return nil
	})
}

// alert is an alert as Alertmanager has it.
type alert struct {
	Labels map[string]string
	Status struct{ State string } // active or suppressed
}

// alerts returns what Alertmanager has of a deployment.
func (s *stage) alerts(t *testing.T, deployment string) []alert {
	t.Helper()
	var all []alert
	if err := getJSON(s.alertmanager.URL+"/api/v2/alerts?filter="+url.QueryEscape("deployment="+strconv.Quote(deployment)), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func getJSON(from string, into any) error {
	response, err := http.Get(from)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}
