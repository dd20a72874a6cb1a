package attest

import (
	"errors"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest/plain"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Validates single values of the files.

// Deadline is the time at which something expires. A date alone is a whole day, UTC: 2026-12-31 is valid until
// 2027-01-01T00:00:00Z.
type Deadline struct{ time.Time }

// UnmarshalText parses a date or an RFC 3339 time.
func (d *Deadline) UnmarshalText(text []byte) error {
	t, err := schema.ParseTime(string(text))
	if err != nil {
		return err
	}
	if len(text) == len(time.DateOnly) {
		t = t.AddDate(0, 0, 1)
	}
	d.Time = t.UTC()
	return nil
}

// JSONSchema describes both forms for editors.
func (Deadline) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^\d{4}-\d{2}-\d{2}([Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[-+]\d{2}:\d{2}))?$`}
}

var (
	wordForm   = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	itemForm   = lazyregexp.New(`^([a-z][a-z0-9_]{0,63}/)?[a-z][a-z0-9_]{0,63}$`)
	commitForm = lazyregexp.New(`^[0-9a-fA-F]{7,64}$`)
)

// findings collects the faults in the fields of one file.
type findings struct{ errs []error }

func (w *findings) require(field string, ok bool, message string) {
	if !ok {
		w.errs = append(w.errs, schema.FieldError{Field: field, Err: errors.New(message)})
	}
}

// text requires one line that can be displayed.
func (w *findings) text(field, s string) {
	w.require(field, len(s) <= maxText && plain.Printable(s, false), "must be one line of at most 1 KiB without control characters")
}

// word requires a role or reason; "" means none.
func (w *findings) word(field, s string) {
	w.require(field, s == "" || wordForm.MatchString(s), "must be one word of letters, digits, '_' and '-'")
}

// item requires category/item, or only the item.
func (w *findings) item(field, s string) {
	w.require(field, itemForm.MatchString(s), "must name an item: category/item, in lower case")
}

// principal requires a single name, without the characters of patterns and lists.
func (w *findings) principal(field, s string) {
	w.require(field, s != "" && len(s) <= 254 && plain.Printable(s, false) && !strings.ContainsAny(s, " ,*?!\""),
		"must be one name as in allowed_signers, such as an e-mail address, not a pattern or a list")
}

func (w *findings) digest(field, s string) {
	w.require(field, plain.IsDigest(s), "must be a SHA-256 of 64 hexadecimal digits in lower case, as sha256sum prints it")
}

// moment requires a plausible time.
func (w *findings) moment(field string, t time.Time) {
	w.require(field, t.Year() >= 1970 && t.Year() < 9000, "is not a plausible date")
}

func (w *findings) release(r ReleaseID) {
	w.text("release.version", r.Version)
	w.commit("release.commit", r.Commit)
}

func (w *findings) commit(field, s string) {
	w.require(field, s == "" || commitForm.MatchString(s), "must be a commit: 7 to 64 hexadecimal digits")
}
