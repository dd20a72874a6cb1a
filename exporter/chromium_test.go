package exporter

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/exporter/board"
	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The board in a real browser, which is started once, on pages that the program serves. Every page fails if it loads another
// resource or the browser reports an error. SCREENSHOTS=DIR saves screenshots there.

// boardItemSeen is an item as displayed on the page.
type boardItemSeen struct {
	ID, Mark, State, Title, Reason, Detail, Fix string
	Waived                                      bool
	Notes, Layers                               []string
	Probes                                      int
}

// readBoard returns the visible items as text.
const readBoard = `[...document.querySelectorAll("article")].filter(a => a.checkVisibility()).map(a => {
	const text = (s, e = a) => e.querySelector(s)?.textContent.trim() ?? "";
	const state = a.querySelector("h3 .state").textContent.trim().split(/\s+/);
	const h3 = a.querySelector("h3").cloneNode(true);
	h3.querySelectorAll("span").forEach(s => s.remove());
	return {ID: a.id, Mark: state[0], State: state[1], Title: h3.textContent.trim(), Reason: text(".meta strong"), Detail: text(".detail"), Fix: text(".fix"),
		Waived: !!a.querySelector(".waived"), Notes: [...a.querySelectorAll(".note")].map(e => e.textContent.trim().replace(/\s+/g, " ")),
		Layers: [...a.querySelectorAll(".probes li")].map(e => text("p", e).split(/\s+/)[0]), Probes: a.querySelectorAll(".probes li").length};
})`

// boardSeen is the board of a deployment in the browser.
type boardSeen struct {
	*parts.Page
	url  string
	want format.ChecksJSON // the verdicts from the API
}

// open loads a page of the board and returns its visible items.
func (b *boardSeen) open(t *testing.T, query string) []boardItemSeen {
	t.Helper()
	b.Open(t, b.url+"/"+query)
	return b.items(t)
}

func (b *boardSeen) items(t *testing.T) (items []boardItemSeen) {
	t.Helper()
	if wrong := b.Complaints(t); len(wrong) > 0 {
		t.Errorf("errors in the browser: %q", wrong)
	}
	b.Eval(t, `document.querySelectorAll("details.passing").forEach(d => d.open = true)`, nil)
	b.Eval(t, readBoard, &items)
	return items
}

