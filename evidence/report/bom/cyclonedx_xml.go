package bom

import (
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// CycloneDXML parses CycloneDX XML. The version of the specification is in the name space.
func CycloneDXML(in *stream.Input, r *report.Report) error {
	r.Tool = "the bill of materials"
	x := stream.NewXMLText(in)
	p := &cycloneXML{xml: x, report: r}
	for {
		start, end, err := x.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case start == nil:
			p.end(end)
			continue
		}
		switch start.Name.Local {
		case "bom":
			if !strings.Contains(stream.Attr(start, "xmlns"), "cyclonedx.org/schema/bom/") {
				r.AddGap(report.Invalid, report.Incurable, "the name space of CycloneDX is missing")
			}
		case "component":
			c := component{kind: stream.Attr(start, "type")}
			c.image.AddDigest(stream.Attr(start, "bom-ref"))
			p.open = append(p.open, c)
		case "property":
			p.property = stream.Attr(start, "name")
		}
	}
}

// cycloneXML are the components whose end tag was not read yet.
type cycloneXML struct {
	xml      *stream.XML
	report   *report.Report
	open     []component
	property string // name of the last property
}

// end handles the end of an element, whose parents are the path.
func (p *cycloneXML) end(name string) {
	text := strings.TrimSpace(p.xml.Text)
	switch {
	case name == "timestamp" && slices.Equal(p.xml.Path, []string{"bom", "metadata"}):
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			p.report.SetTime(t)
		}
	case name == "component" && len(p.open) > 0:
		c := p.open[len(p.open)-1]
		p.open = p.open[:len(p.open)-1]
		p.add(c)
	case len(p.open) == 0:
	case name == "property" && p.xml.Under("component", "properties"):
		p.open[len(p.open)-1].property(p.property, text)
	case !p.xml.Under("component"):
	case name == "name":
		p.open[len(p.open)-1].name = text
	case name == "version":
		p.open[len(p.open)-1].version = text
		p.open[len(p.open)-1].image.AddDigest(text)
	case name == "purl":
		p.open[len(p.open)-1].image.AddDigest(text)
	}
}

// add counts a component, unless it is a tool that made the list or an ancestor of a component.
func (p *cycloneXML) add(c component) {
	path := p.xml.Path
	switch {
	case slices.Equal(path, []string{"bom", "metadata"}):
		if c.kind == "container" {
			c.image.Name = c.name
			p.report.Image = c.image
		}
	case slices.Contains(path, "pedigree"), len(path) < 2:
	case path[1] == "components", len(path) > 2 && path[1] == "metadata" && path[2] == "component":
		c.count(p.report)
	}
}
