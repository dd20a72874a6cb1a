package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The compared programs. The exporter and the floor program are built from this repository, the peers from released
// modules at pinned versions, all with the same build flags. Each peer is built in its own module, so that it gets the
// dependencies of its release.

// tool is a measured program.
type tool struct {
	name    string
	path    string // "" if it could not be built
	version string
	missing string // why it could not be built
}

// peer is the source of a program.
type peer struct{ name, module, version, pkg string }

func peers() []peer {
	return []peer{
		{"goss", "github.com/goss-org/goss", "v0.4.9", "github.com/goss-org/goss/cmd/goss"},
		{"blackbox_exporter", "github.com/prometheus/blackbox_exporter", "v0.27.0", "github.com/prometheus/blackbox_exporter"},
		{"node_exporter", "github.com/prometheus/node_exporter", "v1.11.1", "github.com/prometheus/node_exporter"},
		{"gitleaks", "github.com/zricethezav/gitleaks/v8", "v8.30.1", "github.com/zricethezav/gitleaks/v8"},
	}
}

const linkFlags = "-s -w"

// getTools builds all programs. A peer that does not build is reported and skipped.
func (b *bench) getTools() error {
	b.tools = map[string]tool{}
	for name, dir := range map[string]string{"catalyst_exporter": ".", "floor": "bench/floor"} {
		b.say("building %s", name)
		out := b.path("bin", name)
		if err := b.build(filepath.Join(b.source, dir), out, nil, "."); err != nil {
			return err
		}
		b.tools[name] = tool{name: name, path: out, version: "this repository"}
	}
	keep := b.options.tools
	if keep == "" {
		keep = b.path("peers")
	}
	for _, p := range peers() {
		t := tool{name: p.name, path: filepath.Join(keep, p.name+"@"+p.version), version: p.version}
		if _, err := os.Stat(t.path); err != nil {
			b.say("building %s %s", p.name, p.version)
			if err := b.buildPeer(p, t.path); err != nil {
				t.path, t.missing = "", err.Error()
				b.say("skipping %s %s: %v", p.name, p.version, err)
			}
		}
		b.tools[p.name] = t
	}
	return nil
}

func (b *bench) buildPeer(p peer, out string) error {
	module := b.path("modules", p.name, "go.mod")
	text := fmt.Sprintf("module peer\n\ngo 1.26\n\nrequire %s %s\n", p.module, p.version)
	if err := os.WriteFile(module, []byte(text), 0o600); err != nil {
		return err
	}
	return b.build(filepath.Dir(module), out, []string{"-mod=mod"}, p.pkg)
}

func (b *bench) build(dir, out string, flags []string, pkg string) error {
	args := append([]string{"build", "-trimpath", "-ldflags", linkFlags, "-o", out}, flags...)
	cmd := exec.CommandContext(b.ctx, "go", append(args, pkg)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		return fmt.Errorf("go build %s: %w: %s", pkg, err, lines[len(lines)-1])
	}
	return nil
}

// has reports whether a peer was built. Sections skip missing peers, and the report names them.
func (b *bench) has(name string) bool { return b.tools[name].path != "" }
