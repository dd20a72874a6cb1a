package exporter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestScrapes_LeakNothing runs concurrent scrapes with filters and various deadlines, while valid and invalid
// configurations are reloaded and servers fail with every fault and recover. Every response must be complete, and no
// resources may leak.
func TestScrapes_LeakNothing(t *testing.T) { scrapeUnderReloads(t, 500) }

const (
	scrapers = 10
	// growth is the allowed increase: connections of the client that are closing.
	growth = 3
	// keptConnections is the maximum number of idle connections to one server: two for each client, each counted on both
	// sides of the proxy. Their number varies, so they are checked against this limit and closed before the other counts.
	keptConnections = 12
	// heapGrowth, in bytes, allows for the test's log of all scrapes and for caches of libraries.
	heapGrowth = 16 << 20
	// residentGrowth, in bytes, allows for memory that the runtime keeps.
	residentGrowth = 64 << 20
)

func scrapeUnderReloads(t *testing.T, scrapes int) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock") // not the machine's own
	root := exampleCopy(t)
	at := startEchoes(t, accepts, "a server's own word")
	ways := []*parts.FaultyServer{parts.Faulty(t, parts.HTTP, "tcp", at.http), parts.Faulty(t, parts.RESP, "tcp", at.redis), parts.Faulty(t, parts.Postgres, "tcp", at.postgres)}
	at.http, at.redis, at.postgres = ways[0].Address, ways[1].Address, ways[2].Address
	config := write(t, t.TempDir(), "config.yml", goodConfiguration(at, 0))
	r := serve(t, "--deployment.root="+root, "--config.file="+config, "--web.enable-lifecycle")
	items := len(itemNames(t))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: scrapers}, Timeout: parts.Patience}
	defer client.CloseIdleConnections()

	warm := func() { // fills caches
		for range 3 {
			if problem := scrapeOnce(t.Context(), client, r.url, 0, items); problem != "" {
				t.Fatal(problem)
			}
		}
		client.CloseIdleConnections()
	}
	load := func(scrapes int) (reloaded, broken int) {
		stop, reloadedEnough, brokenEnough := make(chan struct{}), make(chan struct{}), make(chan struct{})
		reloads := make(chan int, 1)
		go func() { reloads <- reloadUntil(t, stop, reloadedEnough, client, r.url, config, at) }()
		breaking := make(chan int, 1)
		go func() { breaking <- breakUntil(t, stop, brokenEnough, ways) }()
		work := make(chan int)
		var all sync.WaitGroup
		for range scrapers {
			all.Go(func() {
				for n := range work {
					if problem := scrapeOnce(t.Context(), client, r.url, n, items); problem != "" {
						t.Error(problem)
					}
				}
			})
		}
		for n := 0; n < scrapes || !closed(reloadedEnough) || !closed(brokenEnough); n++ { // a fast machine scrapes more often
			work <- n
		}
		close(work)
		all.Wait()
		close(stop)
		return <-reloads, <-breaking
	}
	warm()
	cut := func() (kept int) {
		for _, way := range ways {
			kept = max(kept, way.Open())
			way.Set(t, parts.NoFault)
		}
		return kept
	}
	load(50) // faults also fill caches
	warm()
	cut()
	before := measured(t)

	reloaded, broken := load(scrapes)
	t.Logf("%d reloads, %d faults", reloaded, broken)
	warm()
	began := time.Now()
	parts.Eventually(t, func() error { // surplus connections close after their last use
		for _, way := range ways {
			if open := way.Open(); open > keptConnections {
				return fmt.Errorf("%d open connections to one server", open)
			}
		}
		return nil
	})
	if took := time.Since(began); took > 30*time.Second { // idle connections close after 35 s; surplus ones must close earlier
		t.Errorf("more than %d connections to one server were open for %v", keptConnections, took)
	}
	t.Logf("%d idle connections to one server", cut())
	before.isFlat(t, fmt.Sprintf("%d scrapes", scrapes))
	if code := r.stop(); code != ExitReady {
		t.Errorf("exit code %d", code)
	}
}

func goodConfiguration(at echoes, n int) string {
	return fmt.Sprintf("deployment:\n  environment: test%d\n  api: {url: 'http://%s', timeout: 300ms}\n  prometheus: {url: 'http://%s', timeout: 300ms}\n  redis: {address: '%s', timeout: 300ms}\n  database: {host: 127.0.0.1, port: %s, sslmode: disable, timeout: 300ms}\n",
		n, at.http, at.http, at.redis, at.postgres[strings.LastIndexByte(at.postgres, ':')+1:])
}

