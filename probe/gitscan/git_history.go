package gitscan

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/report"
	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// gitHistory caches the findings of one repository and the commits already scanned, so that later runs read only new
// commits. Rewritten history, other rules or other allow-lists restart the scan; other secrets in use are searched for in
// all commits, without the rules. It holds no secret, only digests with a key that never leaves the process.
type gitHistory struct {
	mu         sync.Mutex // one scan at a time
	key        []byte     // random, of all digests
	rules      string     // digest of the rules and allow-lists of the findings
	values     string     // digest of the secrets in use
	references string     // their state, "" when unknown
	tips       []string   // scanned commits of all references, sorted
	scanned    findings   // in the commits
	when       time.Time  // end of the last complete scan
	off        switchedOff

	submodules int // of HEAD

	edited    findings // in tracked files, uncommitted
	tracked   []trackedFile
	trackedAt string                   // state of HEAD and the index for tracked; "" when unknown
	same      map[string]unchangedFile // tracked files without edits, by path
	inHead    map[string]bool          // digests of passwords in the files of HEAD
	headAt    string                   // state of inHead
}

// findings is what a search has found, and what it could not search.
type findings struct {
	found     map[secretFound]bool
	passwords map[secretFound]passwordFound // by our rules
	inUse     map[secretFound]bool          // equal to a secret in use
	known     int                           // accepted by .gitleaksignore or the baseline
	allowed   int                           // accepted by a gitleaks:allow comment
	more      bool
	seen      int // commits with additions

	unseen    map[string]string // files with unsearched content, with the reason
	media     int
	encrypted int
	binaries  int                 // of which only printable parts were searched
	whole     map[wholeFound]bool // in contents searched as a whole, of which every version would be a finding
}

// wholeFound identifies a secret in the versions of a file.
type wholeFound struct{ rule, file, digest string }

func newFindings() findings {
	return findings{found: map[secretFound]bool{}, passwords: map[secretFound]passwordFound{}, inUse: map[secretFound]bool{},
		unseen: map[string]string{}, whole: map[wholeFound]bool{}}
}

func (f findings) clone() findings {
	f.found, f.passwords, f.inUse = maps.Clone(f.found), maps.Clone(f.passwords), maps.Clone(f.inUse)
	f.unseen, f.whole = maps.Clone(f.unseen), maps.Clone(f.whole)
	return f
}

func (f findings) count() int { return len(f.found) + len(f.passwords) + len(f.inUse) }

// secretFound is one finding.
type secretFound struct {
	rule, commit, file string // commit is "" for uncommitted content
	line               int
}

const (
	// maxSecretsFound ends a scan: more findings add nothing.
	maxSecretsFound = 10_000
	// maxTips bounds git's list of references: at most 65 bytes each.
	maxTips = 16 << 20
	// lowPriority is the niceness of git and the search during a scan.
	lowPriority = 15
)

var errTooManySecrets = errors.New("too many findings")

// ruleSet holds the rules and allow-lists of a scan.
type ruleSet struct {
	digest      string
	newDetector func() (*detect.Detector, error)
	known       knownSecrets
	skip        string // path of the baseline in the repository, which may contain the secrets it lists
	own         bool   // the repository has a .gitleaks.toml
}

// update scans new commits.
func (h *gitHistory) update(ctx context.Context, g gitrepo.Repository, rules ruleSet, values *valueSearch, now func() time.Time) error {
	// A deepened shallow clone has the same references but more history.
	shallow, _, err := files.Read(filepath.Join(g.Common, "shallow"), maxTips)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	rules.digest = digestOf([]byte(rules.digest), shallow)
	references, err := g.References()
	if err != nil {
		references = ""
	}
	if references != "" && references == h.references && h.rules == rules.digest && h.values == values.digest {
		h.when = now()
		return nil
	}
	tips, err := tipsOf(g, ctx)
	if err != nil {
		return err
	}
	if len(tips) == 0 {
		return probe.Needs("a first commit", probe.Unknownf(probe.ReasonEmpty, "git repository has no commits"))
	}
	if h.rules == rules.digest && slices.Equal(h.tips, tips) && h.values == values.digest {
		h.references, h.when = references, now()
		return nil
	}
	var read []string
	if h.rules == rules.digest && len(h.tips) > 0 && !h.scanned.more {
		lost, err := rewrittenOf(g, ctx, h.tips, tips)
		if err != nil {
			return err
		}
		if !lost {
			read = h.tips
		}
	}
	scan := secretScan{rules: rules, key: h.key, values: values, findings: newFindings(), most: countOf(g, ctx, tips, read)}
	if read != nil {
		scan.findings = h.scanned.clone()
	}
	err = atLowPriority(func() error {
		if read != nil && h.values != values.digest {
			again := secretScan{rules: rules, key: h.key, values: values, findings: newFindings(), valuesOnly: true}
			if err := again.run(ctx, g, read, nil); err != nil {
				return err
			}
			scan.inUse = again.inUse
		}
		if read != nil && slices.Equal(h.tips, tips) {
			return nil
		}
		return scan.run(ctx, g, tips, read)
	})
	if err != nil {
		return err
	}
	h.references = references
	h.rules, h.values, h.tips, h.scanned, h.when = rules.digest, values.digest, tips, scan.findings, now()
	return nil
}

