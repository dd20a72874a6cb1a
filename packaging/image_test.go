// Package packaging tests the shipped artifacts: the image on a real Docker Engine, the systemd unit with systemd's tools.
package packaging_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/parts/dockerd"
)

func TestMain(m *testing.M) { parts.Main(m) }

// buildLimit is the timeout of one command. A first build on a small machine compiles every library and takes minutes.
const buildLimit = 15 * time.Minute

// run runs a program in a folder and returns its output. It fails the test if the program fails.
func run(t testing.TB, dir, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), buildLimit)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "DOCKER_BUILDKIT=0", "SOURCE_DATE_EPOCH=1767225600", "LC_ALL=C")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, output)
	}
	return string(output)
}

// build builds the exporter like a release: static, without the race detector.
func build(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "catalyst_exporter")
	run(t, "..", parts.Need(t, "go"), "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, ".")
	return program
}

// buildImage builds the image like `make image`, without a network, and returns its name and the program in it.
func buildImage(t testing.TB, engine *dockerd.Engine) (name, program string) {
	t.Helper()
	docker, folder := parts.Need(t, "docker"), t.TempDir()
	parts.Need(t, "git")
	program = build(t)
	run(t, "..", "packaging/rootfs", program, filepath.Join(folder, "dist", "rootfs"))
	for _, name := range []string{"Dockerfile", ".dockerignore"} {
		content, err := os.ReadFile(filepath.Join("..", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	name = "catalyst-exporter-" + strings.ToLower(parts.Secret())
	output := run(t, folder, docker, "--host="+engine.Host, "build", "--network=none", "--build-arg=VERSION=1.2.3", "--tag="+name, ".")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), parts.Patience)
		defer cancel()
		if _, err := engine.Client.ImageRemove(ctx, name, client.ImageRemoveOptions{Force: true}); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	})
	return name, program
}

