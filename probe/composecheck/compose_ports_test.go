package composecheck

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

func TestComposePorts_Verdicts(t *testing.T) {
	db := func(ports string) string { return "  db:\n    image: postgres\n    ports: [" + ports + "]\n" }
	const nginx = "  nginx:\n    image: nginx\n    ports: ['80:80', '443:443', '443:443/udp']\n"
	tests := []struct {
		name, services string
		spec           string
		firewall       deployment.Firewall
		state          probe.State
		reason         probe.Reason
		detail         string
		exposed        float64 // -1: not measured
	}{
		{"web alone", nginx, "{}", deployment.Firewall{}, probe.StatePass, probe.ReasonNone, "1 service", 0},
		{"nothing published", probetest.WebService, "{}", deployment.Firewall{}, probe.StatePass, probe.ReasonNone, "", 0},
		{"all interfaces", nginx + db("'5432:5432'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "5432/tcp of service db is published on all interfaces at docker-compose.yml:7", 1},
		{"explicit", db("'0.0.0.0:5432:5432'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"IPv6", db("'[::]:5432:5432'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"a public address", db("'203.0.113.9:5432:5432'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"a public IPv6 address", db("'[2001:db8::9]:5432:5432'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"long form", db("{target: 5432, published: '15432'}"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "15432/tcp", 1},
		{"udp", db("'53:53/udp'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "53/udp", 1},
		{"range", db("'6000-6005:6000-6005'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "6000-6005/tcp", 6},
		{"one of a range is allowed", db("'79-81:79-81'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "79, 81/tcp", 2},
		{"chosen by Docker", db("'5432'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "a port chosen by Docker", 1},
		{"chosen by Docker, for the host", db("'127.0.0.1::5432'"), "{}", deployment.Firewall{}, probe.StatePass, probe.ReasonNone, "", 0},
		{"host alone", db("'127.0.0.1:5432:5432', '[::1]:5432:5432', '127.9.9.9:1:1'"), "{}", deployment.Firewall{}, probe.StatePass, probe.ReasonNone, "", 0},
		{"private address", db("'10.0.0.5:5432:5432'"), "{}", deployment.Firewall{}, probe.StateWarn, probe.ReasonExposed, "5432/tcp of service db is published on a private address", 0},
		{"overlay address", db("'100.100.1.1:5432:5432'"), "{}", deployment.Firewall{}, probe.StateWarn, probe.ReasonExposed, "private address", 0},
		{"allowed on a private address", db("'10.0.0.5:443:5432'"), "{}", deployment.Firewall{}, probe.StatePass, probe.ReasonNone, "", 0},
		{"ssh", db("'22:22'"), "{}", deployment.Firewall{}, probe.StateWarn, probe.ReasonExposed, "22/tcp of service db", 1},
		{"ssh and others", db("'22:22', '23:23'"), "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "23/tcp of service db", 2},
		{"ssh allowed", db("'22:22'"), "{}", deployment.Firewall{Allowed: []int{22}}, probe.StatePass, probe.ReasonNone, "", 0},
		{"allowed by configuration", db("'5432:5432'"), "{}", deployment.Firewall{Allowed: []int{5432}}, probe.StatePass, probe.ReasonNone, "", 0},
		{"allowed by the spec", nginx, "{allowed: [443]}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "80/tcp of service nginx", 1},
		{"same port twice", db("'5432:5432'") + "  db2:\n    image: postgres\n    ports: ['5432:5432/udp']\n", "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "db2", 1},
		{"host network", probetest.WebService + "    network_mode: host\n    ports: ['8000:8000']\n", "{}", deployment.Firewall{}, probe.StateWarn, probe.ReasonExposed, "on the host's network", 0},
		{"loopback by the network", db("'5432:5432'") + "    networks: [back]\nnetworks:\n  back:\n    driver_opts: {com.docker.network.bridge.host_binding_ipv4: 127.0.0.1}\n", "{}", deployment.Firewall{}, probe.StatePass, probe.ReasonNone, "", 0},
		{"loopback by the default network", db("'5432:5432'") + "networks:\n  default:\n    driver_opts: {com.docker.network.bridge.host_binding_ipv4: 127.0.0.1}\n", "{}", deployment.Firewall{}, probe.StatePass, probe.ReasonNone, "", 0},
		{"loopback by one network of two", db("'5432:5432'") + "    networks: [back, front]\nnetworks:\n  front: {}\n  back:\n    driver_opts: {com.docker.network.bridge.host_binding_ipv4: 127.0.0.1}\n", "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"all interfaces despite the network", db("'0.0.0.0:5432:5432'") + "    networks: [back]\nnetworks:\n  back:\n    driver_opts: {com.docker.network.bridge.host_binding_ipv4: 127.0.0.1}\n", "{}", deployment.Firewall{}, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"unprotected network", probetest.WebService + "    networks: [open]\nnetworks:\n  open:\n    driver_opts: {com.docker.network.bridge.gateway_mode_ipv4: nat-unprotected}\n", "{}", deployment.Firewall{}, probe.StateWarn, probe.ReasonExposed, "gateway mode nat-unprotected, which exposes every listening port: web", 0},
		{"macvlan", probetest.WebService + "    networks: [lan]\nnetworks:\n  lan: {driver: macvlan}\n", "{}", deployment.Firewall{}, probe.StateWarn, probe.ReasonExposed, "macvlan or ipvlan network, not protected by the host's firewall: web", 0},
		{"bridge", probetest.WebService + "    networks: [lan]\nnetworks:\n  lan: {driver: bridge}\n", "{}", deployment.Firewall{}, probe.StatePass, probe.ReasonNone, "", 0},
		{"inactive profile", probetest.WebService + db("'5432:5432'") + "    profiles: [tools]\n", "{}", deployment.Firewall{}, probe.StatePass, probe.ReasonNone, "", 0},
		{"no active service", db("'5432:5432'") + "    profiles: [tools]\n", "{}", deployment.Firewall{}, probe.StateUnknown, probe.ReasonNotConfigured, "no service is active", -1},
		{"external firewall", db("'5432:5432'"), "{}", deployment.Firewall{External: true}, probe.StateSkip, probe.ReasonNotConfigured, "attestation", -1},
		{"invalid model", probetest.WebService + "    ports: 80\n", "{}", deployment.Firewall{}, probe.StateUnknown, probe.ReasonBlocked, "compose_syntax", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, probetest.Compose(tt.services), deployment.Settings{Firewall: tt.firewall}), PortsKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if n, ok := probetest.Measured(r, portset.ExposedPorts); ok != (tt.exposed >= 0) || ok && n != tt.exposed {
				t.Errorf("measured %v %v, want %v", n, ok, tt.exposed)
			}
		})
	}
}

func TestPortPolicy_RejectsInvalidPorts(t *testing.T) {
	k := PortsKind()
	for _, spec := range []string{"{allowed: [0]}", "{allowed: [65536]}", "{allowed: [http]}"} {
		if _, problems := probetest.Decode(k, spec); len(problems) == 0 {
			t.Errorf("%s loads", spec)
		}
	}
}
