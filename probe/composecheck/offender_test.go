package composecheck

import (
	"slices"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// TestOffenders_NameTheServices checks the offenders of the file that all kinds read.
func TestOffenders_NameTheServices(t *testing.T) {
	folder := probetest.Folder{"docker-compose.yml": `services:
  web:
    image: registry.example.com/web:1
    ports: ["9999:80"]
  cache:
    image: redis:7
    network_mode: host
    mem_limit: 64m
    cpus: 0.5
`}
	for _, test := range []struct {
		kind probe.Kind
		want []probe.Offender
	}{
		{LimitsKind(), []probe.Offender{{ID: "web:no_cpu_limit", File: "docker-compose.yml", Line: 2},
			{ID: "web:no_memory_limit", File: "docker-compose.yml", Line: 2}}},
		{PortsKind(), []probe.Offender{{ID: "web:published:9999/tcp", File: "docker-compose.yml", Line: 4},
			{ID: "cache:host_network", File: "docker-compose.yml", Line: 7}}},
		{RedisKind(), []probe.Offender{{ID: "cache:no_password", File: "docker-compose.yml", Line: 5}}},
	} {
		p := probetest.NewPass(t, folder, deployment.Settings{})
		if got := probetest.Look(t, p, test.kind, "{}"); !slices.Equal(got.Offenders, test.want) {
			t.Errorf("%s: %+v of %s, want %+v", test.kind.Name, got.Offenders, got.Detail, test.want)
		}
	}
}
