package schema_test

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		good, minimal, "a: &a [*a]", "<<: {a: 1}", "? {a}\n: b", "\ta: 1", "a: ${BAD_PORT}", "deployment: ${BAD_PORT}", "deployment: {root: a, key: ${BAD_PORT}, debug: \"${BAD_PORT}\"}",
		"checks: [{tags: \"${BAD_PORT}\"}]", "every: \"${BAD_PORT}\"", "a: 1\n---\nb: 1", "!!map {a: !x b}", "a: |\n  b\n", "%YAML 1.1\n---\na: b", "raw: !!str\nlimits: {~: 1B}", "\"a\\0\": 1",
		"- ? a\n  : b\n", "a: &x\nb: *x\n", "{a, b: , : c}", "a:\r\n  b: 1\r\n", "\u2028a: 1\u0085b: 2",
	} {
		f.Add(seed)
	}
	const mark = "mark-4711" // the value of BAD_PORT
	f.Fuzz(func(t *testing.T, text string) {
		n, err := schema.Parse("f.yaml", []byte(text))
		if err == nil && n == nil || err != nil && n != nil {
			t.Fatalf("Parse() = %v, %v, want a node or an error", n, err)
		}
		var ps schema.Problems
		if err != nil {
			ps = err.(schema.Problems)
		} else {
			ps = append(schema.Expand("f.yaml", n, lookup), schema.Decode("f.yaml", n, &config{})...)
			ps = append(ps, schema.Decode("f.yaml", n, &tree{})...)
		}
		if err != nil && len(ps) == 0 {
			t.Error("error without a problem")
		}
		for _, p := range ps {
			line := p.Error()
			if p.Message == "" || strings.ContainsAny(line, "\n\r\x1b\x00") {
				t.Errorf("problem of several lines: %q", line)
			}
			if p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+strings.Count(text, "\u2028")+strings.Count(text, "\u2029")+strings.Count(text, "\u0085")+1 {
				t.Errorf("line %d is outside the document: %s", p.Line, line)
			}
			if strings.Contains(line, mark) && !strings.Contains(text, mark) {
				t.Errorf("message contains expanded text: %s", line)
			}
		}
	})
}
