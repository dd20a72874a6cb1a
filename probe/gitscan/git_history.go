package gitscan

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/inuse"
)

// gitHistory caches the findings of one repository and the commits already scanned, so that later runs read only new
// commits, and an interrupted scan continues where it ended. Rewritten history drops the findings of the commits that are
// gone; other rules or other allow-lists restart the scan; other secrets in use are searched for in all commits, without
// the rules. It holds no secret, only digests with a key that never leaves the process.
type gitHistory struct {
	mu         sync.Mutex // one scan at a time
	key        []byte     // random, of all digests
	rules      string     // digest of the rules and allow-lists of the findings
	values     string     // digest of the secrets in use
	references string     // their state, "" when unknown
	tips       []string   // scanned commits of all references, sorted
	scanned    findings   // in the commits
	named      findings   // in the names of references
	commits    int        // number of scanned commits
	pending    *partScan  // interrupted scan
	when       time.Time  // end of the last complete scan
	local      localHistory

	off      switchedOff
	measured string // digest of the rules of off

	submodules int // of HEAD

	edited    findings // in tracked files, uncommitted
	tracked   []trackedFile
	trackedAt string                        // state of HEAD and the index for tracked; "" when unknown
	same      map[string]unchangedFile      // tracked files without edits, by path
	inHead    map[string]bool               // digests of passwords in the files of HEAD
	onlyHead  map[secretFound]passwordFound // passwords in HEAD that no single commit shows
	headAt    string                        // state of inHead
	loose     looseHistory
}

// partScan is a scan of which the first commits are done.
type partScan struct {
	tips   []string
	values string     // digest of the secrets in use at its start
	names  commitList // oldest first
	done   int
	found  findings
}

const (
	// maxSecretsFound ends a scan: more findings add nothing.
	maxSecretsFound = 10_000
	// maxTips bounds git's list of references: at most 65 bytes each.
	maxTips = 16 << 20
	// maxCommits bounds git's list of commits: at most 65 bytes each.
	maxCommits = 256 << 20
	// partCommits is how many commits are read at once: so many are read again after an interruption.
	partCommits = 500
	// lowPriority is the niceness of git and the search during a scan.
	lowPriority = 15
)

var errTooManySecrets = errors.New("too many findings")

// update scans new commits.
func (h *gitHistory) update(ctx context.Context, g gitrepo.Repository, rules ruleSet, values *inuse.Search, now func() time.Time) error {
	// A deepened shallow clone has the same references but more history.
	shallow, _, err := files.Read(filepath.Join(g.Common, "shallow"), maxTips)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if digest := digestOf([]byte(rules.digest), shallow); h.rules != digest {
		h.rules, h.tips, h.scanned, h.pending, h.references, h.local = digest, nil, newFindings(), nil, "", localHistory{}
	}
	references, err := g.References()
	if err != nil {
		references = ""
	}
	if references == "" || references != h.references || h.values != values.Digest || h.pending != nil {
		if err := h.updateCommits(ctx, g, rules, values); err != nil {
			return err
		}
		if err := h.searchReferences(ctx, g, rules, values); err != nil {
			return err
		}
		h.references = references
	}
	if err := h.local.update(ctx, g, h, rules, values); err != nil {
		return err
	}
	h.when = now()
	return nil
}

// updateCommits scans the new commits of all references.
func (h *gitHistory) updateCommits(ctx context.Context, g gitrepo.Repository, rules ruleSet, values *inuse.Search) error {
	for first := true; ; first = false {
		tips, err := tipsOf(g, ctx)
		if err != nil {
			return err
		}
		if len(tips) == 0 {
			return probe.Needs("a first commit", probe.Unknownf(probe.ReasonEmpty, "git repository has no commits"))
		}
		if h.pending == nil && slices.Equal(h.tips, tips) {
			break
		}
		if h.pending == nil && first || h.pending == nil && !slices.Equal(h.tips, tips) {
			if h.pending, err = h.begin(ctx, g, tips, values); err != nil {
				return err
			}
		}
		if err := atLowPriority(func() error { return h.proceed(ctx, g, rules, values) }); err != nil {
			return err
		}
		if !first {
			break // commits that arrived during the second scan are those of the next run
		}
	}
	if h.values == values.Digest {
		return nil
	}
	again := secretScan{rules: rules, key: h.key, values: values, valuesOnly: true, findings: newFindings()}
	names, err := commitsOf(g, ctx, h.tips, nil)
	if err == nil {
		err = atLowPriority(func() error { return again.all(ctx, g, names, h.tips) })
	}
	if err != nil {
		return err
	}
	h.scanned.inUse, h.values = again.inUse, values.Digest
	return nil
}

