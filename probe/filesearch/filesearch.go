// Package filesearch finds the files of a deployment that match a pattern of a checklist.
package filesearch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Bounds of one search.
const (
	maxFound  = 200
	maxListed = 50_000
)

var (
	errParent = errors.New("leaves the deployment root")
	errForm   = errors.New("malformed pattern")
)

// ValidPattern reports what is wrong with a pattern.
func ValidPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil || strings.HasSuffix(pattern, "/") {
		return fmt.Errorf("%q: %w", pattern, errForm)
	}
	if slices.Contains(strings.Split(pattern, "/"), "..") {
		return fmt.Errorf("%q: %w", pattern, errParent)
	}
	return nil
}

// matches reports whether the elements of a path match those of a pattern, in which ** is any number of folders.
func matches(pattern, name []string) bool {
	for i, element := range pattern {
		if element == "**" {
			for skipped := range len(name) - i + 1 {
				if matches(pattern[i+1:], name[i+skipped:]) {
					return true
				}
			}
			return false
		}
		if i >= len(name) {
			return false
		}
		if ok, err := path.Match(element, name[i]); !ok || err != nil {
			return false
		}
	}
	return len(name) == len(pattern)
}

// Search returns the files that match a pattern and none of the exceptions, sorted. A folder that cannot be listed makes it
// unknown what matches. Links to folders are not followed, and .git is not searched.
func Search(ctx context.Context, d *deployment.Deployment, pattern string, except []string) ([]string, error) {
	if !strings.ContainsAny(pattern, `*?[\`) {
		file := d.Abs(pattern)
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil, nil
		} else if err != nil {
			return nil, unlisted(d, file, err)
		}
		return []string{file}, nil
	}
	// The walk starts at the folders before the first wildcard.
	elements := strings.Split(strings.TrimPrefix(filepath.ToSlash(pattern), "./"), "/")
	fixed := slices.IndexFunc(elements, func(e string) bool { return strings.ContainsAny(e, `*?[\`) })
	start := d.Abs(strings.Join(elements[:fixed], "/"))
	if fixed == 0 {
		start = d.Abs(".")
	}
	deep := slices.Contains(elements, "**")
	var found []string
	listed := 0
	err := filepath.WalkDir(start, func(file string, entry fs.DirEntry, err error) error {
		if listed++; listed > maxListed {
			return probe.Unknownf(probe.ReasonError, "%s: more than %d files are below %s", pattern, maxListed, d.Rel(start))
		}
		switch rel, _ := filepath.Rel(start, file); {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return unlisted(d, file, err)
		case rel == ".":
			return nil
		case entry.IsDir():
			depth := strings.Count(filepath.ToSlash(rel), "/") + 1
			if entry.Name() == ".git" || !deep && depth >= len(elements)-fixed {
				return filepath.SkipDir
			}
			return nil
		case matches(elements[fixed:], strings.Split(filepath.ToSlash(rel), "/")) && !excepted(d, except, file) && !otherThanFile(file, entry):
			if found = append(found, file); len(found) > maxFound {
				return probe.Unknownf(probe.ReasonError, "%s matches more than %d files", pattern, maxFound)
			}
		}
		return nil
	})
	return found, err
}

func excepted(d *deployment.Deployment, except []string, file string) bool {
	name := strings.Split(filepath.ToSlash(d.Rel(file)), "/")
	return slices.ContainsFunc(except, func(pattern string) bool { return matches(strings.Split(pattern, "/"), name) })
}

// otherThanFile reports whether a name is no file, such as a link to a folder. A link to nothing counts as a file: it is missing.
func otherThanFile(file string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return !d.Type().IsRegular()
	}
	info, err := os.Stat(file)
	return err == nil && !info.Mode().IsRegular()
}

func unlisted(d *deployment.Deployment, file string, err error) error {
	reason := probe.ReasonOf(err)
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err // without the absolute path
	}
	return probe.Needs("permission to read the deployment's files",
		probe.Unknown(reason, fmt.Errorf("%s cannot be listed: %w", d.Rel(file), err)))
}
