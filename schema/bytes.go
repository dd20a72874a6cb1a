package schema

import (
	"errors"
	"math"
	"strconv"
)

// Bytes is a size written as 512B, 10MB (10,000,000) or 1GiB (1,073,741,824).
type Bytes int64

// byteUnits in descending order; binary units precede decimal ones of similar size.
func byteUnits() []unit[Bytes] {
	return []unit[Bytes]{
		{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
	}
}

const bytesPattern = `^\d+([kKMGT]B|[KMGT]iB|B)$`

// ParseBytes parses a whole number with one of the units B, kB, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB
// (powers of 1024). Errors never quote the text.
func ParseBytes(text string) (Bytes, error) {
	number, name, rest := split(text)
	switch {
	case number == "" || rest != "":
		return 0, errors.New("not a size")
	case name == "":
		return 0, errors.New("size has no unit")
	}
	for _, u := range byteUnits() {
		if u.name != name {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n > math.MaxInt64/int64(u.size) {
			return 0, errors.New("size exceeds 8 EiB")
		}
		return Bytes(n) * u.size, nil
	}
	return 0, errors.New("unknown size unit")
}

// String returns the shortest text that ParseBytes parses as b.
func (b Bytes) String() string {
	best := strconv.FormatInt(int64(b), 10) + "B"
	for _, u := range byteUnits() {
		if s := strconv.FormatInt(int64(b/u.size), 10) + u.name; b%u.size == 0 && b != 0 && len(s) < len(best) {
			best = s
		}
	}
	return best
}

// MarshalText formats b for JSON and YAML.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText accepts the format of ParseBytes.
func (b *Bytes) UnmarshalText(text []byte) error {
	v, err := ParseBytes(string(text))
	if err == nil {
		*b = v
	}
	return err
}
