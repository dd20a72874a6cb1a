package schema_test

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

const good = `
deployment: &eu
  root: /srv/app
  paths: docs
  debug: true
  key: 123456
  retries: 5
  ratio: 0.5
  postgres:
    port: 5432
    password: "  with spaces "
    ssl_mode: verify-full
    host: db.internal
checks:
  - item: redis_password
    severity: critical
    tags: [fast, slow]
    hook: {name: h}
  - item: other
    hook: {name: g}
labels:
  version: 1.10
  on: yes
  empty: ""
limits: {a: 10MB, b: 1GiB}
targets:
  eu: *eu
  us: {root: b, <<: *eu}
raw: {any: [1, two]}
every: 1h30m
grace: 0s
shift: -30m
since: 2026-11-23
`

func TestDecode(t *testing.T) {
	var c config
	c.Deployment.Paths = []string{"prefilled", "twice"}
	c.Skipped = "kept"
	if got := problems(t, good, &c); got != "" {
		t.Fatal(got)
	}
	host := "db.internal"
	eu := deployment{
		Root: "/srv/app", Paths: []string{"docs"}, Debug: true, Key: &token{"123456"}, timing: timing{Retries: 5, Ratio: 0.5},
		Postgres: postgres{Port: 5432, Password: token{"  with spaces "}, SSLMode: "verify-full", Host: &host},
	}
	us := eu
	us.Root = "b"
	want := config{
		Deployment: eu, Targets: map[string]*deployment{"eu": &eu, "us": &us}, Raw: c.Raw, Skipped: "kept",
		Checks: []check{{Item: "redis_password", Severity: "critical", Tags: []string{"fast", "slow"}, Hook: hook{"h"}}, {Item: "other", Hook: hook{"g"}}},
		Labels: map[string]string{"version": "1.10", "on": "yes", "empty": ""},
		Limits: map[string]schema.Bytes{"a": 10_000_000, "b": 1 << 30},
		Every:  schema.Duration(90 * time.Minute), Shift: schema.Duration(-30 * time.Minute), Since: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("\n got: %+v\nwant: %+v", c, want)
	}
	if c.Raw == nil || len(c.Raw.Content) != 2 || c.Raw.Content[1].Content[1].Value != "two" {
		t.Errorf("raw = %+v", c.Raw)
	}
}

func TestDecode_KeepsDefaults(t *testing.T) {
	c := config{Every: 7, Labels: map[string]string{"a": "b"}, Checks: []check{{Item: "kept"}}}
	c.Deployment.Postgres.Port = 1
	c.Deployment.Debug = true
	want := c
	want.Deployment.Root = "/srv"
	if got := problems(t, "deployment: {root: /srv}\nlabels:\nchecks:\n", &c); got != "" || !reflect.DeepEqual(c, want) {
		t.Errorf("%s\n got: %+v\nwant: %+v", got, c, want)
	}
	if got := problems(t, "deployment: {root: /srv}\nlabels: {c: d}\nchecks: []\n", &c); got != "" || !reflect.DeepEqual(c.Labels, map[string]string{"c": "d"}) || len(c.Checks) != 0 {
		t.Errorf("lists and maps must replace defaults: %s %+v", got, c)
	}
}

