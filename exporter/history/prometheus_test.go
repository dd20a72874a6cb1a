package history

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

// chartOf returns the chart of a deployment with that Prometheus, and sets its clock.
func chartOf(t *testing.T, url, target, environment string, now *time.Time) *Chart {
	t.Helper()
	p := probetest.NewPass(t, probetest.Folder{}, deployment.Settings{Environment: environment, Prometheus: deployment.Prometheus{URL: url}})
	p.Now = func() time.Time { return *now }
	return NewChart(p.Deps, p.Deployment, target)
}

// series writes samples, one a minute, between two times before noon, in the format of promtool.
func series(b *strings.Builder, labels, item, state string, from, to time.Duration) {
	for at := noon.Add(-from); at.Before(noon.Add(-to)); at = at.Add(time.Minute) {
		fmt.Fprintf(b, "catalyst_check_state{%s,category=%q,item=%q,state=%q} 1 %d\n", labels, "c", item, state, at.Unix())
	}
}

func states(changes []Change) string {
	var all []string
	for _, c := range changes {
		state := "?"
		if c.State != 0 {
			state = c.State.String()
		}
		all = append(all, state+" "+noon.Sub(c.At).Truncate(time.Minute).String())
	}
	return strings.Join(all, ", ")
}

func TestChart(t *testing.T) {
	var b strings.Builder
	b.WriteString("# TYPE catalyst_check_state gauge\n")
	const shop, staging, blog = `job="catalyst",deployment="shop",environment="production",instance="a"`,
		`job="catalyst",deployment="shop",environment="staging",instance="a"`, `job="catalyst",deployment="blog",environment="production",instance="a"`
	series(&b, shop, "a", "pass", 10*time.Hour, 7*time.Hour)
	series(&b, shop, "a", "fail", 7*time.Hour, 6*time.Hour+55*time.Minute)
	series(&b, shop, "a", "pass", 6*time.Hour+55*time.Minute, 4*time.Hour)
	series(&b, shop, "a", "warn", 2*time.Hour, 0) // nothing was scraped for two hours
	series(&b, shop, "new", "pass", 5*time.Hour, 4*time.Hour)
	series(&b, shop, "new", "fail", 2*time.Hour, 0)
	series(&b, shop, "odd", "broken", 3*time.Hour, 2*time.Hour) // no state of this version
	series(&b, staging, "a", "fail", 3*time.Hour, 0)
	series(&b, blog, "a", "fail", 3*time.Hour, 0)
	b.WriteString("# EOF\n")
	server := parts.PrometheusHistory(t, b.String())
	now := noon

	cells := chartOf(t, server.URL, "shop", "production", &now).Cells(t.Context())
	if cells == nil {
		t.Fatal("no cells")
	}
	// The failure of five minutes is seen although a cell is longer.
	got := states(cells.Changes("c/a"))
	for _, want := range []string{"pass ", "fail ", "pass ", "? ", "warn "} {
		var found bool
		if _, got, found = strings.Cut(got, want); !found {
			t.Errorf("no %q in %q", want, states(cells.Changes("c/a")))
		}
	}
	if first := noon.Sub(cells.Changes("c/a")[0].At); first < 10*time.Hour || first > 17*time.Hour {
		t.Errorf("the cells reach back %v: 90 days with data in their last ten hours are shortened", first)
	}
	if got := states(cells.Changes("c/new")); !strings.HasPrefix(got, "? ") || !strings.Contains(got, "pass") || !strings.Contains(got, "fail") {
		t.Errorf("new item: %s", got)
	}
	if got := cells.Changes("c/odd"); got != nil {
		t.Errorf("unknown state: %s", states(got))
	}
	// Two environments and deployments are never mixed.
	if got := states(chartOf(t, server.URL, "shop", "staging", &now).Cells(t.Context()).Changes("c/a")); !strings.HasPrefix(got, "fail ") || strings.Contains(got, "pass") {
		t.Errorf("staging: %s", got)
	}
	if got := chartOf(t, server.URL, "", "", &now).Cells(t.Context()); got != nil {
		t.Error("verdicts of two deployments are shown as one")
	}
	if got := states(chartOf(t, server.URL, "blog", "", &now).Cells(t.Context()).Changes("c/a")); !strings.HasPrefix(got, "fail ") || strings.Contains(got, "pass") {
		t.Errorf("blog: %s", got)
	}
	if got := chartOf(t, server.URL, "other", "", &now).Cells(t.Context()); got != nil {
		t.Error("a deployment without series has a past")
	}
	if NewChart(nil, &deployment.Deployment{}, "shop") != nil {
		t.Error("the default address is queried")
	}
}

// TestChart_Cached: a response is reused for five minutes, and so is a failure; a reader who leaves spoils nothing.
func TestChart_Cached(t *testing.T) {
	var requests atomic.Int32
	var broken atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"c","category":"c","item":"a","state":"fail"},"values":[[%s,"1"]]}]}}`,
			r.FormValue("start"))
	}))
	defer server.Close()
	now := noon
	c := chartOf(t, server.URL, "", "", &now)
	left, leave := context.WithCancel(t.Context())
	leave()
	if c.Cells(left) != nil {
		t.Error("cells without a response")
	}
	requests.Store(0)
	want := func(cells *Cells, n int32) {
		t.Helper()
		if got := states(cells.Changes("c/a")); !strings.HasPrefix(got, "fail") || requests.Load() != n {
			t.Errorf("%q after %d requests, want %d", got, requests.Load(), n)
		}
	}
	want(c.Cells(t.Context()), 1)
	now = noon.Add(chartAge - time.Second)
	want(c.Cells(t.Context()), 1)
	broken.Store(true)
	now = noon.Add(chartAge)
	if c.Cells(t.Context()) != nil {
		t.Error("the past of a Prometheus that does not respond")
	}
	broken.Store(false)
	if c.Cells(t.Context()) != nil || requests.Load() != 2 {
		t.Errorf("a failure is not reused: %d requests", requests.Load())
	}
	now = noon.Add(2 * chartAge)
	want(c.Cells(t.Context()), 3)
	now = noon // the clock was set back
	want(c.Cells(t.Context()), 4)
	var none *Chart
	if none.Cells(t.Context()) != nil || (*Cells)(nil).Changes("c/a") != nil {
		t.Error("nil knows a past")
	}
}
