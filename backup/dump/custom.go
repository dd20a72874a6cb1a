// PostgreSQL's custom format (pg_dump --format=custom), according to src/bin/pg_dump/pg_backup_archiver.c and
// pg_backup_custom.c: a header, a table of contents, then one block per entry with data. The table of contents contains
// block offsets only if pg_dump could seek. The file is complete if each entry's block exists and ends with its end
// mark. Tar and directory dumps have the same table of contents.

package dump

import (
	"io"
	"strconv"
	"time"
)

// Supported versions of the archive format: PostgreSQL 9.0 (1.12) to 18 (1.16).
const (
	oldestArchive = 12
	newestArchive = 16
)

// Limits on the memory used for a table of contents.
const (
	maxEntries  = 1 << 20 // entries with data
	maxName     = 1 << 10 // bytes of a name; PostgreSQL's own limit is 63
	maxTOCCount = 1 << 26
)

// Values of a block's offset flag.
const (
	offsetUnset = 1 // pg_dump could not seek
	offsetSet   = 2
	offsetNone  = 3 // no data
)

// archive reads one dump's header and table of contents.
type archive struct {
	in          *input
	version     int // minor: 1.version
	intSize     int
	offsetSize  int
	format      byte // 1 custom, 3 tar and directory
	compression string
	database    string
	dumped      time.Time   // latest reading of its local time
	count       int         // of all entries
	entries     []entry     // entries with data, in their order
	byID        map[int]int // dump id → index into entries
	scratch     []byte
}

// entry is one entry of the table of contents that has data.
type entry struct {
	id     int
	table  table  // the table of the rows
	blobs  bool   // large objects instead
	copied bool   // COPY text instead of statements
	offset int64  // of its block, -1 when not given
	file   string // file with its data, in a tar or directory dump
	seen   bool
}

// custom verifies a dump in custom format.
func (r *run) custom(in *input) error {
	r.proof.Format = Custom
	a := &archive{in: in}
	if err := a.header(); err != nil {
		return tocCut(err)
	}
	r.proof.Version, r.proof.Database, r.proof.Dumped = "1."+strconv.Itoa(a.version), a.database, a.dumped
	if a.format != 1 {
		return broken(Invalid, "is the table of contents of a tar or directory dump, without its data")
	}
	if err := a.toc(); err != nil {
		return tocCut(err)
	}
	r.announce(a)
	return r.blocks(a)
}

// announce adds the tables of an archive in order.
func (r *run) announce(a *archive) {
	for _, e := range a.entries {
		if !e.blobs {
			r.tables.add(e.table, 0)
		}
	}
}

// tocCut describes an input that ends within the table of contents.
func tocCut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return broken(Truncated, "ends inside its table of contents")
	}
	return err
}

func (a *archive) header() error {
	var fixed [11]byte // magic, version major minor revision, size of ints, size of offsets, format
	if _, err := io.ReadFull(a.in, fixed[:]); err != nil {
		return err
	}
	if string(fixed[:5]) != "PGDMP" {
		return broken(Invalid, "has no header of a PostgreSQL dump")
	}
	a.version, a.intSize, a.offsetSize, a.format = int(fixed[6]), int(fixed[8]), int(fixed[9]), fixed[10]
	if fixed[5] != 1 || a.version < oldestArchive || a.version > newestArchive {
		return broken(Opaque, "has archive version %d.%d, supported are 1.%d to 1.%d: update the exporter", fixed[5],
			fixed[6], oldestArchive, newestArchive)
	}
	if a.intSize != 4 && a.intSize != 8 || a.offsetSize != 4 && a.offsetSize != 8 || a.format != 1 && a.format != 3 {
		return broken(Invalid, "has an invalid header")
	}
	if a.version >= 15 {
		algorithm, err := a.in.ReadByte()
		if err != nil {
			return err
		}
		switch algorithm {
		case 0:
		case 1:
			a.compression = "zlib"
		case 2:
			a.compression = "lz4"
		case 3:
			a.compression = "zstd"
		default:
			return broken(Invalid, "names an unknown compression")
		}
	} else if level, err := a.int(); err != nil {
		return err
	} else if level != 0 {
		a.compression = "zlib"
	}
	var local [7]int // second, minute, hour, day, month, year, daylight saving: local time without its zone
	var err error
	for i := range local {
		if local[i], err = a.int(); err != nil {
			return err
		}
	}
	a.dumped = localTime(local)
	if a.database, _, err = a.text(maxName); err != nil {
		return err
	}
	for range 2 { // versions of the server and of pg_dump
		if _, _, err := a.text(0); err != nil {
			return err
		}
	}
	return nil
}
