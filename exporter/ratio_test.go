package exporter

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// These tests fail if something becomes much slower. They compare CPU times within the same process, with generous limits.
// For measurements, see bench/.

// cpuOf returns the minimum CPU time of a function in five runs, including child processes.
func cpuOf(f func()) time.Duration {
	least := time.Duration(1<<63 - 1)
	for range 5 {
		before := usedCPU()
		f()
		least = min(least, usedCPU()-before)
	}
	return least
}

func usedCPU() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

// writeItems writes a checklist with n items on an env file, with the given max_age, and returns the configuration file.
func writeItems(t testing.TB, n int, maxAge string) string {
	t.Helper()
	root := t.TempDir()
	var env, list strings.Builder
	list.WriteString("checklist: Ratio\ncategories:\n- category: part\n  items:\n")
	for i := range n {
		fmt.Fprintf(&env, "KEY_%d=info\n", i)
		fmt.Fprintf(&list, "  - {item: i%d, title: T, fix: F, probes: [{env_word: {key: KEY_%d, good: info}, max_age: %s}]}\n", i, i, maxAge)
	}
	write(t, root, ".env", env.String())
	write(t, root, "list.yml", list.String())
	return write(t, root, "config.yml", "checklist: list.yml\ndeployment: {root: .}\n")
}

// serveItems serves a checklist of writeItems.
func serveItems(t *testing.T, n int, maxAge string) (url string) {
	t.Helper()
	return serve(t, "--config.file="+writeItems(t, n, maxAge)).url
}

func scrapes(t *testing.T, url string, times int) {
	t.Helper()
	for range times {
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatal(r.Status, err)
		}
	}
}

// TestScrapeCost_IsLinearInItems allows at most twice the linear growth.
func TestScrapeCost_IsLinearInItems(t *testing.T) {
	few, many := serveItems(t, 100, "0s")+"/metrics", serveItems(t, 1000, "0s")+"/metrics"
	scrapes(t, few, 2)
	scrapes(t, many, 2)
	a, b := cpuOf(func() { scrapes(t, few, 10) }), cpuOf(func() { scrapes(t, many, 10) })
	if b > 20*a {
		t.Errorf("a scrape of 100 items takes %v of CPU, of 1,000 items %v", a/10, b/10)
	}
}

// constant is a collector of n constant samples.
type constant struct {
	desc *prometheus.Desc
	n    int
}

func (c constant) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }
func (c constant) Collect(ch chan<- prometheus.Metric) {
	for i := range c.n {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, 1, "part", fmt.Sprint("i", i))
	}
}

// TestScrapeCost_OfCachedVerdicts compares a scrape of cached verdicts with one of as many constant client_golang series.
func TestScrapeCost_OfCachedVerdicts(t *testing.T) {
	const items, series = 300, 7
	ours := serveItems(t, items, "1h") + "/metrics"
	registry := prometheus.NewRegistry()
	for i := range series {
		registry.MustRegister(constant{prometheus.NewDesc(fmt.Sprint("constant_", i), "Help.", []string{"category", "item"}, nil), items})
	}
	floor := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(floor.Close)
	scrapes(t, ours, 2)
	scrapes(t, floor.URL, 2)
	a, b := cpuOf(func() { scrapes(t, ours, 20) }), cpuOf(func() { scrapes(t, floor.URL, 20) })
	if a > 3*b {
		t.Errorf("a scrape of %d cached verdicts takes %v of CPU, of as many constant series %v", items, a/20, b/20)
	}
}

// TestGitSecrets_UnchangedRepositoryIsNotRescanned compares the CPU time of a second run with the first.
func TestGitSecrets_UnchangedRepositoryIsNotRescanned(t *testing.T) {
	repository := parts.GitRepo(t)
	for i := range 10 {
		files := map[string]string{}
		for j := range 5 {
			files[fmt.Sprintf("file%d.go", j)] = strings.Repeat(fmt.Sprintf("x%d := call(%d)\n", i, j), 3000)
		}
		repository.Commit(t, "work", files)
	}
	dir := t.TempDir()
	write(t, dir, "list.yml", "checklist: Ratio\ncategories: [{category: part, items: [{item: i, title: T, fix: F, probes: [{git_secrets: {}, max_age: 0s}]}]}]\n")
	url := serve(t, "--config.file="+write(t, dir, "config.yml", "checklist: list.yml\ndeployment: {root: "+repository.Dir+"}\n")).url + "/metrics?collect[]=part"
	look := func() time.Duration {
		before := usedCPU()
		ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
		defer cancel()
		for ctx.Err() == nil {
			r, err := http.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if strings.Contains(string(body), "catalyst_secret_findings{") {
				return usedCPU() - before
			}
		}
		t.Fatal("no result of git_secrets")
		return 0
	}
	first, second := look(), look()
	if second > first/2 {
		t.Errorf("the first run takes %v of CPU, the second one %v", first, second)
	}
}

// BenchmarkPass measures a run of all items, uncached and cached.
func BenchmarkPass(b *testing.B) {
	for _, maxAge := range []string{"0s", "1h"} {
		for _, n := range []int{75, 750} { // collector/ has a benchmark with more items than a checklist file can hold
			b.Run(fmt.Sprintf("max_age=%s/items=%d", maxAge, n), func(b *testing.B) {
				a := &app{System: System{Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}, log: slog.New(slog.DiscardHandler), configFile: writeItems(b, n, maxAge)}
				set, err := a.source().Load(collector.NewLimits())
				if err != nil {
					b.Fatal(err)
				}
				defer set.Close()
				b.ReportAllocs()
				for b.Loop() {
					if r := set.Targets[0].Collector.Collect(b.Context(), collector.Selection{}, false); len(r.Verdicts) != n {
						b.Fatalf("%d verdicts", len(r.Verdicts))
					}
				}
			})
		}
	}
}
