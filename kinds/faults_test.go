package kinds

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/recorder"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Every kind that uses the network meets every server fault, one at a time and with the same clients throughout. It
// must keep its deadline, never pass, give a reason, stay within a memory limit, release its resources, and recover
// with the server.

const (
	// patienceWithFaults is the deadline of a run against a server that never finishes. graceWithFaults is the extra time
	// allowed on a busy machine: large, but below the clients' own timeouts, which must not be what ends the run.
	patienceWithFaults = 500 * time.Millisecond
	graceWithFaults    = parts.Patience / 2
	// memoryWithFaults is the memory limit in bytes of all kinds together, each with its own clients.
	memoryWithFaults = 192 << 20
	// spareWithFaults allows for goroutines and files of the test's own servers: connections between them.
	spareWithFaults = 4
)

// asking is one probe with its own deployment.
type asking struct {
	name  string
	kind  probe.Kind
	probe probe.Probe
	pass  *probe.Pass
	well  probe.Result // result without faults
	later time.Duration
}

// networkKinds returns the protocol of each kind that uses the network.
func networkKinds(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, k := range All() {
		if _, derived := k.New().(probe.Derived); derived {
			continue
		}
		if protocol := protocolOf(k); protocol != "" {
			all[k.Name] = protocol
		}
	}
	return all
}

// ways holds a faulty proxy per service.
type ways map[string]*parts.FaultyServer

func waysTo(t *testing.T, whole *recorder.Everything) ways {
	t.Helper()
	w := ways{}
	for _, r := range recorder.All() {
		if r.Faults == "" {
			continue
		}
		address, network := whole.Addresses[r.Service.Name], "tcp"
		if strings.HasPrefix(address, "/") {
			network = "unix"
		}
		w[r.Service.Name] = parts.Faulty(t, r.Faults, network, address)
	}
	return w
}

// lead returns settings that use the proxies. secure requires TLS everywhere; host, if set, replaces every host.
func (w ways) lead(settings deployment.Settings, secure bool, host, authority string) deployment.Settings {
	if secure {
		settings.Docker.CAFile = authority
	}
	for _, r := range recorder.All() {
		way, known := w[r.Service.Name]
		if !known {
			continue
		}
		address := way.Address
		if _, port, err := net.SplitHostPort(address); err == nil && host != "" && r.Protocol != "dns" {
			address = net.JoinHostPort(host, port)
		}
		r.Point(&settings, address, secure)
	}
	long := probetest.Patience(probe.ReasonNone)
	settings.API.Timeout, settings.Prometheus.Timeout, settings.Grafana.Timeout, settings.Loki.Timeout, settings.Alertmanager.Timeout = long, long, long, long, long
	settings.Redis.Timeout, settings.Database.Timeout = long, long
	return settings
}

// askAll creates a probe of every network kind, and one per protocol for kinds with several.
func askAll(t *testing.T, settings deployment.Settings) []*asking {
	t.Helper()
	services := networkKinds(t)
	var all []*asking
	var engine *probe.Pass
	add := func(name string, k probe.Kind, spec string, s deployment.Settings) {
		s.Backup.Timer = ""
		if name != "evidence over HTTP" && name != "evidence in S3" {
			s.Evidence.Places = nil
		}
		if k.Name == "systemd_timer" {
			s.Backup.Timer = "nightly-backup@a.timer"
		}
		a := &asking{name: name, kind: k, probe: probetest.Load(t, k, spec)}
		if services[k.Name] == "docker" { // they share the container list of a pass
			if engine == nil {
				engine = probetest.NewPass(t, nil, s)
				engine.Now = func() time.Time { return time.Now().Add(time.Hour) } // the new backup counts as finished
			}
			a.pass = engine
		} else {
			a.pass = probetest.NewPass(t, nil, s)
		}
		all = append(all, a)
	}
	for name := range services {
		if name == "evidence" {
			continue // below, for each kind of place
		}
		k, _ := Find(name)
		add(name, k, k.Example, settings)
	}
	k, _ := Find("evidence")
	fetched := settings
	fetched.Evidence.Places = settings.Evidence.Places[:1]
	add("evidence over HTTP", k, "{report: tests}", fetched)
	fetched.Evidence.Places = settings.Evidence.Places[1:]
	add("evidence in S3", k, "{report: tests}", fetched)
	slices.SortFunc(all, func(a, b *asking) int { return strings.Compare(a.name, b.name) })
	return all
}

