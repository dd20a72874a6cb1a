package schema_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

func TestNearest(t *testing.T) {
	known := []string{"port", "password", "min_length", "severity", "url", "root", "ssl_mode", "id"}
	for word, want := range map[string]string{
		"prot": "port", "por": "port", "ports": "port", "sport": "port", "porrt": "port", "pasword": "password", "passwrod": "password",
		"minLength": "min_length", "min-length": "min_length", "MIN_LENGTH": "min_length", "minlenght": "min_length", "severety": "severity",
		"uri": "url", "URL": "url", "roott": "root", "sslmode": "ssl_mode", "port": "port", "hostname": "", "x": "", "": "", "passphrase": "",
		"rp": "", "ip": "id", "-": "", strings.Repeat("p", 100): "", strings.Repeat("p", 100_000): "",
	} {
		if got := schema.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := schema.Nearest("cat", []string{"cut", "car", ""}); got != "car" {
		t.Errorf("Nearest of a tie = %q, want the alphabetically first word", got)
	}
	if got := schema.Nearest("x", []string{"a"}); got != "" {
		t.Errorf("Nearest(x) = %q, want none", got)
	}
	if got := schema.Nearest("a_b", []string{"a-b", "a_b"}); got != "a_b" {
		t.Errorf("Nearest = %q, want the same word", got)
	}
}

func FuzzNearest(f *testing.F) {
	f.Add("port", "prot")
	f.Add("ß_", "SS")
	f.Fuzz(func(t *testing.T, a, b string) {
		there, back := schema.Nearest(a, []string{b}), schema.Nearest(b, []string{a})
		if (there == "") != (back == "") {
			t.Errorf("Nearest(%q, %q) = %q, but %q in reverse", a, b, there, back)
		}
		if there != "" && there != b {
			t.Errorf("Nearest(%q, %q) = %q, which is not a candidate", a, b, there)
		}
	})
}

func TestDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "26h": 26 * time.Hour, "30d": 30 * day, "1w": 7 * day, "1d12h": 36 * time.Hour, "0s": 0, "250ms": 250 * time.Millisecond,
		"1w1d1h1m1s1ms1us1ns": 8*day + time.Hour + time.Minute + time.Second + time.Millisecond + time.Microsecond + 1, "-5m": -5 * time.Minute,
		"9223372036854775807ns": math.MaxInt64, "007s": 7 * time.Second,
	} {
		if got, err := schema.ParseDuration(text); err != nil || got.Std() != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", text, got.Std(), err, want)
		}
	}
	for text, want := range map[string]string{
		"": "missing duration", "-": "missing duration", "90": "duration has no unit", "1h30": "duration has no unit", "1h1h": "duration units must be",
		"1m1h": "duration units must be", "1y": "unknown duration unit", "1.5h": "unknown duration unit", "1 h": "unknown duration unit", "1H": "unknown duration unit", "h": "not a duration", "+1h": "not a duration",
		"--1h": "not a duration", "9223372036854775808ns": "292 years", "292000000d": "292 years", "106751d24h": "292 years", "99999999999999999999s": "292 years", "1h-1m": "unknown duration unit",
	} {
		if got, err := schema.ParseDuration(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDuration(%q) = %v, %v, want an error with %q", text, got, err, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 26 * time.Hour: "1d2h", 14 * day: "2w", 30 * day: "30d", 90 * time.Second: "1m30s", 1500 * time.Microsecond: "1ms500us", -time.Hour: "-1h", 1: "1ns",
	} {
		if got := schema.Duration(d).String(); got != want {
			t.Errorf("%v prints %s, want %s", d, got, want)
		}
	}
}

