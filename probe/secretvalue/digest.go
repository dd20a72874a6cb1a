package secretvalue

import (
	"crypto/md5"  //nolint:gosec // recognises digests, protects nothing
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"iter"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue/strength"
)

// firstTried are words that attackers try besides the common passwords.
var firstTried = []string{"", "changeme", "admin", "root", "test", "secret", "postgres", "redis", "catalyst", "password"}

// wordEnds are what people append to a word. An echo without -n appends the newline.
var wordEnds = []string{"", "\n", "1", "123", "!"}

// isDigestOfWord reports whether a value is the digest of a common password or name, in hexadecimal or base64, capitalised
// or with a number at its end: attackers have tables of them.
func isDigestOfWord(value string, names []string) bool {
	want := digestBytes(Period(value))
	isDigest := digestOf(want)
	if isDigest == nil {
		return false
	}
	var text []byte
	for _, words := range []iter.Seq[string]{slices.Values(firstTried), slices.Values(names), strength.Passwords()} {
		for word := range words {
			for _, end := range wordEnds {
				text = append(append(text[:0], word...), end...)
				if isDigest(text) {
					return true
				}
				if word != "" && text[0] >= 'a' && text[0] <= 'z' {
					text[0] -= 'a' - 'A'
					if isDigest(text) {
						return true
					}
				}
			}
		}
	}
	return false
}

// digestBytes returns the bytes that a value encodes in hexadecimal, otherwise in base64.
func digestBytes(value string) []byte {
	if b, err := hex.DecodeString(value); err == nil {
		return b
	}
	for _, encoding := range base64Encodings() {
		if b, err := encoding.DecodeString(value); err == nil {
			return b
		}
	}
	return nil
}

// digestOf returns whether a text has the digest, which is of the algorithm with that many bytes; nil for none. It is
// called for every common password: it allocates nothing.
func digestOf(want []byte) func(text []byte) bool {
	switch len(want) {
	case md5.Size:
		return func(text []byte) bool { return md5.Sum(text) == [md5.Size]byte(want) } //nolint:gosec // as above
	case sha1.Size:
		return func(text []byte) bool { return sha1.Sum(text) == [sha1.Size]byte(want) } //nolint:gosec // as above
	case sha256.Size224:
		return func(text []byte) bool { return sha256.Sum224(text) == [sha256.Size224]byte(want) }
	case sha256.Size:
		return func(text []byte) bool { return sha256.Sum256(text) == [sha256.Size]byte(want) }
	case sha512.Size384:
		return func(text []byte) bool { return sha512.Sum384(text) == [sha512.Size384]byte(want) }
	case sha512.Size:
		return func(text []byte) bool { return sha512.Sum512(text) == [sha512.Size]byte(want) }
	}
	return nil
}
