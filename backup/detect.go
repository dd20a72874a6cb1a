// What a backup is, by its content alone, and the way through its compression.

package backup

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
)

// maxDepth bounds layers in layers: a tar in gzip with gzip'ed dumps in it is three deep.
const maxDepth = 5

// run is one proof in the making.
type run struct {
	ctx     context.Context
	left    int64 // bytes that may still be unpacked
	content int64 // bytes unpacked
	proof   Proof
	tables  *tally
	idle    []*decoder // hold memory and are used again
	opened  []*decoder // in use to the end
}

func (r *run) close() {
	for _, d := range append(r.idle, r.opened...) {
		d.close()
	}
}

// magics are the first bytes of everything that has some. A source that ends inside them is cut.
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

// sniffed is how much is looked at to tell what something is; a dump's header may stand below lines that a script put in front of it.
const sniffed = 4096

// identify names the format by the first bytes (at most sniffed of them); ended: there are no more. An empty name: nothing known.
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

// judge reads one layer to its end: nil when what it holds is whole, a fault when not.
func (r *run) judge(in *input, depth int) error {
	head, err := in.Peek(sniffed)
	if err != nil && err != io.EOF {
		return err
	}
	if len(head) == 0 {
		if depth == 0 {
			return broken(Empty, "has no content")
		}
		return broken(Empty, "is %s data of nothing: the dump that was to fill it wrote nothing", r.proof.Packed[len(r.proof.Packed)-1])
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
		return notOne("is a copy of Redis's memory, and no dump of a database")
	case "gzip", "bzip2", "zstd", "lz4":
		return r.unpack(in, name, depth)
	case "age", "age-armor", "openpgp", "openpgp-armor", "openssl", "xz":
		return r.sealed(in, name)
	}
	switch {
	case len(bytes.Trim(head, "\x00")) == 0:
		return notOne("holds zero bytes where a backup should begin")
	case isText(head):
		return notOne("is text, without the header of pg_dump or pg_dumpall near its beginning")
	}
	return notOne("is of no format known: neither a PostgreSQL dump nor a compressed, archived or encrypted file")
}

// unpack judges what is inside a compressed layer, then makes sure that the layer ends there as well.
func (r *run) unpack(in *input, name string, depth int) error {
	if depth >= maxDepth {
		return broken(Invalid, "is packed more than %d times over", maxDepth)
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

// isText tells text from anything else by its control bytes.
func isText(head []byte) bool {
	return !slices.ContainsFunc(head, func(c byte) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' })
}
