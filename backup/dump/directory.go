// A dump in directory format on disk: the same files as in a tar archive of it, verified in the same way.

package dump

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// tocName is the table of contents of a dump in tar or directory format.
const tocName = "toc.dat"

// maxFiles limits the files of one dump in directory format.
const maxFiles = 100_000

// HasTOC reports whether a directory contains a table of contents, which pg_dump writes last.
func HasTOC(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, tocName))
	return err == nil
}

// IsMember reports whether a file of that name belongs to a dump in directory format.
func IsMember(name string) bool { return name == tocName || dataName.MatchString(name) }

// filesOf returns the regular files of a directory, sorted by name.
func filesOf(ctx context.Context, dir string) ([]string, error) {
	lister := files.Lister{Limit: maxFiles}
	var names []string
	err := lister.List(ctx, dir, func(name string) error {
		names = append(names, name)
		return nil
	})
	slices.Sort(names)
	return names, err
}

// IdentifyDirectory combines the identity of a directory and its files: the sum of the sizes and the latest time. The
// directory's own modification time shows when a file was added or removed, not the age of the dump.
func IdentifyDirectory(ctx context.Context, dir string) (files.Identity, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return files.Identity{}, err
	}
	all := files.Identify(info)
	all.Size, all.Modified = 0, time.Time{}
	names, err := filesOf(ctx, dir)
	if err != nil {
		return files.Identity{}, err
	}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return files.Identity{}, err
		}
		if id := files.Identify(info); info.Mode().IsRegular() {
			all.Size += id.Size
			all.Changed = later(all.Changed, id.Changed)
			all.Modified = later(all.Modified, id.Modified)
		}
	}
	return all, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Identify returns the state of a backup, and whether it is a directory.
func Identify(ctx context.Context, path string) (id files.Identity, directory bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return id, false, err
	}
	if info.IsDir() {
		id, err = IdentifyDirectory(ctx, path)
		return id, true, err
	}
	return files.Identify(info), false, nil
}

// ProveDirectory verifies a dump in directory format by reading every file. The digest is that of the lines that
// sha256sum prints for the files, sorted by name. If a file changes meanwhile, the error is files.ErrChanged.
func (p Prover) ProveDirectory(ctx context.Context, dir string) (Proof, error) {
	before, err := IdentifyDirectory(ctx, dir)
	if err != nil {
		return Proof{}, err
	}
	names, err := filesOf(ctx, dir)
	if err != nil {
		return Proof{}, err
	}
	run := p.run(ctx)
	defer run.close()
	b := newBundle(run, 0)
	sums := sha256.New()
	var size int64
	for _, name := range names {
		n, sum, err := b.disk(ctx, dir, name)
		if err != nil {
			return Proof{}, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		if sum != "" {
			_, _ = fmt.Fprintf(sums, "%s  %s\n", sum, name)
		}
		size += n
	}
	after, err := IdentifyDirectory(ctx, dir)
	if err != nil {
		return Proof{}, err
	}
	if before != after || size != before.Size {
		return Proof{}, fmt.Errorf("%s: %w", dir, files.ErrChanged)
	}
	proof, err := run.proved(b.verdict())
	if err != nil {
		return Proof{}, err
	}
	proof.Bytes, proof.SHA256 = size, hex.EncodeToString(sums.Sum(nil))
	return proof, nil
}

// disk reads one file of a directory to its end and returns its size and digest; zero values for other than regular
// files.
func (b *bundle) disk(ctx context.Context, dir, name string) (int64, string, error) {
	f, info, err := files.Open(filepath.Join(dir, name))
	if errors.Is(err, files.ErrNotRegular) {
		return 0, "", nil
	}
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = f.Close() }()
	s := &source{ctx: ctx, r: f, hash: sha256.New(), left: math.MaxInt64}
	in := newInput(s)
	if err := b.file(name, in); err != nil {
		return 0, "", err
	}
	if err := in.drain(); err != nil {
		return 0, "", err
	}
	if s.n != info.Size() {
		return 0, "", io.ErrUnexpectedEOF
	}
	return s.n, hex.EncodeToString(s.hash.Sum(nil)), nil
}
