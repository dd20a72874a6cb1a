package composecheck

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestComposeConfig_HostPorts(t *testing.T) {
	two := func(a, b string) string {
		return "  api:\n    image: api\n    ports: [" + a + "]\n  web:\n    image: web\n    ports: [" + b + "]\n"
	}
	for name, tt := range map[string]struct{ services, want string }{
		"same port":                      {two("'8080:80'", "'8080:8080'"), "8080/tcp of service api at docker-compose.yml:4 and 8080/tcp of service web at docker-compose.yml:7"},
		"long form":                      {two("'8080:80'", "{target: 9, published: '8080'}"), "same port of the host"},
		"all addresses and one":          {two("'8080:80'", "'127.0.0.1:8080:80'"), "same port of the host"},
		"all of IPv4 and one":            {two("'0.0.0.0:8080:80'", "'127.0.0.1:8080:80'"), "same port of the host"},
		"ranges overlap":                 {two("'8000-8010:8000-8010'", "'8005:80'"), "8005/tcp of service api"},
		"a port in a range":              {two("'8000-8010:80'", "'8005:80'"), "8000-8010/tcp of service api"},
		"two ranges, too small":          {two("'8000-8001:80'", "'8000-8001:80'") + "    deploy: {replicas: 2}\n", "same port of the host"},
		"twice in one service":           {two("'8080:80', '8080:81'", "'81:80'"), "8080/tcp of service api"},
		"udp twice":                      {two("'53:53/udp'", "'53:5353/udp'"), "53/udp"},
		"replicas":                       {two("'8080:80'", "'81:80'") + "    deploy: {replicas: 2}\n", "service web has 2 replicas that all publish 81/tcp at docker-compose.yml:7"},
		"scale":                          {two("'8080:80'", "'81:80'") + "    scale: 3\n", "3 replicas"},
		"more replicas than ports":       {two("'8080:80'", "'81-82:80'") + "    scale: 3\n", "81-82/tcp"},
		"swarm, two services":            {two("'8080:80'", "'8080:80'") + "    deploy: {replicas: 2, update_config: {order: start-first}}\n", "same port of the host"},
		"different ports":                {two("'8080:80'", "'8081:80'"), ""},
		"different protocols":            {two("'443:443'", "'443:443/udp'"), ""},
		"different addresses":            {two("'127.0.0.1:8080:80'", "'192.0.2.1:8080:80'"), ""},
		"different families":             {two("'0.0.0.0:8080:80'", "'[::]:8080:80'"), ""},
		"both families in one service":   {two("'0.0.0.0:8080:80', '[::]:8080:80'", "'81:80'"), ""},
		"both by container port alone":   {two("'80'", "'80'"), ""},
		"inactive profile":               {two("'8080:80'", "'8080:80'") + "    profiles: [debug]\n", ""},
		"no replicas":                    {two("'8080:80'", "'8080:80'") + "    deploy: {replicas: 0}\n", ""},
		"host network":                   {two("'8080:80'", "'8080:80'") + "    network_mode: host\n", ""},
		"the same line twice":            {two("'8080:80', '8080:80'", "'81:80'"), ""},
		"ranges side by side":            {two("'8000-8004:8000-8004'", "'8005-8009:8005-8009'"), ""},
		"two ranges with room":           {two("'8000-8010:80'", "'8000-8010:80'"), ""},
		"replicas with a range":          {two("'8080:80'", "'81-82:80'") + "    deploy: {replicas: 2}\n", ""},
		"replicas without a fixed port":  {two("'8080:80'", "'80'") + "    deploy: {replicas: 2}\n", ""},
		"swarm publishes for all":        {two("'8080:80'", "'81:80'") + "    deploy: {replicas: 2, placement: {constraints: [node.role == worker]}}\n", ""},
		"swarm by its network":           {two("'8080:80'", "'81:80'") + "    deploy: {replicas: 2}\n    networks: [mesh]\nnetworks:\n  mesh: {driver: overlay}\n", ""},
		"different addresses by network": {two("'127.0.0.2:8080:80'", "'8080:80'") + "    networks: [back]\nnetworks:\n  back:\n    driver_opts: {com.docker.network.bridge.host_binding_ipv4: 127.0.0.1}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, probetest.Compose(tt.services), deployment.Settings{}), ConfigKind(), "{}")
			if tt.want == "" {
				probetest.Expect(t, r, probe.StatePass, probe.ReasonNone, "Compose accepts")
				return
			}
			probetest.Expect(t, r, probe.StateWarn, probe.ReasonInvalid, tt.want)
		})
	}
}
