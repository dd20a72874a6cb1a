package container

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/composecheck"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

func TestContainerState_OnDocker(t *testing.T) {
	d := dockertest.NewDocker(t)
	check := func(arg string) *container.Config {
		return &container.Config{Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/app", arg}, Interval: 100 * time.Millisecond, Retries: 1}}
	}
	always := &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "always"}}
	health := func(h container.HealthStatus) func(container.InspectResponse) bool {
		return func(c container.InspectResponse) bool { return c.State.Health != nil && c.State.Health.Status == h }
	}

	d.RunService(t, "plain", client.ContainerCreateOptions{})
	healthy := d.RunService(t, "healthy", client.ContainerCreateOptions{Config: check("healthy")})
	unhealthy := d.RunService(t, "unhealthy", client.ContainerCreateOptions{Config: check("unhealthy")})
	starting := check("unhealthy")
	starting.Healthcheck.StartPeriod = time.Hour
	d.RunService(t, "starting", client.ContainerCreateOptions{Config: starting})
	crashing := d.RunService(t, "crashing", client.ContainerCreateOptions{HostConfig: always}, "crash")
	ended := d.RunService(t, "ended", client.ContainerCreateOptions{}, "crash")
	paused := d.RunService(t, "paused", client.ContainerCreateOptions{})
	oneOff := &container.Config{Labels: map[string]string{dockerclient.LabelProject: d.Project, dockerclient.LabelService: "oneoff", dockerclient.LabelOneOff: "True"}}
	d.RunService(t, "oneoff", client.ContainerCreateOptions{Config: oneOff})
	if _, err := d.Client.ContainerPause(t.Context(), paused, client.ContainerPauseOptions{}); err != nil {
		t.Fatal(err)
	}
	d.Seen(t, healthy, health(container.Healthy))
	d.Seen(t, unhealthy, health(container.Unhealthy))
	d.Seen(t, crashing, func(c container.InspectResponse) bool { return c.RestartCount >= 3 })
	d.Seen(t, ended, func(c container.InspectResponse) bool { return !c.State.Running })

	p := d.Pass(t, nil, deployment.Settings{})
	for _, tt := range []struct {
		service string
		state   probe.State
		reason  probe.Reason
		detail  string
	}{
		{"plain", probe.StatePass, probe.ReasonNone, "1 container of plain running"},
		{"healthy", probe.StatePass, probe.ReasonNone, ""},
		{"unhealthy", probe.StateFail, probe.ReasonUnhealthy, "is unhealthy: its health check failed"},
		{"starting", probe.StatePending, probe.ReasonInProgress, "has not passed yet"},
		{"crashing", probe.StateFail, probe.ReasonUnhealthy, "restart"},
		{"ended", probe.StateFail, probe.ReasonUnhealthy, "exited with code 3"},
		{"paused", probe.StateFail, probe.ReasonUnhealthy, "is paused"},
		{"oneoff", probe.StateFail, probe.ReasonMissing, "service oneoff has no container in project"},
		{"nosuch", probe.StateFail, probe.ReasonMissing, "service nosuch has no container"},
	} {
		t.Run(tt.service, func(t *testing.T) {
			probetest.Expect(t, probetest.Look(t, p, StateKind(), "{service: "+tt.service+"}"), tt.state, tt.reason, tt.detail)
		})
	}
	// A crashing container fails in every phase of its restart loop.
	for range 20 {
		probetest.Expect(t, probetest.Look(t, probetest.Again(p), StateKind(), "{service: crashing}"), probe.StateFail, probe.ReasonUnhealthy, "")
	}

	t.Run("all services of the compose file", func(t *testing.T) {
		f := probetest.Compose("  plain:\n    image: " + d.Image + "\n  unhealthy:\n    image: " + d.Image + "\n")
		probetest.Expect(t, probetest.Look(t, d.Pass(t, f, deployment.Settings{}), StateKind(), "{all: true}"), probe.StateFail, probe.ReasonUnhealthy, "is unhealthy")
		probetest.Expect(t, probetest.Look(t, d.Pass(t, f, deployment.Settings{}), StateKind(), "{all: true, except: [unhealthy, healthy, starting, crashing, paused]}"), probe.StatePass, probe.ReasonNone, "")
	})
	t.Run("backup service by default", func(t *testing.T) {
		probetest.Expect(t, probetest.Look(t, d.Pass(t, nil, deployment.Settings{Backup: deployment.Backup{Service: "plain"}}), StateKind(), "{}"), probe.StatePass, probe.ReasonNone, "of plain")
		probetest.Expect(t, probetest.Look(t, d.Pass(t, nil, deployment.Settings{}), StateKind(), "{}"), probe.StateFail, probe.ReasonMissing, "service backup has no container")
		probetest.Expect(t, probetest.Look(t, d.Pass(t, nil, deployment.Settings{Backup: deployment.Backup{Timer: "b.timer"}}), StateKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "timer")
	})
	t.Run("another project", func(t *testing.T) {
		p := d.Pass(t, nil, deployment.Settings{Docker: deployment.Docker{Project: "no-such-project"}})
		probetest.Expect(t, probetest.Look(t, p, StateKind(), "{service: plain}"), probe.StateFail, probe.ReasonMissing, "deployment.docker.project")
	})
}

