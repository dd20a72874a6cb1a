package schema

// Durations and sizes are whole numbers with units. They format as text that parses to the same value.

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as 90s, 26h, 30d, 1w or 1d12h. A day has 24 hours.
type Duration time.Duration

type unit[T ~int64] struct {
	name string
	size T
}

// durationUnits in descending order; a text uses each unit at most once, in this order.
func durationUnits() []unit[time.Duration] {
	const day = 24 * time.Hour
	return []unit[time.Duration]{
		{"w", 7 * day}, {"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
		{"ms", time.Millisecond}, {"us", time.Microsecond}, {"ns", time.Nanosecond},
	}
}

// ParseDuration parses whole numbers with the units w, d, h, m, s, ms, us, ns in descending order, with an optional
// leading "-". Errors never quote the text.
func ParseDuration(text string) (Duration, error) {
	rest, negative := strings.CutPrefix(text, "-")
	if rest == "" {
		return 0, errors.New("missing duration")
	}
	var total uint64
	units := durationUnits()
	for rest != "" {
		number, name, after := split(rest)
		if number == "" {
			return 0, errors.New("not a duration")
		}
		if name == "" {
			return 0, errors.New("duration has no unit")
		}
		i := 0
		for i < len(units) && units[i].name != name {
			i++
		}
		if i == len(units) {
			for _, u := range durationUnits() {
				if u.name == name {
					return 0, errors.New("duration units must be in descending order, each used once")
				}
			}
			return 0, errors.New("unknown duration unit")
		}
		n, err := strconv.ParseUint(number, 10, 63)
		size := uint64(units[i].size)
		if err != nil || n > (math.MaxInt64-total)/size {
			return 0, errors.New("duration exceeds 292 years")
		}
		total += n * size
		units, rest = units[i+1:], after
	}
	if negative {
		return -Duration(total), nil
	}
	return Duration(total), nil
}

// split removes the leading digits and the letters after them from s.
func split(s string) (digits, letters, rest string) {
	i := 0
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	j := i
	for j < len(s) && (s[j] < '0' || s[j] > '9') {
		j++
	}
	return s[:i], s[i:j], s[j:]
}

// Std returns d as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the shortest text that ParseDuration parses as d: 1d2h for 26h. Weeks are used only for whole weeks.
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	left := uint64(d)
	if d < 0 {
		b.WriteByte('-')
		left = -left
	}
	for _, u := range durationUnits() {
		size := uint64(u.size)
		if u.name == "w" && left%size != 0 {
			continue
		}
		if n := left / size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			left %= size
		}
	}
	return b.String()
}

// MarshalText formats d for JSON and YAML.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts the format of ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := ParseDuration(string(text))
	if err == nil {
		*d = v
	}
	return err
}
