// Package lz4 reads LZ4 frames, according to the LZ4 Frame Format Description 1.6 and the Block Format Description, as
// `lz4` and pg_dump --compress=lz4 write them. A frame has an end mark, so truncation is detected. Checksums are
// verified if present.
package lz4

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
)

const (
	frameMagic     = 0x184D2204
	skippableMagic = 0x184D2A50 // and the following 15 values
	maxDistance    = 64 << 10   // maximum distance of a match
	storedFlag     = 1 << 31    // flag in a block's size: not compressed
)

var errDamaged = errors.New("damaged LZ4 data")

// Reader reads consecutive frames to the end of its input. It must be reset before the first read.
type Reader struct {
	in       io.Reader
	inFrame  bool
	linked   bool // blocks refer to earlier ones
	checked  bool // each block has a checksum
	summed   bool // the content has a checksum
	maxBlock int
	size     uint64 // of the content, 0 when not given
	n        uint64 // of the content so far
	sum      xxh32

	packed []byte
	buffer []byte // the window's bytes, then those of the current block
	unread []byte // of the current block
}

// Reset starts with another input, keeping the memory.
func (z *Reader) Reset(in io.Reader) {
	z.in, z.inFrame, z.buffer, z.unread = in, false, z.buffer[:0], nil
}

func (z *Reader) Read(p []byte) (int, error) {
	for len(z.unread) == 0 {
		var err error
		if z.inFrame {
			err = z.block()
		} else {
			err = z.frame()
		}
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, z.unread)
	z.unread = z.unread[n:]
	return n, nil
}

// frame reads a frame's header; io.EOF when there is no further frame.
func (z *Reader) frame() error {
	var raw [15]byte
	if _, err := io.ReadFull(z.in, raw[:4]); err != nil {
		return err
	}
	magic := binary.LittleEndian.Uint32(raw[:])
	if magic&^0xf == skippableMagic {
		size, err := z.number()
		if err == nil {
			_, err = io.CopyN(io.Discard, z.in, int64(size))
		}
		return truncated(err)
	}
	if magic != frameMagic {
		return errDamaged
	}
	header := raw[:2]
	if _, err := io.ReadFull(z.in, header); err != nil {
		return truncated(err)
	}
	flags, sizes := header[0], header[1]
	// Version 1, no reserved bits, no dictionary (which would be stored elsewhere), a valid block size.
	if flags&0xc3 != 0x40 || sizes&0x8f != 0 || sizes < 0x40 {
		return errDamaged
	}
	z.linked, z.checked, z.summed = flags&0x20 == 0, flags&0x10 != 0, flags&0x04 != 0
	z.maxBlock = 1 << (8 + 2*(sizes>>4))
	z.size, z.n = 0, 0
	if flags&0x08 != 0 {
		header = raw[:10]
		if _, err := io.ReadFull(z.in, header[2:]); err != nil {
			return truncated(err)
		}
		z.size = binary.LittleEndian.Uint64(header[2:])
	}
	check := raw[len(header) : len(header)+1]
	if _, err := io.ReadFull(z.in, check); err != nil {
		return truncated(err)
	}
	if byte(xxh32Of(header)>>8) != check[0] {
		return errDamaged
	}
	z.sum = newXXH32()
	z.inFrame, z.buffer = true, z.buffer[:0]
	return nil
}

// block reads the next block into unread, or the frame's end.
func (z *Reader) block() error {
	size, err := z.number()
	if err != nil {
		return truncated(err)
	}
	if size == 0 {
		z.inFrame = false
		if z.summed {
			sum, err := z.number()
			if err != nil {
				return truncated(err)
			}
			if sum != z.sum.value() {
				return errDamaged
			}
		}
		if z.size != 0 && z.size != z.n {
			return errDamaged
		}
		return nil
	}
	stored := size&storedFlag != 0
	if size &^= storedFlag; int(size) > z.maxBlock {
		return errDamaged
	}
	if cap(z.packed) < z.maxBlock {
		z.packed = make([]byte, z.maxBlock)
		z.buffer = append(make([]byte, 0, maxDistance+z.maxBlock), z.buffer...)
	}
	packed := z.packed[:size]
	if _, err := io.ReadFull(z.in, packed); err != nil {
		return truncated(err)
	}
	if z.checked {
		sum, err := z.number()
		if err != nil {
			return truncated(err)
		}
		if sum != xxh32Of(packed) {
			return errDamaged
		}
	}
	window := min(len(z.buffer), maxDistance)
	if !z.linked {
		window = 0
	}
	copy(z.buffer, z.buffer[len(z.buffer)-window:])
	z.buffer = z.buffer[:window]
	if stored {
		z.buffer = append(z.buffer, packed...)
	} else if z.buffer, err = decodeBlock(z.buffer, packed, window+z.maxBlock); err != nil {
		return err
	}
	z.unread = z.buffer[window:]
	z.n += uint64(len(z.unread))
	if z.summed {
		z.sum.write(z.unread)
	}
	return nil
}

