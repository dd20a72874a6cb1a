// Both boards on a real Prometheus with three deployments, scraped as /sd lists them: next to them the exporter itself, without
// a deployment.

package dashboards

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// ofItself reports whether a series is the exporter's own, not a deployment's.
func ofItself(line string) bool {
	return strings.HasPrefix(line, "process_") || strings.HasPrefix(line, "catalyst_exporter_") || strings.HasPrefix(line, "catalyst_config_")
}

// oneExporter serves the series of several deployments below /probe, and its own.
func oneExporter(t *testing.T) (server *httptest.Server, gone *atomic.Bool) {
	t.Helper()
	gone = &atomic.Bool{}
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		name := r.URL.Query().Get("target")
		if name == "good" && gone.Load() {
			http.Error(w, "gone", http.StatusNotFound)
			return
		}
		for line := range strings.Lines(exposition("a")) {
			switch {
			case ofItself(line) != (name == ""):
				continue
			case name == "good":
				line = strings.NewReplacer(`state="fail",reason="placeholder"`, `state="pass",reason=""`, `state="fail",reason="mismatch"`, `state="pass",reason=""`,
					"catalyst_ready 0", "catalyst_ready 1").Replace(line)
			case name == "worst":
				line = strings.Replace(line, `state="unknown",reason="permission_denied"`, `state="fail",reason="exposed"`, 1)
			}
			fmt.Fprint(w, line)
		}
	}))
	t.Cleanup(server.Close)
	return server, gone
}

func TestBoards_ThreeDeployments(t *testing.T) {
	rules, err := os.ReadFile("../alerts/catalyst.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	exporter, gone := oneExporter(t)
	host := strings.TrimPrefix(exporter.URL, "http://")
	config := "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\nrule_files: [rules/*.yml]\nscrape_configs:\n  - job_name: catalyst\n    static_configs:\n" +
		fmt.Sprintf("      - {targets: [%q]}\n", host)
	for _, name := range []string{"good", "bad", "worst"} {
		config += fmt.Sprintf("      - {targets: [%q], labels: {environment: prod, deployment: %s, __metrics_path__: /probe, __param_target: %[2]s}}\n", host, name)
	}
	server := parts.Prometheus(t, config, map[string]string{"catalyst.rules.yml": strings.ReplaceAll(string(rules), "interval: 1m", "interval: 500ms")})
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	a := asker{server.URL}
	answered := func(expr string) {
		t.Helper()
		parts.Eventually(t, func() error {
			got, err := a.ask(target{Expr: expr, Instant: true}, "prod")
			if err == nil && len(got) == 0 {
				err = errors.New(expr + ": no answer")
			}
			return err
		})
	}
	answered(`count(catalyst:check_drifted) and count(up == 1) == 4`)
	for _, chosen := range []string{".*", "bad"} { // all deployments, and one
		for _, d := range boards(t) {
			for _, p := range d.Panels {
				for _, q := range p.Targets {
					q.Expr = strings.ReplaceAll(q.Expr, "$deployment", chosen)
					parts.Eventually(t, func() error {
						got, err := a.ask(q, "prod|")
						if err == nil && len(got) == 0 && p.Title != "gone" {
							err = errors.New("no answer")
						}
						if err != nil {
							err = fmt.Errorf("%s, deployment %s: panel %q: %w", d.UID, chosen, p.Title, err)
						}
						return err
					})
				}
			}
		}
	}
	d := boards(t)[1]
	if got, want := fleetRows(t, a, d), []string{"worst 3000", "bad 2001", "good 1"}; !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
	for title, want := range map[string]shown{"ready": {"1", colourPass}, "not ready": {"2", colourFail}, "gone": {"0", colourPass}} {
		if got := tile(t, a, d, title); got != want {
			t.Errorf("%s shows %+v, want %+v", title, got, want)
		}
	}
	cells := map[string]float64{}
	got, err := a.ask(panelOf(t, d, "Categories").Targets[0], "prod")
	for _, s := range got {
		cells[s.labels["of"]+"/"+s.labels["category"]] = s.value
	}
	if want := "map[bad prod/fail or unknown:3 bad prod/security:6 good prod/fail or unknown:1 good prod/security:5 worst prod/fail or unknown:3 worst prod/security:6]"; err != nil || fmt.Sprint(cells) != want {
		t.Errorf("matrix %v (%v), want %s", cells, err, want)
	}

	gone.Store(true)
	answered(`count(up == 0) == 1 unless catalyst_ready{deployment="good"}`)
	if got, want := fleetRows(t, a, d), []string{"good 1e+06", "worst 3000", "bad 2001"}; !slices.Equal(got, want) {
		t.Errorf("rows without one deployment %q, want %q", got, want)
	}
	for title, want := range map[string]shown{"ready": {"0", colourSkip}, "not ready": {"2", colourFail}, "gone": {"1", colourUnknown}} {
		if got := tile(t, a, d, title); got != want {
			t.Errorf("without one deployment, %s shows %+v, want %+v", title, got, want)
		}
	}
}

func panelOf(t *testing.T, d dashboard, title string) panel {
	t.Helper()
	i := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == title })
	if i < 0 {
		t.Fatalf("no panel %q", title)
	}
	return d.Panels[i]
}

// tile is what a stat panel shows.
func tile(t *testing.T, a asker, d dashboard, title string) shown {
	t.Helper()
	p := panelOf(t, d, title)
	got, err := a.ask(p.Targets[0], "prod")
	if err != nil || len(got) != 1 {
		t.Fatalf("%s: %v, %v", title, got, err)
	}
	return show(t, p.FieldConfig.Defaults, &got[0].value)
}

// fleetRows are the deployments in the order of the table.
func fleetRows(t *testing.T, a asker, d dashboard) (rows []string) {
	t.Helper()
	got, err := a.ask(panelOf(t, d, "Deployments").Targets[0], "prod")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(x, y series) int { return int(y.value - x.value) })
	for _, s := range got {
		rows = append(rows, fmt.Sprintf("%s %g", s.labels["deployment"], s.value))
	}
	return rows
}
