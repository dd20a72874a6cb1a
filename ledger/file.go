package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// How the file is opened, repaired, written and shortened. Whoever holds the lock next to it writes; everybody reads.

// fileID identifies a state of the file.
type fileID struct {
	inode uint64
	size  int64
}

func idOf(info fs.FileInfo) fileID {
	id := files.Identify(info)
	return fileID{id.Inode, id.Size}
}

// acquire takes the lock and opens the file, or reads the file while another process holds the lock.
func (l *Ledger) acquire(now time.Time) error {
	if l.lock != nil { // an earlier attempt has failed
		if len(l.now) > 0 {
			return l.rewrite(l.known())
		}
		return l.open(now, true)
	}
	_, err := os.Lstat(l.path + ".lock")
	known := err == nil
	lock, err := os.OpenFile(l.path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		_ = lock.Close()
		l.foreign = true
		l.refresh()
		return nil
	} // where locks are not supported, it continues without
	l.foreign, l.lock = false, lock
	return l.open(now, known)
}

// open opens and reads the file; known means that there was one before.
func (l *Ledger) open(now time.Time, known bool) error {
	f, err := os.OpenFile(l.path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if known {
			l.note("the ledger was lost: its history begins anew")
		}
		return l.rewrite(content{chain: noChain})
	}
	if err != nil {
		return err
	}
	l.file = f
	data, info, err := l.read(f)
	if err != nil {
		return err
	}
	c := parse(data)
	if c.seen.After(now.Add(skew)) {
		l.note("the last entry of the ledger is dated in the future: the clock was wrong then, or is wrong now")
	}
	if c.note != "" {
		l.note(c.note)
		_ = f.Close()
		l.file = nil
		// The damaged file stays for whoever investigates it; a later one replaces it.
		if err := os.Rename(l.path, l.path+".damaged"); err != nil {
			return err
		}
		l.load(c)
		return l.rewrite(c)
	}
	l.load(c)
	l.size, l.memoryID = int64(len(data)), idOf(info)
	return nil
}

// read reads the whole file, which must be regular and of a size that this package writes.
func (l *Ledger) read(f *os.File) ([]byte, fs.FileInfo, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, nil, &fs.PathError{Op: "read", Path: l.path, Err: errors.New("not a regular file")}
	}
	data, err := io.ReadAll(io.NewSectionReader(f, 0, 4*l.maxBytes))
	return data, info, err
}

// load replaces what is known by the content of a file.
func (l *Ledger) load(c content) {
	l.now, l.marks = map[string]current{}, map[string]time.Time{}
	for _, e := range c.entries {
		l.apply(e)
	}
	l.chain, l.entries, l.seen, l.written, l.begun = c.chain, len(c.entries), c.seen, c.seen, len(l.now) > 0
}

// apply brings what is known up to date with an entry.
func (l *Ledger) apply(e entry) {
	at := time.Unix(e.Time, 0).UTC()
	switch e.Kind {
	case kindMark:
		if e.From > 0 {
			at = time.Unix(e.From, 0).UTC()
		}
		l.marks[e.Mark] = at
	case kindClear:
		delete(l.marks, e.Mark)
	case kindChange, kindBase:
		c, known := l.now[e.Item]
		if !known || c.State != e.State {
			c.since, c.exact = at, e.Kind == kindChange
		}
		if e.From > 0 {
			c.since, c.exact = time.Unix(e.From, 0).UTC(), e.Exact
		}
		c.Verdict = e.verdict()
		l.now[e.Item] = c
	}
}

