// Package secret holds text that must never be shown.
//
// A Text prints as "<secret>" through every formatting, logging and encoding function of the standard library. Only
// Reveal returns the text, so that a search for Reveal finds every use of a secret.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Mask is what a Text prints as.
const Mask = "<secret>"

// Text is a secret text. The zero value is the empty text. Compare with Equal: == compares identities.
type Text struct {
	// A pointer, because fmt calls no method on an unexported field: it would print a string, but prints only the address
	// of a pointer.
	text *string
}

// New wraps text.
func New(text string) Text { return Text{&text} }

// Reveal returns the text, for the system that requires it and for checking it; never for printing.
func (t Text) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// Empty reports whether the text is empty.
func (t Text) Empty() bool { return t.Len() == 0 }

// Len returns the length in bytes.
func (t Text) Len() int { return len(t.Reveal()) }

// Equal compares two texts in time that depends only on their lengths.
func (t Text) Equal(u Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(u.Reveal())) == 1
}

// String implements fmt.Stringer.
func (t Text) String() string {
	if t.Empty() {
		return ""
	}
	return Mask
}

// Format implements fmt.Formatter, so that no verb, including %#v and %x, prints the text.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// MarshalText implements encoding.TextMarshaler for encoding/json, encoding/xml and YAML.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText stores the text unchanged.
func (t *Text) UnmarshalText(text []byte) error {
	*t = New(string(text))
	return nil
}

// Secret marks the type for the configuration decoder: no message may quote the value.
func (Text) Secret() bool { return true }

// LogValue implements slog.LogValuer.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }
