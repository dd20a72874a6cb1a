package markdown

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

func parsed(t *testing.T, text string) *Document {
	t.Helper()
	m, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return m
}

func TestMarkdownKeepsLinesAndForms(t *testing.T) {
	m := parsed(t, strings.ReplaceAll(`---
title: front matter
---
Before.

# Title

A paragraph with **bold** and [a link](https://wiki/page "title")
over two lines. <!-- TODO: hidden -->

- bullet with 'a command'
- [ ] task
  continued

1. first
2. [anchor](#x)

## Table

| Role | Call |
|------|------|
| One \| two | 'x' |
| Three |

'''SH
restart
'''

![shown](img/a.png)
<img alt="b" src="b.svg">

Setext
------
> quoted

[ref]: https://nowhere
`, "'", "`"))
	type seen struct {
		form blockForm
		line int
		text string
	}
	want := map[string][]seen{
		"":      {{paragraphBlock, 4, "Before."}},
		"Title": {{paragraphBlock, 8, "A paragraph with bold and a link over two lines."}, {ItemBlock, 11, "bullet with a command"}, {ItemBlock, 12, "task continued"}, {StepBlock, 15, "first"}, {paragraphBlock, 16, "anchor"}},
		"Table": {{RowBlock, 20, "Role | Call"}, {RowBlock, 22, "One | two | x"}, {RowBlock, 23, "Three | "}, {CodeBlock, 25, "restart\n"},
			{paragraphBlock, 29, "shown"}},
		"Setext": {{paragraphBlock, 34, "quoted"}},
	}
	titles := map[string]int{"": 1, "Title": 6, "Table": 18, "Setext": 32}
	for _, s := range m.Sections {
		var got []seen
		for _, b := range s.Blocks {
			got = append(got, seen{b.Form, b.Line, b.Text})
		}
		if !slices.Equal(got, want[s.Title]) || s.Line != titles[s.Title] {
			t.Errorf("section %q at %d:\n%v, want\n%v", s.Title, s.Line, got, want[s.Title])
		}
	}
	if len(m.Sections) != 4 {
		t.Errorf("%d sections", len(m.Sections))
	}
	if b := m.Sections[1].Blocks[1]; b.Prose != "bullet with" {
		t.Errorf("prose %q still holds the command", b.Prose)
	}
	if b := m.Sections[2].Blocks[3]; b.Language != "sh" {
		t.Errorf("language %q", b.Language)
	}
	if len(m.Tables) != 1 || m.Tables[0].Line != 20 || !slices.Equal(m.Tables[0].Rows[0].Cells, []string{"One | two", "x"}) || m.Tables[0].Rows[1].Line != 23 {
		t.Errorf("tables: %+v", m.Tables)
	}
	if want := []Image{{29, "img/a.png"}, {30, "b.svg"}}; !slices.Equal(m.Images, want) {
		t.Errorf("images: %+v, want %+v", m.Images, want)
	}
}

func TestMarkdownRefusesWhatIsNoText(t *testing.T) {
	for name, text := range map[string]string{
		"latin1": "caf\xe9", "nul": "a\x00b", "utf16": "\xff\xfe#\x00", "html": "\n<!DOCTYPE html>\n<p>404", "html without doctype": "<HTML lang=en>",
		"nested quotes": strings.Repeat("> ", 33) + "a", "nested lists": "x\n" + strings.Repeat("1. - ", 17) + "a",
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, errNotText) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"bom": "\uFEFF# Title", "crlf": "# Title\r\n", "cr": "# Title\r", "deep but not too": strings.Repeat("> ", 32) + "# Title"} {
		if m := parsed(t, text); m.Sections[len(m.Sections)-1].Title != "Title" {
			t.Errorf("%s: %+v", name, m.Sections)
		}
	}
}

