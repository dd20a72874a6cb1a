package documents

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

func pngOf(t *testing.T, width, height int) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// packed is a compressed page as draw.io stores it.
func packed(t *testing.T, model string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(url.PathEscape(model))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

const (
	svgGood   = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><g><rect width="9"/><rect x="20"/><line/></g></svg>`
	pageGood  = `<mxGraphModel><root><mxCell id="0"/><mxCell id="2" value="&lt;b&gt;Redis&lt;/b&gt;" vertex="1"/><UserObject label="Postgres"/></root></mxGraphModel>`
	pageEmpty = `<mxGraphModel><root><mxCell id="0"/><mxCell id="1" parent="0"/></root></mxGraphModel>`
)

func TestDrawings(t *testing.T) {
	whole := pngOf(t, 64, 64)
	tests := map[string]struct {
		file, data string
		reason     probe.Reason
		want       string // substring of form or fault
	}{
		"png":              {"a.png", whole, probe.ReasonNone, "PNG image of 64 × 64 pixels"},
		"png in capitals":  {"a.PNG", whole, probe.ReasonNone, "PNG"},
		"png with a tail":  {"a.png", whole + "tail", probe.ReasonNone, "PNG"},
		"png, narrow":      {"a.png", pngOf(t, 63, 640), probe.ReasonEmpty, "63 × 640"},
		"png, low":         {"a.png", pngOf(t, 640, 1), probe.ReasonEmpty, "640 × 1"},
		"png, nothing":     {"a.png", "", probe.ReasonEmpty, "is empty"},
		"png, html":        {"a.png", "<!DOCTYPE html><html><h1>404</h1></html>", probe.ReasonInvalid, "is not a PNG image"},
		"png, svg":         {"a.png", svgGood, probe.ReasonInvalid, "is not a PNG image"},
		"png, magic alone": {"a.png", whole[:8], probe.ReasonTruncated, "truncated PNG"},
		"png, header":      {"a.png", whole[:33], probe.ReasonTruncated, "truncated PNG"},
		"png, cut":         {"a.png", whole[:len(whole)-1], probe.ReasonTruncated, "truncated PNG"},
		"png, no header":   {"a.png", whole[:8] + whole[33:], probe.ReasonInvalid, "first chunk is not IHDR"},
		"png, no pixels":   {"a.png", whole[:33] + whole[len(whole)-12:], probe.ReasonEmpty, "without pixel data"},
		"png, huge chunk":  {"a.png", whole[:33] + "\xff\xff\xff\xffIDAT" + whole[41:], probe.ReasonTruncated, "truncated PNG"},
		"lfs":              {"a.png", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", probe.ReasonMissing, "git lfs pull"},

		"svg":              {"a.svg", svgGood, probe.ReasonNone, "SVG image"},
		"svg of a program": {"a.svg", `<!DOCTYPE svg [<!ENTITY ns_svg "http://www.w3.org/2000/svg">]><svg xmlns="&ns_svg;"><text>a</text></svg>`, probe.ReasonNone, "SVG"},
		"svg in latin1":    {"a.svg", `<?xml version="1.0" encoding="iso-8859-1"?><svg><text>a</text></svg>`, probe.ReasonNone, "SVG"},
		"svg, bare":        {"a.svg", `<svg xmlns="http://www.w3.org/2000/svg"><defs/></svg>`, probe.ReasonEmpty, "without shapes"},
		"svg, cut":         {"a.svg", svgGood[:len(svgGood)-3], probe.ReasonTruncated, "is truncated"},
		"svg, html": {"a.svg", "<!DOCTYPE html><html><svg><rect/></svg></html>", probe.ReasonInvalid,
			"is not a valid SVG image"},
		"svg, text":     {"a.svg", "Not found", probe.ReasonInvalid, "is not a valid SVG image"},
		"svg, blanks":   {"a.svg", "  \n", probe.ReasonInvalid, "is not a valid SVG image"},
		"svg, crossed":  {"a.svg", "<svg><a><b></a></b></svg>", probe.ReasonInvalid, "not a well-formed"},
		"svg, two":      {"a.svg", "<svg><rect/></svg><svg/>", probe.ReasonInvalid, "not a well-formed"},
		"svg, bomb":     {"a.svg", `<!DOCTYPE svg [<!ENTITY a "&b;&b;&b;"><!ENTITY b "&a;">]><svg><text>&a;&b;</text></svg>`, probe.ReasonNone, "SVG"},
		"svg, external": {"a.svg", `<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg><text>&a;</text></svg>`, probe.ReasonNone, "SVG"},

		"drawio":             {"a.drawio", "<mxfile><diagram name=\"a\">" + pageGood + "</diagram></mxfile>", probe.ReasonNone, "draw.io"},
		"drawio, page alone": {"a.drawio", pageGood, probe.ReasonNone, "draw.io"},
		"drawio, packed":     {"a.drawio", "<mxfile><diagram id=\"a\">" + packed(t, pageGood) + "</diagram></mxfile>", probe.ReasonNone, "draw.io"},
		"drawio, empty page": {"a.drawio", "<mxfile><diagram>" + pageEmpty + "</diagram></mxfile>", probe.ReasonEmpty,
			"without shapes"},
		"drawio, packed nil": {"a.drawio", "<mxfile><diagram>" + packed(t, pageEmpty) + "</diagram></mxfile>", probe.ReasonEmpty,
			"without shapes"},
		"drawio, no page": {"a.drawio", "<mxfile/>", probe.ReasonEmpty, "without shapes"},
		"drawio, no base64": {"a.drawio", "<mxfile><diagram>abc</diagram></mxfile>", probe.ReasonInvalid,
			"cannot be decompressed"},
		"drawio, no deflate": {"a.drawio", "<mxfile><diagram>YWJjZGVm</diagram></mxfile>", probe.ReasonInvalid,
			"cannot be decompressed"},
		"drawio, no model": {"a.drawio", "<mxfile><diagram>" + packed(t, "text") + "</diagram></mxfile>", probe.ReasonInvalid,
			"not a valid page of a draw.io file"},
		"drawio, cut":  {"a.drawio", "<mxfile><diagram>" + pageGood, probe.ReasonTruncated, "is truncated"},
		"drawio, html": {"a.drawio", "<html></html>", probe.ReasonInvalid, "not a valid draw.io file"},

		"mermaid":           {"a.mmd", "graph TD\n  a --> b\n", probe.ReasonNone, "Mermaid"},
		"mermaid, one line": {"a.mermaid", "flowchart LR; a-->b", probe.ReasonNone, "Mermaid"},
		"mermaid, front":    {"a.mmd", "---\ntitle: a\n---\n%%{init: {'theme': 'dark'}}%%\n%% a comment\nsequenceDiagram\n a->>b: hi\n", probe.ReasonNone, "Mermaid"},
		"mermaid, header":   {"a.mmd", "graph TD\n%% a --> b\n", probe.ReasonEmpty, "without content"},
		"mermaid, prose": {"a.mmd", "graphics are nice\nindeed", probe.ReasonInvalid,
			"does not begin with a Mermaid diagram type"},
		"mermaid, html":       {"a.mmd", "<html>graph</html>", probe.ReasonInvalid, "does not begin with a Mermaid diagram type"},
		"mermaid, binary":     {"a.mmd", "graph TD\n\xff", probe.ReasonInvalid, "is not UTF-8 text"},
		"plantuml":            {"a.puml", "' a\n@startuml\na -> b\n@enduml\n", probe.ReasonNone, "PlantUML"},
		"plantuml, header":    {"a.puml", "@startuml\n!include <c4>\ntitle a\n' b\n@enduml", probe.ReasonEmpty, "without content"},
		"plantuml, no start":  {"a.plantuml", "a -> b", probe.ReasonInvalid, "no @startuml"},
		"plantuml, commented": {"a.puml", "'@startuml\na -> b\n'@enduml", probe.ReasonInvalid, "no @startuml"},
		"plantuml, no end":    {"a.puml", "@enduml\n@startuml\na -> b\n", probe.ReasonTruncated, "no @enduml"},
		"graphviz":            {"a.dot", "// a\nstrict digraph \"a\" {\n a -> b\n}\n", probe.ReasonNone, "Graphviz"},
		"graphviz, bare":      {"a.gv", "graph {\n/* a -- b */\n}", probe.ReasonEmpty, "without content"},
		"graphviz, cut":       {"a.dot", "graph { a -- b", probe.ReasonTruncated, "brace"},
		"graphviz, none":      {"a.dot", "a -- b", probe.ReasonInvalid, "does not begin with graph"},

		"document":            {"a.md", "# A\n\n```mermaid\ngraph TD\na-->b\n```\n", probe.ReasonNone, "Mermaid"},
		"document, plantuml":  {"a.md", "# A\n\n```plantuml\na -> b\n```\n", probe.ReasonNone, "PlantUML"},
		"document, two":       {"a.md", "```mermaid\n\n```\n\n```mermaid\ngraph TD\n```\n\n```dot\ngraph {a}\n```\n", probe.ReasonNone, "Graphviz"},
		"document, broken":    {"a.md", "```mermaid\nTODO\n```\n", probe.ReasonInvalid, "an invalid diagram code block: it does not begin"},
		"document, prose":     {"a.md", "graph TD\na-->b\n", probe.ReasonMissing, "contains no diagram"},
		"document, language":  {"a.md", "```\ngraph TD\na-->b\n```\n", probe.ReasonMissing, "contains no diagram"},
		"document, binary":    {"a.md", "\x00", probe.ReasonInvalid, "not Markdown"},
		"document, oversized": {"a.md", strings.Repeat("a", markdown.MaxDocument+1), probe.ReasonInvalid, "larger than 1 MiB"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := parseDrawing(t.Context(), formOf(tt.file), []byte(tt.data))
			if err != nil || d.reason != tt.reason || !strings.Contains(d.form+d.fault, tt.want) {
				t.Errorf("%+v, %v; want %q with %q", d, err, tt.reason, tt.want)
			}
		})
	}
	if formOf("a.gif") != nil || formOf("png") != nil {
		t.Error("unsupported extension has a format")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, file := range []string{"a.svg", "a.drawio"} {
		if _, err := parseDrawing(ctx, formOf(file), []byte(svgGood)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", file, err)
		}
	}
	var bomb bytes.Buffer
	w, _ := flate.NewWriter(&bomb, 9)
	_, _ = w.Write(make([]byte, maxDrawing+1))
	_ = w.Close()
	if _, err := inflatePage([]byte(base64.StdEncoding.EncodeToString(bomb.Bytes()))); err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("oversized page: %v", err)
	}
}

func TestDiagramLabels(t *testing.T) {
	for file, data := range map[string]string{
		"a.drawio": "<mxfile><diagram>" + pageGood + "</diagram></mxfile>", "b.drawio": "<mxfile><diagram>" + packed(t, pageGood) + "</diagram></mxfile>",
		"a.mmd": "graph TD\nredis[Redis]-->Postgres\n", "a.puml": "@startuml\nRedis -> Postgres\n@enduml", "a.dot": "graph{Redis -- Postgres}",
		"a.md": "```mermaid\ngraph TD\nRedis-->b\n```\n\n```mermaid\ngraph TD\nPostgres-->b\n```\n",
	} {
		d, err := parseDrawing(t.Context(), formOf(file), []byte(data))
		labels := foldName(d.labels)
		if err != nil || !d.text || !strings.Contains(labels, "redis") || !strings.Contains(labels, "postgres") {
			t.Errorf("%s: %+v, %v", file, d, err)
		}
	}
	for data, name := range map[string]string{"graph TD\na-->b\n%% redis\n": "comment", "graph TD\na-->b\nclassDef redis fill:#f00\nclass a redis\nstyle redis fill:#f00\n": "class definition",
		"graph TD\na:::redis-->b\n": "class of a node", "---\ntitle: redis\n---\ngraph TD\na-->b\n": "title"} {
		if d := mermaidIn(data); strings.Contains(d.labels, "redis") {
			t.Errorf("%s counts as a label", name)
		}
	}
	for data, name := range map[string]string{"@startuml\n/' redis\nredis '/\na -> b\n@enduml": "block comment", "@startuml\ntitle redis\na -> b\n@enduml": "title"} {
		if d := plantumlIn(data, false); strings.Contains(d.labels, "redis") {
			t.Errorf("%s counts as a label", name)
		}
	}
	if d := graphvizIn("graph {\na -- b; // redis\n}"); strings.Contains(d.labels, "redis") {
		t.Error("a comment at the end of a line counts as a label")
	}
}

// TestIsNamed_WholeWords: a name inside another word names nothing.
func TestIsNamed_WholeWords(t *testing.T) {
	for text, want := range map[string]bool{"capital": false, "capi": true, "capi server": true, "the capis": true, "capi2": false, "precapi": false} {
		if got := (serviceNames{"capi", []string{"capi"}}).isNamed(text); got != want {
			t.Errorf("%q names capi: %v, want %v", text, got, want)
		}
	}
	if !(serviceNames{"postgres", []string{"postgres"}}).isNamed("our postgresql") {
		t.Error("PostgreSQL does not name postgres")
	}
}

// TestDrawings_Small: icons, and documents without a page, are no diagrams.
func TestDrawings_Small(t *testing.T) {
	var large, small bytes.Buffer
	if err := jpeg.Encode(&large, image.NewGray(image.Rect(0, 0, 200, 200)), nil); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&small, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		file, data string
		reason     probe.Reason
	}{
		"icon by size":      {"a.svg", `<svg width="16" height="16px"><path d="M0 0"/></svg>`, probe.ReasonEmpty},
		"icon by view box":  {"a.svg", `<svg viewBox="0 0 24 24"><path d="M0 0"/></svg>`, probe.ReasonEmpty},
		"a background":      {"a.svg", `<svg width="800" height="600"><title>bidder postgres</title><rect width="800"/></svg>`, probe.ReasonEmpty},
		"outlines":          {"a.svg", `<svg width="800" height="600"><path d="` + strings.Repeat("M0 0 ", 50) + `"/></svg>`, probe.ReasonNone},
		"scaled view box":   {"a.svg", `<svg width="800" height="600" viewBox="0 0 24 24"><path d="M0 0"/><path d="M1 1"/><path d="M2 2"/></svg>`, probe.ReasonNone},
		"relative size":     {"a.svg", `<svg width="100%" height="100%"><text>a</text></svg>`, probe.ReasonNone},
		"jpeg":              {"a.jpg", large.String(), probe.ReasonNone},
		"small jpeg":        {"a.jpeg", small.String(), probe.ReasonEmpty},
		"truncated jpeg":    {"a.jpg", large.String()[:len(large.String())-20], probe.ReasonTruncated},
		"page saved as jpg": {"a.jpg", "<html>", probe.ReasonInvalid},
		"pdf":               {"a.pdf", "%PDF-1.4\n1 0 obj <</Type /Page>> endobj\n%%EOF\n", probe.ReasonNone},
		"pdf without pages": {"a.pdf", "%PDF-1.4\n%%EOF\n", probe.ReasonEmpty},
		"truncated pdf":     {"a.pdf", "%PDF-1.4\n1 0 obj <</Type /Page>>", probe.ReasonTruncated},
	} {
		if d, err := parseDrawing(t.Context(), formOf(tt.file), []byte(tt.data)); err != nil || d.reason != tt.reason {
			t.Errorf("%s: %+v, %v; want %q", name, d, err, tt.reason)
		}
	}
}

func TestDiagramJudgement(t *testing.T) {
	drawn := func(file string) candidate { return candidate{file: file, drawing: drawing{form: "PNG"}} }
	text := func(labels string) candidate {
		return candidate{file: "a.mmd", drawing: drawing{form: "Mermaid", text: true, labels: labels}}
	}
	bad := candidate{file: "bad.png", drawing: invalidDrawing(probe.ReasonInvalid, "is not a PNG image")}
	prose := candidate{file: "a.md", drawing: drawing{reason: probe.ReasonMissing, fault: "contains no diagram", prose: true}}
	forbidden := candidate{file: "secret.png", err: os.ErrPermission}
	services := []serviceNames{{"redis-prod", []string{"redis prod", "redis"}}, {"db", []string{"db", "postgres"}}}
	for name, tt := range map[string]struct {
		found      []candidate
		configured bool
		servicesOf error
		ignore     []string
		state      probe.State
		reason     probe.Reason
		detail     string
	}{
		"a drawing": {[]candidate{drawn("a.png")}, false, nil, nil, probe.StatePass, probe.ReasonNone, "a.png (PNG)"},
		"image and document": {[]candidate{drawn("a.png"), prose}, false, nil, nil, probe.StatePass, probe.ReasonNone,
			"a.png (PNG)"},
		"image and broken image": {[]candidate{bad, drawn("a.png")}, false, nil, nil, probe.StateWarn, probe.ReasonInvalid,
			"bad.png is not a PNG image"},
		"image and unreadable image": {[]candidate{forbidden, drawn("a.png")}, false, nil, nil, probe.StateWarn,
			probe.ReasonPermissionDenied, "secret.png cannot be read"},
		"both configured": {[]candidate{bad, drawn("a.png")}, true, nil, nil, probe.StateFail, probe.ReasonInvalid,
			"bad.png is not a PNG image"},
		"configured document": {[]candidate{prose, drawn("a.png")}, true, nil, nil, probe.StateFail, probe.ReasonMissing,
			"a.md contains no diagram"},
		"unreadable, configured": {[]candidate{forbidden, drawn("a.png")}, true, nil, nil, probe.StateUnknown,
			probe.ReasonPermissionDenied, "secret.png"},
		"broken": {[]candidate{bad}, false, nil, nil, probe.StateFail, probe.ReasonInvalid, "bad.png"},
		"broken and a document": {[]candidate{prose, bad}, false, nil, nil, probe.StateFail, probe.ReasonInvalid,
			"a.md contains no diagram"},
		"only a document": {[]candidate{prose}, false, nil, nil, probe.StateFail, probe.ReasonMissing,
			"a.md contains no diagram"},
		"unreadable": {[]candidate{forbidden}, false, nil, nil, probe.StateUnknown, probe.ReasonPermissionDenied,
			"secret.png"},
		"all services":   {[]candidate{text("redis[Redis-Prod] --> PostgreSQL")}, false, nil, nil, probe.StatePass, probe.ReasonNone, "a.mmd (Mermaid)"},
		"by short names": {[]candidate{text("REDIS db")}, false, nil, nil, probe.StatePass, probe.ReasonNone, ""},
		"between them":   {[]candidate{text("redis"), text("db")}, false, nil, nil, probe.StatePass, probe.ReasonNone, ""},
		"one service missing": {[]candidate{text("redis"), drawn("a.png")}, false, nil, nil, probe.StateWarn, probe.ReasonOutdated,
			"shows services db."},
		"within other words": {[]candidate{text("predis dbus adb")}, false, nil, nil, probe.StateWarn, probe.ReasonOutdated,
			"shows services redis-prod, db."},
		"no labels": {[]candidate{text("")}, false, nil, nil, probe.StateWarn, probe.ReasonOutdated,
			"shows services redis-prod, db."},
		"ignored": {[]candidate{text("redis")}, false, nil, []string{"db"}, probe.StatePass, probe.ReasonNone, ""},
		"services unknown": {[]candidate{text("redis")}, false, probe.Unknownf(probe.ReasonBlocked, "blocked by compose_syntax"), nil,
			probe.StateWarn, probe.ReasonBlocked, "compose_syntax"},
		"services unknown, image only": {[]candidate{drawn("a.png")}, false, probe.Unknownf(probe.ReasonBlocked, "blocked"), nil,
			probe.StatePass, probe.ReasonNone, ""},
		"broken before outdated": {[]candidate{bad, text("redis")}, true, nil, nil, probe.StateFail, probe.ReasonInvalid,
			"shows services db."},
	} {
		t.Run(name, func(t *testing.T) {
			probetest.Expect(t, probe.ValidateResult((&diagram{Ignore: tt.ignore}).judge(tt.found, tt.configured, services, tt.servicesOf)), tt.state, tt.reason, tt.detail)
		})
	}
	if r := (&diagram{}).judge([]candidate{text("")}, false, nil, nil); r.State != probe.StatePass {
		t.Errorf("without services: %+v", r)
	}
}

func TestDiagramFiles(t *testing.T) {
	picture := pngOf(t, 80, 80)
	compose := "services:\n  redis-1: {image: 'redis:7'}\n  store: {image: registry/team/postgres@sha256:" + strings.Repeat("0", 64) + "}\n"
	mermaid := "graph TD\nRedis --> PostgreSQL\n"
	configured := func(paths ...string) deployment.Settings {
		return deployment.Settings{Documents: deployment.Documents{Diagrams: paths}}
	}
	for name, tt := range map[string]struct {
		files    probetest.Folder
		settings deployment.Settings
		state    probe.State
		reason   probe.Reason
		detail   string
	}{
		"none":  {probetest.Folder{"picture.png": picture}, deployment.Settings{}, probe.StateFail, probe.ReasonMissing, "architecture_diagrams"},
		"found": {probetest.Folder{"docs/architecture.png": picture}, deployment.Settings{}, probe.StatePass, probe.ReasonNone, "docs/architecture.png (PNG image of 80 × 80 pixels)"},
		"html": {probetest.Folder{"docs/architecture.png": "<html>"}, deployment.Settings{}, probe.StateFail, probe.ReasonInvalid,
			"docs/architecture.png is not a PNG image"},
		"with compose": {probetest.Folder{"docs/architecture.mmd": mermaid, "compose.yaml": compose}, deployment.Settings{}, probe.StatePass, probe.ReasonNone, "Mermaid"},
		"service missing": {probetest.Folder{"docs/architecture.mmd": "graph TD\nredis-->b\n", "compose.yaml": compose},
			deployment.Settings{}, probe.StateWarn, probe.ReasonOutdated, "shows services store."},
		"compose broken":     {probetest.Folder{"docs/architecture.mmd": mermaid, "compose.yaml": "services: ["}, deployment.Settings{}, probe.StateWarn, probe.ReasonBlocked, "compose_syntax"},
		"configured":         {probetest.Folder{"a.mmd": mermaid, "b.png": picture}, configured("a.mmd", "b.png"), probe.StatePass, probe.ReasonNone, "a.mmd (Mermaid), b.png"},
		"configured, absent": {probetest.Folder{"a.mmd": mermaid}, configured("a.mmd", "b.png"), probe.StateFail, probe.ReasonMissing, "b.png cannot be read"},
		"configured, other": {probetest.Folder{"a.gif": picture}, configured("a.gif"), probe.StateFail, probe.ReasonInvalid,
			"is not a .svg, .png"},
		"shown":               {probetest.Folder{"docs/ARCHITECTURE.md": "![logo](https://x/y.png) ![a](../img/a%20b.png?raw=true)\n", "img/a b.png": picture}, deployment.Settings{}, probe.StatePass, probe.ReasonNone, "docs/ARCHITECTURE.md with img/a b.png"},
		"shown from the root": {probetest.Folder{"docs/ARCHITECTURE.md": "![a](/img/a.png)\n", "img/a.png": picture}, deployment.Settings{}, probe.StatePass, probe.ReasonNone, "img/a.png"},
		"shown, small": {probetest.Folder{"ARCHITECTURE.md": "a\n\n![a](a.png)\n", "a.png": pngOf(t, 8, 8)},
			deployment.Settings{}, probe.StateFail, probe.ReasonEmpty, "embeds an image at line 3 that is an illegible image of 8 × 8"},
		"shown, absent": {probetest.Folder{"ARCHITECTURE.md": "![a](a.png)\n"}, deployment.Settings{}, probe.StateFail, probe.ReasonMissing,
			"embeds an unreadable image at line 1"},
		"shown from outside": {probetest.Folder{"ARCHITECTURE.md": "![a](../../a.png) ![c](c.gif) ![d](ARCHITECTURE.md)\n"},
			deployment.Settings{}, probe.StateFail, probe.ReasonMissing, "contains no diagram"},
	} {
		t.Run(name, func(t *testing.T) {
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, tt.files, tt.settings), DiagramKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
	for name, tt := range map[string]struct {
		make   func(path string) error
		reason probe.Reason
	}{
		"fifo":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, probe.ReasonInvalid},
		"loop":      {func(path string) error { return os.Symlink("architecture.png", path) }, probe.ReasonInvalid},
		"dangling":  {func(path string) error { return os.Symlink("nothing", path) }, probe.ReasonMissing},
		"oversized": {func(path string) error { return os.WriteFile(path, make([]byte, maxDrawing+1), 0o600) }, probe.ReasonInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, nil, deployment.Settings{})
			if err := tt.make(filepath.Join(p.Deployment.Root, "architecture.png")); err != nil {
				t.Fatal(err)
			}
			probetest.Expect(t, probetest.Look(t, p, DiagramKind(), "{}"), probe.StateFail, tt.reason, "architecture.png cannot be read")
		})
	}
}

func FuzzDrawings(f *testing.F) {
	for _, seed := range []string{svgGood, pageGood, "<mxfile><diagram>YWJj</diagram></mxfile>", "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", "graph TD\na", "@startuml\na\n@enduml", "digraph{a}", "```mermaid\npie\na\n```"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		for _, file := range []string{"a.png", "a.svg", "a.drawio", "a.mmd", "a.puml", "a.dot", "a.md"} {
			d, err := parseDrawing(t.Context(), formOf(file), []byte(data))
			if err != nil || (d.reason == probe.ReasonNone) == (d.form == "") || (d.reason == probe.ReasonNone) != (d.fault == "") {
				t.Errorf("%s: %+v, %v", file, d, err)
			}
		}
	})
}

func TestIsUnfinished(t *testing.T) {
	svg := func(inside string) string {
		return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 600"><style>.shop{}</style><title>Shop</title>` + inside + `</svg>`
	}
	const announces = unfinishedDrawing
	for name, tt := range map[string]struct {
		file, data string
		unfinished bool
	}{
		"SVG":                  {"a.svg", svg(`<rect/><text>TODO</text>`), true},
		"SVG, sentence":        {"a.svg", svg(`<text><tspan>Architecture diagram</tspan><tspan>coming soon</tspan></text>`), true},
		"SVG, HTML inside":     {"a.svg", svg(`<foreignObject><div xmlns="http://www.w3.org/1999/xhtml">To be added <b>TBD</b></div></foreignObject>`), true},
		"SVG, German":          {"a.svg", svg(`<text>Diagramm folgt</text>`), true},
		"SVG, named":           {"a.svg", svg(`<text>Redis</text><text>TODO</text>`), false},
		"SVG, drawn as paths":  {"a.svg", svg(`<path d="M0 0"/>`), false},
		"SVG, numbers":         {"a.svg", svg(`<text>443</text><rect/>`), false},
		"Mermaid":              {"a.mmd", "graph TD\n  A[TODO]\n", true},
		"Mermaid, twice":       {"a.mmd", "flowchart LR\n  node1[TODO] --> node2[TBD]\n", true},
		"Mermaid, sequence":    {"a.mmd", "sequenceDiagram\n  participant A\n  Note over A: coming soon\n", true},
		"Mermaid, application": {"a.mmd", "graph TD\n  web --> todo-api\n", false},
		"PlantUML":             {"a.puml", "@startuml\nrectangle \"To be done: TBD\"\n@enduml\n", true},
		"PlantUML, real":       {"a.puml", "@startuml\nnode web\nnode redis\n@enduml\n", false},
		"Graphviz":             {"a.dot", "digraph { label=\"WIP\"; todo -> tbd }", true},
		"draw.io":              {"a.drawio", `<mxfile><diagram><mxGraphModel><root><mxCell id="2" value="Placeholder" vertex="1"/></root></mxGraphModel></diagram></mxfile>`, true},
		"draw.io, real":        {"a.drawio", `<mxfile><diagram><mxGraphModel><root><mxCell id="2" value="Postgres" vertex="1"/></root></mxGraphModel></diagram></mxfile>`, false},
		"README":               {"a.md", "# Shop\n\n```mermaid\ngraph LR\n  A[Diagram to be defined, TODO]\n```\n", true},
	} {
		d, err := parseDrawing(t.Context(), formOf(tt.file), []byte(tt.data))
		if err != nil || strings.Contains(d.fault, announces) != tt.unfinished || tt.unfinished != (d.reason == probe.ReasonPlaceholder) {
			t.Errorf("%s: %v %q %v", name, d.reason, d.fault, err)
		}
	}
}
