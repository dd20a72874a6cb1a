package gitscan

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
)

// Which commits there are: those of references that clones get, and those that only this clone has.

// isLocal reports whether a reference belongs to this clone or a work tree alone.
func isLocal(reference string) bool {
	return slices.ContainsFunc([]string{"refs/stash", "refs/bisect/", "refs/worktree/", "refs/rewritten/"},
		func(p string) bool { return strings.HasPrefix(reference, p) })
}

// referencesOf lists all references that clones get, each with its object.
func referencesOf(g gitrepo.Repository, ctx context.Context) ([]named, error) {
	text, _, err := g.Text(ctx, 4*maxTips, "", "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return nil, err
	}
	var all []named
	for line := range strings.Lines(text) {
		if object, reference, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); !isLocal(reference) {
			all = append(all, named{object, reference})
		}
	}
	return all, nil
}

// tipsOf lists the objects of all references that clones get, and HEAD.
func tipsOf(g gitrepo.Repository, ctx context.Context) ([]string, error) {
	references, err := referencesOf(g, ctx)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, r := range references {
		all = append(all, r.commit)
	}
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

// commitsOf lists the commits reachable from tips but not from read, oldest first.
func commitsOf(g gitrepo.Repository, ctx context.Context, tips, read []string) (commitList, error) {
	text, _, err := g.Text(ctx, maxCommits, revisions(tips, read), "rev-list", "--stdin", "--topo-order", "--reverse")
	return commitList(text), err
}

// countOf returns the number of commits reachable from tips, or 0 when unknown.
func countOf(g gitrepo.Repository, ctx context.Context, tips []string) int {
	text, _, err := g.Text(ctx, gitrepo.MaxDiffHeader, revisions(tips, nil), "rev-list", "--count", "--stdin")
	n, errNumber := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || errNumber != nil {
		return 0
	}
	return n
}

// rewrittenOf reports whether a scanned commit is no longer part of the history.
func rewrittenOf(g gitrepo.Repository, ctx context.Context, before, now []string) (bool, error) {
	text, _, err := g.Text(ctx, gitrepo.MaxDiffHeader, strings.Join(before, "\n")+"\n^"+strings.Join(now, "\n^")+"\n", "rev-list", "--max-count=1", "--stdin")
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err != nil || text != "", nil // git fails on a deleted commit
}

// object is the type of an object that a reference names.
type object struct{ name, kind string }

// typesOf returns the types of objects; "missing" for those that are not in the repository.
func typesOf(g gitrepo.Repository, ctx context.Context, names []string) ([]object, error) {
	if len(names) == 0 {
		return nil, nil
	}
	text, _, err := g.Text(ctx, 4*maxTips, strings.Join(names, "\n")+"\n", "cat-file", "--batch-check=%(objectname) %(objecttype)")
	var all []object
	for line := range strings.Lines(text) {
		name, kind, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		all = append(all, object{name, kind})
	}
	return all, err
}

// existing returns the objects that are still in the repository.
func existing(g gitrepo.Repository, ctx context.Context, names []string) ([]string, error) {
	all, err := typesOf(g, ctx, names)
	var left []string
	for _, o := range all {
		if o.kind != "missing" {
			left = append(left, o.name)
		}
	}
	return left, err
}

// eachLine calls f for every line.
func eachLine(r io.Reader, f func(line string)) error {
	s := bufio.NewScanner(r)
	for s.Scan() {
		f(s.Text())
	}
	return s.Err()
}
