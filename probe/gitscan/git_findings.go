package gitscan

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// findings is what a search has found, and what it could not search. Everything is kept by commit, so that commits that
// are no longer part of the history take theirs along. It holds no secret, only digests.
type findings struct {
	found     map[secretFound]bool
	passwords map[secretFound]passwordFound // by our rules
	inUse     map[secretFound]bool          // equal to a secret in use
	more      bool                          // the search ended early: there are too many
	unseen    map[contentAt]string          // unsearched content, with the reason
	tallies   map[string]*tally             // by commit
	whole     map[wholeFound]string         // in contents searched as a whole, of which every version would be a finding: the first commit
}

// secretFound is one finding.
type secretFound struct {
	rule, commit, file string // commit is "" for uncommitted content
	line               int
}

// contentAt is a file in a commit.
type contentAt struct{ commit, file string }

// wholeFound identifies a secret in the versions of a file.
type wholeFound struct{ rule, file, digest string }

// tally counts what needs no warning.
type tally struct {
	known     int // accepted by .gitleaksignore or the baseline
	allowed   int // accepted by a gitleaks:allow comment
	media     int
	encrypted int
	binaries  int // of which only printable parts were searched
}

func newFindings() findings {
	return findings{found: map[secretFound]bool{}, passwords: map[secretFound]passwordFound{}, inUse: map[secretFound]bool{},
		unseen: map[contentAt]string{}, tallies: map[string]*tally{}, whole: map[wholeFound]string{}}
}

func (f *findings) count() int { return len(f.found) + len(f.passwords) + len(f.inUse) }

// places returns where something was found.
func (f *findings) places() []secretFound {
	return slices.Concat(slices.Collect(maps.Keys(f.found)), slices.Collect(maps.Keys(f.inUse)), slices.Collect(maps.Keys(f.passwords)))
}

// tally returns the counts of a commit.
func (f *findings) tally(commit string) *tally {
	t := f.tallies[commit]
	if t == nil {
		t = &tally{}
		f.tallies[commit] = t
	}
	return t
}

// add adds the findings of further commits.
func (f *findings) add(next findings) {
	maps.Copy(f.found, next.found)
	maps.Copy(f.passwords, next.passwords)
	maps.Copy(f.inUse, next.inUse)
	maps.Copy(f.unseen, next.unseen)
	maps.Copy(f.tallies, next.tallies)
	for at, commit := range next.whole {
		if _, known := f.whole[at]; !known {
			f.whole[at] = commit
		}
	}
	f.more = f.more || next.more
}

// drop removes the findings of commits. It reports false if a removed finding stood for others that were not kept.
func (f *findings) drop(gone func(commit string) bool) bool {
	for _, commit := range f.whole {
		if gone(commit) {
			return false
		}
	}
	for at := range f.found {
		if gone(at.commit) {
			delete(f.found, at)
		}
	}
	for at := range f.passwords {
		if gone(at.commit) {
			delete(f.passwords, at)
		}
	}
	for at := range f.inUse {
		if gone(at.commit) {
			delete(f.inUse, at)
		}
	}
	for at := range f.unseen {
		if gone(at.commit) {
			delete(f.unseen, at)
		}
	}
	for commit := range f.tallies {
		if gone(commit) {
			delete(f.tallies, commit)
		}
	}
	return true
}

// commits returns the commits that something is kept of.
func (f *findings) commits() map[string]bool {
	all := map[string]bool{}
	for _, commit := range f.whole {
		all[commit] = true
	}
	for at := range f.found {
		all[at.commit] = true
	}
	for at := range f.passwords {
		all[at.commit] = true
	}
	for at := range f.inUse {
		all[at.commit] = true
	}
	for at := range f.unseen {
		all[at.commit] = true
	}
	for commit := range f.tallies {
		all[commit] = true
	}
	return all
}

// prune drops the findings of commits that the tips no longer reach. It reports false if the history must be read again.
func (f *findings) prune(ctx context.Context, g gitrepo.Repository, tips []string) (bool, error) {
	lost := f.commits()
	for _, tip := range tips {
		delete(lost, tip)
	}
	if len(lost) == 0 {
		return true, nil
	}
	_, err := g.Run(ctx, revisions(tips, nil), func(r io.Reader) error {
		return eachLine(r, func(name string) { delete(lost, name) })
	}, "rev-list", "--stdin")
	if err != nil {
		return false, err
	}
	return f.drop(func(commit string) bool { return lost[commit] }), nil
}

// sum adds up the counts of several searches.
func sum(all ...findings) (total tally) {
	for _, f := range all {
		for _, t := range f.tallies {
			total.known += t.known
			total.allowed += t.allowed
			total.media += t.media
			total.encrypted += t.encrypted
			total.binaries += t.binaries
		}
	}
	return total
}

// revisions formats git's input for commits reachable from tips but not from read.
func revisions(tips, read []string) string {
	input := strings.Join(tips, "\n") + "\n"
	for _, tip := range read {
		input += "^" + tip + "\n"
	}
	return input
}
