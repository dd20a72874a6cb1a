package paper

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Facts are what a document is filled in with.
type Facts struct {
	Checklist *checklist.Checklist
	Verdicts  []checklist.Verdict
	Time      time.Time
	Recorded  *attest.Release // nil: the release block stays blank
	// Signed says who vouched for an item and when; by is empty where that is not known.
	Signed func(id string) (by string, at time.Time)
	Answer string // whether the deployment is ready, for the closing section
}

// maxDetail bounds the detail in a line of evidence, in bytes.
const maxDetail = 400

// edits are the changes to the lines of a document, by index.
type edits struct {
	replaced map[int]string
	after    map[int][]string
}

// Fill returns the document, matched before, with the facts in it.
func (d *Document) Fill(f Facts) []byte {
	verdicts := map[*checklist.Item]*checklist.Verdict{}
	for i := range f.Verdicts {
		verdicts[f.Verdicts[i].Item] = &f.Verdicts[i]
	}
	ed := edits{map[int]string{}, map[int][]string{}}
	for _, e := range d.Entries {
		v := verdicts[e.Item]
		if e.Item == nil || v == nil {
			continue
		}
		at, indent := e.Line-1, ""
		text := d.lines[at].text
		if e.kind == row {
			if filled := fillStatus(text, e.column, v.State); filled != text {
				ed.replaced[at] = filled
			}
			ed.after[e.last-1] = append(ed.after[e.last-1], evidence(v, Escape(e.Title), f.Time)+hardBreak)
			continue
		}
		if e.kind != step && e.kind != heading {
			if m := bulletLine.FindStringSubmatch(text); m != nil {
				indent = m[1] + strings.Repeat(" ", len(m[2]))
			}
		}
		if e.kind == box {
			holds := v.State == probe.StatePass || v.State == probe.StateWarn
			text = setBox(text, holds)
			if holds && f.Signed != nil {
				text = fillSignOff(text, setBox(text, false), e.Item.ID(), f.Signed)
			}
			ed.replaced[at] = text
		}
		end := d.paragraphEnd(at, e.kind)
		ed.after[end] = append(ed.after[end], indent+evidence(v, "", f.Time))
	}
	d.fillRelease(ed, f.Recorded)
	d.fillKnownIssues(ed, f)
	return d.write(ed, d.closing(f, verdicts))
}

// hardBreak ends a line of evidence under a table: those of all its rows follow each other.
const hardBreak = "  "

// evidence is the line under an item, with the title where it is not directly under it.
func evidence(v *checklist.Verdict, title string, now time.Time) string {
	text := "> " + Mark(v.State) + " " + v.State.String()
	if v.Reason != probe.ReasonNone {
		text += " (" + string(v.Reason) + ")"
	}
	if title != "" {
		text += " · " + title
	}
	if v.Detail != "" {
		detail := v.Detail
		if len(detail) > maxDetail {
			detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
		}
		text += " · " + Escape(detail)
	}
	if v.Waived {
		text += " · " + waived(v)
	}
	seen := v.LastRun
	if seen.IsZero() {
		seen = now
	}
	return text + " · " + stamp(seen) + " <!-- catalyst: " + v.ID() + " -->"
}

