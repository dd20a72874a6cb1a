// Package secret holds text that must never be shown.
//
// A Text prints as "<secret>" through every formatting, logging and encoding path of the standard library; the only way to the text is Reveal,
// so that a search for Reveal finds every place where a secret is used.
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
	// A pointer, since fmt calls no method on an unexported field and would print a string held here; of a pointer it prints the address.
	text *string
}

// New wraps text.
func New(text string) Text { return Text{&text} }

// Reveal returns the text, for handing to the system that asks for it and for judging it; never for printing.
func (t Text) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// Empty reports whether there is no text at all.
func (t Text) Empty() bool { return t.Len() == 0 }

// Len is the length in bytes.
func (t Text) Len() int { return len(t.Reveal()) }

// Equal compares two texts in time that depends on their lengths alone.
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

// Format implements fmt.Formatter, so that no verb, %#v and %x included, reaches the text.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// MarshalText serves encoding/json, encoding/xml and YAML.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText takes the text as it is written.
func (t *Text) UnmarshalText(text []byte) error {
	*t = New(string(text))
	return nil
}

// Secret tells the reader of configurations that no message may quote the value.
func (Text) Secret() bool { return true }

// LogValue implements slog.LogValuer.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }
