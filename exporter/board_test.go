package exporter

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The pages of several deployments, what they run, and badges.

// twoTargets serves two targets whose only item is whether a file exists.
func twoTargets(t *testing.T) (r *running, create func()) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "own.yml", "checklist: Ours\ncategories:\n  - category: c\n    title: Category\n    items:\n"+
		"      - {item: runbook, title: There is a runbook, severity: critical, scope: standing, fix: Write it., probes: [{document: {path: RUNBOOK.md}}]}\n"+
		"gates:\n  pre: {categories: [c]}\n")
	write(t, dir, "one/README.md", "# One\n")
	write(t, dir, "two/README.md", "# Two\n")
	config := write(t, dir, "config.yml", "checklist: own.yml\ntargets:\n  one: {root: one, environment: staging}\n  two: {root: two}\n")
	return serve(t, "--config.file="+config), func() {
		write(t, dir, "one/RUNBOOK.md", "# Runbook\n\n"+strings.Repeat("Restart the service, check its log, and call the lead. ", 40)+"\n")
	}
}

// TestOverview_RunsNoProbes: the front page of several targets shows what is known, and so does a page that refreshes itself.
func TestOverview_RunsNoProbes(t *testing.T) {
	r, create := twoTargets(t)
	page := func(path, want, not string) {
		t.Helper()
		status, body := r.get(t, path)
		if status != http.StatusOK || !strings.Contains(body, want) || not != "" && strings.Contains(body, not) {
			t.Errorf("%s: %d, want %q and not %q: %s", path, status, want, not, body)
		}
	}
	page("/", "0 of 2 ready", "not ready")
	page("/", "not checked", "required item")
	page("/?target=one&refresh=60", "Not ready: <span class=\"count\">1 required item fails", "last checked") // it was never checked
	page("/", "1 required item fails", "")
	create()
	page("/?target=one&refresh=60", "1 required item fails", "checked at")
	page("/?target=one&refresh=60", "last checked", "")
	page("/", "1 required item fails", "")
	page("/?target=one", "1 pass</span>", "")
	page("/?target=one", `href="./">All deployments`, "")
	page("/?target=one&refresh=60", "Ready", "Not ready")
	page("/", "1 of 2 ready", "required item fails")
	if status, _ := r.get(t, "/?target=three"); status != http.StatusNotFound {
		t.Errorf("unknown target: %d", status)
	}
}

func TestBadge(t *testing.T) {
	r, create := twoTargets(t)
	for path, want := range map[string]string{
		"?target=one":                         "one: 1 failing",
		"?target=one&gate=pre":                "gate pre: 1 failing",
		"?target=one&item=c/runbook":          "There is a runbook: fail",
		"":                                    "400",
		"?target=three":                       "404",
		"?target=one&item=runbook":            "404",
		"?target=one&gate=nope":               "400",
		"?target=one&gate=pre&item=c/runbook": "400",
	} {
		if got := badge(t, r, path); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
	create()
	if got := badge(t, r, "?target=one"); got != "one: ready" {
		t.Errorf("after the fix: %s", got)
	}
}

// badge returns the title of a badge, or the status.
func badge(t *testing.T, r *running, query string) string {
	t.Helper()
	status, body := r.get(t, "/badge.svg"+query)
	if status != http.StatusOK {
		return fmt.Sprint(status)
	}
	var svg struct {
		Title string `xml:"title"`
	}
	if err := xml.Unmarshal([]byte(body), &svg); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return svg.Title
}

// TestBoard_OfOneDeployment: the heading is the folder's name; links are relative, so that they work below any path.
func TestBoard_OfOneDeployment(t *testing.T) {
	r := serve(t, "--deployment.root="+t.TempDir(), "--web.telemetry-path=/own/metrics")
	_, body := r.get(t, "/")
	for _, want := range []string{"<h1>001", `href="own/metrics"`, `href="api/v1/checks"`, `rel="icon" href="data:image/svg`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(body, `href="/`) {
		t.Error("a link is absolute")
	}
}