func FuzzDuration(f *testing.F) {
	f.Add("1d12h", int64(5))
	f.Add("-1w", int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, text string, n int64) {
		if d, err := schema.ParseDuration(text); err == nil {
			if back, err := schema.ParseDuration(d.String()); err != nil || back != d {
				t.Errorf("%q is %d, prints %s, which is %d, %v", text, d, d, back, err)
			}
		}
		d := schema.Duration(n)
		if back, err := schema.ParseDuration(d.String()); n != math.MinInt64 && (err != nil || back != d) {
			t.Errorf("%d prints %s, which is %d, %v", n, d, back, err)
		}
		if b, err := schema.ParseBytes(text); err == nil {
			if back, err := schema.ParseBytes(b.String()); err != nil || back != b {
				t.Errorf("%q is %d, prints %s, which is %d, %v", text, b, b, back, err)
			}
		}
	})
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]schema.Bytes{
		"0B": 0, "512B": 512, "10MB": 1e7, "1GiB": 1 << 30, "3kB": 3000, "3KB": 3000, "3KiB": 3072, "2TB": 2e12, "2TiB": 2 << 40, "9223372036854775807B": math.MaxInt64,
	} {
		if got, err := schema.ParseBytes(text); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "not a size", "10": "size has no unit", "10mb": "unknown size unit", "10M": "unknown size unit", "1.5GB": "not a size", "-1B": "not a size", "GB": "not a size",
		"8388608TiB": "exceeds 8 EiB", "9223372036854775808B": "exceeds 8 EiB", "1GB1MB": "not a size", "1 GB": "unknown size unit",
	} {
		if got, err := schema.ParseBytes(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseBytes(%q) = %d, %v, want an error with %q", text, got, err, want)
		}
	}
	for b, want := range map[schema.Bytes]string{0: "0B", 1000: "1kB", 1024: "1KiB", 1e7: "10MB", 1 << 30: "1GiB", 1500: "1500B", 15000: "15kB"} {
		if got := b.String(); got != want {
			t.Errorf("%d prints %s, want %s", int64(b), got, want)
		}
	}
}

func TestText_DurationAndBytes(t *testing.T) {
	type sizes struct {
		D schema.Duration
		B schema.Bytes
	}
	text, err := json.Marshal(sizes{schema.Duration(90 * time.Second), 1 << 20})
	if err != nil || string(text) != `{"D":"1m30s","B":"1MiB"}` {
		t.Errorf("%s, %v", text, err)
	}
	var back sizes
	if err := json.Unmarshal([]byte(`{"D":"2d","B":"3kB"}`), &back); err != nil || back != (sizes{schema.Duration(48 * time.Hour), 3000}) {
		t.Errorf("%+v, %v", back, err)
	}
	for _, text := range []string{`{"D":"2"}`, `{"B":"3"}`} {
		kept := back
		if err := json.Unmarshal([]byte(text), &kept); err == nil || !strings.Contains(err.Error(), "has no unit") || kept != back {
			t.Errorf("%s: %v, %+v", text, err, kept)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{"2026-11-23": "2026-11-23T00:00:00Z", "2026-11-23T05:00:00+02:00": "2026-11-23T03:00:00Z", "2026-11-23T05:00:00.5Z": "2026-11-23T05:00:00Z"} {
		if got, err := schema.ParseTime(text); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("ParseTime(%q) = %v, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "2026-02-30", "2026-11-23 05:00:00", "2026-11-23T05:00:00", "23.11.2026"} {
		if got, err := schema.ParseTime(text); err == nil || !strings.Contains(err.Error(), "expected a time like") {
			t.Errorf("ParseTime(%q) = %v, %v, want an error", text, got, err)
		}
	}
}

func TestUnmarshalerHelpers(t *testing.T) {
	n, err := schema.Parse("f.yaml", []byte("word: \"a\\nb\"\nnull: ~\nlist: []\nmap: {}\ndate: 2026-11-23\nnumber: 1.5\nbool: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{ // Quote, Text
		"word": {`"a\nb"`, "a\nb"}, "null": {"nothing", "f.yaml:2:7: x: value is missing"}, "list": {"a list", "f.yaml:3:7: x: expected text, found a list"},
		"map": {"a mapping", "f.yaml:4:6: x: expected text, found a mapping"}, "date": {`"2026-11-23"`, "2026-11-23"}, "number": {`"1.5"`, "1.5"}, "bool": {`"true"`, "true"},
	}
	seen := 0
	for key, value := range schema.Pairs(n) {
		text, ps := schema.Text("f.yaml", "x", value)
		if len(ps) > 0 {
			text = ps.Error()
		}
		if got := [2]string{schema.Quote(value), text}; got != want[key.Value] {
			t.Errorf("%s: %q, want %q", key.Value, got, want[key.Value])
		}
		if seen++; seen == len(want) {
			break
		}
	}
	for range schema.Pairs(n.Content[0]) {
		t.Error("Pairs of a string")
	}
	if seen != len(want) || !schema.IsNull(nil) || schema.Expanded(nil) || schema.Expand("f.yaml", nil, lookup) != nil {
		t.Error("IsNull(nil) is false, or Pairs skipped a pair")
	}
}
