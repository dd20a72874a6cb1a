// Package bom reads software bills of materials: CycloneDX and SPDX.
package bom

import (
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// component is one entry of a bill of materials.
type component struct {
	kind, name, version string
	image               report.Image
}

// count adds a component to the report. One without name or version cannot be matched with known vulnerabilities.
func (c component) count(r *report.Report) {
	switch {
	case c.kind == "file" || c.kind == "operating-system" || c.kind == "container":
	case c.name == "" || c.version == "":
		r.Counts.Unaudited++
	default:
		r.Counts.Audited++
	}
}

// CycloneDX parses CycloneDX JSON. metadata.component is what it is about.
func CycloneDX(in *stream.Input, r *report.Report) error {
	r.Tool = "the bill of materials"
	j := stream.NewJSON(in.Reader)
	version := ""
	err := j.Object(func(key string) error {
		switch key {
		case "specVersion":
			return j.String(&version)
		case "metadata":
			return j.Object(func(key string) error {
				switch key {
				case "timestamp":
					return stamp(j, r)
				case "component":
					c, err := cyclone(j, r, 0)
					if c.kind == "container" {
						c.image.Name = c.name
						r.Image = c.image
					}
					return err
				}
				return j.Skip()
			})
		case "components":
			return j.Array(func() error {
				c, err := cyclone(j, r, 0)
				c.count(r)
				return err
			})
		}
		return j.Skip()
	})
	if err == nil {
		err = j.End()
	}
	if err == nil && version == "" {
		r.AddGap(report.Invalid, report.Incurable, "specVersion is missing")
	}
	return err
}

// maxNesting bounds the components within components.
const maxNesting = 20

func cyclone(j *stream.JSON, r *report.Report, depth int) (component, error) {
	var c component
	err := j.Object(func(key string) error {
		switch key {
		case "type":
			return j.String(&c.kind)
		case "name":
			return j.String(&c.name)
		case "version":
			err := j.String(&c.version)
			c.image.AddDigest(c.version)
			return err
		case "purl", "bom-ref":
			text := ""
			err := j.String(&text)
			c.image.AddDigest(text)
			return err
		case "properties":
			return j.Array(func() error { return property(j, &c) })
		case "components":
			if depth > maxNesting {
				return j.Skip()
			}
			return j.Array(func() error {
				inner, err := cyclone(j, r, depth+1)
				inner.count(r)
				return err
			})
		}
		return j.Skip()
	})
	return c, err
}

// property reads what trivy and syft state of an image.
func property(j *stream.JSON, c *component) error {
	name, value := "", ""
	err := j.Object(func(key string) error {
		switch key {
		case "name":
			return j.String(&name)
		case "value":
			return j.String(&value)
		}
		return j.Skip()
	})
	c.property(name, value)
	return err
}

func (c *component) property(name, value string) {
	switch {
	case strings.HasSuffix(name, ":RepoDigest"), strings.HasSuffix(name, "manifestDigest"):
		c.image.AddDigest(value)
	case strings.HasSuffix(name, ":ImageID"), strings.HasSuffix(name, "imageID"):
		c.image.ID = report.Digest(value)
	}
}

// SPDX parses SPDX 2 JSON. The package that describes an image has purpose CONTAINER.
func SPDX(in *stream.Input, r *report.Report) error {
	r.Tool = "the bill of materials"
	j := stream.NewJSON(in.Reader)
	version := ""
	err := j.Object(func(key string) error {
		switch key {
		case "spdxVersion":
			return j.String(&version)
		case "creationInfo":
			return j.Object(func(key string) error {
				if key == "created" {
					return stamp(j, r)
				}
				return j.Skip()
			})
		case "packages":
			return j.Array(func() error {
				c, err := spdxPackage(j)
				if c.kind == "container" && r.Image.IsZero() {
					c.image.Name = c.name
					r.Image = c.image
				}
				c.count(r)
				return err
			})
		}
		return j.Skip()
	})
	if err == nil {
		err = j.End()
	}
	if err == nil && !strings.HasPrefix(version, "SPDX-2.") {
		r.AddGap(report.Invalid, report.Incurable, "spdxVersion is not SPDX-2")
	}
	return err
}

func spdxPackage(j *stream.JSON) (component, error) {
	var c component
	err := j.Object(func(key string) error {
		switch key {
		case "name":
			return j.String(&c.name)
		case "versionInfo":
			err := j.String(&c.version)
			c.image.AddDigest(c.version)
			return err
		case "primaryPackagePurpose":
			err := j.String(&c.kind)
			c.kind = strings.ToLower(c.kind)
			return err
		case "checksums":
			return j.Array(func() error {
				value := ""
				err := j.Object(func(key string) error {
					if key == "checksumValue" {
						return j.String(&value)
					}
					return j.Skip()
				})
				c.image.AddDigest("sha256:" + value)
				return err
			})
		case "externalRefs":
			return j.Array(func() error {
				return j.Object(func(key string) error {
					if key != "referenceLocator" {
						return j.Skip()
					}
					text := ""
					err := j.String(&text)
					if strings.HasPrefix(text, "pkg:oci/") || strings.HasPrefix(text, "pkg:docker/") {
						c.kind = "container"
						c.image.AddDigest(text)
					}
					return err
				})
			})
		}
		return j.Skip()
	})
	return c, err
}

func stamp(j *stream.JSON, r *report.Report) error {
	text := ""
	err := j.String(&text)
	if t, bad := time.Parse(time.RFC3339Nano, text); bad == nil {
		r.SetTime(t)
	}
	return err
}
