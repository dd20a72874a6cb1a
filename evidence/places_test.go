package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
)

const (
	otherCommit = "89abcdef0123456789abcdef0123456789abcdef"
	good        = "mode: set\na.go:1.1,2.2 1 1\n"
	junitAt     = `<testsuite timestamp="%s"><testcase name="x"/></testsuite>`
)

// tree writes files, each with its age against now.
type tree struct {
	t   *testing.T
	dir string
}

func newTree(t *testing.T) tree { return tree{t, t.TempDir()} }

func (d tree) path(name string) string { return filepath.Join(d.dir, name) }

func (d tree) write(name, text string, age time.Duration) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(d.path(name)), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Chtimes(d.path(name), now.Add(-age), now.Add(-age)); err != nil {
		d.t.Fatal(err)
	}
}

func (d tree) names(cs []Candidate) []string {
	var names []string
	for _, c := range cs {
		name, err := filepath.Rel(d.dir, c.Name)
		if err != nil {
			d.t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

func TestFind(t *testing.T) {
	d := newTree(t)
	d.write("e/"+commit+"/tests.json", "x", 3*time.Hour)
	d.write("e/"+commit+"/tests.json.meta.yaml", "x", 0)
	d.write("e/"+commit+"/tests.old.json", "x", 0)
	d.write("e/"+commit+"/tests.", "x", 0)
	d.write("e/"+commit+"/unittests.json", "x", 0)
	d.write("e/"+commit[:7]+"/tests.xml", "x", 4*time.Hour)
	d.write("e/"+commit[:6]+"/tests.xml", "x", 0) // too short for a commit
	d.write("e/"+otherCommit+"/tests", "x", 0)
	d.write("e/"+otherCommit+"/tests.d/x", "x", 0)
	d.write("e/main/tests.json", "x", 0)
	d.write("e/tests.json", "x", time.Hour)
	d.write("e/lint.json", "x", 0)
	d.write("e/"+commit[:9], "a file", 0)
	d.write("out/a.json", "x", 2*time.Hour)
	d.write("out/b.json", "x", time.Hour)
	d.write("out/b.json.meta.yaml", "x", 0)
	d.write("out/"+otherCommit[:8]+"/c.json", "x", 0)

	for _, tt := range []struct {
		name   string
		places Places
		commit string
		want   string
	}{
		{"folder", Places{Folders: []string{d.path("e")}}, commit, commit + "/tests.json 0123456/tests.xml " + otherCommit + "/tests tests.json"},
		{"abbreviated", Places{Folders: []string{d.path("e")}}, commit[:10], commit + "/tests.json 0123456/tests.xml " + otherCommit + "/tests tests.json"},
		{"without a commit, by age", Places{Folders: []string{d.path("e")}}, "", otherCommit + "/tests tests.json " + commit + "/tests.json 0123456/tests.xml"},
		{"file", Places{Patterns: []string{d.path("out/a.json")}}, commit, "out/a.json"},
		{"pattern", Places{Patterns: []string{d.path("out/*.json")}}, commit, "out/b.json out/a.json"},
		{"pattern over folders", Places{Patterns: []string{d.path("out/*/*.json")}}, commit, "out/89abcdef/c.json"},
		{"twice the same", Places{Patterns: []string{d.path("out/a.json"), d.path("out/*.json")}, Folders: []string{d.path("none")}}, commit, "out/b.json out/a.json"},
		{"nothing there", Places{Folders: []string{d.path("none")}, Patterns: []string{d.path("none"), d.path("none/*"), d.path("out")}}, commit, ""},
		{"a file of its kind's name", Places{Folders: []string{d.path("e/tests.json"), d.path("e/lint.json")}}, commit, "tests.json"},
		{"a pattern for every kind", Places{Folders: []string{d.path("e/*/*")}}, commit, commit + "/tests.json 0123456/tests.xml 012345/tests.xml " + otherCommit + "/tests main/tests.json"},
		{"both", Places{Folders: []string{d.path("e")}, Patterns: []string{d.path("out/a.json")}}, otherCommit, otherCommit + "/tests tests.json out/a.json " + commit + "/tests.json 0123456/tests.xml"},
	} {
		found, err := Find(tt.places, "tests", tt.commit)
		got := strings.ReplaceAll(strings.Join(d.names(found), " "), "e/", "")
		if err != nil || got != tt.want {
			t.Errorf("%s: %s, %v\nwant %s", tt.name, got, err, tt.want)
		}
		for _, c := range found {
			if want := FolderCommit(c.Name); c.Commit != want || c.Modified.IsZero() || c.Source == nil {
				t.Errorf("%s: %+v, want commit %q", tt.name, c, want)
			}
		}
	}
	if _, err := Find(Places{Folders: []string{d.path("out/a.json")}}, "tests", ""); !errors.Is(err, ErrNamesNoKind) {
		t.Errorf("a file of no kind's name: %v", err)
	}
	if _, err := Find(Places{Patterns: []string{"["}}, "tests", ""); !errors.Is(err, filepath.ErrBadPattern) {
		t.Errorf("bad pattern: %v", err)
	}
	// What cannot be looked into is told beside what the other places hold.
	if os.Geteuid() != 0 {
		if err := os.Chmod(d.path("out"), 0); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Chmod(d.path("out"), 0o700) }()
		found, err := Find(Places{Folders: []string{d.path("out"), d.path("e")}}, "tests", "")
		if !errors.Is(err, fs.ErrPermission) || len(found) == 0 {
			t.Errorf("no permission: %v, %v", err, d.names(found))
		}
	}
}

// TestFind_Fifo: a FIFO in place of a folder has no reports and does not block.
func TestFind_Fifo(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "evidence")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := Find(Places{Folders: []string{fifo}}, "tests", ""); err != nil && !errors.Is(err, ErrNamesNoKind) || len(found) != 0 {
		t.Errorf("Find() = %v, %v", found, err)
	}
}

func TestFind_Limits(t *testing.T) {
	d := newTree(t)
	for i := range maxMatches + 2 {
		d.write(fmt.Sprintf("m/%d.json", i), "", 0)
	}
	if found, err := Find(Places{Patterns: []string{d.path("m/*.json")}}, "tests", ""); err == nil || !strings.Contains(err.Error(), "choose a narrower pattern") || len(found) > maxMatches+1 {
		t.Errorf("%d found, %v", len(found), err)
	}
	if entries, err := list(d.path("m"), 10); err == nil || !strings.Contains(err.Error(), "more than 10 entries: remove evidence of old commits") || len(entries) != 10 {
		t.Errorf("a folder without end: %d entries, %v", len(entries), err)
	}
	if entries, err := list(d.path("m"), maxMatches+2); err != nil || len(entries) != maxMatches+2 {
		t.Errorf("a folder as large as may be: %d entries, %v", len(entries), err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte("commit: " + commit + "\nexit_code: 0\nsize: 5\ntime: 2026-11-20T10:00:00Z\n"))
	f.Add([]byte("sha256: " + strings.Repeat("0", 64)))
	f.Add([]byte("- a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rec, err := ParseRecord("x", bytes.Clone(data))
		if err != nil && rec != (Record{}) {
			t.Errorf("%v beside %+v", err, rec)
		}
		if rec.Commit != "" && !report.IsCommit(rec.Commit) || rec.Size != nil && *rec.Size < 0 {
			t.Errorf("%+v", rec)
		}
	})
}

func TestNameFits(t *testing.T) {
	for name, want := range map[string]bool{"tests": true, "tests.json": true, "tests.xml": true, "tests.": false, "tests.tar.gz": false, "tests.json.meta.yaml": false, "Tests.json": false, "tests2.json": false, ".tests.json.1234": false, "coverage.out": false} {
		if NameFits(name, "tests") != want {
			t.Errorf("NameFits(%q) = %v", name, !want)
		}
	}
	if !slices.Contains(report.Kinds(), report.Vulnerabilities) || !NameFits("vulnerabilities.json", "vulnerabilities") {
		t.Error("vulnerabilities.json is no report of vulnerabilities")
	}
}

func TestPathCommit(t *testing.T) {
	for name, want := range map[string]string{
		"ci/" + commit + "/tests.json":             commit,
		"ci/" + commit[:7] + "/tests.json":         commit[:7],
		"ci/" + commit + "/artifacts/tests.json":   commit,
		"tests-" + commit[:8] + ".json":            commit[:8],
		"tests_" + otherCommit + ".json":           otherCommit,
		"ci/12345678/tests.json":                   "", // a number of a job
		"ci/" + otherCommit[:8] + "/tests.json":    "",
		"ci/" + commit[:6] + "/tests.json":         "",
		"tests.json":                               "",
		otherCommit + "/" + commit[:9] + "/x.json": commit[:9],
	} {
		if got := PathCommit(name, commit); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := PathCommit("ci/"+commit[:9]+"/x", ""); got != "" {
		t.Errorf("nothing is wanted: %q", got)
	}
}
