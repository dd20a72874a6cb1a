// Files that are recognised but cannot be decoded: encrypted files, and xz, for which there is no decoder with bounded
// memory. Their framing is parsed as far as possible without a key, to distinguish a truncated file from one that only
// a manifest can verify.

package dump

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// sealed judges such a file. It always returns a fault: Opaque if nothing is wrong.
func (r *run) sealed(in *input, name string) error {
	var err error
	r.proof.Encrypted = true
	switch name {
	case "age":
		r.proof.Format = Age
		err = walkAge(in)
	case "age-armor":
		r.proof.Format = Age
		err = armored(in, "-----END AGE ENCRYPTED FILE-----")
	case "openpgp":
		r.proof.Format = OpenPGP
		r.proof.Encrypted, err = walkOpenPGP(in)
	case "openpgp-armor":
		r.proof.Format = OpenPGP
		err = armored(in, "-----END PGP MESSAGE-----")
	case "openssl":
		r.proof.Format = OpenSSL
		err = in.drain()
	case "xz":
		r.proof.Format, r.proof.Encrypted = XZ, false
		err = walkXZ(in)
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return broken(Truncated, "has truncated %s data", r.proof.Format)
	}
	if err != nil {
		return err
	}
	if r.proof.Encrypted {
		return broken(Opaque,
			"is encrypted (%s), so its content cannot be verified: add a file with its SHA-256 next to it", r.proof.Format)
	}
	return broken(Opaque, "is %s data, which is not supported: add a file with its SHA-256 next to it", r.proof.Format)
}

// armored finds the last line of text armour.
func armored(in *input, last string) error {
	var seen bool
	for begin := true; ; {
		line, end, err := in.line()
		if err != nil && err != io.EOF {
			return err
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			seen = begin && string(text) == last
		}
		if err == io.EOF && !seen {
			return broken(Truncated, "ends without the last line of its armour")
		}
		if err == io.EOF {
			return nil
		}
		begin = end
	}
}

// walkAge parses an age file (age-encryption.org/v1): text lines up to one that begins with "---", a nonce of 16 bytes,
// then chunks of 64 KiB with 16 bytes of authentication each. Only the last may be shorter, and it is empty only if the
// whole content is.
func walkAge(in *input) error {
	const nonce, tag, chunk = 16, 16, 64<<10 + 16
	for begin, lines := true, 0; ; lines++ {
		line, end, err := in.line()
		if err != nil {
			return err
		}
		if begin && end && bytes.HasPrefix(line, []byte("--- ")) {
			break
		}
		if lines > 1<<16 {
			return broken(Invalid, "has an unterminated age header")
		}
		begin = end
	}
	header := in.pos()
	if err := in.drain(); err != nil {
		return err
	}
	content := in.pos() - header - nonce
	if content < tag || content > chunk && content%chunk <= tag && content%chunk != 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// walkXZ finds the footer of the last stream: a checksum, the index's size, flags as in the header, "YZ".
func walkXZ(in *input) error {
	var tail [12]byte
	header, err := in.Peek(8)
	if err != nil {
		return err
	}
	flags := [2]byte(header[6:8])
	buffer := make([]byte, 0, bufferSize)
	for {
		n, err := in.Read(buffer[:cap(buffer)])
		keep := append(tail[:], buffer[:n]...)
		copy(tail[:], keep[len(keep)-len(tail):])
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if string(tail[10:]) != "YZ" || [2]byte(tail[8:10]) != flags || in.pos()%4 != 0 ||
		crc32.ChecksumIEEE(tail[4:10]) != binary.LittleEndian.Uint32(tail[:4]) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// The kinds of OpenPGP packets (RFC 9580, section 5) at the start of a file that gpg has encrypted or compressed.
const (
	packetPublicKeySession = 1
	packetSymmetricSession = 3
	packetCompressed       = 8
	packetEncrypted        = 9
	packetMarker           = 10
	packetProtected        = 18
	packetAEAD             = 20
	packetPadding          = 21
)

// isOpenPGP detects the first packet by its kind, length and version: session keys come first.
func isOpenPGP(head []byte) bool {
	if len(head) < 4 || head[0]&0x80 == 0 {
		return false
	}
	r := bufio.NewReader(bytes.NewReader(head))
	kind, length, _, err := packet(r)
	if err != nil {
		return false
	}
	version, _ := r.ReadByte()
	switch kind {
	case packetPublicKeySession:
		return (version == 3 || version == 6) && length > 10 && length < 4096
	case packetSymmetricSession:
		return (version >= 4 && version <= 6) && length > 3 && length < 256
	}
	return false
}

// walkOpenPGP reads the packets to the end of the last one and reports whether one of them is encrypted data.
func walkOpenPGP(in *input) (encrypted bool, err error) {
	for {
		kind, length, partial, err := packet(in.Reader)
		if err == io.EOF && encrypted {
			return encrypted, nil
		}
		if err != nil {
			return true, err
		}
		switch kind {
		case packetEncrypted, packetProtected, packetAEAD:
			encrypted = true
		case packetPublicKeySession, packetSymmetricSession, packetCompressed, packetMarker, packetPadding:
		default:
			return true, broken(Invalid, "has OpenPGP data that is not an encrypted message, before byte %d", in.pos())
		}
		for {
			if length < 0 { // old gpg: up to the end of the file
				return encrypted, in.drain()
			}
			if n, err := io.CopyN(discard{}, in.Reader, length); err != nil {
				if err == io.EOF && n < length {
					err = io.ErrUnexpectedEOF
				}
				return true, err
			}
			if !partial {
				break
			}
			if length, partial, err = newLength(in.Reader); err != nil {
				return true, cutShort(err)
			}
		}
	}
}

// packet reads a packet's header (RFC 9580, section 4.2). Length is -1 for "up to the end"; io.EOF means that there is
// no packet.
func packet(r *bufio.Reader) (kind byte, length int64, partial bool, err error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, 0, false, err
	}
	switch {
	case first&0x80 == 0:
		return 0, 0, false, broken(Invalid, "has damaged OpenPGP data")
	case first&0x40 != 0:
		kind = first & 0x3f
		length, partial, err = newLength(r)
	case first&3 == 3:
		kind, length = first>>2&0xf, -1
	default:
		kind = first >> 2 & 0xf
		length, err = bigEndian(r, 1<<(first&3))
	}
	return kind, length, partial, cutShort(err)
}

func newLength(r *bufio.Reader) (length int64, partial bool, err error) {
	first, err := r.ReadByte()
	switch {
	case err != nil:
		return 0, false, err
	case first < 192:
		return int64(first), false, nil
	case first < 224:
		second, err := r.ReadByte()
		return int64(first-192)<<8 + int64(second) + 192, false, err
	case first == 255:
		length, err = bigEndian(r, 4)
		return length, false, err
	}
	return 1 << (first & 0x1f), true, nil
}

func bigEndian(r *bufio.Reader, size int) (n int64, err error) {
	for range size {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		n = n<<8 | int64(b)
	}
	return n, nil
}

func cutShort(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
