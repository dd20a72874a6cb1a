// Every question of the board, asked of a real Prometheus: with the exporter up it is answered, and whatever else is the case
// nothing looks healthy.

package dashboards

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/thenexusengine/catalyst_exporter/internal/declared"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// asker asks Prometheus, in the place of Grafana.
type asker struct{ url string }

type series struct {
	labels map[string]string
	value  float64
}

// ask answers a target as a panel gets it: the instant, or the last point of a range (none where the range ends earlier).
func (a asker) ask(q target, environment string) ([]series, error) {
	expr := strings.NewReplacer("$job", "catalyst", "$environment", environment, "$deployment", ".*", "$category", ".*").Replace(q.Expr)
	end := time.Now()
	query := url.Values{"query": {expr}, "time": {stamp(end)}}
	path := "/api/v1/query?"
	if q.Range {
		query = url.Values{"query": {expr}, "start": {stamp(end.Add(-time.Minute))}, "end": {stamp(end)}, "step": {"15"}}
		path = "/api/v1/query_range?"
	}
	response, err := http.Get(a.url + path + query.Encode())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  []any
				Values [][]any
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s\n%s", answer.Error, expr)
	}
	var all []series
	for _, r := range answer.Data.Result {
		point := r.Value
		if q.Range {
			point = r.Values[len(r.Values)-1]
			if at := point[0].(float64); at < float64(end.Unix())-7 {
				continue
			}
		}
		value, err := strconv.ParseFloat(point[1].(string), 64)
		if err != nil {
			return nil, err
		}
		all = append(all, series{r.Metric, value})
	}
	return all, nil
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// shown is what a person sees of one value.
type shown struct{ text, colour string }

// show applies mappings and thresholds as Grafana does: a mapping wins over the thresholds, null and NaN are for the special
// mapping, and null below the first threshold has the first colour.
func show(t testing.TB, f fieldDefaults, value *float64) shown {
	t.Helper()
	content, err := json.Marshal(f.Mappings)
	if err != nil {
		t.Fatal(err)
	}
	var mappings []struct {
		Type    string
		Options json.RawMessage
	}
	if err := json.Unmarshal(content, &mappings); err != nil {
		t.Fatal(err)
	}
	empty := value == nil || math.IsNaN(*value)
	for _, m := range mappings {
		var one special
		var values map[string]result
		switch {
		case m.Type == "special" && empty:
			if err := json.Unmarshal(m.Options, &one); err != nil {
				t.Fatal(err)
			}
			return shown{one.Result.Text, one.Result.Color}
		case m.Type == "value" && !empty:
			if err := json.Unmarshal(m.Options, &values); err != nil {
				t.Fatal(err)
			}
			if r, ok := values[strconv.FormatFloat(*value, 'g', -1, 64)]; ok {
				return shown{r.Text, r.Color}
			}
		}
	}
	s := shown{text: f.NoValue, colour: f.Thresholds.Steps[0].Color}
	if empty {
		return s
	}
	s.text = strconv.FormatFloat(*value, 'g', -1, 64)
	for _, step := range f.Thresholds.Steps {
		if step.Value == nil || *value >= *step.Value {
			s.colour = step.Color
		}
	}
	return s
}

// healthy tells whether anything of it says that all is well.
func healthy(s shown) bool {
	return s.colour == colourPass || slices.Contains([]string{"pass", "ready", "up", "loaded"}, s.text)
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
		parts.Eventually(t, 30*time.Second, func() error {
			got, err := a.ask(target{Expr: expr, Instant: true}, "prod")
			if err == nil && len(got) != want {
				err = fmt.Errorf("%s: %d answers, want %d", expr, len(got), want)
			}
			return err
		})
	}

	answered(`count(catalyst:check_drifted) and count(up == 1) == 2`, 1)
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			parts.Eventually(t, 30*time.Second, func() error {
				got, err := a.ask(q, "prod")
				if err == nil && len(got) == 0 {
					err = errors.New("no answer")
				}
				if err != nil {
					err = fmt.Errorf("exporter up: panel %q: %w", p.Title, err)
				}
				return err
			})
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

	got, err := a.ask(find("State of every item").Targets[0], "prod")
	words := map[string]string{}
	for _, s := range got {
		words[s.labels["item"]] = show(t, find("State of every item").FieldConfig.Defaults, &s.value).text
	}
	if want := "map[cdn:skip dns_records:warn error_rate:pass firewall_rules:unknown jwt_secret:unknown log_level:fail monitoring_hour:pending redis_password:fail]"; err != nil || fmt.Sprint(words) != want {
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
	d := board(t)
	var exprs []string
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
