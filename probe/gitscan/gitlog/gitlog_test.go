package gitlog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func readAdditions(text string) (string, error) {
	var all strings.Builder
	a := Reader{Each: func(a Addition) error {
		fmt.Fprintf(&all, "%s %s:%d %q\n", a.Commit, a.File, a.Line, a.Text)
		return nil
	}, Binary: func(b BinaryChange) { fmt.Fprintf(&all, "%s %s %s\n", b.Commit, b.File, b.Blob) }}
	err := a.Read(strings.NewReader(text))
	return all.String(), err
}

func TestAdditions(t *testing.T) {
	head := "\x00c1\n\ndiff --git a/f b/f\nindex 1..2 100644\n--- a/f\n+++ b/f\n"
	for _, tt := range []struct {
		name, text, want string
		fails            bool
	}{
		{"empty", "", "", false},
		{"one line", head + "@@ -0,0 +1 @@\n+a\n", "c1 f:1 \"a\\n\"\n", false},
		{"replacement", head + "@@ -3,2 +4,2 @@ func\n-x\n-y\n+a\n+b\n", "c1 f:4 \"a\\nb\\n\"\n", false},
		{"removal", head + "@@ -3,2 +2,0 @@\n-x\n-y\n", "", false},
		{"no newline at the end", head + "@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+a\n\\ No newline at end of file\n", "c1 f:1 \"a\"\n", false},
		{"two hunks", head + "@@ -0,0 +1 @@\n+a\n@@ -5,0 +7 @@\n+b\n", "c1 f:1 \"a\\n\"\nc1 f:7 \"b\\n\"\n", false},
		{"content like headers", head + "@@ -0,0 +1,4 @@\n+\x00c2\n+++ b/g\n+diff --git a/g b/g\n+@@ -1 +1 @@\n", "c1 f 2\nc1 f:1 \"\\x00c2\\n++ b/g\\ndiff --git a/g b/g\\n@@ -1 +1 @@\\n\"\n", false},
		{"two commits", head + "@@ -0,0 +1 @@\n+a\n" + strings.ReplaceAll(head, "c1", "c2") + "@@ -0,0 +1 @@\n+b\n", "c1 f:1 \"a\\n\"\nc2 f:1 \"b\\n\"\n", false},
		{"quoted name", "\x00c\n+++ \"b/a\\\"\\303\\244\\t\"\n@@ -0,0 +1 @@\n+a\n", "c a\"ä\t:1 \"a\\n\"\n", false},
		{"name with a space", "\x00c\n+++ b/a b\t\n@@ -0,0 +1 @@\n+a\n", "c a b:1 \"a\\n\"\n", false},
		{"merge", "\x00c\ndiff --cc f\n--- a/f\n+++ b/f\n@@@ -1,3 -1,0 +1,4 @@@\n +one\n++two\n- gone\n +three\n++four\n", "c f:2 \"two\\n\"\nc f:4 \"four\\n\"\n", false},
		{"merge with wrong line counts",
			"\x00c\ndiff --cc f\n--- a/f\n+++ b/f\n@@@ -1,2 -1,2 +1,4 @@@\n+ one\n++two\n- gone\n +three\n++four\n", "", true},
		{"binary", "\x00c\ndiff --git a/i j b/i j\nindex 00..b1 100644\nBinary files /dev/null and b/i j differ\n", "c i j b1\n", false},
		{"binary, renamed", "\x00c\ndiff --git a/i b/long\nrename from i\nrename to \"l\\303\\244\"\nindex 00..b1 100644\nBinary files a/i and b/long differ\n", "c lä b1\n", false},
		{"binary, quoted", "\x00c\ndiff --git \"a/\\303\\244\" \"b/\\303\\244\"\nindex 00..b1\nBinary files differ\n", "c ä b1\n", false},
		{"binary, merged", "\x00c\ndiff --cc i j\nindex 00,01..b1\nBinary files differ\n", "c i j b1\n", false},
		{"binary without a name", "\x00c\nBinary files differ\n", "", true},
		{"truncated in a hunk", head + "@@ -0,0 +1,2 @@\n+a\n", "", true},
		{"no marker", head + "@@ -0,0 +1,2 @@\n*a\n+b\n", "", true},
		{"no range", head + "@@ +1 @@\n", "", true},
		{"invalid range", head + "@@ -a +1 @@\n", "", true},
		{"no file", "\x00c\n@@ -0,0 +1 @@\n+a\n", "", true},
		{"no commit", "+++ b/f\n@@ -0,0 +1 @@\n+a\n", "", true},
		{"another prefix", "\x00c\n+++ f\n@@ -0,0 +1 @@\n+a\n", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readAdditions(tt.text)
			if tt.fails != errors.Is(err, ErrFormat) || !tt.fails && (err != nil || got != tt.want) {
				t.Errorf("got %q, %v; want %q, error %v", got, err, tt.want, tt.fails)
			}
		})
	}
}

// TestAdditions_Bounded: long text is split with Overlap, and line numbers stay right.
func TestAdditions_Bounded(t *testing.T) {
	const lines = 200_000
	line := strings.Repeat("x", 99) + "\n"
	text := fmt.Sprintf("\x00c\n+++ b/f\n@@ -0,0 +1,%d @@\n", lines) + strings.Repeat("+"+line, lines)
	parts, total := 0, 0
	a := Reader{Each: func(a Addition) error {
		if len(a.Text) > MaxAddition+Overlap {
			t.Errorf("part of %d bytes", len(a.Text))
		}
		// A part may begin within the line of its number.
		if begins := total - parts*Overlap; a.Line != begins/len(line)+1 {
			t.Errorf("part %d begins on line %d, want %d", parts, a.Line, begins/len(line)+1)
		}
		parts++
		total += len(a.Text)
		return nil
	}}
	if err := a.Read(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if want := lines * len(line); parts < 4 || total-(parts-1)*Overlap != want {
		t.Errorf("%d parts hold %d bytes, want %d", parts, total-(parts-1)*Overlap, want)
	}
}

func FuzzAdditions(f *testing.F) {
	f.Add("\x00c\n+++ b/f\n@@ -0,0 +1 @@\n+a\n\\ No newline\n")
	f.Add("\x00c\n+++ b/f\n@@@ -1 -1 +1,2 @@@\n++a\n  b\n")
	f.Fuzz(func(t *testing.T, text string) {
		a := Reader{Each: func(a Addition) error {
			if a.File == "" || a.Commit == "" || !strings.Contains(text, "+") {
				t.Errorf("addition without a source: %+v", a)
			}
			return nil
		}}
		if err := a.Read(strings.NewReader(text)); err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("unexpected error: %v", err)
		}
	})
}
