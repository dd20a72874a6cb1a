// Package releasecheck checks one release: what runs, its logs and metrics, its backup and the way back.
package releasecheck

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The kinds about the release itself.

func ReadyKind() probe.Kind {
	return probe.Kind{
		Name:     "release_ready",
		Question: "Is every required standing item ok or waived, so that the planned release may be deployed?",
		Example:  "{}",
		Layer:    probe.LayerDerived,
		Reads:    "the verdicts on the other items, and the release records",
		Alone:    true,
		New:      func() any { return &releaseReady{} },
	}
}

// releaseReady checks the items before a deployment. Afterwards, the verdicts of that time are in the release record.
type releaseReady struct{}

// Judge implements Derived.
func (s *releaseReady) Judge(v probe.Verdicts) probe.Result {
	c, err := release.Chain(v.Pass)
	if err != nil {
		return probe.NotChecked(err)
	}
	r := release.Current(c)
	if r == nil {
		return probe.NotChecked(probe.SkipRelease())
	}
	if c.Planned() == nil && r.Unplanned {
		return probe.Failed(probe.ReasonMissing, "%s was recorded without a plan: nothing was verified before it was deployed", r.Release)
	}
	asked := 0
	var failing, unseen []string
	for _, it := range v.Items {
		if !it.Required || it.Scope != "standing" {
			continue
		}
		asked++
		switch {
		case it.State.OK() || it.Waived:
		case it.State == probe.StateFail:
			failing = append(failing, it.Item)
		default:
			unseen = append(unseen, it.Item)
		}
	}
	switch {
	case asked == 0:
		return probe.NotChecked(probe.Unknownf(probe.ReasonEmpty, "the checklist has no required standing item"))
	case len(failing) > 0:
		return probe.Failed(probe.ReasonBlocked, "failing: %s", short(failing))
	case len(unseen) > 0:
		return probe.Result{State: probe.StateUnknown, Reason: probe.ReasonBlocked, Detail: "not checked: " + short(unseen)}
	}
	return probe.Passed("all %d required standing items are ok or waived", asked)
}

// short lists the first entries.
func short(list []string) string {
	if len(list) > probe.MaxFindings {
		return strings.Join(list[:probe.MaxFindings], ", ") + ", …"
	}
	return strings.Join(list, ", ")
}

func BackupKind() probe.Kind {
	return probe.Kind{
		Name:     "release_backup",
		Question: "Was a complete backup finished shortly before the release was deployed?",
		Example:  "{within: 2h}",
		Layer:    probe.LayerDerived,
		Reads:    "the release records",
		Alone:    true,
		New:      func() any { return &releaseBackup{Within: schema.Duration(2 * time.Hour)} },
	}
}

// releaseBackup checks the backup recorded by `deploy record`.
type releaseBackup struct {
	Within schema.Duration `yaml:"within" default:"2h" min:"1m" doc:"greatest age of the backup when the release is recorded"`
}

// Probe implements Probe.
func (s *releaseBackup) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := release.Chain(p)
	if err != nil {
		return probe.Result{}, err
	}
	r := c.Recorded()
	if r == nil || c.Planned() != nil {
		return probe.Result{}, probe.SkipRelease() // deploy record adds the backup of a planned release
	}
	b := r.Backup
	switch {
	case b.SHA256 == "":
		return probe.Failed(probe.ReasonMissing, "the record of %s has no backup: make one before `deploy record`", r.Release), nil
	case b.Finished.Before(r.At.Add(-s.Within.Std())):
		return probe.Failed(probe.ReasonStale, "the backup in the record of %s finished %v before it, expected at most %v", r.Release, r.At.Sub(b.Finished).Round(time.Second), s.Within.Std()), nil
	case b.Finished.After(r.At):
		return probe.Failed(probe.ReasonInvalid, "the backup in the record of %s finished after it", r.Release), nil
	case b.Size == 0:
		return probe.Failed(probe.ReasonEmpty, "the backup in the record of %s is empty", r.Release), nil
	}
	return probe.Passed("a complete backup of %d bytes finished %v before %s was recorded", b.Size, r.At.Sub(b.Finished).Round(time.Second), r.Release), nil
}

func RecordKind() probe.Kind {
	return probe.Kind{
		Name:     "release_record",
		Question: "Does the release record have a time, an author, version, commit and issues?",
		Example:  "{}",
		Layer:    probe.LayerDeclared,
		Reads:    "the release records",
		Alone:    true,
		New:      func() any { return &releaseRecord{} },
	}
}

type releaseRecord struct{}

