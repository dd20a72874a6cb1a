package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// compiled returns the schema of v after a round trip through JSON.
func compiled(t *testing.T, v any) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(schema.JSON(v))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("file:///s.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("file:///s.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// generic decodes a document like an editor's validator: YAML 1.2's core types; dates are strings.
func generic(n *schema.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for key, value := range schema.Pairs(n) {
			out[key.Value] = generic(value)
		}
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			out = append(out, generic(c))
		}
		return out
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		return json.Number(n.Value)
	}
	return n.Value
}

func TestJSON(t *testing.T) {
	s := compiled(t, &config{})
	for _, tc := range []struct {
		text string
		want string // keyword that rejects the document; "" if accepted
	}{
		{minimal, ""},
		{strings.NewReplacer("123456", "'123456'", "1.10", "'1.10'").Replace(good), ""},
		{"{}", "missing property 'deployment'"},
		{"deployment: {}", "missing property 'root'"},
		{"deployment: {root: ''}", "minLength"},
		{minimal + "lables: {}", "additional properties 'lables'"},
		{"deployment: {root: a, debug: yes}", "want boolean"},
		{"deployment: {root: a, retries: 6}", "maximum"},
		{"deployment: {root: a, retries: -1}", "minimum"},
		{"deployment: {root: a, ratio: 2}", "maximum"},
		{"deployment: {root: a, postgres: {port: '1'}}", "want integer"},
		{"deployment: {root: a, postgres: {port: 0}}", "minimum"},
		{"deployment: {root: a, postgres: {port: 1, ssl_mode: on}}", "value must be one of 'disable', 'require', 'verify-full'"},
		{"deployment: {root: a, postgres: {port: 1, host: A}}", "does not match pattern"},
		{"deployment: {root: a, paths: a}", ""},
		{"deployment: {root: a, paths: {}}", "anyOf"},
		{minimal + "checks: [{item: a, scope: {hosts: ''}}]", "minLength"},
		{minimal + "checks: [{item: a, scope: {hosts: []}}]", "minItems"},
		{minimal + "checks: [{item: a, scope: {hosts: h}}]", ""},
		{minimal + "checks: [{item: a, hook: {}}]", "missing property 'name'"},
		{minimal + "checks: [{item: a, tags: []}]", "minItems"},
		{minimal + "checks: [{item: a, tags: quick}]", "value must be one of"},
		{minimal + "every: 90", "want string"},
		{minimal + "every: 90x", "does not match pattern"},
		{minimal + "grace: -5m", "does not match pattern"},
		{minimal + "shift: -5m", ""},
		{minimal + "limits: {a: 10mb}", "does not match pattern"},
		{minimal + "limits: {a: 1B, b: 1B, c: 1B, d: 1B}", "maxProperties"},
		{minimal + "labels: {'': a}", "does not match pattern"},
		{minimal + "since: soon", "does not match pattern"},
		{minimal + "targets: {eu: {}}", "missing property 'root'"},
	} {
		n, err := schema.Parse("f.yaml", []byte(tc.text))
		if err != nil {
			t.Fatal(err)
		}
		err = s.Validate(generic(n))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("rejected: %s\n%v", tc.text, err)
		case tc.want != "" && (err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "got", ""), tc.want) && !strings.Contains(errorKeywords(err), tc.want)):
			t.Errorf("%s\n got: %v\nwant: %s", tc.text, err, tc.want)
		}
		// The schema and Decode agree.
		if got := schema.Decode("f.yaml", n, &config{}); (len(got) == 0) != (tc.want == "") {
			t.Errorf("%s\nDecode: %v", tc.text, got)
		}
	}
}

// errorKeywords lists the keywords that rejected the document.
func errorKeywords(err error) string {
	var out []string
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		out = append(out, strings.Join(e.ErrorKind.KeywordPath(), "/"))
		for _, c := range e.Causes {
			walk(c)
		}
	}
	if e, ok := err.(*jsonschema.ValidationError); ok {
		walk(e)
	}
	return strings.Join(out, " ")
}

