package gitscan

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/report"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/content"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/gitlog"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/inuse"
)

// ruleSet holds the rules and allow-lists of a scan.
type ruleSet struct {
	digest    string
	detectors func() (*detectors, error) // compiled at the first call
	used      *atomic.Bool               // whether they are compiled
	known     knownSecrets
	skip      string // path of the baseline in the repository, which may contain the secrets it lists
	own       bool   // the repository has a .gitleaks.toml
}

// detectors are gitleaks' detectors with the same rules. Goroutines may share them.
type detectors struct {
	plain   *detect.Detector // for text without encoded parts
	decoder *detect.Detector
}

// find searches a text for secrets by rules.
func (d *detectors) find(ctx context.Context, a gitlog.Addition) []report.Finding {
	by := d.plain
	if content.MayBeEncoded(a.Text) {
		by = d.decoder
	}
	return by.DetectContext(ctx, detect.Fragment{CommitSHA: a.Commit, FilePath: a.File, Raw: a.Text,
		StartLine: a.Line}) //lint:ignore SA1019 the v8 detector requires it
}

// secretScan searches the additions of commits.
type secretScan struct {
	rules      ruleSet
	key        []byte
	values     *inuse.Search
	valuesOnly bool        // search only for secrets in use
	whole      bool        // searching a whole content
	message    bool        // searching a message
	before     []*findings // of earlier commits
	commit     func()      // at each commit with additions; may be nil

	mu sync.Mutex
	findings
}

// all reads a list of commits and the objects that are not commits, of which nothing was read.
func (s *secretScan) all(ctx context.Context, g gitrepo.Repository, names commitList, tips []string) error {
	for done := 0; done < names.len() && !s.more; done += partCommits {
		if err := s.commits(ctx, g, names.part(done)); err != nil {
			return err
		}
	}
	return s.objects(ctx, g, tips, nil)
}

// commits reads what some commits add, and their messages.
func (s *secretScan) commits(ctx context.Context, g gitrepo.Repository, names commitList) error {
	var changes []gitlog.BinaryChange
	var paths []named
	known := map[string]bool{}
	err := s.searchMessages(ctx, g, names)
	if err == nil {
		err = s.searchAdditions(ctx, g, names, gitlog.Reader{
			Binary: func(b gitlog.BinaryChange) { changes = append(changes, b) },
			Name: func(commit, file string) {
				if !known[file] {
					known[file] = true
					paths = append(paths, named{commit, file})
				}
			},
		})
	}
	if err == nil {
		err = s.searchNames(ctx, paths)
	}
	if err == nil {
		err = s.searchBlobs(ctx, g, changes)
	}
	return s.ended(err)
}

// ended evaluates why a search ended.
func (s *secretScan) ended(err error) error {
	switch {
	case errors.Is(err, errTooManySecrets):
		s.more = true
		return nil
	case errors.Is(err, gitlog.ErrFormat):
		return probe.Needs("a report of gitleaks as evidence (report: secrets)", probe.Unknown(probe.ReasonError, err))
	}
	return err
}