func TestContainerLimits_OnDocker(t *testing.T) {
	d := dockertest.NewDocker(t)
	limited := func(r container.Resources) client.ContainerCreateOptions {
		return client.ContainerCreateOptions{HostConfig: &container.HostConfig{Resources: r}}
	}
	d.RunService(t, "both", limited(container.Resources{Memory: 64 << 20, NanoCPUs: 5e8}))
	p := d.Pass(t, nil, deployment.Settings{})
	r := probetest.Look(t, p, LimitsKind(), "{}")
	probetest.Expect(t, r, probe.StatePass, probe.ReasonNone, "1 container running")
	d.RunService(t, "quota", limited(container.Resources{Memory: 64 << 20, CPUQuota: 50000}))
	d.RunService(t, "memory", limited(container.Resources{Memory: 64 << 20}))
	d.RunService(t, "nothing", client.ContainerCreateOptions{})
	r = probetest.Look(t, probetest.Again(p), LimitsKind(), "{}")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonMissing, "running without a memory limit: nothing; running without a CPU limit: memory, nothing")
	if n, ok := probetest.Measured(r, composecheck.ServicesUnlimited); !ok || n != 2 {
		t.Errorf("measured %v %v", n, ok)
	}
	probetest.Expect(t, probetest.Look(t, probetest.Again(p), LimitsKind(), "{except: [memory, nothing]}"), probe.StatePass, probe.ReasonNone, "2 containers running")
	other := d.Pass(t, nil, deployment.Settings{Docker: deployment.Docker{Project: "no-such-project"}})
	probetest.Expect(t, probetest.Look(t, other, LimitsKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "no running container")
}

func TestDocker_TLS(t *testing.T) {
	d := dockertest.NewDocker(t)
	d.RunService(t, "backup", client.ContainerCreateOptions{})
	ca := parts.CA(t)
	cert := ca.Leaf(t, []string{"127.0.0.1"})
	var r dockertest.Recorder
	host := r.Serve(t, d.Host, func(h http.Handler) string {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{cert.Server()}}
		s.StartTLS()
		t.Cleanup(s.Close)
		return "tcp://" + s.Listener.Addr().String()
	})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	trusted := probetest.NewPass(t, nil, deployment.Settings{Docker: deployment.Docker{Host: host, Project: d.Project, CAFile: filepath.Join(dir, "ca.pem")}})
	probetest.Expect(t, probetest.Look(t, trusted, StateKind(), "{}"), probe.StatePass, probe.ReasonNone, "")

	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), parts.CA(t).PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, probetest.Again(trusted), StateKind(), "{}"), probe.StateUnknown, probe.ReasonMismatch, "unknown authority")
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, probetest.Look(t, probetest.Again(trusted), StateKind(), "{}"), probe.StateUnknown, probe.ReasonInvalid,
		"ca_file contains no certificate")
	plain := probetest.NewPass(t, nil, deployment.Settings{Docker: deployment.Docker{Host: host, Project: d.Project}})
	probetest.Expect(t, probetest.Look(t, plain, StateKind(), "{}"), probe.StateUnknown, probe.ReasonInvalid, "Check whether the port requires TLS")
}

// TestDocker_MutualTLS uses an engine that requires client certificates of its own CA.
func TestDocker_MutualTLS(t *testing.T) {
	d := dockertest.NewDocker(t)
	d.RunService(t, "backup", client.ContainerCreateOptions{})
	ca := parts.CA(t)
	cert := ca.Leaf(t, []string{"127.0.0.1"})
	var r dockertest.Recorder
	host := r.Serve(t, d.Host, func(h http.Handler) string {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{cert.Server()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}
		s.StartTLS()
		t.Cleanup(s.Close)
		return "tcp://" + s.Listener.Addr().String()
	})
	ours := ca.Leaf(t, []string{"exporter"}, parts.Template(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))
	f := probetest.Folder{"ca.pem": string(ca.PEM()), "cert.pem": string(ours.PEM()), "key.pem": string(ours.KeyPEM()), "other.pem": string(cert.KeyPEM())}
	at := func(cert, key string) probe.Result {
		return probetest.Look(t, probetest.NewPass(t, f, deployment.Settings{Docker: deployment.Docker{Host: host, Project: d.Project, CAFile: "ca.pem", CertFile: cert, KeyFile: key}}), StateKind(), "{}")
	}
	probetest.Expect(t, at("cert.pem", "key.pem"), probe.StatePass, probe.ReasonNone, "1 container of backup running")
	probetest.Expect(t, at("cert.pem", "other.pem"), probe.StateUnknown, probe.ReasonInvalid, "key_file does not match cert_file")
	probetest.Expect(t, at("gone.pem", "key.pem"), probe.StateUnknown, probe.ReasonError, "deployment.docker: a credential file cannot be used")
	if got := at("", ""); got.State != probe.StateUnknown || got.Remedy == "" {
		t.Errorf("without a certificate: %+v", got)
	}
}

