package coverage

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// Cobertura parses Cobertura's XML: <coverage> with <class filename> and <line number hits>. A method's line is
// repeated under its class, and classes of one file may share lines: each line counts once. Without any <line> the
// root's totals (lines-valid, lines-covered) count.
func Cobertura(in *stream.Input, r *report.Report) error {
	bs := newBlocks()
	root, err := coberturaLines(in, r, bs)
	if err != nil || len(bs.blocks) > 0 {
		bs.tell(r)
		bs.subjects(r)
		return err
	}
	valid, err1 := strconv.ParseInt(stream.Attr(&root, "lines-valid"), 10, 64)
	covered, err2 := strconv.ParseInt(stream.Attr(&root, "lines-covered"), 10, 64)
	if err1 != nil || err2 != nil || valid <= 0 {
		return nil // nothing was measured; Judge reports it
	}
	if covered < 0 || covered > valid {
		return fmt.Errorf("%w: more lines covered than valid", stream.ErrInvalid)
	}
	r.Counts.Statements, r.Counts.Covered = valid, covered
	r.SetCoverage()
	return nil
}

func coberturaLines(in *stream.Input, r *report.Report, bs *blocks) (root xml.StartElement, err error) {
	x := stream.NewXML(in)
	var files []string // of the open classes
	for {
		e, end, err := x.Next()
		if err == io.EOF {
			return root, nil
		}
		if err != nil {
			return root, err
		}
		if e == nil {
			if end == "class" {
				files = files[:len(files)-1]
			}
			continue
		}
		switch e.Name.Local {
		case "coverage":
			root = e.Copy()
			r.SetTime(epoch(stream.Attr(e, "timestamp")))
		case "class":
			files = append(files, stream.Attr(e, "filename"))
		case "line":
			if len(files) == 0 {
				continue
			}
			l, err1 := strconv.ParseUint(stream.Attr(e, "number"), 10, 31)
			h, err2 := strconv.ParseInt(stream.Attr(e, "hits"), 10, 64)
			if err1 != nil || err2 != nil {
				return root, fmt.Errorf("%w: line without number or hits", stream.ErrInvalid)
			}
			if err := bs.add([]byte(files[len(files)-1]), block{line0: uint32(l)}, 1, h > 0); err != nil {
				return root, err
			}
		}
	}
}

// epoch parses Cobertura's time stamp: milliseconds since 1970, or seconds for some tools.
func epoch(text string) time.Time {
	v, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || v <= 0 || v > math.MaxInt32*1000:
		return time.Time{}
	case v > 1e11: // seconds would be the year 5138
		return time.UnixMilli(v)
	}
	return time.Unix(v, 0)
}