func TestDecode_PrefilledStruct(t *testing.T) {
	type part struct {
		A int `yaml:"a"`
		B int `yaml:"b"`
	}
	type whole struct {
		Part  *part          `yaml:"part"`
		None  *part          `yaml:"none"`
		List  []string       `yaml:"list" required:"true"`
		Table map[string]int `yaml:"table" required:"true"`
	}
	fill := func() *whole {
		return &whole{Part: &part{A: 1, B: 2}, List: []string{"x"}, Table: map[string]int{"x": 1}}
	}
	v := fill()
	if got := problems(t, "part: {a: 3}\nlist: [y]\ntable: {y: 2}\n", v); got != "" || *v.Part != (part{3, 2}) || v.None != nil || v.List[0] != "y" || len(v.Table) != 1 {
		t.Errorf("%s %+v %+v", got, v, v.Part)
	}
	for _, tc := range []struct {
		text, want string
		list       []string
		table      map[string]int
	}{
		{"list: [z, [1]]\ntable: {z: 3, y: no}\n", "f.yaml:1:11: list[1]: expected text, found a list\nf.yaml:2:18: table.y: expected a whole number, found \"no\"",
			[]string{"z", ""}, map[string]int{"z": 3, "y": 0}},
		{"list:\ntable: ~\n", "f.yaml:1:1: list: required, but empty\nf.yaml:2:1: table: required, but empty", fill().List, fill().Table},
		{"list: {a: 1}\ntable: [1]\n", "f.yaml:1:7: list: expected a list, found a mapping\nf.yaml:2:8: table: expected a mapping, found a list", fill().List, fill().Table},
	} {
		v := fill()
		if got := problems(t, tc.text, v); got != tc.want || !reflect.DeepEqual(v.List, tc.list) || !reflect.DeepEqual(v.Table, tc.table) {
			t.Errorf("%s\n got: %s\nwant: %s\nwith %+v", tc.text, got, tc.want, v)
		}
	}
	v = fill()
	if got := problems(t, "list: []\ntable: {}\n", v); got != "f.yaml:1:1: list: required, but empty\nf.yaml:2:1: table: required, but empty" {
		t.Error(got)
	}
}

func TestDecode_Nil(t *testing.T) {
	if got := schema.Decode("f.yaml", nil, &config{}).Error(); got != "f.yaml:1:1: deployment: required, but missing" {
		t.Error(got)
	}
}

func TestDecode_ManyProblems(t *testing.T) {
	ps := strings.Split(problems(t, minimal+strings.Repeat("x", 1)+": 1\nchecks: ["+strings.Repeat("1, ", 5000)+"]\n", &config{}), "\n")
	if len(ps) != 1001 || ps[1000] != "f.yaml: further problems are omitted" || !strings.Contains(ps[0], "unknown field") {
		t.Errorf("%d problems, the last is %s", len(ps), ps[len(ps)-1])
	}
}

type tree struct {
	Name  string           `yaml:"name" required:"true"`
	Below []tree           `yaml:"below"`
	Named map[string]*tree `yaml:"named"`
}

func TestDecode_CircularNodes(t *testing.T) {
	// Not from Parse: a tree that contains itself must end in a problem.
	n, err := schema.Parse("f.yaml", []byte("name: a\nbelow: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	n.Content[3].Content = []*schema.Node{n}
	if got := schema.Decode("f.yaml", n, &tree{}).Error(); !strings.HasSuffix(got, "]: nested deeper than 64 levels") || strings.Contains(got, "\n") {
		t.Error(got)
	}
}

func TestDecode_ParserTree(t *testing.T) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte("name: &n a\nbelow: [{name: *n}]\n"), &doc); err != nil {
		t.Fatal(err)
	}
	var got tree
	schema.Expand("f.yaml", &doc, lookup)
	if ps := schema.Decode("f.yaml", &doc, &got); len(ps) > 0 || got.Name != "a" || got.Below[0].Name != "a" {
		t.Errorf("%v %+v", ps, got)
	}

	// Decode also rejects what Parse rejects.
	if err := yaml.Unmarshal([]byte("named: {a: {name: x}, a: {name: y}, ? [b] : {name: z}}\nname: x\nname: y\n? [c]\n: d\n"), &doc); err != nil {
		t.Fatal(err)
	}
	const want = `f.yaml:1:23: named: duplicate key "a" (remove one)
f.yaml:1:39: named: key must be a string, not a list
f.yaml:3:1: duplicate key "name" (remove one)
f.yaml:4:3: key must be a string, not a list`
	if ps := schema.Decode("f.yaml", &doc, &got); ps.Error() != want {
		t.Errorf("\n got: %s\nwant: %s", ps, want)
	}
}

func TestDecode_KeepsValidParts(t *testing.T) {
	var c config
	if got := problems(t, minimal+"targets: {eu: {root: a, debug: maybe}}\n", &c); got != "f.yaml:4:32: targets.eu.debug: expected true or false, found \"maybe\"" {
		t.Fatal(got)
	}
	if eu := c.Targets["eu"]; eu == nil || eu.Root != "a" {
		t.Errorf("the good part is lost: %+v", eu)
	}
}