// begin lists the commits that a scan has to read.
func (h *gitHistory) begin(ctx context.Context, g gitrepo.Repository, tips []string, values *inuse.Search) (*partScan, error) {
	var read []string
	if len(h.tips) > 0 && !h.scanned.more {
		lost, err := rewrittenOf(g, ctx, h.tips, tips)
		if err != nil {
			return nil, err
		}
		keptOf := h.scanned.commits()
		lost = lost || slices.ContainsFunc(h.tips, func(tip string) bool { // git lists no tag that is gone
			_, known := slices.BinarySearch(tips, tip)
			return !known && keptOf[tip]
		})
		read = h.tips
		if lost {
			if read, err = h.left(ctx, g, tips); err != nil {
				return nil, err
			}
		}
	}
	if read == nil {
		h.scanned, h.tips, h.values = newFindings(), nil, values.Digest
	}
	names, err := commitsOf(g, ctx, tips, read)
	if err != nil {
		return nil, err
	}
	return &partScan{tips: tips, values: values.Digest, names: names, found: newFindings()}, nil
}

// left drops what is no longer part of the history. It returns the scanned tips that still exist; none if the history must
// be read again.
func (h *gitHistory) left(ctx context.Context, g gitrepo.Repository, tips []string) ([]string, error) {
	kept, err := h.scanned.prune(ctx, g, tips)
	if err != nil || !kept {
		return nil, err
	}
	return existing(g, ctx, h.tips)
}

// proceed reads the commits of the pending scan. What is done is kept when it is interrupted.
func (h *gitHistory) proceed(ctx context.Context, g gitrepo.Repository, rules ruleSet, values *inuse.Search) error {
	p := h.pending
	progress := func(n int) {
		probe.SetProgress(ctx, probe.Progress{Done: n, Most: p.names.len(), What: "commits read"})
	}
	progress(p.done)
	for more := true; more && !p.found.more; {
		part := p.names.part(p.done)
		more = part.len() > 0
		scan := secretScan{rules: rules, key: h.key, values: values, before: []*findings{&h.scanned, &p.found}, findings: newFindings()}
		read := 0
		scan.commit = func() { read++; progress(p.done + read) }
		var err error
		if more {
			err = scan.commits(ctx, g, part)
		} else {
			err = scan.objects(ctx, g, p.tips, h.tips)
		}
		if err != nil {
			if ctx.Err() == nil {
				h.pending = nil // the history has changed, or is broken
			}
			return err
		}
		p.found.add(scan.findings)
		p.done += part.len()
	}
	h.scanned.add(p.found)
	if p.values != values.Digest {
		h.values = "" // the first commits were searched for others
	}
	if n := countOf(g, ctx, p.tips); n > 0 {
		h.commits = n
	}
	h.tips, h.pending = p.tips, nil
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

// commitList is git's list of commits: names of the same length, one a line.
type commitList string

func (l commitList) width() int { return strings.IndexByte(string(l), '\n') + 1 }

func (l commitList) len() int {
	if l == "" {
		return 0
	}
	return len(l) / l.width()
}

// part returns the next commits after the first n.
func (l commitList) part(n int) commitList {
	w := l.width()
	return l[min(len(l), n*w):min(len(l), (n+partCommits)*w)]
}

// each calls f for every name.
func (l commitList) each(f func(name string)) {
	for name := range strings.Lines(string(l)) {
		f(strings.TrimSuffix(name, "\n"))
	}
}
