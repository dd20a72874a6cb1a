package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Growth charts. Both axes are logarithmic, so that linear growth is a straight line of slope one.

const (
	pictureWidth, pictureHeight = 720, 420
	left, right, top, bottom    = 90, 170, 50, 60
)

// colours returns line colours that are distinguishable with red-green colour blindness. Each line also has its own dashes
// and a label.
func colours() []string { return []string{"#0072b2", "#d55e00", "#009e73"} }
func dashes() []string  { return []string{"", "8 4", "2 3"} }

// picture returns an SVG chart of one value of each curve by the number of items.
func picture(title string, u unit, curves []curve, value func(point) float64) string {
	least, most := math.Inf(1), math.Inf(-1)
	first, last := math.Inf(1), math.Inf(-1)
	for _, c := range curves {
		for _, p := range c.points {
			least, most = min(least, value(p)), max(most, value(p))
			first, last = min(first, float64(p.items)), max(last, float64(p.items))
		}
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	x := func(items float64) float64 {
		return left + (math.Log10(items)-math.Log10(first))/(math.Log10(last)-math.Log10(first))*(pictureWidth-left-right)
	}
	y := func(v float64) float64 {
		return pictureHeight - bottom - (math.Log10(v)-low)/(high-low)*(pictureHeight-top-bottom)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n", pictureWidth, pictureHeight)
	fmt.Fprintf(&s, "<title>%s by the number of items</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", html.EscapeString(title))
	fmt.Fprintf(&s, "<text x=\"%d\" y=\"28\" font-size=\"17\">%s by the number of items</text>\n", left, html.EscapeString(title))
	for e := low; e <= high; e++ {
		v := math.Pow(10, e)
		fmt.Fprintf(&s, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", left, y(v), pictureWidth-right, y(v))
		fmt.Fprintf(&s, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left-8, y(v)+4, u.show(v))
	}
	for i, c := range curves {
		var path strings.Builder
		for j, p := range c.points {
			fmt.Fprintf(&path, "%c%.1f %.1f ", "ML"[min(j, 1)], x(float64(p.items)), y(value(p)))
		}
		colour := colours()[i%len(colours())]
		fmt.Fprintf(&s, "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2.5\" stroke-dasharray=\"%s\"/>\n", strings.TrimSpace(path.String()), colour, dashes()[i%len(dashes())])
		for _, p := range c.points {
			fmt.Fprintf(&s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"><title>%s, %d items: %s</title></circle>\n", x(float64(p.items)), y(value(p)), colour, html.EscapeString(c.name), p.items, u.show(value(p)))
		}
		end := c.points[len(c.points)-1]
		fmt.Fprintf(&s, "<text x=\"%d\" y=\"%.1f\" fill=\"%s\">%s %s</text>\n", pictureWidth-right+10, y(value(end))+4, colour, html.EscapeString(c.name), u.show(value(end)))
	}
	for _, p := range curves[0].points {
		fmt.Fprintf(&s, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", x(float64(p.items)), pictureHeight-bottom+22, p.items)
	}
	fmt.Fprintf(&s, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">items</text>\n</svg>\n", x(math.Sqrt(first*last)), pictureHeight-14)
	return s.String()
}
