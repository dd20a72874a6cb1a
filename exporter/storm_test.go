package exporter

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// Reloads are atomic, and verdicts age by the clock even if it jumps.

// stormConfiguration returns the n-th valid configuration. Every part of it depends on n, so that a mixture is detected.
func stormConfiguration(t *testing.T, dir string, n int) string {
	t.Helper()
	severity := []string{"info", "warning", "critical"}
	own := write(t, dir, fmt.Sprintf("own-%d.yml", n), fmt.Sprintf(`checklist: own
extends: catalyst
categories:
  - category: storm
    title: Storm
    items:
      - {item: number_%d, title: Number %d, severity: info, scope: standing, fix: x, probes: [{document: {path: RUNBOOK.md}}]}
`, n, n))
	return fmt.Sprintf("checklist: %s\ndeployment: {environment: e%d}\noverrides:\n  redis_password: {severity: %s}\n  jwt_secret: {severity: %s}\n  runbook: {severity: %s}\n",
		own, n, severity[n%3], severity[n/3%3], severity[n/9%3])
}

// replace replaces a file atomically.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Error(err)
	} else if err := os.Rename(path+".new", path); err != nil {
		t.Error(err)
	}
}

// TestReloadStorm reloads valid and invalid configurations at random, by signal and by request, during concurrent scrapes.
// Each scrape must show exactly one valid configuration.
func TestReloadStorm(t *testing.T) { reloadStorm(t, 40) }

func reloadStorm(t *testing.T, reloads int) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock")
	const seed, goods = 20261123, 12
	chance := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // reproducible on purpose
	dir := t.TempDir()
	root := filepath.Join(dir, "deployment")
	if err := os.CopyFS(root, os.DirFS("../examples/deployment")); err != nil {
		t.Fatal(err)
	}
	var good []string
	for n := range goods {
		good = append(good, stormConfiguration(t, dir, n))
	}
	bad := []string{"deployment: [\n", "overrides: {redis_pasword: {severity: info}}\n", "checklist: none.yml\n", "\x00", "targets: {a: {}}\n", strings.Repeat("[", 1<<16), "- 1\n", "deployment: {root: /nonexistent/x}\n"}
	config := filepath.Join(dir, "config.yml")
	replace(t, config, good[0])
	r := serve(t, "--deployment.root="+root, "--config.file="+config, "--web.enable-lifecycle")
	items := len(itemNames(t)) + 1
	for n := range goods { // fills caches
		replace(t, config, good[n])
		if status, body := post(t, r.url+"/-/reload"); status != http.StatusOK {
			t.Fatalf("reload: %d %s", status, body)
		}
		_, _ = wholeOf(t, r.url, items)
	}
	replace(t, config, good[0])
	if status, body := post(t, r.url+"/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	before := measured(t)

	stop := make(chan struct{})
	var scraping sync.WaitGroup
	var scraped atomic.Int64
	for range 4 {
		scraping.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, problem := wholeOf(t, r.url, items); problem != "" {
					t.Error(problem)
					return
				}
				scraped.Add(1)
			}
		})
	}
	last := 0
	for i := range reloads {
		isGood := chance.IntN(2) == 0 || i == reloads-1
		text := bad[chance.IntN(len(bad))]
		if isGood {
			last = chance.IntN(goods)
			text = good[last]
		}
		scrapes := scraped.Load()
		replace(t, config, text)
		if chance.IntN(3) == 0 {
			for range 1 + chance.IntN(4) { // signals often come in bursts
				if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
			}
		}
		status, body := post(t, r.url+"/-/reload")
		if want := map[bool]int{true: http.StatusOK, false: http.StatusInternalServerError}[isGood]; status != want {
			t.Errorf("reload %d: %d instead of %d: %.200s", i, status, want, body)
		}
		if n, problem := wholeOf(t, r.url, items); problem != "" || n != last {
			t.Errorf("after reload %d (valid: %v): configuration %d is active, want %d: %s", i, isGood, n, last, problem)
		}
		parts.Eventually(t, func() error { // each reload overlaps with other scrapes
			if scraped.Load() == scrapes && !t.Failed() {
				return errors.New("no concurrent scrape")
			}
			return nil
		})
	}
	close(stop)
	scraping.Wait()
	if _, body := r.get(t, "/metrics"); !strings.Contains(body, "\ncatalyst_config_last_reload_successful 1\n") {
		t.Error("catalyst_config_last_reload_successful is not 1 after a valid reload")
	}
	before.isFlat(t, fmt.Sprintf("%d reloads, %d scrapes", reloads, scraped.Load()))
}

// TestReloadStorm_Targets reloads configurations of up to 200 targets, alternating with invalid ones. /sd and the metrics of
// a target must show exactly one of them.
func TestReloadStorm_Targets(t *testing.T) { targetsStorm(t, 20) }

