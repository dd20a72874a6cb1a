package outline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

// show writes the requirements of a document, one per line: shape, section and text.
func show(t *testing.T, text string) string {
	t.Helper()
	o, err := Read([]byte(text))
	if err != nil {
		return "error: " + err.Error()
	}
	names := map[Shape]string{Box: "box", Mark: "mark", Row: "row", Bullet: "bullet"}
	var out []string
	for _, l := range o.Items() {
		out = append(out, fmt.Sprintf("%d %s %s: %s", l.At, names[l.Shape], l.Section, l.Text))
	}
	return strings.Join(out, "\n")
}

func TestRead_Shapes(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"boxes":       {"# A\n- [ ] one\n* [x] two\n1. [X] three\n", "2 box A: one\n3 box A: two\n4 box A: three"},
		"nested":      {"# A\n- [ ] one\n  - [x] two\n    + [ ] three\n      remark\n", "2 box A: one\n3 box A: two\n4 box A: three remark"},
		"crlf, bom":   {"\uFEFF# A\r\n- [ ] one\r\n", "2 box A: one"},
		"marks":       {"## A\n- ✅ one\n- ☐ two\n- ❌ three\n", "2 mark A: one\n3 mark A: two\n4 mark A: three"},
		"bold":        {"**Part:**\n\n- [ ] one\n", "3 box Part: one"},
		"setext":      {"Part\n====\n\n- [ ] one\n", "4 box Part: one"},
		"plain":       {"# A\nText.\n\n- one thing is done\n- two things are done\n\n1. three things are done\n", "4 bullet A: one thing is done\n5 bullet A: two things are done\n7 bullet A: three things are done"},
		"groups":      {"# A\n- Backups:\n  - taken every night\n- The log is kept for a year\n  - on every host\n", "3 bullet A: taken every night\n4 bullet A: The log is kept for a year\n5 bullet A: on every host"},
		"remarks":     {"# A\n- [ ] one\n  - with this tool\n- a note\n\n## B\n- a plain entry here\n", "2 box A: one\n7 bullet B: a plain entry here"},
		"notes":       {"# A\n- one\n\n## Contacts\n- Ann\n\n## Hinweise\n- nichts\n\n## References\n- [x](y) z\n", "2 bullet A: one"},
		"contents":    {"# A\n- [One](#one)\n- [Two](#two)\n", ""},
		"intro":       {"- before the first heading\n\n# A\n- one\n", "4 bullet A: one"},
		"no heading":  {"- one\n- two\n", "1 bullet : one\n2 bullet : two"},
		"code":        {"# A\n```\n- [ ] no\n```\n\n    - [ ] no\n\n- [ ] yes\n  ~~~\n  - [ ] no\n  ~~~\n", "8 box A: yes"},
		"quote":       {"# A\n> - [ ] no\n> | a | Status |\n> |---|---|\n> | x | ☐ |\n\n- [ ] yes\n", "7 box A: yes"},
		"comment":     {"# A\n<!--\n- [ ] no\n-->\n\n- [ ] yes <!-- not this -->\n", "6 box A: yes"},
		"table":       {"# A\n\n| Check | Status |\n|---|---|\n| one | done |\n| two | |\n", "5 row A: one\n6 row A: two"},
		"turned":      {"# A\n\n| Done | # | Owner | What |\n|:-:|---|---|---|\n| ☐ | 1 | Ann | one thing |\n| ☑ | 2 | Bob | two things |\n", "5 row A: one thing\n6 row A: two things"},
		"by cells":    {"# A\n\n|   | Topic text |\n|---|---|\n| ✅ | one |\n| ❌ | two |\n", "5 row A: one\n6 row A: two"},
		"areas":       {"# A\n\n| Area | Item | Status |\n|---|---|---|\n| Web | one | [ ] |\n| | two | [x] |\n| Data | three | [ ] |\n", "5 row Web: one\n6 row Web: two\n7 row Data: three"},
		"german":      {"# A\n\n| Prüfpunkt | Verantwortlich | Erledigt |\n|---|---|---|\n| eins | Ann | ja |\n", "5 row A: eins"},
		"no status":   {"# A\n\n| Role | Contact |\n|---|---|\n| Lead | 4711 |\n", ""},
		"escaped":     {"# A\n\n| Item | Status |\n|---|---|\n| one \\| other | ☐ |\n", "5 row A: one | other"},
		"two tables":  {"# A\n\n| Item | OK? |\n|---|---|\n| one | |\n\n# B\n\n| Item | OK? |\n|---|---|\n| two | |\n", "5 row A: one\n11 row B: two"},
		"paragraphs":  {"# A\n\nNo list at all.\n", ""},
		"empty":       {"", ""},
		"binary":      {"a\x00b", "error: not UTF-8 text"},
		"utf-16":      {"\xff\xfe-\x00 \x00", "error: not UTF-8 text"},
		"front":       {"---\ntitle: x\n---\n# A\n- [ ] one\n", "5 box A: one"},
		"html":        {"# A\n<ul>\n<li>- [ ] no</li>\n</ul>\n\n- [ ] yes\n", "6 box A: yes"},
		"footnote":    {"# A\n- [ ] one[^1]\n\n[^1]: - [ ] no\n", "2 box A: one[^1]"},
		"after table": {"# A\n\n| Item | Status |\n|---|---|\n| one | ☐ |\n\n- a remark\n", "5 row A: one"},
	} {
		if got := show(t, test.text); got != test.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, test.want)
		}
	}
}

// Hostile documents end in bounded time, with or without an error.
func TestRead_Hostile(t *testing.T) {
	deep := ""
	for i := range 1000 {
		deep += strings.Repeat(" ", 2*i) + "- [ ] x\n"
	}
	for name, text := range map[string]string{
		"deep": deep[:min(len(deep), MaxSize)], "on one line": strings.Repeat("- ", 1000) + "[ ] x", "long line": "- [ ] " + strings.Repeat("a*b_", MaxSize/5),
		"cells": "|a|Status|\n|-|-|\n" + strings.Repeat("|", MaxSize/2), "many": strings.Repeat("- [ ] x\n", 40_000), "fences": strings.Repeat("```\n", 40_000),
	} {
		began := time.Now()
		_, err := Read([]byte(text))
		if (name == "deep" || name == "on one line") && err == nil {
			t.Errorf("%s is read", name)
		}
		if took := time.Since(began); took > parts.Patience {
			t.Errorf("%s took %v (%v)", name, took, err)
		}
	}
}
