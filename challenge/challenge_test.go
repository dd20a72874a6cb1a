package challenge

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// wordProbe passes while a file contains a word. It is the probe of a kind whose breakages a test chooses.
type wordProbe struct {
	file, word string
	state      probe.State // of a file without the word
	offends    bool
}

func (w *wordProbe) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	data, err := os.ReadFile(p.Deployment.Abs(w.file))
	if _, statErr := p.Files.Stat(p.Deployment.Abs(w.file)); statErr != nil || err != nil {
		return probe.Result{}, probe.Unknownf(probe.ReasonError, "cannot be read")
	}
	if strings.Contains(string(data), w.word) {
		return probe.Passed("there"), nil
	}
	r := probe.Result{State: w.state, Reason: probe.ReasonMissing}
	if w.offends {
		r = r.About(probe.Offender{ID: "one"})
		if strings.Contains(string(data), "two") {
			r = r.About(probe.Offender{ID: "one"}, probe.Offender{ID: "two"})
		}
	}
	return r, nil
}

func itemOf(w *wordProbe, breakages ...probe.Breakage) *checklist.Item {
	kind := probe.Kind{Name: "word", Layer: probe.LayerDeclared, Breakages: func(any, *deployment.View) []probe.Breakage { return breakages }}
	return &checklist.Item{Category: "c", Name: "i", Required: true, Probes: []*checklist.Probe{{Name: "word", Kind: kind, Look: w, Timeout: probe.DefaultTimeout}}}
}

// options challenges items on a folder with the files.
func options(t *testing.T, files map[string]string, items ...*checklist.Item) Options {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return optionsAt(t, root, items...)
}

func optionsAt(t *testing.T, root string, items ...*checklist.Item) Options {
	t.Helper()
	d, err := deployment.Discover(deployment.Settings{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	deps := probe.NewDeps(slog.New(slog.NewTextHandler(io.Discard, nil)), "test")
	t.Cleanup(deps.Kept.Close)
	return Options{Items: items, Deployment: d, Deps: deps, Scratch: shm(t)}
}

// shm returns a new folder on tmpfs.
func shm(t *testing.T) string {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		parts.Missing(t, "/dev/shm is not a tmpfs")
	}
	dir, err := os.MkdirTemp("/dev/shm", "challenge-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func isEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the scratch folder contains %v, %v", left, err)
	}
}

func TestRun_Results(t *testing.T) {
	drop := probe.Breakage{Name: "word dropped", File: "a.txt", Edit: edit.Replace("word", "")}
	for name, test := range map[string]struct {
		probe *wordProbe
		file  string
		edit  probe.Breakage
		want  string // the result, or why the item is not challenged
	}{
		"fail":              {&wordProbe{file: "a.txt", word: "word", state: probe.StateFail}, "word", drop, Noticed},
		"warn from pass":    {&wordProbe{file: "a.txt", word: "word", state: probe.StateWarn}, "word", drop, Noticed},
		"passes on":         {&wordProbe{file: "a.txt", word: "", state: probe.StateFail}, "word", drop, Unnoticed},
		"becomes unknown":   {&wordProbe{file: "a.txt", word: "word"}, "word", probe.Breakage{Name: "deleted", File: "a.txt", Edit: edit.Delete}, Blinded},
		"warns as before":   {&wordProbe{file: "a.txt", word: "none", state: probe.StateWarn, offends: true}, "word", drop, Unnoticed},
		"one offender more": {&wordProbe{file: "a.txt", word: "none", state: probe.StateWarn, offends: true}, "word", probe.Breakage{Name: "x", File: "a.txt", Edit: edit.Append("two\n")}, Noticed},
		"already failing":   {&wordProbe{file: "a.txt", word: "none", state: probe.StateFail}, "word", drop, "it fails already"},
		"no change":         {&wordProbe{file: "a.txt", word: "word", state: probe.StateFail}, "word", probe.Breakage{Name: "x", File: "a.txt", Edit: edit.Replace("none", "")}, Unnoticed},
		"mode":              {&wordProbe{file: "a.txt", word: "word", state: probe.StateFail}, "word", probe.Breakage{Name: "x", File: "a.txt", Mode: 0o644}, Unnoticed},
		"same mode":         {&wordProbe{file: "a.txt", word: "word", state: probe.StateFail}, "word", probe.Breakage{Name: "x", File: "a.txt", Mode: 0o640}, Unnoticed},
		"elsewhere":         {&wordProbe{file: "a.txt", word: "word", state: probe.StateFail}, "word", probe.Breakage{Name: "x", File: "/etc/hostname", Edit: edit.Delete}, "outside the root"},
		"created":           {&wordProbe{file: "a.txt", word: "word", state: probe.StateFail}, "word", probe.Breakage{Name: "x", File: "b.txt", Edit: edit.Content("x")}, Unnoticed},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, map[string]string{"a.txt": test.file}, itemOf(test.probe, test.edit))
			before, err := os.ReadFile(filepath.Join(o.Deployment.Root, "a.txt"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			got := r.Items[0].NotChallenged
			if got == "" {
				got = r.Items[0].Breakages[0].Result
			}
			if got != test.want {
				t.Errorf("%s, want %s: %+v", got, test.want, r.Items[0])
			}
			if after, err := os.ReadFile(filepath.Join(o.Deployment.Root, "a.txt")); err != nil || string(after) != string(before) {
				t.Error("the deployment was changed")
			}
			if entries, _ := os.ReadDir(o.Deployment.Root); len(entries) != 1 {
				t.Errorf("the deployment has %v", entries)
			}
			isEmpty(t, o.Scratch)
		})
	}
}