// searchAdditions searches the added lines of commits on all processors while git prints them.
func (s *secretScan) searchAdditions(ctx context.Context, g gitrepo.Repository, names commitList, log gitlog.Reader) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work := make(chan gitlog.Addition, 2*runtime.GOMAXPROCS(0))
	ended := make(chan error, runtime.GOMAXPROCS(0))
	for range cap(ended) {
		go func() {
			ended <- atLowPriority(func() error {
				for a := range work {
					if err := s.search(ctx, a); err != nil {
						stop()
						return err
					}
				}
				return nil
			})
		}()
	}
	log.Each = func(a gitlog.Addition) error {
		select {
		case work <- a:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	log.Commit = func() error {
		if s.commit != nil {
			s.commit()
		}
		return ctx.Err()
	}
	_, err := g.Run(ctx, string(names), func(r io.Reader) error { return log.Read(r) },
		"log", "--no-walk=unsorted", "--stdin", "--diff-filter=d", "--format=%x00%H", "--patch", "--full-index", "--unified=0", "--cc", "--find-renames",
		"--inter-hunk-context=0", "--diff-algorithm=myers", "--submodule=short", "--no-color", "--no-ext-diff", "--no-textconv", "--no-show-signature",
		"--no-relative", "--no-notes", "--src-prefix=a/", "--dst-prefix=b/", "-O/dev/null")
	close(work)
	for range cap(ended) {
		if e := <-ended; e != nil && (err == nil || errors.Is(err, context.Canceled)) {
			err = e
		}
	}
	return err
}

// search searches one addition. Several goroutines may call it.
func (s *secretScan) search(ctx context.Context, a gitlog.Addition) error {
	a.Text = content.WithoutNUL(a.Text)
	if err := s.searchValues(ctx, a); err != nil {
		return err
	}
	switch {
	case s.full():
		return errTooManySecrets
	case s.valuesOnly:
		return ctx.Err()
	}
	if err := s.note(ctx, a); err != nil {
		return err
	}
	if a.File == s.rules.skip {
		return nil
	}
	rules, err := s.rules.detectors()
	if err != nil {
		return err
	}
	file := a.File
	if a.File == rulesFile { // gitleaks accepts everything in it; regular expressions have passwords of their own
		a.File, a.Raw = "", true
	} else if a.Raw && !s.rules.own {
		a.File = "" // the default allow-lists go by the name, e.g. *.bin
	}
	all := rules.find(ctx, a)
	if ctx.Err() != nil {
		return ctx.Err() // findings of an interrupted search are incomplete
	}
	shown := file
	if len(all) > 0 {
		if shown, err = s.mask(ctx, file); err != nil {
			return err
		}
	}
	for _, f := range all {
		if file == rulesFile && strings.Contains(a.Text, f.RuleID) {
			continue // its own definition
		}
		f.File = file
		s.keep(f, shown, a.Raw)
		if s.full() {
			return errTooManySecrets
		}
	}
	return nil
}

// searchValues searches for the secrets in use.
func (s *secretScan) searchValues(ctx context.Context, a gitlog.Addition) error {
	var lines []int
	s.values.Lines(a.Text, func(line int) { lines = append(lines, a.Line+line) })
	if len(lines) == 0 {
		return nil
	}
	shown, err := s.mask(ctx, a.File)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range lines {
		if s.rules.known.has(foundAt{RuleID: ruleInUse, Commit: a.Commit, File: a.File, StartLine: line}, shown) {
			s.tally(a.Commit).known++
		} else if s.first(ruleInUse, a.Commit, a.File, "") {
			s.inUse[secretFound{ruleInUse, a.Commit, shown, line}] = true
		}
	}
	return nil
}

// note keeps what an addition shows of contents that are stored in another form.
func (s *secretScan) note(ctx context.Context, a gitlog.Addition) error {
	if a.Line == 1 && strings.HasPrefix(a.Text, content.LFSPointer) {
		return s.skip(ctx, a.Commit, a.File, "content is in Git LFS")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.whole && (content.IsEncrypted([]byte(a.Text[:min(len(a.Text), 64)])) || strings.Contains(a.Text, content.SopsMark)) {
		s.tally(a.Commit).encrypted++
	}
	return nil
}

// full reports whether more findings would add nothing.
func (s *secretScan) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.count()
	for _, f := range s.before {
		n += f.count()
	}
	return n >= maxSecretsFound
}

// keep keeps a finding of a rule, without its secret. shown is the name of the file for people.
func (s *secretScan) keep(f report.Finding, shown string, raw bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	password, ours := passwordFound{}, strings.HasPrefix(f.RuleID, rulePrefix)
	if ours {
		var is bool
		if password.strong, is = judgePassword(f.RuleID, f.File, f.Match, f.Secret); !is {
			return
		}
	}
	generic := f.RuleID == genericRule
	if ours || generic {
		password.digest = s.digest(f.Secret)
	}
	at := secretFound{f.RuleID, f.Commit, shown, f.StartLine}
	switch {
	case strings.Contains(f.Line, allowComment):
		s.tally(f.Commit).allowed++
	case s.rules.known.has(foundAt{f.RuleID, f.Commit, f.File, f.StartLine, f.EndLine, f.StartColumn, f.EndColumn}, shown):
		s.tally(f.Commit).known++
	case raw && !hasForm(f.RuleID): // chance makes these of any bytes
	case !s.first(f.RuleID, f.Commit, f.File, f.Secret):
	case ours || generic && s.message: // prose names tokens and commits next to each other
		s.passwords[at] = password
	default:
		s.found[at] = true
	}
}

// hasForm reports whether the secrets of a rule have a form of their own, and need no words around them.
func hasForm(rule string) bool { return rule != genericRule && !strings.HasPrefix(rule, rulePrefix) }

// genericRule is gitleaks' rule for everything near a word such as "key".
const genericRule = "generic-api-key"

// allowComment marks a line whose secret is accepted.
const allowComment = "gitleaks:allow"

// first reports whether a finding is not the same as in another version of a content that is searched as a whole.
func (s *secretScan) first(rule, commit, file, value string) bool {
	if !s.whole {
		return true
	}
	at := wholeFound{rule, file, s.digest(value)}
	for _, f := range s.before {
		if _, known := f.whole[at]; known {
			return false
		}
	}
	_, known := s.findings.whole[at]
	if !known {
		s.findings.whole[at] = commit
	}
	return !known
}

// digest identifies a secret within this process.
func (s *secretScan) digest(value string) string {
	mac := hmac.New(sha256.New, s.key)
	_, _ = io.WriteString(mac, value)
	return string(mac.Sum(nil))
}
