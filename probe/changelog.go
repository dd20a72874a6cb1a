package probe

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// changelog: are changes recorded for each release in the form of Keep a Changelog 1.1?
//
//	## [Unreleased]
//	## [1.2.3] - 2026-01-31
//
// The entry of the upcoming release must exist and have content. Without a release only the form is judged, and
// whether anything was written recently.

func changelogKind() Kind {
	return Kind{
		Name:     "changelog",
		Question: "Does the changelog have an entry for the release, in the form of Keep a Changelog?",
		Example:  "{stale_after: 365d}",
		Layer:    LayerDeclared,
		Reads:    "CHANGELOG.md, at most 1 MiB; needs to read it",
		Alone:    true,
		New:      func() any { return &changelog{StaleAfter: schema.Duration(365 * 24 * time.Hour)} },
	}
}

type changelog struct {
	StaleAfter schema.Duration `yaml:"stale_after" min:"1d" default:"365d" doc:"age of the newest entry from which the changelog is stale, unless it has unreleased changes"`
}

// changelogEntry is the section of one version.
type changelogEntry struct {
	line    int
	version string // without a leading v
	date    string // as written; "" when missing
	yanked  bool
	entryText
}

// entryText counts the text below an entry's heading.
type entryText struct {
	changes int // pieces of text
	blanks  int // of those, placeholders
}

func (e entryText) written() bool { return e.changes > e.blanks }

var (
	unreleasedTitle = regexp.MustCompile(`(?i)^\[?unreleased\]?(?:\W.*)?$`)
	// entryTitle: [1.2.3] - 2026-01-31 [YANKED], with or without brackets, v and date; other tools write the date in parentheses.
	entryTitle = regexp.MustCompile(`^\[?[vV]?(\d+(?:\.\d+){1,3}(?:[-+][0-9A-Za-z.+-]+)?)\]?(?:\s+[-–—]\s+(\S+)|\s+\((\S+)\))?(\s+\[YANKED\])?$`)
)

func (c *changelog) Probe(ctx context.Context, p *Pass) (Result, error) {
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	place := p.View.Place(deployment.FactChangelog)
	path := place.Path()
	if path == "" {
		return notFound(p, place, "CHANGELOG.md", "deployment.documents.changelog")
	}
	m, err := readMarkdown(p, path)
	if err != nil {
		return notRead(p.Deployment.Rel(path)+" cannot be read", err)
	}
	version, unknown := releaseVersion(p)
	e := unchanged(p, changelogKey{path}, []*markdown{m}, func() changelogEntries { return entriesOf(m) })
	r := c.judge(e, p.Deployment.Rel(path), version, p.Time)
	if unknown != nil && r.State != StateFail { // a problem of form does not depend on the release
		return Result{}, unknown
	}
	return r, nil
}

// releaseVersion returns the version of the planned release, or else of the one recorded last; "" when there is none.
// The error is a probe's: the release's version is unknown.
func releaseVersion(p *Pass) (string, error) {
	chain, err := ReleaseChain(p)
	if err != nil {
		return "", err
	}
	r := current(chain)
	switch {
	case r == nil:
		return "", nil
	case r.Release.Version == "":
		return "", Needs("catalyst_exporter deploy plan --version", Unknownf(ReasonNotConfigured,
			"the release has a commit but no version, so its entry cannot be found"))
	}
	return r.Release.Version, nil
}

type changelogKey struct{ path string }

// changelogEntries is a parsed changelog. It must not be modified.
type changelogEntries struct {
	entries    []changelogEntry // in the order of the file
	unreleased *changelogEntry  // nil without such a section
	others     []int            // lines of headings that are neither
	empty      bool             // nothing is written at all
	conflict   int              // line of the first merge conflict, 0 for none
}

// entriesOf parses a changelog.
func entriesOf(m *markdown) (c changelogEntries) {
	for i, s := range m.sections {
		match := entryTitle.FindStringSubmatch(s.title)
		if s.level != 2 && (s.level != 1 || match == nil) { // some tools use first-level headings for versions
			continue
		}
		e := changelogEntry{line: s.line, entryText: textBelow(m.sections[i:])}
		switch {
		case unreleasedTitle.MatchString(s.title) && c.unreleased == nil:
			c.unreleased = &e
		case match != nil:
			e.version, e.date, e.yanked = match[1], match[2]+match[3], match[4] != ""
			c.entries = append(c.entries, e)
		default:
			c.others = append(c.others, s.line)
		}
	}
	c.conflict = m.conflict
	c.empty = len(c.others) == 0 && textBelow(append([]mdSection{{level: -1}}, m.sections...)).changes == 0
	return c
}

// textBelow counts the text of the first section and of those below it.
func textBelow(sections []mdSection) (t entryText) {
	for i, s := range sections {
		if i > 0 && s.level <= sections[0].level {
			break
		}
		for _, b := range s.blocks {
			if b.form == codeBlock || countWords(b.text) == 0 {
				continue
			}
			t.changes++
			if isBlank(b.prose) {
				t.blanks++
			}
		}
	}
	return t
}

