package httpcheck

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestAuctionRefusal(t *testing.T) {
	for status, want := range map[int]struct {
		state  probe.State
		reason probe.Reason
	}{
		200: {probe.StateFail, probe.ReasonOpen}, 204: {probe.StateFail, probe.ReasonOpen},
		302: {probe.StateUnknown, probe.ReasonMismatch},
		400: {probe.StatePass, ""}, 422: {probe.StatePass, ""}, 499: {probe.StatePass, ""},
		401: {probe.StateUnknown, probe.ReasonPermissionDenied}, 403: {probe.StateUnknown, probe.ReasonPermissionDenied}, 407: {probe.StateUnknown, probe.ReasonPermissionDenied},
		404: {probe.StateUnknown, probe.ReasonMissing}, 405: {probe.StateUnknown, probe.ReasonMissing},
		408: {probe.StateUnknown, probe.ReasonTimeout}, 429: {probe.StateUnknown, probe.ReasonThreshold},
		500: {probe.StateFail, probe.ReasonUnhealthy}, 503: {probe.StateFail, probe.ReasonUnhealthy},
	} {
		s := probetest.Site(t, map[string]http.HandlerFunc{"/openrtb2/auction": probetest.Says(status, "")})
		probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), AuctionRefusalKind(), "{}"), want.state, want.reason, "")
	}
	k := AuctionRefusalKind()
	if !k.Active {
		t.Error("it does more than read, and is on without being asked for")
	}
}

func TestAuctionRefusalIsRecognisable(t *testing.T) {
	var asked atomic.Int32
	s := probetest.Site(t, map[string]http.HandlerFunc{"/bid": func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		data, _ := io.ReadAll(r.Body)
		var body struct {
			Test int
			Imp  []any
		}
		if err := json.Unmarshal(data, &body); err != nil || body.Test != 1 || len(body.Imp) != 0 || r.Method != http.MethodPost || r.Header.Get("X-Catalyst-Exporter") != "test" ||
			!strings.HasPrefix(r.UserAgent(), "catalyst_exporter") {
			t.Errorf("%s %s %v", r.Method, data, r.Header)
		}
		w.WriteHeader(http.StatusBadRequest)
	}})
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(s.URL)), AuctionRefusalKind(), "{path: /bid}"), probe.StatePass, "", "refused an invalid bid request with 400")
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAuctionRefusalDropped(t *testing.T) {
	dropped := probetest.Listener(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt("http://"+dropped)), AuctionRefusalKind(), "{}"), probe.StateFail, probe.ReasonUnhealthy, "drops the connection")
	cut := probetest.Site(t, map[string]http.HandlerFunc{"/openrtb2/auction": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte("half"))
	}})
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt(cut.URL)), AuctionRefusalKind(), "{}"), probe.StateFail, probe.ReasonUnhealthy, "drops the connection")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, probetest.APIAt("http://127.0.0.1:1")), AuctionRefusalKind(), "{}"), probe.StateFail, probe.ReasonUnreachable, "")
}

// It asks again when a release is recorded, not when one is planned.
func TestAuctionRefusalKey(t *testing.T) {
	p := probetest.NewPass(t, nil, deployment.Settings{})
	s := &auctionRefusal{}
	before := s.Key(p)
	p = probetest.Released(t, p, probetest.Planned("1.0", probetest.CommitOne))
	if s.Key(p) != before {
		t.Error("planning changes it")
	}
	p = probetest.Released(t, p, probetest.Recorded("1.0", probetest.CommitOne))
	if s.Key(p) == before {
		t.Error("recording does not change it")
	}
	if s.Key(p) != s.Key(probetest.Again(p)) {
		t.Error("it changes by itself")
	}
}
