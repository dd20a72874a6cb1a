package inuse

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// wrapped breaks a text into lines of a width.
func wrapped(text string, width int, end string) string {
	var b strings.Builder
	for ; len(text) > width; text = text[width:] {
		b.WriteString(text[:width] + end)
	}
	return b.String() + text
}

// TestSearch_Wrapped finds a value at every position in wrapped base64, once, in the line in which it begins.
func TestSearch_Wrapped(t *testing.T) {
	value := "q7Rk2Xv9" + "Tz4Lm8Wp" + "3Bn6Hs1D"
	search := New([]byte("key"), []string{value})
	for before := range 140 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + value + strings.Repeat("y", 60)))
		for _, width := range []int{64, 76} {
			for name, text := range map[string]string{
				"plain":    "first\n" + wrapped(encoded, width, "\n") + "\nlast\n",
				"indented": "data: |\n" + "    " + wrapped(encoded, width, "\r\n    "),
				"quoted":   "one\nx: \"" + wrapped(encoded, width, "\n  ") + "\"\n",
			} {
				first := (before*8 + 5) / 6 / width // the line of the first character that the value decides
				var lines []int
				search.Lines(text, func(line int) { lines = append(lines, line) })
				if name == "quoted" && strings.Count(text, "\n") < 3 {
					continue
				}
				if !slices.Equal(lines, []int{1 + first}) {
					t.Fatalf("%s, %d before, width %d: lines %v, want %d\n%s", name, before, width, lines, 1+first, text)
				}
			}
		}
	}
	for _, sound := range []string{wrapped(strings.Repeat("QUJD", 60), 76, "\n"), strings.Repeat("word\n", 100), "", "\n"} {
		search.Lines(sound, func(int) { t.Errorf("found in %q", sound) })
	}
}

func TestSearch_Mask(t *testing.T) {
	value := "q7Rk2Xv9" + "Tz4Lm8Wp/x"
	search := New([]byte("key"), []string{value, value[:13]})
	for text, want := range map[string]string{
		"":                       "",
		"a/b":                    "a/b",
		"a/" + value + "/" + "b": "a/" + Masked + "/b",
		value + value:            Masked + Masked,
		"x" + strings.ReplaceAll(value, "/", "%2F"):      "x" + Masked,
		base64.StdEncoding.EncodeToString([]byte(value)): "",
		fmt.Sprintf("%s.%s", value[:13], "txt"):          Masked + ".txt",
	} {
		got := search.Mask(text)
		if want != "" && got != want || strings.Contains(got, value[:13]) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := (*Search)(nil).Mask("a"); got != "a" {
		t.Error(got)
	}
}
