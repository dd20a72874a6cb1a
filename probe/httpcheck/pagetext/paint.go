package pagetext

import (
	"math"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// paint is how a text is painted. Elements inherit it.
type paint struct {
	text, behind colour
	tiny         bool // letters too small to read
	hidden       bool // visibility
}

// colour is a colour as a style sheet states it. It is not known if it depends on images, variables or sheets not read.
type colour struct {
	red, green, blue float64
	name             string // of a colour whose parts are not known
	none             bool   // fully transparent
	known            bool
}

var (
	black = colour{known: true}
	white = colour{red: 255, green: 255, blue: 255, known: true}

	hexColour = lazyregexp.New(`#([0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b`)
	rgbColour = lazyregexp.New(`\brgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)\s*(?:[,/]\s*([\d.]+)(%?)\s*)?\)`)
	unclear   = lazyregexp.New(`url\(|gradient|var\(|image|hsl|lab\(|lch\(|color\(|color-mix|inherit|initial|unset|currentcolor`)
)

// invisible reports whether a text cannot be read.
func (p paint) invisible() bool {
	const near = 12 // of 255, in each part of the colour
	a, b := p.text, p.behind
	same := a.name != "" && a.name == b.name || a.known && b.known && math.Abs(a.red-b.red) <= near && math.Abs(a.green-b.green) <= near && math.Abs(a.blue-b.blue) <= near
	return p.hidden || p.tiny || a.none || same
}

// inherit applies the properties of an element. linked: its background may be set by a sheet that was not read.
func (p *paint) inherit(n *html.Node, set map[string]string, linked bool) {
	background := set["background"]
	if background == "" {
		background = strings.ToLower(attribute(n, "bgcolor"))
	}
	switch c, stated := parseColour(background); {
	case stated && !c.none:
		p.behind = c
	case linked && (attribute(n, "class") != "" || attribute(n, "id") != ""):
		p.behind.known = false
	}
	text := set["color"]
	switch {
	case text != "":
	case n.Data == "font":
		text = strings.ToLower(attribute(n, "color"))
	case n.Data == "body":
		text = strings.ToLower(attribute(n, "text"))
	}
	if c, stated := parseColour(text); stated {
		p.text = c
	}
	switch set["visibility"] {
	case "hidden", "collapse":
		p.hidden = true
	case "visible":
		p.hidden = false
	}
	if size, unit, ok := parseLength(set["font-size"]); ok {
		least := map[string]float64{"": 4, "px": 4, "pt": 3, "%": 20, "em": 0.2, "rem": 0.2}
		p.tiny = size < least[unit] || p.tiny && (unit == "%" || unit == "em") // relative to the letters around
	} else if set["font-size"] != "" {
		p.tiny = false
	}
}

// parseColour finds the colour in a value. stated is false for a value without one.
func parseColour(value string) (c colour, stated bool) {
	if value == "" || value == "none" {
		return c, false
	}
	if unclear.MatchString(value) {
		return colour{}, true
	}
	if m := rgbColour.FindStringSubmatch(value); m != nil {
		alpha := 1.0
		if m[4] != "" {
			alpha, _ = strconv.ParseFloat(m[4], 64)
		}
		if m[5] != "" {
			alpha /= 100
		}
		return fromParts(number(m[1], 10), number(m[2], 10), number(m[3], 10), alpha), true
	}
	if m := hexColour.FindStringSubmatch(value); m != nil {
		digits := m[1]
		if len(digits) <= 4 { // each digit stands for two
			var full strings.Builder
			for _, r := range digits {
				full.WriteString(string(r) + string(r))
			}
			digits = full.String()
		}
		alpha := 1.0
		if len(digits) == 8 {
			alpha = number(digits[6:], 16) / 255
		}
		return fromParts(number(digits[:2], 16), number(digits[2:4], 16), number(digits[4:6], 16), alpha), true
	}
	for word := range strings.FieldsSeq(value) {
		switch word {
		case "white":
			return white, true
		case "black":
			return black, true
		case "transparent":
			return colour{none: true, known: true}, true
		}
	}
	return colour{name: value}, true
}

// fromParts returns a colour. One that lets the background through is not known, as what it mixes to is not.
func fromParts(red, green, blue, alpha float64) colour {
	const faint, full = 0.05, 0.95
	return colour{red, green, blue, "", alpha <= faint, alpha <= faint || alpha >= full}
}

func number(text string, base int) float64 {
	n, _ := strconv.ParseUint(text, base, 16)
	return float64(n)
}
