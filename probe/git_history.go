package probe

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
)

// gitHistory remembers what was found in one repository, and up to where it has been read, so that only new commits are read afterwards.
// History that was rewritten, other rules and other allow-lists make it begin anew. It holds no secret.
type gitHistory struct {
	mu    sync.Mutex // one scan at a time
	rules string     // digest of the rules and allow-lists that the findings are by
	tips  []string   // every reference's commit, as far as read; sorted
	found map[secretFound]bool
	known int // findings that somebody lets stand
	more  bool
	when  time.Time // end of the last look that saw everything
	seen  int       // commits with additions that were read in all
	blind int       // changes of binary files, whose contents were not read

	edited    map[secretFound]bool // in tracked files and in no commit
	unread    int                  // tracked files that could not be searched for edits
	tracked   []trackedFile
	trackedAt string              // state of HEAD and of the index that tracked is of; "" when not known
	same      map[string]unedited // tracked files without edits, by path
}

// secretFound is one finding.
type secretFound struct {
	rule, commit, file string // commit is "" for what is not committed
	line               int
}

const (
	// maxSecretsFound ends a scan: nobody reads on.
	maxSecretsFound = 10_000
	// maxTips bounds the answer of git about its references: 65 bytes each at most.
	maxTips = 16 << 20
	// lowPriority is the niceness of a scan, for git and for the search.
	lowPriority = 15
)

var errEnoughSecrets = errors.New("enough was found")

// ruleSet is what findings are judged by.
type ruleSet struct {
	digest string
	make_  func() (*detect.Detector, error)
	known  knownSecrets
	skip   string // path of the baseline in the repository: it may hold what it lists
}

// update reads what is new.
func (h *gitHistory) update(ctx context.Context, g gitRepository, rules ruleSet, now func() time.Time) error {
	// A shallow clone that was deepened has the same references and more history.
	shallow, _, err := files.Read(filepath.Join(g.Common, "shallow"), maxTips)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	rules.digest = digestOf([]byte(rules.digest), shallow)
	tips, err := g.tips(ctx)
	if err != nil {
		return err
	}
	if len(tips) == 0 {
		return Needs("a first commit", Unknownf(ReasonEmpty, "the git repository has no commits: there is nothing to look through yet"))
	}
	if h.rules == rules.digest && slices.Equal(h.tips, tips) {
		h.when = now()
		return nil
	}
	var read []string
	if h.rules == rules.digest && len(h.tips) > 0 && !h.more {
		lost, err := g.rewritten(ctx, h.tips, tips)
		if err != nil {
			return err
		}
		if !lost {
			read = h.tips
		}
	}
	scan := secretScan{rules: rules, found: map[secretFound]bool{}, most: g.count(ctx, tips, read)}
	if read != nil {
		maps.Copy(scan.found, h.found)
		scan.known, scan.seen, scan.blind = h.known, h.seen, h.blind
	}
	if err := atLowPriority(func() error { return scan.run(ctx, g, tips, read) }); err != nil {
		return err
	}
	h.rules, h.tips, h.found, h.known = rules.digest, tips, scan.found, scan.known
	h.seen, h.blind, h.more, h.when = scan.seen, scan.blind, scan.more, now()
	return nil
}

