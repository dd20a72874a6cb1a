package documents

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

// Image diagrams: PNG is parsed by chunks, SVG and draw.io by elements. External entities are neither fetched nor
// expanded.

// minPixels is the minimum side length of a legible image. Smaller images are icons or tracking pixels.
const minPixels = 64

// pngDrawing reads all chunks of a PNG image (PNG specification, section 5).
func pngDrawing(_ context.Context, data []byte) (drawing, error) {
	const signature = "\x89PNG\r\n\x1a\n"
	if !bytes.HasPrefix(data, []byte(signature)) {
		return invalidDrawing(probe.ReasonInvalid, "is not a PNG image"), nil
	}
	width, height, pixels := uint32(0), uint32(0), false
	for rest := data[len(signature):]; len(rest) >= 12; {
		size, kind := binary.BigEndian.Uint32(rest), string(rest[4:8])
		if uint64(size)+12 > uint64(len(rest)) {
			break
		}
		body := rest[8 : 8+size]
		rest = rest[12+size:]
		switch {
		case width == 0 && (kind != "IHDR" || size != 13 || binary.BigEndian.Uint32(body) == 0):
			return invalidDrawing(probe.ReasonInvalid, "is an invalid PNG image: the first chunk is not IHDR"), nil
		case kind == "IHDR":
			width, height = binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
		case kind == "IDAT" && size > 0:
			pixels = true
		case kind == "IEND" && !pixels:
			return invalidDrawing(probe.ReasonEmpty, "is a PNG image without pixel data"), nil
		case kind == "IEND" && (width < minPixels || height < minPixels):
			return invalidDrawing(probe.ReasonEmpty, fmt.Sprintf("is an illegible image of %d × %d pixels", width, height)), nil
		case kind == "IEND":
			return drawing{form: fmt.Sprintf("PNG image of %d × %d pixels", width, height)}, nil
		}
	}
	return invalidDrawing(probe.ReasonTruncated, "is a truncated PNG image"), nil
}

const (
	minShapes  = 3   // without a label: two boxes and what connects them
	minOutline = 200 // bytes of a path from which it may be text or a whole diagram
)

// svgDrawing parses a whole SVG image.
func svgDrawing(ctx context.Context, data []byte) (drawing, error) {
	shapes, first, speaks := 0, true, false
	small := ""
	var labels strings.Builder
	root, err := walkXML(ctx, data, func(e xml.StartElement) {
		if first {
			first, small = false, smallSVG(e)
		}
		switch e.Name.Local {
		case "text", "image", "use", "foreignObject":
			shapes, speaks = shapes+1, true
		case "path", "rect", "circle", "ellipse", "line", "polyline", "polygon":
			shapes++
			speaks = speaks || slices.ContainsFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == "d" && len(a.Value) >= minOutline })
		}
	}, func(element, text string) {
		if element != "style" && element != "script" && element != "title" && element != "desc" {
			labels.WriteString(text + "\n")
		}
	})
	if d, bad := badXML(root, err, "SVG image", "svg"); bad {
		return d, ctx.Err()
	}
	switch {
	case shapes == 0:
		return invalidDrawing(probe.ReasonEmpty, "is an SVG image without shapes"), nil
	case !speaks && shapes < minShapes:
		return invalidDrawing(probe.ReasonEmpty, fmt.Sprintf("is an SVG image of %d shapes without a label", shapes)), nil
	case isUnfinished(labels.String()):
		return invalidDrawing(probe.ReasonPlaceholder, unfinishedDrawing), nil
	}
	if small != "" {
		return invalidDrawing(probe.ReasonEmpty, "is an illegible image of "+small), nil
	}
	return drawing{form: "SVG image"}, nil
}

// smallSVG returns the size of an image that is too small to read; "" for others and for sizes without pixels (100 %).
func smallSVG(root xml.StartElement) string {
	var width, height, boxWidth, boxHeight float64
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(text), "px"), 64)
		if err != nil {
			return 0
		}
		return n
	}
	for _, a := range root.Attr {
		switch a.Name.Local {
		case "width":
			width = number(a.Value)
		case "height":
			height = number(a.Value)
		case "viewBox":
			if fields := strings.FieldsFunc(a.Value, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }); len(fields) == 4 {
				boxWidth, boxHeight = number(fields[2]), number(fields[3])
			}
		}
	}
	if width == 0 || height == 0 {
		width, height = boxWidth, boxHeight
	}
	if width <= 0 || height <= 0 || width >= minPixels && height >= minPixels {
		return ""
	}
	return fmt.Sprintf("%g × %g pixels", width, height)
}

// jpegDrawing reads the header of a JPEG image and looks for its end.
func jpegDrawing(_ context.Context, data []byte) (drawing, error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	switch {
	case !bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return invalidDrawing(probe.ReasonInvalid, "is not a JPEG image"), nil
	case err != nil || !bytes.Contains(data[len(data)-min(len(data), 1<<10):], []byte("\xff\xd9")):
		return invalidDrawing(probe.ReasonTruncated, "is a truncated JPEG image"), nil
	case c.Width < minPixels || c.Height < minPixels:
		return invalidDrawing(probe.ReasonEmpty, fmt.Sprintf("is an illegible image of %d × %d pixels", c.Width, c.Height)), nil
	}
	return drawing{form: fmt.Sprintf("JPEG image of %d × %d pixels", c.Width, c.Height)}, nil
}

