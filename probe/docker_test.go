package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// dockerProgram is the program that test containers run.
const dockerProgram = `package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	for _, arg := range os.Args[1:] {
		verb, rest, _ := strings.Cut(arg, "=")
		name, content, _ := strings.Cut(rest, "=")
		switch verb {
		case "healthy":
			return
		case "unhealthy":
			os.Exit(1)
		case "crash":
			time.Sleep(50 * time.Millisecond)
			os.Exit(3)
		case "say":
			fmt.Println(rest)
		case "complain":
			fmt.Fprintln(os.Stderr, rest)
		case "dir":
			check(os.MkdirAll(name, 0o755))
		case "write":
			check(os.MkdirAll(filepath.Dir(name), 0o755))
			check(os.WriteFile(name, []byte(content), 0o644))
		case "link":
			check(os.MkdirAll(filepath.Dir(name), 0o755))
			check(os.Symlink(content, name))
		}
	}
	time.Sleep(time.Hour)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
`

// docker is an engine with an image of dockerProgram and a unique project name.
type docker struct {
	*parts.Engine
	image, project string
}

func newDocker(t *testing.T, changes ...string) docker {
	t.Helper()
	return newDockerOn(t, parts.Docker(t), changes...)
}

func newDockerOn(t *testing.T, engine *parts.Engine, changes ...string) docker {
	t.Helper()
	name := "probe-" + strings.ToLower(parts.Secret()[:10])
	engine.Image(t, name+":1", parts.GoProgram(t, dockerProgram), changes...)
	return docker{engine, name + ":1", name}
}

// run starts a container of a service.
func (d docker) run(t *testing.T, service string, o client.ContainerCreateOptions, args ...string) string {
	t.Helper()
	if o.Config == nil {
		o.Config = &container.Config{}
	}
	o.Config.Image = d.image
	o.Config.Cmd = args
	if o.Config.Labels == nil {
		o.Config.Labels = map[string]string{labelProject: d.project, labelService: service, labelOneOff: "False"}
	}
	if o.Name == "" {
		o.Name = d.project + "-" + service + "-" + strings.ToLower(parts.Secret()[:4])
	}
	return d.Run(t, o)
}

// pass starts a pass over a deployment on this engine.
func (d docker) pass(t *testing.T, f folder, s deployment.Settings) *Pass {
	t.Helper()
	s.Docker.Host = d.Host
	if s.Docker.Project == "" {
		s.Docker.Project = d.project
	}
	return newPass(t, f, s)
}

// seen waits until a container reaches a state.
func (d docker) seen(t *testing.T, id string, as func(container.InspectResponse) bool) {
	t.Helper()
	parts.Eventually(t, func() error {
		c, err := d.Client.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
		if err == nil && !as(c.Container) {
			err = errors.New("container has not reached the expected state")
		}
		return err
	})
}