// placed returns errors with positions.
type placed struct {
	A []int `yaml:"a"`
}

func (placed) Validate() []error {
	return []error{
		schema.Problem{File: "other.yaml", Line: 7, Message: "one", Hint: "two"},
		schema.Problems{{File: "g.yaml", Line: 1, Message: "three"}, {Message: "four"}}.Err(),
		schema.FieldError{Field: "a[1]", Err: errors.New("five")},
		schema.FieldError{Field: "b.c", Err: errors.New("six")},
	}
}

func TestValidate_Positions(t *testing.T) {
	const want = "f.yaml:1:1: x: four\nf.yaml:1:1: x.b.c: six\nf.yaml:1:12: x.a[1]: five\ng.yaml:1: three\nother.yaml:7: one (two)"
	var into struct {
		X placed `yaml:"x"`
	}
	if got := problems(t, "x: {a: [1, 2]}\n", &into); got != want {
		t.Errorf("\n got: %s\nwant: %s", got, want)
	}
	if got := (schema.FieldError{Field: "a", Err: os.ErrNotExist}); !errors.Is(got, os.ErrNotExist) || got.Error() != "a: file does not exist" {
		t.Error(got)
	}
}

func TestDecode_InvalidTagsPanic(t *testing.T) {
	for name, into := range map[string]any{
		"no yaml:": &struct{ A string }{},
		"an unexported field": &struct {
			a string `yaml:"a"`
		}{},
		`duplicate field name "a"`: &struct {
			A, B string `yaml:"a"`
		}{},
		"enum applies to strings": &struct {
			A int `yaml:"a" enum:"1,2"`
		}{},
		"pattern must be a regular expression": &struct {
			A string `yaml:"a" pattern:"("`
		}{},
		"have no order": &struct {
			A bool `yaml:"a" min:"1"`
		}{},
		"min: duration has no unit": &struct {
			A schema.Duration `yaml:"a" min:"1"`
		}{},
		"only an exported or embedded struct": &struct {
			A int `inline:"true"`
		}{},
		"use schema.Duration": &struct {
			A time.Duration `yaml:"a"`
		}{},
		"not supported": &struct {
			A any `yaml:"a"`
		}{},
		"map keys must be strings": &struct {
			A map[int]string `yaml:"a"`
		}{},
		"needs a pointer": struct{}{},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r, _ := recover().(string); !strings.Contains(r, name) {
					t.Errorf("panic(%q), want %q", r, name)
				}
			}()
			n, err := schema.Parse("", []byte("a: 1"))
			if err != nil {
				t.Fatal(err)
			}
			schema.Decode("", n, into)
		})
	}
}

func TestProblem(t *testing.T) {
	for _, tc := range []struct {
		p    schema.Problem
		want string
	}{
		{schema.Problem{File: "f", Line: 1, Column: 2, Path: "a.b", Message: "m", Hint: "h"}, "f:1:2: a.b: m (h)"},
		{schema.Problem{File: "f", Line: 1, Message: "m"}, "f:1: m"},
		{schema.Problem{File: "f", Message: "m"}, "f: m"},
		{schema.Problem{Line: 3, Column: 1, Message: "m"}, "3:1: m"},
		{schema.Problem{Message: "a\nb\x1b[31m\u202e"}, `a\nb\x1b[31m\u202e`},
	} {
		if got := tc.p.Error(); got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
	if err := (schema.Problems{}).Err(); err != nil {
		t.Errorf("Err() without problems = %v", err)
	}
	ps := schema.Problems{{Line: 2, Message: "b"}, {Line: 1, Column: 5, Message: "a"}, {Line: 2, Message: "b"}}.Sorted()
	var back schema.Problems
	if err := ps.Err(); !errors.As(err, &back) || err.Error() != "1:5: a\n2: b" {
		t.Errorf("Err() = %v", err)
	}
}

func TestPaths(t *testing.T) {
	if got := schema.Field(schema.Index(schema.Field("", "a"), 2), "b-c"); got != "a[2].b-c" {
		t.Error(got)
	}
	if got := schema.Field(schema.Field("", "a b"), strings.Repeat("x", 41)); got != `["a b"]["`+strings.Repeat("x", 40)+`"…]` {
		t.Error(got)
	}
}