func (z *Reader) number() (uint32, error) {
	var raw [4]byte
	_, err := io.ReadFull(z.in, raw[:])
	return binary.LittleEndian.Uint32(raw[:]), err
}

// decodeBlock appends the decompressed block, up to limit bytes including the content of out.
func decodeBlock(out, in []byte, limit int) ([]byte, error) {
	length := func(n int) (int, bool) { // 15 means that more bytes follow, up to one that is not 255
		if n < 15 {
			return n, true
		}
		for i, c := range in {
			if n += int(c); c != 255 {
				in = in[i+1:]
				return n, true
			}
		}
		return 0, false
	}
	for len(in) > 0 {
		token := in[0]
		in = in[1:]
		literals, ok := length(int(token >> 4))
		if !ok || literals > len(in) || len(out)+literals > limit {
			return nil, errDamaged
		}
		out = append(out, in[:literals]...)
		if in = in[literals:]; len(in) == 0 {
			return out, nil // the last sequence has literals only
		}
		if len(in) < 2 {
			return nil, errDamaged
		}
		offset := int(binary.LittleEndian.Uint16(in))
		in = in[2:]
		match, ok := length(int(token & 15))
		match += 4
		if !ok || offset == 0 || offset > len(out) || len(out)+match > limit {
			return nil, errDamaged
		}
		for match > 0 { // a match may overlap itself and then repeats
			n := min(match, offset)
			start := len(out) - offset
			out = append(out, out[start:start+n]...)
			match -= n
			offset += n
		}
	}
	return nil, errDamaged // ends after a match, or is empty
}

// xxh32 is the checksum of LZ4 frames: xxHash, 32 bits, seed 0 (xxHash fast digest algorithm 0.1.1).
type xxh32 struct {
	lanes [4]uint32
	rest  [16]byte
	held  int // bytes in rest
	total uint64
}

const (
	xxhPrime1 uint32 = 2654435761
	xxhPrime2 uint32 = 2246822519
	xxhPrime3 uint32 = 3266489917
	xxhPrime4 uint32 = 668265263
	xxhPrime5 uint32 = 374761393
)

func newXXH32() xxh32 {
	first := xxhPrime1 // a variable: the sums wrap
	return xxh32{lanes: [4]uint32{first + xxhPrime2, xxhPrime2, 0, -first}}
}

func xxh32Of(p []byte) uint32 {
	x := newXXH32()
	x.write(p)
	return x.value()
}

func (x *xxh32) write(p []byte) {
	x.total += uint64(len(p))
	if x.held > 0 {
		n := copy(x.rest[x.held:], p)
		if x.held += n; x.held < len(x.rest) {
			return
		}
		p, x.held = p[n:], 0
		x.stripe(x.rest[:])
	}
	for ; len(p) >= 16; p = p[16:] {
		x.stripe(p)
	}
	x.held = copy(x.rest[:], p)
}

func (x *xxh32) stripe(p []byte) {
	for i := range x.lanes {
		x.lanes[i] = bits.RotateLeft32(x.lanes[i]+binary.LittleEndian.Uint32(p[4*i:])*xxhPrime2, 13) * xxhPrime1
	}
}

func (x *xxh32) value() uint32 {
	h := xxhPrime5
	if x.total >= 16 {
		h = bits.RotateLeft32(x.lanes[0], 1) + bits.RotateLeft32(x.lanes[1], 7) + bits.RotateLeft32(x.lanes[2], 12) + bits.RotateLeft32(x.lanes[3], 18)
	}
	h += uint32(x.total)
	p := x.rest[:x.held]
	for ; len(p) >= 4; p = p[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(p)*xxhPrime3, 17) * xxhPrime4
	}
	for _, c := range p {
		h = bits.RotateLeft32(h+uint32(c)*xxhPrime5, 11) * xxhPrime1
	}
	h = (h ^ h>>15) * xxhPrime2
	h = (h ^ h>>13) * xxhPrime3
	return h ^ h>>16
}

// truncated converts the end of the input within a frame.
func truncated(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