// tipsOf lists the commits of all references and HEAD.
func tipsOf(g gitrepo.Repository, ctx context.Context) ([]string, error) {
	text, _, err := g.Text(ctx, maxTips, "", "for-each-ref", "--format=%(objectname)")
	if err != nil {
		return nil, err
	}
	all := strings.Fields(text)
	head, code, err := g.Text(ctx, gitrepo.MaxDiffHeader, "", "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
	if err != nil && code != 1 {
		return nil, err
	}
	if code == 0 {
		all = append(all, strings.TrimSpace(head))
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// countOf returns the maximum number of commits a scan will read (commits without additions are skipped), or 0 when
// unknown. It is only used to show progress.
func countOf(g gitrepo.Repository, ctx context.Context, tips, read []string) int {
	text, _, err := g.Text(ctx, gitrepo.MaxDiffHeader, revisions(tips, read), "rev-list", "--count", "--stdin")
	n, errNumber := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || errNumber != nil {
		return 0
	}
	return n
}

// revisions formats git's input for commits reachable from tips but not from read.
func revisions(tips, read []string) string {
	input := strings.Join(tips, "\n") + "\n"
	for _, tip := range read {
		input += "^" + tip + "\n"
	}
	return input
}

// rewrittenOf reports whether a scanned commit is no longer part of the history.
func rewrittenOf(g gitrepo.Repository, ctx context.Context, before, now []string) (bool, error) {
	text, _, err := g.Text(ctx, gitrepo.MaxDiffHeader, strings.Join(before, "\n")+"\n^"+strings.Join(now, "\n^")+"\n", "rev-list", "--max-count=1", "--stdin")
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err != nil || text != "", nil // git fails on a deleted commit
}

// secretScan searches the additions of a range of commits.
type secretScan struct {
	rules      ruleSet
	key        []byte
	detector   *detect.Detector
	values     *valueSearch
	valuesOnly bool // search only for secrets in use
	whole      bool // searching a whole content
	most       int  // maximum number of commits to read; 0 when unknown
	findings
}

func (s *secretScan) run(ctx context.Context, g gitrepo.Repository, tips, read []string) error {
	var err error
	if !s.valuesOnly {
		if s.detector, err = s.rules.newDetector(); err != nil {
			return err
		}
	}
	before := s.seen
	progress := func() {
		probe.SetProgress(ctx, probe.Progress{Done: s.seen - before, Most: s.most, What: "commits read"})
	}
	progress()
	var changes []binaryChange
	log := additions{
		each:   func(a addition) error { return s.search(ctx, a) },
		commit: func() error { s.seen++; progress(); return ctx.Err() },
		binary: func(b binaryChange) { changes = append(changes, b) },
	}
	_, err = g.Run(ctx, revisions(tips, read), func(r io.Reader) error { return log.read(r) },
		"log", "--stdin", "--full-history", "--diff-filter=d", "--format=%x00%H", "--patch", "--full-index", "--unified=0", "--cc", "--find-renames",
		"--inter-hunk-context=0", "--diff-algorithm=myers", "--submodule=short", "--no-color", "--no-ext-diff", "--no-textconv", "--no-show-signature",
		"--no-relative", "--no-notes", "--src-prefix=a/", "--dst-prefix=b/", "-O/dev/null")
	if err == nil {
		err = s.searchBlobs(ctx, g, changes)
	}
	switch {
	case errors.Is(err, errTooManySecrets):
		s.more = true
		return nil
	case errors.Is(err, errDiff):
		return probe.Needs("a report of gitleaks as evidence (report: secrets)", probe.Unknown(probe.ReasonError, err))
	}
	return err
}

// search searches one addition.
func (s *secretScan) search(ctx context.Context, a addition) error {
	a.text = withoutNUL(a.text)
	s.values.lines(a.text, func(line int) {
		at := secretFound{ruleInUse, a.commit, a.file, a.line + line}
		if s.rules.known.has(foundAt{RuleID: ruleInUse, Commit: a.commit, File: a.file, StartLine: at.line}) {
			s.known++
		} else if s.first(ruleInUse, a.file, "") {
			s.inUse[at] = true
		}
	})
	switch {
	case s.count() >= maxSecretsFound:
		return errTooManySecrets
	case s.valuesOnly:
		return ctx.Err()
	case a.line == 1 && strings.HasPrefix(a.text, lfsPointer):
		s.unseen[a.file] = "content is in Git LFS"
	}
	if !s.whole && (isEncrypted([]byte(a.text[:min(len(a.text), 64)])) || strings.Contains(a.text, sopsMark)) {
		s.encrypted++
	}
	if a.file == s.rules.skip {
		return nil
	}
	s.detector.MaxDecodeDepth = 0
	if mayBeEncoded(a.text) {
		s.detector.MaxDecodeDepth = maxDecoding
	}
	all := s.detector.DetectContext(ctx, detect.Fragment{CommitSHA: a.commit, FilePath: a.file, Raw: a.text,
		StartLine: a.line}) //lint:ignore SA1019 the v8 detector requires it
	if ctx.Err() != nil {
		return ctx.Err() // findings of an interrupted search are incomplete
	}
	for _, f := range all {
		s.add(f, a.raw)
		if s.count() >= maxSecretsFound {
			return errTooManySecrets
		}
	}
	return nil
}

// add keeps a finding of a rule, without its secret.
func (s *secretScan) add(f report.Finding, raw bool) {
	password, ours := passwordFound{}, strings.HasPrefix(f.RuleID, rulePrefix)
	if ours {
		var is bool
		if password.strong, is = judgePassword(f.RuleID, f.File, f.Match, f.Secret); !is {
			return
		}
		password.digest = s.digest(f.Secret)
	}
	at := secretFound{f.RuleID, f.Commit, f.File, f.StartLine}
	switch {
	case strings.Contains(f.Line, allowComment):
		s.allowed++
	case s.rules.known.has(foundAt{f.RuleID, f.Commit, f.File, f.StartLine, f.EndLine, f.StartColumn, f.EndColumn}):
		s.known++
	case raw && (ours || f.RuleID == "generic-api-key"): // chance makes these of any bytes
	case !s.first(f.RuleID, f.File, f.Secret):
	case ours:
		s.passwords[at] = password
	default:
		s.found[at] = true
	}
}

// allowComment marks a line whose secret is accepted.
const allowComment = "gitleaks:allow"

// first reports whether a finding is not the same as in another version of a content that is searched as a whole.
func (s *secretScan) first(rule, file, value string) bool {
	if !s.whole {
		return true
	}
	at := wholeFound{rule, file, s.digest(value)}
	known := s.findings.whole[at]
	s.findings.whole[at] = true
	return !known
}

// digest identifies a secret within this process.
func (s *secretScan) digest(value string) string {
	mac := hmac.New(sha256.New, s.key)
	_, _ = io.WriteString(mac, value)
	return string(mac.Sum(nil))
}

// atLowPriority runs f, and the programs it starts, at low CPU priority.
func atLowPriority(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread and its priority end with the goroutine
		defer func() {
			if cause := recover(); cause != nil {
				done <- fmt.Errorf("internal error while searching for secrets (a bug of the exporter or of the rules): %T", cause)
			}
		}()
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), lowPriority) // best effort
		done <- f()
	}()
	return <-done
}

// digestOf returns a digest that identifies a list of texts.
func digestOf(texts ...[]byte) string {
	h := sha256.New()
	for _, text := range texts {
		_, _ = fmt.Fprintf(h, "%d %t\n", len(text), text == nil)
		_, _ = h.Write(text)
	}
	return string(h.Sum(nil))
}
