package exporter

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// operation describes one operation of the HTTP side.
type operation struct {
	method, path, summary string
	parameters            []map[string]any
	responses             map[string]map[string]any // by status
}

func inQuery(name, about string, of map[string]any) map[string]any {
	return map[string]any{"name": name, "in": "query", "description": about, "schema": of}
}

func responds(about, mediaType string, of map[string]any) map[string]any {
	content := map[string]any{}
	if of != nil {
		content["schema"] = of
	}
	return map[string]any{"description": about, "content": map[string]any{mediaType: content}}
}

// operations describes what the server serves. Profiles are not part of the API.
func operations() []operation {
	type m = map[string]any
	type responses = map[string]map[string]any
	text := m{"type": "string"}
	list := func(of m) m { return m{"type": "array", "items": of} }
	plain := func(about string) map[string]any { return responds(about, "text/plain", text) }
	reference := func(name string) m { return m{"$ref": "#/components/schemas/" + name} }
	target := inQuery("target", "name of a configured target; needed if there are several", text)
	unknown := plain("no target of this name")
	timeout := m{"name": "X-Prometheus-Scrape-Timeout-Seconds", "in": "header", "description": "how long the client waits; Prometheus sends it",
		"schema": m{"type": "number", "exclusiveMinimum": 0}}
	collect := inQuery("collect[]", "only these categories", list(text))
	collect["style"], collect["explode"] = "form", true
	return []operation{
		{"get", "/", "The board of a deployment; with several targets and none chosen, the overview of all of them.",
			[]m{target, inQuery("refresh", "0 for a page that does not refresh itself; 1 shows the last verdicts and runs nothing", text)},
			responses{"200": responds("the page", "text/html", nil), "404": unknown}},
		{"get", "/badge.svg", "One verdict as a picture: of a deployment, a gate or an item.",
			[]m{target, inQuery("gate", "name of a gate", text), inQuery("item", "category/item", text)},
			responses{"200": responds("the picture", "image/svg+xml", nil), "400": plain("no target is chosen, an unknown gate, or both a gate and an item"),
				"404": plain("no target or item of this name")}},
		{"get", "/metrics", "Metrics of the exporter and, without targets, of the deployment. Runs the probes that are due.",
			[]m{collect, timeout}, responses{"200": plain("the Prometheus text format"), "400": plain("unknown category")}},
		{"get", "/probe", "Metrics of one target. Runs the probes that are due.",
			[]m{requiredOf(target), collect, timeout},
			responses{"200": plain("the Prometheus text format"), "400": plain("unknown category"), "404": unknown}},
		{"get", "/sd", "The targets, for the HTTP service discovery of Prometheus.",
			[]m{inQuery("self", "false leaves out the exporter itself", m{"type": "string"})},
			responses{"200": responds("one group per target", "application/json", list(m{"type": "object", "required": []any{"targets", "labels"},
				"additionalProperties": false, "properties": m{"targets": list(text), "labels": m{"type": "object", "additionalProperties": text}}}))}},
		{"get", "/api/v1/checks", "All verdicts of a deployment. Runs the probes that are due.", []m{target, timeout},
			responses{"200": responds("the verdicts", "application/json", reference("Checks")), "404": unknown}},
		{"get", "/api/v1/ready", "Whether a deployment, a gate or a category is ready. Runs the probes that are due.",
			[]m{target, inQuery("gate", "name of a gate", text), inQuery("category", "name of a category", text), timeout},
			responses{"200": responds("ready", "application/json", reference("Ready")), "503": responds("not ready", "application/json", reference("Ready")),
				"400": plain("unknown gate or category, or both"), "404": unknown}},
		{"get", "/api/v1/openapi.json", "This document.", nil, responses{"200": responds("this document", "application/json", m{"type": "object"})}},
		{"get", "/-/healthy", "The exporter runs.", nil, responses{"200": plain("healthy")}},
		{"get", "/-/ready", "The exporter serves. It says nothing of the deployment: see /api/v1/ready.", nil, responses{"200": plain("ready")}},
		{"post", "/-/reload", "Reload the configuration; only with --web.enable-lifecycle.", nil,
			responses{"200": plain("reloaded"), "403": plain("reloading over HTTP is disabled"), "500": plain("the configuration is invalid; the old one stays in use")}},
	}
}