// Probe implements Probe.
func (s *releaseRecord) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := release.Chain(p)
	if err != nil {
		return probe.Result{}, err
	}
	r := c.Recorded()
	if r == nil {
		return probe.Result{}, probe.SkipRelease()
	}
	var f probe.ResultBuilder
	for _, field := range []struct{ name, text string }{{"by", r.By}, {"version", r.Release.Version}, {"commit", r.Release.Commit}} {
		switch {
		case field.text == "":
			f.Fail(probe.ReasonMissing, "the record has no %s", field.name)
		case blankField(field.text), field.name == "commit" && madeUp(field.text):
			f.Fail(probe.ReasonPlaceholder, "%s of the record is a placeholder", field.name)
		case field.name == "version" && changingBuild.MatchString(field.text):
			f.Warn(probe.ReasonWeak, "the record's version names a build that changes (%s). Record the next release with the number of a release",
				strings.ToLower(changingBuild.FindString(field.text)))
		case field.name == "version" && !strings.ContainsAny(field.text, "0123456789"):
			f.Warn(probe.ReasonWeak, "the record's version has no number: it may name a branch. Record the next release with --version and its number")
		case field.name == "by" && sharedAccount.MatchString(field.text):
			f.Warn(probe.ReasonWeak, "the record's author is an account that several people may use. Record the next release with --by and a person")
		}
	}
	for i, issue := range r.Issues {
		if blankField(issue) && !noIssue.MatchString(issue) {
			f.Warn(probe.ReasonPlaceholder, "issue %d of the record is a placeholder", i+1)
		}
	}
	return f.Result("%s was recorded on %s with %d issues", r.Release, r.At.UTC().Format("2006-01-02 15:04 UTC"), len(r.Issues)), nil
}

// blankField reports whether a field of a record was not filled in, or holds a name that moves between versions (latest,
// v-stable, 1.x).
func blankField(text string) bool {
	if unfilled.MatchString(strings.TrimSpace(text)) {
		return true
	}
	text = strings.ToLower(strings.Trim(strings.TrimSpace(text), "<>[](){}*_-. "))
	if strings.Trim(text, "0?xv.-") == "" {
		return true
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return blankWords.MatchString(strings.Join(words, " ")) || movingName.MatchString(text) || anyNumber.MatchString(text)
}

var (
	blankWords = lazyregexp.New(`(?:^| )(?:tbd|tba|tbc|todo|fixme|placeholder|changeme|change me|fill (?:me |this )?in|lorem ipsum|to be (?:decided|determined|defined|done|added|confirmed|announced))(?: |$)|` +
		`^(?:n ?a|none|null|nil|unknown|undefined|version|commit|sha|name|(?:your|my|full|first|last) (?:name|version|commit|sha)|some(?:one|body)|any(?:one|body)|nobody|every(?:one|body)|me|(?:john|jane) doe|max mustermann|new|next|` +
		`your (?:name|email|mail) .*|(?:name|user|someone|somebody|me|you|first last|firstname lastname) (?:example|domain|company|yourcompany) (?:com|org|net)|ausstehend|offen|à définir|por definir)$`)
	// movingName matches the name of a branch or tag that moves, alone or as the last part of a version without digits.
	movingName = lazyregexp.New(`^(?:[a-z._/-]*[._/-])?(?:latest|stable|current|head|main|master|trunk|develop|development|dev|edge|nightly|snapshot|canary|next|staging|prod|production|release)$`)
	anyNumber  = lazyregexp.New(`(?:^|\.)[x*](?:\.|$)`)
)

// unfilled matches a field of a template, in brackets.
var unfilled = lazyregexp.New(`^(?:<[^<>]*>|\[[^\[\]]*\]|\$?\{+[^{}]*\}+|\$\w+|%\w+%|\$\([^()]*\))$`)

// noIssue matches an entry that says that there were none.
var noIssue = lazyregexp.New(`(?i)^\W*(?:none|n/?a|no (?:known )?issues?)\W*$`)

// sharedAccount matches the author of a record that many people may be. A pipeline has a name of its own.
var sharedAccount = lazyregexp.New(`(?i)^(?:root|admin|administrator|sysadmin|ubuntu|debian|ec2-user|centos|deploy|deployer|user|test|team|ops|devops|dev|ci|cd|bot|runner|pipeline|jenkins|` +
	`postgres|www-data|service|system|support|no-?reply(?:@.*)?|[^@]*@localhost)$`)

// changingBuild matches the end of a version whose builds differ: of a branch, or with changes that nobody committed.
var changingBuild = lazyregexp.New(`(?i)[-.+](?:snapshot|dirty|dev|development|nightly|latest|wip|local)$`)

// madeUp reports whether a commit is no digest: a word of programmers, or its digits in order.
func madeUp(commit string) bool {
	const inOrder = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	commit = strings.ToLower(commit)
	return strings.Contains(strings.Repeat("deadbeef", 9), commit) || strings.Contains(inOrder, commit) || strings.Contains(strings.Repeat("1234567890", 7), commit)
}
