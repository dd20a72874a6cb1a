package probe

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"errors"
	"image"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
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
	svgGood   = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><g><rect width="9"/></g></svg>`
	pageGood  = `<mxGraphModel><root><mxCell id="0"/><mxCell id="2" value="&lt;b&gt;Redis&lt;/b&gt;" vertex="1"/><UserObject label="Postgres"/></root></mxGraphModel>`
	pageEmpty = `<mxGraphModel><root><mxCell id="0"/><mxCell id="1" parent="0"/></root></mxGraphModel>`
)

func TestDrawings(t *testing.T) {
	whole := pngOf(t, 64, 64)
	tests := map[string]struct {
		file, data string
		reason     Reason
		want       string // substring of form or fault
	}{
		"png":              {"a.png", whole, ReasonNone, "PNG image of 64 × 64 pixels"},
		"png in capitals":  {"a.PNG", whole, ReasonNone, "PNG"},
		"png with a tail":  {"a.png", whole + "tail", ReasonNone, "PNG"},
		"png, narrow":      {"a.png", pngOf(t, 63, 640), ReasonEmpty, "63 × 640"},
		"png, low":         {"a.png", pngOf(t, 640, 1), ReasonEmpty, "640 × 1"},
		"png, nothing":     {"a.png", "", ReasonEmpty, "is empty"},
		"png, html":        {"a.png", "<!DOCTYPE html><html><h1>404</h1></html>", ReasonInvalid, "is not a PNG image"},
		"png, svg":         {"a.png", svgGood, ReasonInvalid, "is not a PNG image"},
		"png, magic alone": {"a.png", whole[:8], ReasonTruncated, "truncated PNG"},
		"png, header":      {"a.png", whole[:33], ReasonTruncated, "truncated PNG"},
		"png, cut":         {"a.png", whole[:len(whole)-1], ReasonTruncated, "truncated PNG"},
		"png, no header":   {"a.png", whole[:8] + whole[33:], ReasonInvalid, "first chunk is not IHDR"},
		"png, no pixels":   {"a.png", whole[:33] + whole[len(whole)-12:], ReasonEmpty, "without pixel data"},
		"png, huge chunk":  {"a.png", whole[:33] + "\xff\xff\xff\xffIDAT" + whole[41:], ReasonTruncated, "truncated PNG"},
		"lfs":              {"a.png", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", ReasonMissing, "git lfs pull"},

		"svg":              {"a.svg", svgGood, ReasonNone, "SVG image"},
		"svg of a program": {"a.svg", `<!DOCTYPE svg [<!ENTITY ns_svg "http://www.w3.org/2000/svg">]><svg xmlns="&ns_svg;"><text>a</text></svg>`, ReasonNone, "SVG"},
		"svg in latin1":    {"a.svg", `<?xml version="1.0" encoding="iso-8859-1"?><svg><text>a</text></svg>`, ReasonNone, "SVG"},
		"svg, bare":        {"a.svg", `<svg xmlns="http://www.w3.org/2000/svg"><defs/></svg>`, ReasonEmpty, "without shapes"},
		"svg, cut":         {"a.svg", svgGood[:len(svgGood)-3], ReasonTruncated, "is truncated"},
		"svg, html": {"a.svg", "<!DOCTYPE html><html><svg><rect/></svg></html>", ReasonInvalid,
			"is not a valid SVG image"},
		"svg, text":     {"a.svg", "Not found", ReasonInvalid, "is not a valid SVG image"},
		"svg, blanks":   {"a.svg", "  \n", ReasonInvalid, "is not a valid SVG image"},
		"svg, crossed":  {"a.svg", "<svg><a><b></a></b></svg>", ReasonInvalid, "not a well-formed"},
		"svg, two":      {"a.svg", "<svg><rect/></svg><svg/>", ReasonInvalid, "not a well-formed"},
		"svg, bomb":     {"a.svg", `<!DOCTYPE svg [<!ENTITY a "&b;&b;&b;"><!ENTITY b "&a;">]><svg><text>&a;&b;</text></svg>`, ReasonNone, "SVG"},
		"svg, external": {"a.svg", `<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg><text>&a;</text></svg>`, ReasonNone, "SVG"},

		"drawio":             {"a.drawio", "<mxfile><diagram name=\"a\">" + pageGood + "</diagram></mxfile>", ReasonNone, "draw.io"},
		"drawio, page alone": {"a.drawio", pageGood, ReasonNone, "draw.io"},
		"drawio, packed":     {"a.drawio", "<mxfile><diagram id=\"a\">" + packed(t, pageGood) + "</diagram></mxfile>", ReasonNone, "draw.io"},
		"drawio, empty page": {"a.drawio", "<mxfile><diagram>" + pageEmpty + "</diagram></mxfile>", ReasonEmpty,
			"without shapes"},
		"drawio, packed nil": {"a.drawio", "<mxfile><diagram>" + packed(t, pageEmpty) + "</diagram></mxfile>", ReasonEmpty,
			"without shapes"},
		"drawio, no page": {"a.drawio", "<mxfile/>", ReasonEmpty, "without shapes"},
		"drawio, no base64": {"a.drawio", "<mxfile><diagram>abc</diagram></mxfile>", ReasonInvalid,
			"cannot be decompressed"},
		"drawio, no deflate": {"a.drawio", "<mxfile><diagram>YWJjZGVm</diagram></mxfile>", ReasonInvalid,
			"cannot be decompressed"},
		"drawio, no model": {"a.drawio", "<mxfile><diagram>" + packed(t, "text") + "</diagram></mxfile>", ReasonInvalid,
			"not a valid page of a draw.io file"},
		"drawio, cut":  {"a.drawio", "<mxfile><diagram>" + pageGood, ReasonTruncated, "is truncated"},
		"drawio, html": {"a.drawio", "<html></html>", ReasonInvalid, "not a valid draw.io file"},

		"mermaid":           {"a.mmd", "graph TD\n  a --> b\n", ReasonNone, "Mermaid"},
		"mermaid, one line": {"a.mermaid", "flowchart LR; a-->b", ReasonNone, "Mermaid"},
		"mermaid, front":    {"a.mmd", "---\ntitle: a\n---\n%%{init: {'theme': 'dark'}}%%\n%% a comment\nsequenceDiagram\n a->>b: hi\n", ReasonNone, "Mermaid"},
		"mermaid, header":   {"a.mmd", "graph TD\n%% a --> b\n", ReasonEmpty, "without content"},
		"mermaid, prose": {"a.mmd", "graphics are nice\nindeed", ReasonInvalid,
			"does not begin with a Mermaid diagram type"},
		"mermaid, html":       {"a.mmd", "<html>graph</html>", ReasonInvalid, "does not begin with a Mermaid diagram type"},
		"mermaid, binary":     {"a.mmd", "graph TD\n\xff", ReasonInvalid, "is not UTF-8 text"},
		"plantuml":            {"a.puml", "' a\n@startuml\na -> b\n@enduml\n", ReasonNone, "PlantUML"},
		"plantuml, header":    {"a.puml", "@startuml\n!include <c4>\ntitle a\n' b\n@enduml", ReasonEmpty, "without content"},
		"plantuml, no start":  {"a.plantuml", "a -> b", ReasonInvalid, "no @startuml"},
		"plantuml, commented": {"a.puml", "'@startuml\na -> b\n'@enduml", ReasonInvalid, "no @startuml"},
		"plantuml, no end":    {"a.puml", "@enduml\n@startuml\na -> b\n", ReasonTruncated, "no @enduml"},
		"graphviz":            {"a.dot", "// a\nstrict digraph \"a\" {\n a -> b\n}\n", ReasonNone, "Graphviz"},
		"graphviz, bare":      {"a.gv", "graph {\n/* a -- b */\n}", ReasonEmpty, "without content"},
		"graphviz, cut":       {"a.dot", "graph { a -- b", ReasonTruncated, "brace"},
		"graphviz, none":      {"a.dot", "a -- b", ReasonInvalid, "does not begin with graph"},

		"document":            {"a.md", "# A\n\n```mermaid\ngraph TD\na-->b\n```\n", ReasonNone, "Mermaid"},
		"document, plantuml":  {"a.md", "# A\n\n```plantuml\na -> b\n```\n", ReasonNone, "PlantUML"},
		"document, two":       {"a.md", "```mermaid\n\n```\n\n```mermaid\ngraph TD\n```\n\n```dot\ngraph {a}\n```\n", ReasonNone, "Graphviz"},
		"document, broken":    {"a.md", "```mermaid\nTODO\n```\n", ReasonInvalid, "an invalid diagram code block: it does not begin"},
		"document, prose":     {"a.md", "graph TD\na-->b\n", ReasonMissing, "contains no diagram"},
		"document, language":  {"a.md", "```\ngraph TD\na-->b\n```\n", ReasonMissing, "contains no diagram"},
		"document, binary":    {"a.md", "\x00", ReasonInvalid, "not Markdown"},
		"document, oversized": {"a.md", strings.Repeat("a", maxDocument+1), ReasonInvalid, "larger than 1 MiB"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := seeDrawing(t.Context(), formOf(tt.file), []byte(tt.data))
			if err != nil || d.reason != tt.reason || !strings.Contains(d.form+d.fault, tt.want) {
				t.Errorf("%+v, %v; want %q with %q", d, err, tt.reason, tt.want)
			}
		})
	}
	if formOf("a.jpg") != nil || formOf("png") != nil {
		t.Error("unsupported extension has a format")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, file := range []string{"a.svg", "a.drawio"} {
		if _, err := seeDrawing(ctx, formOf(file), []byte(svgGood)); !errors.Is(err, context.Canceled) {
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
		d, err := seeDrawing(t.Context(), formOf(file), []byte(data))
		labels := foldName(d.labels)
		if err != nil || !d.text || !strings.Contains(labels, "redis") || !strings.Contains(labels, "postgres") {
			t.Errorf("%s: %+v, %v", file, d, err)
		}
	}
	for data, name := range map[string]string{"graph TD\na-->b\n%% redis\n": "comment", "---\ntitle: redis\n---\ngraph TD\na-->b\n": "title"} {
		if d := mermaidIn(data); strings.Contains(d.labels, "redis") {
			t.Errorf("%s counts as a label", name)
		}
	}
}

func TestDiagramJudgement(t *testing.T) {
	drawn := func(file string) candidate { return candidate{file: file, drawing: drawing{form: "PNG"}} }
	text := func(labels string) candidate {
		return candidate{file: "a.mmd", drawing: drawing{form: "Mermaid", text: true, labels: labels}}
	}
	bad := candidate{file: "bad.png", drawing: noDrawing(ReasonInvalid, "is not a PNG image")}
	prose := candidate{file: "a.md", drawing: drawing{reason: ReasonMissing, fault: "contains no diagram", prose: true}}
	forbidden := candidate{file: "secret.png", err: os.ErrPermission}
	services := []shownService{{"redis-prod", []string{"redis prod", "redis"}}, {"db", []string{"db", "postgres"}}}
	for name, tt := range map[string]struct {
		found      []candidate
		configured bool
		servicesOf error
		ignore     []string
		state      State
		reason     Reason
		detail     string
	}{
		"a drawing": {[]candidate{drawn("a.png")}, false, nil, nil, StatePass, ReasonNone, "a.png (PNG)"},
		"image and document": {[]candidate{drawn("a.png"), prose}, false, nil, nil, StatePass, ReasonNone,
			"a.png (PNG)"},
		"image and broken image": {[]candidate{bad, drawn("a.png")}, false, nil, nil, StateWarn, ReasonInvalid,
			"bad.png is not a PNG image"},
		"image and unreadable image": {[]candidate{forbidden, drawn("a.png")}, false, nil, nil, StateWarn,
			ReasonPermissionDenied, "secret.png cannot be read"},
		"both configured": {[]candidate{bad, drawn("a.png")}, true, nil, nil, StateFail, ReasonInvalid,
			"bad.png is not a PNG image"},
		"configured document": {[]candidate{prose, drawn("a.png")}, true, nil, nil, StateFail, ReasonMissing,
			"a.md contains no diagram"},
		"unreadable, configured": {[]candidate{forbidden, drawn("a.png")}, true, nil, nil, StateUnknown,
			ReasonPermissionDenied, "secret.png"},
		"broken": {[]candidate{bad}, false, nil, nil, StateFail, ReasonInvalid, "bad.png"},
		"broken and a document": {[]candidate{prose, bad}, false, nil, nil, StateFail, ReasonInvalid,
			"a.md contains no diagram"},
		"only a document": {[]candidate{prose}, false, nil, nil, StateFail, ReasonMissing,
			"a.md contains no diagram"},
		"unreadable": {[]candidate{forbidden}, false, nil, nil, StateUnknown, ReasonPermissionDenied,
			"secret.png"},
		"all services":   {[]candidate{text("redis[Redis-Prod] --> PostgreSQL")}, false, nil, nil, StatePass, ReasonNone, "a.mmd (Mermaid)"},
		"by short names": {[]candidate{text("REDIS db")}, false, nil, nil, StatePass, ReasonNone, ""},
		"between them":   {[]candidate{text("redis"), text("db")}, false, nil, nil, StatePass, ReasonNone, ""},
		"one service missing": {[]candidate{text("redis"), drawn("a.png")}, false, nil, nil, StateWarn, ReasonOutdated,
			"shows services db."},
		"within other words": {[]candidate{text("predis dbus adb")}, false, nil, nil, StateWarn, ReasonOutdated,
			"shows services redis-prod, db."},
		"no labels": {[]candidate{text("")}, false, nil, nil, StateWarn, ReasonOutdated,
			"shows services redis-prod, db."},
		"ignored": {[]candidate{text("redis")}, false, nil, []string{"db"}, StatePass, ReasonNone, ""},
		"services unknown": {[]candidate{text("redis")}, false, Unknownf(ReasonBlocked, "blocked by compose_syntax"), nil,
			StateWarn, ReasonBlocked, "compose_syntax"},
		"services unknown, image only": {[]candidate{drawn("a.png")}, false, Unknownf(ReasonBlocked, "blocked"), nil,
			StatePass, ReasonNone, ""},
		"broken before outdated": {[]candidate{bad, text("redis")}, true, nil, nil, StateFail, ReasonInvalid,
			"shows services db."},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, sound((&diagram{Ignore: tt.ignore}).judge(tt.found, tt.configured, services, tt.servicesOf)), tt.state, tt.reason, tt.detail)
		})
	}
	if r := (&diagram{}).judge([]candidate{text("")}, false, nil, nil); r.State != StatePass {
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
		files    folder
		settings deployment.Settings
		state    State
		reason   Reason
		detail   string
	}{
		"none":  {folder{"picture.png": picture}, deployment.Settings{}, StateFail, ReasonMissing, "architecture_diagrams"},
		"found": {folder{"docs/architecture.png": picture}, deployment.Settings{}, StatePass, ReasonNone, "docs/architecture.png (PNG image of 80 × 80 pixels)"},
		"html": {folder{"docs/architecture.png": "<html>"}, deployment.Settings{}, StateFail, ReasonInvalid,
			"docs/architecture.png is not a PNG image"},
		"with compose": {folder{"docs/architecture.mmd": mermaid, "compose.yaml": compose}, deployment.Settings{}, StatePass, ReasonNone, "Mermaid"},
		"service missing": {folder{"docs/architecture.mmd": "graph TD\nredis-->b\n", "compose.yaml": compose},
			deployment.Settings{}, StateWarn, ReasonOutdated, "shows services store."},
		"compose broken":     {folder{"docs/architecture.mmd": mermaid, "compose.yaml": "services: ["}, deployment.Settings{}, StateWarn, ReasonBlocked, "compose_syntax"},
		"configured":         {folder{"a.mmd": mermaid, "b.png": picture}, configured("a.mmd", "b.png"), StatePass, ReasonNone, "a.mmd (Mermaid), b.png"},
		"configured, absent": {folder{"a.mmd": mermaid}, configured("a.mmd", "b.png"), StateFail, ReasonMissing, "b.png cannot be read"},
		"configured, other": {folder{"a.jpg": picture}, configured("a.jpg"), StateFail, ReasonInvalid,
			"is not a .svg, .png"},
		"shown":               {folder{"docs/ARCHITECTURE.md": "![logo](https://x/y.png) ![a](../img/a%20b.png?raw=true)\n", "img/a b.png": picture}, deployment.Settings{}, StatePass, ReasonNone, "docs/ARCHITECTURE.md with img/a b.png"},
		"shown from the root": {folder{"docs/ARCHITECTURE.md": "![a](/img/a.png)\n", "img/a.png": picture}, deployment.Settings{}, StatePass, ReasonNone, "img/a.png"},
		"shown, small": {folder{"ARCHITECTURE.md": "a\n\n![a](a.png)\n", "a.png": pngOf(t, 8, 8)},
			deployment.Settings{}, StateFail, ReasonEmpty, "embeds an image at line 3 that is an illegible image of 8 × 8"},
		"shown, absent": {folder{"ARCHITECTURE.md": "![a](a.png)\n"}, deployment.Settings{}, StateFail, ReasonMissing,
			"embeds an unreadable image at line 1"},
		"shown from outside": {folder{"ARCHITECTURE.md": "![a](../../a.png) ![c](c.gif) ![d](ARCHITECTURE.md)\n"},
			deployment.Settings{}, StateFail, ReasonMissing, "contains no diagram"},
	} {
		t.Run(name, func(t *testing.T) {
			expect(t, look(t, newPass(t, tt.files, tt.settings), diagramKind(), "{}"), tt.state, tt.reason, tt.detail)
		})
	}
	for name, tt := range map[string]struct {
		make   func(path string) error
		reason Reason
	}{
		"fifo":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, ReasonInvalid},
		"loop":      {func(path string) error { return os.Symlink("architecture.png", path) }, ReasonInvalid},
		"dangling":  {func(path string) error { return os.Symlink("nothing", path) }, ReasonMissing},
		"oversized": {func(path string) error { return os.WriteFile(path, make([]byte, maxDrawing+1), 0o600) }, ReasonInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPass(t, nil, deployment.Settings{})
			if err := tt.make(filepath.Join(p.Deployment.Root, "architecture.png")); err != nil {
				t.Fatal(err)
			}
			expect(t, look(t, p, diagramKind(), "{}"), StateFail, tt.reason, "architecture.png cannot be read")
		})
	}
}

func FuzzDrawings(f *testing.F) {
	for _, seed := range []string{svgGood, pageGood, "<mxfile><diagram>YWJj</diagram></mxfile>", "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", "graph TD\na", "@startuml\na\n@enduml", "digraph{a}", "```mermaid\npie\na\n```"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		for _, file := range []string{"a.png", "a.svg", "a.drawio", "a.mmd", "a.puml", "a.dot", "a.md"} {
			d, err := seeDrawing(t.Context(), formOf(file), []byte(data))
			if err != nil || (d.reason == ReasonNone) == (d.form == "") || (d.reason == ReasonNone) != (d.fault == "") {
				t.Errorf("%s: %+v, %v", file, d, err)
			}
		}
	})
}