func TestDocker_Errors(t *testing.T) {
	silent, err := net.Listen("unix", filepath.Join(t.TempDir(), "silent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	answers := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return "tcp://" + s.Listener.Addr().String()
	}
	secret := parts.Secret()
	said := `{"message":"` + secret + `"}`
	dead := filepath.Join(t.TempDir(), "dead.sock")
	if l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead}); err == nil {
		l.SetUnlinkOnClose(false)
		l.Close()
	}
	for _, tt := range []struct {
		name, host string
		state      probe.State
		reason     probe.Reason
		detail     string
		remedy     string
	}{
		{"absent", "unix:///no/such/docker.sock", probe.StateUnknown, probe.ReasonUnreachable, "Docker Engine not found", "deployment.docker.host"},
		{"dead socket", "unix://" + dead, probe.StateUnknown, probe.ReasonUnreachable, "Check that it is running", "deployment.docker.host"},
		{"silent", "unix://" + silent.Addr().String(), probe.StateUnknown, probe.ReasonTimeout, "", "deployment.docker.host"},
		{"refused", "tcp://127.0.0.1:1", probe.StateUnknown, probe.ReasonUnreachable, "Check that it is running", "deployment.docker.host"},
		{"unsupported scheme", "ssh://host", probe.StateUnknown, probe.ReasonInvalid, "must begin with unix:// or tcp://", "deployment.docker.host"},
		{"no address", "unix://", probe.StateUnknown, probe.ReasonInvalid, "must begin with", "deployment.docker.host"},
		{"forbidden", answers(403, said), probe.StateUnknown, probe.ReasonPermissionDenied, "list containers: access denied",
			"permission to GET"},
		{"not logged in", answers(401, said), probe.StateUnknown, probe.ReasonPermissionDenied, "access denied", "permission to GET"},
		{"broken", answers(500, said), probe.StateUnknown, probe.ReasonError, "the engine returned a server error", ""},
		{"not an engine", answers(200, `"`+secret+`"`), probe.StateUnknown, probe.ReasonInvalid, "the response is not from a Docker Engine", "deployment.docker.host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, deployment.Settings{Docker: deployment.Docker{Host: tt.host, Project: "x"}})
			ctx, cancel := probetest.ContextFor(t, tt.reason == probe.ReasonTimeout)
			defer cancel()
			r := probe.Run(ctx, probetest.Load(t, StateKind(), "{service: a}"), p)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if !strings.Contains(r.Remedy, tt.remedy) {
				t.Errorf("remedy %q", r.Remedy)
			}
			probetest.HasNot(t, r, secret)
		})
	}
}

func TestDocker_NotConfigured(t *testing.T) {
	p := probetest.NewPass(t, probetest.Compose(probetest.WebService), deployment.Settings{})
	p.Getenv = func(string) string { return "" }
	p.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrNotExist }
	r := probetest.Look(t, p, StateKind(), "{}")
	probetest.Expect(t, r, probe.StateSkip, probe.ReasonNotConfigured, "no Docker Engine")
	if r.Remedy != "deployment.docker.host" {
		t.Errorf("remedy %q", r.Remedy)
	}
	p = probetest.NewPass(t, probetest.Compose(probetest.WebService), deployment.Settings{})
	p.Getenv = func(name string) string { return map[string]string{"DOCKER_HOST": "unix:///elsewhere.sock"}[name] }
	probetest.Expect(t, probetest.Look(t, p, StateKind(), "{}"), probe.StateUnknown, probe.ReasonUnreachable, "unix:///elsewhere.sock")
	p = probetest.NewPass(t, nil, deployment.Settings{})
	probetest.Expect(t, probetest.Look(t, p, StateKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "no compose file")
}

func TestDocker_PermissionDenied(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(socket, 0); err != nil {
		t.Fatal(err)
	}
	p := probetest.NewPass(t, nil, deployment.Settings{Docker: deployment.Docker{Host: "unix://" + socket, Project: "x"}})
	p.Dial = func(_ context.Context, network, address string) (conn net.Conn, err error) {
		probetest.Unprivileged(t, func() { conn, err = net.Dial(network, address) })
		return conn, err
	}
	r := probetest.Look(t, p, StateKind(), "{}")
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "permission denied on the Docker socket")
	if !strings.Contains(r.Remedy, "membership in the group") {
		t.Errorf("remedy %q", r.Remedy)
	}
}