func TestContainerState_OnDocker(t *testing.T) {
	d := newDocker(t)
	check := func(arg string) *container.Config {
		return &container.Config{Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/app", arg}, Interval: 100 * time.Millisecond, Retries: 1}}
	}
	always := &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "always"}}
	health := func(h container.HealthStatus) func(container.InspectResponse) bool {
		return func(c container.InspectResponse) bool { return c.State.Health != nil && c.State.Health.Status == h }
	}

	d.run(t, "plain", client.ContainerCreateOptions{})
	healthy := d.run(t, "healthy", client.ContainerCreateOptions{Config: check("healthy")})
	unhealthy := d.run(t, "unhealthy", client.ContainerCreateOptions{Config: check("unhealthy")})
	starting := check("unhealthy")
	starting.Healthcheck.StartPeriod = time.Hour
	d.run(t, "starting", client.ContainerCreateOptions{Config: starting})
	crashing := d.run(t, "crashing", client.ContainerCreateOptions{HostConfig: always}, "crash")
	ended := d.run(t, "ended", client.ContainerCreateOptions{}, "crash")
	paused := d.run(t, "paused", client.ContainerCreateOptions{})
	oneOff := &container.Config{Labels: map[string]string{labelProject: d.project, labelService: "oneoff", labelOneOff: "True"}}
	d.run(t, "oneoff", client.ContainerCreateOptions{Config: oneOff})
	if _, err := d.Client.ContainerPause(t.Context(), paused, client.ContainerPauseOptions{}); err != nil {
		t.Fatal(err)
	}
	d.seen(t, healthy, health(container.Healthy))
	d.seen(t, unhealthy, health(container.Unhealthy))
	d.seen(t, crashing, func(c container.InspectResponse) bool { return c.RestartCount >= 3 })
	d.seen(t, ended, func(c container.InspectResponse) bool { return !c.State.Running })

	p := d.pass(t, nil, deployment.Settings{})
	for _, tt := range []struct {
		service string
		state   State
		reason  Reason
		detail  string
	}{
		{"plain", StatePass, ReasonNone, "1 container of plain running"},
		{"healthy", StatePass, ReasonNone, ""},
		{"unhealthy", StateFail, ReasonUnhealthy, "is unhealthy: its health check failed"},
		{"starting", StatePending, ReasonInProgress, "has not passed yet"},
		{"crashing", StateFail, ReasonUnhealthy, "restart"},
		{"ended", StateFail, ReasonUnhealthy, "exited with code 3"},
		{"paused", StateFail, ReasonUnhealthy, "is paused"},
		{"oneoff", StateFail, ReasonMissing, "service oneoff has no container in project"},
		{"nosuch", StateFail, ReasonMissing, "service nosuch has no container"},
	} {
		t.Run(tt.service, func(t *testing.T) {
			expect(t, look(t, p, containerStateKind(), "{service: "+tt.service+"}"), tt.state, tt.reason, tt.detail)
		})
	}
	// A crashing container fails in every phase of its restart loop.
	for range 20 {
		expect(t, look(t, again(p), containerStateKind(), "{service: crashing}"), StateFail, ReasonUnhealthy, "")
	}

	t.Run("all services of the compose file", func(t *testing.T) {
		f := compose("  plain:\n    image: x\n  unhealthy:\n    image: x\n")
		expect(t, look(t, d.pass(t, f, deployment.Settings{}), containerStateKind(), "{all: true}"), StateFail, ReasonUnhealthy, "is unhealthy")
		expect(t, look(t, d.pass(t, f, deployment.Settings{}), containerStateKind(), "{all: true, except: [unhealthy]}"), StatePass, ReasonNone, "")
	})
	t.Run("backup service by default", func(t *testing.T) {
		expect(t, look(t, d.pass(t, nil, deployment.Settings{Backup: deployment.Backup{Service: "plain"}}), containerStateKind(), "{}"), StatePass, ReasonNone, "of plain")
		expect(t, look(t, d.pass(t, nil, deployment.Settings{}), containerStateKind(), "{}"), StateFail, ReasonMissing, "service backup has no container")
		expect(t, look(t, d.pass(t, nil, deployment.Settings{Backup: deployment.Backup{Timer: "b.timer"}}), containerStateKind(), "{}"), StateSkip, ReasonNotConfigured, "timer")
	})
	t.Run("another project", func(t *testing.T) {
		p := d.pass(t, nil, deployment.Settings{Docker: deployment.Docker{Project: "no-such-project"}})
		expect(t, look(t, p, containerStateKind(), "{service: plain}"), StateFail, ReasonMissing, "deployment.docker.project")
	})
}

