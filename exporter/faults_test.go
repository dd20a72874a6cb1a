package exporter

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// One exporter with many targets: one is healthy, some have one broken service, and in one all services are broken. For
// every fault, concurrent scrapes keep their deadlines, and a broken service affects only its own target.

const (
	// leastScrape is the minimum scrape timeout in seconds. On a slow machine, the timeout is three times the duration of a
	// scrape of healthy targets. scrapeGrace is the allowed factor over the timeout on a busy machine.
	leastScrape = 3
	scrapeGrace = 3
	// memoryUnderFaults is the memory limit of the program during concurrent scrapes of all targets, in bytes. It is stated
	// in docs/security.md.
	memoryUnderFaults = 192 << 20
)

// brokenServices returns the services of a deployment with their protocols.
func brokenServices() map[string]parts.Protocol {
	return map[string]parts.Protocol{"api": parts.HTTP, "public": parts.HTTP, "prometheus": parts.HTTP, "grafana": parts.HTTP, "loki": parts.HTTP,
		"docker": parts.HTTP, "aws": parts.AWS, "redis": parts.RESP, "postgres": parts.Postgres, "dns": parts.DNS, "tls": parts.TLSAlone}
}

// faultyTarget returns the configuration of a target with the given timeout; at returns the address of a service.
func faultyTarget(name, root string, limit time.Duration, at func(service string) string) string {
	databaseHost, databasePort, _ := net.SplitHostPort(at("postgres"))
	return fmt.Sprintf(`  %[1]s:
    root: %[2]s
    api: {url: 'http://%[3]s', timeout: %[15]dms}
    public: {url: 'http://%[4]s', hosts: [bid.exchange.test], cdn: any}
    prometheus: {url: 'http://%[5]s', timeout: %[15]dms}
    grafana: {url: 'http://%[6]s', timeout: %[15]dms}
    loki: {url: 'http://%[7]s', timeout: %[15]dms}
    docker: {host: 'tcp://%[8]s', project: catalyst}
    aws: {endpoint: 'http://%[9]s', bucket: backups, region: eu-central-1}
    redis: {address: '%[10]s', timeout: %[15]dms, password: not-a-real-one}
    database: {host: %[11]s, port: %[12]s, user: x, name: x, password: not-a-real-one, sslmode: disable, timeout: %[15]dms}
    dns: {resolvers: ['%[13]s']}
    tls: {endpoint: '%[14]s'}
`, name, root, at("api"), at("public"), at("prometheus"), at("grafana"), at("loki"), at("docker"), at("aws"), at("redis"), databaseHost, databasePort, at("dns"), at("tls"), limit.Milliseconds())
}

