package deployment

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// TestPlaces_FollowDirectoryChanges: a cached choice is reused only while the directories are unchanged.
func TestPlaces_FollowDirectoryChanges(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string) {
		t.Helper()
		do(os.MkdirAll(filepath.Dir(at(name)), 0o755))
		do(os.WriteFile(at(name), []byte("A=1\n"), 0o600))
	}
	write("CHANGES.md")
	write("elsewhere/README")
	write("docs/notes.txt")
	do(os.Mkdir(at(".git"), 0o755))
	d, err := Discover(Settings{Root: root})
	do(err)
	cache := &files.Cache{}
	path := func(fact string) string { return d.View(cache).Place(fact).Path() }
	settle := func() { // waits until listings are cached
		t.Helper()
		time.Sleep(source.Settled + 50*time.Millisecond)
		for range 3 {
			path(find.FactChangelog)
		}
	}
	settle()
	if again := d.View(cache).places(); len(again) == 0 || reflect.ValueOf(again).Pointer() != reflect.ValueOf(d.View(cache).places()).Pointer() {
		t.Fatal("no choice is cached")
	}
	for _, step := range []struct {
		what, fact string
		change     func()
		want       string
	}{
		{"nothing", find.FactChangelog, func() {}, "CHANGES.md"},
		{"folder becomes a repository", find.FactRepository, func() { write(".git/HEAD") }, "."},
		{"preferred name appears", find.FactChangelog, func() { write("CHANGELOG.md") }, "CHANGELOG.md"},
		{"file removed", find.FactChangelog, func() { do(os.Remove(at("CHANGELOG.md"))) }, "CHANGES.md"},
		{"new folder", find.FactEnvFile, func() { write("deploy/.env.production") }, "deploy/.env.production"},
		{"folder below docs", find.FactRunbook, func() { write("docs/night/RUNBOOK.md") }, "docs/night/RUNBOOK.md"},
		{"folder in a new folder", find.FactMigrations, func() { do(os.MkdirAll(at("internal/db/migrations"), 0o755)) },
			"internal/db/migrations"},
		{"link to a folder", find.FactSSL, func() { do(os.Symlink("elsewhere", at("ssl"))) }, "ssl"},
		{"link target becomes a file", find.FactSSL, func() {
			settle() // the folder that contains the link stays unchanged
			do(os.RemoveAll(at("elsewhere")))
			write("elsewhere")
		}, ""},
	} {
		step.change()
		want := ""
		if step.want != "" {
			want = at(step.want)
		}
		for range 2 {
			if got := path(step.fact); got != want {
				t.Errorf("%s: %s is at %q, want %q", step.what, step.fact, got, want)
			}
		}
	}
}

// TestServiceEnvFiles_FollowChanges: a changed env file of a service takes effect while the compose file stays the
// same.
func TestServiceEnvFiles_FollowChanges(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("compose.yaml", "services: {app: {image: app:1, env_file: [one.env, {path: two.env, required: false}]}}\n")
	write("one.env", "KEY=one\n")
	write("two.env", "OTHER=1\n")
	d, err := Discover(Settings{Root: root, Service: "app"})
	if err != nil {
		t.Fatal(err)
	}
	cache := &files.Cache{}
	time.Sleep(source.Settled + 50*time.Millisecond)
	for _, step := range []struct{ file, text, want string }{
		{"one.env", "", "one"}, {"one.env", "", "one"},
		{"one.env", "KEY=two\n", "two"}, {"two.env", "KEY=${KEY}-more\n", "two-more"}, {"one.env", "KEY=six\n", "six-more"}, {"two.env", "NO=1\n", "six"},
	} {
		if step.text != "" {
			write(step.file, step.text)
		}
		v, err := d.View(cache).Own("KEY")
		if err != nil || v.Text.Reveal() != step.want {
			t.Errorf("after %q in %s: %q, %v; want %q", step.text, step.file, v.Text.Reveal(), err, step.want)
		}
	}
	if err := os.Remove(filepath.Join(root, "one.env")); err != nil {
		t.Fatal(err)
	}
	if v, err := d.View(cache).Own("ELSE"); err != nil || v.Blocked == "" {
		t.Error("a removed required env file is not reported")
	}
}
