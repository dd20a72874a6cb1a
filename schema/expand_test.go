package schema_test

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// lookup knows a few variables; mark is the text that must not be shown.
func lookup(name string) (string, bool) {
	v, ok := map[string]string{
		"PORT": "5432", "BAD_PORT": "mark-4711", "env.ROOT": "/srv", "EMPTY": "", "TREE": "a\nport: 1\n- x: {y}", "NULL": "null", "TRUE": "true", "LIKE": "${PORT}$$",
		"BINARY": "a\xff", "NUL": "a\x00", "HUGE": strings.Repeat("x", 1<<20), "SHORT": "7", "MODE": "mark", "NEAR": "requir", "YES": "yes",
	}[name]
	return v, ok
}

// expanded decodes text as config with variables.
func expanded(t *testing.T, text string, into any) string {
	t.Helper()
	n, err := schema.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if ps := schema.Expand("f.yaml", n, lookup); len(ps) > 0 {
		return ps.Error()
	}
	return schema.Decode("f.yaml", n, into).Error()
}

func TestExpand(t *testing.T) {
	var c config
	text := `
base: &base {a: "$${PORT} $$ $x $", b: "${LIKE}"}
deployment: {root: "${env.ROOT}/app", postgres: {port: "${PORT}", password: "x${PORT}y"}, debug: "${TRUE}", paths: "${TREE}"}
labels: {<<: *base, tree: "${TREE}", empty: "${EMPTY}", "null": "${NULL}", "${PORT}": key, c: "${PORT}${PORT}"}
every: ${SHORT}m
`
	text = strings.Replace(text, "base: &base", "raw: &base", 1)
	if got := expanded(t, text, &c); got != "" {
		t.Fatal(got)
	}
	for name, got := range map[string][2]string{
		"$$ and plain $":             {c.Labels["a"], "${PORT} $ $x $"},
		"expanded once":              {c.Labels["b"], "${PORT}$$"},
		"expansion is not structure": {c.Labels["tree"], "a\nport: 1\n- x: {y}"},
		"empty":                      {c.Labels["empty"], ""},
		"expansion is not null":      {c.Labels["null"], "null"},
		"keys are not expanded":      {c.Labels["${PORT}"], "key"},
		"twice":                      {c.Labels["c"], "54325432"},
		"env":                        {c.Deployment.Root, "/srv/app"},
		"secret":                     {c.Deployment.Postgres.Password.text, "x5432y"},
		"scalar as a list":           {strings.Join(c.Deployment.Paths, "|"), "a\nport: 1\n- x: {y}"},
		"duration":                   {c.Every.String(), "7m"},
		"aliases expand separately":  {c.Raw.Content[1].Value, "${PORT} $ $x $"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %q, want %q", name, got[0], got[1])
		}
	}
	if c.Deployment.Postgres.Port != 5432 || !c.Deployment.Debug {
		t.Errorf("port %d, debug %v", c.Deployment.Postgres.Port, c.Deployment.Debug)
	}
}

func TestExpand_Problems(t *testing.T) {
	const escape = "write $$ for a literal $)"
	for _, tc := range []struct{ name, text, want string }{
		{"undefined", "a:\n- ${NONE}\n", "f.yaml:2:3: a[0]: ${NONE} is not set (set it in the environment, or " + escape},
		{"undefined in the env file", "a: ${env.NONE}\n", "f.yaml:1:4: a: ${env.NONE} is not set (add it to the deployment's env file, or " + escape},
		{"several", "b: ${X}${Y}\na: ${Z}\n", "f.yaml:1:4: b: ${X} is not set (set it in the environment, or " + escape + "\nf.yaml:1:4: b: ${Y} is not set (set it in the environment, or " + escape +
			"\nf.yaml:2:4: a: ${Z} is not set (set it in the environment, or " + escape},
		{"default value syntax", "a: ${PORT:-hunter2}\n", "f.yaml:1:4: a: only ${NAME} and ${env.NAME} are supported (" + escape},
		{"unclosed brace", "a: ${hunter2\n", `f.yaml:1:4: a: "${" is not closed (` + escape},
		{"nameless", "a: ${}\n", "f.yaml:1:4: a: only ${NAME} and ${env.NAME} are supported (" + escape},
		{"binary", "a: ${BINARY}\n", "f.yaml:1:4: a: ${BINARY} is not UTF-8 text"},
		{"NUL", "a: ${NUL}\n", "f.yaml:1:4: a: ${NUL} is not UTF-8 text"},
		{"huge", "a: ${HUGE}\nb: ${PORT}\n", "f.yaml:2:4: b: more than 1 MiB of expanded text"},
		{"wrong number", "deployment:\n  root: a\n  postgres: {port: \"${BAD_PORT}\"}\n", "f.yaml:3:20: deployment.postgres.port: expected a whole number, found <expanded>"},
		{"wrong bool", "deployment:\n  root: a\n  debug: ${SHORT}\n", "f.yaml:3:10: deployment.debug: expected true or false, found <expanded>"},
		{"wrong duration", minimal + "every: ${BAD_PORT}\n", "f.yaml:4:8: every: not a duration, found <expanded> (write it like 90s, 26h, 30d or 1d12h)"},
		{"wrong word", "deployment:\n  root: a\n  postgres: {port: 1, ssl_mode: \"${MODE}\"}\n", "f.yaml:3:33: deployment.postgres.ssl_mode: <expanded> is not one of disable, require, verify-full"},
		{"no nearest word", "deployment:\n  root: a\n  postgres: {port: 1, ssl_mode: \"${NEAR}\"}\n",
			"f.yaml:3:33: deployment.postgres.ssl_mode: <expanded> is not one of disable, require, verify-full"},
		{"no hint", "deployment:\n  root: a\n  debug: ${YES}\n",
			"f.yaml:3:10: deployment.debug: expected true or false, found <expanded>"},
		{"out of bounds", "deployment: {root: a, retries: \"${SHORT}\"}\n", "f.yaml:1:32: deployment.retries: <expanded> is out of bounds, must be at most 5"},
		{"required, but empty", "deployment:\n  root: ${EMPTY}\n", "f.yaml:2:3: deployment.root: required, but empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := expanded(t, tc.text, &config{}); got != tc.want {
				t.Errorf("\n got: %s\nwant: %s", got, tc.want)
			}
		})
	}
}