func waived(v *checklist.Verdict) string {
	return fmt.Sprintf("waived by %s until %s: %s", Escape(v.Waiver.By), v.Waiver.Expires.AddDate(0, 0, -1).Format(time.DateOnly), Escape(v.Waiver.Reason))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// paragraphEnd is the last line of the paragraph that an item begins: evidence in the middle would tear it.
func (d *Document) paragraphEnd(at int, k kind) int {
	if k == step || k == heading {
		return at
	}
	for at+1 < len(d.lines) {
		next := d.lines[at+1]
		trimmed := strings.TrimSpace(next.text)
		if trimmed == "" || next.code || strings.ContainsRune("#>|<", rune(trimmed[0])) || bulletLine.MatchString(next.text) || ruleLine.MatchString(next.text) || boldLine.MatchString(trimmed) {
			break
		}
		at++
	}
	return at
}

var (
	signOffBlanks = lazyregexp.New(`^(.*?:\s*)_{3,}(\s+Date:\s*)_{3,}(\s*)$`)
	releaseBlank  = lazyregexp.New(`^(\s*[-*+]\s+([^:]+):\s*)_{3,}\s*$`)
	noIssues      = lazyregexp.New(`(?i)^\s*(?:[-*+]\s+)?none(?: currently| known)?\.?\s*$`)
)

// was is the comment by which the next run takes a filled line back.
func was(original string) string {
	return " <!-- catalyst: was: " + strings.TrimLeft(original, " \t") + " -->"
}

// fillStatus fills the cell for the status in a row of a table. A row with a comment stays as it is: it could not be taken back.
func fillStatus(text string, column int, s probe.State) string {
	if strings.Contains(text, "--") {
		return text
	}
	cells := strings.Split(strings.ReplaceAll(text, `\|`, escapedPipe), "|")
	if strings.TrimSpace(cells[0]) == "" {
		column++
	}
	if end := len(cells) - 1; column > end || column == end && strings.TrimSpace(cells[end]) == "" {
		return text // a short row
	}
	old := strings.TrimSpace(cells[column])
	status, holds := Mark(s)+" "+s.String(), s == probe.StatePass || s == probe.StateWarn
	for _, form := range [][2]string{{"[ ]", "[x]"}, {"☐", "☑"}} {
		if old == form[0] || old == form[1] {
			if status = form[0]; holds {
				status = form[1]
			}
		}
	}
	if status == old {
		return text
	}
	cells[column] = " " + status + " "
	filled := strings.TrimRight(strings.ReplaceAll(strings.Join(cells, "|"), escapedPipe, `\|`), " \t")
	if !strings.HasSuffix(filled, "|") {
		filled += " |"
	}
	return filled + was(text) // in a cell beyond the header's, which is not shown
}

// escapedPipe stands for \| while a row is split.
const escapedPipe = "\x00"

// fillSignOff fills the blanks of "Role: ____ Date: ____".
func fillSignOff(text, original, id string, signed func(string) (string, time.Time)) string {
	m := signOffBlanks.FindStringSubmatch(text)
	if m == nil || strings.Contains(text, "--") {
		return text
	}
	by, at := signed(id)
	if by == "" {
		return text
	}
	return m[1] + Escape(by) + m[2] + at.UTC().Format(time.DateOnly) + was(original)
}

// fillRelease fills the blanks of the block that says what was deployed.
func (d *Document) fillRelease(ed edits, r *attest.Release) {
	if r == nil {
		return
	}
	issues := "none"
	if len(r.Issues) > 0 {
		issues = strings.Join(r.Issues, "; ")
	}
	values := map[string]string{
		"datetime": stamp(r.At), "date": stamp(r.At), "deployedby": r.By, "versioncommit": r.Release.String(),
		"version": r.Release.Version, "commit": r.Release.Commit, "issuesencountered": issues, "issues": issues,
	}
	inside := false
	for i, l := range d.lines {
		if l.code {
			continue
		}
		if title, ok := titleOf(l.text); ok {
			inside = key(title) == "deploymentcompleted"
			continue
		}
		m := releaseBlank.FindStringSubmatch(l.text)
		if !inside || m == nil || strings.Contains(l.text, "--") {
			continue
		}
		if value := values[key(m[2])]; value != "" {
			ed.replaced[i] = m[1] + Escape(value) + was(l.text)
		}
	}
}

// titleOf returns the title of a heading, or of a line in bold that stands as one.
func titleOf(text string) (string, bool) {
	if m := headingLine.FindStringSubmatch(text); m != nil {
		return m[1], true
	}
	if m := boldLine.FindStringSubmatch(text); m != nil {
		return m[1], true
	}
	return "", false
}

// fillKnownIssues lists the waivers that count in the section of known issues.
func (d *Document) fillKnownIssues(ed edits, f Facts) {
	var waivers []string
	for i := range f.Verdicts {
		if v := &f.Verdicts[i]; v.Waived {
			waivers = append(waivers, fmt.Sprintf("- **%s** (%s), %s %s%s -->", Escape(v.Title), v.State, waived(v), waiverMark, v.ID()))
		}
	}
	start := slices.IndexFunc(d.lines, func(l line) bool {
		title, ok := titleOf(l.text)
		return ok && !l.code && strings.HasPrefix(key(title), "knownissues")
	})
	if len(waivers) == 0 || start < 0 {
		return
	}
	last := start
	for i := start + 1; i < len(d.lines); i++ {
		l := d.lines[i]
		if _, ok := titleOf(l.text); !l.code && (ok || ruleLine.MatchString(l.text)) {
			break
		}
		if strings.TrimSpace(l.text) != "" {
			last = i
		}
		if noIssues.MatchString(l.text) && !l.code {
			ed.replaced[i] = strings.TrimLeft(was(l.text), " ")
		}
	}
	ed.after[last] = append(ed.after[last], waivers...)
}

// write joins the lines again, with their own ends.
func (d *Document) write(ed edits, closing []string) []byte {
	end := "\n"
	if len(d.lines) > 0 {
		end = cmp.Or(d.lines[0].end, end)
	}
	var b strings.Builder
	for i, l := range d.lines {
		text, ok := ed.replaced[i]
		if !ok {
			text = l.text
		}
		own := l.end
		if i == len(d.lines)-1 {
			own = cmp.Or(own, end)
		}
		b.WriteString(text + own)
		for _, more := range ed.after[i] {
			b.WriteString(more + end)
		}
	}
	for _, l := range closing {
		b.WriteString(l + end)
	}
	return []byte(b.String())
}