func TestJSON_Text(t *testing.T) {
	got, err := json.Marshal(schema.JSON(struct {
		Every schema.Duration `yaml:"every" doc:"how often" min:"10s" max:"1d" default:"1m" example:"5m"`
		Paths []string        `yaml:"paths" default:"a,b" required:"true"`
		Debug *bool           `yaml:"debug" default:"true"`
		Port  int             `yaml:"port" default:"80" example:"8080" min:"1"`
		Name  string          `yaml:"name" default:"80" max:"9"`
		Key   token           `yaml:"key" doc:"a secret"`
		Raw   *schema.Node    `yaml:"raw" example:"any"`
		Table map[string]int  `yaml:"table" default:"{a: 1}" min:"1"`
	}{}))
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","additionalProperties":false,"properties":{` +
		`"debug":{"default":true,"type":"boolean"},` +
		`"every":{"default":"1m","description":"how often (between 10s and 1d)","examples":["5m"],"pattern":"^[0-9]+([a-z]+[0-9]+)*(w|d|h|m|s|ms|us|ns)$","type":"string"},` +
		`"key":{"description":"a secret","type":"string"},` +
		`"name":{"default":"80","maxLength":9,"type":"string"},` +
		`"paths":{"anyOf":[{"items":{"type":"string"},"minItems":1,"type":"array"},{"minLength":1,"type":"string"}],"default":["a","b"]},` +
		`"port":{"default":80,"examples":[8080],"minimum":1,"type":"integer"},` +
		`"raw":{"examples":["any"]},` +
		`"table":{"additionalProperties":{"type":"integer"},"default":{"a":1},"minProperties":1,"propertyNames":{"pattern":"\\S"},"type":"object"}` +
		`},"required":["paths"],"type":"object"}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n got: %s\nwant: %s", err, got, want)
	}
}

// circle describes itself and contains itself.
type circle struct {
	Name string   `yaml:"name" required:"true"`
	Next *circle  `yaml:"next"`
	Tree tree     `yaml:"tree"`
	Hook []circle `yaml:"hook"`
}

func (circle) JSONSchema() map[string]any { return schema.JSON(circle{}) }

func TestJSON_RecursiveTypes(t *testing.T) {
	for name, s := range map[string]*jsonschema.Schema{"root": compiled(t, circle{}), "below": compiled(t, struct {
		A circle `yaml:"a"`
	}{})} {
		doc := func(inner string) any {
			text := "{name: a, hook: [{name: b, next: {name: c, " + inner + ", tree: {name: e, below: [{name: f}], named: {x: {name: g}}}}}]}"
			if name == "below" {
				text = "{a: " + text + "}"
			}
			n, err := schema.Parse("", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			return generic(n)
		}
		if err := s.Validate(doc("next: {name: d}")); err != nil {
			t.Errorf("%s: rejected: %v", name, err)
		}
		if err := s.Validate(doc("next: {nam: d}")); err == nil || !strings.Contains(err.Error(), "'nam'") {
			t.Errorf("%s: nested wrong field: %v", name, err)
		}
	}
}

// branch is a recursive type that decodes itself.
type branch struct {
	Below []branch `yaml:"below"`
}

func (b *branch) UnmarshalNode(file, path string, n *schema.Node) schema.Problems {
	return schema.DecodeAt(file, path, n, b)
}

func (branch) JSONSchema() map[string]any { return schema.JSON(branch{}) }

func TestJSON_RecursiveUnmarshaler(t *testing.T) {
	const text = "{below: [{below: [{}]}, {belwo: []}]}"
	n, err := schema.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled(t, branch{}).Validate(generic(n)); err == nil || !strings.Contains(err.Error(), "at '/below/1': additional properties 'belwo'") {
		t.Errorf("schema error %v", err)
	}
	below := compiled(t, struct {
		A branch `yaml:"a"`
	}{})
	if err := below.Validate(map[string]any{"a": generic(n)}); err == nil || !strings.Contains(err.Error(), "at '/a/below/1': additional properties 'belwo'") {
		t.Errorf("schema error of the enclosing struct: %v", err)
	}
	if got := schema.Decode("f.yaml", n, &branch{}).Error(); got != `f.yaml:1:26: below[1]: unknown field "belwo" (did you mean "below"?)` {
		t.Errorf("Decode returned %s", got)
	}
}

func TestJSON_InvalidDefaultPanics(t *testing.T) {
	defer func() {
		if r, _ := recover().(string); !strings.Contains(r, `the default of "a"`) {
			t.Errorf("panic(%q)", r)
		}
	}()
	schema.JSON(struct {
		A int `yaml:"a" default:"many"`
	}{})
}