// lookAll runs all probes concurrently, each within limit, and returns the results.
func lookAll(t *testing.T, all []*asking, limit time.Duration) []probe.Result {
	t.Helper()
	results := make([]probe.Result, len(all))
	passes := map[*probe.Pass]*probe.Pass{}
	for _, a := range all {
		if a.kind.Name == "evidence" { // fetched reports are cached for minutes
			a.later += 10 * time.Minute
			a.pass.Now = func() time.Time { return time.Now().Add(a.later) }
		}
		if passes[a.pass] == nil {
			passes[a.pass] = probetest.Again(a.pass)
		}
	}
	var running sync.WaitGroup
	for i, a := range all {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			began := time.Now()
			results[i] = probe.Run(ctx, a.probe, passes[a.pass])
			if took := time.Since(began); took > limit+graceWithFaults {
				t.Errorf("%s: took %v, deadline %v", a.name, took, limit)
			}
		})
	}
	running.Wait()
	return results
}

// highWater samples the heap until stopped and returns its maximum size in bytes.
func highWater() (stop func() uint64) {
	most, ended, done := uint64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-ended:
				tick.Stop()
				return
			}
		}
	}()
	return func() uint64 { close(ended); <-done; return most }
}

// lasts reports whether a fault never ends by itself.
func lasts(f parts.Fault) bool {
	return f == parts.Hang || f == parts.Drip || f == parts.StallTLS
}

// exception is a fault with other reasons than usual for some kinds or protocols.
type exception struct {
	faults  []parts.Fault
	who     []string // names of kinds, or protocols
	reasons []probe.Reason
}

// exceptions returns the exceptions; the first that fits counts.
func exceptions() []exception {
	only := func(faults ...parts.Fault) []parts.Fault { return faults }
	reasons := func(reasons ...probe.Reason) []probe.Reason { return reasons }
	// Some kinds read little or nothing of a body with status 200.
	status := only(parts.Nonsense, parts.Endless, parts.Bomb)
	return []exception{
		{status, []string{"auction_refusal"}, reasons(probe.ReasonOpen)},
		{only(parts.Reset), []string{"auction_refusal"}, reasons(probe.ReasonUnhealthy)},
		{only(parts.Nonsense), []string{"gdpr_refusal"}, reasons(probe.ReasonOpen)},
		{only(parts.Nonsense), []string{"cdn", "http_response"}, reasons(probe.ReasonMissing)},
		{only(parts.RedirectLoop), []string{"http_response", "json_api"}, reasons(probe.ReasonMismatch)}, // the first redirect is the response
		{only(parts.Nonsense), []string{"web_page"}, reasons(probe.ReasonNotPublished)},
		{only(parts.Nonsense), []string{"rate_limit_header"}, reasons(probe.ReasonDrift)},
		{only(parts.Nonsense), []string{"redis"}, reasons(probe.ReasonUnreachable)}, // disconnects within an announced reply
		{only(parts.Endless, parts.Bomb), []string{"app_metrics"}, reasons(probe.ReasonTruncated)},
		{only(parts.Endless), []string{"iam_user"}, reasons(probe.ReasonNotConfigured, probe.ReasonTimeout)},
		{status, []string{"iam_user"}, reasons(probe.ReasonNotConfigured)}, // like services that implement only S3
		// reads megabytes, with no configured timeout
		{only(parts.Endless), []string{"aws", "docker", "evidence in S3", "web_page", "cdn"},
			reasons(probe.ReasonInvalid, probe.ReasonTimeout)},
		// The S3 client treats a redirect as another region.
		{only(parts.RedirectLoop), []string{"aws", "evidence in S3"}, reasons(probe.ReasonMismatch)},
		{only(parts.RedirectLoop), []string{"dns"}, reasons(probe.ReasonMissing)},
	}
}

// rightReasons lists the acceptable reasons for a fault.
func rightReasons(f parts.Fault, secure bool, name, service string) []probe.Reason {
	if secure && service != "dns" && service != "systemd" || service == "tls" {
		return rightReasonsOverTLS(f, name)
	}
	for _, e := range exceptions() {
		if slices.Contains(e.faults, f) && (slices.Contains(e.who, name) || slices.Contains(e.who, service)) {
			return e.reasons
		}
	}
	switch {
	case f == parts.Refuse, f == parts.Reset && service != "systemd": // Unix sockets have no reset
		return []probe.Reason{probe.ReasonUnreachable}
	case lasts(f):
		return []probe.Reason{probe.ReasonTimeout}
	}
	return []probe.Reason{probe.ReasonInvalid}
}