func TestContainerLimits_OnDocker(t *testing.T) {
	d := newDocker(t)
	limited := func(r container.Resources) client.ContainerCreateOptions {
		return client.ContainerCreateOptions{HostConfig: &container.HostConfig{Resources: r}}
	}
	d.run(t, "both", limited(container.Resources{Memory: 64 << 20, NanoCPUs: 5e8}))
	p := d.pass(t, nil, deployment.Settings{})
	r := look(t, p, containerLimitsKind(), "{}")
	expect(t, r, StatePass, ReasonNone, "1 container running")
	d.run(t, "quota", limited(container.Resources{Memory: 64 << 20, CPUQuota: 50000}))
	d.run(t, "memory", limited(container.Resources{Memory: 64 << 20}))
	d.run(t, "nothing", client.ContainerCreateOptions{})
	r = look(t, again(p), containerLimitsKind(), "{}")
	expect(t, r, StateFail, ReasonMissing, "running without a memory limit: nothing; running without a CPU limit: memory, nothing")
	if n, ok := measured(r, ServicesUnlimited); !ok || n != 2 {
		t.Errorf("measured %v %v", n, ok)
	}
	expect(t, look(t, again(p), containerLimitsKind(), "{except: [memory, nothing]}"), StatePass, ReasonNone, "2 containers running")
	other := d.pass(t, nil, deployment.Settings{Docker: deployment.Docker{Project: "no-such-project"}})
	expect(t, look(t, other, containerLimitsKind(), "{}"), StateSkip, ReasonNotConfigured, "no running container")
}

// recorder is a proxy that records requests to an engine and rejects writes, as a read-only socket proxy does.
type recorder struct {
	mu      sync.Mutex
	asked   []string
	refused []string
}

func (r *recorder) serve(t *testing.T, host string, wrap func(http.Handler) string) string {
	socket := strings.TrimPrefix(host, "unix://")
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	proxy.Transport = transport
	return wrap(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if q.Method != http.MethodGet && q.Method != http.MethodHead {
			r.refused = append(r.refused, q.Method+" "+q.URL.Path)
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		r.asked = append(r.asked, q.Method+" "+q.URL.Path)
		proxy.ServeHTTP(w, q)
	}))
}

// TestDocker_ReadsOnly runs every kind that uses the engine through a proxy that rejects everything but GET and HEAD.
func TestDocker_ReadsOnly(t *testing.T) {
	d := newDocker(t)
	d.run(t, "backup", client.ContainerCreateOptions{Config: &container.Config{Env: []string{"LOG_LEVEL=info", "PBS_ANONYMIZE_IP=true"}}}, "write=/backups/latest.sql.gz=x")
	var r recorder
	host := r.serve(t, d.Host, func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return "tcp://" + s.Listener.Addr().String()
	})
	p := newPass(t, compose("  backup:\n    image: x\n    environment: {LOG_LEVEL: info, PBS_ANONYMIZE_IP: 'true'}\n"),
		deployment.Settings{Service: "backup", Docker: deployment.Docker{Host: host, Project: d.project}})
	asked := 0
	for _, k := range Kinds() {
		if !strings.HasPrefix(k.Name, "container_") {
			continue
		}
		asked++
		look(t, p, k, k.Example)
	}
	expect(t, look(t, p, containerStateKind(), "{service: backup}"), StatePass, ReasonNone, "")
	if asked < 2 || len(r.asked) == 0 {
		t.Fatalf("%d kinds, %q", asked, r.asked)
	}
	if len(r.refused) > 0 {
		t.Errorf("write requests: %q", r.refused)
	}
	lists := slices.DeleteFunc(slices.Clone(r.asked), func(s string) bool { return !strings.HasSuffix(s, "/containers/json") })
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

func TestDockerTransport_RejectsWrites(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodConnect, http.MethodOptions} {
		req, err := http.NewRequest(method, "http://docker/containers/x/start", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&dockerTransport{base: &http.Transport{}}).RoundTrip(req)
		if resp != nil || !errors.Is(err, errDockerWrites) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestDocker_TLS(t *testing.T) {
	d := newDocker(t)
	d.run(t, "backup", client.ContainerCreateOptions{})
	ca := parts.CA(t)
	cert := ca.Leaf(t, []string{"127.0.0.1"})
	var r recorder
	host := r.serve(t, d.Host, func(h http.Handler) string {
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
	trusted := newPass(t, nil, deployment.Settings{Docker: deployment.Docker{Host: host, Project: d.project, CAFile: filepath.Join(dir, "ca.pem")}})
	expect(t, look(t, trusted, containerStateKind(), "{}"), StatePass, ReasonNone, "")

	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), parts.CA(t).PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, again(trusted), containerStateKind(), "{}"), StateUnknown, ReasonMismatch, "unknown authority")
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, look(t, again(trusted), containerStateKind(), "{}"), StateUnknown, ReasonInvalid,
		"ca_file contains no certificate")
	plain := newPass(t, nil, deployment.Settings{Docker: deployment.Docker{Host: host, Project: d.project}})
	expect(t, look(t, plain, containerStateKind(), "{}"), StateUnknown, ReasonInvalid, "Check whether the port requires TLS")
}

