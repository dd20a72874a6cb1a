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

// document: does a document of the team exist, and does it contain what it should?
//
// Content is counted in words outside headings, code blocks and comments, so that a bare outline fails. Unfinished text
// (TBD, TODO, [your team], ____) is weak. If a quarter of all paragraphs, list items and table rows is unfinished, the
// document is an unfilled template. An objective counts only together with a time: "RTO" alone promises nothing.

func documentKind() Kind {
	return Kind{
		Name:     "document",
		Question: "Does the document exist, and does it state its objectives and steps?",
		Example:  "{document: disaster_recovery_plan, objectives: [[RTO, recovery time objective], [RPO, recovery point objective]]}",
		Layer:    LayerDeclared,
		Reads:    "a Markdown document of at most 1 MiB; needs read permission",
		New:      func() any { return &document{Words: 50} },
	}
}

type document struct {
	Document   string     `yaml:"document" enum:"disaster_recovery_plan,runbook" doc:"a known document of the deployment"`
	Path       string     `yaml:"path" doc:"any other Markdown document, relative to the deployment root"`
	Words      int        `yaml:"words" min:"1" default:"50" doc:"minimum number of words outside headings, code blocks and comments"`
	Objectives [][]string `yaml:"objectives" doc:"objectives that the document must state with a time, each as a list of alternative names"`
	Procedures int        `yaml:"procedures" min:"0" default:"0" doc:"minimum number of sections with steps (a numbered list, a code block, or commands in a list or table)"`
}

func (d *document) Validate() []error {
	var wrong []error
	if (d.Document == "") == (d.Path == "") {
		wrong = append(wrong, errors.New("set either document or path"))
	}
	for i, words := range d.Objectives {
		if len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return strings.Trim(w, " -") == "" }) {
			wrong = append(wrong, fmt.Errorf("objectives[%d]: name is empty", i))
		}
	}
	return wrong
}

// place returns the location of the document and its name for messages.
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
	// The verdict depends only on the document and is expensive to compute, so it is cached with the file.
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

// judge evaluates a document; file is its name in messages.
func (d *document) judge(m *markdown, file string) Result {
	if m.conflict > 0 {
		return Failed(ReasonInvalid, "%s:%d: unresolved merge conflict", file, m.conflict)
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
		return Failed(ReasonEmpty, "%s has no text outside headings, code and comments. Write it", file)
	}
	var f Findings
	switch {
	case blanks*4 >= pieces && blanks > 0:
		f.Fail(ReasonPlaceholder,
			"%s is an unfilled template: %d of %d paragraphs, items and rows are unfinished, the first at line %d", file, blanks,
			pieces, firstBlank)
	case blanks > 0:
		f.Warn(ReasonPlaceholder, "%s has %d unfinished paragraphs, items or rows, the first at line %d", file, blanks,
			firstBlank)
	}
	if words < d.Words {
		f.Fail(ReasonEmpty, "%s has %d words of text, expected at least %d", file, words, d.Words)
	}
	objectives := d.objectiveNames()
	for i, names := range d.Objectives {
		f.Add(judgeObjective(m, objectives, i, names, file))
	}
	switch {
	case procedures == 0 && d.Procedures > 0:
		f.Fail(ReasonMissing,
			"%s has no section with steps. Write each procedure under its own heading as a numbered list or commands", file)
	case procedures < d.Procedures:
		f.Warn(ReasonWeak, "%s has %d section with steps, expected at least %d", file, procedures, d.Procedures)
	}
	return f.Result("%s has %d words and %d sections with steps", file, words, procedures)
}

// hasSteps reports whether a section describes a procedure in steps. Unfinished steps do not count.
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

// hasCommand reports whether a code block contains more than comments and placeholders.
func hasCommand(code string) bool {
	for line := range strings.Lines(code) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "//") && !isBlank(line) {
			return true
		}
	}
	return false
}

// timeSpan matches a duration in prose.
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

// judgeObjective checks that an objective is stated with a time: after its name, or anywhere in the section that names
// it.
func judgeObjective(m *markdown, objectives []*regexp.Regexp, own int, names []string, file string) Result {
	name := objectives[own]
	// until cuts a text at the name of another objective.
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
		return Failed(ReasonPlaceholder, "%s:%d mentions %s but leaves its value open", file, unset, names[0])
	case at > 0:
		return Warned(ReasonWeak, "%s:%d mentions %s without a time", file, at, names[0])
	}
	return Failed(ReasonMissing, "%s does not state %s", file, strings.Join(names, " or "))
}

func timeIn(s mdSection) bool {
	return slices.ContainsFunc(s.blocks, func(b mdBlock) bool { return b.form != codeBlock && timeSpan.MatchString(b.text) })
}

// blankIn returns the line of the first unfinished row or item of a section, or 0.
func blankIn(s mdSection) int {
	for _, b := range s.blocks {
		if (b.form == rowBlock || b.form == itemBlock) && isBlank(b.prose) {
			return b.line
		}
	}
	return 0
}

// timeBelow reports whether the first section or one of its subsections contains a time.
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