func targetsStorm(t *testing.T, reloads int) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock")
	dir := t.TempDir()
	write(t, dir, "root/RUNBOOK.md", "# Runbook\n\n"+strings.Repeat("Restart the service with systemctl.\n\n", 40))
	targets := func(n int) int { return 200 - 50*(n%2) }
	valid := func(n int) string {
		own := write(t, dir, fmt.Sprintf("own-%d.yml", n%2), fmt.Sprintf("checklist: own\ncategories:\n  - category: storm\n    title: Storm\n    items:\n"+
			"      - {item: number_%d, title: Storm, severity: info, scope: standing, fix: x, probes: [{document: {path: RUNBOOK.md}}]}\n", n%2))
		text := "checklist: " + own + "\ntargets:\n"
		for i := range targets(n) {
			text += fmt.Sprintf("  t%d: {root: root, environment: e%d}\n", i, n%2)
		}
		return text
	}
	config := filepath.Join(dir, "config.yml")
	replace(t, config, valid(0))
	r := serve(t, "--config.file="+config, "--web.enable-lifecycle")
	stop := make(chan struct{})
	var scraping sync.WaitGroup
	var before footprint
	for i := range 2 + reloads {
		if i == 2 { // caches are filled
			before = measured(t)
			for of := range 3 {
				scraping.Go(func() { scrapeTargets(t, r.url, fmt.Sprintf("t%d", 40*of), targets, stop) })
			}
		}
		replace(t, config, "targets: {t0: {root: /nonexistent/x, enviroment: e}}\n")
		if status, _ := post(t, r.url+"/-/reload"); status != http.StatusInternalServerError {
			t.Errorf("invalid reload %d: %d", i, status)
		}
		replace(t, config, valid(i))
		if status, body := post(t, r.url+"/-/reload"); status != http.StatusOK {
			t.Errorf("reload %d: %d %s", i, status, body)
		}
		if n, problem := targetsOf(t, r.url, targets); n != i%2 || problem != "" {
			t.Errorf("after reload %d: configuration %d: %s", i, n, problem)
		}
	}
	close(stop)
	scraping.Wait()
	before.isFlat(t, fmt.Sprintf("%d reloads of 200 targets", 2*reloads))
	if code := r.stop(); code != ExitReady {
		t.Errorf("exit code %d", code)
	}
}

// targetsOf requests /sd and returns the number of the active configuration, and the first inconsistency or "".
func targetsOf(t *testing.T, base string, targets func(int) int) (number int, problem string) {
	t.Helper()
	resp, err := http.Get(base + "/sd")
	if err != nil {
		return -1, err.Error()
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return -1, err.Error()
	}
	found := regexp.MustCompile(`"environment":"e(\d)"`).FindAllSubmatch(data, -1)
	for _, m := range found {
		if m[1][0] != found[0][1][0] {
			return -1, "targets of two configurations"
		}
	}
	if len(found) == 0 {
		return -1, fmt.Sprintf("no targets: %.200s", data)
	}
	if number = int(found[0][1][0] - '0'); len(found) != targets(number) {
		return number, fmt.Sprintf("%d targets, want %d", len(found), targets(number))
	}
	return number, ""
}

// scrapeTargets requests /sd and the metrics of one target until stop is closed.
func scrapeTargets(t *testing.T, base, target string, targets func(int) int, stop <-chan struct{}) {
	for !closed(stop) {
		if _, problem := targetsOf(t, base, targets); problem != "" {
			t.Error(problem)
			return
		}
		resp, err := http.Get(base + "/probe?target=" + target)
		if err != nil {
			t.Error(err)
			return
		}
		data, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || strings.Count(string(data), "\ncatalyst_check_state{") != 1 ||
			!strings.Contains(string(data), `,reason="",state="pass"} 1`) {
			t.Errorf("%s: %s, %v: %s", target, resp.Status, err, regexp.MustCompile(`(?m)^catalyst_check_state.*$`).FindAll(data, -1))
			return
		}
	}
}

// wholeOf scrapes and returns the number of the active configuration, and the first inconsistency or "".
func wholeOf(t *testing.T, base string, items int) (number int, problem string) {
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		return -1, err.Error()
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	body := string(data)
	if err != nil || resp.StatusCode != http.StatusOK {
		return -1, fmt.Sprint("failed scrape: ", resp.Status, err)
	}
	found := regexp.MustCompile(`\ncatalyst_check_state\{category="storm",item="number_(\d+)"`).FindAllStringSubmatch(body, -1)
	if len(found) != 1 {
		return -1, fmt.Sprintf("items of %d configurations", len(found))
	}
	_, _ = fmt.Sscan(found[0][1], &number)
	if n := strings.Count(body, "\ncatalyst_check_state{"); n != items {
		return number, fmt.Sprintf("%d of %d items", n, items)
	}
	if !strings.Contains(body, fmt.Sprintf("\ncatalyst_check_state{category=\"storm\",item=\"number_%d\",reason=\"\",state=\"pass\"} 1\n", number)) {
		return number, fmt.Sprintf("item of configuration %d does not pass: %q", number, found[0][0])
	}
	severity := []string{"info", "warning", "critical"}
	for item, want := range map[string]string{"redis_password": severity[number%3], "jwt_secret": severity[number/3%3], "runbook": severity[number/9%3]} {
		if !regexp.MustCompile(`\ncatalyst_check_info\{[^}]*item="` + item + `"[^}]*severity="` + want + `"`).MatchString(body) {
			return number, fmt.Sprintf("configuration %d with the severity of another one for %s", number, item)
		}
	}
	return number, ""
}