func TestImage(t *testing.T) {
	engine := dockerd.Shared(t)
	name, program := buildImage(t, engine)

	t.Run("metadata", func(t *testing.T) {
		image, err := engine.Client.ImageInspect(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		c := image.Config
		if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(c.User) {
			t.Errorf("user %q is not a number other than 0, which Kubernetes' runAsNonRoot requires", c.User)
		}
		if c.Labels["org.opencontainers.image.version"] != "1.2.3" || c.Labels["org.opencontainers.image.title"] != "catalyst_exporter" {
			t.Errorf("labels %q", c.Labels)
		}
		if c.Healthcheck == nil || !slices.Equal(c.Healthcheck.Test, []string{"CMD", "/catalyst_exporter", "healthy"}) {
			t.Errorf("health check %+v", c.Healthcheck)
		}
		const mib = 1 << 20
		if image.Size < 20*mib || image.Size > 90*mib {
			t.Errorf("image size is %d MiB, docs/image.md says 54", image.Size/mib)
		}
		t.Logf("%d MiB", image.Size/mib)
	})

	t.Run("bill of materials", func(t *testing.T) {
		parts.Need(t, "jq")
		var bill struct {
			Components []struct{ Name, Version, Purl string }
		}
		if err := json.Unmarshal([]byte(run(t, "..", "packaging/sbom", program)), &bill); err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, c := range bill.Components {
			found[c.Name] = true
			if c.Version == "" || c.Purl != "pkg:golang/"+c.Name+"@"+c.Version {
				t.Errorf("component %+v", c)
			}
		}
		for _, name := range []string{"std", "github.com/zricethezav/gitleaks/v8", "golang.org/x/crypto/x509roots/fallback"} {
			if !found[name] {
				t.Errorf("%s is not among the %d components", name, len(found))
			}
		}
	})

	// A deployment in another user's repository with a secret in its history, mounted read-only.
	repository := parts.GitRepo(t)
	run(t, ".", "cp", "-R", "../examples/deployment/.", repository.Dir)
	token := "ghp_" + (parts.Secret() + parts.Secret())[:36]
	repository.Commit(t, "Add a secret", map[string]string{"settings.go": `package x; const token = "` + token + `"` + "\n"})
	repository.Git(t, "rm", "--quiet", "settings.go")
	repository.Commit(t, "Remove it", nil)
	open(t, repository.Dir)

	port := network.MustParsePort("10460/tcp")
	options := func(more ...string) client.ContainerCreateOptions {
		return client.ContainerCreateOptions{
			Config: &container.Config{
				Image: name, Cmd: more, Env: []string{"TZ=Europe/Paris"}, ExposedPorts: network.PortSet{port: {}},
				// The image's own health check with a shorter interval.
				Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/catalyst_exporter", "healthy"}, Interval: 500 * time.Millisecond, Timeout: 5 * time.Second, Retries: 3},
			},
			HostConfig: &container.HostConfig{
				ReadonlyRootfs: true, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
				Mounts:       []mount.Mount{{Type: mount.TypeBind, Source: repository.Dir, Target: "/deployment", ReadOnly: true}},
				PortBindings: network.PortMap{port: {{HostIP: netip.MustParseAddr("127.0.0.1")}}},
			},
		}
	}
	id := engine.Run(t, options())
	parts.Eventually(t, func() error {
		found, err := engine.Client.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
		if err != nil {
			return err
		}
		if s := found.Container.State; s.Health == nil || s.Health.Status != container.Healthy {
			return fmt.Errorf("state %s, health %+v", s.Status, s.Health)
		}
		return nil
	})
	address := "http://" + engine.Published(t, id, "10460/tcp")
	if got := get(t, address+"/-/healthy"); got != "healthy\n" {
		t.Errorf("healthy: %q", got)
	}
	metrics := get(t, address+"/metrics")
	if got := strings.Count(metrics, "\ncatalyst_check_info{"); got != 75 {
		t.Errorf("%d items, want 75", got)
	}
	var answer struct {
		Items []struct {
			Item, Detail string
			Probes       []struct{ Probe, State, Reason, Detail string }
		}
	}
	parts.Eventually(t, func() error { // the history is searched in the background
		if err := json.Unmarshal([]byte(get(t, address+"/api/v1/checks")), &answer); err != nil {
			return err
		}
		for _, i := range answer.Items {
			for _, p := range i.Probes {
				if p.Probe == "git_secrets" {
					if p.State != "fail" || p.Reason != "committed" || !strings.Contains(p.Detail, "settings.go") {
						return fmt.Errorf("git_secrets: %+v", p)
					}
					return nil
				}
			}
		}
		return fmt.Errorf("no result of git_secrets")
	})
	for _, i := range answer.Items {
		if strings.Contains(i.Detail, "no trusted authorities") {
			t.Errorf("%s: %s", i.Item, i.Detail)
		}
	}

	t.Run("failing health check", func(t *testing.T) {
		listensElsewhere := engine.Run(t, options("serve", "--deployment.root=/deployment", "--web.listen-address=:10461"))
		parts.Eventually(t, func() error {
			found, err := engine.Client.ContainerInspect(t.Context(), listensElsewhere, client.ContainerInspectOptions{})
			if err != nil {
				return err
			}
			if s := found.Container.State; s.Health == nil || s.Health.Status != container.Unhealthy || !strings.Contains(s.Health.Log[0].Output, "refused") {
				return fmt.Errorf("state %s, health %+v", s.Status, s.Health)
			}
			return nil
		})
	})
}

// open makes a folder of the test world-readable, because the container's user is not a user of this machine.
func open(t testing.TB, dir string) {
	t.Helper()
	run(t, ".", "chmod", "-R", "a+rX", dir)
	for up := filepath.Dir(dir); strings.HasPrefix(up, os.TempDir()+"/"); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func get(t testing.TB, address string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", address, response.StatusCode, err)
	}
	return string(body)
}
