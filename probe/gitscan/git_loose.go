package gitscan

import (
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
)

// Compose files that git does not track, such as an override on the server: whoever copies the deployment's folder gets
// them.

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

// update searches the compose files in the root and its folders.
func (l *looseHistory) update(ctx context.Context, g gitrepo.Repository, h *gitHistory, root string, rules ruleSet, values *valueSearch) error {
	paths, at := looseOf(g, root, h.tracked)
	at = digestOf([]byte(at), []byte(h.rules), []byte(values.digest))
	if l.at == at {
		return nil
	}
	scan := secretScan{rules: rules, key: h.key, values: values, findings: newFindings()}
	for _, path := range paths {
		name, err := filepath.Rel(g.Work, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		text, _, err := files.Read(path, maxLooseSize)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, files.ErrNotRegular):
			continue
		case err != nil:
			scan.unseen[contentAt{"", name}] = "not readable"
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

// looseOf lists the untracked compose files and identifies their state.
func looseOf(g gitrepo.Repository, root string, tracked []trackedFile) (paths []string, at string) {
	if g.Work == "" || root == "" {
		return nil, ""
	}
	known := make(map[string]bool)
	for _, f := range tracked {
		if composeName.MatchString(filepath.Base(f.path)) {
			known[f.path] = true
		}
	}
	var state strings.Builder
	see := func(dir string, entries []os.DirEntry) {
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			name, err := filepath.Rel(g.Work, path)
			if len(paths) == maxLoose || err != nil || e.IsDir() || !composeName.MatchString(e.Name()) || known[filepath.ToSlash(name)] {
				continue
			}
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				paths = append(paths, path)
				_, _ = fmt.Fprintf(&state, "%s %+v\n", path, files.Identify(info))
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
