// Every question of the board, asked of a real Prometheus: with the exporter up it is answered, and whatever else is the case
// nothing looks healthy.

package dashboards

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/declared"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

// exposition is what two replicas of an exporter say that does not all agree: titles differ, and one sees less.
func exposition(replica string) string {
	state := func(item, state, reason, severity string) string {
		k := fmt.Sprintf(`category="security",item=%q`, item)
		return fmt.Sprintf("catalyst_check_state{%[1]s,state=%[2]q,reason=%[3]q} 1\ncatalyst_check_info{%[1]s,title=\"%[5]s on %[6]s\",severity=%[4]q,required=\"true\",scope=\"standing\"} 1\n"+
			"catalyst_check_waived{%[1]s} 0\ncatalyst_check_duration_seconds{%[1]s} 0.2\ncatalyst_check_last_run_timestamp_seconds{%[1]s} 1.7e9\n", k, state, reason, severity, item, replica)
	}
	text := state("jwt_secret", "pass", "", "critical") + state("redis_password", "fail", "placeholder", "critical") +
		state("log_level", "fail", "mismatch", "warning") + state("firewall_rules", "unknown", "permission_denied", "critical") +
		state("dns_records", "warn", "unpinned", "critical") + state("monitoring_hour", "pending", "in_progress", "critical") +
		state("cdn", "skip", "not_configured", "warning") + state("error_rate", "pass", "", "critical")
	if replica == "b" {
		text = strings.ReplaceAll(text, `item="jwt_secret",state="pass",reason=""`, `item="jwt_secret",state="unknown",reason="timeout"`)
	}
	return text + `catalyst_ready 0
catalyst_category_ready{category="security"} 0
catalyst_gate_ready{gate="pre"} 0
catalyst_gate_ready{gate="post"} 1
catalyst_release_info{version="1.4.0",commit="0a1b2c3",phase="recorded"} 1
catalyst_release_timestamp_seconds{phase="recorded"} 1.7e9
catalyst_evidence_timestamp_seconds{category="testing",item="lint",probe="lint"} 1.7e9
catalyst_backup_last_success_timestamp_seconds{category="backup",item="initial_backup",probe="backup",location="local"} 1.7e9
catalyst_tls_certificate_not_after_timestamp_seconds{category="security",item="tls_certificates",probe="tls",source="file"} 1.7e9
catalyst_attestation_expiry_timestamp_seconds{category="backup",item="restore_tested",role="devops_lead"} 1.9e9
catalyst_waiver_expiry_timestamp_seconds{category="security",item="log_level"} 1.9e9
catalyst_criterion_value{category="security",item="error_rate",probe="query"} 0.002
catalyst_criterion_threshold{category="security",item="error_rate",probe="query"} 0.01
catalyst_config_last_reload_successful 1
catalyst_exporter_build_info{version="1.0.0",revision="0a1b2c3",branch="main",goversion="go1.26"} 1
process_resident_memory_bytes 2.5e7
`
}

// replicas are two exporters that can be told what to say.
type replicas struct {
	servers []*httptest.Server
	bare    atomic.Bool // answer, but without a single check
}

func newReplicas(t testing.TB) *replicas {
	r := &replicas{}
	for _, name := range []string{"a", "b"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			if r.bare.Load() {
				fmt.Fprintln(w, "process_resident_memory_bytes 2.5e7")
				return
			}
			fmt.Fprint(w, exposition(name))
		}))
		t.Cleanup(s.Close)
		r.servers = append(r.servers, s)
	}
	return r
}

func TestBoardsQuestions(t *testing.T) {
	rules, err := os.ReadFile("../alerts/catalyst.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	r := newReplicas(t)
	config := "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\nrule_files: [rules/*.yml]\n" +
		"scrape_configs:\n  - job_name: catalyst\n    static_configs:\n"
	for _, s := range r.servers {
		config += fmt.Sprintf("      - {targets: [%q], labels: {environment: prod, deployment: shop}}\n", strings.TrimPrefix(s.URL, "http://"))
	}
	server := parts.Prometheus(t, config, map[string]string{"catalyst.rules.yml": strings.ReplaceAll(string(rules), "interval: 1m", "interval: 500ms")})
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	a := asker{server.URL}
	d := board(t)

	answered := func(expr string, want int) {
		t.Helper()
		parts.Eventually(t, func() error {
			got, err := a.ask(target{Expr: expr, Instant: true}, "prod")
			if err == nil && len(got) != want {
				err = fmt.Errorf("%s: %d answers, want %d", expr, len(got), want)
			}
			return err
		})
	}

	answered(`count(catalyst:check_drifted) and count(up == 1) == 2`, 1)
	annotated(t, a, d)
	for _, d := range boards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				parts.Eventually(t, func() error {
					got, err := a.ask(q, "prod")
					if err == nil && len(got) == 0 {
						err = errors.New("no answer")
					}
					if err != nil {
						err = fmt.Errorf("exporter up: %s: panel %q: %w", d.UID, p.Title, err)
					}
					return err
				})
			}
		}
	}
	t.Run("up", func(t *testing.T) { whatIsShown(t, a, d) })
	t.Run("absent", func(t *testing.T) { nothingHealthy(t, a, d, "nowhere") })

	r.bare.Store(true)
	answered(`catalyst_check_state`, 0)
	t.Run("bare", func(t *testing.T) { nothingHealthy(t, a, d, "prod", "Scraped") })
	r.bare.Store(false)
	answered(`count(catalyst_check_state) > 8`, 1)
	for _, s := range r.servers {
		s.CloseClientConnections()
		s.Close()
	}
	answered(`count(up == 0) == 2`, 1)
	t.Run("down", func(t *testing.T) { nothingHealthy(t, a, d, "prod") })
}

// annotated: a release is marked at its time, and the question for drift is one that Prometheus understands, of alerts there are.
func annotated(t *testing.T, a asker, d dashboard) {
	rules, err := os.ReadFile("../alerts/catalyst.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range d.Annotations.List {
		names = append(names, one.Name)
		got, err := a.ask(target{Expr: one.Expr, Instant: true}, "prod")
		if err != nil {
			t.Errorf("annotation %s: %v", one.Name, err)
		}
		if one.UseValueForTime && (len(got) != 1 || got[0].value != 1.7e12 || got[0].labels["phase"] != "recorded") {
			t.Errorf("annotation %s: %v, want the time of the recorded release in milliseconds", one.Name, got)
		}
		for _, alert := range regexp.MustCompile(`Catalyst[A-Za-z]+`).FindAllString(one.Expr, -1) {
			if !strings.Contains(string(rules), "- alert: "+alert+"\n") {
				t.Errorf("annotation %s: there is no alert %s", one.Name, alert)
			}
		}
	}
	if !slices.Equal(names, []string{"Drift", "Releases"}) {
		t.Errorf("annotations %q, want drift and releases", names)
	}
}

// nothingHealthy shows every panel and demands that none says that all is well, and that no table has a row.
func nothingHealthy(t *testing.T, a asker, d dashboard, environment string, but ...string) {
	for _, p := range d.Panels {
		if p.Type == "row" || slices.Contains(but, p.Title) {
			continue
		}
		f := p.FieldConfig.Defaults
		if s := show(t, f, nil); healthy(s) {
			t.Errorf("panel %q shows null as %+v", p.Title, s)
		}
		nan := math.NaN()
		if s := show(t, f, &nan); s.text != noData || s.colour != colourNoData {
			t.Errorf("panel %q shows NaN as %+v", p.Title, s)
		}
		if s := (shown{text: f.NoValue}); healthy(s) || s.text == "" {
			t.Errorf("panel %q shows no series as %+v", p.Title, s)
		}
		for _, q := range p.Targets {
			got, err := a.ask(q, environment)
			if err != nil {
				t.Errorf("panel %q: %v", p.Title, err)
			}
			if p.Type == "table" && len(got) > 0 {
				t.Errorf("panel %q has rows: %v", p.Title, got)
			}
			for _, one := range got {
				if s := show(t, f, &one.value); p.Type != "timeseries" && healthy(s) {
					t.Errorf("panel %q shows %v as %+v", p.Title, one, s)
				}
			}
		}
	}
}

