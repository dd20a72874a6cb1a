package schema_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// config is the document of these tests: one field for each way to write a value.
type config struct {
	Deployment deployment              `yaml:"deployment" doc:"what is looked at" required:"true"`
	Checks     []check                 `yaml:"checks" doc:"own checks"`
	Labels     map[string]string       `yaml:"labels" doc:"shown on the board"`
	Limits     map[string]schema.Bytes `yaml:"limits" max:"3"`
	Targets    map[string]*deployment  `yaml:"targets"`
	Raw        *schema.Node            `yaml:"raw" doc:"anything"`
	Every      schema.Duration         `yaml:"every" min:"10s" max:"1d" default:"1m" example:"5m"`
	Grace      schema.Duration         `yaml:"grace"`
	Shift      schema.Duration         `yaml:"shift" min:"-1h"`
	Since      time.Time               `yaml:"since"`
	Skipped    string                  `yaml:"-"`
	internal   int                     //lint:ignore U1000 an unexported field is passed over
}

type deployment struct {
	Root     string   `yaml:"root" required:"true" example:"/srv/app" doc:"its folder"`
	Postgres postgres `yaml:"postgres"`
	Paths    []string `yaml:"paths" default:"docs,deploy"`
	Debug    bool     `yaml:"debug" default:"false"`
	Key      *token   `yaml:"key"`
	timing   `inline:"true"`
}

type timing struct {
	Retries uint8   `yaml:"retries" max:"5"`
	Ratio   float64 `yaml:"ratio" min:"0" max:"1"`
}

type postgres struct {
	Port     int     `yaml:"port" min:"1" max:"65535" required:"true"`
	Password token   `yaml:"password"`
	SSLMode  string  `yaml:"ssl_mode" enum:"disable,require,verify-full"`
	Host     *string `yaml:"host" pattern:"^[a-z.]+$"`
}

func (p *postgres) Validate() []error {
	if p.Port == 99 {
		return []error{schema.FieldError{Field: "port", Err: errors.New("99 is taken")}, errors.New("postgres as a whole is wrong"), nil}
	}
	return nil
}

type check struct {
	Item     string   `yaml:"item" required:"true" pattern:"^[a-z_]+$"`
	Severity string   `yaml:"severity" enum:"critical,warning,info"`
	Note     string   `yaml:"note" max:"4"`
	Tags     []string `yaml:"tags" enum:"fast,slow" min:"1"`
	Hook     hook     `yaml:"hook"`
	Scope    *scope   `yaml:"scope"`
}

type scope struct {
	Hosts []string `yaml:"hosts" required:"true"`
}

// token is a secret decoded from text.
type token struct{ text string }

func (t *token) UnmarshalText(b []byte) error {
	if strings.HasPrefix(string(b), "bad") {
		return fmt.Errorf("token %s is bad", b)
	}
	t.text = string(b)
	return nil
}

func (token) Secret() bool { return true }

// hook decodes itself and calls DecodeAt on itself.
type hook struct {
	Name string `yaml:"name" required:"true"`
}

func (h *hook) UnmarshalNode(file, path string, n *schema.Node) schema.Problems {
	return schema.DecodeAt(file, path, n, h)
}

func (hook) JSONSchema() map[string]any { return schema.JSON(hook{}) }

// problems decodes text as config and returns the problems, one per line.
func problems(t *testing.T, text string, into any) string {
	t.Helper()
	n, err := schema.Parse("f.yaml", []byte(text))
	if err != nil {
		return err.Error()
	}
	return schema.Decode("f.yaml", n, into).Error()
}

const minimal = "deployment:\n  root: /srv\n  postgres: {port: 5432}\n" // three lines

func TestDecode_TwoMissingFields(t *testing.T) {
	var into struct {
		B string `yaml:"b" required:"true"`
		A string `yaml:"a" required:"true"`
	}
	if got := problems(t, "", &into); got != "f.yaml:1:1: b: required, but missing\nf.yaml:1:1: a: required, but missing" {
		t.Error(got)
	}
}

