package gitscan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/gitrepo"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/content"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/gitlog"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/inuse"
)

// Compose files that git does not track, such as an override on the server, and git's configuration, which may have a
// password in the URL of a remote: whoever copies the deployment's folder gets them.

var composeName = lazyregexp.New(`(?i)^[^/]*compose[^/]*\.ya?ml$`)

const (
	maxLoose     = 200
	maxLooseSize = 1 << 20
)

// looseHistory caches what is in them.
type looseHistory struct {
	at    string
	found findings
}

// update searches git's configuration, and the compose files in the root and its folders.
func (l *looseHistory) update(ctx context.Context, g gitrepo.Repository, h *gitHistory, root string, rules ruleSet, values *inuse.Search) error {
	paths, at := looseOf(g, root, h.tracked)
	at = digestOf([]byte(at), []byte(h.rules), []byte(values.Digest))
	if l.at == at {
		return nil
	}
	scan := secretScan{rules: rules, key: h.key, values: values, findings: newFindings()}
	for _, path := range paths {
		name, err := filepath.Rel(cmp.Or(g.Work, g.Common), path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		text, _, err := files.Read(path, maxLooseSize)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, files.ErrNotRegular):
			continue
		case err != nil:
			if err := scan.skip(ctx, "", name, "not readable"); err != nil {
				return err
			}
			continue
		}
		whole, _ := content.Of(text)
		if err := scan.searchText(ctx, gitlog.Addition{File: name, Line: 1, Text: whole}); err != nil {
			if err := scan.ended(err); err != nil {
				return err
			}
			break
		}
	}
	l.at, l.found = at, scan.findings
	return nil
}

// looseOf lists the untracked compose files and git's configuration, and identifies their state.
func looseOf(g gitrepo.Repository, root string, tracked []trackedFile) (paths []string, at string) {
	var state strings.Builder
	add := func(path string) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && len(paths) < maxLoose {
			paths = append(paths, path)
			_, _ = fmt.Fprintf(&state, "%s %+v\n", path, files.Identify(info))
		}
	}
	add(filepath.Join(g.Common, "config"))
	add(filepath.Join(g.Dir, "config.worktree"))
	if g.Work == "" || root == "" {
		return paths, state.String()
	}
	known := make(map[string]bool)
	for _, f := range tracked {
		if composeName.MatchString(filepath.Base(f.path)) {
			known[f.path] = true
		}
	}
	see := func(dir string, entries []os.DirEntry) {
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			name, err := filepath.Rel(g.Work, path)
			if err == nil && !e.IsDir() && composeName.MatchString(e.Name()) && !known[filepath.ToSlash(name)] {
				add(path)
			}
		}
	}
	entries, _ := os.ReadDir(root) // other probes report an unreadable root
	see(root, entries)
	for _, e := range entries {
		if e.IsDir() && e.Name() != ".git" {
			below, _ := os.ReadDir(filepath.Join(root, e.Name()))
			see(filepath.Join(root, e.Name()), below)
		}
	}
	return paths, state.String()
}
