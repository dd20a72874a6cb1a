package healthbody

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

func TestJudgeStatus_Phrases(t *testing.T) {
	for text, want := range map[string]standing{
		"ok": well, "OK (3ms)": well, "ok 200": well, "200 OK": well, "up 5 days": well, "up since 2026-11-29T10:00:00Z": well,
		"healthy, no errors": well, "ok, 0 errors": well, "OK: errors=0": well, "all systems operational": well, "online 3/3": well,
		"3/3": well, "ready to read and write": well, "ok (5/100 connections)": well, "up 2 replicas": well, "connected to postgresql 16.2": well,
		"PONG": well, "accepting connections": well, "ok, 99.9% uptime": well, "ok v1.2.3 4f2a9c1": well, "yes": well,
		"0 of 3 failed, ok": well, "up 0 days 3 hours": well, "ok - latency 1.5 ms": well, "healthy (0 restarts)": well,

		"available: no": bad, "online 0/3": bad, "up but read-only": bad, "up but read only": bad, "online: 0": bad, "up=0": bad,
		"online 1 of 3": bad, "available 1 out of 3 nodes": bad, "0/3": bad, "1/3": bad, "ready, except writes": bad, "ok, 2/3 nodes": bad,
		"not ready": bad, "isn't ready": bad, "ok (degraded)": bad, "connected, 12 errors": bad, "ok, 3 failed": bad, "up (maintenance)": bad,
		"running (draining)": bad, "no workers available": bad, "no longer available": bad, "0 workers available": bad, "cannot serve": bad,
		"ok=false": bad, "healthy: false": bad, "running without database": bad, "online, replication lagging": bad, "up, never synced": bad,
		"active (exited)": bad, "ok, 1 of 5 failed": bad, "alive: 0": bad, "whatever": bad, "": bad, "serving stale data": bad,

		"ok (mark)": unclear, "up, purple": unclear,
	} {
		if got := judgeStatus(text).standing; got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]standing{
		"Prometheus Server is Healthy.": well, "My app v2 is running": well, "Welcome to our site": silent, "Service is not ready": bad,
		"catalyst: available: no": bad, "Everything is up but mark": unclear,
	} {
		if got := judgeSentence(text).standing; got != want && !(text == "Everything is up but mark" && got == bad) {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
