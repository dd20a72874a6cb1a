package exporter

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/exporter/ratchet"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// yamlNode parses waivers for a test.
func yamlNode(text string) ([]*schema.Node, error) {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return nil, err
	}
	return []*schema.Node{n.Content[0]}, nil
}

// checksSchema is the published schema of check --format=json. All objects are closed, so that a new field fails the test
// until it is added here.
func checksSchema() map[string]any {
	type m = map[string]any
	text, number, truth := m{"type": "string"}, m{"type": "number", "minimum": 0}, m{"type": "boolean"}
	moment := m{"type": "string", "format": "date-time"}
	digest := m{"type": "string", "pattern": "^[0-9a-f]{64}$"}
	name := m{"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}
	object := func(about string, properties m) m {
		var required []any
		for key := range properties {
			required = append(required, key)
		}
		slices.SortFunc(required, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		out := m{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
		if about != "" {
			out["description"] = about
		}
		return out
	}
	optional := func(of m, key string, about m) m { // adds a property that may be missing
		of["properties"].(m)[key] = about
		return of
	}
	orNull := func(of m) m { return m{"anyOf": []any{of, m{"type": "null"}}} }
	list := func(of m) m { return m{"type": "array", "items": of} }
	offenders := list(object("", m{
		"id":   m{"type": "string", "minLength": 1, "description": "stays the same between runs as long as the fault exists"},
		"file": m{"type": "string", "description": "relative to the deployment's root; empty if the offender is not in a file"},
		"line": m{"type": "integer", "minimum": 0, "description": "0 if unknown"},
	}))
	offenders["description"] = "the single things that the warning or failure is about; missing if there are none or the probe names none"
	words := func(all []any, about string) m { return m{"enum": all, "description": about} }
	var states []any
	for _, s := range probe.States() {
		states = append(states, s.String())
	}
	reasons := []any{""}
	for _, r := range probe.Reasons() {
		reasons = append(reasons, string(r))
	}
	layers := []any{}
	for _, l := range []probe.Layer{probe.LayerDeclared, probe.LayerRunning, probe.LayerLive, probe.LayerEvidence, probe.LayerAttested, probe.LayerDerived} {
		layers = append(layers, string(l))
	}
	state := words(states, "the verdict")
	reason := words(reasons, "why the state is not pass; empty for pass")
	release := orNull(object("", m{"version": text, "commit": text, "by": text, "since": moment}))
	minutes := func(about string) m { return object(about, m{"day": number, "month": number}) }
	past := orNull(object("the item's past as the ledger in the state directory knows it; null if it is unknown", m{
		"since": orNull(moment), "exact": m{"type": "boolean", "description": "the change to the present state was observed; otherwise the state may be older"},
		"not_ready_minutes": minutes("for how long it failed or was unknown without a waiver, in the last 24 hours and 30 days"),
		"watched_minutes":   minutes("for how long it was observed, in the same times"),
	}))
	changes := func(about string) m {
		of := list(object("", m{"item": text, "now": text, "before": text,
			"faults": list(m{"type": "string", "description": "reasons and offenders that are new or gone, if state and reason are the same"})}))
		of["description"] = about
		return of
	}
	root := optional(object("Output of check --format=json and /api/v1/checks.", m{
		"ready":            m{"type": "boolean", "description": "every required standing item is ok or waived"},
		"gates":            m{"type": "object", "additionalProperties": truth, "description": "whether each gate is ready, by name"},
		"time":             moment,
		"exporter_version": text,
		"config_digest":    digest,
		"checklist_digest": digest,
		"release":          object("the planned and the recorded release; null if there is none", m{"planned": release, "recorded": release}),
		"categories":       list(object("", m{"category": name, "ready": truth})),
		"items": list(optional(object("", m{
			"controls": m{"type": "array", "items": text, "description": "ids of the controls that it is evidence for"},
			"needs":    m{"type": "array", "items": text, "description": "its prerequisites, as category/item"},
			"category": name, "item": name, "title": text, "severity": words([]any{"critical", "warning", "info"}, "critical pages"), "owner": m{"type": "string", "description": "empty if the checklist names none"},
			"due": orNull(m{"type": "string", "format": "date-time", "description": "end of the due date, until which a failure does not page"}), "required": truth,
			"scope": words([]any{"standing", "release"}, "standing: must hold at all times; release: applies to one release"), "state": state, "reason": reason, "detail": text, "fix": text,
			"waiver": orNull(object("", m{"by": text, "approved_by": m{"type": "string", "description": "empty for a waiver of the configuration"}, "reason": text, "expires": moment,
				"problem": m{"type": "string", "description": "why it is not in force; empty if it is, or until its end was"}})), "last_run": orNull(moment), "duration_seconds": number,
			"probes": list(optional(object("", m{"probe": name, "layer": words(layers, "where the probe gets its facts"), "state": state, "reason": reason, "detail": text}),
				"offenders", offenders)),
			"past": past,
		}), "blocked_by", m{"type": "string", "description": "the item that has to be fixed first; missing unless the reason is blocked by another item"})),
		"history": orNull(object("the ledger of verdicts; null without --state.directory", m{
			"from": orNull(moment), "to": orNull(moment), "notes": list(text),
		})),
	}), "baseline", object("the comparison with the file of --baseline; missing without it", m{
		"time": moment, "other_checklist": m{"type": "boolean", "description": "the checklist has changed since then"},
		"new_failing": changes("newly fail; the exit code is 1"), "new_waiting": changes("newly have no verdict; the exit code is 3"),
		"better": changes("ok now, or with fewer faults"), "not_judged": changes("were not ok, and are skipped, waived or gone now"),
		"known": list(text),
	}))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Verdicts of catalyst_exporter"
	return root
}

func TestDocsSchema(t *testing.T) {
	data, err := json.MarshalIndent(checksSchema(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareDoc(t, "checks.schema.json", append(data, '\n'))
}

func TestChecksValidate(t *testing.T) {
	text, err := json.Marshal(checksSchema())
	if err != nil {
		t.Fatal(err)
	}
	read := func(data []byte) any {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("checks.json", read(text)); err != nil {
		t.Fatal(err)
	}
	form := c.MustCompile("checks.json")

	r := everyState(t)
	r.Planned = &attest.Release{Record: attest.Record{Release: attest.ReleaseID{Version: "1.0.0", Commit: "0a1b2c3"}, By: "lead@example.com"}, Since: r.Time}
	crafted, err := format.Encode(r, strings.Repeat("0", 64), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	base, err := ratchet.Read(crafted)
	if err != nil {
		t.Fatal(err)
	}
	compared, err := format.Encode(r, strings.Repeat("0", 64), nil, base.Compare(r, checklist.Answer{}))
	if err != nil {
		t.Fatal(err)
	}
	var real, errs bytes.Buffer
	sys := System{Context: t.Context(), Stdout: &real, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
	if code := Main([]string{"check", "--format=json", "--deployment.root=" + exampleCopy(t)}, sys); code != ExitFailing {
		t.Fatalf("check: %d %s", code, errs.String())
	}
	for name, data := range map[string][]byte{"every state": crafted, "with a baseline": compared, "the example": real.Bytes()} {
		if err := form.Validate(read(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []struct{ old, new, want string }{
		{`"state": "fail"`, `"state": "broken"`, "state"},
		{`"reason": "invalid"`, `"reason": "because"`, "reason"},
		{`"ready": false`, `"ready": "no"`, "ready"},
		{`"layer": "declared"`, `"layer": "guessed"`, "layer"},
		{`"severity": "warning"`, `"severity": "high"`, "severity"},
		{`"fix": `, `"mend": `, "mend"},
		{`"last_run": "`, `"last_run": "at `, "last_run"},
		{`"line": 7`, `"line": -7`, "line"},
		{`"id": "web:memory"`, `"id": ""`, "id"},
		{`"config_digest": "0`, `"config_digest": "x`, "config_digest"},
	} {
		broken := strings.Replace(string(crafted), bad.old, bad.new, 1)
		if broken == string(crafted) {
			t.Fatalf("no %s in what is printed", bad.old)
		}
		if err := form.Validate(read([]byte(broken))); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v", bad.new, err)
		}
	}
}
