package valuerule

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// An entry below * that lacks the rest of the path is a fault, and nothing below an empty list is missing.
func TestRule_Every(t *testing.T) {
	atLeast := 1.0
	rule := Rule{At: "jobs.*.limit", Min: &atLeast}
	for text, want := range map[string]probe.State{
		`{"jobs":{"a":{"limit":1},"b":{"limit":2}}}`: probe.StatePass,
		`{"jobs":{"a":{"limit":1},"b":{}}}`:          probe.StateFail,
		`{"jobs":{"a":{"limit":1},"b":{"limit":0}}}`: probe.StateFail,
		`{"jobs":[{"limit":1},{"limit":2}]}`:         probe.StatePass,
		`{"jobs":{}}`:                                probe.StateFail,
		`{"jobs":1}`:                                 probe.StateFail,
		`{}`:                                         probe.StateFail,
	} {
		root, err := Parse("json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var f probe.ResultBuilder
		rule.Judge(&f, "x", root)
		if got := f.Result("holds").State; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, format := range []string{"json", "yaml", "toml", "ini"} {
		f.Add(format, []byte("a: [1, 2]\n[b]\nc = 1\n"), "b.c")
		f.Add(format, []byte(`{"a":{"b":null}}`), "a.*")
	}
	f.Fuzz(func(t *testing.T, format string, text []byte, at string) {
		rule := Rule{At: at}
		if len(rule.Validate()) > 0 {
			return
		}
		if root, err := Parse(format, text); err == nil {
			var faults probe.ResultBuilder
			rule.Judge(&faults, "x", root)
		}
	})
}
