// Detects a backup's format from its content, and reads through its compression.

package dump

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
)

// maxDepth limits nested layers: a tar in gzip that contains gzip'ed dumps has three.
const maxDepth = 5

// run is the state of one proof.
type run struct {
	ctx     context.Context
	left    int64 // remaining limit of decompressed bytes
	content int64 // decompressed bytes
	proof   Proof
	tables  *tally
	idle    []*decoder // kept for reuse with their memory
	opened  []*decoder // in use until the end
}

func (r *run) close() {
	for _, d := range append(r.idle, r.opened...) {
		d.close()
	}
}

// magics are the first bytes of formats that have them. A source that ends within them is truncated.
var magics = [...]struct{ name, bytes string }{
	{"custom", "PGDMP"},
	{"gzip", "\x1f\x8b"},
	{"bzip2", "BZh"},
	{"zstd", "\x28\xb5\x2f\xfd"},
	{"lz4", "\x04\x22\x4d\x18"},
	{"xz", "\xfd7zXZ\x00"},
	{"age", "age-encryption.org/v1\n"},
	{"age-armor", "-----BEGIN AGE ENCRYPTED FILE-----"},
	{"openpgp-armor", "-----BEGIN PGP MESSAGE-----"},
	{"openssl", "Salted__"},
	{"redis", "REDIS00"},
	{"sql", "--\n-- PostgreSQL database dump\n"},
	{"sql", "--\n-- PostgreSQL database cluster dump\n"},
}

// sniffed is the number of bytes used for detection; a dump's header may follow lines that a script added.
const sniffed = 4096

// identify detects the format by the first bytes (at most sniffed of them). ended: there are no more bytes. An empty
// name means unknown.
func identify(head []byte, ended bool) (name string, cut bool) {
	for _, m := range magics {
		if strings.HasPrefix(string(head[:min(len(head), len(m.bytes))]), m.bytes) {
			return m.name, false
		}
	}
	if ended && len(head) > 0 {
		for _, m := range magics {
			if len(head) < len(m.bytes) && m.bytes[:len(head)] == string(head) {
				return m.name, true
			}
		}
	}
	switch {
	case isTar(head):
		return "tar", false
	case hasHeader(head):
		return "sql", false
	case isOpenPGP(head):
		return "openpgp", false
	}
	return "", false
}

// judge reads one layer to its end. It returns nil if the content is complete, else a fault.
func (r *run) judge(in *input, depth int) error {
	head, err := in.Peek(sniffed)
	if err != nil && err != io.EOF {
		return err
	}
	if len(head) == 0 {
		if depth == 0 {
			return broken(Empty, "has no content")
		}
		return broken(Empty, "is %s data without content: the dump command wrote no output",
			r.proof.Packed[len(r.proof.Packed)-1])
	}
	name, cut := identify(head, err == io.EOF)
	if cut {
		return broken(Truncated, "ends after %d bytes, inside the first bytes of its format", len(head))
	}
	switch name {
	case "custom":
		return r.custom(in)
	case "sql":
		return r.sql(in)
	case "tar":
		return r.tar(in, depth)
	case "redis":
		r.proof.Format = Redis
		return notOne("is a copy of Redis's memory, not a database dump")
	case "gzip", "bzip2", "zstd", "lz4":
		return r.unpack(in, name, depth)
	case "age", "age-armor", "openpgp", "openpgp-armor", "openssl", "xz":
		return r.sealed(in, name)
	}
	if engine := engineOf(head); engine != "" {
		r.proof.Engine = engine
		return otherEngine(engine)
	}
	switch {
	case len(bytes.Trim(head, "\x00")) == 0:
		return notOne("starts with zero bytes")
	case isText(head):
		return notOne("is text without the header of pg_dump or pg_dumpall")
	}
	return notOne("has an unknown format: it is not a PostgreSQL dump and not a compressed, archived or encrypted file")
}

// unpack judges the content of a compressed layer, then checks that nothing follows in the layer.
func (r *run) unpack(in *input, name string, depth int) error {
	if depth >= maxDepth {
		return broken(Invalid, "has more than %d layers of compression or archives", maxDepth)
	}
	r.proof.Packed = append(r.proof.Packed, name)
	d := r.decoder(name)
	defer r.release(d)
	open, err := d.open(in)
	if err != nil {
		return err
	}
	inner := newInput(open)
	if err := r.judge(inner, depth+1); err != nil {
		return err
	}
	if err := inner.drain(); err != nil {
		return err
	}
	return in.end(name + " data")
}

// isText detects text by the absence of control bytes.
func isText(head []byte) bool {
	return !slices.ContainsFunc(head, func(c byte) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' })
}
