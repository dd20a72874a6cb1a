package gitscan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/inuse"
)

// Commits that only this clone has: stashes, what reflogs keep of rewritten history, and HEAD of other work trees. A clone
// does not get them, a copy of the folder does.

// localHistory caches their findings.
type localHistory struct {
	at      string          // state of the references, reflogs and work trees; "" when unknown
	rules   string          // digest of the rules and the secrets in use
	scanned map[string]bool // commits
	found   findings
	failed  bool // git cannot list them
}

// maxLogs limits how many reflogs are examined for changes.
const maxLogs = 10_000

// stateOf identifies the state of reflogs and other work trees by a few stat calls; "" when unknown.
func (l *localHistory) stateOf(g gitrepo.Repository) string {
	var b strings.Builder
	n := 0
	for _, name := range []string{"logs", "worktrees", "refs/stash"} {
		err := filepath.WalkDir(filepath.Join(g.Common, name), func(path string, d fs.DirEntry, err error) error {
			if n++; err != nil || n > maxLogs {
				return errors.Join(err, fs.ErrInvalid)
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if !info.IsDir() && filepath.Base(path) == "index" {
				return nil // of another work tree
			}
			_, _ = fmt.Fprintf(&b, "%s %+v\n", path, files.Identify(info))
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return ""
		}
	}
	return b.String()
}

// update scans the new ones among them and forgets those that are gone.
func (l *localHistory) update(ctx context.Context, g gitrepo.Repository, h *gitHistory, rules ruleSet, values *inuse.Search) error {
	at := digestOf([]byte(l.stateOf(g)), []byte(strings.Join(h.tips, " ")))
	digest := h.rules + values.Digest
	if l.at == at && l.rules == digest {
		return nil
	}
	if l.rules != digest || l.scanned == nil {
		*l = localHistory{rules: digest, scanned: map[string]bool{}, found: newFindings()}
	}
	l.at = ""
	text, _, err := g.Text(ctx, maxTips, "^"+strings.Join(h.tips, "\n^")+"\n", "rev-list", "--all", "--reflog", "--topo-order", "--reverse", "--stdin")
	if l.failed = err != nil; l.failed { // e.g. a reflog of objects that are gone
		return ctx.Err()
	}
	now := map[string]bool{}
	var fresh strings.Builder
	commitList(text).each(func(name string) {
		now[name] = true
		if !l.scanned[name] {
			fresh.WriteString(name + "\n")
		}
	})
	if !l.found.drop(func(commit string) bool { return !now[commit] }) {
		*l = localHistory{rules: digest, scanned: map[string]bool{}, found: newFindings()}
		fresh.Reset()
		fresh.WriteString(text)
	}
	for name := range l.scanned {
		if !now[name] {
			delete(l.scanned, name)
		}
	}
	names := commitList(fresh.String())
	for done := 0; done < names.len() && !l.found.more; done += partCommits {
		part := names.part(done)
		scan := secretScan{rules: rules, key: h.key, values: values, before: []*findings{&l.found}, findings: newFindings()}
		if err := atLowPriority(func() error { return scan.commits(ctx, g, part) }); err != nil {
			return err
		}
		l.found.add(scan.findings)
		part.each(func(name string) { l.scanned[name] = true })
	}
	l.at = at
	return nil
}
