// The memory of proofs: a backup is read once for each of its states, however often and by however many it is asked for.

package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// rest is how long a file must have been left alone before a proof of it is kept: a second change could hide behind the same time stamp.
const rest = 2 * time.Second

// maxKept bounds the proofs that are kept.
const maxKept = 256

// Ledger proves backups and keeps the proofs for as long as the files' identity stays. The zero value is ready; safe for concurrent use.
type Ledger struct {
	Prover Prover
	Now    func() time.Time // time.Now when nil

	mu      sync.Mutex
	kept    map[files.Identity]*kept
	running map[files.Identity]*reading
}

type kept struct {
	proof Proof
	used  time.Time
}

// reading is a proof under way. It goes on as long as somebody waits for it.
type reading struct {
	done    chan struct{}
	proof   Proof // set when done
	err     error
	waiting int
	given   bool // up: nobody waited any more
	cancel  context.CancelFunc
}

// Prove proves the backup at path, a file or a directory that pg_dump has written, from memory where it is as it was, and holds it against the
// manifest beside it, if there is one that is not older than the backup. A backup that is asked for by several at once is read once; each
// waits as long as its own context says. What changes while it is read is not judged: files.ErrChanged.
func (l *Ledger) Prove(ctx context.Context, path string) (Proof, error) {
	id, directory, err := identityOf(ctx, path)
	if err != nil {
		return Proof{}, err
	}
	proof, err := l.proof(ctx, id, func(ctx context.Context) (Proof, error) {
		if directory {
			return l.Prover.ProveDirectory(ctx, path)
		}
		return l.read(ctx, path, id)
	})
	if err != nil {
		return Proof{}, fmt.Errorf("prove %s: %w", path, err)
	}
	m, err := ManifestOf(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && m.Modified.Before(id.Modified) && m.SHA256 != proof.SHA256:
		// None, or one of the backup that had this name before.
	case err == nil:
		proof = proof.Against(m)
	case proof.Reason == Opaque:
		proof.Detail += "; there is one, but it cannot be used"
	}
	return proof, nil
}

// Known returns the proof of the backup in that state if it is in memory.
func (l *Ledger) Known(id files.Identity) (Proof, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.kept[id]
	if !ok {
		return Proof{}, false
	}
	return k.proof, true
}

func identityOf(ctx context.Context, path string) (id files.Identity, directory bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return id, false, err
	}
	if info.IsDir() {
		id, err = identifyDirectory(ctx, path)
		return id, true, err
	}
	return files.Identify(info), false, nil
}

// read proves a file that must be, and stay, in the state that was seen.
func (l *Ledger) read(ctx context.Context, path string, id files.Identity) (Proof, error) {
	f, info, err := files.Open(path)
	if err != nil {
		return Proof{}, err
	}
	defer func() { _ = f.Close() }()
	if files.Identify(info) != id {
		return Proof{}, files.ErrChanged
	}
	proof, proveErr := l.Prover.Prove(ctx, f, id.Size)
	after, err := f.Stat()
	if err == nil && files.Identify(after) != id {
		err = files.ErrChanged // comes first: it is why the file is longer or shorter than it was
	}
	if err == nil {
		err = proveErr
	}
	return proof, err
}

// proof returns what is kept, or waits for the reading under way, or begins one.
func (l *Ledger) proof(ctx context.Context, id files.Identity, prove func(context.Context) (Proof, error)) (Proof, error) {
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
		given := r.given // it is ending for nothing, and a new one must not begin beside it
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
			return Proof{}, ctx.Err()
		}
	}
}

// begin starts a reading, with the lock held.
func (l *Ledger) begin(ctx context.Context, id files.Identity, prove func(context.Context) (Proof, error)) *reading {
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

// keep remembers a proof, in place of the one that was not asked for the longest.
func (l *Ledger) keep(id files.Identity, proof Proof, now time.Time) {
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

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