// TestClockJumps sets the clock forward and back by up to decades: no age or duration is negative, dated entries expire and
// do not count before their date, and the verdicts recover with the clock.
func TestClockJumps(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock")
	root := exampleCopy(t)
	yesterday(t, filepath.Join(root, "backups"))
	now := time.Now()
	for _, item := range []string{"disaster_recovery_plan", "architecture_diagram"} {
		if code := Main([]string{"attest", item, "--by=ops", "--valid-for=30d", "--deployment.root=" + root}, System{Context: t.Context(), Stdout: io.Discard, Stderr: os.Stderr, Getenv: os.LookupEnv, Now: time.Now}); code != ExitReady {
			t.Fatalf("attest %s: %d", item, code)
		}
	}
	config := write(t, t.TempDir(), "config.yml", fmt.Sprintf("deployment: {prometheus: {url: 'http://127.0.0.1:1'}, grafana: {url: 'http://127.0.0.1:1'}, api: {url: 'http://127.0.0.1:1'}}\nwaivers: [{item: grafana, reason: later, by: ops, expires: %s}]\n",
		now.AddDate(0, 1, 0).UTC().Format("2006-01-02")))
	var later atomic.Int64
	// Round removes the monotonic clock reading, which would hide a jump.
	r := serveAt(t, func() time.Time { return time.Now().Round(0).Add(time.Duration(later.Load())) }, "--deployment.root="+root, "--config.file="+config)
	negative := regexp.MustCompile(`-\d+(\.\d+)?(ns|µs|ms|s|m|h|d)\b`)
	verdicts := regexp.MustCompile(`(?m)^catalyst_(check_state|check_waived|checks)\{.*$`)
	look := func() (metrics, all string) {
		t.Helper()
		status, metrics := r.get(t, "/metrics")
		_, report := r.get(t, "/api/v1/checks")
		if status != http.StatusOK || !strings.Contains(metrics, "\ncatalyst_ready ") {
			t.Errorf("%v: status %d", time.Duration(later.Load()), status)
		}
		if found := negative.FindAllString(report, -1); found != nil {
			t.Errorf("%v: negative times in the report: %q", time.Duration(later.Load()), found)
		}
		for line := range strings.SplitSeq(metrics, "\n") {
			if name, value, ok := strings.Cut(line, " "); ok && !strings.HasPrefix(line, "#") && strings.HasPrefix(name, "catalyst_") && strings.HasPrefix(value, "-") {
				t.Errorf("%v: %s", time.Duration(later.Load()), line)
			}
		}
		return metrics, strings.Join(verdicts.FindAllString(metrics, -1), "\n")
	}
	r.looked(t, "/api/v1/checks")
	const waived = "\ncatalyst_check_waived{category=\"monitoring\",item=\"grafana\"} "
	before, said := look()
	if !strings.Contains(before, waived+"1\n") {
		t.Error("the waiver is not active")
	}
	believed := func(metrics string) (lines []string) {
		return regexp.MustCompile(`(?m)^catalyst_probe_ok\{.*probe="(attestation|evidence)"\} 1$`).FindAllString(metrics, -1)
	}
	if believed(before) == nil {
		t.Errorf("no attestation or evidence counts: %q", regexp.MustCompile(`(?m)^catalyst_check_state.*(diagram|recovery_plan).*$`).FindAllString(before, -1))
	}
	const year = 365 * 24 * time.Hour
	for _, jump := range []time.Duration{time.Hour, -time.Hour, 5 * year, -5 * year, 10 * time.Minute, -10 * time.Minute, 50 * year, -20 * year} {
		later.Store(int64(jump))
		metrics, _ := look()
		if holds := strings.Contains(metrics, waived+"1\n"); holds != (jump < year) {
			t.Errorf("%v: waiver active: %v", jump, holds)
		}
		if lines := believed(metrics); lines != nil && (jump <= -year || jump >= year) {
			t.Errorf("%v: still counted: %q", jump, lines)
		}
		later.Store(0)
		if _, again := look(); again != said {
			for line := range strings.SplitSeq(again, "\n") {
				if !strings.Contains(said, line) {
					t.Errorf("verdict changed by a jump of %v: %s", jump, line)
				}
			}
		}
	}
}