// One breakage is made at a time: the next one starts from the unbroken file, with its mode and time.
func TestRun_Restores(t *testing.T) {
	var modes []string
	w := &wordProbe{file: "a.txt", word: "word", state: probe.StateFail}
	check := func(content []byte) []byte {
		modes = append(modes, string(content))
		return edit.Replace("word", "")(content)
	}
	o := options(t, map[string]string{"a.txt": "word"}, itemOf(w,
		probe.Breakage{Name: "deleted", File: "a.txt", Edit: edit.Delete}, probe.Breakage{Name: "1", File: "a.txt", Edit: check}, probe.Breakage{Name: "2", File: "a.txt", Edit: check}))
	if err := os.Chmod(filepath.Join(o.Deployment.Root, "a.txt"), 0o400); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), o)
	if err != nil || r.Count(Noticed) != 2 || r.Count(Blinded) != 1 || strings.Join(modes, " ") != "word word" {
		t.Errorf("%v, %+v, %q", err, r, modes)
	}
}

// Links, .git, backups and large files are not copied. What only a link leads to cannot be challenged.
func TestRun_CopiesLittle(t *testing.T) {
	for name, prepare := range map[string]func(root string) error{
		"a link to a file of the system": func(root string) error {
			return os.Symlink("/etc/hostname", filepath.Join(root, "a.txt"))
		},
		"a link to a folder": func(root string) error {
			if err := os.Mkdir(filepath.Join(root, "real"), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(root, "real/b.txt"), []byte("word"), 0o600); err != nil {
				return err
			}
			return os.Symlink("real/b.txt", filepath.Join(root, "a.txt"))
		},
		"a folder that is a link": func(root string) error {
			if err := os.Mkdir(filepath.Join(root, "real"), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(root, "real/b.txt"), []byte("word"), 0o600); err != nil {
				return err
			}
			return os.Symlink("real", filepath.Join(root, "linked"))
		},
		"a large file": func(root string) error {
			return os.WriteFile(filepath.Join(root, "a.txt"), make([]byte, maxCopied+1), 0o600)
		},
		"a pipe": func(root string) error { return syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if err := prepare(root); err != nil {
				t.Fatal(err)
			}
			d, err := deployment.Discover(deployment.Settings{Root: root})
			if err != nil {
				t.Fatal(err)
			}
			top := shm(t)
			paths := []string{filepath.Join(root, "a.txt"), filepath.Join(root, "linked/b.txt"), filepath.Join(root, "pipe"), filepath.Join(root, ".git/HEAD"), "/proc/self/status"}
			c, err := copyFiles(t.Context(), top, d, paths)
			if err != nil || len(c.files) > 0 {
				t.Errorf("copied %v, %v", c.files, err)
			}
		})
	}
}