// probesSaid returns the results of a target's probes by item and probe, without derived ones.
func probesSaid(t *testing.T, r *running, target string, seconds int) map[string]string {
	t.Helper()
	status, body := r.get(t, "/api/v1/checks?target="+target, "X-Prometheus-Scrape-Timeout-Seconds", fmt.Sprint(seconds))
	var answer struct {
		Items []struct {
			Item   string
			Probes []struct{ Probe, Layer, State, Reason string }
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		t.Errorf("%s: %d, %v", target, status, err)
	}
	all := map[string]string{}
	for _, i := range answer.Items {
		for _, p := range i.Probes {
			if p.Layer != "derived" {
				all[i.Item+"/"+p.Probe] = p.State + " " + p.Reason
			}
		}
	}
	if len(answer.Items) != 75 {
		t.Errorf("%s: %d items", target, len(answer.Items))
	}
	return all
}

// allSaid requests all targets concurrently and checks the deadline of each response.
func allSaid(t *testing.T, r *running, targets []string, seconds int) map[string]map[string]string {
	t.Helper()
	said := map[string]map[string]string{}
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, target := range targets {
		asking.Go(func() {
			began := time.Now()
			one := probesSaid(t, r, target, seconds)
			if took := time.Since(began); took > scrapeGrace*time.Duration(seconds)*time.Second {
				t.Errorf("%s: scrape took %v with a timeout of %d s", target, took, seconds)
			}
			mu.Lock()
			said[target] = one
			mu.Unlock()
		})
	}
	asking.Wait()
	return said
}

func TestFaults_AffectOnlyTheirTarget(t *testing.T) {
	faultsStay(t, parts.Refuse, parts.Hang, parts.Endless)
}

// faultsStay runs the faults. The first must be Refuse: it shows which probe needs which service.
func faultsStay(t *testing.T, faults ...parts.Fault) {
	t.Helper()
	w := newFaultyWorld(t)
	before := settled(t, func(inUse) bool { return true })
	w.serve(t)
	for _, fault := range faults {
		t.Run(string(fault), func(t *testing.T) {
			said := w.scrapeUnder(t, fault)
			if fault == parts.Refuse {
				w.learnDependencies(t, said)
			}
			w.requireIsolation(t, fault, said)
			w.requireRecovery(t)
		})
	}
	if code := w.exporter.stop(); code != ExitReady {
		t.Errorf("exit code %d", code)
	}
	for _, way := range w.ways {
		way.Set(t, parts.Refuse)
	}
	after := settled(t, func(u inUse) bool {
		return u.goroutines <= before.goroutines+growth && u.descriptors <= before.descriptors+growth
	})
	if after.goroutines > before.goroutines+growth || after.descriptors > before.descriptors+growth {
		t.Errorf("in use %v before, %v after: %q", before, after, descriptors(t))
	}
}

// faultyWorld is an exporter with a healthy target ("well"), a target in which all services break ("all"), and a target for
// each service in alone, in which only that service breaks.
type faultyWorld struct {
	root           string // of all targets
	real           func(service string) string
	ways           map[string]*parts.FaultyServer // to the real services, by service
	targets, alone []string

	exporter      *running
	later         atomic.Int64 // nanoseconds that the exporter's clock is ahead
	scrapeSeconds int
	depends       map[string]map[string]string // by service: the probes that need it, with their healthy results
}

func newFaultyWorld(t *testing.T) *faultyWorld {
	t.Helper()
	for _, key := range []string{"AWS_PROFILE", "DOCKER_HOST"} {
		t.Setenv(key, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA"+"TEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-one")
	w := &faultyWorld{
		root: filepath.Join(t.TempDir(), "deployment"), real: realServices(t), ways: map[string]*parts.FaultyServer{},
		targets: []string{"well", "all"},
		alone:   []string{"api", "redis", "postgres", "docker", "dns"}, // one service of each protocol
		depends: map[string]map[string]string{},
	}
	if err := os.CopyFS(w.root, os.DirFS("../examples/deployment")); err != nil {
		t.Fatal(err)
	}
	w.targets = append(w.targets, w.alone...)
	for service, protocol := range brokenServices() {
		w.ways[service] = parts.Faulty(t, protocol, "tcp", w.real(service))
	}
	return w
}

// realServices starts healthy services and returns their addresses by service.
func realServices(t *testing.T) func(service string) string {
	t.Helper()
	at := startEchoes(t, accepts, "a server's own word")
	presents := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(presents.Close)
	special := map[string]string{
		"redis": at.redis, "postgres": at.postgres, "dns": emptyDNS(t), "tls": presents.Listener.Addr().String(),
	}
	return func(service string) string { return cmp.Or(special[service], at.http) }
}

// emptyDNS returns the address of a DNS server that knows no name.
func emptyDNS(t *testing.T) string {
	t.Helper()
	names, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = names.Close() })
	go func() {
		packet := make([]byte, 1500)
		for {
			n, from, err := names.ReadFrom(packet)
			if err != nil {
				return
			}
			packet[2], packet[3] = packet[2]|0x80, 3 // NXDOMAIN
			_, _ = names.WriteTo(packet[:n], from)
		}
	}()
	return names.LocalAddr().String()
}

// config writes the configuration of all targets with the given timeout and returns its path.
func (w *faultyWorld) config(t *testing.T, limit time.Duration) string {
	t.Helper()
	faulty := func(service string) string { return w.ways[service].Address }
	text := "targets:\n" + faultyTarget("well", w.root, limit, w.real) + faultyTarget("all", w.root, limit, faulty)
	for _, broken := range w.alone {
		text += faultyTarget(broken, w.root, limit, func(service string) string {
			if service == broken {
				return faulty(service)
			}
			return w.real(service)
		})
	}
	return write(t, t.TempDir(), "config.yml", text)
}

// serve starts the exporter with timeouts that healthy targets keep on this machine.
func (w *faultyWorld) serve(t *testing.T) {
	t.Helper()
	tried := serve(t, "--config.file="+w.config(t, parts.Patience))
	began := time.Now()
	allSaid(t, tried, w.targets, int(parts.Patience.Seconds()))
	usual := time.Since(began)
	tried.stop()
	w.scrapeSeconds = max(leastScrape, int(3*usual.Seconds()))
	t.Logf("a scrape of all targets takes %v", usual)

	now := func() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }
	w.exporter = serveAt(t, now, "--config.file="+w.config(t, max(time.Second, usual)))
	allSaid(t, w.exporter, w.targets, w.scrapeSeconds)
}

