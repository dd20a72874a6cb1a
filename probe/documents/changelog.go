package documents

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// changelog: are changes recorded for each release in the form of Keep a Changelog 1.1?
//
//	## [Unreleased]
//	## [1.2.3] - 2026-01-31
//
// The entry of the upcoming release must exist and have content. Without a release only the form is judged, and
// whether anything was written recently.

func ChangelogKind() probe.Kind {
	return probe.Kind{
		Name:       "changelog",
		Question:   "Does the changelog have an entry for the release, in the form of Keep a Changelog?",
		Example:    "{stale_after: 365d}",
		Layer:      probe.LayerDeclared,
		Reads:      "CHANGELOG.md, at most 1 MiB",
		Permission: "read permission",
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*changelog).breakages(view) },
		New:        func() any { return &changelog{StaleAfter: schema.Duration(365 * 24 * time.Hour)} },
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
	changes      int // pieces of text
	idle         int // pieces of text that say that nothing changed, not among changes
	placeholders int // of those, placeholders
	vague        int // of those, sentences that say nothing of a change
}

func (e entryText) hasContent() bool { return e.changes > e.placeholders }

var (
	unreleasedTitle = lazyregexp.New(`(?i)^\[?unreleased\]?(?:\W.*)?$`)
	// entryTitle: [1.2.3] - 2026-01-31 [YANKED], with or without brackets, v and date; other tools write the date in parentheses.
	entryTitle = lazyregexp.New(`^\[?[vV]?(\d+(?:\.\d+){1,3}(?:[-+][0-9A-Za-z.+-]+)?)\]?(?:\s+[-–—]\s+(\S+)|\s+\((\S+)\))?(\s+\[YANKED\])?$`)
)

func (c *changelog) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if ctx.Err() != nil {
		return probe.Result{}, ctx.Err()
	}
	place := p.View.Place(find.FactChangelog)
	path := place.Path()
	if path == "" {
		return probe.NotFound(p, place, "CHANGELOG.md", "deployment.documents.changelog")
	}
	m, err := markdown.Read(p, path)
	if err != nil {
		return markdown.Unreadable(p.Deployment.Rel(path)+" cannot be read", err)
	}
	version, unknown := releaseVersion(p)
	e := probe.Unchanged(p, changelogKey{path}, []*markdown.Document{m}, func() changelogEntries { return entriesOf(m) })
	r := c.judge(e, p.Deployment.Rel(path), version, p.Time)
	if unknown != nil && r.State != probe.StateFail { // a problem of form does not depend on the release
		return probe.Result{}, unknown
	}
	return r, nil
}