func TestExpand_KeepsInvalidReferences(t *testing.T) {
	n, err := schema.Parse("f.yaml", []byte("a: ${PORT} ${NONE}\nb: ${PORT}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if ps := schema.Expand("f.yaml", n, lookup); len(ps) != 1 {
		t.Fatal(ps)
	}
	if a, b := n.Content[1], n.Content[3]; a.Value != "${PORT} ${NONE}" || schema.Expanded(a) || b.Value != "5432" || !schema.Expanded(b) || schema.Quote(b) != "<expanded>" {
		t.Errorf("a is %q, b is %q", a.Value, b.Value)
	}
}

func TestDecode_TypeWithoutFields(t *testing.T) {
	if got := expanded(t, "word\n", &loud{}); got != "f.yaml:1:1: found word" {
		t.Error(got)
	}
}

// chatty quotes values that it must not quote.
type chatty struct {
	URL   string `yaml:"url"`
	Inner loud   `yaml:"inner"`
	Token quiet  `yaml:"token"`
}

func (c *chatty) Validate() []error {
	return []error{schema.FieldError{Field: "inner.x[0]", Err: errorf("url " + c.URL + " is wrong")}}
}

type loud struct{}

func (loud) UnmarshalNode(file, path string, n *schema.Node) schema.Problems {
	p := schema.Problemf(file, path, n, "found %s", n.Value)
	if part, ok := strings.CutPrefix(n.Value, "a"); ok {
		p.Message += ", that is x" + strings.TrimSuffix(part, "b") + "x"
	}
	return schema.Problems{p}
}

type quiet struct{}

func (quiet) Secret() bool { return true }

func (quiet) UnmarshalNode(file, path string, n *schema.Node) schema.Problems {
	p := schema.Problemf(file, path, n, "found %q", n.Value)
	p.Hint = "not " + n.Value
	return schema.Problems{p}
}

type errorf string

func (e errorf) Error() string { return string(e) }

func TestDecode_MasksForeignMessages(t *testing.T) {
	for text, want := range map[string]string{
		"url: https://${BAD_PORT}/x\n":     "f.yaml:1:1: inner.x[0]: url <expanded> is wrong",
		"url: a${BAD_PORT}b\n":             "f.yaml:1:1: inner.x[0]: url <expanded> is wrong",
		"inner: a${BAD_PORT}b\n":           "f.yaml:1:8: inner: found <expanded>, that is x<expanded>x",
		"url: plain\n":                     "f.yaml:1:1: inner.x[0]: url plain is wrong",
		"url: \"${SHORT}\"\n":              "f.yaml:1:1: inner.x[0]: url <expanded> is wrong",
		"inner: ${BAD_PORT}\n":             "f.yaml:1:8: inner: found <expanded>",
		"inner: plain\n":                   "f.yaml:1:8: inner: found plain",
		"token: hunter2\n":                 "f.yaml:1:8: token: found \"<secret>\" (not <secret>)",
		"token: \"hunt\\\"er2\"\n":         "f.yaml:1:8: token: found \"<secret>\" (not <secret>)",
		"token: x${BAD_PORT}\n":            "f.yaml:1:8: token: found \"<expanded>\" (not <expanded>)",
		"url: \"${TREE}\"\ninner: plain\n": "f.yaml:2:8: inner: found plain",
	} {
		if got := expanded(t, text, &chatty{}); got != want {
			t.Errorf("%s\n got: %s\nwant: %s", text, got, want)
		}
	}
}
