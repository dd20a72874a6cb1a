// Package probetest is what tests of probes share: deployments from texts, passes over them, recorded servers.
package probetest

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Folder is a deployment's files by name; a nil folder is empty.
type Folder map[string]string

// Write writes the files into a new directory and returns it.
func (f Folder) Write(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range f {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// NewPass begins a pass over a deployment. An empty root in the settings becomes a new folder with the files.
func NewPass(t *testing.T, f Folder, settings deployment.Settings) *probe.Pass {
	t.Helper()
	if settings.Root == "" {
		settings.Root = f.Write(t)
	}
	d, err := deployment.Discover(settings)
	if err != nil {
		t.Fatal(err)
	}
	deps := probe.NewDeps(slog.New(slog.NewTextHandler(io.Discard, nil)), "catalyst_exporter/test")
	t.Cleanup(deps.Kept.Close)
	return probe.NewPass(deps, d)
}

// Again begins another pass over the same deployment, with what is kept between passes.
func Again(p *probe.Pass) *probe.Pass { return probe.NewPass(p.Deps, p.Deployment) }

// Load decodes a kind's spec from YAML, as a checklist would.
func Load(t *testing.T, k probe.Kind, spec string) probe.Probe {
	t.Helper()
	made, problems := Decode(k, spec)
	if len(problems) > 0 {
		t.Fatalf("%s %s: %v", k.Name, spec, problems)
	}
	pr, ok := made.(probe.Probe)
	if !ok {
		t.Fatalf("%s is no Probe", k.Name)
	}
	return pr
}

func Decode(k probe.Kind, spec string) (any, schema.Problems) {
	made := k.New()
	node, err := schema.Parse("spec", []byte(spec))
	if err != nil {
		return nil, schema.Problems{{Message: err.Error()}}
	}
	return made, schema.Decode("spec", node, made)
}

// Look runs a probe of a kind over a pass.
func Look(t *testing.T, p *probe.Pass, kind probe.Kind, spec string) probe.Result {
	t.Helper()
	return probe.Run(t.Context(), Load(t, kind, spec), p)
}

// Expect checks state, reason and, when given, a part of the detail.
func Expect(t *testing.T, got probe.Result, state probe.State, reason probe.Reason, detail string) {
	t.Helper()
	if got.State != state || got.Reason != reason || !strings.Contains(got.Detail, detail) {
		t.Errorf("got %v (%s) %q; want %v (%s) with %q", got.State, got.Reason, got.Detail, state, reason, detail)
	}
}

// Measured returns the number of a sample, and whether there is one with these labels.
func Measured(r probe.Result, v *probe.Value, labels ...string) (float64, bool) {
	for _, s := range r.Samples {
		if s.Value == v && strings.Join(s.Labels, ",") == strings.Join(labels, ",") {
			return s.Number, true
		}
	}
	return 0, false
}

// Unprivileged calls f on a thread that may read only what file modes allow its user, as root may not for once.
func Unprivileged(t *testing.T, f func()) {
	t.Helper()
	WithoutCapability(t, unix.CAP_DAC_OVERRIDE, func() { WithoutCapability(t, unix.CAP_DAC_READ_SEARCH, f) })
}

// WithoutCapability calls f on a thread that has all capabilities but one of the first 32.
func WithoutCapability(t *testing.T, capability int, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var before [2]unix.CapUserData
	if err := unix.Capget(&header, &before[0]); err != nil {
		t.Fatal(err)
	}
	without := before
	without[0].Effective &^= 1 << capability
	if err := unix.Capset(&header, &without[0]); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Capset(&header, &before[0]); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

// SixtyFour is an image's digest.
const SixtyFour = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// HasNot checks that a detail tells nothing it must not.
func HasNot(t *testing.T, got probe.Result, secret string) {
	t.Helper()
	if strings.Contains(got.Detail, secret) || strings.Contains(got.Remedy, secret) {
		t.Errorf("%q tells %q", got.Detail+got.Remedy, secret)
	}
}

func (f Folder) With(name, text string) Folder {
	f[name] = text
	return f
}

func (f Folder) Lacks(name string) Folder {
	delete(f, name)
	return f
}
