package exporter

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/exporter/board"
	"github.com/thenexusengine/catalyst_exporter/exporter/history"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Accessibility of the board, checked by axe-core. npm installs it with the version and digest in tools/axe. The test
// injects it through the browser because the page's content security policy forbids scripts.

// axeFinding is a violation of a rule of axe-core.
type axeFinding struct {
	Rule, Impact, Help string
	Where              []string
}

// accessible requires that axe-core finds nothing of any impact, with details open and closed.
func (b *boardSeen) accessible(t *testing.T) {
	script := parts.NeedFile(t, "../tools/axe/node_modules/axe-core/axe.min.js", "npm ci --prefix tools/axe")
	var wanted struct {
		DevDependencies map[string]string
	}
	if err := json.Unmarshal(parts.NeedFile(t, "../tools/axe/package.json", "it belongs to this repository"), &wanted); err != nil {
		t.Fatal(err)
	}
	every := everyReason(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		quiet := req.URL.Query()
		quiet.Set("refresh", "0")
		page := board.New(every, quiet, board.Options{History: restless{every.Time}, Strips: restless{every.Time}, NoChart: true})
		if err := page.Write(w); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	for _, page := range []struct {
		name, url string
		width     int
		scheme    string
		open      bool
	}{
		{"light", b.url + "/?target=shop", 1200, "light", false},
		{"dark, details open", b.url + "/?target=shop", 1200, "dark", true},
		{"narrow, details open", b.url + "/?target=shop&state=fail", 360, "light", true},
		{"a category", b.url + "/?target=shop&category=sign_off", 1200, "light", true},
		{"no items", b.url + "/?target=shop&category=security&state=skip", 1200, "dark", false},
		{"no configuration", b.url + "/?target=empty&state=unknown", 360, "dark", true},
		{"overview, light", b.url + "/", 1200, "light", false},
		{"overview, narrow and dark", b.url + "/", 360, "dark", false},
		{"every state, light", server.URL + "/?category=unknown_ones", 1200, "light", false},
		{"every state, dark", server.URL, 1200, "dark", false},
	} {
		t.Run(page.name, func(t *testing.T) {
			b.emulate(t, page.width, 900, "screen", page.scheme)
			b.Open(t, page.url)
			if wrong := b.Complaints(t); len(wrong) > 0 {
				t.Errorf("errors in the browser: %q", wrong)
			}
			if page.open {
				b.Eval(t, `document.querySelectorAll("details").forEach(d => d.open = true)`, nil)
			}
			for _, f := range b.axe(t, string(script), wanted.DevDependencies["axe-core"]) {
				t.Errorf("%s (%s): %s: %d places, such as %q", f.Rule, f.Impact, f.Help, len(f.Where), f.Where[:min(3, len(f.Where))])
			}
		})
	}
	t.Run("violations are found", func(t *testing.T) {
		b.emulate(t, 1200, 900, "screen", "light")
		b.Open(t, b.url+"/?target=shop&category=sign_off")
		b.Eval(t, `document.body.style.color = "#bbb"; document.documentElement.removeAttribute("lang"); document.querySelectorAll("nav").forEach(n => n.setAttribute("aria-label", "the same"));
			document.querySelector("h3").id = document.querySelector("article").id; document.querySelector("a").replaceChildren()`, nil)
		var found []string
		for _, f := range b.axe(t, string(script), wanted.DevDependencies["axe-core"]) {
			found = append(found, f.Rule)
		}
		for _, rule := range []string{"color-contrast", "html-has-lang", "link-name", "landmark-unique"} {
			if all := strings.Join(found, " "); !strings.Contains(all, rule) {
				t.Errorf("%s was not found, only %s", rule, all)
			}
		}
	})
}

// restless is a history in which every item has been in every state.
type restless struct{ now time.Time }

func (r restless) Changes(string) (all []history.Change) {
	for i, s := range append(probe.States(), 0) { // and not observed
		all = append(all, history.Change{At: r.now.Add(time.Duration(i-10) * time.Hour), State: s})
	}
	return all
}

func (r restless) Since(string) (time.Time, bool) { return r.now.Add(-10 * time.Hour), false }
func (r restless) Origin() string                 { return "ten hours" }
func (r restless) Source() string                 { return "of ten hours" }

// axe runs axe-core in the page, and returns violations and texts with undecided contrast. It ignores undecided contrast of
// state marks: they have the colour of the state's name, which axe-core does check.
func (b *boardSeen) axe(t *testing.T, script, version string) (found []axeFinding) {
	t.Helper()
	var got string
	b.Eval(t, script+"\n;axe.version", &got)
	if got != version {
		t.Fatalf("axe-core %s, want %s: npm ci --prefix tools/axe", got, version)
	}
	b.Eval(t, `axe.run(document, {iframes: false, elementRef: true, resultTypes: ["violations", "incomplete"]}).then(r => {
		const undecided = r.incomplete.filter(v => v.id === "color-contrast").map(v => ({...v, nodes: v.nodes.filter(n => !n.element.matches(".mark"))})).filter(v => v.nodes.length > 0);
		return [...r.violations, ...undecided].map(v => ({Rule: v.id, Impact: v.impact, Help: v.help, Where: v.nodes.map(n => n.target.join(" ") + ": " + (n.failureSummary ?? "").slice(0, 300))}));
	})`, &found)
	return found
}

// TestAxe_IsPinned checks that the lock file has exactly one package with version and digest, and no registry URL.
func TestAxe_IsPinned(t *testing.T) {
	wanted := parts.NeedFile(t, "../tools/axe/package.json", "it belongs to this repository")
	locked := string(parts.NeedFile(t, "../tools/axe/package-lock.json", "it belongs to this repository"))
	exact := regexp.MustCompile(`"axe-core": "([0-9]+\.[0-9]+\.[0-9]+)"`).FindSubmatch(wanted)
	if exact == nil {
		t.Fatalf("package.json does not pin one version of axe-core:\n%s", wanted)
	}
	if !strings.Contains(locked, `"version": "`+string(exact[1])+`"`) || strings.Count(locked, `"integrity": "sha512-`) != 1 || strings.Contains(locked, "://") {
		t.Errorf("the lock file does not have exactly version %s, its digest and no URL:\n%s", exact[1], locked)
	}
}
