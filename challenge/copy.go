package challenge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// Copies files of the deployment into the scratch folder, each below its absolute path: a relative path that leads out of the
// root leads to the copy as well. Links, backups and .git are never copied.

const (
	maxCopied = 16 << 20  // bytes of one file
	maxCopy   = 256 << 20 // bytes of all files
)

// copied is the copy of a deployment.
type copied struct {
	top      string // the folder that stands for /
	settings deployment.Settings
	left     int64 // bytes
	files    map[string]bool
	links    int // that were not copied
	large    int
}

// has reports whether a path is a file of the copy.
func (c *copied) has(path string) bool { return c.files[filepath.Clean(path)] }

// mayCreate reports whether a path is in a folder of the copy and the deployment has nothing there.
func (c *copied) mayCreate(path string) bool {
	original, err := filepath.Rel(c.top, path)
	if err != nil || !filepath.IsLocal(original) {
		return false
	}
	_, err = os.Lstat(filepath.Join("/", original))
	info, dirErr := os.Lstat(filepath.Dir(path))
	return errors.Is(err, fs.ErrNotExist) && dirErr == nil && info.IsDir()
}

// omitted says what is missing in the copy, for the reason why it is judged differently.
func (c *copied) omitted() string {
	var what []string
	if c.links > 0 {
		what = append(what, "links")
	}
	if c.large > 0 {
		what = append(what, fmt.Sprintf("files over %d MiB, or over %d MiB in total", maxCopied>>20, maxCopy>>20))
	}
	if len(what) == 0 {
		return ""
	}
	return " (not copied: " + strings.Join(what, ", ") + ")"
}

// copyFiles copies the files at paths, as far as they may be copied, and returns the settings of the copy.
func copyFiles(ctx context.Context, top string, d *deployment.Deployment, paths []string) (*copied, error) {
	c := &copied{top: top, left: maxCopy, files: map[string]bool{}}
	root := c.at(d.Root)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	c.settings = relocated(d.Settings, root)
	if repository, err := d.View(nil).Git(); err == nil {
		c.settings.Repository.Path = repository.Work // is read where it is
	}
	paths = slices.Clone(paths)
	for i := range paths {
		paths[i] = filepath.Clean(paths[i])
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := c.add(d, path); err != nil {
			return nil, fmt.Errorf("copy of the deployment: %w", withoutPath(err))
		}
	}
	return c, nil
}

// withoutPath returns the cause of an error without the name of the temporary file.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (c *copied) at(path string) string { return filepath.Join(c.top, path) }

// add copies one file. What cannot be read or must not be copied is left out: the verdict on the copy then differs.
func (c *copied) add(d *deployment.Deployment, path string) error {
	if !filepath.IsAbs(path) || excluded(d, path) {
		return nil
	}
	if real, err := filepath.EvalSymlinks(path); err != nil || real != path && !throughRoot(d.Root, path, real) {
		if err == nil {
			c.links++
		}
		return nil //nolint:nilerr // a missing file is missing in the copy too
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // see above
	}
	if info.Size() > maxCopied || info.Size() > c.left {
		c.large++
		return nil
	}
	content, err := io.ReadAll(io.LimitReader(f, min(maxCopied, c.left)))
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	to := c.at(path)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	c.left -= int64(len(content))
	c.files[to] = true
	return put(to, content, info)
}

// throughRoot reports whether a path has no links but those in the path of the root itself.
func throughRoot(root, path, real string) bool {
	realRoot, err := filepath.EvalSymlinks(root)
	rel, relErr := filepath.Rel(root, path)
	return err == nil && relErr == nil && filepath.IsLocal(rel) && filepath.Join(realRoot, rel) == real
}

// excluded reports whether a path is part of a git repository or of the backups, or no file at all.
func excluded(d *deployment.Deployment, path string) bool {
	if slices.Contains(strings.Split(path, "/"), ".git") {
		return true
	}
	for _, top := range []string{"/proc", "/sys", "/dev", d.Abs(d.Backup.Directory), d.Abs(d.Backup.Path)} {
		if rel, err := filepath.Rel(top, path); top != "" && err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// relocated returns the settings with every path below the root below another one.
func relocated(s deployment.Settings, root string) deployment.Settings {
	from := s.Root
	move := func(path string) string {
		if rel, err := filepath.Rel(from, path); filepath.IsAbs(path) && err == nil && filepath.IsLocal(rel) {
			return filepath.Join(root, rel)
		}
		return path
	}
	all := func(paths []string) []string {
		moved := slices.Clone(paths)
		for i := range moved {
			moved[i] = move(moved[i])
		}
		return moved
	}
	s.Root = root
	s.ComposeFiles, s.Nginx, s.Documents.Diagrams, s.Evidence.Places = all(s.ComposeFiles), all(s.Nginx), all(s.Documents.Diagrams), all(s.Evidence.Places)
	s.Evidence.Reports = slices.Clone(s.Evidence.Reports)
	for i := range s.Evidence.Reports {
		s.Evidence.Reports[i].At = move(s.Evidence.Reports[i].At)
	}
	for _, path := range []*string{
		&s.EnvFile, &s.SSL, &s.Migrations, &s.TLS.Cert, &s.TLS.Key, &s.Alertmanager.Config, &s.Releases, &s.Attestations,
		&s.Documents.DisasterRecovery, &s.Documents.Runbook, &s.Documents.Changelog, &s.Documents.Checklist,
		&s.Database.PasswordFile, &s.Redis.PasswordFile,
	} {
		*path = move(*path)
	}
	return s
}
