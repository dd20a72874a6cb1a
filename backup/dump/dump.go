// Package dump verifies one database backup: whether it is complete, and which tables and rows it contains.
//
// A backup is verified by reading it to its end, not by its name, size or first bytes: `pg_restore --list` accepts a
// dump truncated to a hundredth of its size, and `pg_dump | gzip` leaves a valid gzip of half a dump when pg_dump dies.
// Content that the program cannot read (mainly encrypted files) is never verified by reading; a manifest next to it,
// with size and digest, can verify it.
package dump

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// Reason says why a backup is not complete, in the words of a verdict where possible.
type Reason string

// The reasons. Failing to read (an unreadable source, a timeout) is an error instead of a reason.
const (
	Empty     Reason = "empty"     // no bytes, or compressed data without content
	Truncated Reason = "truncated" // incomplete
	Invalid   Reason = "invalid"   // not a backup, or damaged
	Mismatch  Reason = "mismatch"  // size or digest differs from its manifest
	Opaque    Reason = "opaque"    // recognised and not truncated as far as visible, but its content cannot be read
)

// Format is the format of a backup without its compression.
type Format string

// The formats.
const (
	SQL        Format = "sql"        // pg_dump --format=plain
	Cluster    Format = "cluster"    // pg_dumpall
	Custom     Format = "custom"     // pg_dump --format=custom
	Tar        Format = "tar"        // pg_dump --format=tar
	Directory  Format = "directory"  // pg_dump --format=directory, as a tar archive or a directory
	Archive    Format = "archive"    // a tar archive with dumps among its files
	BaseBackup Format = "basebackup" // a tar archive of a server's data directory
	Age        Format = "age"
	OpenPGP    Format = "openpgp"
	OpenSSL    Format = "openssl"
	XZ         Format = "xz"
	Redis      Format = "redis" // a copy of a Redis server's memory: not a database backup
)

// Proof is the result of reading a backup to its end.
type Proof struct {
	Whole  bool   `json:"whole"`
	Reason Reason `json:"reason,omitempty"` // empty when complete
	Detail string `json:"detail,omitempty"` // fault and its position, for display after the file's name; never quotes the file

	Format Format   `json:"format,omitempty"` // empty when unknown
	Packed []string `json:"packed,omitempty"` // the compression layers, outermost first: gzip, bzip2, zstd, lz4

	Bytes   int64  `json:"bytes"`            // read from the source
	Content int64  `json:"content"`          // bytes after decompression, summed over all layers
	SHA256  string `json:"sha256,omitempty"` // of the source, in hex; empty when it was not read to its end

	Encrypted  bool `json:"encrypted,omitempty"`
	ByManifest bool `json:"by_manifest,omitempty"` // verified by a manifest with this size and digest

	Version  string `json:"version,omitempty"`  // of PostgreSQL's archive format, as 1.14
	Database string `json:"database,omitempty"` // the dumped database, if the backup names it
	Engine   string `json:"engine,omitempty"`   // the other database system whose backup this is; it is not read

	// Dumped is the time that the content states: of its start, or of its end. A time without a zone has its latest
	// reading. Zero when the content states none.
	Dumped time.Time `json:"dumped,omitzero"`

	// For a plain dump: the databases that it connects psql to (pg_dump --create, pg_dumpall), and whether it contains
	// psql commands that pg_dump does not write, which run programs on the restoring machine.
	Connects []string `json:"connects,omitempty"`
	Commands bool     `json:"commands,omitempty"`

	Tables  []Table `json:"tables,omitempty"`  // tables with data sections, in the order of the backup
	Partial bool    `json:"partial,omitempty"` // not all tables are listed
	NoData  bool    `json:"no_data,omitempty"` // the backup contains no table rows: an empty database, or only its schema
}

// Aside returns why an undamaged backup is not one of the named database, "" if it may be. An empty name matches every
// database.
func (p Proof) Aside(database string) string {
	switch {
	case p.Format == Redis:
		return "is a copy of Redis's memory"
	case p.Engine != "":
		return "is a backup of " + p.Engine
	case p.Whole && p.Format == Cluster && len(p.Tables) == 0 && !p.Partial:
		return "contains only roles and settings"
	case database == "":
	case p.Database != "" && p.Database != database, len(p.Connects) > 0 && !slices.Contains(p.Connects, database):
		return "is of another database than the deployment's"
	}
	return ""
}

// Table is one table's part of a backup.
type Table struct {
	Database string `json:"database,omitempty"` // set if the backup changes the database (pg_dumpall, pg_dump --create)
	Schema   string `json:"schema"`
	Name     string `json:"name"`
	Rows     int64  `json:"rows"`
}

// Prover verifies backups. The zero value is ready to use. Safe for concurrent use.
type Prover struct {
	// MaxContent limits the decompressed bytes of all layers together; 0 means DefaultMaxContent.
	MaxContent int64
}

// DefaultMaxContent limits the work caused by a compression bomb: 16 TiB, more than any dump in a single file. The
// context limits the time.
const DefaultMaxContent = 16 << 40

// ErrLimit is returned for a backup that exceeds a limit.
var ErrLimit = errors.New("size limit exceeded")

// Prove reads r to its end, or to the first damage, and returns whether it is a complete backup. size is the number of
// bytes in r, -1 if unknown. Memory grows only with the number of tables (a few hundred bytes each, a million at most).
// A cancelled context ends it at once, unless a Read blocks.
//
// An error means that the backup could not be verified: the context's error, r's error, io.ErrUnexpectedEOF for too few
// bytes, or ErrLimit for more than size.
func Prove(ctx context.Context, r io.Reader, size int64) (Proof, error) {
	return Prover{}.Prove(ctx, r, size)
}

// Prove is like the function Prove with the Prover's limits.
func (p Prover) Prove(ctx context.Context, r io.Reader, size int64) (Proof, error) {
	source := &source{ctx: ctx, r: r, hash: sha256.New(), left: math.MaxInt64}
	if size >= 0 {
		source.left = size
	}
	run := p.run(ctx)
	defer run.close()
	in := newInput(source)
	err := run.judge(in, 0)
	var f *fault
	if err == nil || errors.As(err, &f) && f.reason == Opaque {
		// A complete backup was read to its end. The digest is also needed for content that cannot be read.
		if e := in.drain(); e != nil {
			err = e
		}
	}
	proof, err := run.proved(err)
	if err != nil {
		return Proof{}, err
	}
	proof.Bytes = source.n
	if source.ended {
		proof.SHA256 = hex.EncodeToString(source.hash.Sum(nil))
		if size >= 0 && source.n < size {
			return Proof{}, fmt.Errorf("%w: received %d of %d bytes", io.ErrUnexpectedEOF, source.n, size)
		}
	}
	return proof, nil
}

func (p Prover) run(ctx context.Context) *run {
	left := p.MaxContent
	if left <= 0 {
		left = DefaultMaxContent
	}
	return &run{ctx: ctx, left: left, tables: newTally()}
}

// proved returns the proof for a judge's result.
func (r *run) proved(err error) (Proof, error) {
	proof := r.proof
	proof.Content = r.content
	if err == nil {
		proof.Whole = true
		proof.Tables, proof.Partial, proof.NoData = r.tables.result()
		return proof, nil
	}
	var f *fault
	if err = damage("backup", err); !errors.As(err, &f) {
		return Proof{}, err
	}
	proof.Reason, proof.Detail = f.reason, f.detail
	return proof, nil
}
