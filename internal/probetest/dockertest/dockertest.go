// Package dockertest runs containers on a real Docker Engine for tests of probes.
package dockertest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/parts/dockerd"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
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
	*dockerd.Engine
	Image, Project string
}

func NewDocker(t *testing.T, changes ...string) docker {
	t.Helper()
	return NewDockerOn(t, dockerd.Shared(t), changes...)
}

func NewDockerOn(t *testing.T, engine *dockerd.Engine, changes ...string) docker {
	t.Helper()
	name := "probe-" + strings.ToLower(parts.Secret()[:10])
	engine.Image(t, name+":1", dockerd.GoProgram(t, dockerProgram), changes...)
	return docker{engine, name + ":1", name}
}

// RunService starts a container of a service.
func (d docker) RunService(t *testing.T, service string, o client.ContainerCreateOptions, args ...string) string {
	t.Helper()
	if o.Config == nil {
		o.Config = &container.Config{}
	}
	o.Config.Image = d.Image
	o.Config.Cmd = args
	if o.Config.Labels == nil {
		o.Config.Labels = map[string]string{dockerclient.LabelProject: d.Project, dockerclient.LabelService: service, dockerclient.LabelOneOff: "False"}
	}
	if o.Name == "" {
		o.Name = d.Project + "-" + service + "-" + strings.ToLower(parts.Secret()[:4])
	}
	return d.Run(t, o)
}

// Pass starts a pass over a deployment on this engine.
func (d docker) Pass(t *testing.T, f probetest.Folder, s deployment.Settings) *probe.Pass {
	t.Helper()
	s.Docker.Host = d.Host
	if s.Docker.Project == "" {
		s.Docker.Project = d.Project
	}
	return probetest.NewPass(t, f, s)
}

// Seen waits until a container reaches a state.
func (d docker) Seen(t *testing.T, id string, as func(container.InspectResponse) bool) {
	t.Helper()
	parts.Eventually(t, func() error {
		c, err := d.Client.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
		if err == nil && !as(c.Container) {
			err = errors.New("container has not reached the expected state")
		}
		return err
	})
}

// Recorder is a proxy that records requests to an engine and rejects writes, as a read-only socket proxy does.
type Recorder struct {
	mu      sync.Mutex
	Asked   []string
	Refused []string
}

func (r *Recorder) Serve(t *testing.T, host string, wrap func(http.Handler) string) string {
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
			r.Refused = append(r.Refused, q.Method+" "+q.URL.Path)
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		r.Asked = append(r.Asked, q.Method+" "+q.URL.Path)
		proxy.ServeHTTP(w, q)
	}))
}
