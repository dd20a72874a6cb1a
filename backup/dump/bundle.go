// A dump in several files, as in pg_dump's tar and directory formats: the table of contents (toc.dat), one file per
// entry with data, one per large object, and a list of these. They may come in any order, so each is read as it comes,
// and all are compared with the table of contents at the end.

package dump

import (
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Limits on the memory used for a bundle.
const (
	maxParts = 1 << 20 // files of dumps
	maxBlobs = 1 << 23 // large objects
	maxShown = 80      // bytes of a file's name
)

// bundle is the state of reading the files of one archive or directory.
type bundle struct {
	run    *run
	depth  int
	groups map[string]*group // by directory
	order  []string          // directories in order
	parts  int
	blobs  int
	dumps  int      // complete dumps that are single files of the archive
	broken error    // the first fault in a file
	opaque error    // the first file whose content cannot be read
	engine string   // of a file that is a backup of another database system
	base   baseFile // files of a data directory
}

// group holds one dump's files, which are in one directory.
type group struct {
	toc     *archive
	restore bool                // restore.sql exists: only in pg_dump's tar format
	parts   map[string]rowCount // files with data, by their names in the table of contents
	blobs   map[uint32]bool     // numbers of large objects: true if the file was read, false if only listed
}

// baseFile is a set of files that exist only in a data directory.
type baseFile uint8

const (
	baseLabel baseFile = 1 << iota
	baseVersion
	baseControl
	baseAll = baseLabel | baseVersion | baseControl
)

func newBundle(r *run, depth int) *bundle {
	return &bundle{run: r, depth: depth, groups: make(map[string]*group)}
}

// The file names of pg_dump (pg_backup_directory.c, pg_backup_tar.c), with the extension of the compression.
var (
	dataName = lazyregexp.New(`^(\d+\.dat)(\.gz|\.lz4|\.zst)?$`)
	blobName = lazyregexp.New(`^blob_(\d+)\.dat(\.gz|\.lz4|\.zst)?$`)
	listName = lazyregexp.New(`^blobs(_\d+)?\.toc$`)
	dumpName = lazyregexp.New(`(?i)\.(sql|dump|pgdump|pg_dump|custom|backup)(\.(gz|bz2|zst|lz4))?$`)
)

// file reads one file. It returns only errors that end the whole reading; faults of the file are kept for the verdict.
func (b *bundle) file(name string, in *input) error {
	err := b.read(name, in)
	var f *fault
	if !errors.As(err, &f) {
		return err
	}
	kept := &b.broken
	if f.reason == Opaque {
		kept = &b.opaque
	}
	if base := path.Base(name); *kept == nil {
		*kept = broken(f.reason, "contains the file %q, which %s", base[:min(len(base), maxShown)], f.detail)
	}
	return nil
}

func (b *bundle) read(name string, in *input) error {
	dir, base := path.Split(name)
	switch name {
	case "backup_label":
		b.base |= baseLabel
	case "PG_VERSION":
		b.base |= baseVersion
	case "global/pg_control":
		b.base |= baseControl
	}
	head, err := in.Peek(5)
	if err != nil && err != io.EOF {
		return err
	}
	data, blob := dataName.FindStringSubmatch(base), blobName.FindStringSubmatch(base)
	switch {
	case base == "toc.dat" && string(head) == "PGDMP":
		return b.contents(b.group(dir), in)
	case base == "restore.sql":
		b.group(dir).restore = true
		return nil
	case data != nil:
		return b.data(b.group(dir), data[1], data[2], in)
	case blob != nil:
		return b.blob(b.group(dir), blob[1], blob[2], in)
	case listName.MatchString(base):
		return b.list(b.group(dir), base, in)
	}
	return b.dump(base, in)
}

func (b *bundle) group(dir string) *group {
	g := b.groups[dir]
	if g == nil {
		g = &group{parts: make(map[string]rowCount), blobs: make(map[uint32]bool)}
		b.groups[dir] = g
		b.order = append(b.order, dir)
	}
	return g
}

// contents reads a table of contents to the end of the file.
func (b *bundle) contents(g *group, in *input) error {
	if g.toc != nil {
		return broken(Invalid, "is a second table of contents")
	}
	g.toc = &archive{in: in}
	err := g.toc.header()
	if err == nil && g.toc.format == 1 {
		err = broken(Invalid, "is a dump in custom format with the name of a table of contents")
	}
	if err == nil {
		err = g.toc.toc()
	}
	if err == nil {
		err = in.end("table of contents")
	}
	g.toc.in = nil
	return tocCut(err)
}

// data reads an entry's file. The kind of entry is known only from the table of contents.
func (b *bundle) data(g *group, name, extension string, in *input) error {
	if b.parts++; b.parts > maxParts {
		return &unread{ErrLimit}
	}
	if _, twice := g.parts[name]; twice {
		return broken(Invalid, "exists twice")
	}
	var count rowCount
	err := b.through(in, extension, func(in *input) (err error) {
		count, err = countRows(in)
		return err
	})
	if err != nil {
		return err
	}
	g.parts[name] = count
	return nil
}

// blob reads the file of one large object.
func (b *bundle) blob(g *group, number, extension string, in *input) error {
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return broken(Invalid, "is a large object with an invalid number")
	}
	if err := b.note(g, uint32(n), true); err != nil {
		return err
	}
	return b.through(in, extension, (*input).drain)
}