// TestDocker_MutualTLS uses an engine that requires client certificates of its own CA.
func TestDocker_MutualTLS(t *testing.T) {
	d := newDocker(t)
	d.run(t, "backup", client.ContainerCreateOptions{})
	ca := parts.CA(t)
	cert := ca.Leaf(t, []string{"127.0.0.1"})
	var r recorder
	host := r.serve(t, d.Host, func(h http.Handler) string {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{cert.Server()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}
		s.StartTLS()
		t.Cleanup(s.Close)
		return "tcp://" + s.Listener.Addr().String()
	})
	ours := ca.Leaf(t, []string{"exporter"}, parts.Template(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))
	f := folder{"ca.pem": string(ca.PEM()), "cert.pem": string(ours.PEM()), "key.pem": string(ours.KeyPEM()), "other.pem": string(cert.KeyPEM())}
	at := func(cert, key string) Result {
		return look(t, newPass(t, f, deployment.Settings{Docker: deployment.Docker{Host: host, Project: d.project, CAFile: "ca.pem", CertFile: cert, KeyFile: key}}), containerStateKind(), "{}")
	}
	expect(t, at("cert.pem", "key.pem"), StatePass, ReasonNone, "1 container of backup running")
	expect(t, at("cert.pem", "other.pem"), StateUnknown, ReasonInvalid, "key_file does not match cert_file")
	expect(t, at("gone.pem", "key.pem"), StateUnknown, ReasonError, "deployment.docker: a credential file cannot be used")
	if got := at("", ""); got.State != StateUnknown || got.Remedy == "" {
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
		state      State
		reason     Reason
		detail     string
		remedy     string
	}{
		{"absent", "unix:///no/such/docker.sock", StateUnknown, ReasonUnreachable, "Docker Engine not found", dockerSetting},
		{"dead socket", "unix://" + dead, StateUnknown, ReasonUnreachable, "Check that it is running", dockerSetting},
		{"silent", "unix://" + silent.Addr().String(), StateUnknown, ReasonTimeout, "", dockerSetting},
		{"refused", "tcp://127.0.0.1:1", StateUnknown, ReasonUnreachable, "Check that it is running", dockerSetting},
		{"unsupported scheme", "ssh://host", StateUnknown, ReasonInvalid, "must begin with unix:// or tcp://", dockerSetting},
		{"no address", "unix://", StateUnknown, ReasonInvalid, "must begin with", dockerSetting},
		{"forbidden", answers(403, said), StateUnknown, ReasonPermissionDenied, "list containers: access denied",
			"permission to GET"},
		{"not logged in", answers(401, said), StateUnknown, ReasonPermissionDenied, "access denied", "permission to GET"},
		{"broken", answers(500, said), StateUnknown, ReasonError, "the engine returned a server error", ""},
		{"not an engine", answers(200, `"`+secret+`"`), StateUnknown, ReasonInvalid, "the response is not from a Docker Engine", dockerSetting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPass(t, nil, deployment.Settings{Docker: deployment.Docker{Host: tt.host, Project: "x"}})
			ctx, cancel := contextFor(t, tt.reason == ReasonTimeout)
			defer cancel()
			r := Look(ctx, load(t, containerStateKind(), "{service: a}"), p)
			expect(t, r, tt.state, tt.reason, tt.detail)
			if !strings.Contains(r.Remedy, tt.remedy) {
				t.Errorf("remedy %q", r.Remedy)
			}
			hasNot(t, r, secret)
		})
	}
}

