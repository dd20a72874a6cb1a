package probe

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
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

func TestMain(m *testing.M) { parts.Main(m) }

// folder is a deployment's files by name; a nil folder is empty.
type folder map[string]string

// write writes the files into a new directory and returns it.
func (f folder) write(t *testing.T) string {
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

// newPass begins a pass over a deployment. An empty root in the settings becomes a new folder with the files.
func newPass(t *testing.T, f folder, settings deployment.Settings) *Pass {
	t.Helper()
	if settings.Root == "" {
		settings.Root = f.write(t)
	}
	d, err := deployment.Discover(settings)
	if err != nil {
		t.Fatal(err)
	}
	deps := NewDeps(slog.New(slog.NewTextHandler(io.Discard, nil)), "catalyst_exporter/test")
	t.Cleanup(deps.Kept.Close)
	return NewPass(deps, d)
}

// again begins another pass over the same deployment, with what is kept between passes.
func again(p *Pass) *Pass { return NewPass(p.Deps, p.Deployment) }

// Find returns the kind of that name.
func Find(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// load decodes a kind's spec from YAML, as a checklist would.
func load(t *testing.T, k Kind, spec string) Probe {
	t.Helper()
	made, problems := decode(k, spec)
	if len(problems) > 0 {
		t.Fatalf("%s %s: %v", k.Name, spec, problems)
	}
	pr, ok := made.(Probe)
	if !ok {
		t.Fatalf("%s is no Probe", k.Name)
	}
	return pr
}

func decode(k Kind, spec string) (any, schema.Problems) {
	made := k.New()
	node, err := schema.Parse("spec", []byte(spec))
	if err != nil {
		return nil, schema.Problems{{Message: err.Error()}}
	}
	return made, schema.Decode("spec", node, made)
}

// look runs a probe of a kind over a pass.
func look(t *testing.T, p *Pass, kind Kind, spec string) Result {
	t.Helper()
	return Look(t.Context(), load(t, kind, spec), p)
}

// expect checks state, reason and, when given, a part of the detail.
func expect(t *testing.T, got Result, state State, reason Reason, detail string) {
	t.Helper()
	if got.State != state || got.Reason != reason || !strings.Contains(got.Detail, detail) {
		t.Errorf("got %v (%s) %q; want %v (%s) with %q", got.State, got.Reason, got.Detail, state, reason, detail)
	}
}

// measured returns the number of a sample, and whether there is one with these labels.
func measured(r Result, v *Value, labels ...string) (float64, bool) {
	for _, s := range r.Samples {
		if s.Value == v && strings.Join(s.Labels, ",") == strings.Join(labels, ",") {
			return s.Number, true
		}
	}
	return 0, false
}

// unprivileged calls f on a thread that may read only what file modes allow its user, as root may not for once.
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	withoutCapability(t, unix.CAP_DAC_OVERRIDE, func() { withoutCapability(t, unix.CAP_DAC_READ_SEARCH, f) })
}

// withoutCapability calls f on a thread that has all capabilities but one of the first 32.
func withoutCapability(t *testing.T, capability int, f func()) {
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

// sixtyFour is an image's digest.
const sixtyFour = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// hasNot checks that a detail tells nothing it must not.
func hasNot(t *testing.T, got Result, secret string) {
	t.Helper()
	if strings.Contains(got.Detail, secret) || strings.Contains(got.Remedy, secret) {
		t.Errorf("%q tells %q", got.Detail+got.Remedy, secret)
	}
}