// whatIsShown compares what the panels say of the exposition with what it holds.
func whatIsShown(t *testing.T, a asker, d dashboard) {
	find := func(title string) panel {
		for _, p := range d.Panels {
			if p.Title == title {
				return p
			}
		}
		t.Fatalf("no panel %q", title)
		return panel{}
	}
	// The replicas see jwt_secret differently: the worse counts.
	for title, want := range map[string]shown{
		"fail": {"2", colourFail}, "unknown": {"2", colourUnknown}, "pending": {"1", colourPending}, "warn": {"1", colourWarn},
		"pass": {"1", colourPass}, "skip": {"1", colourSkip}, "drifted": {"0", colourPass}, "Ready": {"not ready", colourFail},
		"Scraped": {"up", colourPass}, "Configuration": {"loaded", colourPass}, "Categories": {"not ready", colourFail},
	} {
		p := find(title)
		got, err := a.ask(p.Targets[0], "prod")
		if err != nil || len(got) == 0 {
			t.Errorf("%s: %v, %v", title, got, err)
			continue
		}
		if s := show(t, p.FieldConfig.Defaults, &got[0].value); s != want {
			t.Errorf("%s shows %+v, want %+v", title, s, want)
		}
	}

	got, err := a.ask(find("State of items").Targets[0], "prod")
	words := map[string]string{}
	for _, s := range got {
		words[s.labels["item"]] = show(t, find("State of items").FieldConfig.Defaults, &s.value).text
	}
	if want := "map[dns_records:warn firewall_rules:unknown jwt_secret:unknown log_level:fail monitoring_hour:pending redis_password:fail]"; err != nil || fmt.Sprint(words) != want {
		t.Errorf("timeline %v (%v), want %s", words, err, want)
	}

	fix := find("What to fix")
	got, err = a.ask(fix.Targets[0], "prod")
	slices.SortStableFunc(got, func(x, y series) int { return int(y.value - x.value) })
	var rows []string
	for _, s := range got {
		rows = append(rows, s.labels["item"]+" "+s.labels["state"]+" "+s.labels["reason"])
	}
	slices.Sort(rows[2:4]) // of equal weight
	want := []string{"redis_password fail placeholder", "log_level fail mismatch", "firewall_rules unknown permission_denied", "jwt_secret unknown timeout", "monitoring_hour pending in_progress", "dns_records warn unpinned"}
	if err != nil || !slices.Equal(rows, want) {
		t.Errorf("what to fix: %q (%v), want %q", rows, err, want)
	}
	for _, q := range fix.Targets[1:] {
		got, err := a.ask(q, "prod")
		once := map[string]int{}
		for _, s := range got {
			if once[s.labels["item"]]++; once[s.labels["item"]] > 1 || s.labels["item"] == "cdn" {
				t.Errorf("what to fix: question %s has %s twice, or at all", q.RefID, s.labels["item"])
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// TestBoardNamesWhatIsDeclared: every metric, label and word in panels, annotations and variables is one that the exporter
// declares, Prometheus adds or the rules record.
func TestBoardNamesWhatIsDeclared(t *testing.T) {
	item := []string{"category", "item"}
	known := declared.Read(t, "..").With(map[string][]string{
		"up": nil, "scrape_duration_seconds": nil, "process_resident_memory_bytes": nil,
		"ALERTS": {"alertname", "alertstate", "severity", "category", "item"},
	})
	rules, err := os.ReadFile("../alerts/catalyst.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`- record: (\S+)`).FindAllStringSubmatch(string(rules), -1) {
		known.Metrics[m[1]] = item
	}
	var exprs []string
	for _, d := range boards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				exprs = append(exprs, q.Expr)
			}
		}
		for _, an := range d.Annotations.List {
			exprs = append(exprs, an.Expr)
		}
		for _, v := range d.Templating.List {
			exprs = append(exprs, v.Definition)
		}
	}
	asked := map[string]bool{}
	for _, expr := range exprs {
		if strings.Contains(expr, "vector(") {
			t.Errorf("says a number when there is none: %s", expr)
		}
		if strings.Contains(expr, "count(") && !strings.Contains(expr, ") or 0 * count(") {
			t.Errorf("a count that does not end in 0 of what is seen: %s", expr)
		}
		for _, name := range declared.Asked(expr) {
			asked[name] = true
		}
		for _, finding := range known.Check(expr) {
			t.Errorf("%s: %s", finding, expr)
		}
	}
	if len(asked) < 25 {
		t.Errorf("only %d metrics were looked at", len(asked))
	}
}
