package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// The form of the file: a header of fixed length, which is overwritten in place, then one line for each entry. A line
// begins with the checksum over all lines before it and itself. The header counts the entries, so that a file that was
// cut at the end of a line is noticed.

// kind is the kind of an entry.
type kind string

const (
	kindChange kind = ""      // the verdict on an item changed
	kindBase   kind = "base"  // the verdict when the item was first seen; From is the start of its state, if known
	kindGap    kind = "gap"   // nothing was observed from From to Time
	kindMark   kind = "mark"  // a fact was first seen
	kindClear  kind = "clear" // the fact no longer holds
)

// entry is one line. Times are seconds since 1970.
type entry struct {
	Kind   kind   `json:"k,omitempty"`
	Time   int64  `json:"t"`
	From   int64  `json:"f,omitempty"`
	Exact  bool   `json:"x,omitempty"` // From was observed
	Item   string `json:"i,omitempty"`
	State  string `json:"s,omitempty"`
	Reason string `json:"r,omitempty"`
	Waived bool   `json:"w,omitempty"`
	Mark   string `json:"m,omitempty"`
}

func byItem(a, b entry) int { return cmp.Compare(a.Item, b.Item) }

func (e entry) verdict() Verdict { return Verdict{e.Item, e.State, e.Reason, e.Waived} }

var (
	itemForm   = lazyregexp.New(`^[a-z][a-z0-9_]*/[a-z][a-z0-9_]*$`)
	wordForm   = lazyregexp.New(`^[a-z_]{0,30}$`)
	stateForm  = lazyregexp.New(`^(pass|warn|pending|fail|unknown|skip|gone)$`)
	digestForm = lazyregexp.New(`^[0-9a-f]{16}$`)
)

// valid reports whether an entry holds only what this package writes.
func (e entry) valid() bool {
	if e.Time <= 0 || e.From < 0 || e.From > e.Time || e.Time > math.MaxInt32*64 {
		return false
	}
	switch e.Kind {
	case kindChange, kindBase:
		return len(e.Item) <= 200 && itemForm.MatchString(e.Item) && stateForm.MatchString(e.State) && wordForm.MatchString(e.Reason) && e.Mark == ""
	case kindGap:
		return e.Item == "" && e.State == "" && e.Mark == "" && e.From > 0
	case kindMark, kindClear:
		return e.Item == "" && e.State == "" && digestForm.MatchString(e.Mark)
	}
	return false
}

const (
	headerSize = 96
	maxLine    = 512
	noChain    = "0000000000000000"
	magic      = "catalyst-ledger 1 "
)

// header writes the first line.
func header(entries int, chain string, seen time.Time) []byte {
	text := fmt.Sprintf("%s%010d %s %012d", magic, entries, chain, max(seen.Unix(), 0))
	text += fmt.Sprintf(" %08x", crc32.ChecksumIEEE([]byte(text)))
	return fmt.Appendf(nil, "%-*s\n", headerSize-1, text)
}

var errHeader = errors.New("invalid header")

// parseHeader reads the first line.
func parseHeader(line []byte) (entries int, chain string, seen time.Time, err error) {
	text := bytes.TrimRight(line, " \n")
	if len(line) != headerSize || len(text) < 9 || !bytes.HasPrefix(text, []byte(magic)) || text[len(text)-9] != ' ' {
		return 0, "", time.Time{}, errHeader
	}
	body, sum := text[:len(text)-9], string(text[len(text)-8:])
	var at int64
	if fmt.Sprintf("%08x", crc32.ChecksumIEEE(body)) != sum {
		return 0, "", time.Time{}, errHeader
	}
	if _, err := fmt.Sscanf(string(body[len(magic):]), "%d %s %d", &entries, &chain, &at); err != nil {
		return 0, "", time.Time{}, errHeader
	}
	if at > 0 {
		seen = time.Unix(at, 0).UTC()
	}
	return entries, chain, seen, nil
}

// line writes an entry that follows the one with the given checksum, and returns its own.
func (e entry) line(before string) (line []byte, chain string, err error) {
	text, err := json.Marshal(e)
	if err != nil || len(text)+18 > maxLine || !e.valid() {
		return nil, "", fmt.Errorf("invalid entry for %.40q", e.Item)
	}
	chain = chained(before, text)
	return append(append([]byte(chain+" "), text...), '\n'), chain, nil
}

func chained(before string, text []byte) string {
	h := sha256.New()
	_, _ = h.Write([]byte(before))
	_, _ = h.Write(text)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// content is what a file holds.
type content struct {
	entries []entry
	end     int64 // bytes of the header and the valid lines
	chain   string
	seen    time.Time
	note    string // why it is damaged; "" when it is not
}

// parse reads a file as far as it can be trusted.
func parse(data []byte) content {
	c := content{chain: noChain, end: headerSize}
	if len(data) < headerSize {
		c.note = "the ledger is cut off in its first line"
		return c
	}
	count, last, seen, err := parseHeader(data[:headerSize])
	if err != nil {
		c.note = "the first line of the ledger is damaged"
	}
	for rest := data[headerSize:]; len(rest) > 0; {
		text, after, whole := bytes.Cut(rest, []byte("\n"))
		var e entry
		if !whole || len(text) > maxLine || len(text) < 18 || text[16] != ' ' || json.Unmarshal(text[17:], &e) != nil || !e.valid() ||
			chained(c.chain, text[17:]) != string(text[:16]) {
			c.note = fmt.Sprintf("the ledger is damaged after %d entries: what follows is lost", len(c.entries))
			break
		}
		c.entries = append(c.entries, e)
		c.chain = string(text[:16])
		c.end += int64(len(text)) + 1
		rest = after
	}
	switch {
	case c.note != "":
	case len(c.entries) < count:
		c.note = fmt.Sprintf("the last %d of %d entries of the ledger are missing", count-len(c.entries), count)
	case len(c.entries) == count && c.chain != last:
		c.note = "the ledger was changed after it was written"
	}
	if n := len(c.entries); n > 0 {
		c.seen = time.Unix(c.entries[n-1].Time, 0).UTC()
	}
	if c.note == "" && seen.After(c.seen) {
		c.seen = seen
	}
	c.settle()
	return c
}

// settle makes the times ascend: where the clock was set back, entries before that are dated too late.
func (c *content) settle() {
	last := int64(math.MaxInt64)
	if !c.seen.IsZero() {
		last = c.seen.Unix()
	}
	for i := len(c.entries) - 1; i >= 0; i-- {
		e := &c.entries[i]
		if e.Time > last {
			e.Time, e.Exact = last, false
		}
		e.From = min(e.From, e.Time)
		last = e.Time
	}
}