// tips are the commits that references and HEAD name.
func (g gitRepository) tips(ctx context.Context) ([]string, error) {
	text, _, err := g.text(ctx, maxTips, "", "for-each-ref", "--format=%(objectname)")
	if err != nil {
		return nil, err
	}
	all := strings.Fields(text)
	head, code, err := g.text(ctx, maxDiffHeader, "", "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
	if err != nil && code != 1 {
		return nil, err
	}
	if code == 0 {
		all = append(all, strings.TrimSpace(head))
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// count is how many commits a scan will read at most: those that add nothing are not handed on. 0 when it cannot be told, which only costs the
// progress its end.
func (g gitRepository) count(ctx context.Context, tips, read []string) int {
	text, _, err := g.text(ctx, maxDiffHeader, revisions(tips, read), "rev-list", "--count", "--stdin")
	n, errNumber := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || errNumber != nil {
		return 0
	}
	return n
}

// revisions is git's input for what some commits have and others have not.
func revisions(tips, read []string) string {
	input := strings.Join(tips, "\n") + "\n"
	for _, tip := range read {
		input += "^" + tip + "\n"
	}
	return input
}

// rewritten reports whether some commit that was read is no longer part of the history.
func (g gitRepository) rewritten(ctx context.Context, before, now []string) (bool, error) {
	text, _, err := g.text(ctx, maxDiffHeader, strings.Join(before, "\n")+"\n^"+strings.Join(now, "\n^")+"\n", "rev-list", "--max-count=1", "--stdin")
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err != nil || text != "", nil // a commit that is gone altogether is an error of git
}

// secretScan searches what a range of commits adds.
type secretScan struct {
	rules    ruleSet
	detector *detect.Detector
	found    map[secretFound]bool
	known    int
	seen     int
	most     int // commits that are to be read at most; 0 when not known
	blind    int
	more     bool
}

func (s *secretScan) run(ctx context.Context, g gitRepository, tips, read []string) error {
	var err error
	if s.detector, err = s.rules.make_(); err != nil {
		return err
	}
	before := s.seen
	tell := func() { TellProgress(ctx, Progress{Done: s.seen - before, Most: s.most, What: "commits read"}) }
	tell()
	log := additions{
		each:   func(a addition) error { return s.search(ctx, a) },
		commit: func() error { s.seen++; tell(); return ctx.Err() },
	}
	_, err = g.run(ctx, revisions(tips, read), func(r io.Reader) error { return log.read(r) },
		"log", "--stdin", "--full-history", "--diff-filter=tuxdb", "--format=%x00%H", "--patch", "--unified=0", "--cc", "--find-renames", "--inter-hunk-context=0",
		"--diff-algorithm=myers", "--submodule=short", "--no-color", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-relative", "--no-notes",
		"--src-prefix=a/", "--dst-prefix=b/", "-O/dev/null")
	s.blind += log.binaries
	switch {
	case errors.Is(err, errEnoughSecrets):
		s.more = true
		return nil
	case errors.Is(err, errDiff):
		return Needs("a report of gitleaks as evidence (report: secrets)", Unknown(ReasonError, err))
	}
	return err
}

// search looks through one addition.
func (s *secretScan) search(ctx context.Context, a addition) error {
	if a.file == s.rules.skip {
		return nil
	}
	s.detector.MaxDecodeDepth = 0
	if mayBeEncoded(a.text) {
		s.detector.MaxDecodeDepth = maxDecoding
	}
	findings := s.detector.DetectContext(ctx, detect.Fragment{CommitSHA: a.commit, FilePath: a.file, Raw: a.text, StartLine: a.line}) //lint:ignore SA1019 the detector of v8 takes nothing else
	if ctx.Err() != nil {
		return ctx.Err() // what was searched half has no findings to tell
	}
	for _, f := range findings {
		at := foundAt{f.RuleID, f.Commit, f.File, f.StartLine, f.EndLine, f.StartColumn, f.EndColumn}
		if s.rules.known.has(at) {
			s.known++
			continue
		}
		s.found[secretFound{f.RuleID, f.Commit, f.File, f.StartLine}] = true
		if len(s.found) >= maxSecretsFound {
			return errEnoughSecrets
		}
	}
	return nil
}

// atLowPriority runs f, and the programs that it starts, after everything else that wants the processor.
func atLowPriority(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its priority with it
		defer func() {
			if cause := recover(); cause != nil {
				done <- fmt.Errorf("searching it broke (a bug of the exporter, or of the rules): %T", cause)
			}
		}()
		_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), lowPriority) // without it the scan is no less right
		done <- f()
	}()
	return <-done
}

// digestOf tells texts apart from all others.
func digestOf(texts ...[]byte) string {
	h := sha256.New()
	for _, text := range texts {
		_, _ = fmt.Fprintf(h, "%d %t\n", len(text), text == nil)
		_, _ = h.Write(text)
	}
	return string(h.Sum(nil))
}
