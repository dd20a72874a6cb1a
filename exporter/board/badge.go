package board

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Badge is a small picture of one verdict: of a deployment, a gate or an item.
type Badge struct {
	Label, Text string
	State       probe.State
}

// ReadyBadge is the badge of a deployment.
func ReadyBadge(name string, r *collector.Report) Badge {
	a := r.Ready()
	return answerBadge(name, "ready", a)
}

// GateBadge is the badge of a gate. Without a release the gate is neither open nor closed.
func GateBadge(g *checklist.Gate, r *collector.Report) Badge {
	a := r.Gate(g)
	if lacksRelease(r, a) {
		return Badge{"gate " + g.Name, "no release", probe.StateSkip}
	}
	return answerBadge("gate "+g.Name, "passed", a)
}

// ItemBadge is the badge of an item.
func ItemBadge(v *checklist.Verdict) Badge {
	b := Badge{v.Title, v.State.String(), v.State}
	if v.Waived {
		b.Text += ", waived"
	}
	return b
}

func answerBadge(label, good string, a checklist.Answer) Badge {
	switch {
	case a.Ready:
		return Badge{label, good, probe.StatePass}
	case len(a.Failing) > 0:
		return Badge{label, fmt.Sprintf("%d failing", len(a.Failing)), probe.StateFail}
	case len(a.Waiting) > 0:
		return Badge{label, fmt.Sprintf("%d without a verdict", len(a.Waiting)), probe.StateUnknown}
	}
	return Badge{label, "no verdict", probe.StateUnknown}
}

// fill returns the colour of the right half; white text is readable on all of them.
func (b Badge) fill() string {
	switch b.State {
	case probe.StatePass:
		return "#0f6b3a"
	case probe.StateWarn:
		return "#7a5200"
	case probe.StatePending:
		return "#0a5c78"
	case probe.StateFail:
		return "#b3151c"
	case probe.StateUnknown:
		return "#6b2fa3"
	}
	return "#57606a"
}

const (
	maxBadgeText = 60 // characters of one half
	charWidth    = 7
	badgePadding = 12
)

// Write sends the badge as SVG. The text is stretched to its place, so that no font overflows it.
func (b Badge) Write(w http.ResponseWriter) {
	left, right := shorten(b.Label), shorten(b.Text)
	l, r := charWidth*utf8.RuneCountInString(left), charWidth*utf8.RuneCountInString(right)
	split := l + badgePadding
	all := split + r + badgePadding
	w.Header().Set("Content-Type", "image/svg+xml; charset=utf-8")
	_, _ = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[2]s: %[3]s">`+
		`<title>%[2]s: %[3]s</title><rect width="%[1]d" height="20" rx="3" fill="#32383f"/><rect x="%[4]d" width="%[5]d" height="20" rx="3" fill="%[6]s"/>`+
		`<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">`+
		`<text x="%[7]d" y="14" textLength="%[8]d" lengthAdjust="spacingAndGlyphs">%[2]s</text>`+
		`<text x="%[9]d" y="14" textLength="%[10]d" lengthAdjust="spacingAndGlyphs">%[3]s</text></g></svg>`+"\n",
		all, escapeXML(left), escapeXML(right), split, all-split, b.fill(), badgePadding/2, l, split+badgePadding/2, r)
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxBadgeText {
		return string(runes[:maxBadgeText-1]) + "…"
	}
	return text
}

func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder never fails
	return b.String()
}