func requiredOf(parameter map[string]any) map[string]any {
	p := maps.Clone(parameter)
	p["required"] = true
	return p
}

// openAPIDocument is the document that the server embeds.
func openAPIDocument() map[string]any {
	type m = map[string]any
	checks := checksSchema()
	delete(checks, "$schema") // the dialect of OpenAPI 3.1 is the same
	ids := m{"type": "array", "items": m{"type": "string"}, "description": "category/item"}
	paths := m{}
	for _, o := range operations() {
		responses := m{
			"401": m{"description": "credentials are missing or wrong, if --web.config.file requires them"},
			"403": m{"description": "the Host of the request is not allowed on a loopback address"},
		}
		for status, r := range o.responses {
			responses[status] = r
		}
		of := m{"summary": o.summary, "responses": responses}
		if len(o.parameters) > 0 {
			of["parameters"] = o.parameters
		}
		paths[o.path] = m{o.method: of}
	}
	return m{
		"openapi": "3.1.0",
		"info": m{"title": "catalyst_exporter", "version": "1", "description": "Verdicts on the production readiness of deployments. Every operation" +
			" but /-/reload only reads."},
		"servers": []any{m{"url": "/"}},
		"paths":   paths,
		"components": m{
			"schemas": m{
				"Checks": checks,
				"Ready": m{"type": "object", "additionalProperties": false, "required": []any{"failing", "ready", "waiting"},
					"properties": m{"ready": m{"type": "boolean"}, "failing": ids, "waiting": ids}},
			},
			"securitySchemes": m{"basic": m{"type": "http", "scheme": "basic"}},
		},
		"security": []any{m{}, m{"basic": []any{}}}, // none, or that of --web.config.file
	}
}

func TestDocsOpenAPI(t *testing.T) {
	data, err := json.MarshalIndent(openAPIDocument(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compareDoc(t, "../exporter/server/openapi.json", append(data, '\n'))
}

// asked is one request with the status that the document promises.
type asked struct {
	method, path, query string
	status              int
}

// TestOpenAPI_Handlers requests every described operation with every described status of its own, and holds the response to
// the described media type and schema.
func TestOpenAPI_Handlers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"shop", "blog"} {
		if err := os.CopyFS(dir+"/"+name, os.DirFS("../examples/deployment")); err != nil {
			t.Fatal(err)
		}
	}
	targets := "targets: {shop: {root: shop}, blog: {root: blog}}\n"
	several := serveAt(t, time.Now, "--config.file="+write(t, dir, "catalyst.yml", targets))
	none := write(t, dir, "lifecycle.yml", "deployment: {root: shop}\n")
	single := serveAt(t, time.Now, "--config.file="+none, "--web.enable-lifecycle")

	status, body := several.get(t, "/api/v1/openapi.json")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	schemas := compileOpenAPI(t, []byte(body))
	unseen := map[string]bool{}
	for _, o := range operations() {
		for status := range o.responses {
			unseen[o.method+" "+o.path+" "+status] = true
		}
	}
	ask := func(r *running, q asked) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(q.method), r.url+q.path+q.query, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		data, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != q.status {
			t.Errorf("%s %s%s: %d %.200s, want %d", q.method, q.path, q.query, response.StatusCode, data, q.status)
			return
		}
		schemas.holds(t, q, response.Header.Get("Content-Type"), data)
		delete(unseen, q.method+" "+q.path+" "+strconv.Itoa(q.status))
	}
	for _, q := range []asked{
		{"get", "/", "", 200}, {"get", "/", "?target=none", 404},
		{"get", "/badge.svg", "?target=shop", 200}, {"get", "/badge.svg", "?target=none", 404}, {"get", "/badge.svg", "", 400},
		{"get", "/metrics", "", 200},
		{"get", "/probe", "?target=shop", 200}, {"get", "/probe", "?target=none", 404}, {"get", "/probe", "?target=shop&collect[]=none", 400},
		{"get", "/sd", "", 200},
		{"get", "/api/v1/checks", "?target=shop", 200}, {"get", "/api/v1/checks", "", 404},
		{"get", "/api/v1/ready", "?target=shop", 503}, {"get", "/api/v1/ready", "?target=none", 404}, {"get", "/api/v1/ready", "?target=shop&gate=none", 400},
		{"get", "/api/v1/openapi.json", "", 200}, {"get", "/-/healthy", "", 200}, {"get", "/-/ready", "", 200},
		{"post", "/-/reload", "", 403},
	} {
		ask(several, q)
	}
	ask(single, asked{"get", "/metrics", "?collect[]=none", 400})
	ask(single, asked{"post", "/-/reload", "", 200})
	write(t, dir, "lifecycle.yml", "checklist: absent.yml\n")
	ask(single, asked{"post", "/-/reload", "", 500})
	ask(readyServer(t), asked{"get", "/api/v1/ready", "", 200})
	for _, missing := range slices.Sorted(maps.Keys(unseen)) {
		t.Errorf("described, but not requested by this test: %s", missing)
	}
}