func TestDocker_NotConfigured(t *testing.T) {
	p := newPass(t, compose(webService), deployment.Settings{})
	p.Getenv = func(string) string { return "" }
	p.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrNotExist }
	r := look(t, p, containerStateKind(), "{}")
	expect(t, r, StateSkip, ReasonNotConfigured, "no Docker Engine")
	if r.Remedy != dockerSetting {
		t.Errorf("remedy %q", r.Remedy)
	}
	p = newPass(t, compose(webService), deployment.Settings{})
	p.Getenv = func(name string) string { return map[string]string{"DOCKER_HOST": "unix:///elsewhere.sock"}[name] }
	expect(t, look(t, p, containerStateKind(), "{}"), StateUnknown, ReasonUnreachable, "unix:///elsewhere.sock")
	p = newPass(t, nil, deployment.Settings{})
	expect(t, look(t, p, containerStateKind(), "{}"), StateSkip, ReasonNotConfigured, "no compose file")
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
	p := newPass(t, nil, deployment.Settings{Docker: deployment.Docker{Host: "unix://" + socket, Project: "x"}})
	p.Dial = func(_ context.Context, network, address string) (conn net.Conn, err error) {
		unprivileged(t, func() { conn, err = net.Dial(network, address) })
		return conn, err
	}
	r := look(t, p, containerStateKind(), "{}")
	expect(t, r, StateUnknown, ReasonPermissionDenied, "permission denied on the Docker socket")
	if !strings.Contains(r.Remedy, "membership in the group") {
		t.Errorf("remedy %q", r.Remedy)
	}
}

func TestDockerProjectPick(t *testing.T) {
	listed := func(id, name string, labels ...string) container.Summary {
		c := container.Summary{ID: id, Names: []string{"/other/link", "/" + name}, Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			c.Labels[labels[i]] = labels[i+1]
		}
		return c
	}
	all := []container.Summary{
		listed("1", "my-app-web-1", labelProject, "my-app", labelService, "web", labelOneOff, "False"),
		listed("2", "my-app-web-run-1", labelProject, "my-app", labelService, "web", labelOneOff, "True"),
		listed("3", "myapp_db_1", labelProject, "myapp", labelService, "db"),
		listed("4", "prod-web-1", labelProject, "prod", labelService, "web", labelFiles, "/srv/x/docker-compose.yml,/srv/x/prod.yml"),
		listed("5", "old_web_1", labelProject, "old", labelService, "web", labelFiles, "docker-compose.yml", labelDir, "/srv/y"),
		listed("6", "catalyst-backup"),
		listed("7", "taken", labelProject, "prod", labelService, "other"),
	}
	for name, tt := range map[string]struct {
		id   projectIdentity
		want string
	}{
		"by name":            {projectIdentity{name: "my-app"}, "1=web"},
		"by Compose v1 name": {projectIdentity{name: "my_app"}, "3=db"},
		"by its files":       {projectIdentity{name: "x", files: []string{"/srv/x/docker-compose.yml"}}, "4=web"},
		"by its files, v1":   {projectIdentity{name: "y", files: []string{"/srv/y/docker-compose.yml"}}, "5=web"},
		"configured name ignores files": {projectIdentity{name: "x", configured: true,
			files: []string{"/srv/x/docker-compose.yml"}}, ""},
		"by container name": {projectIdentity{name: "x", names: map[string]string{"catalyst-backup": "backup"}}, "6=backup"},
		"container name with another service label": {projectIdentity{name: "x",
			names: map[string]string{"taken": "backup"}}, ""},
		"by project and container name": {projectIdentity{name: "my-app",
			names: map[string]string{"catalyst-backup": "backup"}}, "1=web 6=backup"},
		"no match": {projectIdentity{name: "x"}, ""},
		"no name":  {projectIdentity{}, ""},
	} {
		var got []string
		for _, c := range tt.id.pick(all) {
			got = append(got, c.id+"="+c.service)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if n := containerName(all[0]); n != "my-app-web-1" {
		t.Errorf("name %q", n)
	}
	if n := containerName(container.Summary{ID: sixtyFour}); n != sixtyFour[:12] {
		t.Errorf("name %q", n)
	}
}
