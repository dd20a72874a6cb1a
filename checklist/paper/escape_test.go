package paper

import (
	"strings"
	"testing"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain, words: 5 % of (all)": "plain, words: 5 % of (all)",
		"<script>x</script>":         "&lt;script&gt;x&lt;/script&gt;",
		"a | b":                      `a \| b`,
		"a\r\nb\tc":                  "a  b c",
		"API_KEY a_":                 `API_KEY a\_`,
		"**b** _i_ `c` [l](u) ~~s~~": "\\*\\*b\\*\\* \\_i\\_ \\`c\\` \\[l\\](u) \\~\\~s\\~\\~",
		`a\|b`:                       `a\\\|b`,
		"&lt;":                       "&amp;lt;",
		"@team #12 a@b.c":            "@\u200bteam \\#\u200b12 a@b.c",
		"https://x www.x.y":          "https:\u200b//x www\u200b.x.y",
		"![i](u)":                    `\!\[i\](u)`,
		"a\x1b[2Jb\u202ec":           "a\uFFFD\\[2Jb\uFFFDc",
		"--> <!-- x":                 "--&gt; &lt;\\!-- x",
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzEscape: nothing in a text can open HTML, end a line or a comment, or part cells.
func FuzzEscape(f *testing.F) {
	f.Add("<b>|`\n")
	f.Add("\\|")
	f.Add("\xff-->")
	f.Fuzz(func(t *testing.T, in string) {
		out := Escape(in)
		if strings.ContainsAny(out, "<>\n\r") {
			t.Fatalf("%q → %q", in, out)
		}
		for i := range len(out) {
			if out[i] != '|' && out[i] != '`' {
				continue
			}
			slashes := 0
			for j := i - 1; j >= 0 && out[j] == '\\'; j-- {
				slashes++
			}
			if slashes%2 == 0 {
				t.Fatalf("%q → %q: byte %d is not escaped", in, out, i)
			}
		}
	})
}