func TestDecode_Problems(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", `f.yaml:1:1: deployment: required, but missing`},
		{"only a comment", "# nothing\n", `f.yaml:1:1: deployment: required, but missing`},
		{"null", "---\n", `f.yaml:1:1: deployment: required, but missing`},
		{"list", "- a\n", `f.yaml:1:1: expected a mapping, found a list`},
		{"string", "abc\n", `f.yaml:1:1: expected a mapping, found text`},
		{"unknown field", minimal + "lables: {a: b}\n", `f.yaml:4:1: unknown field "lables" (did you mean "labels"?)`},
		{"unknown field, no near word", "deployment:\n  root: a\n  postgres: {port: 1, xyzzy: 2}\n",
			`f.yaml:3:23: deployment.postgres: unknown field "xyzzy" (known here: port, password, ssl_mode, host)`},
		{"unknown field with - for _", "deployment:\n  root: a\n  postgres: {port: 1, SSL-Mode: require}\n",
			`f.yaml:3:23: deployment.postgres: unknown field "SSL-Mode" (did you mean "ssl_mode"?)`},
		{"long unknown field", minimal + strings.Repeat("k", 60) + ": 1\n",
			`f.yaml:4:1: unknown field "` + strings.Repeat("k", 40) + `"… (known here: deployment, checks, labels, limits, targets, raw, every, grace, shift, since)`},
		{"control characters in a key", minimal + "\"a\\e[31m\\n\": 1\n",
			`f.yaml:4:1: unknown field "a…" (known here: deployment, checks, labels, limits, targets, raw, every, grace, shift, since)`},
		{"missing required field: the parent's line", "checks: []\ndeployment:\n\n  postgres:\n    host: a\n",
			"f.yaml:2:1: deployment.root: required, but missing (for example root: /srv/app)\nf.yaml:4:3: deployment.postgres.port: required, but missing"},
		{"two missing fields of one parent", minimal + "targets: {eu: {postgres: {}}}\nchecks: [{hook: {}, scope: {}}]\n",
			`f.yaml:4:11: targets.eu.root: required, but missing (for example root: /srv/app)
f.yaml:4:16: targets.eu.postgres.port: required, but missing
f.yaml:5:10: checks[0].item: required, but missing
f.yaml:5:17: checks[0].hook.name: required, but missing
f.yaml:5:21: checks[0].scope.hosts: required, but missing`},
		{"key from an alias", minimal + "raw: &k lables\n*k : 1\n",
			`f.yaml:5:1: unknown field "lables" (did you mean "labels"?)`},
		{"two missing fields at one position", minimal + "targets:\n  eu:\nchecks: [{scope: }, {}]\nlimits: {a: }\n",
			`f.yaml:5:3: targets.eu.root: required, but missing (for example root: /srv/app)
f.yaml:6:10: checks[0].item: required, but missing
f.yaml:6:11: checks[0].scope.hosts: required, but missing
f.yaml:6:21: checks[1].item: required, but missing
f.yaml:7:10: limits.a: value is missing, expected a size`},
		{"required section without content", "deployment:\n", `f.yaml:1:1: deployment.root: required, but missing (for example root: /srv/app)`},
		{"required but empty", "deployment: {root: ' '}\n", `f.yaml:1:14: deployment.root: required, but empty`},
		{"required but null", "deployment:\n  root:\n", `f.yaml:2:3: deployment.root: value is missing, expected text`},
		{"number as text", "deployment:\n  root: a\n  postgres: {port: '80'}\n", `f.yaml:3:20: deployment.postgres.port: expected a whole number, found "80" (remove the quotes)`},
		{"word for a number", "deployment:\n  root: a\n  postgres: {port: http}\n", `f.yaml:3:20: deployment.postgres.port: expected a whole number, found "http"`},
		{"octal", "deployment:\n  root: a\n  postgres: {port: 0600}\n", `f.yaml:3:20: deployment.postgres.port: expected a whole number, found "0600"`},
		{"list for a number", "deployment:\n  root: a\n  postgres: {port: [1]}\n", `f.yaml:3:20: deployment.postgres.port: expected a whole number, found a list`},
		{"too small", "deployment:\n  root: a\n  postgres: {port: 0}\n", `f.yaml:3:20: deployment.postgres.port: "0" is out of bounds, must be between 1 and 65535`},
		{"too large for the type", "deployment: {root: a, retries: 256}\n", `f.yaml:1:32: deployment.retries: "256" is too large`},
		{"negative uint", "deployment: {root: a, retries: -1}\n", `f.yaml:1:32: deployment.retries: "-1" is negative`},
		{"inline maximum", "deployment: {root: a, retries: 6}\n", `f.yaml:1:32: deployment.retries: "6" is out of bounds, must be at most 5`},
		{"not a number", "deployment: {root: a, ratio: .nan}\n", `f.yaml:1:30: deployment.ratio: expected a number, found ".nan"`},
		{"yes", "deployment: {root: a, debug: yes}\n", `f.yaml:1:30: deployment.debug: expected true or false, found "yes" (write true)`},
		{"quoted true", "deployment: {root: a, debug: 'true'}\n", `f.yaml:1:30: deployment.debug: expected true or false, found "true" (remove the quotes)`},
		{"long wrong word, truncated", "deployment: {root: a, debug: " + strings.Repeat("é", 41) + "}\n",
			`f.yaml:1:30: deployment.debug: expected true or false, found "` + strings.Repeat("é", 40) + `"…`},
		{"enum", "deployment:\n  root: a\n  postgres: {port: 1, ssl_mode: verify_ful}\n",
			`f.yaml:3:33: deployment.postgres.ssl_mode: "verify_ful" is not one of disable, require, verify-full (did you mean "verify-full"?)`},
		{"enum in a list", minimal + "checks:\n  - item: a\n    hook: {name: a}\n    tags: [fast, fats]\n",
			`f.yaml:7:18: checks[0].tags[1]: "fats" is not one of fast, slow (did you mean "fast"?)`},
		{"enum in a list of one scalar", minimal + "checks:\n  - item: a\n    tags: slo\n", `f.yaml:6:11: checks[0].tags: "slo" is not one of fast, slow (did you mean "slow"?)`},
		{"too few entries", minimal + "checks:\n  - item: a\n    tags: []\n", `f.yaml:6:11: checks[0].tags: has 0 entries, must be at least 1`},
		{"pattern, not quoted", minimal + "checks: [{item: A-b}]\n", `f.yaml:4:17: checks[0].item: does not match the pattern ^[a-z_]+$`},
		{"pattern of a pointer", "deployment:\n  root: a\n  postgres: {port: 1, host: A}\n", `f.yaml:3:29: deployment.postgres.host: does not match the pattern ^[a-z.]+$`},
		{"too many characters", minimal + "checks: [{item: a, note: abcdé}]\n", `f.yaml:4:26: checks[0].note: has 5 characters, must be at most 4`},
		{"null for a pointer", "deployment:\n  root: a\n  postgres: {port: 1, host: }\n", `f.yaml:3:23: deployment.postgres.host: value is missing, expected text`},
		{"duration without a unit", minimal + "every: 90\n",
			`f.yaml:4:8: every: duration has no unit, found "90" (write it like 90s, 26h, 30d or 1d12h)`},
		{"duration out of bounds", minimal + "every: 2d\n", `f.yaml:4:8: every: "2d" is out of bounds, must be between 10s and 1d`},
		{"negative duration", minimal + "grace: -5m\n", `f.yaml:4:8: grace: "-5m" is negative`},
		{"negative duration below its bound", minimal + "shift: -2h\n", `f.yaml:4:8: shift: "-2h" is out of bounds, must be at least -1h`},
		{"invalid size in a map", minimal + "limits: {a: 10mb, b: 5MB}\n",
			`f.yaml:4:13: limits.a: unknown size unit, found "10mb" (write it like 512B, 10MB or 1GiB)`},
		{"too many entries", minimal + "limits: {a: 1B, b: 1B, c: 1B, d: 1B}\n", `f.yaml:4:9: limits: has 4 entries, must be at most 3`},
		{"time", minimal + "since: tomorrow\n", `f.yaml:4:8: since: expected a time like 2026-01-31T15:04:05Z or a date like 2026-01-31`},
		{"empty map key", minimal + "labels: {'': a}\n", `f.yaml:4:10: labels: key is empty`},
		{"odd map key in the path", minimal + "labels: {'a.b': [c]}\n", `f.yaml:4:17: labels["a.b"]: expected text, found a list`},
		{"map of pointers", minimal + "targets:\n  eu:\n    root: a\n    rooot: b\n  us:\n", "f.yaml:7:5: targets.eu: unknown field \"rooot\" (did you mean \"root\"?)\nf.yaml:8:3: targets.us.root: required, but missing (for example root: /srv/app)"},
		{"Unmarshaler", minimal + "checks: [{item: a, hook: {nam: b}}]\n",
			"f.yaml:4:26: checks[0].hook.name: required, but missing\nf.yaml:4:27: checks[0].hook: unknown field \"nam\" (did you mean \"name\"?)"},
		{"secret of the wrong type", "deployment:\n  root: a\n  postgres: {port: 1, password: [hunter2]}\n",
			`f.yaml:3:33: deployment.postgres.password: expected text, found a list`},
		{"rejected secret is not quoted", "deployment:\n  root: a\n  key: bad-hunter2\n",
			`f.yaml:3:8: deployment.key: not a valid value`},
		{"validate", "deployment:\n  root: a\n  postgres:\n    port: 99\n", "f.yaml:3:3: deployment.postgres: postgres as a whole is wrong\nf.yaml:4:5: deployment.postgres.port: 99 is taken"},
		{"Validate is called only for valid fields", "deployment:\n  root: a\n  postgres:\n    port: 99\n    hots: a\n",
			`f.yaml:5:5: deployment.postgres: unknown field "hots" (did you mean "host"?)`},
		{"several problems, sorted",
			"every: 5\ndeployment:\n  debug: on\n  postgres:\n    prot: 1\nchecks:\n  - severity: crit\n",
			`f.yaml:1:8: every: duration has no unit, found "5" (write it like 90s, 26h, 30d or 1d12h)
f.yaml:2:1: deployment.root: required, but missing (for example root: /srv/app)
f.yaml:3:10: deployment.debug: expected true or false, found "on" (write true)
f.yaml:4:3: deployment.postgres.port: required, but missing
f.yaml:5:5: deployment.postgres: unknown field "prot" (did you mean "port"?)
f.yaml:7:5: checks[0].item: required, but missing
f.yaml:7:15: checks[0].severity: "crit" is not one of critical, warning, info`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := problems(t, tc.text, &config{}); got != tc.want {
				t.Errorf("%s\n got: %s\nwant: %s", tc.text, got, tc.want)
			}
		})
	}
}