// releaseVersion returns the version of the planned release, or else of the one recorded last; "" when there is none.
// The error is a probe's: the release's version is unknown.
func releaseVersion(p *probe.Pass) (string, error) {
	chain, err := release.Chain(p)
	if err != nil {
		return "", err
	}
	r := release.Current(chain)
	switch {
	case r == nil:
		return "", nil
	case r.Release.Version == "":
		return "", probe.Needs("catalyst_exporter deploy plan --version", probe.Unknownf(probe.ReasonNotConfigured,
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
func entriesOf(m *markdown.Document) (c changelogEntries) {
	for i, s := range m.Sections {
		match := entryTitle.FindStringSubmatch(s.Title)
		if s.Level != 2 && (s.Level != 1 || match == nil) { // some tools use first-level headings for versions
			continue
		}
		e := changelogEntry{line: s.Line, entryText: textBelow(m.Sections[i:])}
		switch {
		case unreleasedTitle.MatchString(s.Title) && c.unreleased == nil:
			c.unreleased = &e
		case match != nil:
			e.version, e.date, e.yanked = match[1], match[2]+match[3], match[4] != ""
			c.entries = append(c.entries, e)
		default:
			c.others = append(c.others, s.Line)
		}
	}
	c.conflict = m.Conflict
	all := textBelow(append([]markdown.Section{{Level: -1}}, m.Sections...))
	c.empty = len(c.others) == 0 && all.changes+all.idle == 0
	return c
}

// isTemplate matches a change that is none: WIP, or a sentence of a template.
var isTemplate = lazyregexp.New(`(?i)^\W*(?:wip|work in progress|tba|tbc|pending|` +
	`new feature(?: \d+| [a-z])?|(?:first|second|some|another|example|sample) (?:feature|change|fix|entry|bug)|feature (?:\d+|[a-z]|name)|` +
	`(?:description|summary) of (?:the |your |a )?(?:new )?(?:change|feature|fix|bug)s?|(?:your|the) (?:change|feature|fix)s? (?:goes |go )?here|` +
	`(?:for )?(?:new features|changes in existing functionality|soon-to-be removed features|now removed features|any bug fixes)|` +
	`describe (?:the|your|this) (?:change|feature|fix)s?(?: here)?|(?:change|bug ?fix|update) (?:\d+|[a-z])|hello,? world|noch (?:zu ergänzen|offen)|à compléter|por completar|` +
	`da completare|do uzupełnienia|nog in te vullen|in case of vulnerabilities|(?:a )?placeholder|lorem ipsum.*|initial template|x{2,}|tk|foo|bar|asdf\w*|test)\W*$`).MatchString

// isVague matches a change that could stand in any release.
var isVague = lazyregexp.New(`(?i)^\W*(?:(?:various|several|some|minor|misc(?:ellaneous)?|small|general|other|many|multiple|internal)[ ,]+)*(?:bug ?)?` +
	`(?:fix(?:es|ed)?(?: bugs?)?|bugs?|changes?|improvements?|enhancements?|updates?|tweaks?|cleanups?|stuff|things|maintenance|housekeeping|refactoring)` +
	`(?:(?:,| and| &|/)+ *(?:(?:various|other|minor|small|performance|stability|general) )*(?:fix(?:es)?|bug ?fixes|changes?|improvements?|enhancements?|updates?|optimi[sz]ations?|stability|performance))*` +
	`(?: (?:and more|under the hood|as usual))?\W*$|^\W*see (?:the )?(?:git|commits?|commit (?:log|history)|git log|release notes?|release page|releases?|github|gitlab|jira|tickets?|issues?|milestone|above|below)\W*$|` +
	`^\W*merged? (?:branch|pull request|tag|remote-tracking)\b.*$|^\W*(?:(?:chore|build|ci|release)(?:\([\w-]+\))?: *)?(?:bump(?:ed|s)?|raised?|update[ds]?|set) (?:the )?(?:app |package )?version(?: (?:number|to|from)\b.*)?\W*$|` +
	`^\W*version bump\W*$|^\W*(?:chore: *)?(?:prepare[ds]? |cut )?(?:for )?(?:the )?release(?: of)? ?v?[\d.]*\W*$|` + vagueAbroad).MatchString

// vagueAbroad matches the same in other languages.
const vagueAbroad = `^\W*(?:(?:diverse|verschiedene|einige|kleine(?:re)?|allgemeine|sonstige)[ ,]+)+(?:fehlerbehebungen|fehlerkorrekturen|bugfixes|verbesserungen|anpassungen|änderungen|optimierungen)` +
	`(?: und (?:(?:kleine(?:re)?|weitere) )?(?:verbesserungen|fehlerbehebungen|optimierungen|änderungen|anpassungen))?\W*$|` +
	`^\W*(?:divers(?:es)?|quelques|petites|plusieurs) (?:corrections?|améliorations?|changements|modifications)(?: (?:de bugs|mineures|diverses))?(?: et (?:corrections?|améliorations?)(?: (?:de bugs|diverses))?)?\W*$|` +
	`^\W*corrections? (?:de bugs|diverses|mineures)\W*$|^\W*(?:varias|diversas|algunas|pequeñas) (?:correcciones|mejoras)(?: (?:de errores|menores))?(?: y (?:correcciones|mejoras))?\W*$|` +
	`^\W*corrección de errores\W*$|^\W*(?:várias|diversas|pequenas) (?:correções|melhorias)(?: e (?:correções|melhorias))?\W*$|^\W*correç(?:ão|ões) de bugs\W*$|` +
	`^\W*(?:varie|diverse|piccole|alcune) (?:correzioni|migliorie)(?: e (?:correzioni|migliorie))?\W*$|^\W*(?:diverse|kleine) (?:bugfixes|verbeteringen|aanpassingen)(?: en verbeteringen)?\W*$|` +
	`^\W*(?:исправлен[ыо]|исправление|исправления) (?:ошибок|ошибки|багов|баги)\W*$|^\W*(?:drobne|różne) (?:poprawki|zmiany)\W*$|^\W*バグ修正\W*$|^\W*(?:修复|修正)(?:了)?(?:一些)?(?:bug|已知问题|问题)\W*$`

// isNothing matches a text that says that nothing changed.
var isNothing = lazyregexp.New(`(?i)^\W*(?:n/?a|not applicable|none|nil|nothing(?: yet| to see here| so far)?|no (?:notable |unreleased |user-visible )?changes(?: yet)?)\W*$`).MatchString

// textBelow counts the text of the first section and of those below it.
func textBelow(sections []markdown.Section) (t entryText) {
	for i, s := range sections {
		if i > 0 && s.Level <= sections[0].Level {
			break
		}
		for _, b := range s.Blocks {
			if b.Form == markdown.CodeBlock || markdown.CountWords(b.Text) == 0 {
				continue
			}
			if isNothing(b.Text) {
				t.idle++
				continue
			}
			t.changes++
			if markdown.IsBlank(aboutTodo.ReplaceAllString(b.Prose, "")) || isTemplate(b.Text) {
				t.placeholders++
			} else if isVague(b.Text) || isGeneric(b.Text) {
				t.vague++
			}
		}
	}
	return t
}

// judge judges a changelog; file is its name in messages. version is that of the upcoming release, "" for none.
func (c *changelog) judge(m changelogEntries, file, version string, now time.Time) probe.Result {
	if m.conflict > 0 {
		return probe.Failed(probe.ReasonInvalid, "%s:%d: unresolved merge conflict", file, m.conflict)
	}
	entries, unreleased, others := m.entries, m.unreleased, m.others
	var f probe.ResultBuilder
	if len(entries) == 0 && unreleased == nil {
		if m.empty {
			return probe.Failed(probe.ReasonEmpty, "%s contains no entries", file)
		}
		return probe.Failed(probe.ReasonInvalid, "%s has no entries. Begin each with a heading such as ## [1.2.3] - 2026-01-31", file)
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
func (c *changelog) judgeRelease(f *probe.ResultBuilder, entries []changelogEntry, unreleased *changelogEntry, file, version string) {
	plain := func(v string) string {
		v, _, _ = strings.Cut(strings.TrimLeft(v, "vV"), "+") // builds of one version are one release
		return v
	}
	i := slices.IndexFunc(entries, func(e changelogEntry) bool { return plain(e.version) == plain(version) })
	switch {
	case i >= 0:
		judgeEntry(f, entries[i], file)
	case unreleased != nil && unreleased.hasContent():
		f.Fail(probe.ReasonMissing, "%s has no entry for %s. Add its heading to the changes below Unreleased (line %d)",
			file, version, unreleased.line)
	default:
		f.Fail(probe.ReasonMissing, "%s has no entry for %s", file, version)
	}
}

// judgeNewest judges the unreleased changes, or the newest entry when there are none.
func (c *changelog) judgeNewest(f *probe.ResultBuilder, entries []changelogEntry, unreleased *changelogEntry, file string, now time.Time) {
	if unreleased != nil && (unreleased.changes > 0 || len(entries) == 0) {
		judgeEntry(f, *unreleased, file)
		return
	}
	newest := entries[0]
	if i := slices.IndexFunc(entries, func(e changelogEntry) bool { return !e.yanked }); i >= 0 {
		newest = entries[i] // a release that was withdrawn is not the newest
	}
	judgeEntry(f, newest, file)
	if date, err := time.Parse(time.DateOnly, newest.date); err == nil && now.Sub(date.AddDate(0, 0, 1)) > time.Duration(c.StaleAfter) {
		f.Warn(probe.ReasonStale, "%s:%d: the newest entry is more than %s old, and nothing is unreleased",
			file, newest.line, c.StaleAfter)
	}
}

func judgeEntry(f *probe.ResultBuilder, e changelogEntry, file string) {
	switch {
	case e.yanked:
		f.Fail(probe.ReasonInvalid, "%s:%d: the version is yanked: it was withdrawn. Release another", file, e.line)
	case e.changes == 0:
		f.Fail(probe.ReasonEmpty, "%s:%d: the entry is empty", file, e.line)
	case e.placeholders > 0 && !e.hasContent():
		f.Fail(probe.ReasonPlaceholder, "%s:%d: the entry is a placeholder", file, e.line)
	case e.vague+e.placeholders == e.changes:
		f.Warn(probe.ReasonWeak, "%s:%d: the entry names no change, only %q and the like. Write what users notice", file, e.line, "bug fixes")
	case e.placeholders > 0:
		f.Warn(probe.ReasonPlaceholder, "%s:%d: %d of %d changes are placeholders", file, e.line, e.placeholders, e.changes)
	}
}

// judgeChangelogForm judges what applies to all entries.
func judgeChangelogForm(f *probe.ResultBuilder, entries []changelogEntry, unreleased *changelogEntry, others []int, file string, now time.Time) {
	seen := map[string]int{}
	undated, future, disordered := 0, 0, 0
	last := ""
	for _, e := range entries {
		if first, twice := seen[e.version]; twice {
			f.Fail(probe.ReasonInvalid, "%s:%d: the version already has an entry at line %d", file, e.line, first)
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
		f.Warn(probe.ReasonInvalid, "%s:%d: the version has no date in the form 2026-01-31", file, undated)
	}
	if future > 0 {
		f.Warn(probe.ReasonInvalid, "%s:%d: the date is in the future", file, future)
	}
	if disordered > 0 {
		f.Warn(probe.ReasonInvalid, "%s:%d: the entry is newer than the one above it. Put the newest first", file, disordered)
	}
	if len(others) > 0 {
		f.Warn(probe.ReasonInvalid, "%s:%d: the heading is neither Unreleased nor a version with a date (%d such headings in all)",
			file, others[0], len(others))
	}
	switch {
	case unreleased == nil:
		f.Warn(probe.ReasonMissing, "%s has no heading ## [Unreleased] for upcoming changes", file)
	case len(entries) > 0 && unreleased.line > entries[0].line:
		f.Warn(probe.ReasonInvalid, "%s:%d: Unreleased is not the first entry", file, unreleased.line)
	}
}
