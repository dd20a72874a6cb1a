// Images, containers and networks of a test. No image can be pulled where the tests run, so an image is one static Go
// program in an otherwise empty file system. Everything is removed by its id when the test ends.

package dockerd

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// GoProgram writes the source of a main package to a new directory, for Image.
func GoProgram(t testing.TB, source string) string {
	t.Helper()
	dir := t.TempDir()
	parts.WriteFile(t, filepath.Join(dir, "main.go"), source, 0o644)
	return dir
}

// Image builds the main package in a directory (standard library only, unless the directory is in this module) into an
// image of that name, with /app as its entry point and an empty /tmp. changes are Dockerfile instructions, such as
// "EXPOSE 8080" or `HEALTHCHECK --interval=1s CMD ["/app", "health"]`. It returns the image's id.
func (e *Engine) Image(t testing.TB, name, dir string, changes ...string) string {
	t.Helper()
	program, err := os.ReadFile(goBuild(t, dir))
	if err != nil {
		t.Fatalf("docker: image %s: %v", name, err)
	}
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	for _, header := range []*tar.Header{
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "app", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(program))},
	} {
		if err := archive.WriteHeader(header); err != nil {
			t.Fatalf("docker: image %s: %v", name, err)
		}
	}
	if _, err := archive.Write(program); err != nil {
		t.Fatalf("docker: image %s: %v", name, err)
	}
	if err := archive.Close(); err != nil {
		t.Fatalf("docker: image %s: %v", name, err)
	}

	ctx := dockerContext(t)
	answer, err := e.Client.ImageImport(ctx, client.ImageImportSource{Source: &layer, SourceName: "-"}, name,
		client.ImageImportOptions{Changes: append([]string{`ENTRYPOINT ["/app"]`}, changes...)})
	if err != nil {
		t.Fatalf("docker: image %s: %v", name, err)
	}
	defer answer.Close()
	progress, err := io.ReadAll(answer)
	if err != nil || bytes.Contains(progress, []byte(`"error"`)) {
		t.Fatalf("docker: image %s: %v: %s", name, err, progress)
	}
	image, err := e.Client.ImageInspect(ctx, name)
	if err != nil {
		t.Fatalf("docker: image %s: %v", name, err)
	}
	e.cleanup(t, "image "+name, func(ctx context.Context) error {
		_, err := e.Client.ImageRemove(ctx, image.ID, client.ImageRemoveOptions{Force: true})
		return err
	})
	return image.ID
}

// goBuild builds a static program and returns its path.
func goBuild(t testing.TB, dir string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	program := filepath.Join(t.TempDir(), "app")
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			args = append(args, filepath.Base(file))
		}
	}
	command := exec.Command(parts.Need(t, "go"), args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return program
}

// Run creates and starts a container and returns its id.
func (e *Engine) Run(t testing.TB, options client.ContainerCreateOptions) string {
	t.Helper()
	ctx := dockerContext(t)
	created, err := e.Client.ContainerCreate(ctx, options)
	if err != nil {
		t.Fatalf("docker: create a container: %v", err)
	}
	e.cleanup(t, "container "+created.ID, func(ctx context.Context) error {
		_, err := e.Client.ContainerRemove(ctx, created.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return err
	})
	if _, err := e.Client.ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatalf("docker: start a container: %v", err)
	}
	return created.ID
}

// Published returns the host's address of a container's published port, such as "8080/tcp".
func (e *Engine) Published(t testing.TB, container, port string) string {
	t.Helper()
	wanted, err := network.ParsePort(port)
	if err != nil {
		t.Fatalf("docker: %v", err)
	}
	found, err := e.Client.ContainerInspect(dockerContext(t), container, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatalf("docker: %v", err)
	}
	bindings := found.Container.NetworkSettings.Ports[wanted]
	if len(bindings) == 0 {
		t.Fatalf("docker: container %s does not publish %s", container, port)
	}
	host := "127.0.0.1" // used for all interfaces, too
	if ip := bindings[0].HostIP; ip.IsValid() && !ip.IsUnspecified() {
		host = ip.String()
	}
	return net.JoinHostPort(host, bindings[0].HostPort)
}

// Network creates a user-defined bridge network and returns its id.
func (e *Engine) Network(t testing.TB, name string) string {
	t.Helper()
	created, err := e.Client.NetworkCreate(dockerContext(t), name, client.NetworkCreateOptions{Driver: "bridge"})
	if err != nil {
		t.Fatalf("docker: network %s: %v", name, err)
	}
	e.cleanup(t, "network "+name, func(ctx context.Context) error {
		_, err := e.Client.NetworkRemove(ctx, created.ID, client.NetworkRemoveOptions{})
		return err
	})
	return created.ID
}

// cleanup removes a resource when the test ends, unless the test has removed it or stopped the engine.
func (e *Engine) cleanup(t testing.TB, what string, remove func(context.Context) error) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), parts.Patience)
		defer cancel()
		if err := remove(ctx); err != nil && !errdefs.IsNotFound(err) && ping(e.Host) == nil {
			t.Errorf("docker: remove %s: %v", what, err)
		}
	})
}

func dockerContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), parts.Patience)
	t.Cleanup(cancel)
	return ctx
}
