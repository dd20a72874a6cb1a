package gitscan

import (
	"context"
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
	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// gitHistory caches the findings of one repository and the commits already scanned, so that later runs read only new
// commits. Rewritten history, other rules or other allow-lists restart the scan. It holds no secret.
type gitHistory struct {
	mu            sync.Mutex // one scan at a time
	rules         string     // digest of the rules and allow-lists of the findings
	tips          []string   // scanned commits of all references, sorted
	found         map[secretFound]bool
	known         int // findings accepted by allow-lists
	more          bool
	when          time.Time // end of the last complete scan
	seen          int       // total scanned commits with additions
	binaryChanges int       // changes of binary files, which are not searched

	edited    map[secretFound]bool // in tracked files, uncommitted
	unread    int                  // tracked files not searched for edits
	tracked   []trackedFile
	trackedAt string                   // state of HEAD and the index for tracked; "" when unknown
	same      map[string]unchangedFile // tracked files without edits, by path
}

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
}

// update scans new commits.
func (h *gitHistory) update(ctx context.Context, g gitrepo.Repository, rules ruleSet, now func() time.Time) error {
	// A deepened shallow clone has the same references but more history.
	shallow, _, err := files.Read(filepath.Join(g.Common, "shallow"), maxTips)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	rules.digest = digestOf([]byte(rules.digest), shallow)
	tips, err := tipsOf(g, ctx)
	if err != nil {
		return err
	}
	if len(tips) == 0 {
		return probe.Needs("a first commit", probe.Unknownf(probe.ReasonEmpty, "git repository has no commits"))
	}
	if h.rules == rules.digest && slices.Equal(h.tips, tips) {
		h.when = now()
		return nil
	}
	var read []string
	if h.rules == rules.digest && len(h.tips) > 0 && !h.more {
		lost, err := rewrittenOf(g, ctx, h.tips, tips)
		if err != nil {
			return err
		}
		if !lost {
			read = h.tips
		}
	}
	scan := secretScan{rules: rules, found: map[secretFound]bool{}, most: countOf(g, ctx, tips, read)}
	if read != nil {
		maps.Copy(scan.found, h.found)
		scan.known, scan.seen, scan.blind = h.known, h.seen, h.binaryChanges
	}
	if err := atLowPriority(func() error { return scan.run(ctx, g, tips, read) }); err != nil {
		return err
	}
	h.rules, h.tips, h.found, h.known = rules.digest, tips, scan.found, scan.known
	h.seen, h.binaryChanges, h.more, h.when = scan.seen, scan.blind, scan.more, now()
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
	rules    ruleSet
	detector *detect.Detector
	found    map[secretFound]bool
	known    int
	seen     int
	most     int // maximum number of commits to read; 0 when unknown
	blind    int
	more     bool
}

func (s *secretScan) run(ctx context.Context, g gitrepo.Repository, tips, read []string) error {
	var err error
	if s.detector, err = s.rules.newDetector(); err != nil {
		return err
	}
	before := s.seen
	report := func() {
		probe.SetProgress(ctx, probe.Progress{Done: s.seen - before, Most: s.most, What: "commits read"})
	}
	report()
	log := additions{
		each:   func(a addition) error { return s.search(ctx, a) },
		commit: func() error { s.seen++; report(); return ctx.Err() },
	}
	_, err = g.Run(ctx, revisions(tips, read), func(r io.Reader) error { return log.read(r) },
		"log", "--stdin", "--full-history", "--diff-filter=tuxdb", "--format=%x00%H", "--patch", "--unified=0", "--cc", "--find-renames", "--inter-hunk-context=0",
		"--diff-algorithm=myers", "--submodule=short", "--no-color", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-relative", "--no-notes",
		"--src-prefix=a/", "--dst-prefix=b/", "-O/dev/null")
	s.blind += log.binaries
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
	if a.file == s.rules.skip {
		return nil
	}
	s.detector.MaxDecodeDepth = 0
	if mayBeEncoded(a.text) {
		s.detector.MaxDecodeDepth = maxDecoding
	}
	findings := s.detector.DetectContext(ctx, detect.Fragment{CommitSHA: a.commit, FilePath: a.file, Raw: a.text,
		StartLine: a.line}) //lint:ignore SA1019 the v8 detector requires it
	if ctx.Err() != nil {
		return ctx.Err() // findings of an interrupted search are incomplete
	}
	for _, f := range findings {
		at := foundAt{f.RuleID, f.Commit, f.File, f.StartLine, f.EndLine, f.StartColumn, f.EndColumn}
		if s.rules.known.has(at) {
			s.known++
			continue
		}
		s.found[secretFound{f.RuleID, f.Commit, f.File, f.StartLine}] = true
		if len(s.found) >= maxSecretsFound {
			return errTooManySecrets
		}
	}
	return nil
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
