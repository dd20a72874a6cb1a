// Package backup tells whether a database backup is whole, which of many is to be judged, and what a restored one lacks.
//
// A backup is proven by reading it to its end, never by its name, its size or its first bytes: `pg_restore --list` accepts a dump cut to a
// hundredth of its size, and `pg_dump | gzip` leaves a perfect gzip of half a dump when pg_dump dies. What the program cannot read through
// (encrypted files above all) is never whole by looking; a manifest beside it, with size and digest, can vouch for it.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Reason says why a backup is not whole. The words are those of a verdict where a verdict has one.
type Reason string

// The reasons. What could not be looked at (an unreadable source, an end of patience) is no reason but an error.
const (
	Empty     Reason = "empty"     // no byte at all, or a compressed nothing
	Truncated Reason = "truncated" // ends before its end
	Invalid   Reason = "invalid"   // no backup, or one with damage
	Mismatch  Reason = "mismatch"  // its manifest speaks of another size or digest
	Opaque    Reason = "opaque"    // recognised and not seen to be cut, but its content cannot be read here: could not look
)

// Format is the kind of backup found inside all compression.
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
	Redis      Format = "redis" // a copy of a Redis server's memory: no database's backup
)

// Proof is what reading a backup to its end has shown.
type Proof struct {
	Whole  bool   `json:"whole"`
	Reason Reason `json:"reason,omitempty"` // empty when whole
	Detail string `json:"detail,omitempty"` // for people, to be put behind the name of the file: what is wrong and where; quotes nothing out of it

	Format Format   `json:"format,omitempty"` // empty when not recognised
	Packed []string `json:"packed,omitempty"` // the compression around it, outermost first: gzip, bzip2, zstd, lz4

	Bytes   int64  `json:"bytes"`            // read from the source
	Content int64  `json:"content"`          // bytes after all decompression, every layer counted
	SHA256  string `json:"sha256,omitempty"` // of the source, in hex; empty when reading stopped before its end

	Encrypted  bool `json:"encrypted,omitempty"`
	ByManifest bool `json:"by_manifest,omitempty"` // a manifest beside it names this size and digest

	Version  string `json:"version,omitempty"`  // of PostgreSQL's archive format, as 1.14
	Database string `json:"database,omitempty"` // the one dumped, where the backup says so

	// Of a plain dump: the databases it connects psql to (pg_dump --create, pg_dumpall), and whether it holds commands of psql that pg_dump does
	// not write, which run programs on the machine of whoever restores it.
	Connects []string `json:"connects,omitempty"`
	Commands bool     `json:"commands,omitempty"`

	Tables  []Table `json:"tables,omitempty"`  // those with a place for data, in the order of the backup
	Partial bool    `json:"partial,omitempty"` // more tables than are listed
	NoData  bool    `json:"no_data,omitempty"` // read through, and not one row of a table is in it: an empty database, or its schema alone
}

// Aside tells why a backup, though nothing is wrong with it, is not that of the named database: "" when it may be. An empty name fits every database.
func (p Proof) Aside(database string) string {
	switch {
	case p.Format == Redis:
		return "is a copy of Redis's memory"
	case p.Whole && p.Format == Cluster && len(p.Tables) == 0 && !p.Partial:
		return "holds roles and settings alone"
	case database == "":
	case p.Database != "" && p.Database != database, len(p.Connects) > 0 && !slices.Contains(p.Connects, database):
		return "is of another database than the deployment's"
	}
	return ""
}

// Table is one table's part of a backup.
type Table struct {
	Database string `json:"database,omitempty"` // where the backup changes the database (pg_dumpall, pg_dump --create)
	Schema   string `json:"schema"`
	Name     string `json:"name"`
	Rows     int64  `json:"rows"`
}

// Prover proves backups. The zero value is ready and safe for concurrent use.
type Prover struct {
	// MaxContent bounds the bytes that come out of decompression, all layers together; 0 means DefaultMaxContent.
	MaxContent int64
}

// DefaultMaxContent bounds the work a compressed bomb can ask for: 16 TiB, more than any dump a single file is used for. What bounds the time
// is the context.
const DefaultMaxContent = 16 << 40

// ErrLimit says that a backup is larger than what is judged.
var ErrLimit = errors.New("more than is read")

// Prove reads r to its end, or to the first damage, and says whether it is a whole backup. Size is the number of bytes r is known to hold,
// -1 where it is not known. Memory does not grow with the size but only with the number of tables (a few hundred bytes each, a million at most);
// apart from a Read that blocks, a cancelled context ends it at once.
//
// An error means that the backup was not judged: the context's own, r's, io.ErrUnexpectedEOF or ErrLimit when r holds less or more than size.
func Prove(ctx context.Context, r io.Reader, size int64) (Proof, error) {
	return Prover{}.Prove(ctx, r, size)
}

// Prove is the function Prove with the Prover's limits.
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
		// A judge that is content has read to the end; the digest of what cannot be read through is wanted too.
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
			return Proof{}, fmt.Errorf("%w: %d of %d bytes came", io.ErrUnexpectedEOF, source.n, size)
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

// proved makes a proof of what a judge returned.
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