// scrapeUnder breaks all services in one way and returns the results of all targets.
func (w *faultyWorld) scrapeUnder(t *testing.T, fault parts.Fault) map[string]map[string]string {
	t.Helper()
	for _, way := range w.ways {
		way.Set(t, fault)
	}
	w.later.Add(int64(13 * time.Hour)) // expires all earlier verdicts
	runtime.GC()
	most := heapAtMost()
	said := allSaid(t, w.exporter, w.targets, w.scrapeSeconds)
	held := most()
	t.Logf("peak memory %d MiB", held>>20)
	if held > memoryUnderFaults {
		t.Errorf("peak memory is %d MiB, want at most %d", held>>20, memoryUnderFaults>>20)
	}
	return said
}

// learnDependencies records which probes need which service: those that differ from the healthy target.
func (w *faultyWorld) learnDependencies(t *testing.T, said map[string]map[string]string) {
	t.Helper()
	for _, service := range w.alone {
		w.depends[service] = map[string]string{}
		for probe, verdict := range said["well"] {
			if said[service][probe] != verdict {
				w.depends[service][probe] = verdict
			}
		}
		if len(w.depends[service]) == 0 {
			t.Errorf("no probe depends on %s", service)
		}
	}
}

// requireIsolation checks that probes report the fault of a service they need, and that others are not affected.
func (w *faultyWorld) requireIsolation(t *testing.T, fault parts.Fault, said map[string]map[string]string) {
	t.Helper()
	for _, service := range w.alone {
		for probe, verdict := range said[service] {
			if service == "dns" && probe == "cdn/cdn" { // needs DNS only if there is no alias
				continue
			}
			if _, needs := w.depends[service][probe]; !needs {
				if verdict != said["well"][probe] && !busy(fault) {
					t.Errorf("with a broken %s, %s is %s, want %s", service, probe, verdict, said["well"][probe])
				}
				continue
			}
			for _, verdict := range []string{verdict, said["all"][probe]} {
				if !slices.Contains(tells(fault), verdict) {
					t.Errorf("with a broken %s, %s is %s", service, probe, verdict)
				}
			}
		}
	}
}

// requireRecovery repairs all services and checks that the probes that need them have their healthy results again.
func (w *faultyWorld) requireRecovery(t *testing.T) {
	t.Helper()
	for _, way := range w.ways {
		way.Set(t, parts.NoFault)
	}
	w.later.Add(int64(20 * time.Minute))
	allSaid(t, w.exporter, w.targets, int(parts.Patience.Seconds())) // running probes end
	w.later.Add(int64(20 * time.Minute))
	said := allSaid(t, w.exporter, w.targets, int(parts.Patience.Seconds()))
	for service, probes := range w.depends {
		for probe, verdict := range probes {
			if said[service][probe] != verdict || said["all"][probe] != verdict {
				t.Errorf("after the recovery of %s, %s is %s (target all: %s), want %s",
					service, probe, said[service][probe], said["all"][probe], verdict)
			}
		}
	}
}

// busy reports whether a fault loads the machine so much that unrelated probes can be late.
func busy(f parts.Fault) bool { return f == parts.Endless || f == parts.Bomb }

// tells returns the verdicts that are allowed for a fault. The matrix in package probe checks the exact one for each kind.
func tells(f parts.Fault) []string {
	switch f {
	case parts.Refuse, parts.Reset:
		return []string{"fail unreachable", "unknown unreachable"}
	case parts.Hang, parts.Drip, parts.StallTLS:
		return []string{"fail timeout", "unknown timeout", "fail mismatch", "unknown unreachable"} // a probe that waits for a shared connection finds it closed
	}
	// Some probes ignore the body of a response with status 200, or read only a part.
	return []string{"fail invalid", "unknown invalid", "fail mismatch", "unknown mismatch", "unknown unreachable", "fail missing", "fail not_published", "warn drift", "unknown not_configured",
		"unknown timeout", "fail timeout"}
}

// heapAtMost samples the heap until the returned function is called, which returns the peak in bytes.
func heapAtMost() (stop func() uint64) {
	most, ended, done := uint64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	}()
	return func() uint64 { close(ended); <-done; return most }
}
