// Package documents checks the runbook, the recovery plan, diagrams, contacts and the changelog.
package documents

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
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
)

// document: does a document of the team exist, and does it contain what it should?
//
// Content is counted in words outside headings, code blocks and comments, so that a bare outline fails. Unfinished text
// (TBD, TODO, [your team], ____) is weak. If a quarter of all paragraphs, list items and table rows is unfinished, the
// document is an unfilled template. An objective counts only together with a time: "RTO" alone promises nothing.

func DocumentKind() probe.Kind {
	return probe.Kind{
		Name:       "document",
		Question:   "Does the document exist, and does it state its objectives and steps?",
		Example:    "{document: disaster_recovery_plan, objectives: [[RTO, recovery time objective], [RPO, recovery point objective]]}",
		Layer:      probe.LayerDeclared,
		Reads:      "a Markdown document of at most 1 MiB",
		Permission: "read permission",
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*document).breakages(view) },
		New:        func() any { return &document{Words: 50} },
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
func (d *document) place(p *probe.Pass) (place find.Place, what string) {
	switch d.Document {
	case "runbook":
		return p.View.Place(find.FactRunbook), "RUNBOOK.md"
	case "disaster_recovery_plan":
		return p.View.Place(find.FactRecovery), "DISASTER-RECOVERY.md"
	}
	return find.Place{Paths: []string{p.Deployment.Abs(d.Path)}}, d.Path
}

func (d *document) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if ctx.Err() != nil {
		return probe.Result{}, ctx.Err()
	}
	place, what := d.place(p)
	path := cmp.Or(place.Path(), d.byTitle(p, place.Documents))
	if path == "" {
		return probe.NotFound(p, place, what, "deployment.documents."+d.Document)
	}
	if find.IsOtherFormat(path) {
		_, err := markdown.Read(p, path)
		return markdown.Unreadable(p.Deployment.Rel(path)+" was not checked", err)
	}
	// The verdict depends only on the document and is expensive to compute, so it is cached with the file.
	r, err := files.Load(p.Files, path, fmt.Sprintf("document judged by %+v", *d), markdown.MaxDocument, func(data []byte, _ fs.FileInfo) (probe.Result, error) {
		m, err := markdown.Parse(data)
		if err != nil {
			return probe.Result{}, err
		}
		return d.judge(m, p.Deployment.Rel(path)), nil
	})
	if err != nil {
		return markdown.Unreadable(p.Deployment.Rel(path)+" cannot be read", err)
	}
	if d.Document == "runbook" && r.State != probe.StateFail {
		return ofThisDeployment(p, path, r)
	}
	return r, nil
}

// Titles of the known documents, in several languages.
var (
	runbookTitle = lazyregexp.New(`(?i)\b(run ?books?|playbooks?|operations?|operating|on-?call|incident|troubleshooting|betrieb\w*|notfall\w*|störung\w*|` +
		`exploitation|astreinte|incidencias|operaciones|gestione incidenti)\b`)
	recoveryTitle = lazyregexp.New(`(?i)disaster|business continuity|wiederanlauf|wiederherstellungsplan|reprise (après sinistre|d['’]activité)|` +
		`recuperación ante desastres|continuidad`)
)

// maxTitled bounds how many documents are read for their titles.
const maxTitled = 40

// byTitle returns the first document with the title of the known one; "" for none.
func (d *document) byTitle(p *probe.Pass, documents []string) string {
	title := runbookTitle
	if d.Document == "disaster_recovery_plan" {
		title = recoveryTitle
	}
	for _, path := range documents[:min(len(documents), maxTitled)] {
		m, err := markdown.Read(p, path)
		if err != nil {
			continue // it is none that can be judged
		}
		first := slices.IndexFunc(m.Sections, func(s markdown.Section) bool { return s.Level > 0 })
		if first >= 0 && title.MatchString(m.Sections[first].Title) {
			return path
		}
	}
	return ""
}

// ofThisDeployment adds a warning to the verdict on a runbook that names nothing of the deployment.
func ofThisDeployment(p *probe.Pass, path string, r probe.Result) (probe.Result, error) {
	m, err := markdown.Read(p, path)
	if err != nil {
		return markdown.Unreadable(p.Deployment.Rel(path)+" cannot be read", err)
	}
	if named(p, m) {
		return r, nil
	}
	var f probe.ResultBuilder
	f.Add(r)
	f.Warn(probe.ReasonWeak, "%s names no service, alert or command of this deployment. Write the commands that resolve each issue",
		p.Deployment.Rel(path))
	return f.Result("%s", r.Detail), nil
}

