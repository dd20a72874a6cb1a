// Decompression: one decoder per format, reused for the next stream, because a dump may contain a hundred thousand
// streams.

package dump

import (
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"context"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/thenexusengine/catalyst_exporter/backup/lz4"
)

// zstdWindow is the maximum window of zstd data: that of `zstd --long=27`, which is also the maximum of pg_dump.
const zstdWindow = 128 << 20

// decoder decompresses one format: gzip, bzip2, zstd, lz4, or the bare zlib of PostgreSQL's custom format.
type decoder struct {
	layer
	gzip *gzip.Reader
	zlib io.ReadCloser
	zstd *zstd.Decoder
	lz4  *lz4.Reader
}

// decoder returns an idle decoder or a new one; release returns it.
func (r *run) decoder(name string) *decoder {
	for i, d := range r.idle {
		if d.name == name {
			r.idle = append(r.idle[:i], r.idle[i+1:]...)
			return d
		}
	}
	return &decoder{layer: layer{run: r, name: name}}
}

func (r *run) release(d *decoder) {
	d.r = nil
	r.idle = append(r.idle, d)
}

func (d *decoder) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
}

// open returns the content of the compressed stream that fills the whole input.
func (d *decoder) open(in *input) (io.Reader, error) {
	var err error
	switch d.name {
	case "gzip":
		if d.gzip == nil {
			d.gzip, err = gzip.NewReader(in)
		} else {
			err = d.gzip.Reset(in)
		}
		d.r = d.gzip
	case "zlib":
		if d.zlib == nil {
			d.zlib, err = zlib.NewReader(in)
		} else {
			err = d.zlib.(zlib.Resetter).Reset(in, nil)
		}
		d.r = d.zlib
	case "zstd":
		if d.zstd == nil {
			d.zstd, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		} else {
			err = d.zstd.Reset(in)
		}
		d.r = d.zstd
	case "lz4":
		if d.lz4 == nil {
			d.lz4 = new(lz4.Reader)
		}
		d.lz4.Reset(in)
		d.r = d.lz4
	case "bzip2":
		d.r = bzip2.NewReader(in)
	default:
		panic("dump: no decoder for " + d.name)
	}
	if err != nil {
		return nil, damage(d.name, err)
	}
	return &d.layer, nil
}

// unpacker reads through the layers of a compressed backup.
type unpacker struct {
	io.Reader
	run *run
}

// Unpack opens the layers of a compressed backup, from the outside to the inside. The caller closes the result.
func Unpack(ctx context.Context, r io.Reader, layers []string) (io.ReadCloser, error) {
	u := &unpacker{r, Prover{}.run(ctx)}
	for _, name := range layers {
		d := &decoder{layer: layer{run: u.run, name: name}}
		u.run.opened = append(u.run.opened, d)
		open, err := d.open(newInput(u.Reader))
		if err != nil {
			_ = u.Close()
			return nil, err
		}
		u.Reader = open
	}
	return u, nil
}

// Close releases the memory of the layers.
func (u *unpacker) Close() error {
	u.run.close()
	return nil
}
