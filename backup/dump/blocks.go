// The data blocks of the custom format: a kind, the entry's id, then chunks with their length, up to one of length
// zero. A block of large objects contains several, each after its number, up to number zero.

package dump

import (
	"errors"
	"io"
)

const (
	blockData  = 1
	blockBlobs = 3
)

// blocks reads every data block to its end mark and compares them with the table of contents.
func (r *run) blocks(a *archive) error {
	w := &walker{run: r, archive: a, chunks: &chunks{archive: a}}
	w.chunked = newInput(w.chunks)
	if a.compression != "" {
		w.decoder = r.decoder(a.compression)
		defer r.release(w.decoder)
	}
	for seen := 0; ; seen++ {
		at := a.in.pos()
		kind, err := a.in.ReadByte()
		if err == io.EOF {
			if seen < len(a.entries) {
				return broken(Truncated, "ends after %d of %d data blocks", seen, len(a.entries))
			}
			return nil
		}
		if err == nil && kind == 0 && seen == len(a.entries) {
			return again(a)
		}
		if err == nil {
			err = w.block(kind, at)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return broken(Truncated, "ends inside data block %d of %d, after %d bytes", seen+1, len(a.entries), a.in.pos())
		}
		if err != nil {
			return err
		}
	}
}

// again reads a second table of contents after the last block. It is not damage: if standard output is a file, pg_dump
// 17 opens it for appending, so the final table of contents with the offsets does not replace the first one.
func again(a *archive) error {
	if err := a.in.UnreadByte(); err != nil {
		return err
	}
	second := *a
	second.entries = nil
	if err := second.toc(); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return broken(Truncated, "ends inside its second table of contents")
		}
		return err
	}
	same := second.count == a.count && len(second.entries) == len(a.entries)
	for i := 0; same && i < len(a.entries); i++ {
		same = second.entries[i].id == a.entries[i].id
	}
	if !same {
		return broken(Invalid, "has a second table of contents that differs from the first")
	}
	return a.in.end("dump")
}

// walker reads the blocks of one archive.
type walker struct {
	run     *run
	archive *archive
	chunks  *chunks
	chunked *input   // reads the chunks
	decoder *decoder // nil if not compressed
	plain   *input   // reads the decoder's output
}

func (w *walker) block(kind byte, at int64) error {
	id, err := w.archive.int()
	if err != nil {
		return err
	}
	i, known := w.archive.byID[id]
	if kind != blockData && kind != blockBlobs || !known {
		return broken(Invalid, "has unexpected data instead of a data block at byte %d", at)
	}
	e := &w.archive.entries[i]
	switch {
	case e.seen:
		return broken(Invalid, "has duplicate data of an entry at byte %d", at)
	case e.offset >= 0 && e.offset != at:
		return broken(Invalid, "has a data block at byte %d whose position differs from the table of contents", at)
	case (kind == blockBlobs) != e.blobs:
		return broken(Invalid, "has a data block at byte %d whose kind differs from the table of contents", at)
	}
	e.seen = true
	if kind == blockData {
		return w.stream(e, at)
	}
	for {
		number, err := w.archive.int()
		if err != nil {
			return err
		}
		if number == 0 {
			return nil
		}
		if err := w.stream(nil, at); err != nil {
			return err
		}
	}
}

// stream reads the chunks of one entry, or of one large object, to their end mark, and counts a table's rows.
func (w *walker) stream(e *entry, at int64) error {
	w.chunks.reset()
	w.chunked.reset(w.chunks)
	err := w.content(e)
	if err == nil {
		err = w.chunked.end("compressed data of a block")
	}
	var f *fault
	if w.chunks.cut != nil && (errors.As(err, &f) || err == nil) {
		return w.chunks.cut // the cause of the decoder's error
	}
	if errors.As(err, &f) && f.reason == Truncated {
		// The chunks are complete, so the file is not truncated here.
		return broken(Invalid, "has a data block at byte %d whose content ends early", at)
	}
	return err
}

func (w *walker) content(e *entry) error {
	in := w.chunked
	if w.decoder != nil {
		// Newer versions write no chunk for an empty large object.
		if _, err := in.Peek(1); err != nil {
			return ignoreEOF(err)
		}
		open, err := w.decoder.open(in)
		if err != nil {
			return err
		}
		if w.plain == nil {
			w.plain = newInput(open)
		}
		w.plain.reset(open)
		in = w.plain
	}
	if e == nil {
		return in.drain()
	}
	count, err := countRows(in)
	if err != nil {
		return err
	}
	rows, err := count.rows(e.copied)
	w.run.tables.add(e.table, rows)
	return err
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// chunks reads the content of one stream: io.EOF at its end mark. cut holds the error of the source.
type chunks struct {
	archive *archive
	left    int
	ended   bool
	cut     error
}

func (c *chunks) reset() { c.left, c.ended, c.cut = 0, false, nil }

func (c *chunks) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.ended {
			return 0, io.EOF
		}
		n, err := c.archive.int()
		if err == nil && n < 0 {
			err = broken(Invalid, "has an invalid length at byte %d", c.archive.in.pos())
		}
		if err != nil {
			return 0, c.fail(err)
		}
		c.left, c.ended = n, n == 0
	}
	n, err := c.archive.in.Read(p[:min(len(p), c.left)])
	c.left -= n
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

// fail keeps the error, because the decoder may return a different one.
func (c *chunks) fail(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	c.cut = err
	return err
}