// judge judges a changelog; file is its name in messages. version is that of the upcoming release, "" for none.
func (c *changelog) judge(m changelogEntries, file, version string, now time.Time) Result {
	if m.conflict > 0 {
		return Failed(ReasonInvalid, "%s:%d: unresolved merge conflict", file, m.conflict)
	}
	entries, unreleased, others := m.entries, m.unreleased, m.others
	var f Findings
	if len(entries) == 0 && unreleased == nil {
		if m.empty {
			return Failed(ReasonEmpty, "%s contains no entries", file)
		}
		return Failed(ReasonInvalid, "%s has no entries. Begin each with a heading such as ## [1.2.3] - 2026-01-31", file)
	}
	if version != "" {
		c.judgeRelease(&f, entries, unreleased, file, version)
	} else {
		c.judgeNewest(&f, entries, unreleased, file, now)
	}
	judgeChangelogForm(&f, entries, unreleased, others, file, now)
	told := fmt.Sprintf("%s has %d released entries", file, len(entries))
	switch {
	case version != "":
		told += ", one of them for " + version
	case unreleased != nil:
		told += fmt.Sprintf(" and %d unreleased changes; no release is planned or recorded", unreleased.changes)
	}
	return f.Result("%s", told)
}

// judgeRelease judges the entry of a release.
func (c *changelog) judgeRelease(f *Findings, entries []changelogEntry, unreleased *changelogEntry, file, version string) {
	plain := func(v string) string {
		v, _, _ = strings.Cut(strings.TrimLeft(v, "vV"), "+") // builds of one version are one release
		return v
	}
	i := slices.IndexFunc(entries, func(e changelogEntry) bool { return plain(e.version) == plain(version) })
	switch {
	case i >= 0:
		judgeEntry(f, entries[i], file)
	case unreleased != nil && unreleased.written():
		f.Fail(ReasonMissing, "%s has no entry for %s. Add its heading to the changes below Unreleased (line %d)",
			file, version, unreleased.line)
	default:
		f.Fail(ReasonMissing, "%s has no entry for %s", file, version)
	}
}

// judgeNewest judges the unreleased changes, or the newest entry when there are none.
func (c *changelog) judgeNewest(f *Findings, entries []changelogEntry, unreleased *changelogEntry, file string, now time.Time) {
	if unreleased != nil && (unreleased.changes > 0 || len(entries) == 0) {
		judgeEntry(f, *unreleased, file)
		return
	}
	newest := entries[0]
	judgeEntry(f, newest, file)
	if date, err := time.Parse(time.DateOnly, newest.date); err == nil && now.Sub(date.AddDate(0, 0, 1)) > time.Duration(c.StaleAfter) {
		f.Warn(ReasonStale, "%s:%d: the newest entry is more than %s old, and nothing is unreleased",
			file, newest.line, c.StaleAfter)
	}
}

func judgeEntry(f *Findings, e changelogEntry, file string) {
	switch {
	case e.changes == 0 && !e.yanked:
		f.Fail(ReasonEmpty, "%s:%d: the entry is empty", file, e.line)
	case e.blanks > 0 && !e.written():
		f.Fail(ReasonPlaceholder, "%s:%d: the entry is a placeholder", file, e.line)
	case e.blanks > 0:
		f.Warn(ReasonPlaceholder, "%s:%d: %d of %d changes are placeholders", file, e.line, e.blanks, e.changes)
	}
}

// judgeChangelogForm judges what applies to all entries.
func judgeChangelogForm(f *Findings, entries []changelogEntry, unreleased *changelogEntry, others []int, file string, now time.Time) {
	seen := map[string]int{}
	undated, future, disordered := 0, 0, 0
	last := ""
	for _, e := range entries {
		if first, twice := seen[e.version]; twice {
			f.Fail(ReasonInvalid, "%s:%d: the version already has an entry at line %d", file, e.line, first)
		} else {
			seen[e.version] = e.line
		}
		date, err := time.Parse(time.DateOnly, e.date)
		if err != nil {
			undated = cmp.Or(undated, e.line)
			continue
		}
		// A release may be dated a day ahead: time zones differ.
		if date.After(now.Add(24 * time.Hour)) {
			future = cmp.Or(future, e.line)
		}
		if last != "" && e.date > last {
			disordered = cmp.Or(disordered, e.line)
		}
		last = e.date
	}
	if undated > 0 {
		f.Warn(ReasonInvalid, "%s:%d: the version has no date in the form 2026-01-31", file, undated)
	}
	if future > 0 {
		f.Warn(ReasonInvalid, "%s:%d: the date is in the future", file, future)
	}
	if disordered > 0 {
		f.Warn(ReasonInvalid, "%s:%d: the entry is newer than the one above it. Put the newest first", file, disordered)
	}
	if len(others) > 0 {
		f.Warn(ReasonInvalid, "%s:%d: the heading is neither Unreleased nor a version with a date (%d such headings in all)",
			file, others[0], len(others))
	}
	switch {
	case unreleased == nil:
		f.Warn(ReasonMissing, "%s has no heading ## [Unreleased] for upcoming changes", file)
	case len(entries) > 0 && unreleased.line > entries[0].line:
		f.Warn(ReasonInvalid, "%s:%d: Unreleased is not the first entry", file, unreleased.line)
	}
}
