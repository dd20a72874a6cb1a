package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// document: is a document of the team there, written, and does it say what it is for?
//
// Substance is counted in words outside headings, code blocks and comments, so that an outline is none. What is still to be written (TBD, TODO,
// [your team], ____) is weak; where it is a quarter of all paragraphs, list items and table rows, the document is a template that nobody filled in.
// An objective counts when it is named together with a time: "RTO" alone promises nothing.

func documentKind() Kind {
	return Kind{
		Name:     "document",
		Question: "Is the document there, written, and does it name its objectives and steps?",
		Example:  "{document: disaster_recovery_plan, objectives: [[RTO, recovery time objective], [RPO, recovery point objective]]}",
		Layer:    LayerDeclared,
		Reads:    "a Markdown document of at most 1 MiB; needs to read it",
		New:      func() any { return &document{Words: 50} },
	}
}

type document struct {
	Document   string     `yaml:"document" enum:"disaster_recovery_plan,runbook" doc:"one of the deployment's documents"`
	Path       string     `yaml:"path" doc:"any other Markdown document, relative to the deployment's root"`
	Words      int        `yaml:"words" min:"1" default:"50" doc:"words of text, outside headings, code blocks and comments, that the document has at least"`
	Objectives [][]string `yaml:"objectives" doc:"what the document promises with a time, each as the words that may name it"`
	Procedures int        `yaml:"procedures" min:"0" default:"0" doc:"sections with steps (a numbered list, a code block, commands in a list or table) that the document has at least"`
}

func (d *document) Validate() []error {
	var wrong []error
	if (d.Document == "") == (d.Path == "") {
		wrong = append(wrong, errors.New("name either document or path"))
	}
	for i, words := range d.Objectives {
		if len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return strings.Trim(w, " -") == "" }) {
			wrong = append(wrong, fmt.Errorf("objectives[%d]: no word names it", i))
		}
	}
	return wrong
}

// place is where the document lies, and what it is called.
func (d *document) place(p *Pass) (place deployment.Place, what string) {
	switch d.Document {
	case "runbook":
		return p.View.Place(deployment.FactRunbook), "RUNBOOK.md"
	case "disaster_recovery_plan":
		return p.View.Place(deployment.FactRecovery), "DISASTER-RECOVERY.md"
	}
	return deployment.Place{Paths: []string{p.Deployment.Abs(d.Path)}}, d.Path
}

func (d *document) Probe(ctx context.Context, p *Pass) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	place, what := d.place(p)
	path := place.Path()
	if path == "" {
		return notFound(p, place, what, "deployment.documents."+d.Document)
	}
	// The judgement hangs on the document alone, and takes many expressions: it is kept with the file.
	r, err := files.Load(p.Files, path, fmt.Sprintf("document judged by %+v", *d), maxDocument, func(data []byte, _ fs.FileInfo) (Result, error) {
		m, err := parseMarkdown(data)
		if err != nil {
			return Result{}, err
		}
		return d.judge(m, p.Deployment.Rel(path)), nil
	})
	if err != nil {
		return notRead(p.Deployment.Rel(path)+" cannot be read", err)
	}
	return r, nil
}

// judge judges a document; file is its name for people.
func (d *document) judge(m *markdown, file string) Result {
	if m.conflict > 0 {
		return Failed(ReasonInvalid, "%s:%d: the conflict of a merge is not resolved", file, m.conflict)
	}
	words, pieces, procedures, firstBlank, blanks := 0, 0, 0, 0, 0
	blank := func(prose string, line int) {
		if isBlank(prose) {
			if blanks++; firstBlank == 0 {
				firstBlank = line
			}
		}
	}
	for _, s := range m.sections {
		if s.level > 0 {
			blank(s.title, s.line)
			if hasSteps(s) {
				procedures++
			}
		}
		for _, b := range s.blocks {
			if b.form == codeBlock {
				continue
			}
			words += countWords(b.text)
			pieces++
			blank(b.prose, b.line)
		}
	}
	if words == 0 {
		return Failed(ReasonEmpty, "%s has no text beside headings, code and comments: write it", file)
	}
	var f Findings
	switch {
	case blanks*4 >= pieces && blanks > 0:
		f.Fail(ReasonPlaceholder, "%s is a template that is not filled in: %d of %d pieces of text are still to be written, the first at line %d", file, blanks, pieces, firstBlank)
	case blanks > 0:
		f.Warn(ReasonPlaceholder, "%s has %d pieces of text that are still to be written, the first at line %d", file, blanks, firstBlank)
	}
	if words < d.Words {
		f.Fail(ReasonEmpty, "%s has %d words of text, at least %d are wanted", file, words, d.Words)
	}
	objectives := d.objectiveNames()
	for i, names := range d.Objectives {
		f.Add(judgeObjective(m, objectives, i, names, file))
	}
	switch {
	case procedures == 0 && d.Procedures > 0:
		f.Fail(ReasonMissing, "%s has no section with steps: write what to do as a numbered list or as commands, each under its heading", file)
	case procedures < d.Procedures:
		f.Warn(ReasonWeak, "%s has %d section with steps, at least %d are wanted", file, procedures, d.Procedures)
	}
	return f.Result("%s has %d words and %d sections with steps", file, words, procedures)
}