// pdfDrawing checks that a PDF document has a beginning, a page and an end. Its text is not read.
func pdfDrawing(_ context.Context, data []byte) (drawing, error) {
	switch {
	case !bytes.HasPrefix(data, []byte("%PDF-")):
		return invalidDrawing(probe.ReasonInvalid, "is not a PDF document"), nil
	case !bytes.Contains(data[len(data)-min(len(data), 1<<10):], []byte("%%EOF")):
		return invalidDrawing(probe.ReasonTruncated, "is a truncated PDF document"), nil
	case !pdfPage.Match(data):
		return invalidDrawing(probe.ReasonEmpty, "is a PDF document without a page"), nil
	}
	return drawing{form: "PDF document"}, nil
}

// pdfPage matches a page, or a compressed stream of objects that may hold the pages.
var pdfPage = lazyregexp.New(`/Type\s*/(?:Page\b|ObjStm\b)`)

// drawioDrawing parses a draw.io file: an mxfile with plain or compressed pages, or a single page.
func drawioDrawing(ctx context.Context, data []byte) (drawing, error) {
	var labels strings.Builder
	cells := 0
	inside := func(e xml.StartElement) {
		for _, a := range e.Attr {
			switch {
			case a.Name.Local == "vertex" && a.Value == "1", a.Name.Local == "edge" && a.Value == "1":
				cells++
			case a.Name.Local == "value", a.Name.Local == "label":
				labels.WriteString(markdown.PlainText(a.Value) + "\n")
			}
		}
	}
	root, err := walkXML(ctx, data, inside, nil)
	if d, bad := badXML(root, err, "draw.io file", "mxfile", "mxGraphModel"); bad {
		return d, ctx.Err()
	}
	for _, page := range drawioPage.FindAllSubmatch(data, maxDrawioPages) {
		model, err := inflatePage(page[1])
		if err != nil {
			return invalidDrawing(probe.ReasonInvalid, "is a draw.io file with a page that cannot be decompressed"), nil
		}
		root, err := walkXML(ctx, model, inside, nil)
		if d, bad := badXML(root, err, "page of a draw.io file", "mxGraphModel"); bad {
			return d, ctx.Err()
		}
	}
	if cells == 0 {
		return invalidDrawing(probe.ReasonEmpty, "is a draw.io file without shapes"), nil
	}
	if isUnfinished(labels.String()) {
		return invalidDrawing(probe.ReasonPlaceholder, unfinishedDrawing), nil
	}
	return drawing{form: "draw.io", text: true, labels: labels.String()}, nil
}

const maxDrawioPages = 50

// drawioPage matches a compressed page: base64 text instead of an XML element.
var drawioPage = lazyregexp.New(`<diagram\b[^<>]*>\s*([A-Za-z0-9+/=\s]+?)\s*</diagram>`)

// inflatePage decompresses a page: base64 of raw deflate of percent-encoded XML.
func inflatePage(packed []byte) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(packed), nil)))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(raw)), maxDrawing+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > maxDrawing {
		return nil, errors.New("decompressed page is larger than 16 MiB")
	}
	model, err := url.PathUnescape(string(plain))
	return []byte(model), err
}

// badXML returns the verdict on a file that is not a well-formed document with one of the roots.
func badXML(root string, err error, what string, roots ...string) (drawing, bool) {
	for _, r := range roots {
		if root == r {
			if err == nil {
				return drawing{}, false
			}
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return invalidDrawing(probe.ReasonTruncated, "is truncated: unexpected end of the "+what), true
			}
			return invalidDrawing(probe.ReasonInvalid, "is not a well-formed "+what), true
		}
	}
	return invalidDrawing(probe.ReasonInvalid, "is not a valid "+what), true
}

// xmlEntity matches an entity declaration in a document type. Drawing programs write them for namespaces.
var xmlEntity = lazyregexp.New(`<!ENTITY\s+([A-Za-z_][\w.-]*)\s`)

// walkXML parses an XML document to its end and returns the name of its root. Declared entities expand to nothing.
func walkXML(ctx context.Context, data []byte, visit func(xml.StartElement), text func(element, text string)) (root string, err error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Entity = map[string]string{}
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) {
		return r,
			nil
	} // element names are ASCII in every supported encoding
	var open []string
	ended := false
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return root, ctx.Err()
		}
		token, err := d.Token()
		if err == io.EOF {
			if !ended {
				return root, io.ErrUnexpectedEOF
			}
			return root, nil
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF") {
				err = io.ErrUnexpectedEOF
			}
			return root, err
		}
		switch t := token.(type) {
		case xml.Directive:
			for _, m := range xmlEntity.FindAllSubmatch(t, 100) {
				d.Entity[string(m[1])] = ""
			}
		case xml.StartElement:
			if root == "" {
				root = t.Name.Local
			} else if ended {
				return root, errors.New("document has two root elements")
			}
			open = append(open, t.Name.Local)
			visit(t)
		case xml.CharData:
			if text != nil && len(open) > 0 {
				text(open[len(open)-1], string(t))
			}
		case xml.EndElement:
			open = open[:len(open)-1]
			ended = len(open) == 0
		}
	}
}