// emulate sets the window size, the media type and the colour scheme.
func (b *boardSeen) emulate(t *testing.T, width, height int, media, scheme string) {
	t.Helper()
	b.Call(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.Call(t, "Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// shoot saves a screenshot of the whole page if SCREENSHOTS is set.
func (b *boardSeen) shoot(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	var shot struct{ Data string }
	b.Call(t, "Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, name+".png", string(data))
}

func TestBoard_InChromium(t *testing.T) {
	browser := parts.Chromium(t)
	r := serve(t, "--config.file="+brokenDeployment(t))
	page := browser.Start(t).Page(t)
	b := &boardSeen{Page: page, url: withoutRefresh(t, r.url)}
	if err := json.Unmarshal([]byte(r.looked(t, "/api/v1/checks?target=shop")), &b.want); err != nil {
		t.Fatal(err)
	}
	t.Run("states", b.states)
	t.Run("every reason", b.reasons)
	t.Run("filters, without scripts", b.filters)
	t.Run("deployments", b.deployments)
	t.Run("head", b.head)
	t.Run("narrow", b.narrow)
	t.Run("dark", b.dark)
	t.Run("paper", b.paper)
	t.Run("keyboard", b.keyboard)
	t.Run("axe", b.accessible)
}

// withoutRefresh returns a proxy whose pages do not load themselves again, whatever a test does on them and for how long.
func withoutRefresh(t *testing.T, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ModifyResponse = func(r *http.Response) error { r.Header.Del("Refresh"); return nil }
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// states compares every item with the API.
func (b *boardSeen) states(t *testing.T) {
	b.emulate(t, 1200, 900, "screen", "light")
	got := b.open(t, "?target=shop")
	b.shoot(t, "desktop")
	if len(got) != len(b.want.Items) {
		t.Fatalf("%d items, want %d", len(got), len(b.want.Items))
	}
	byID := map[string]boardItemSeen{}
	for _, it := range got {
		byID[it.ID] = it
	}
	seen := map[string]bool{}
	plain := strings.NewReplacer("`", "")
	for _, want := range b.want.Items {
		it := byID[want.Category+"-"+want.Item]
		state := want.State.String()
		mark, _ := format.Sign(want.State)
		if it.ID != want.Category+"-"+want.Item || it.State != state || it.Mark != mark || it.Title != want.Title || it.Reason != want.Reason {
			t.Errorf("item %+v, want %s %s %s/%s %s (%s)", it, mark, state, want.Category, want.Item, want.Title, want.Reason)
		}
		if it.Detail != strings.TrimSpace(plain.Replace(want.Detail)) {
			t.Errorf("%s: detail %q, want %q", it.ID, it.Detail, want.Detail)
		}
		if !strings.HasSuffix(it.Fix, plain.Replace(want.Fix)) {
			t.Errorf("%s: fix %q, want %q", it.ID, it.Fix, want.Fix)
		}
		if it.Probes != len(want.Probes) {
			t.Errorf("%s: %d probes, want %d", it.ID, it.Probes, len(want.Probes))
		}
		for _, p := range want.Probes {
			if !slices.Contains(it.Layers, string(p.Layer)) {
				t.Errorf("%s: no probe in layer %s", it.ID, p.Layer)
			}
		}
		seen[state+" "+want.Reason] = true
		if it.Waived {
			seen["waived"] = true
		}
		for _, note := range it.Notes {
			first, _, _ := strings.Cut(note, " 20")
			seen[first] = true
		}
	}
	// The deployment must cover every state and every special display.
	for _, want := range []string{"pass ", "warn invalid", "pending in_progress", "fail placeholder", "fail truncated", "fail untrusted", "fail lapsed", "fail overdue", "fail missing",
		"unknown unreachable", "unknown not_configured", "skip disabled", "skip not_configured", "waived", "Waived until", "Waiver ended on", "Attested until", "Attestation expired"} {
		if !seen[want] {
			t.Errorf("no item shows %q; seen: %q", want, slices.Sorted(keys(seen)))
		}
	}
}

func keys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// reasons checks every state with every reason, and texts that contain markup.
func (b *boardSeen) reasons(t *testing.T) {
	r := everyReason(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		page := board.New(r, url.Values{"refresh": {"0"}}, board.Options{Environment: "production"})
		if err := page.Write(w); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	b.Open(t, server.URL)
	got := b.items(t)
	if len(got) != len(r.Verdicts) {
		t.Fatalf("%d items, want %d", len(got), len(r.Verdicts))
	}
	for i, v := range r.Verdicts {
		mark, _ := format.Sign(v.State)
		if it := got[i]; it.State != v.State.String() || it.Mark != mark || it.Reason != string(v.Reason) || !strings.HasPrefix(it.Detail, "</article><script>") {
			t.Errorf("item %+v, want %s %s (%s)", it, mark, v.State, v.Reason)
		}
	}
	b.shoot(t, "every-reason")
	b.emulate(t, 360, 800, "screen", "light")
	b.fits(t, 360)
	b.emulate(t, 1200, 900, "screen", "light")
}

// filters clicks every filter with scripts disabled: each state, each category, and in each state every category with
// items and one without. It compares the remaining items and the count in each link.
func (b *boardSeen) filters(t *testing.T) {
	b.Call(t, "Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	defer b.Call(t, "Emulation.setScriptExecutionDisabled", map[string]any{"value": false}, nil)
	b.open(t, "?target=shop")
	titles := map[string]string{}
	var categories [][2]string
	b.Eval(t, `[...document.querySelectorAll("main h2")].map(h => [h.id.replace("category_", ""), h.firstChild.textContent.trim()])`, &categories)
	for _, c := range categories {
		titles[c[0]] = c[1]
	}
	if len(titles) != len(b.want.Categories) {
		t.Fatalf("categories %q", titles)
	}
	left := func(state, category string) (ids []string) {
		for _, it := range b.want.Items {
			if (state == "" || it.State.String() == state) && (category == "" || it.Category == category) {
				ids = append(ids, it.Category+"-"+it.Item)
			}
		}
		return passLast(b.want, ids)
	}
	click := func(nav, text, state, category string) {
		t.Helper()
		b.Loads(t, func() {
			b.Click(t, fmt.Sprintf(`[...document.querySelectorAll("nav[aria-label='Filter by %s'] a")].find(a => a.innerText.endsWith(%q + " " + a.querySelector(".count").innerText))`, nav, text))
		})
		var got, current []string
		for _, it := range b.items(t) {
			got = append(got, it.ID)
		}
		if want := left(state, category); !slices.Equal(got, want) {
			t.Errorf("filter %s=%s shows %q, want %q", nav, text, got, want)
		}
		var links []struct {
			Nav, Text, Count string
			Current          bool
		}
		b.Eval(t, `[...document.querySelectorAll("nav[aria-label^=Filter] a")].map(a => ({Nav: a.closest("nav").ariaLabel.replace("Filter by ", ""), Text: [...a.childNodes].filter(n => n.nodeType === Node.TEXT_NODE).map(n => n.data).join("").trim(),
			Count: a.querySelector(".count").textContent, Current: a.getAttribute("aria-current") === "true"}))`, &links)
		for _, link := range links {
			if link.Current {
				current = append(current, link.Text)
			}
			to := left(link.Text, category)
			switch {
			case link.Text == "all states":
				to = left("", category)
			case link.Text == "all categories":
				to = left(state, "")
			case link.Nav == "category":
				for name, title := range titles {
					if title == link.Text {
						to = left(state, name)
					}
				}
			}
			if link.Count != fmt.Sprint(len(to)) {
				t.Errorf("%s, %s: link %s has count %s, want %d", state, category, link.Text, link.Count, len(to))
			}
		}
		if want := []string{or(state, "all states"), or(titles[category], "all categories")}; !slices.Equal(current, want) || len(links) != len(titles)+8 {
			t.Errorf("current links of %d are %q, want %q", len(links), current, want)
		}
	}
	words := []string{""}
	for _, s := range probe.States() {
		words = append(words, s.String())
	}
	for _, state := range words {
		click("state", or(state, "all states"), state, "")
		empty := false
		for _, cat := range b.want.Categories {
			if len(left(state, cat.Category)) == 0 {
				if empty {
					continue
				}
				empty = true
			}
			click("category", titles[cat.Category], state, cat.Category)
		}
		click("category", "all categories", state, "")
	}
	// An empty page links to all items.
	if got := b.open(t, "?target=shop&state=skip&category=security"); len(got) != 0 {
		t.Errorf("%d items", len(got))
	}
	b.Loads(t, func() { b.Click(t, `document.querySelector("main > p:last-child a")`) })
	if got := b.items(t); len(got) != len(b.want.Items) {
		t.Errorf("%q shows %d items, want %d", "Show all", len(got), len(b.want.Items))
	}
	var scripts int
	b.Eval(t, `document.scripts.length`, &scripts)
	if scripts > 0 {
		t.Errorf("%d scripts", scripts)
	}
}

// passLast puts the passing items of each category behind the others, as the page does.
func passLast(c format.ChecksJSON, ids []string) []string {
	place := map[string][2]int{}
	categories := map[string]int{}
	for i, it := range c.Items {
		if _, ok := categories[it.Category]; !ok {
			categories[it.Category] = i
		}
		rank := i
		if it.State == probe.StatePass {
			rank += len(c.Items)
		}
		place[it.Category+"-"+it.Item] = [2]int{categories[it.Category], rank}
	}
	slices.SortStableFunc(ids, func(a, b string) int {
		if d := place[a][0] - place[b][0]; d != 0 {
			return d
		}
		return place[a][1] - place[b][1]
	})
	return ids
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// deployments switches to the other target and back.
func (b *boardSeen) deployments(t *testing.T) {
	b.open(t, "?target=shop&state=fail")
	for _, name := range []string{"empty", "shop"} {
		b.Loads(t, func() {
			b.Click(t, `[...document.querySelectorAll("nav[aria-label=Deployments] a")].find(a => a.textContent === "`+name+`")`)
		})
		b.items(t)
		var head, other string
		b.Eval(t, `document.querySelector("h1").innerText`, &head)
		b.Eval(t, `[...document.querySelectorAll("footer a")].map(a => a.getAttribute("href")).join(" ")`, &other)
		if environment := map[string]string{"shop": "production", "empty": "staging"}[name]; head != name+" "+environment || other != "probe?target="+name+" api/v1/checks?target="+name+" ?refresh=0&target="+name {
			t.Errorf("%s: %q, %q", name, head, other)
		}
	}
}

// head checks the reasons in the header and follows its links, also from a page that does not show the item.
func (b *boardSeen) head(t *testing.T) {
	b.open(t, "?target=shop&category=documentation")
	var head map[string]string
	b.Eval(t, `Object.fromEntries([...document.querySelectorAll(".why > div")].map(d => [d.querySelector("dt").textContent, d.querySelector("dd").textContent.replace(/\s+/g, " ")]))`, &head)
	var verdict, aside, todo string
	b.Eval(t, `document.querySelector(".verdict").innerText.trim()`, &verdict)
	b.Eval(t, `document.querySelector("header .meta").innerText`, &aside)
	b.Eval(t, `document.querySelector("section[aria-labelledby=todo]")?.innerText ?? ""`, &todo)
	var failing, waiting, all int
	for _, it := range b.want.Items {
		waived := it.Waiver != nil && it.Waiver.Expires.After(b.want.Time)
		if it.State == probe.StateFail {
			all++
		}
		switch {
		case !it.Required || it.Scope != "standing" || waived:
		case it.State == probe.StateFail:
			failing++
			fix, _, _ := strings.Cut(strings.ReplaceAll(it.Fix, "`", ""), ". ")
			if !strings.Contains(todo, it.Title) || len(fix) < 150 && !strings.Contains(todo, "Fix: "+fix) {
				t.Errorf("failing item %s or its fix %q is missing in the header: %q", it.Item, fix, todo)
			}
		case !it.State.OK():
			waiting++
		}
	}
	if want := fmt.Sprintf("✗ Not ready: %d required items fail, %d have no verdict", failing, waiting); verdict != want {
		t.Errorf("verdict %q, want %q", verdict, want)
	}
	if want := fmt.Sprintf("%d items fail in total; not counted above: ", all); !strings.HasPrefix(aside, want) {
		t.Errorf("%q does not explain the other count, %q", aside, want)
	}
	for key, want := range map[string]string{
		fmt.Sprintf("No verdict: %d", waiting): "need deployment.",
		"Waived: 1":                            "PostgreSQL password changed · placeholder critical until 2099-05-31 by lead@example.com",
		"Gate pre":                             "✗ closed",
		"Gate post":                            "pending or unknown",
		"Release":                              "recorded 1.4.0 (0a1b2c3) by lead@example.com",
		"Sign-offs":                            "attested by lead@example.com as devops_lead on " + b.want.Time.Add(-time.Hour).UTC().Format(time.DateOnly) + ", until ",
	} {
		if !strings.Contains(head[key], want) {
			t.Errorf("%s: no %q in %q", key, want, head)
		}
	}
	b.mosaic(t)
	if !strings.Contains(head["Release"], "planned 1.5.0") {
		t.Errorf("release: %q", head["Release"])
	}
	var links []string
	b.Eval(t, `[...document.querySelectorAll(".why a, .todo a")].map(a => a.getAttribute("href"))`, &links)
	elsewhere := 0
	for _, link := range links {
		query, place, ok := strings.Cut(link, "#")
		switch {
		case !ok:
			t.Errorf("link %q has no item", link)
		case query == "" && !strings.HasPrefix(place, "documentation-"), query != "" && query != "?target=shop", query != "" && strings.HasPrefix(place, "documentation-"):
			t.Errorf("link %q leads to the wrong page", link)
		case query != "":
			elsewhere++
		}
	}
	if elsewhere == 0 {
		t.Error("no link leads from the filtered page to the unfiltered one")
	}
	b.Loads(t, func() { b.Click(t, `document.querySelector(".todo a[href$='#security-tls_certificates']")`) })
	b.items(t)
	var target string
	b.Eval(t, `document.querySelector(":target")?.id ?? ""`, &target)
	if target != "security-tls_certificates" {
		t.Errorf("link target is %q", target)
	}
}

// mosaic compares every square with the API: its colour is the state's, its text and title say the same.
func (b *boardSeen) mosaic(t *testing.T) {
	var squares []struct{ Class, Mark, Title, Label, Anchor, Category string }
	b.Eval(t, `[...document.querySelectorAll(".squares a")].map(a => ({Class: a.className, Mark: a.textContent, Title: a.title, Label: a.ariaLabel, Anchor: a.hash.slice(1),
		Category: a.closest("div").querySelector("p").textContent}))`, &squares)
	if len(squares) != len(b.want.Items) {
		t.Fatalf("%d squares, want %d", len(squares), len(b.want.Items))
	}
	for i, it := range b.want.Items {
		mark, _ := format.Sign(it.State)
		class, title := it.State.String(), it.Title+": "+it.State.String()
		if it.Reason != "" {
			title += " (" + it.Reason + ")"
		}
		if it.Waiver != nil && it.Waiver.Expires.After(b.want.Time) {
			class, title = class+" given", title+", waived"
		}
		if s := squares[i]; s.Class != class || s.Mark != mark || s.Title != title || s.Label != title || s.Anchor != it.Category+"-"+it.Item || s.Category == "" {
			t.Errorf("square %+v, want %s %s %s", s, class, mark, title)
		}
	}
}

// TestBoardLinks checks what needs no browser: the escaping of URLs and the formatting of code.
func TestBoardLinks(t *testing.T) {
	r := everyReason(t)
	page := board.New(r, url.Values{"state": {`"><b>&state=x`}, "target": {"a&b"}}, board.Options{})
	if page.Shown != 0 || page.States[1].URL != "?state=pass&target=a%26b" || page.Everything != "?target=a%26b" {
		t.Errorf("%d items, %q, %q", page.Shown, page.States[1].URL, page.Everything)
	}
	for in, want := range map[string]string{"Run `a <b>` & `c`.": "Run <code>a &lt;b&gt;</code> &amp; <code>c</code>.", "one ` alone": "one ` alone", "": "", "``": "<code></code>"} {
		if got := string(board.InCode(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