// hasSteps reports whether a section tells what to do, step by step. A step that is still to be written is none.
func hasSteps(s mdSection) bool {
	steps := 0
	for _, b := range s.blocks {
		switch {
		case isBlank(b.prose):
		case b.form == stepBlock:
			if steps++; steps == 2 || b.text != b.prose {
				return true
			}
		case b.form == codeBlock:
			if !isDiagramLanguage(b.language) && hasCommand(b.text) {
				return true
			}
		case (b.form == itemBlock || b.form == rowBlock) && b.text != b.prose:
			return true
		}
	}
	return false
}

// hasCommand reports whether a code block holds more than comments and blanks.
func hasCommand(code string) bool {
	for line := range strings.Lines(code) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "//") && !isBlank(line) {
			return true
		}
	}
	return false
}

// timeSpan is a span of time as people write it.
var timeSpan = regexp.MustCompile(`(?i)(?:^|[^\pL\pN])(?:(?:\d+(?:[.,]\d+)?|an?|one|two|three|four|five|six|eight|ten|twelve|fifteen|twenty|thirty|sixty|half an)[ -]?` +
	`(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|(?:business|working) days?|weeks?)|zero|no data loss|immediate(?:ly)?|continuous(?:ly)?)(?:$|[^\pL\pN])`)

// objectiveNames matches, for each objective, any of its names as whole words.
func (d *document) objectiveNames() []*regexp.Regexp {
	all := make([]*regexp.Regexp, len(d.Objectives))
	for i, names := range d.Objectives {
		all[i] = objectiveName(names)
	}
	return all
}

func objectiveName(names []string) *regexp.Regexp {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strings.Join(strings.FieldsFunc(regexp.QuoteMeta(n), func(r rune) bool { return r == ' ' || r == '-' }), `[\s-]+`)
	}
	return regexp.MustCompile(`(?i)(?:^|[^\pL\pN])(?:` + strings.Join(quoted, "|") + `)s?(?:$|[^\pL\pN])`)
}

// judgeObjective judges whether an objective is named with a time: behind its name, or anywhere in the section that names it.
func judgeObjective(m *markdown, objectives []*regexp.Regexp, own int, names []string, file string) Result {
	name := objectives[own]
	// until is the part of a text that speaks of this objective: up to the name of another.
	until := func(rest string) string {
		for i, other := range objectives {
			if at := other.FindStringIndex(rest); at != nil && i != own {
				rest = rest[:at[0]]
			}
		}
		return rest
	}
	at, unset := 0, 0
	for i, s := range m.sections {
		if name.MatchString(s.title) {
			at = cmp.Or(at, s.line)
			if timeBelow(m.sections[i:]) {
				return Passed("")
			}
		}
		for _, b := range s.blocks {
			where := name.FindStringIndex(b.text)
			if b.form == codeBlock || where == nil {
				continue
			}
			at = cmp.Or(at, b.line)
			rest := until(b.text[where[1]:])
			switch {
			case timeSpan.MatchString(rest):
				return Passed("")
			case isBlank(rest):
				unset = cmp.Or(unset, b.line)
			case timeIn(s):
				return Passed("")
			case unset == 0:
				unset = blankIn(s)
			}
		}
	}
	switch {
	case unset > 0:
		return Failed(ReasonPlaceholder, "%s:%d names the %s without deciding it", file, unset, names[0])
	case at > 0:
		return Warned(ReasonWeak, "%s:%d names the %s without a time", file, at, names[0])
	}
	return Failed(ReasonMissing, "%s does not name its %s", file, strings.Join(names, " or "))
}

func timeIn(s mdSection) bool {
	return slices.ContainsFunc(s.blocks, func(b mdBlock) bool { return b.form != codeBlock && timeSpan.MatchString(b.text) })
}

// blankIn is the line of the first row or item of a section that is still to be written, 0 for none.
func blankIn(s mdSection) int {
	for _, b := range s.blocks {
		if (b.form == rowBlock || b.form == itemBlock) && isBlank(b.prose) {
			return b.line
		}
	}
	return 0
}

// timeBelow reports whether a time stands in the first section or those below it.
func timeBelow(sections []mdSection) bool {
	for i, s := range sections {
		if i > 0 && s.level <= sections[0].level {
			return false
		}
		if timeIn(s) || timeSpan.MatchString(s.title) {
			return true
		}
	}
	return false
}
