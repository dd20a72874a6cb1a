package board

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/version"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Overview is the page of all deployments.
type Overview struct {
	CSS     template.CSS
	Time    time.Time
	Version string
	Metrics string // URL of the exporter's own metrics
	Refresh bool
	Good    int // ready deployments
	Ready   bool
	Rows    []overviewRow // worst first
}

// staleAfter is the age at which a verdict is shown as an old one. Prometheus scrapes more often.
const staleAfter = 5 * time.Minute

// overviewRow is one deployment.
type overviewRow struct {
	Name, Environment string
	URL, Anchor       string
	State             probe.State // pass: ready; unknown: never checked
	Word              string
	Count             string // what prevents readiness
	Since             since
	Checked           time.Time // the last run of a probe; zero when there was none
	Stale             bool
	Counts            []Link // of items by state
	failing, waiting  int
}

// NewOverview builds the page without deployments. Metrics is the URL of the exporter's own metrics.
func NewOverview(now time.Time, metrics string, refresh bool) *Overview {
	return &Overview{CSS: template.CSS(boardCSS), Time: now, Version: version.Version, Metrics: metrics, Refresh: refresh} //nolint:gosec // the CSS is embedded
}

// Add adds a deployment: its last report and when a probe last ran for it.
func (page *Overview) Add(name, environment string, r *collector.Report, checked time.Time, h History) {
	row := overviewRow{Name: name, Environment: environment, URL: narrowing{target: name}.url(), Anchor: fmt.Sprintf("deployment_%d", len(page.Rows)+1), Checked: checked}
	ready := r.Ready()
	switch {
	case checked.IsZero():
		row.State, row.Word = probe.StateUnknown, "not checked"
	case ready.Ready:
		row.State, row.Word = probe.StatePass, "ready"
	case len(ready.Failing) > 0:
		row.State, row.Word = probe.StateFail, "not ready"
	default:
		row.State, row.Word = probe.StateUnknown, "not ready"
	}
	if !checked.IsZero() {
		row.failing, row.waiting = len(ready.Failing), len(ready.Waiting)
		row.Count, row.Since, row.Stale = Count(ready), sinceOf(h, "", page.Time), page.Time.Sub(checked) > staleAfter
		row.Counts = tallies(r.Verdicts, narrowing{target: name})
	}
	page.Rows = append(page.Rows, row)
}

// Write sends the page. If it returns an error, nothing was written.
func (page *Overview) Write(w http.ResponseWriter) error {
	slices.SortStableFunc(page.Rows, func(a, b overviewRow) int {
		for _, d := range []int{int(b.State) - int(a.State), b.failing - a.failing, b.waiting - a.waiting} {
			if d != 0 {
				return d
			}
		}
		return strings.Compare(a.Name, b.Name)
	})
	page.Good = 0
	for _, row := range page.Rows {
		if row.State == probe.StatePass {
			page.Good++
		}
	}
	page.Ready = page.Good == len(page.Rows) && page.Good > 0
	again := ""
	if page.Refresh {
		again = "?" + url.Values{"refresh": {refreshAfter}}.Encode()
	}
	return write(w, "overview", overviewHTML, page.Time, page, again)
}
