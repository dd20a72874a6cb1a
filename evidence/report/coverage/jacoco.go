package coverage

import (
	"fmt"
	"io"
	"strconv"

	"github.com/thenexusengine/catalyst_exporter/evidence/report"
	"github.com/thenexusengine/catalyst_exporter/evidence/report/stream"
)

// JaCoCo parses JaCoCo's XML: <package name> with <sourcefile name> and <line nr mi ci>, missed and covered instructions. A
// line with a covered instruction is covered. Without lines (classes without debug information) the report's own counters
// of lines or instructions count. <sessioninfo dump> is the time of a run.
func JaCoCo(in *stream.Input, r *report.Report) error {
	r.Tool = "JaCoCo"
	x := stream.NewXML(in)
	bs := newBlocks()
	pkg, file := "", ""
	var missed, covered int64
	counter := ""
	for {
		e, end, err := x.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			bs.tell(r)
			return err
		}
		if e == nil {
			if end == "sourcefile" {
				file = ""
			}
			continue
		}
		switch e.Name.Local {
		case "sessioninfo":
			r.SetTime(epoch(stream.Attr(e, "dump")))
		case "package":
			pkg = stream.Attr(e, "name")
		case "sourcefile":
			if file = stream.Attr(e, "name"); pkg != "" {
				file = pkg + "/" + file
			}
		case "line":
			if file == "" {
				continue
			}
			number, err1 := strconv.ParseUint(stream.Attr(e, "nr"), 10, 31)
			hit, err2 := strconv.ParseInt(stream.Attr(e, "ci"), 10, 64)
			if err1 != nil || err2 != nil {
				return fmt.Errorf("%w: line without number or instructions", stream.ErrInvalid)
			}
			if err := bs.add([]byte(file), block{line0: uint32(number)}, 1, hit > 0); err != nil {
				return err
			}
		case "counter":
			kind := stream.Attr(e, "type")
			if len(x.Path) != 2 || kind != "LINE" && (kind != "INSTRUCTION" || counter == "LINE") {
				continue
			}
			counter = kind
			missed, _ = strconv.ParseInt(stream.Attr(e, "missed"), 10, 64)
			covered, _ = strconv.ParseInt(stream.Attr(e, "covered"), 10, 64)
		}
	}
	bs.tell(r)
	bs.subjects(r)
	if len(bs.blocks) == 0 && missed >= 0 && covered >= 0 && missed+covered > 0 {
		r.Counts.Statements, r.Counts.Covered = missed+covered, covered
		r.SetCoverage()
	}
	return nil
}
