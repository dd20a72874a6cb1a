package checklist

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// folder is a checklist with its fragments, by path; main is list.yml.
type folder map[string]string

func (f folder) source() *Source {
	return &Source{File: "list.yml", Data: []byte(f["list.yml"]), Open: func(from, path string) ([]byte, error) {
		text, ok := f[filepath.Join(filepath.Dir(from), path)]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	}}
}

func part(include, category, item string) string {
	return fmt.Sprintf("include: [%s]\ncategories:\n  - category: %s\n    items:\n      - {item: %s, title: T, fix: f, probes: [{env_file: {}}]}\n", include, category, item)
}

func TestInclude_Adds(t *testing.T) {
	f := folder{
		"list.yml": "checklist: Ours\n" + part("a.yml, sub/b.yml", "own", "first"), "a.yml": "checklist: Part\n" + part("", "own", "second"), "sub/b.yml": part("c.yml", "more", "third"), "sub/c.yml": part("", "more", "fourth") + "gates: {pre: {categories: [own, more]}}\n",
	}
	c, err := Load(f.source(), Changes{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Names(), " "); got != "own/first own/second more/third more/fourth" || c.Name != "Ours" || len(c.Gate("pre").Items) != 4 {
		t.Errorf("%s: %s", c.Name, got)
	}
	for name := range f {
		changed := folder{}
		for n, text := range f {
			changed[n] = text
		}
		changed[name] += "# changed\n"
		if other, err := Load(changed.source(), Changes{}); err != nil || other.Digest == c.Digest {
			t.Errorf("the digest does not cover %s (%v)", name, err)
		}
	}
	f["list.yml"] = "extends: catalyst\n" + f["list.yml"]
	if c, err := Load(f.source(), Changes{}); err != nil || len(c.Find("more/fourth")) != 1 || len(c.Find("security/redis_password")) != 1 {
		t.Errorf("with extends: %v", err)
	}
}

func TestInclude_Refusals(t *testing.T) {
	deep := folder{"list.yml": "checklist: X\n" + part("1.yml", "c", "i0")}
	for i := 1; i <= 5; i++ {
		deep[fmt.Sprintf("%d.yml", i)] = part(fmt.Sprintf("%d.yml", i+1), "c", fmt.Sprintf("i%d", i))
	}
	four := folder{}
	for name, text := range deep {
		four[name] = text
	}
	four["4.yml"] = part("", "c", "i4")
	if _, err := Load(four.source(), Changes{}); err != nil {
		t.Errorf("four levels: %v", err)
	}
	own := func(include string) string { return "checklist: X\n" + part(include, "c", "i") }
	for name, test := range map[string]struct {
		f    folder
		want string
	}{
		"five levels":  {deep, "4.yml:1:11: include[0]: more than 4 levels"},
		"url":          {folder{"list.yml": own("'https://x.example/a.yml'")}, "list.yml:2:11: include[0]: only files are included, no URLs"},
		"absolute":     {folder{"list.yml": own("/etc/passwd")}, "include[0]: the path must be relative"},
		"upwards":      {folder{"list.yml": own("../a.yml")}, "include[0]: the path must be relative"},
		"upwards once": {folder{"list.yml": own("sub/a.yml"), "sub/a.yml": part("../b.yml", "d", "i"), "b.yml": part("", "e", "i")}, "sub/a.yml:1:11: include[0]: the path must be relative"},
		"itself":       {folder{"list.yml": own("list.yml")}, "circle: list.yml includes list.yml"},
		"circle":       {folder{"list.yml": own("a.yml"), "a.yml": part("b.yml", "d", "i"), "b.yml": part("./a.yml", "e", "i")}, "b.yml:1:11: include[0]: circle: list.yml includes a.yml includes b.yml includes a.yml"},
		"twice":        {folder{"list.yml": own("a.yml, ./a.yml"), "a.yml": part("", "d", "i")}, "include[1]: a.yml is already included at list.yml:2"},
		"missing":      {folder{"list.yml": own("no.yml")}, "include[0]: file does not exist"},
		"item twice":   {folder{"list.yml": own("a.yml"), "a.yml": part("", "c", "i")}, `a.yml:5:9: categories[0].items[0]: item "i" is already in category "c", at list.yml:6`},
		"in one file":  {folder{"list.yml": own("") + strings.TrimPrefix(part("", "c", "i"), "include: []\ncategories:\n")}, `item "i" is already in category "c", at list.yml:6`},
		"gate twice":   {folder{"list.yml": own("a.yml") + "gates: {pre: {items: [i]}}\n", "a.yml": part("", "d", "j") + "gates: {pre: {items: [j]}}\n"}, `a.yml:6:9: gates.pre: gate "pre" is already at list.yml:7`},
		"extends":      {folder{"list.yml": own("a.yml"), "a.yml": "extends: catalyst\n" + part("", "d", "j")}, `a.yml:1:1: unknown field "extends"`},
		"invalid part": {folder{"list.yml": own("a.yml"), "a.yml": part("", "d", "j") + "nonsense: 1\n"}, `a.yml:6:1: unknown field "nonsense"`},
		"not YAML":     {folder{"list.yml": own("a.yml"), "a.yml": "{"}, `a.yml:`},
	} {
		if _, err := Load(test.f.source(), Changes{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v\nwant %s", name, err, test.want)
		}
	}
	if _, err := Load(&Source{File: "list.yml", Data: []byte(own("a.yml"))}, Changes{}); err == nil || !strings.Contains(err.Error(), "cannot be read here") {
		t.Errorf("without Open: %v", err)
	}
}

const parametric = `checklist: X
parameters:
  latency: {type: duration, default: 300ms, environments: {staging: 2s}}
  replicas: {type: whole}
  words: {type: list, default: [info, warn]}
  key: {type: text, default: LOG_LEVEL}
categories:
  - category: c
    items:
      - {item: health, title: T, fix: f, probes: [{http_health: {within: '${param.latency}'}, max_age: '${param.latency}'}]}
      - {item: level, title: T, fix: f, probes: [{env_word: {key: 'APP_${param.key}', good: '${param.words}'}}]}
      - {item: up, title: T, fix: f, probes: [{env_number: {any: [N], min: '${param.replicas}'}}]}
`

// values parses parameters as the configuration holds them.
func values(t *testing.T, text string) map[string]*schema.Node {
	t.Helper()
	node, err := schema.Parse("config.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*schema.Node{}
	for key, value := range schema.Pairs(node) {
		all[key.Value] = value
	}
	return all
}

func TestParameters_Values(t *testing.T) {
	for _, test := range []struct{ environment, set, health, level, up string }{
		{"production", "replicas: 2", "within: 300ms", "key: 'APP_LOG_LEVEL'", "min: 2"},
		{"staging", "replicas: 3", "within: 2s", "good: [info, warn]", "min: 3"},
		{"staging", "{replicas: 3, latency: 5s, words: [error], key: LEVEL}", "within: 5s", "key: 'APP_LEVEL'", "min: 3"},
	} {
		c, err := Load(own(parametric), Changes{File: "config.yml", Environment: test.environment, Parameters: values(t, test.set)})
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		for item, want := range map[string]string{"health": test.health, "level": test.level, "up": test.up} {
			if got := c.Find(item)[0].Probes[0].Settings; !strings.Contains(got, want) {
				t.Errorf("%+v: %s: %s", test, item, got)
			}
		}
		if !c.Parametric {
			t.Error("not parametric")
		}
	}
	if c, err := Load(own(twice), Changes{}); err != nil || c.Parametric {
		t.Errorf("parametric without parameters (%v)", err)
	}
}

func TestParameters_Refusals(t *testing.T) {
	for _, test := range []struct{ old, new, set, want string }{
		{"", "", "", `own.yaml:4:3: parameters.replicas: no value in environment "production": set parameters.replicas in the configuration`},
		{"", "", "{replicas: 2, latncy: 1s}", `config.yml:1:23: parameters.latncy: the checklist has no parameter "latncy" (did you mean "latency"?)`},
		{"", "", "{replicas: two}", `config.yml:1:12: parameters.replicas: the value is not of type whole`},
		{"", "", "{replicas: 2, latency: long}", `parameters.latency: the value is not of type duration`},
		{"", "", "{replicas: 2, words: info}", `parameters.words: the value is not of type list`},
		{"", "", "{replicas: 2, key: [a]}", `parameters.key: the value is not of type text`},
		{"default: 300ms", "default: 300", "replicas: 2", `own.yaml:3:38: parameters.latency.default: the value is not of type duration`},
		{"staging: 2s", "staging: two", "replicas: 2", `parameters.latency.environments.staging: the value is not of type duration`},
		{"type: whole", "type: integer", "replicas: 2", `parameters.replicas.type`},
		{"  replicas:", "  Replicas:", "", `parameters.Replicas: invalid name`},
		{"min: '${param.replicas}'", "min: '${param.replica}'", "replicas: 2", `unknown parameter "replica" (did you mean "replicas"?)`},
		{"min: '${param.replicas}'", "min: '${param.}'", "replicas: 2", `unknown parameter ""`},
		{"key: 'APP_${param.key}'", "key: 'APP_${param.words}'", "replicas: 2", `a list cannot be a part of a text`},
		{"min: '${param.replicas}'", "min: '${param.words}'", "replicas: 2", `min`},
	} {
		text := parametric
		if test.old != "" {
			text = strings.Replace(text, test.old, test.new, 1)
		}
		set := map[string]*schema.Node{}
		if test.set != "" {
			set = values(t, test.set)
		}
		if _, err := Load(own(text), Changes{File: "config.yml", Environment: "production", Parameters: set}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test, err)
		}
	}
	f := folder{"list.yml": "include: [a.yml]\n" + parametric, "a.yml": "parameters: {key: {type: text, default: x}}\n" + part("", "d", "j")}
	if _, err := Load(f.source(), Changes{Parameters: values(t, "replicas: 2")}); err == nil || !strings.Contains(err.Error(), `a.yml:1:14: parameters.key: parameter "key" is already declared at list.yml:7`) {
		t.Errorf("declared twice: %v", err)
	}
}
