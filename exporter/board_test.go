package exporter

import (
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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

// TestBoard_History: after a restart the board knows the past from the state directory, or from the configured Prometheus,
// and says which. Nothing is written into the deployment's folder.
func TestBoard_History(t *testing.T) {
	prometheus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/query_range" || !strings.Contains(r.FormValue("query"), `{deployment="one",environment="staging"}`) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"deployment":"one","category":"c","item":"runbook","state":"warn"},"values":[[%s,"1"]]}]}}`,
			r.FormValue("start"))
	}))
	defer prometheus.Close()
	dir := t.TempDir()
	config := write(t, dir, "config.yml", "checklist: own.yml\ntargets:\n"+
		"  one: {root: root/one, environment: staging, prometheus: {url: "+prometheus.URL+"}}\n"+
		"  two: {root: root/two, prometheus: {url: "+prometheus.URL+"}}\n  three: {root: root/three}\n")
	write(t, dir, "own.yml", "checklist: Ours\ncategories:\n  - category: c\n    title: Category\n    items:\n"+
		"      - {item: runbook, title: There is a runbook, severity: critical, scope: standing, fix: Write it., probes: [{document: {path: RUNBOOK.md}}]}\n")
	text := "# Runbook\n\n" + strings.Repeat("Restart the service, check its log, and call the lead. ", 40) + "\n"
	state, noon := filepath.Join(dir, "state"), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, name := range []string{"one", "two", "three"} {
		write(t, dir, "root/"+name+"/README.md", "# "+name+"\n")
	}
	for _, name := range []string{"one", "two", "three"} {
		runbook := write(t, dir, "root/"+name+"/RUNBOOK.md", text)
		for i, code := range []int{ExitReady, ExitFailing, ExitFailing} {
			at := noon.Add(time.Duration(i*5) * time.Minute)
			sys := System{Context: t.Context(), Stdout: io.Discard, Stderr: os.Stderr, Getenv: os.LookupEnv, Now: func() time.Time { return at }}
			args := []string{"check", "--config.file=" + config, "--target=" + name, "--state.directory=" + state}
			if name == "three" {
				args = args[:3] // this deployment has no history
			}
			if got := Main(args, sys); got != code {
				t.Fatalf("%s: exit code %d, want %d", name, got, code)
			}
			if err := os.Remove(runbook); i == 0 && err != nil {
				t.Fatal(err)
			}
		}
	}
	before := tree(t, filepath.Join(dir, "root"))
	r := serveAt(t, func() time.Time { return noon.Add(3 * time.Hour) }, "--config.file="+config, "--state.directory="+state)
	for target, want := range map[string][]string{
		"one": {"The strips show verdicts from Prometheus.", `aria-label="History from Prometheus: fail from`, "warn from", "since 2 h ago"},
		"two": {"The strips show verdicts from the state directory.", "Prometheus has no verdicts of this deployment alone, or did not respond.",
			`aria-label="History from the state directory: fail from 2026-03-01 15:00 UTC, before that not observed from 2026-03-01 12:10 UTC, before that fail from 2026-03-01 12:05 UTC, before that pass from 2026-03-01 12:00 UTC"`,
			`<i class="none w`, "since 2 h ago"},
		"three": {"The strips show verdicts from the state directory."},
	} {
		_, body := r.get(t, "/?target="+target)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s: no %q in %s", target, w, body)
			}
		}
		if target == "three" && (strings.Contains(body, `class="strip"`) || strings.Contains(body, `class="since"`) || strings.Contains(body, "Prometheus")) {
			t.Errorf("%s: a past that nobody has seen: %s", target, body)
		}
	}
	if _, body := r.get(t, "/"); strings.Count(body, "since 2 h ago") != 2 {
		t.Errorf("the overview does not know since when: %s", body)
	}
	if after := tree(t, filepath.Join(dir, "root")); after != before {
		t.Errorf("the deployments' folders changed:\n%s\nthen\n%s", before, after)
	}
}

// tree lists the files below a folder with their sizes and times.
func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			_, _ = fmt.Fprintln(&b, path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
