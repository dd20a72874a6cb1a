package dockerd

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

const helloProgram = `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		return // the health check
	}
	panic(http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "hello "+os.Getenv("WHOM"))
	})))
}
`

func TestDocker(t *testing.T) {
	engine := Shared(t)
	name := "parts-hello-" + strings.ToLower(parts.Secret()[:8])
	image := engine.Image(t, name+":1", GoProgram(t, helloProgram), "EXPOSE 8080", `HEALTHCHECK --interval=1s CMD ["/app", "health"]`)
	port := network.MustParsePort("8080/tcp")
	id := engine.Run(t, client.ContainerCreateOptions{
		Name:   name,
		Config: &container.Config{Image: name + ":1", Env: []string{"WHOM=world"}},
		HostConfig: &container.HostConfig{
			PortBindings: network.PortMap{port: {{HostIP: netip.MustParseAddr("127.0.0.1")}}},
			NetworkMode:  container.NetworkMode(engine.Network(t, name)),
		},
	})
	parts.Eventually(t, func() error {
		_, body, err := parts.Get("http://"+engine.Published(t, id, "8080/tcp"), nil)
		if err == nil && string(body) != "hello world" {
			t.Errorf("body %q", body)
		}
		return err
	})
	parts.Eventually(t, func() error {
		found, err := engine.Client.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if found.Container.Image != image {
			t.Fatalf("image %s, want %s", found.Container.Image, image)
		}
		if found.Container.State.Health.Status != container.Healthy {
			return os.ErrNotExist
		}
		return nil
	})
	// Every call returns the same engine.
	if again := Shared(t); again.Host != engine.Host {
		t.Errorf("engines %s and %s", engine.Host, again.Host)
	}
}

func TestPrivateDocker_Stops(t *testing.T) {
	engine := Private(t)
	engine.Network(t, "left-behind")
	dir := engine.own.dir
	engine.Stop()
	if err := ping(engine.Host); err == nil {
		t.Error("engine still responds")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its directory is still there: %v", err)
	}
}

func TestOverlaps(t *testing.T) {
	block := netip.MustParsePrefix("198.18.16.0/20")
	for address, want := range map[string]bool{
		"198.18.16.1/24": true, "198.18.0.1/15": true, "198.18.31.255/32": true, "198.18.32.1/24": false, "::1/128": false,
	} {
		ip, mask, err := net.ParseCIDR(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := overlaps(block, []net.Addr{&net.IPNet{IP: ip, Mask: mask.Mask}}); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
