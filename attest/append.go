package attest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// How a record is appended. A record is written completely or not at all, under a name that no other process took, and
// is never rewritten. A record that could not be parsed again is not written.

// Errors of Append.
var (
	ErrTaken  = errors.New("another process has written this record: review it, then run the command again")
	ErrBroken = errors.New("release records are damaged")
)

// Append writes the next record of the chain and returns it as written. The record must be valid after the existing
// ones: a rollback requires an earlier release. If several processes append at the same time, exactly one succeeds. The
// others get ErrTaken and nothing is written.
//
// A chain with Problems is ErrBroken, unless despite is set: then the record acknowledges the problems, and the chain
// counts as intact again.
func (c *Chain) Append(r Record, despite bool) (Record, error) {
	if err := c.Err(); err != nil && !despite {
		return Record{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	r = r.normal()
	r.Number, r.Previous, r.Acknowledged = c.last+1, "", nil
	if c.last > 0 {
		sum, ok := c.sums[c.last]
		if !ok {
			return Record{}, fmt.Errorf("%w: last record %d cannot be read: restore it", ErrBroken, c.last)
		}
		r.Previous = sum
	}
	for _, p := range c.Problems {
		r.Acknowledged = append(r.Acknowledged, p.acknowledgment())
	}
	c.state.fill(&r)
	if err := c.state.check(&r); err != nil {
		return Record{}, fmt.Errorf("release record: %w", err)
	}
	if n := len(c.Records); n > 0 && r.At.Before(c.Records[n-1].At.Add(-Skew)) {
		return Record{}, fmt.Errorf("release record: current time is %s, but record %d was written at %s: set the clock",
			stamp(r.At), c.Records[n-1].Number, stamp(c.Records[n-1].At))
	}
	return c.write(&r)
}

// write writes the record to the folder and adds it to the chain.
func (c *Chain) write(r *Record) (Record, error) {
	data := r.marshal()
	if len(data) > maxRecord {
		return Record{}, fmt.Errorf("release record: size is %d bytes, limit is %d", len(data), maxRecord)
	}
	name := fileName(r.Number)
	again, err := parseRecord(name, data)
	if err != nil {
		return Record{}, fmt.Errorf("release record: %w", err)
	}
	if !bytes.Equal(again.marshal(), data) {
		return Record{}, errors.New("release record: text is not UTF-8")
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return Record{}, err
	}
	defer lock(c.dir)()
	head, first := filepath.Join(c.dir, headName), false
	if r.Number == 1 {
		none := digest(nil) + "  " + fileName(0) + "\n"
		if err := files.WriteAtomic(head, []byte(none), 0o644, true); err != nil && !errors.Is(err, fs.ErrExist) {
			return Record{}, fmt.Errorf("release record %d: %w", r.Number, err)
		} else {
			first = err == nil
		}
	}
	if _, err = os.Lstat(filepath.Join(c.dir, name)); err == nil {
		err = fs.ErrExist
	} else if err = c.sign(name, data); err == nil {
		err = files.WriteAtomic(filepath.Join(c.dir, name), data, 0o644, true)
	}
	if errors.Is(err, fs.ErrExist) {
		return Record{}, fmt.Errorf("release record %d: %w", r.Number, ErrTaken)
	}
	if err != nil {
		if first {
			_ = os.Remove(head)
		}
		return Record{}, fmt.Errorf("release record %d: %w", r.Number, err)
	}
	sum := digest(data)
	// The record is written even if the head is not. The next record updates the head, so this is not an error.
	_ = files.WriteAtomic(head, []byte(sum+"  "+name+"\n"), 0o644, false)
	c.last, c.sums[r.Number] = r.Number, sum
	c.state.apply(&again)
	c.Records = append(c.Records, again)
	c.Acknowledged, c.Problems = append(c.Acknowledged, c.Problems...), nil
	return again, nil
}

// lock lets one process at a time write to the folder, so that the head is never replaced by an older one. Where locks
// are not supported or held for long, it continues without: the names of records decide in any case.
func lock(dir string) (unlock func()) {
	d, err := files.OpenDir(dir)
	if err != nil {
		return func() {}
	}
	const pause, patience = 20 * time.Millisecond, 2 * time.Second
	for waited := time.Duration(0); waited < patience; waited += pause {
		if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		time.Sleep(pause)
	}
	return func() { _ = d.Close() }
}