// readyServer serves a deployment with one item, which passes.
func readyServer(t *testing.T) *running {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "list.yml", "checklist: One\ncategories:\n  - category: files\n    items:\n"+
		"      - {item: list, title: List, fix: Write it., probes: [file_content: {path: list.yml}]}\n")
	return serveAt(t, time.Now, "--config.file="+write(t, dir, "catalyst.yml", "checklist: list.yml\ndeployment: {root: .}\n"))
}

// TestOpenAPI_Moved requests every described path of a server with a route prefix and another path of the metrics.
func TestOpenAPI_Moved(t *testing.T) {
	r := serveAt(t, time.Now, "--deployment.root="+t.TempDir(), "--web.route-prefix=/readiness", "--web.telemetry-path=/verdicts")
	status, body := r.get(t, "/readiness/api/v1/openapi.json")
	var document struct {
		Servers []struct{ URL string }
		Paths   map[string]any
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v %s", status, err, body)
	}
	if len(document.Servers) != 1 || document.Servers[0].URL != "/readiness" || document.Paths["/metrics"] != nil {
		t.Errorf("%+v", document.Servers)
	}
	for path := range document.Paths {
		if status, _ := r.get(t, "/readiness"+path); status == http.StatusNotFound && path != "/probe" {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// described holds responses to a document.
type described struct {
	document map[string]any
	compiler *jsonschema.Compiler
}

func compileOpenAPI(t *testing.T, data []byte) described {
	t.Helper()
	read, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	d := described{document: read.(map[string]any), compiler: jsonschema.NewCompiler()}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", read); err != nil {
		t.Fatal(err)
	}
	return d
}

// holds compares a response with what the document says of it.
func (d described) holds(t *testing.T, q asked, mediaType string, body []byte) {
	t.Helper()
	at := d.document
	for _, key := range []string{"paths", q.path, q.method, "responses", strconv.Itoa(q.status), "content"} {
		next, ok := at[key].(map[string]any)
		if !ok {
			t.Errorf("%s %s: the document has no %s", q.method, q.path, key)
			return
		}
		at = next
	}
	base, _, _ := strings.Cut(mediaType, ";")
	content, ok := at[base].(map[string]any)
	if !ok {
		t.Errorf("%s %s%s: %s is not described", q.method, q.path, q.query, mediaType)
		return
	}
	if content["schema"] == nil || base != "application/json" {
		return
	}
	pointer := "openapi.json#/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(q.path) + "/" + q.method + "/responses/" + strconv.Itoa(q.status) +
		"/content/application~1json/schema"
	form, err := d.compiler.Compile(pointer)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Errorf("%s %s: %v", q.method, q.path, err)
	} else if err := form.Validate(value); err != nil {
		t.Errorf("%s %s%s: %v", q.method, q.path, q.query, err)
	}
}