// A root that is reached through a link is copied, and a folder that two runs use serves both.
func TestRun_LinkedRootTwice(t *testing.T) {
	drop := probe.Breakage{Name: "word dropped", File: "a.txt", Edit: edit.Replace("word", "")}
	item := itemOf(&wordProbe{file: "a.txt", word: "word", state: probe.StateFail}, drop)
	o := options(t, map[string]string{"a.txt": "word"}, item)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(o.Deployment.Root, link); err != nil {
		t.Fatal(err)
	}
	linked := optionsAt(t, link, item)
	linked.Scratch = o.Scratch
	errs := make(chan error)
	for _, o := range []Options{o, linked, o, linked} {
		go func() {
			r, err := Run(context.Background(), o)
			if err == nil && r.Count(Noticed) != 1 {
				err = fmt.Errorf("%+v", r.Items[0])
			}
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	isEmpty(t, o.Scratch)
}

// An interrupt and a panic leave nothing behind, and what a killed run left is removed by the next one.
func TestRun_LeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stop := func(content []byte) []byte { cancel(); return append(content, 'x') }
	w := &wordProbe{file: "a.txt", word: "word", state: probe.StateFail}
	o := options(t, map[string]string{"a.txt": "word"}, itemOf(w, probe.Breakage{Name: "stop", File: "a.txt", Edit: stop}))
	if _, err := Run(ctx, o); err == nil {
		t.Error("an interrupted challenge has no error")
	}
	isEmpty(t, o.Scratch)

	o.Items = []*checklist.Item{itemOf(w, probe.Breakage{Name: "panic", File: "a.txt", Edit: func([]byte) []byte { panic("edit") }})}
	func() {
		defer func() { _ = recover() }()
		_, _ = Run(t.Context(), o)
	}()
	isEmpty(t, o.Scratch)

	left := filepath.Join(o.Scratch, scratchPrefix+"killed")
	if err := os.MkdirAll(filepath.Join(left, "srv"), 0o700); err != nil {
		t.Fatal(err)
	}
	held, err := os.MkdirTemp(o.Scratch, scratchPrefix)
	if err != nil {
		t.Fatal(err)
	}
	lock := locked(held)
	if lock == nil {
		t.Fatal("a new folder cannot be locked")
	}
	o.Items = nil
	if _, err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(left); err == nil {
		t.Error("what a killed run left is still there")
	}
	if _, err := os.Lstat(held); err != nil {
		t.Error("the folder of a running challenge was removed")
	}
	_ = lock.Close()
}

// Settings inside the root move with it, others stay.
func TestRelocated(t *testing.T) {
	s := relocated(deployment.Settings{Root: "/srv/app", EnvFile: "/srv/app/prod.env", SSL: "ssl", ComposeFiles: []string{"/srv/app/a.yml", "/srv/other/b.yml"}}, "/copy")
	if s.Root != "/copy" || s.EnvFile != "/copy/prod.env" || s.SSL != "ssl" || strings.Join(s.ComposeFiles, " ") != "/copy/a.yml /srv/other/b.yml" {
		t.Errorf("%+v", s)
	}
}

// A claim and a mode are broken too. A missing claim does not keep an item from being challenged.
func TestRun_ClaimsAndModes(t *testing.T) {
	list, err := checklist.Load(&checklist.Source{File: "c.yml", Data: []byte(`
checklist: x
categories:
  - category: c
    title: C
    items:
      - {item: trained, title: T, severity: info, fix: Train., probes: [{attestation: {}}]}
      - {item: closed, title: C, severity: info, fix: Close., probes: [{file_content: {path: app.key, mode: '0640'}}, {attestation: {}}]}
      - {item: gone, title: G, severity: info, fix: Delete., probes: [{file_content: {path: '**/*.bak', absent: true}}]}
`)}, checklist.Changes{})
	if err != nil {
		t.Fatal(err)
	}
	claim := "item: c/trained\nby: a@example.com\nat: " + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + "\nvalid_for: 90d\n"
	o := options(t, map[string]string{".catalyst/attestations/a.yaml": claim, "app.key": "x\n"}, list.Items()...)
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i, least := range []int{2, 2, 1} { // of an empty claim nothing is known
		it := r.Items[i]
		if it.NotChallenged != "" || it.Count(Noticed) < least || it.Count(Unnoticed) > 0 {
			t.Errorf("%s: %q %+v", it.Name, it.NotChallenged, it.Breakages)
		}
	}
	if !strings.Contains(fmt.Sprint(r.Items[1].Breakages), "open to all users") || !strings.Contains(fmt.Sprint(r.Items[0].Breakages), "about another item") {
		t.Errorf("%+v", r.Items)
	}
}
