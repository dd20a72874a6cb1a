package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

func TestParse_Rejects(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	mergeBomb := "a: &a {"
	for i := range 500 {
		mergeBomb += fmt.Sprintf("k%d: 1, ", i)
	}
	mergeBomb += "}\nb:\n  <<: [" + strings.Repeat("*a, ", 500) + "]\n"
	for _, tc := range []struct{ name, text, want string }{
		{"duplicate key", "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", `f.yaml:5:3: b.c: duplicate key "c", first set in line 3 (remove one)`},
		{"duplicate key, quoted once", "a: 1\n'a': 2\n", `f.yaml:2:1: a: duplicate key "a", first set in line 1 (remove one)`},
		{"duplicates and tags at once", "a: !x 1\nb: 1\nb: !!binary aGk=\n",
			"f.yaml:1:4: a: tags (!name) are not supported (quote a value that begins with !)\nf.yaml:3:1: b: duplicate key \"b\", first set in line 2 (remove one)\nf.yaml:3:4: b: tags (!name) are not supported (quote a value that begins with !)"},
		{"one problem through two aliases", "a: &a {b: 1, b: 2}\nc: *a\nd: *a\n",
			`f.yaml:1:14: a.b: duplicate key "b", first set in line 1 (remove one)`},
		{"Windows line ends", "a: 1\r\nb:\r\n\tc: 1\r\n", `f.yaml:3:1: tab in the indentation (indent with spaces)`},
		{"forged expansion", "a: !expanded x\n", `f.yaml:1:4: a: tags (!name) are not supported (quote a value that begins with !)`},
		{"two documents", "a: 1\n---\nb: 2\n", `f.yaml:2:1: file contains a second document (remove the line ---)`},
		{"two documents, the second empty", "a: 1\n---\n", `f.yaml:2:1: file contains a second document (remove the line ---)`},
		{"two documents, the second invalid", "a: 1\n---\nb: [\n",
			`f.yaml:3:1: invalid YAML: did not find expected node content`},
		{"tab", "a:\n\tb: 1\n", `f.yaml:2:1: tab in the indentation (indent with spaces)`},
		{"tab in the first line", "\ta: 1\n", `f.yaml:1:1: tab in the indentation (indent with spaces)`},
		{"tab after spaces", "a:\n  b: 1\n \tc: 2\n", `f.yaml:3:2: tab in the indentation (indent with spaces)`},
		{"tab below a line", "a:\n  b: 1\n\tc: 2\n", `f.yaml:3:1: tab in the indentation (indent with spaces)`},
		{"colon in a value", "x: 1\na: b: c\n", `f.yaml:2:1: invalid YAML: mapping values are not allowed in this context (quote a value that contains ": ")`},
		{"no colon", "x: 1\n  foo\nbar\n", `f.yaml:3:1: invalid YAML: could not find expected ':' (write each line of a mapping as key: value)`},
		{"unclosed quote", "x: 1\na: \"hunter2\nb: 1\n",
			`f.yaml:2:1: invalid YAML: found unexpected end of stream (close the quote or bracket)`},
		{"unclosed bracket", "x: 1\na: [1,2\nb: 1\n",
			`f.yaml:2:1: invalid YAML: did not find expected ',' or ']' (close the bracket or brace)`},
		{"indentation", "x:\n  a: 1\n b: 2\n", `f.yaml:3:2: invalid YAML: did not find expected key (check the indentation)`},
		{"at sign", "x: 1\ny: @foo\n", "f.yaml:2:1: invalid YAML: found character that cannot start any token (quote a value that begins with @, %, ` or a tab)"},
		{"password that looks like an alias", "a: 1\npassword: *hunter2\n",
			`f.yaml:2:11: alias (*name) has no preceding anchor (&name) (quote a value that begins with *)`},
		{"alias bomb", bomb, `f.yaml:6:10: a5[0]: document has more than 250000 values with aliases expanded`},
		{"merge bomb", mergeBomb, `f.yaml:3:1000: b["<<"][248]: document has more than 250000 values with aliases expanded`},
		{"circular alias", "a: &a [1, *a]\n", `f.yaml:1:11: a[1]: alias refers to itself`},
		{"circular merge", "a: &a\n  b: 1\n  <<: *a\n", `f.yaml:3:7: a["<<"]: alias refers to itself`},
		{"merge of a string", "a:\n  <<: b\n", `f.yaml:2:7: a: "<<" requires a mapping or a list of mappings, not text`},
		{"two merges", "x: &x {a: 1}\nb:\n  <<: *x\n  <<: *x\n", `f.yaml:4:3: b: duplicate key "<<" (write <<: [*a, *b])`},
		{"key is a list", "a:\n  ? [b]\n  : 1\n", `f.yaml:2:5: a: key must be a string, not a list (quote a value that begins with { or [)`},
		{"key is a mapping", "a: {{b}: 1}\n", `f.yaml:1:5: a: key must be a string, not a mapping (quote a value that begins with { or [)`},
		{"too deep", strings.Repeat("[", 65) + strings.Repeat("]", 65), `f.yaml:1:65: ` + strings.Repeat("[0]", 64) + `: nested deeper than 64 levels`},
		{"too deep for the parser", strings.Repeat("[", 1<<19), `f.yaml:1:1: invalid YAML: exceeded max depth of 10000`},
		{"too deep through aliases", deepAliases(), `f.yaml:8:18: a7[0][0][0][0][0][0][0][0][0]: nested deeper than 64 levels`},
		{"not UTF-8", "a: 1\nb: é\xff\n", `f.yaml:2:5: file is not UTF-8 text (save it as UTF-8)`},
		{"UTF-16", "\xff\xfea\x00", `f.yaml:1:1: file is not UTF-8 text (save it as UTF-8)`},
		{"NUL", "a: 1\nb: x\x00\n", `f.yaml:2:5: file contains a NUL character`},
		{"NUL by escape", "a: \"x\\0\"\n", `f.yaml:1:4: a: value contains a NUL character`},
		{"control character", "a: \x1b[31m\n", `f.yaml:1:4: control character U+001B is not allowed`},
		{"huge", strings.Repeat("# \n", 400_000), `f.yaml: file exceeds 1 MiB (1200000 bytes)`},
		{"many nodes", "[" + strings.Repeat("a,", 250_001) + "]", `f.yaml:1:500000: [249999]: document has more than 250000 values with aliases expanded`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n, err := schema.Parse("f.yaml", []byte(tc.text))
			if err == nil || n != nil {
				t.Fatalf("Parse() = %v, %v, want an error and no node", n, err)
			}
			if _, ok := err.(schema.Problems); !ok {
				t.Errorf("the error is a %T, want Problems", err)
			}
			if err.Error() != tc.want {
				t.Errorf("\n got: %s\nwant: %s", err, tc.want)
			}
		})
	}
}

