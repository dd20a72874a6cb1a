package attestcheck

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// Was there ever a file with the digest that somebody attested? A backup that was restored is known if its digest is in a
// release record, or if it is still in its folder, where a rotation may have renamed it. A digest that was seen once stays
// known, so that a rotation does not change the verdict.

const (
	maxNeighbours = 1000    // files of a folder
	maxHashed     = 4 << 30 // bytes of the files next to the attested one that are read
)

// knownFiles keeps digests while the files are unchanged. Safe for concurrent use.
type knownFiles struct {
	mu      sync.Mutex
	digests map[files.Identity]string
	seen    map[string]bool
}

type knownFilesKey struct{}

// isKnownFile reports whether a file with the digest of the subject is or was known.
func isKnownFile(ctx context.Context, p *probe.Pass, of attest.Subject) (bool, error) {
	k, err := probe.Keep(p.Kept, knownFilesKey{}, "", func() (*knownFiles, func(), error) {
		return &knownFiles{digests: map[files.Identity]string{}, seen: map[string]bool{}}, nil, nil
	})
	if err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen[of.SHA256] {
		return true, nil
	}
	if c, err := release.Chain(p); err == nil {
		for _, r := range c.Records {
			if r.Backup.SHA256 == of.SHA256 {
				return true, nil
			}
		}
	}
	path := p.Deployment.Abs(filepath.FromSlash(of.Path))
	if !mayRead(p, path) {
		return false, nil
	}
	k.seen[of.SHA256], err = k.find(ctx, p, path, of.SHA256)
	return k.seen[of.SHA256], err
}

// mayRead reports whether a path that a claim names is in the deployment's folder or in that of its backups: a claim must
// not make the exporter read anything else.
func mayRead(p *probe.Pass, path string) bool {
	folders := []string{p.Deployment.Root}
	if dir := p.Deployment.Backup.Directory; dir != "" {
		folders = append(folders, p.Deployment.Abs(dir))
	}
	for _, folder := range folders {
		if rel, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// find searches the file itself, then its folder.
func (k *knownFiles) find(ctx context.Context, p *probe.Pass, path, digest string) (bool, error) {
	names, err := p.Files.Names(filepath.Dir(path), maxNeighbours)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, probe.Needs("permission to read "+p.Deployment.Rel(filepath.Dir(path)), probe.Unknown(probe.ReasonOf(err), err))
	}
	left := int64(maxHashed)
	for i, name := range append([]string{filepath.Base(path)}, names...) {
		at := filepath.Join(filepath.Dir(path), name)
		id, kind, err := files.Look(at)
		if err != nil || kind != 0 || !mayRead(p, at) {
			continue
		}
		if i > 0 {
			if left -= id.Size; left < 0 {
				break
			}
		}
		known, err := k.digest(ctx, at, id)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err == nil && known == digest {
			return true, nil
		}
	}
	return false, nil
}

// digest returns the digest of a file.
func (k *knownFiles) digest(ctx context.Context, path string, id files.Identity) (string, error) {
	if known, ok := k.digests[id]; ok {
		return known, nil
	}
	f, _, err := files.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, untilDone{ctx, f}); err != nil {
		return "", err
	}
	k.digests[id] = hex.EncodeToString(h.Sum(nil))
	return k.digests[id], nil
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (u untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(b)
}
