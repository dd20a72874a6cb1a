package exporter

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// The board on a narrow screen, in dark mode, in print and with only a keyboard.

// fits requires that no element overflows the width, with all details open.
func (b *boardSeen) fits(t *testing.T, width int) {
	t.Helper()
	var out struct {
		Width    int
		Sticking []string
	}
	b.Eval(t, fmt.Sprintf(`(() => {
		document.querySelectorAll("details").forEach(d => d.open = true);
		const out = [...document.body.querySelectorAll("*")].filter(e => !e.matches(".jump") && e.checkVisibility() && (e.getBoundingClientRect().right > %d + 0.5 || e.getBoundingClientRect().left < -0.5 || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline"));
		return {Width: document.documentElement.scrollWidth, Sticking: out.map(e => e.outerHTML.slice(0, 80))};
	})()`, width), &out)
	if out.Width > width || len(out.Sticking) > 0 {
		t.Errorf("page width %d px, want at most %d; overflowing: %q", out.Width, width, out.Sticking)
	}
}

func (b *boardSeen) narrow(t *testing.T) {
	b.emulate(t, 360, 800, "screen", "light")
	b.open(t, "?target=shop")
	b.shoot(t, "narrow")
	b.fits(t, 360)
	var wrapped []string
	b.Eval(t, `[...document.querySelectorAll(".state, .squares a, .waived")].filter(e => e.checkVisibility() && e.getClientRects().length > 1).map(e => e.outerHTML)`, &wrapped)
	if len(wrapped) > 0 {
		t.Errorf("badges wrap: %q", wrapped)
	}
	b.Open(t, b.url+"/")
	b.shoot(t, "overview-narrow")
	b.fits(t, 360)
}

// colours returns the RGB colours of the page's background and text.
func (b *boardSeen) colours(t *testing.T) (back, text [3]int) {
	t.Helper()
	var got []string
	b.Eval(t, `(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))`, &got)
	for i, into := range []*[3]int{&back, &text} {
		if _, err := fmt.Sscanf(got[i], "rgb(%d, %d, %d)", &into[0], &into[1], &into[2]); err != nil {
			t.Fatalf("%q: %v", got[i], err)
		}
	}
	return back, text
}

func (b *boardSeen) dark(t *testing.T) {
	b.emulate(t, 1200, 900, "screen", "dark")
	b.open(t, "?target=shop")
	b.shoot(t, "dark")
	if back, text := b.colours(t); slices.Max(back[:]) > 60 || slices.Min(text[:]) < 200 {
		t.Errorf("background %v, text %v", back, text)
	}
}

// paper checks the print layout: all details visible, light colours, nothing cut off, no controls.
func (b *boardSeen) paper(t *testing.T) {
	const a4 = 718 // CSS pixels of A4 within margins of 1 cm
	b.emulate(t, a4, 1000, "print", "dark")
	b.open(t, "?target=shop")
	b.shoot(t, "paper")
	if back, text := b.colours(t); slices.Min(back[:]) < 250 || slices.Max(text[:]) > 60 {
		t.Errorf("background %v, text %v", back, text)
	}
	var hidden, controls []string
	b.Eval(t, `[...document.querySelectorAll("article *, .why *")].filter(e => !e.checkVisibility() || e.getBoundingClientRect().height === 0).map(e => e.outerHTML.slice(0, 80))`, &hidden)
	b.Eval(t, `[...document.querySelectorAll("nav, footer, .jump")].filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 80))`, &controls)
	if len(hidden) > 0 || len(controls) > 0 {
		t.Errorf("hidden in print: %q; controls in print: %q", hidden, controls)
	}
	b.fits(t, a4)
	var pdf struct{ Data string }
	b.Call(t, "Page.printToPDF", map[string]any{}, &pdf)
	data, err := base64.StdEncoding.DecodeString(pdf.Data)
	if err != nil || !bytes.HasPrefix(data, []byte("%PDF-")) {
		t.Errorf("no PDF: %v", err)
	}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		write(t, dir, "paper.pdf", string(data))
	}
}

// keyboard checks that Tab reaches every link and summary in page order, with a visible focus.
func (b *boardSeen) keyboard(t *testing.T) {
	b.emulate(t, 1200, 900, "screen", "light")
	b.open(t, "?target=shop&state=fail")
	b.Key(t, "Tab")
	var jump struct{ Text, Hash string }
	b.Eval(t, `({Text: document.activeElement.checkVisibility() && document.activeElement.getBoundingClientRect().left >= 0 ? document.activeElement.textContent : ""})`, &jump)
	if jump.Text != "Skip to the items" {
		t.Errorf("first tab stop is %q", jump.Text)
	}
	var stops int
	b.Eval(t, `(window.stops = [...document.querySelectorAll("a, summary")].filter(e => e.checkVisibility())).length`, &stops)
	for i := range stops {
		var at struct {
			Index           int
			Outline         string
			Visible, Inside bool
		}
		// The page scrolls to the focus with its next frame.
		b.Eval(t, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => document.activeElement).then(e => { const r = e.getBoundingClientRect(), s = getComputedStyle(e); return {Index: window.stops.indexOf(e), Outline: s.outlineStyle + " " + parseFloat(s.outlineWidth),
			Visible: e.checkVisibility(), Inside: r.top >= -1 && r.bottom <= innerHeight + 1 && r.left >= 0 && r.right <= innerWidth} })`, &at)
		if at.Index != i || !at.Visible || !at.Inside || at.Outline != "solid 3" {
			t.Fatalf("stop %d of %d: %+v", i, stops, at)
		}
		b.Key(t, "Tab")
	}
	// Skip the filters, go to the first summary and open it.
	b.open(t, "?target=shop&state=fail")
	b.Key(t, "Tab")
	b.Key(t, "Enter")
	b.Key(t, "Tab") // the link that shows all items
	b.Key(t, "Tab") // the permanent link of the first item
	b.Key(t, "Tab")
	b.Key(t, "Enter")
	var open string
	b.Eval(t, `document.activeElement.matches("main summary") && document.activeElement.parentElement.open ? document.activeElement.closest("article").id : document.activeElement.outerHTML`, &open)
	if want := firstFailing(b.want); open != want {
		t.Errorf("opened %q, want %q", open, want)
	}
	b.Eval(t, `document.querySelector("nav[aria-label='Filter by state'] a").focus()`, nil)
	b.Loads(t, func() { b.Key(t, "Enter") })
	if got := b.items(t); len(got) != len(b.want.Items) {
		t.Errorf("%d items after the keyboard filter, want %d", len(got), len(b.want.Items))
	}
}

// firstFailing returns the id of the first failing item.
func firstFailing(c format.ChecksJSON) string {
	for _, it := range c.Items {
		if it.State == probe.StateFail {
			return it.Category + "-" + it.Item
		}
	}
	return ""
}
