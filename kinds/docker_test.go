package kinds

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	enginetypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/container"
)

// TestDocker_ReadsOnly runs every kind that uses the engine through a proxy that rejects everything but GET and HEAD.
func TestDocker_ReadsOnly(t *testing.T) {
	d := dockertest.NewDocker(t)
	d.RunService(t, "backup", client.ContainerCreateOptions{Config: &enginetypes.Config{Env: []string{"LOG_LEVEL=info", "PBS_ANONYMIZE_IP=true"}}}, "write=/backups/latest.sql.gz=x")
	var r dockertest.Recorder
	host := r.Serve(t, d.Host, func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return "tcp://" + s.Listener.Addr().String()
	})
	p := probetest.NewPass(t, probetest.Compose("  backup:\n    image: "+d.Image+"\n    environment: {LOG_LEVEL: info, PBS_ANONYMIZE_IP: 'true'}\n"),
		deployment.Settings{Service: "backup", Docker: deployment.Docker{Host: host, Project: d.Project}})
	asked := 0
	for _, k := range All() {
		if !strings.HasPrefix(k.Name, "container_") {
			continue
		}
		asked++
		probetest.Look(t, p, k, k.Example)
	}
	probetest.Expect(t, probetest.Look(t, p, container.StateKind(), "{service: backup}"), probe.StatePass, probe.ReasonNone, "")
	if asked < 2 || len(r.Asked) == 0 {
		t.Fatalf("%d kinds, %q", asked, r.Asked)
	}
	if len(r.Refused) > 0 {
		t.Errorf("write requests: %q", r.Refused)
	}
	lists := slices.DeleteFunc(slices.Clone(r.Asked), func(s string) bool { return !strings.HasSuffix(s, "/containers/json") })
	if len(lists) != 1 {
		t.Errorf("the containers were listed %d times in one pass", len(lists))
	}
	// The client must use the engine's API version. An older engine rejects the library's newest.
	ping, err := d.Client.Ping(t.Context(), client.PingOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := "GET /v" + ping.APIVersion + "/containers/json"; ping.APIVersion < client.MaxAPIVersion && lists[0] != want {
		t.Errorf("requested %q, want %q", lists[0], want)
	}
}