// refresh reads the file again if another process writes it.
func (l *Ledger) refresh() {
	if l.file != nil {
		return
	}
	f, _, err := files.Open(l.path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || idOf(info) == l.memoryID {
		return
	}
	if data, _, err := l.read(f); err == nil {
		l.load(parse(data)) // a line may be half written
		l.memoryID = idOf(info)
	}
}

// prepare makes sure that this process writes the file, and that the file is still what it wrote.
func (l *Ledger) prepare(at time.Time) error {
	if l.file == nil {
		if l.writing = l.acquire(at); l.writing != nil {
			return fmt.Errorf("ledger: %w", l.writing)
		}
		return nil
	}
	info, err := os.Lstat(l.path)
	if err == nil && idOf(info) == (fileID{l.memoryID.inode, l.size}) {
		return nil
	}
	l.note("the ledger was removed, replaced or cut while it was written: it was written anew")
	_ = l.file.Close()
	l.file = nil
	if l.writing = l.rewrite(l.known()); l.writing != nil {
		return fmt.Errorf("ledger: %w", l.writing)
	}
	return nil
}

// known returns what is in memory as the content of a new file.
func (l *Ledger) known() content {
	c := content{seen: l.seen}
	for _, v := range l.now {
		at := max(l.seen.Unix(), v.since.Unix(), 1)
		c.entries = append(c.entries, entry{Kind: kindBase, Time: at, From: max(v.since.Unix(), 0), Exact: v.exact,
			Item: v.Item, State: v.State, Reason: v.Reason, Waived: v.Waived})
	}
	slices.SortFunc(c.entries, byItem)
	for id, at := range l.marks {
		c.entries = append(c.entries, entry{Kind: kindMark, Time: max(l.seen.Unix(), at.Unix(), 1), From: max(at.Unix(), 0), Mark: id})
	}
	return c
}

// rewrite writes a file with the given entries and opens it.
func (l *Ledger) rewrite(c content) error {
	text, chain, err := lines(noChain, c.entries)
	if err != nil {
		return err
	}
	data := append(header(len(c.entries), chain, c.seen), text...)
	if err := files.WriteAtomic(l.path, data, 0o600, false); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	if l.file != nil {
		_ = l.file.Close()
	}
	l.file, l.size, l.memoryID = f, int64(len(data)), idOf(info)
	l.chain, l.entries, l.written = chain, len(c.entries), c.seen
	return nil
}

// append writes entries and the time of the observation.
func (l *Ledger) append(at time.Time, added []entry) error {
	text, chain, err := lines(l.chain, added)
	if err != nil {
		return err
	}
	if len(added) > 0 && l.size+int64(len(text)) > max(l.maxBytes, l.floor+l.maxBytes/4) {
		if err := l.shorten(); err != nil {
			return err
		}
		if text, chain, err = lines(l.chain, added); err != nil {
			return err
		}
	}
	return l.write(at, added, text, chain)
}

// lines writes entries that follow the one with the given checksum.
func lines(chain string, added []entry) (text []byte, last string, err error) {
	for _, e := range added {
		var line []byte
		if line, chain, err = e.line(chain); err != nil {
			return nil, "", err
		}
		text = append(text, line...)
	}
	return text, chain, nil
}

// write writes the lines. What was written in part, on a full disk, is removed again.
func (l *Ledger) write(at time.Time, added []entry, text []byte, chain string) error {
	if len(text) > 0 {
		if _, err := l.file.WriteAt(text, l.size); err != nil {
			_ = l.file.Truncate(l.size)
			return err
		}
		l.size += int64(len(text))
		l.chain, l.entries = chain, l.entries+len(added)
	}
	if at.Before(l.seen.Add(-skew)) {
		l.note("the clock was set back: times before that are too late")
	}
	if at.Before(l.seen) {
		for item, c := range l.now {
			if c.since.After(at) {
				c.since, c.exact = at, false
				l.now[item] = c
			}
		}
	}
	for _, e := range added {
		l.apply(e)
		l.begun = l.begun || e.Item != ""
	}
	l.seen = at
	if len(added) > 0 || at.Sub(l.written) >= seenEvery || at.Before(l.written) {
		if _, err := l.file.WriteAt(header(l.entries, l.chain, at), 0); err != nil {
			return err
		}
		l.written = at
	}
	return nil
}

// writeSeen writes the time of the last observation.
func (l *Ledger) writeSeen() {
	if l.file != nil && l.seen.After(l.written) {
		if _, err := l.file.WriteAt(header(l.entries, l.chain, l.seen), 0); err == nil {
			l.written = l.seen
		}
	}
}

// shorten drops the older half of the entries and begins with what held at that point. Gaps are kept.
func (l *Ledger) shorten() error {
	data, _, err := l.read(l.file)
	if err != nil {
		return err
	}
	c := parse(data)
	cut := len(c.entries) / 2
	before := &Ledger{now: map[string]current{}, marks: map[string]time.Time{}}
	var gaps []entry
	for _, e := range c.entries[:cut] {
		before.apply(e)
		before.seen = time.Unix(e.Time, 0).UTC()
		if e.Kind == kindGap {
			gaps = append(gaps, e)
		}
	}
	const maxGaps = 1000
	shorter := before.known()
	shorter.entries = slices.DeleteFunc(shorter.entries, func(e entry) bool { return e.State == Gone })
	shorter.entries = slices.Concat(gaps[max(len(gaps)-maxGaps, 0):], shorter.entries, c.entries[cut:])
	shorter.seen = l.seen
	if err := l.rewrite(shorter); err != nil {
		return err
	}
	l.floor = l.size
	return nil
}

// release gives the file to other processes.
func (l *Ledger) release() {
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
	if l.lock != nil {
		_ = l.lock.Close()
		l.lock = nil
	}
}

// note records what went wrong, once.
func (l *Ledger) note(text string) {
	const most = 10
	if !slices.Contains(l.notes, text) && len(l.notes) < most {
		l.notes = append(l.notes, text)
	}
}