// judge evaluates a document; file is its name in messages.
func (d *document) judge(m *markdown.Document, file string) probe.Result {
	if m.Conflict > 0 {
		return probe.Failed(probe.ReasonInvalid, "%s:%d: unresolved merge conflict", file, m.Conflict)
	}
	words, pieces, procedures, firstBlank, blanks := 0, 0, 0, 0, 0
	blank := func(prose string, line int) {
		if markdown.IsBlank(prose) {
			if blanks++; firstBlank == 0 {
				firstBlank = line
			}
		}
	}
	for _, s := range m.Sections {
		if s.Level > 0 {
			blank(s.Title, s.Line)
			if hasSteps(s) {
				procedures++
			}
		}
		for _, b := range s.Blocks {
			if b.Form == markdown.CodeBlock {
				continue
			}
			words += markdown.CountWords(b.Text)
			pieces++
			blank(b.Prose, b.Line)
		}
	}
	if words == 0 {
		return probe.Failed(probe.ReasonEmpty, "%s has no text outside headings, code and comments. Write it", file)
	}
	var f probe.ResultBuilder
	switch {
	case blanks*4 >= pieces && blanks > 0:
		f.Fail(probe.ReasonPlaceholder,
			"%s is an unfilled template: %d of %d paragraphs, items and rows are unfinished, the first at line %d", file, blanks,
			pieces, firstBlank)
	case blanks > 0:
		f.Warn(probe.ReasonPlaceholder, "%s has %d unfinished paragraphs, items or rows, the first at line %d", file, blanks,
			firstBlank)
	}
	if words < d.Words {
		f.Fail(probe.ReasonEmpty, "%s has %d words of text, expected at least %d", file, words, d.Words)
	}
	objectives := d.objectiveNames()
	for i, names := range d.Objectives {
		f.Add(judgeObjective(m, objectives, i, names, file))
	}
	switch {
	case procedures == 0 && d.Procedures > 0:
		f.Fail(probe.ReasonMissing,
			"%s has no section with steps. Write each procedure under its own heading as a numbered list or commands", file)
	case procedures < d.Procedures:
		f.Warn(probe.ReasonWeak, "%s has %d section with steps, expected at least %d", file, procedures, d.Procedures)
	}
	return f.Result("%s has %d words and %d sections with steps", file, words, procedures)
}

// hasSteps reports whether a section describes a procedure in steps. Unfinished steps do not count.
func hasSteps(s markdown.Section) bool {
	steps := 0
	for _, b := range s.Blocks {
		switch {
		case markdown.IsBlank(b.Prose):
		case b.Form == markdown.StepBlock:
			if steps++; steps == 2 || b.Text != b.Prose {
				return true
			}
		case b.Form == markdown.CodeBlock:
			if !isDiagramLanguage(b.Language) && hasCommand(b.Text) {
				return true
			}
		case (b.Form == markdown.ItemBlock || b.Form == markdown.RowBlock) && b.Text != b.Prose:
			return true
		}
	}
	return false
}

// hasCommand reports whether a code block contains more than comments and placeholders.
func hasCommand(code string) bool {
	for line := range strings.Lines(code) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "//") && !markdown.IsBlank(line) {
			return true
		}
	}
	return false
}

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
func judgeObjective(m *markdown.Document, objectives []*regexp.Regexp, own int, names []string, file string) probe.Result {
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
	for i, s := range m.Sections {
		if name.MatchString(s.Title) {
			at = cmp.Or(at, s.Line)
			if timeInSubsections(m.Sections[i:]) {
				return probe.Passed("")
			}
		}
		for _, b := range s.Blocks {
			where := name.FindStringIndex(b.Text)
			if b.Form == markdown.CodeBlock || where == nil {
				continue
			}
			at = cmp.Or(at, b.Line)
			rest := until(b.Text[where[1]:])
			switch {
			case timeSpan.MatchString(rest), clockSpan.MatchString(rest), zeroSpan.MatchString(rest):
				return probe.Passed("")
			case markdown.IsBlank(rest):
				unset = cmp.Or(unset, b.Line)
			case timeElsewhere(s, objectives, own):
				return probe.Passed("")
			case unset == 0:
				unset = unfinishedLine(s)
			}
		}
	}
	switch {
	case unset > 0:
		return probe.Failed(probe.ReasonPlaceholder, "%s:%d mentions %s but leaves its value open", file, unset, names[0])
	case at > 0:
		return probe.Warned(probe.ReasonWeak, "%s:%d mentions %s without a time", file, at, names[0])
	}
	return probe.Failed(probe.ReasonMissing, "%s does not state %s", file, strings.Join(names, " or "))
}

func timeIn(s markdown.Section) bool {
	return slices.ContainsFunc(s.Blocks, func(b markdown.Block) bool { return b.Form != markdown.CodeBlock && timeSpan.MatchString(b.Text) })
}

// timeElsewhere reports whether a section contains a time that does not belong to another objective.
func timeElsewhere(s markdown.Section, objectives []*regexp.Regexp, own int) bool {
	return slices.ContainsFunc(s.Blocks, func(b markdown.Block) bool {
		if b.Form == markdown.CodeBlock || !timeSpan.MatchString(b.Text) {
			return false
		}
		for i, other := range objectives {
			if i != own && other.MatchString(b.Text) && !objectives[own].MatchString(b.Text) {
				return false
			}
		}
		return true
	})
}

// unfinishedLine returns the line of the first unfinished row or item of a section, or 0.
func unfinishedLine(s markdown.Section) int {
	for _, b := range s.Blocks {
		if (b.Form == markdown.RowBlock || b.Form == markdown.ItemBlock) && markdown.IsBlank(b.Prose) {
			return b.Line
		}
	}
	return 0
}

// timeInSubsections reports whether the first section or one of its subsections contains a time.
func timeInSubsections(sections []markdown.Section) bool {
	for i, s := range sections {
		if i > 0 && s.Level <= sections[0].Level {
			return false
		}
		if timeIn(s) || timeSpan.MatchString(s.Title) || slices.ContainsFunc(s.Blocks, func(b markdown.Block) bool {
			return b.Form != markdown.CodeBlock && (clockSpan.MatchString(b.Text) || zeroSpan.MatchString(b.Text))
		}) {
			return true
		}
	}
	return false
}
