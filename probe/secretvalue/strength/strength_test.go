package strength

import (
	"math"
	"strings"
	"testing"
)

func TestBits(t *testing.T) {
	for value, want := range map[string]float64{
		"":         0,
		"password": 0,
		"P4ssw0rd": 1, // leet is free, the capital is one bit
		"PASSWORD": 1,
		"passworD": 1,

		"aaaa":     math.Log2(26 * 4), // repeats: the alphabet times the length
		"bBbB":     math.Log2(52 * 4),
		"cdefgh":   math.Log2(26 * 6), // sequences
		"abcdefgh": 3,
		"HGFEDC":   math.Log2(26*6) + 2,
	} {
		if got := Bits(value, nil); math.Abs(got-want) > 0.01 {
			t.Errorf("%q: %.2f bits, want %.2f", value, got, want)
		}
	}
}

// A date has at most the bits of its numbers; with an impossible number it is not a date.
func TestBits_Dates(t *testing.T) {
	for value, want := range map[string]float64{
		"1987":       yearBits,
		"2045":       yearBits,
		"1928":       yearBits,
		"17.3.1987":  dayBits + yearBits + markBits,
		"1987-03-17": dayBits + yearBits + markBits,
		"87/3/17":    dayBits + shortBits + markBits,
		"17031987":   dayBits + yearBits,
		"19870317":   dayBits + yearBits,
		"170387":     dayBits + shortBits,
	} {
		if got := Bits("dragon"+value, nil) - Bits("dragon", nil); got > want+0.01 {
			t.Errorf("%q: %.2f bits, want at most %.2f", value, got, want)
		}
	}
	for _, value := range []string{"1887", "2086", "17.13.1987", "1987-32-17", "0.5.1987", "17.3-1987", "17.3.187", "3.1987", "119870317", "170387170387"} {
		if got := Bits("dragon"+value, nil) - Bits("dragon", nil); got <= dayBits+yearBits+markBits && len(value) > 4 || got <= yearBits+0.01 {
			t.Errorf("%q: %.2f bits as a date", value, got)
		}
	}
}

// Each pair differs in one property that makes a value harder to guess.
func TestBits_Order(t *testing.T) {
	names := []string{"nordlicht", "bücherwurm"}
	for weak, strong := range map[string]string{
		"nordlicht":              "nordlichz",
		"N0rdlicht":              "NordLicht",
		"Bücherwurm":             "Büchexwurm",
		"Sommer2026":             "Sommer8026",
		"dragon17.03.1987":       "dragon17.93.1987",
		"dragon1987-03-17":       "dragon1987-03_17",
		"rfvtgbyhn":              "rfvtgbyhq",
		"yxcvbnm,":               "yxcvbnq,",
		"azertyuiop":             "azertyuiaz",
		"qwertyuiop":             "qazxswedcv",
		"asdfghjkl":              "asdFghJkl",
		"zse45rdx":               "zSe45rDx",
		"789456123":              "718362594",
		"bbbbbbbb":               "bbbbcbbb",
		"stuvwxyz":               "stuvxwyz",
		"тттттттт":               "тпарольт",
		"correcthorse":           "correcthorsebattery",
		"k3v9qzt7wl":             "K3v9QzT7wL",
		strings.Repeat("k", 50):  "k3v9qz",
		strings.Repeat("ü", 200): "K3v9QzT7wLü",
	} {
		if w, s := Bits(weak, names), Bits(strong, names); w >= s {
			t.Errorf("%q has %.1f bits, %q %.1f", weak, w, strong, s)
		}
	}
}

// A value in another script is not harder to guess because its letters have more bytes.
func TestBits_Scripts(t *testing.T) {
	if latin, cyrillic := Bits("xqzvkj", nil), Bits("щпкфыж", nil); math.Abs(latin-cyrillic) > 0.1 {
		t.Errorf("%.1f and %.1f bits", latin, cyrillic)
	}
	if bits := Bits("\xff\xfe\x00", nil); bits <= 0 || math.IsInf(bits, 0) {
		t.Errorf("bytes that are not text: %v bits", bits)
	}
}

// Long values take bounded time, and their estimate does not decrease.
func TestBits_Long(t *testing.T) {
	const leet = "4@8({[<6931!|70$5+7%2z"
	short, long := Bits(strings.Repeat(leet, 2), nil), Bits(strings.Repeat(leet, 1000), nil)
	if long < short || short < 64 {
		t.Errorf("%.1f bits, longer %.1f", short, long)
	}
	if bits := Bits(strings.Repeat("a", 99)+"ü", nil); bits > 20 { // the cut is inside the last letter
		t.Errorf("%.1f bits", bits)
	}
}

func TestTruncate(t *testing.T) {
	for value, want := range map[string]int{"abc": 3, strings.Repeat("a", 101): 100, strings.Repeat("a", 99) + "ü": 99, strings.Repeat("\xbf", 200): 0} {
		if got := truncate(value); len(got) != want || !strings.HasPrefix(value, got) {
			t.Errorf("%q: %d bytes, want %d", value, len(got), want)
		}
	}
}

func FuzzBits(f *testing.F) {
	for _, value := range []string{"", "P4ssw0rd!", "17.3.1987", "1qaz@WSX", "пароль", "\xff", "A\u0130i"} {
		f.Add(value, "nordlicht")
	}
	f.Fuzz(func(t *testing.T, value, name string) {
		with, without := Bits(value, []string{name}), Bits(value, nil)
		if math.IsNaN(without) || without < 0 || math.IsInf(without, 0) || with > without {
			t.Errorf("%v bits, %v with the name", without, with)
		}
	})
}

func BenchmarkBits(b *testing.B) {
	for _, value := range []string{"vN8r2Kq7Zt4Lx9Wm3Bp6Hs1D", "4@8({[<6931!|70$5+7%2z4@8({[<6931!|70$5+7%2z", strings.Repeat("ab", 60)} {
		b.Run(value[:8], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Bits(value, []string{"catalyst"})
			}
		})
	}
}
