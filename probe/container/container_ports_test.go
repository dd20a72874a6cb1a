package container

import (
	"net/netip"
	"strconv"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts/dockerd"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

func TestContainerPorts_Verdicts(t *testing.T) {
	port := func(ip string, public uint16, protocol string) container.PortSummary {
		a, _ := netip.ParseAddr(ip) // "" gives the zero address, as responses of older engines do
		return container.PortSummary{IP: a, PrivatePort: 5432, PublicPort: public, Type: protocol}
	}
	c := func(name string, ports ...container.PortSummary) container.Summary {
		return container.Summary{ID: name, Names: []string{"/" + name}, State: container.StateRunning, Ports: ports}
	}
	stopped := c("stopped", port("0.0.0.0", 5432, "tcp"))
	stopped.State = container.StateExited
	for name, tt := range map[string]struct {
		list    []container.Summary
		state   probe.State
		reason  probe.Reason
		detail  string
		exposed float64
	}{
		"nothing runs":        {[]container.Summary{stopped}, probe.StateSkip, probe.ReasonNotConfigured, "no container runs", -1},
		"none published":      {[]container.Summary{c("db"), stopped}, probe.StatePass, probe.ReasonNone, "1 running container", 0},
		"only exposed":        {[]container.Summary{c("db", container.PortSummary{PrivatePort: 5432, Type: "tcp"})}, probe.StatePass, probe.ReasonNone, "", 0},
		"allowed":             {[]container.Summary{c("web", port("0.0.0.0", 443, "tcp"), port("::", 443, "tcp"), port("0.0.0.0", 443, "udp"))}, probe.StatePass, probe.ReasonNone, "", 0},
		"loopback":            {[]container.Summary{c("db", port("127.0.0.1", 5432, "tcp"), port("::1", 5432, "tcp"), port("127.0.0.53", 5433, "tcp"))}, probe.StatePass, probe.ReasonNone, "", 0},
		"v4":                  {[]container.Summary{c("db", port("0.0.0.0", 5432, "tcp"))}, probe.StateFail, probe.ReasonExposed, "5432/tcp of container db is published to the world", 1},
		"v6":                  {[]container.Summary{c("db", port("::", 5432, "tcp"))}, probe.StateFail, probe.ReasonExposed, "5432/tcp of container db", 1},
		"no address":          {[]container.Summary{c("db", port("", 5432, "tcp"))}, probe.StateFail, probe.ReasonExposed, "5432/tcp of container db", 1},
		"mapped":              {[]container.Summary{c("db", port("::ffff:0.0.0.0", 5432, "tcp"))}, probe.StateFail, probe.ReasonExposed, "5432/tcp of container db", 1},
		"v4 and v6 once":      {[]container.Summary{c("db", port("0.0.0.0", 5432, "tcp"), port("::", 5432, "tcp"))}, probe.StateFail, probe.ReasonExposed, "5432/tcp of container db", 1},
		"a public address":    {[]container.Summary{c("db", port("192.0.2.7", 5432, "tcp"))}, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		"udp":                 {[]container.Summary{c("dns", port("0.0.0.0", 53, "udp"))}, probe.StateFail, probe.ReasonExposed, "53/udp of container dns", 1},
		"private":             {[]container.Summary{c("db", port("10.0.0.5", 5432, "tcp"))}, probe.StateWarn, probe.ReasonExposed, "private address", 0},
		"ssh":                 {[]container.Summary{c("sftp", port("0.0.0.0", 22, "tcp"))}, probe.StateWarn, probe.ReasonExposed, "22/tcp of container sftp", 1},
		"added by deployment": {[]container.Summary{c("web", port("0.0.0.0", 8443, "tcp"))}, probe.StatePass, probe.ReasonNone, "", 0},
		"paused": {[]container.Summary{func() container.Summary {
			x := c("db", port("::", 5432, "tcp"))
			x.State = container.StatePaused
			return x
		}()},
			probe.StateFail, probe.ReasonExposed, "db", 1},
		"two offenders": {[]container.Summary{c("db", port("::", 5432, "tcp")), c("cache", port("::", 6379, "tcp"))}, probe.StateFail, probe.ReasonExposed,
			"6379/tcp of container cache is published to the world; 5432/tcp of container db", 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := &containerPorts{Policy: portset.StandardPolicy()}
			r, err := s.judge(tt.list, []int{8443})
			if err != nil {
				r = probe.NotChecked(err)
			}
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if n, ok := probetest.Measured(r, portset.ExposedPorts); ok != (tt.exposed >= 0) || ok && n != tt.exposed {
				t.Errorf("measured %v %v, want %v", n, ok, tt.exposed)
			}
		})
	}
}

// A container outside the project counts like one of the project.
func TestContainerPorts_OnDocker(t *testing.T) {
	d := dockertest.NewDockerOn(t, dockerd.Private(t)) // one that runs nothing else
	published := func(ip string) (client.ContainerCreateOptions, network.Port) {
		port := network.MustParsePort("5432/tcp")
		return client.ContainerCreateOptions{
			Config:     &container.Config{Labels: map[string]string{"of": "nobody"}, ExposedPorts: network.PortSet{port: {}}},
			HostConfig: &container.HostConfig{PortBindings: network.PortMap{port: {{HostIP: netip.MustParseAddr(ip)}}}},
		}, port
	}
	o, _ := published("127.0.0.1")
	d.RunService(t, "local", o)
	p := d.Pass(t, nil, deployment.Settings{})
	probetest.Expect(t, probetest.Look(t, p, PortsKind(), "{}"), probe.StatePass, probe.ReasonNone, "1 running container")

	for _, ip := range []string{"0.0.0.0", "::"} {
		o, port := published(ip)
		o.Name = d.Project + "-open-" + strconv.Itoa(len(ip))
		id := d.RunService(t, "open", o)
		c, err := d.Client.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		bindings := c.Container.NetworkSettings.Ports[port]
		if len(bindings) == 0 {
			t.Fatalf("%s: no port is published", ip)
		}
		probetest.Expect(t, probetest.Look(t, probetest.Again(p), PortsKind(), "{}"), probe.StateFail, probe.ReasonExposed, bindings[0].HostPort+"/tcp of container "+o.Name+" is published to the world")
	}
	external := d.Pass(t, nil, deployment.Settings{Firewall: deployment.Firewall{External: true}})
	probetest.Expect(t, probetest.Look(t, external, PortsKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "deployment.firewall.external")
}