// rightReasonsOverTLS lists the reasons for faults of a server when TLS is required.
func rightReasonsOverTLS(f parts.Fault, name string) []probe.Reason {
	switch {
	case f == parts.Reset && name == "auction_refusal":
		return []probe.Reason{probe.ReasonUnhealthy}
	case f == parts.Refuse, f == parts.Reset:
		return []probe.Reason{probe.ReasonUnreachable}
	case f == parts.Hang, f == parts.StallTLS:
		return []probe.Reason{probe.ReasonTimeout}
	case name == "evidence over HTTP":
		return []probe.Reason{probe.ReasonUntrusted}
	case f == parts.Drip:
		return []probe.Reason{probe.ReasonMismatch, probe.ReasonTimeout} // depends on whether a whole record arrived
	}
	return []probe.Reason{probe.ReasonMismatch}
}

func TestNetworkKinds_ServerFaults(t *testing.T) {
	whole := startEverything(t)
	w := waysTo(t, whole)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, parts.CA(t).PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	services := networkKinds(t)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	plain := askAll(t, w.lead(whole.Settings, false, "", authority))
	secure := askAll(t, w.lead(whole.Settings, true, "", authority))
	nameless := askAll(t, w.lead(whole.Settings, false, "server.test", authority))
	for i, r := range lookAll(t, plain, parts.Patience) {
		plain[i].well = r
	}
	judge := func(t *testing.T, all []*asking, limit time.Duration, right func(a *asking, service string) []probe.Reason) {
		t.Helper()
		runtime.GC()
		stop := highWater()
		results := lookAll(t, all, limit)
		most := stop()
		t.Logf("peak memory %d MiB", most>>20)
		if most > memoryWithFaults {
			t.Errorf("peak memory %d MiB", most>>20)
		}
		for i, r := range results {
			a := all[i]
			if content := r.State != probe.StateFail && r.State != probe.StateUnknown; content && r.Reason != probe.ReasonDrift { // no limit announced is at worst a drift warning
				t.Errorf("%s passed: %v (%s) %s", a.name, r.State, r.Reason, r.Detail)
			}
			if want := right(a, services[a.kind.Name]); !slices.Contains(want, r.Reason) {
				t.Errorf("%s: %v (%s) %s; want %v", a.name, r.State, r.Reason, r.Detail, want)
			}
		}
	}
	for _, fault := range parts.Faults() {
		t.Run(string(fault), func(t *testing.T) {
			for _, way := range w {
				way.Set(t, fault)
			}
			limit := parts.Patience
			if lasts(fault) {
				limit = patienceWithFaults
			}
			judge(t, plain, limit, func(a *asking, service string) []probe.Reason { return rightReasons(fault, false, a.name, service) })
			judge(t, secure, limit, func(a *asking, service string) []probe.Reason { return rightReasons(fault, true, a.name, service) })
			for _, way := range w {
				way.Set(t, parts.NoFault)
			}
			for i, r := range lookAll(t, plain, parts.Patience) {
				if well := plain[i].well; r.State != well.State || r.Reason != well.Reason {
					t.Errorf("%s does not recover: %v (%s) %s; was %v (%s) %s", plain[i].name, r.State, r.Reason, r.Detail, well.State,
						well.Reason, well.Detail)
				}
			}
		})
	}
	t.Run("DNS without response", func(t *testing.T) {
		w[deployment.DNSService.Name].Set(t, parts.Hang)
		dialer := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "udp", w[deployment.DNSService.Name].Address)
		}}}
		for _, a := range nameless {
			a.pass.Dial = dialer.DialContext
		}
		nameless = slices.DeleteFunc(nameless, func(a *asking) bool { return services[a.kind.Name] == "systemd" })
		judge(t, nameless, patienceWithFaults, func(*asking, string) []probe.Reason { return []probe.Reason{probe.ReasonTimeout} })
	})
	for _, a := range slices.Concat(plain, secure, nameless) {
		a.pass.Kept.Close()
	}
	parts.Eventually(t, func() error {
		if g, f := runtime.NumGoroutine(), openFiles(t); g > goroutines+spareWithFaults || f > files+spareWithFaults {
			return fmt.Errorf("%d goroutines and %d open files before, %d and %d after", goroutines, files, g, f)
		}
		return nil
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