// deepAliases has no line deeper than 9 levels, but 90 levels when expanded.
func deepAliases() string {
	text := "a0: &a0 [1]\n"
	for i := 1; i < 10; i++ {
		text += fmt.Sprintf("a%d: &a%d [[[[[[[[[*a%d]]]]]]]]]\n", i, i, i-1)
	}
	return text
}

func TestParse_KeepsLines(t *testing.T) {
	n, err := schema.Parse("f.yaml", []byte("\ufeffbase: &base\n  a: 1\n  b: 2\nuse:\n  <<: *base\n  b: 3\nagain: *base\nkeys: {? x : !!str 5}\nold: &o {b: 9, c: 4}\nboth:\n  <<: [*base, *o]\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var walk func(n *schema.Node, path string)
	walk = func(n *schema.Node, path string) {
		if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Alias != nil || n.Tag == "!!merge" {
			t.Errorf("%s: contains an alias, anchor or merge key", path)
		}
		if n.Kind == yaml.ScalarNode {
			got = append(got, fmt.Sprintf("%s=%s@%d:%d", path, n.Value, n.Line, n.Column))
		}
		for key, value := range schema.Pairs(n) {
			walk(value, schema.Field(path, key.Value))
		}
	}
	walk(n, "")
	want := "base.a=1@2:6 base.b=2@3:6 use.b=3@6:6 use.a=1@2:6 again.a=1@2:6 again.b=2@3:6 keys.x=5@8:14 old.b=9@9:13 old.c=4@9:19 both.a=1@2:6 both.b=2@3:6 both.c=4@9:19"
	if strings.Join(got, " ") != want {
		t.Errorf("\n got: %s\nwant: %s", strings.Join(got, " "), want)
	}
}

func TestParse_Empty(t *testing.T) {
	for _, text := range []string{"", "\n\n", "# a comment\n", "---\n", "\ufeff", "---\n...\n"} {
		n, err := schema.Parse("f.yaml", []byte(text))
		if err != nil || n == nil || n.Kind != yaml.MappingNode || len(n.Content) != 0 || n.Line != 1 {
			t.Errorf("Parse(%q) = %+v, %v, want an empty mapping in line 1", text, n, err)
		}
	}
	if n, err := schema.Parse("f.yaml", []byte("~\n")); err != nil || !schema.IsNull(n) {
		t.Errorf("Parse(~) = %+v, %v, want null", n, err)
	}
}
