package checklist

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// changes decodes the part of a configuration that changes a checklist.
func changes(t *testing.T, text string) Changes {
	t.Helper()
	var c struct {
		Overrides map[string]*schema.Node `yaml:"overrides"`
		Waivers   []*schema.Node          `yaml:"waivers"`
	}
	node, err := schema.Parse("config.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if ps := schema.Decode("config.yml", node, &c); len(ps) > 0 {
		t.Fatal(ps)
	}
	return Changes{File: "config.yml", Overrides: c.Overrides, Waivers: c.Waivers}
}

func own(text string) *Source { return &Source{File: "own.yaml", Data: []byte(text)} }

const twice = `
checklist: Ours
gates:
  pre: {categories: [keys], items: [more/api_key]}
categories:
  - category: keys
    items:
      - item: both_keys
        title: Both keys set
        severity: critical
        fix: set them
        probes:
          - env_secret: {key: FIRST_KEY}
            name: first
            max_age: 1m
          - env_secret: {key: SECOND_KEY}
            name: second
  - category: more
    title: More
    items:
      - {item: api_key, title: API key set, fix: set it, scope: release, required: false, probes: [{env_secret: {key: API_KEY}}]}
`

func TestLoad_OwnChecklistRepeatsKind(t *testing.T) {
	c, err := Load(own(twice), Changes{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Names(), " "); c.Name != "Ours" || got != "keys/both_keys more/api_key" {
		t.Errorf("%s holds %s", c.Name, got)
	}
	both := c.Find("both_keys")[0]
	if len(both.Probes) != 2 || both.Probes[0].Name != "first" || both.Probes[1].Name != "second" || both.Probes[0].Look == both.Probes[1].Look {
		t.Errorf("probes: %+v", both.Probes)
	}
	if both.Probes[0].MaxAge != time.Minute || both.Probes[1].MaxAge != 0 {
		t.Errorf("max_age: %v and %v", both.Probes[0].MaxAge, both.Probes[1].MaxAge)
	}
	if !both.Required || both.Scope != Standing || both.Severity != Critical {
		t.Errorf("defaults: %+v", both)
	}
	key := c.Find("more/api_key")[0]
	if key.Required || key.Scope != Release || key.Severity != Warning {
		t.Errorf("api_key: %+v", key)
	}
	if g := c.Gate("pre"); g == nil || len(g.Items) != 2 {
		t.Errorf("gate: %+v", g)
	}
	again, err := Load(own(twice), Changes{})
	if err != nil || again.Digest != c.Digest || len(c.Digest) != 64 {
		t.Errorf("digests %q and %q, %v", c.Digest, again.Digest, err)
	}
}

func TestLoad_ExtendsAddsAndReplaces(t *testing.T) {
	base, err := Load(nil, Changes{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(own(`
checklist: TNE Catalyst and ours
extends: catalyst
categories:
  - category: security
    items:
      - {item: jwt_secret, title: Our own, fix: fix it, probes: [{env_secret: {key: TOKEN_KEY}}]}
      - {item: signing_key, title: Signing key, fix: fix it, probes: [{env_secret: {key: SIGNING_KEY}}]}
  - category: ours
    items:
      - {item: x, title: X, fix: fix it, probes: [{env_secret: {key: X_KEY}}]}
`), Changes{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Items()) != len(base.Items())+2 || c.Find("jwt_secret")[0].Title != "Our own" || len(c.Find("ours/x")) != 1 || c.Categories[0].Title != base.Categories[0].Title {
		t.Errorf("items: %v", c.Names())
	}
}

func TestLoad_OverridesAndWaivers(t *testing.T) {
	c, err := Load(nil, changes(t, `
overrides:
  redis_password: {severity: info, required: false, max_age: 5m, probes: {env_secret: {with: {min_length: 99}, timeout: 2s}}}
  security/jwt_secret: {enabled: false, reason: no tokens here}
  postgres_password: {probes: {env_secret: {enabled: false, reason: judged live}}}
waivers:
  - {item: redis_password, reason: being rotated, by: ops lead, expires: 2026-12-31}
`))
	if err != nil {
		t.Fatal(err)
	}
	redis, jwt, postgres := c.Find("redis_password")[0], c.Find("jwt_secret")[0], c.Find("postgres_password")[0]
	plain, _ := Load(nil, Changes{})
	if pr := redis.Probes[0]; redis.Severity != Info || redis.Required || pr.MaxAge != 5*time.Minute || pr.Timeout != 2*time.Second ||
		pr.MaxStale != 10*time.Minute+2*time.Second || pr.Look == plain.Find("redis_password")[0].Probes[0].Look {
		t.Errorf("redis_password: %+v, %+v", redis, redis.Probes[0])
	}
	if jwt.Disabled != "no tokens here" || postgres.Disabled != "" || postgres.Probes[0].Disabled != "judged live" {
		t.Errorf("switched off: %q %q %q", jwt.Disabled, postgres.Disabled, postgres.Probes[0].Disabled)
	}
	last := time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	if w := redis.Waiver; !w.Active(last) || w.Active(last.Add(time.Second)) || w.By != "ops lead" {
		t.Errorf("waiver: %+v", w)
	}
}

func TestLoad_ReportsAllProblemsWithLines(t *testing.T) {
	tests := []struct {
		name, list, config string
		want               []string
	}{
		{"items", `checklist: x
gates:
  pre: {categories: [kyes], items: [nope]}
categories:
  - category: keys
    items:
      - item: Bad Name
        title: t
        fix: f
        severity: critcal
        probes: [{env_secert: {key: A}}]
      - {item: two, title: t, fix: f, probes: [{env_secret: {key: A}}, {env_secret: {key: B}}]}
      - {item: two, title: t, fix: f, probes: [{env_secret: {key: A}, name: y, timeout: 1}]}
      - {item: none, title: t, fix: f, probes: []}
      - {item: empty, title: t, fix: f, probes: [{env_secret: {}}, {name: x}, just_text]}
  - {category: bare, items: []}
`, "", []string{
			`3:8: gates.pre: unknown category "kyes" (did you mean "keys"?)`,
			`3:8: gates.pre: unknown item "nope"`,
			`7:15: categories[0].items[0].item: `,
			`10:19: categories[0].items[0].severity: "critcal" is not one of critical, warning, info (did you mean "critical"?)`,
			`11:19: categories[0].items[0].probes[0]: unknown kind of probe "env_secert" (did you mean "env_secret"?)`,
			`12:72: categories[0].items[1].probes[1]: two probes of this item are named "env_secret": set name`,
			`13:9: categories[0].items[2]: item "two" is already in category "keys"`,
			`14:40: categories[0].items[3].probes: required, but empty`,
			`15:63: categories[0].items[4].probes[0].env_secret.key: required, but missing`,
			`15:68: categories[0].items[4].probes[1]: a probe must name its kind`,
			`15:79: categories[0].items[4].probes[2]: a probe must have the form`,
			`16:22: categories[1].items: required, but empty`,
		}},
		{"changes", twice, `overrides:
  both_key: {}
  both_keys: {enabled: false, probes: {fist: {}, first: {enabled: false, with: {min_length: 0}}}}
waivers:
  - {item: both_keys, reason: r, by: b, expires: 2026-02-30}
  - {item: api_key, reason: r, by: b, expires: 2026-02-28}
  - {item: more/api_key, reason: r, by: b, expires: 2026-02-28}
  - {item: api_key}
`, []string{
			`2:13: overrides.both_key: unknown item "both_key" (did you mean "both_keys"?)`,
			"3:14: overrides.both_keys: a disabled item needs a `reason`",
			`3:46: overrides.both_keys.probes.fist: item keys/both_keys has no probe "fist" (did you mean "first"?)`,
			"3:57: overrides.both_keys.probes.first: a disabled probe needs a `reason`",
			`overrides.both_keys.probes.first.with.min_length: `,
			`waivers[0].expires: not a valid date`,
			`7:5: waivers[2]: item more/api_key is waived twice`,
			`8:5: waivers[3].reason: required, but missing`,
		}},
		{"moments", `checklist: x
categories:
  - category: keys
    items:
      - {item: one, title: t, fix: f, after: record, probes: [{env_secret: {key: A}}]}
      - {item: two, title: t, fix: f, scope: release, freeze: record, after: record, probes: [{env_secret: {key: A}}]}
      - {item: three, title: t, fix: f, freeze: 1h, probes: [{env_secret: {key: A}}]}
      - {item: four, title: t, fix: f, scope: release, after: plan, probes: [{env_secret: {key: A}}]}
`, "", []string{
			`5:46: categories[0].items[0].after: only items of scope release can have after: record`,
			`6:78: categories[0].items[1].after: after: record contradicts freeze: record, since the verdict would be final before the first run`,
			`7:49: categories[0].items[2].freeze: only items of scope release can have freeze`,
			`8:63: categories[0].items[3].after: "plan" is not one of record`,
		}},
		{"no yaml", "checklist: [", "", []string{`own.yaml:1`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ch := Changes{}
			if tt.config != "" {
				ch = changes(t, tt.config)
			}
			c, err := Load(own(tt.list), ch)
			var ps schema.Problems
			if c != nil || !errors.As(err, &ps) {
				t.Fatalf("loaded %v, %v", c, err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("missing problem: %s\nin\n%v", w, err)
				}
			}
		})
	}
}

// TestCatalyst checks the embedded checklist against the conventions.
func TestCatalyst(t *testing.T) {
	c, err := Load(nil, Changes{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, it := range c.Items() {
		if seen[it.Name] {
			t.Errorf("%s: the name is used in two categories, so its short form is ambiguous", it.ID())
		}
		seen[it.Name] = true
		if !strings.HasSuffix(strings.TrimSpace(it.Fix), ".") {
			t.Errorf("%s: the fix is not a sentence: %q", it.ID(), it.Fix)
		}
	}
}
