package gitrepo

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// What belongs to the deployment's repository. Whoever writes its files must not be able to make the exporter read the
// objects of another repository, and a repository that ignores the deployment's folder says nothing about it.

const (
	maxAlternates = 64 << 10
	maxStores     = 100 // folders of objects that name each other
)

// foreignObjects reports whether git would read objects from outside the repository and the roots.
func (g Repository) foreignObjects(roots ...string) (bool, error) {
	var inside []string
	for _, dir := range append(roots, g.Common, g.Work) {
		if dir == "" {
			continue
		}
		if dir, err := filepath.EvalSymlinks(dir); err == nil {
			inside = append(inside, dir)
		}
	}
	stores := []string{filepath.Join(g.Common, "objects")}
	for i := 0; i < len(stores); i++ {
		store, err := filepath.EvalSymlinks(stores[i])
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // git warns, and reads nothing
		case err != nil:
			return false, err
		case i == maxStores || !within(store, inside):
			return true, nil
		}
		text, _, err := files.Read(filepath.Join(store, "info", "alternates"), maxAlternates)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\r\n")
			switch {
			case line == "", strings.HasPrefix(line, "#"):
				continue
			case strings.HasPrefix(line, `"`):
				if line, err = strconv.Unquote(line); err != nil {
					return true, nil //nolint:nilerr // a path that git may understand
				}
			}
			if !filepath.IsAbs(line) {
				line = filepath.Join(store, line)
			}
			stores = append(stores, line)
		}
	}
	return false, nil
}

func within(path string, dirs []string) bool {
	for _, dir := range dirs {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// ignoresRoot reports whether a repository that was found above the deployment's folder ignores it and tracks nothing in it.
func (g Repository) ignoresRoot(ctx context.Context, p *probe.Pass) (bool, error) {
	if g.Work == "" || p.View.Place(find.FactRepository).How != find.Found {
		return false, nil
	}
	root, err := filepath.EvalSymlinks(p.Deployment.Root)
	if err != nil {
		return false, err
	}
	work, err := filepath.EvalSymlinks(g.Work)
	if err != nil {
		return false, err
	}
	name, err := filepath.Rel(work, root)
	if err != nil || name == "." {
		return false, err
	}
	first := ""
	_, err = g.Run(ctx, "", func(r io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(r, MaxDiffHeader))
		if first, _, _ = strings.Cut(string(text), "\x00"); first != "" {
			return errListed // a folder is listed instead of its files
		}
		return err
	}, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", "--", name)
	if err != nil && !errors.Is(err, errListed) {
		return false, err
	}
	return strings.HasSuffix(first, "/") && strings.HasPrefix(filepath.ToSlash(name)+"/", first), nil
}

var errListed = errors.New("git lists ignored files")
