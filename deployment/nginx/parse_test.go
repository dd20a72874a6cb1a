package nginx

import (
	"fmt"
	"strings"
	"testing"
)

// shape formats directives on one line.
func shape(list []directive) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%d:%s", d.line, d.name)
		for _, a := range d.args {
			fmt.Fprintf(&b, " [%s]", a)
		}
		if d.has {
			fmt.Fprintf(&b, " {%s}", shape(d.block))
		}
		b.WriteString(";")
	}
	return b.String()
}

func TestParse(t *testing.T) {
	tests := []struct{ name, in, want, problem string }{
		{"simple", "worker_processes 4;\nevents {}\n", "1:worker_processes [4];2:events {};", ""},
		{"block", "http {\n  server { listen 80; }\n}\n", "1:http {2:server {2:listen [80];};};", ""},
		{"comments", "# a { b\nuser x; # c;\na b#c;\n", "2:user [x];3:a [b#c];", ""},
		{"quotes", `a "b c;{" 'd "e' "f\"g" h"i;`, `1:a [b c;{] [d "e] [f"g] [h"i];`, ""},
		{"quotes over several lines", "a 'b\nc' d;\ne f;", "1:a [b\nc] [d];3:e [f];", ""},
		{"variables", "a ${b}c ${d}{ e f; }", "1:a [${b}c] [${d}] {1:e [f];};", ""},
		{"escapes", `a b\ c \d \t;`, "1:a [b\\ c] [\\d] [\t];", ""},
		{"regular expression", `location ~ \.(gif|jpg)$ { a b; }`, `1:location [~] [\.(gif|jpg)$] {1:a [b];};`, ""},
		{"empty directives", ";;a b;;", "1:a [b];", ""},
		{"no semicolon", "http { a b }", "1:http {1:a [b];};", "1: directive is not terminated by ;"},
		{"unclosed block", "http {\n a b;\n", "1:http {2:a [b];};", "3: unexpected end of file inside a block"},
		{"extra closing brace", "a b; }\nc d;", "1:a [b];2:c [d];", "1: unexpected }"},
		{"unclosed quote", "a 'b;\nc d;", "1:a [b;\nc d;];", "1: quote is not closed"},
		{"lua", "content_by_lua_block {\n if x then y = '}' end {\n } }\na b;", "1:content_by_lua_block {};4:a [b];", ""},
		{"byte order mark and CRLF", "\uFEFFa b;\r\nc d;\r\n", "1:a [b];2:c [d];", ""},
		{"nothing", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			left := maxDirectives
			list, problems := parse("x.conf", tt.in, &left)
			if got := shape(list); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			var said string
			if len(problems) > 0 {
				said = fmt.Sprintf("%d: %s", problems[0].Line, problems[0].Text)
			}
			if !strings.HasSuffix(said, tt.problem) || (said == "") != (tt.problem == "") {
				t.Errorf("problem %q, want %q", said, tt.problem)
			}
		})
	}
	left := maxDirectives
	if list, problems := parse("x", strings.Repeat("a {", 100_000), &left); len(list) != 1 || len(problems) == 0 {
		t.Errorf("deep nesting: %d directives, %d problems", len(list), len(problems))
	}
	left = maxDirectives
	if list, problems := parse("x", strings.Repeat("a b;", 100_000), &left); len(list) > maxDirectives || len(problems) != 1 {
		t.Errorf("many directives: %d, %d problems", len(list), len(problems))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"http { include mime.types; include /etc/nginx/conf.d/*.conf; server { listen 443 ssl; } }", "upstream a { server b:80 weight=3; } split_clients $x $y { 10% a; * b; }", "a 'b", "a {{}}", "x_by_lua_block { '", "\\", "a b\\", "}", "${", "# c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		left := maxDirectives
		list, problems := parse("x", in, &left)
		lines := 1 + strings.Count(in, "\n")
		var walk func([]directive)
		walk = func(list []directive) {
			for _, d := range list {
				if d.line < 0 || d.line > lines {
					t.Fatalf("directive %q at line %d of %d", d.name, d.line, lines)
				}
				walk(d.block)
			}
		}
		walk(list)
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines {
				t.Fatalf("problem %q at line %d of %d", p.Text, p.Line, lines)
			}
		}
	})
}
