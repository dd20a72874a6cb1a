package bom

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// SPDX3 parses SPDX 3 JSON: a graph of elements, of which those of type software_Package are packages. The package that
// describes an image has the purpose container.
func SPDX3(in *stream.Input, r *report.Report) error {
	r.Tool = "the bill of materials"
	j := stream.NewJSON(in.Reader)
	known := false
	err := j.Object(func(key string) error {
		if key != "@graph" {
			return j.Skip()
		}
		return j.Array(func() error {
			e, err := element(j, r)
			if e.kind == "CreationInfo" {
				known = known || strings.HasPrefix(e.specVersion, "3.")
			}
			if e.kind == "software_Package" {
				if e.component.kind == "container" && r.Image.IsZero() {
					e.component.image.Name = e.component.name
					r.Image = e.component.image
				}
				e.component.count(r)
			}
			return err
		})
	})
	if err == nil {
		err = j.End()
	}
	if err == nil && !known {
		r.AddGap(report.Invalid, report.Incurable, "specVersion is not SPDX 3")
	}
	return err
}

// spdxElement is one element of the graph.
type spdxElement struct {
	kind, specVersion string
	component         component
}

func element(j *stream.JSON, r *report.Report) (spdxElement, error) {
	var e spdxElement
	c := &e.component
	err := j.Object(func(key string) error {
		switch key {
		case "type", "@type":
			return j.String(&e.kind)
		case "specVersion":
			return j.String(&e.specVersion)
		case "created":
			return stamp(j, r)
		case "name":
			return j.String(&c.name)
		case "software_packageVersion":
			err := j.String(&c.version)
			c.image.AddDigest(c.version)
			return err
		case "software_primaryPurpose":
			return j.String(&c.kind)
		case "software_packageUrl":
			text := ""
			err := j.String(&text)
			if strings.HasPrefix(text, "pkg:oci/") || strings.HasPrefix(text, "pkg:docker/") {
				c.kind = "container"
				c.image.AddDigest(text)
			}
			return err
		case "verifiedUsing":
			return j.Array(func() error {
				algorithm, value := "", ""
				err := j.Object(func(key string) error {
					switch key {
					case "algorithm":
						return j.String(&algorithm)
					case "hashValue":
						return j.String(&value)
					}
					return j.Skip()
				})
				if algorithm == "sha256" {
					c.image.AddDigest("sha256:" + value)
				}
				return err
			})
		}
		return j.Skip()
	})
	return e, err
}