// scrapeOnce scrapes with the n-th combination of filter and deadline and returns the first error in the response, or "".
// items is the number of items in the checklist.
func scrapeOnce(ctx context.Context, client *http.Client, base string, n, items int) string {
	filters := [][]string{nil, {"security"}, {"backup", "performance"}, {"records"}, {"deployment"}, {"sign_off", "monitoring"}, {"infrastructure"}}
	deadlines := []string{"", "10", "1", "0.3", "0.01", "nonsense", "-1"}
	filter, deadline := filters[n%len(filters)], deadlines[n/3%len(deadlines)]
	url := base + "/metrics?"
	for _, category := range filter {
		url += "collect[]=" + category + "&"
	}
	if n%5 == 4 { // a scraper that disconnects early
		short, cancel := context.WithTimeout(ctx, time.Duration(n%7)*time.Millisecond)
		defer cancel()
		if req, err := http.NewRequestWithContext(short, http.MethodGet, url, nil); err == nil {
			if resp, err := client.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	if deadline != "" {
		req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", deadline)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Sprintf("scrape %d: %v", n, err)
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	body := string(data)
	fault := func(what string) string {
		return fmt.Sprintf("scrape %d (%v, %s): %s:\n%.500s", n, filter, deadline, what, body)
	}
	switch {
	case err != nil:
		return fault(err.Error())
	case resp.StatusCode != http.StatusOK:
		return fault(resp.Status)
	case !strings.HasSuffix(body, "\n"):
		return fault("the response is truncated")
	case !strings.Contains(body, "\ncatalyst_config_last_reload_successful "):
		return fault("the exporter's own metrics are missing")
	case strings.Contains(body, "\ncatalyst_ready ") != (filter == nil):
		return fault("catalyst_ready must be in unfiltered scrapes only")
	}
	for _, category := range filter {
		if !strings.Contains(body, "catalyst_checks{category=\""+category+"\",state=\"pass\"}") {
			return fault("the category " + category + " is missing")
		}
	}
	if filter == nil && strings.Count(body, "\ncatalyst_check_state{") != items {
		return fault(fmt.Sprintf("%d of %d items", strings.Count(body, "\ncatalyst_check_state{"), items))
	}
	return ""
}

// closed reports whether a channel without senders is closed.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// reloadUntil reloads valid and invalid configurations until stop is closed, and checks the metrics after each reload. It
// closes enough after six reloads, and returns the number of reloads.
func reloadUntil(t *testing.T, stop <-chan struct{}, enough chan<- struct{}, client *http.Client, base, config string, at echoes) int {
	once := sync.OnceFunc(func() { close(enough) })
	defer once() // also after an error, so that the caller does not block
	for n := 0; ; n++ {
		if n == 6 {
			once()
		}
		if closed(stop) {
			return n
		}
		text, status, successful := goodConfiguration(at, n%2), http.StatusOK, "1"
		switch n % 3 {
		case 1:
			text, status, successful = "deployment: {enviroment: x}\n", http.StatusInternalServerError, "0"
		case 2:
			text, status, successful = "deployment: [\n", http.StatusInternalServerError, "0"
		}
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Error(err)
			return n
		}
		resp, err := client.Post(base+"/-/reload", "", nil)
		if err != nil {
			t.Error(err)
			return n
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("reload %d: %s, want %d", n, resp.Status, status)
		}
		resp, err = client.Get(base + "/metrics?collect[]=records")
		if err != nil {
			t.Error(err)
			return n
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if !strings.Contains(string(body), "\ncatalyst_config_last_reload_successful "+successful+"\n") {
			t.Errorf("reload %d: catalyst_config_last_reload_successful is not %s", n, successful)
		}
	}
}

// breakUntil applies one fault after the other to the servers, with recovery in between, until stop is closed. It closes
// enough after every fault was applied, and returns the number of faults.
func breakUntil(t *testing.T, stop <-chan struct{}, enough chan<- struct{}, ways []*parts.FaultyServer) (n int) {
	faults := parts.Faults()
	for {
		for i, way := range ways {
			way.Set(t, faults[(n+i)%len(faults)])
		}
		if n++; n == len(faults) {
			close(enough)
		}
		pause := time.NewTimer(200 * time.Millisecond)
		select {
		case <-pause.C:
		case <-stop:
		}
		pause.Stop()
		for _, way := range ways {
			way.Set(t, parts.NoFault)
		}
		select {
		case <-stop:
			return n
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// inUse counts resources of the process.
type inUse struct{ goroutines, descriptors int }

// footprint is what the process uses while it is idle.
type footprint struct {
	inUse
	heap, resident uint64 // bytes
}

func measured(t *testing.T) footprint {
	t.Helper()
	return footprint{settled(t, func(inUse) bool { return true }), liveHeap(), resident(t)}
}

// isFlat requires that the process uses no more than before it did some work.
func (before footprint) isFlat(t *testing.T, work string) {
	t.Helper()
	after := footprint{inUse: settled(t, func(u inUse) bool {
		return u.goroutines <= before.goroutines+growth && u.descriptors <= before.descriptors+growth
	}), heap: liveHeap(), resident: resident(t)}
	t.Logf("%s: before %d goroutines, %d descriptors, %d KiB of live heap, %d MiB resident; after %d, %d, %d KiB, %d MiB", work, before.goroutines, before.descriptors,
		before.heap>>10, before.resident>>20, after.goroutines, after.descriptors, after.heap>>10, after.resident>>20)
	if after.heap > before.heap+heapGrowth {
		t.Errorf("%d KiB of live heap before, %d after", before.heap>>10, after.heap>>10)
	}
	if after.resident > before.resident+residentGrowth {
		t.Errorf("%d MiB resident before, %d after", before.resident>>20, after.resident>>20)
	}
	if after.goroutines > before.goroutines+growth {
		t.Errorf("%d goroutines before, %d after:\n%s", before.goroutines, after.goroutines, stacks())
	}
	if after.descriptors > before.descriptors+growth {
		t.Errorf("%d descriptors before, %d after: %q", before.descriptors, after.descriptors, descriptors(t))
	}
}

// resident returns the memory that the process holds, in bytes, after it has returned what it can.
func resident(t *testing.T) uint64 {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages uint64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * uint64(os.Getpagesize())
}

// settled waits, for a limited time, until the resources in use satisfy well and no longer change.
func settled(t *testing.T, well func(inUse) bool) inUse {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	var last inUse
	same := 0
	for deadline := time.Now().Add(parts.Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		now := inUse{runtime.NumGoroutine(), len(descriptors(t))}
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
		if same >= 6 && well(now) {
			break
		}
	}
	return last
}

// liveHeap returns the size of the live heap in bytes.
func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // frees objects with finalizers
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// descriptors returns the targets of the open file descriptors.
func descriptors(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil { // fails for the descriptor of ReadDir
			open = append(open, to)
		}
	}
	slices.Sort(open)
	return open
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}
