// Package content recognizes what is stored in a file, and decodes its text.
package content

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Contents that git calls binary. Attributes, settings, an encoding or a single NUL make git call a text binary, so the
// bytes decide: text in any encoding is searched, media and encrypted files are counted, and of all that is not text the
// printable parts are searched.

type Kind int

const (
	Text      Kind = iota
	Binary         // its printable parts
	Media          // an image, sound, video or font
	Encrypted      // by git-crypt, age and others
	LFS            // a pointer: the content is elsewhere
)

const (
	// minPrintable is the length of a printable part that is searched: no secret is shorter.
	minPrintable = 8
	LFSPointer   = "version https://git-lfs.github.com/spec/"
	GitCrypt     = "\x00GITCRYPT\x00"
)

// Of returns the searchable text of a content. Lines keep their numbers.
func Of(content []byte) (string, Kind) {
	encrypted := IsEncrypted(content)
	text := decodeUnicode(content)
	if foreign := foreignBytes(text); foreign*10 <= len(text)*3 { // even behind the first bytes of an image
		switch {
		case encrypted && isArmored(content):
			return string(content), Encrypted
		case bytes.HasPrefix(content, []byte(LFSPointer)):
			return string(content), LFS
		}
		return WithoutNUL(string(text)), Text
	}
	switch {
	case encrypted:
		return printableParts(content), Encrypted
	case IsMedia(content):
		return printableParts(content), Media
	}
	return printableParts(content), Binary
}

// IsRaw reports whether the text of a content is what chance makes of its bytes.
func (k Kind) IsRaw() bool { return k == Binary || k == Media || k == Encrypted }

// isArmored reports whether a text is encoded as a whole, as encrypted files are: no line is readable.
func isArmored(text []byte) bool {
	first := true
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\r\n")
		header := first || bytes.HasPrefix(line, []byte("-----"))
		if first = false; !header && bytes.ContainsFunc(line, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '/' || r == '=')
		}) {
			return false
		}
	}
	return true
}

// IsEncrypted reports whether a content is encrypted as a whole.
func IsEncrypted(content []byte) bool {
	for _, magic := range []string{GitCrypt, "age-encryption.org/v1\n", "-----BEGIN AGE ENCRYPTED FILE-----", "Salted__", "$ANSIBLE_VAULT;",
		"-----BEGIN PGP MESSAGE-----"} {
		if bytes.HasPrefix(content, []byte(magic)) {
			return true
		}
	}
	return false
}

// SopsMark is in each encrypted value of a file of sops, whose keys are readable.
const SopsMark = "ENC[AES256_GCM,"

// IsMedia recognizes formats by their first bytes.
func IsMedia(content []byte) bool {
	at := func(offset int, magic ...string) bool {
		return len(content) > offset && slices.ContainsFunc(magic, func(m string) bool { return bytes.HasPrefix(content[offset:], []byte(m)) })
	}
	return at(0, "\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "GIF87a", "GIF89a", "II*\x00", "MM\x00*", "\x00\x00\x01\x00", "OggS", "fLaC", "ID3", "\x1aE\xdf\xa3",
		"wOFF", "wOF2", "OTTO", "\x00\x01\x00\x00\x00") || at(4, "ftyp") || at(0, "RIFF") && at(8, "WEBP", "WAVE", "AVI ") ||
		at(0, "BM") && len(content) >= 6 && int(binary.LittleEndian.Uint32(content[2:])) == len(content)
}

// decodeUnicode returns UTF-8 for UTF-16 and UTF-32 text, with or without a byte order mark, and other contents as they
// are.
func decodeUnicode(content []byte) []byte {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(content, []byte("\x00\x00\xfe\xff")):
		return decodeUTF32(content)
	case bytes.HasPrefix(content, []byte("\xff\xfe")):
		return decodeUTF16(content[2:], binary.LittleEndian)
	case bytes.HasPrefix(content, []byte("\xfe\xff")):
		return decodeUTF16(content[2:], binary.BigEndian)
	}
	var nul [2]int
	for i, c := range content {
		if c == 0 {
			nul[i&1]++
		}
	}
	switch half := len(content) / 2; {
	case half < 2:
	case nul[1]*2 > half && nul[0]*10 < half:
		return decodeUTF16(content, binary.LittleEndian)
	case nul[0]*2 > half && nul[1]*10 < half:
		return decodeUTF16(content, binary.BigEndian)
	}
	return content
}

func decodeUTF16(content []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = order.Uint16(content[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

func decodeUTF32(content []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	if content[0] == 0 {
		order = binary.BigEndian
	}
	var text []byte
	for ; len(content) >= 4; content = content[4:] {
		text = utf8.AppendRune(text, rune(order.Uint32(content))) //nolint:gosec // an invalid rune becomes U+FFFD
	}
	return text
}

// foreignBytes counts the bytes that do not occur in text.
func foreignBytes(text []byte) int {
	foreign := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 || r < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1b", r) || r == 0x7f {
			foreign++
		}
		text = text[size:]
	}
	return foreign
}

// WithoutNUL removes NULs between single characters (UTF-16 within other text) and blanks others, which separate.
func WithoutNUL(text string) string {
	n := strings.Count(text, "\x00")
	switch {
	case n == 0:
		return text
	case n*3 > len(text):
		return strings.ReplaceAll(text, "\x00", "")
	}
	return strings.ReplaceAll(text, "\x00", " ")
}

// printableParts returns the printable parts of a binary content, with its line breaks.
func printableParts(content []byte) string {
	var parts strings.Builder
	begin := 0
	for i := 0; i <= len(content); i++ {
		if i < len(content) && (content[i] >= ' ' && content[i] <= '~' || content[i] == '\t') {
			continue
		}
		if i-begin >= minPrintable {
			parts.Write(content[begin:i])
			parts.WriteByte(' ')
		}
		if i < len(content) && content[i] == '\n' {
			parts.WriteByte('\n')
		}
		begin = i + 1
	}
	return parts.String()
}

// NewLines blanks the lines of text that before also has. Line numbers do not change.
func NewLines(text, before string) string {
	had := map[string]bool{}
	for line := range strings.Lines(before) {
		had[strings.TrimRight(line, "\r\n")] = true
	}
	var fresh strings.Builder
	for line := range strings.Lines(text) {
		if bare := strings.TrimRight(line, "\r\n"); !had[bare] {
			fresh.WriteString(bare)
		}
		fresh.WriteByte('\n')
	}
	return fresh.String()
}