// list reads a list of large objects: a number and a file name per line.
func (b *bundle) list(g *group, base string, in *input) error {
	for {
		line, end, err := in.line()
		if err != nil && err != io.EOF {
			return err
		}
		if len(line) > 0 {
			number, _, ok := strings.Cut(string(line), " blob_")
			n, bad := strconv.ParseUint(number, 10, 32)
			if !ok || !end || bad != nil {
				return broken(Invalid, "is a damaged list of large objects")
			}
			if err := b.note(g, uint32(n), false); err != nil {
				return err
			}
		}
		if err == io.EOF {
			g.parts[base] = rowCount{}
			return nil
		}
	}
}

func (b *bundle) note(g *group, number uint32, seen bool) error {
	if _, known := g.blobs[number]; !known {
		if b.blobs++; b.blobs > maxBlobs {
			return &unread{ErrLimit}
		}
	}
	g.blobs[number] = g.blobs[number] || seen
	return nil
}

// through reads a file with the compression of its extension. A file of zero bytes is valid empty content: an empty
// large object is stored like that.
func (b *bundle) through(in *input, extension string, read func(*input) error) error {
	name := map[string]string{".gz": "gzip", ".lz4": "lz4", ".zst": "zstd"}[extension]
	if _, err := in.Peek(1); name == "" || err == io.EOF {
		return read(in)
	}
	d := b.run.decoder(name)
	defer b.run.release(d)
	open, err := d.open(in)
	if err != nil {
		return err
	}
	inner := newInput(open)
	if err := read(inner); err != nil {
		return err
	}
	if err := inner.drain(); err != nil {
		return err
	}
	return in.end(name + " data")
}

// dump reads a file that may be a dump of its own. Other files are ignored, unless the name says that it is a dump and
// it is empty.
func (b *bundle) dump(base string, in *input) error {
	head, err := in.Peek(sniffed)
	if err != nil && err != io.EOF {
		return err
	}
	if len(head) == 0 {
		if dumpName.MatchString(base) {
			return broken(Empty, "has no content")
		}
		return nil
	}
	if name, cut := identify(head, err == io.EOF); name == "" || cut && !dumpName.MatchString(base) {
		if name == "" && b.engine == "" {
			b.engine = engineOf(head)
		}
		return nil
	}
	outer := b.run.proof
	b.run.proof = Proof{}
	err = b.run.judge(in, b.depth+1)
	outer.Dumped = later(outer.Dumped, b.run.proof.Dumped)
	if b.engine == "" {
		b.engine = b.run.proof.Engine
	}
	b.run.proof = outer
	var f *fault
	if errors.As(err, &f) && f.other && !dumpName.MatchString(base) {
		return nil
	}
	if err == nil {
		b.dumps++
	}
	return err
}
