// Caches proofs: a backup is read once per state, however many callers request it.

package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/backup/dump"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// rest is how long a file must be unchanged before its proof is cached: a second change could have the same time stamp.
const rest = 2 * time.Second

// maxKept is the maximum number of cached proofs.
const maxKept = 256

// Ledger verifies backups and caches the proofs while the files' identity is unchanged. The zero value is ready to use.
// Safe for concurrent use.
type Ledger struct {
	Prover dump.Prover
	Now    func() time.Time // time.Now when nil

	mu      sync.Mutex
	kept    map[files.Identity]*kept
	running map[files.Identity]*reading
}

type kept struct {
	proof dump.Proof
	used  time.Time
}

// reading is a proof in progress. It continues while a caller waits for it.
type reading struct {
	done    chan struct{}
	proof   dump.Proof // set when done
	err     error
	waiting int
	given   bool // abandoned: no caller waits any more
	cancel  context.CancelFunc
}

// Prove verifies the backup at path, a file or a directory that pg_dump has written, or returns the cached proof if it
// is unchanged. It compares the backup with the manifest next to it, unless that is older than the backup. Simultaneous
// requests for one backup share one reading; each waits until its own context ends. If the backup changes while it is
// read, the error is files.ErrChanged.
func (l *Ledger) Prove(ctx context.Context, path string) (dump.Proof, error) {
	id, directory, err := dump.Identify(ctx, path)
	if err != nil {
		return dump.Proof{}, err
	}
	proof, err := l.proof(ctx, id, func(ctx context.Context) (dump.Proof, error) {
		if directory {
			return l.Prover.ProveDirectory(ctx, path)
		}
		return l.read(ctx, path, id)
	})
	if err != nil {
		return dump.Proof{}, fmt.Errorf("verify %s: %w", path, err)
	}
	m, err := dump.ManifestOf(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && m.Modified.Before(id.Modified) && m.SHA256 != proof.SHA256:
		// There is none, or one of an earlier backup with the same name.
	case err == nil:
		proof = proof.Against(m)
	case proof.Reason == dump.Opaque:
		proof.Detail += "; its manifest cannot be used"
	}
	return proof, nil
}

// Known returns the cached proof of the backup in that state.
func (l *Ledger) Known(id files.Identity) (dump.Proof, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.kept[id]
	if !ok {
		return dump.Proof{}, false
	}
	return k.proof, true
}

// read verifies a file that must have, and keep, the given identity.
func (l *Ledger) read(ctx context.Context, path string, id files.Identity) (dump.Proof, error) {
	f, info, err := files.Open(path)
	if err != nil {
		return dump.Proof{}, err
	}
	defer func() { _ = f.Close() }()
	if files.Identify(info) != id {
		return dump.Proof{}, files.ErrChanged
	}
	proof, proveErr := l.Prover.Prove(ctx, f, id.Size)
	after, err := f.Stat()
	if err == nil && files.Identify(after) != id {
		err = files.ErrChanged // takes precedence: it explains a different length
	}
	if err == nil {
		err = proveErr
	}
	return proof, err
}

// proof returns the cached proof, or waits for the reading in progress, or starts one.
func (l *Ledger) proof(ctx context.Context, id files.Identity, prove func(context.Context) (dump.Proof, error)) (dump.Proof, error) {
	for {
		l.mu.Lock()
		if k, ok := l.kept[id]; ok {
			k.used = l.now()
			proof := k.proof
			l.mu.Unlock()
			return proof, nil
		}
		r, ok := l.running[id]
		if !ok {
			r = l.begin(ctx, id, prove)
		}
		given := r.given // it is being abandoned, and a new one must not start in parallel
		r.waiting++
		l.mu.Unlock()

		select {
		case <-r.done:
			if !given || r.err == nil {
				return r.proof, r.err
			}
		case <-ctx.Done():
			l.mu.Lock()
			if r.waiting--; r.waiting == 0 {
				r.given = true
				r.cancel()
			}
			l.mu.Unlock()
			return dump.Proof{}, ctx.Err()
		}
	}
}

// begin starts a reading. The caller holds the lock.
func (l *Ledger) begin(ctx context.Context, id files.Identity, prove func(context.Context) (dump.Proof, error)) *reading {
	r := &reading{done: make(chan struct{})}
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if l.running == nil {
		l.running, l.kept = make(map[files.Identity]*reading), make(map[files.Identity]*kept)
	}
	l.running[id] = r
	go func() {
		defer close(r.done)
		defer r.cancel()
		r.proof, r.err = prove(ctx)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.running[id] == r {
			delete(l.running, id)
		}
		if now := l.now(); r.err == nil && now.Sub(id.Changed) >= rest && now.Sub(id.Modified) >= rest {
			l.keep(id, r.proof, now)
		}
	}()
	return r
}

// keep caches a proof in place of the least recently used one.
func (l *Ledger) keep(id files.Identity, proof dump.Proof, now time.Time) {
	if len(l.kept) >= maxKept {
		var oldest files.Identity
		var used time.Time
		for id, k := range l.kept {
			if used.IsZero() || k.used.Before(used) {
				oldest, used = id, k.used
			}
		}
		delete(l.kept, oldest)
	}
	l.kept[id] = &kept{proof, now}
}

func (l *Ledger) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}