// TestMarkdownTakesNoTime parses what is slow in parsers of Markdown: eight times as much must take about eight times as long, where quadratic work
// takes sixty-four times.
func TestMarkdownTakesNoTime(t *testing.T) {
	for _, piece := range []string{"[", "[a](", "a*b_", "<!-- ", "`", "[a]: b\n", "![a](", "<a ", "| a | b |\n|--|--|\n", "{{", "[your ", "\\"} {
		cost := func(size int) time.Duration {
			before := probetest.ProcessorTime(t)
			if _, err := Parse([]byte(strings.Repeat(piece, size/len(piece)))); err != nil {
				t.Errorf("%q: %v", piece, err)
			}
			return probetest.ProcessorTime(t) - before
		}
		part, whole := max(cost(MaxDocument/64), cost(MaxDocument/64)), cost(MaxDocument/8)
		if whole > 32*max(part, 10*time.Millisecond) {
			t.Errorf("%q: an eighth takes %v, all %v", piece, part, whole)
		}
	}
}

// TestParse_BoundsStructure: many rows, short rows of a wide table and many lines are rejected before they take memory.
func TestParse_BoundsStructure(t *testing.T) {
	wide := strings.Repeat("|a", 1000) + "|\n" + strings.Repeat("|-", 1000) + "|\n"
	for name, tt := range map[string]struct {
		text  string
		sound bool
	}{
		"a large table":       {"|a|b|c|\n|-|-|-|\n" + strings.Repeat("|1|2|3|\n", 9_000), true},
		"many tables":         {strings.Repeat("|a|\n|-|\n|1|\n\n", 9_000), true},
		"a long document":     {strings.Repeat("- a\n", 40_000), true},
		"pipes in text":       {strings.Repeat("a | b | c\n", 40_000), true},
		"many rows":           {"|a|\n|-|\n" + strings.Repeat("|1|\n", 110_000), false},
		"rows without a pipe": {"|a|\n|:-|\n" + strings.Repeat("1\n", 40_000), false},
		"short rows":          {wide + strings.Repeat("a\n", 1_000), false},
		"rows in a quote":     {"> |a|b|\n> |-|-|\n" + strings.Repeat("> |1|2|\n", 20_000), false},
		"many lines":          {strings.Repeat("- a\n", 110_000), false},
	} {
		if _, err := Parse([]byte(tt.text)); (err == nil) != tt.sound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBlanks(t *testing.T) {
	for _, text := range []string{
		"TBD", "Phone: TBD", "tbd", "TODO", "todo: write this", "FIXME later", "XXX", "The time is to be decided.", "(to be determined)", "Lorem ipsum dolor",
		"coming soon", "Describe the restore procedure here", "Insert your phone number here.", "[Your Team]", "<your team>", "[Name]", "[Insert date]", "{{ service }}",
		"Date: ______", "Call .......", "???", "<company>", "fill this in", "<CONTACT NAME>",
		"[What does the on-call engineer see]", "Symptoms: [what the engineer sees, and where, in as many words as it takes to tell it apart from the others of this list]", "<Describe the service>",
		"_Describe the service and who uses it_", "1st: *Step 1 of how it is resolved*", "(fill in the number)", "XX hours", "X minutes", "n days",
	} {
		if !IsBlank(text) {
			t.Errorf("%q is still to be written", text)
		}
	}
	for _, text := range []string{
		"", "Restart it.", "Answers 5XX", "Stop the mastodon", "Wait for the restore to be completed", "Restart <service-name>", "See <https://wiki>", "Fill in the incident form",
		"Is it down?", "Change the password", "For example, run it", "[link]", "A dunder __init__", "and so on...", "Look here", "The list of todos",
		"[the wiki page][wiki]", "See [the wiki page] and restart", "_Last reviewed in March_", "Restart <service> <host>", "1 hour", "Max hours", "_all of it_", "Exit (your choice)",
	} {
		if IsBlank(text) {
			t.Errorf("%q is written", text)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, seed := range []string{"# A\n\n- b\n  1. c\n\n|a|b|\n|-|-|\n|c|\n", "---\na\n---\n```x\n", "> - > `a`\n<b>\n", "a\n===\n![x](y)", "|a|\n|-|\n\\|\n", "#", "```", "-\n\n|"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Parse([]byte(text))
		if err != nil {
			return
		}
		lines := 1 + strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
		for _, s := range m.Sections {
			for _, b := range append([]Block{{Line: s.Line}}, s.Blocks...) {
				if b.Line < 1 || b.Line > lines {
					t.Errorf("line %d of %d: %+v", b.Line, lines, b)
				}
			}
		}
	})
}
