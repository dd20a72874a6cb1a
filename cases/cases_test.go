package cases

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

var (
	dir    = flag.String("dir", "", "run the cases in this folder instead of those of the repository")
	update = flag.Bool("update", false, "rewrite docs/catches.md")
)

func gitProgram(t testing.TB) string { return parts.Need(t, "git") }

// load reads all cases below a folder, sorted by path. Invalid ones fail the test.
func load(t testing.TB, root string) []*testCase {
	t.Helper()
	var all []*testCase
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "testdata" {
			return filepath.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".txtar") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		c, err := readCase(filepath.ToSlash(name), content)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		all = append(all, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s: no cases", root)
	}
	return all
}

// TestCases runs every case. A case that fails is a verdict that is not true.
func TestCases(t *testing.T) {
	root := "."
	if *dir != "" {
		root = *dir
	}
	probetest.ForgetAWS(t)
	for _, c := range load(t, root) {
		t.Run(strings.TrimSuffix(c.path, ".txtar"), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
			defer cancel()
			folder := t.TempDir()
			got, err := c.judge(ctx, t, folder, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if !c.right(got) {
				t.Errorf("%s is %s, want %s (%s)\n%s", c.item, got, c.expected(), c.why, strings.ReplaceAll(got.Detail, folder, "."))
			}
		})
	}
}

// TestCases_Place checks that a case lies in the folder of its item.
func TestCases_Place(t *testing.T) {
	for _, c := range load(t, ".") {
		if place := filepath.ToSlash(filepath.Dir(c.path)); place != c.item {
			t.Errorf("%s: move it to the folder of its item, %s", c.path, c.item)
		}
	}
}

func TestReadCase_Invalid(t *testing.T) {
	for text, want := range map[string]string{
		"item: a/b\nwant: pass\n-- x --\n":                                 "why: is missing",
		"item: a/b\nwhy: w\n-- x --\n":                                     "want: and not: are missing",
		"item: b\nwant: pass\nwhy: w\n-- x --\n":                           `invalid item: "b"`,
		"item: a/b\nwant: pass\nwhy: w\n":                                  "no files",
		"item: a/b\nwant: pass\nwhy: w\nwnat: y\n-- x --\n":                `unknown head line "wnat: y"`,
		"item: a/b\nwant: pass\nwhy: w\ngit: x\n-- x --\n":                 `invalid git: "x"`,
		"item: a/b\nwant: pass\nwhy: w\nstart: oracle\n-- x --\n":          `unknown part "oracle"`,
		"item: a/b\nwant: pass\nwhy: w\nstart: redis color=red\n-- x --\n": `redis has no option "color"`,
	} {
		if _, err := readCase("x.txtar", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestRight(t *testing.T) {
	c, err := readCase("x.txtar", []byte("item: a/b\nwant: fail weak | warn\nnot: warn open\nwhy: w\n-- x --\n"))
	if err != nil {
		t.Fatal(err)
	}
	for v, want := range map[verdict]bool{
		{State: "fail", Reason: "weak"}: true, {State: "fail", Reason: "open"}: false, {State: "warn", Reason: "weak"}: true,
		{State: "warn", Reason: "open"}: false, {State: "pass"}: false,
	} {
		if got := c.right(v); got != want {
			t.Errorf("%s: right is %v, want %v", v, got, want)
		}
	}
}

// catchesFile lists what the cases show.
const catchesFile = "../docs/catches.md"

// TestCatches compares docs/catches.md with the cases.
func TestCatches(t *testing.T) {
	want := catches(load(t, "."))
	if *update {
		if err := os.WriteFile(catchesFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(catchesFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/catches.md is out of date: run go test ./cases -run Catches -update")
	}
}

// groups are the headings of an item's cases in docs/catches.md, in their order.
var groups = []string{"Reported", "Not judged", "Sound"}

// group returns the heading of a case: what may pass is sound, and what is neither warned of nor failed is not judged.
func (c *testCase) group() string {
	state := func(name string) bool {
		return slices.ContainsFunc(c.want, func(v verdict) bool { return v.State == name })
	}
	switch {
	case state("pass"):
		return "Sound"
	case state("fail"), state("warn"), len(c.want) == 0:
		return "Reported"
	}
	return "Not judged"
}

func catches(all []*testCase) []byte {
	var p bytes.Buffer
	byItem := map[string][]*testCase{}
	count := map[string]int{}
	for _, c := range all {
		byItem[c.item] = append(byItem[c.item], c)
		count[c.group()]++
	}
	fmt.Fprint(&p, "# What the checks catch\n\n<!-- Generated by `go test ./cases -run Catches -update`; edit the cases instead. -->\n\n")
	fmt.Fprintf(&p, "Each line is a small deployment in [cases/](../cases/) with the verdict that it must get: %d that are\nreported, %d that"+
		" cannot be judged, and %d sound ones. A fault that is not listed may still be caught; the list\nholds what a test proves.\n",
		count["Reported"], count["Not judged"], count["Sound"])
	items := make([]string, 0, len(byItem))
	for item := range byItem {
		items = append(items, item)
	}
	slices.Sort(items)
	for _, item := range items {
		fmt.Fprintf(&p, "\n## %s\n", item)
		for _, group := range groups {
			title := "\n" + group + ":\n\n"
			for _, c := range byItem[item] {
				if c.group() != group {
					continue
				}
				fmt.Fprintf(&p, "%s- %s: [%s](../cases/%s)", title, c.expected(), markdown(c.why), c.path)
				title = ""
				fmt.Fprintln(&p)
			}
		}
	}
	return p.Bytes()
}

// markdown escapes what would be markup.
func markdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "<", `\<`, "*", `\*`, "_", `\_`, "`", "\\`").Replace(text)
}
