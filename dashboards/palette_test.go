// Colours must be told apart by everybody.

package dashboards

import (
	"math"
	"strconv"
	"testing"
)

// far is the least distance of two states' colours (CIE 1976, 2.3 is just noticeable).
const far = 20

// TestColoursAreToldApart simulates sight without red, without green and without blue cones (Machado, Oliveira, Fernandes
// 2009, full severity) and full sight.
func TestColoursAreToldApart(t *testing.T) {
	sights := map[string][9]float64{
		"full":         {1, 0, 0, 0, 1, 0, 0, 0, 1},
		"protanopia":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
		"deuteranopia": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
		"tritanopia":   {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
	}
	all := states()
	for name, sight := range sights {
		for i, a := range all {
			for _, b := range all[i+1:] {
				if d := distance(lab(t, a.colour, sight), lab(t, b.colour, sight)); d < far {
					t.Errorf("%s: %s and %s are %.1f apart, want %d", name, a.word, b.word, d, far)
				}
			}
		}
	}
}

func TestDistance(t *testing.T) {
	full := [9]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}
	if d := distance(lab(t, "#000000", full), lab(t, "#FFFFFF", full)); math.Abs(d-100) > 0.1 {
		t.Errorf("black and white are %.2f apart, want 100", d)
	}
	deuteranopia := [9]float64{0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881}
	if d := distance(lab(t, "#D62728", deuteranopia), lab(t, "#7F6A1E", deuteranopia)); d > far {
		t.Errorf("red and olive are %.1f apart without green cones, want them alike", d)
	}
}

func TestStatesAreUnique(t *testing.T) {
	words, colours := map[string]bool{}, map[string]bool{colourNeutral: true}
	for i, s := range states() {
		if s.code != i {
			t.Errorf("%s has the code %d at place %d", s.word, s.code, i)
		}
		if words[s.word] || colours[s.colour] {
			t.Errorf("%s shares its word or its colour", s.word)
		}
		words[s.word], colours[s.colour] = true, true
	}
}

func distance(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

// lab is a colour as a sight sees it, in CIELAB under D65.
func lab(t testing.TB, colour string, sight [9]float64) [3]float64 {
	t.Helper()
	n, err := strconv.ParseUint(colour[1:], 16, 32)
	if err != nil || len(colour) != 7 {
		t.Fatalf("colour %q: %v", colour, err)
	}
	var linear [3]float64
	for i := range linear {
		c := float64(n>>(16-8*i)&0xff) / 255
		if c <= 0.04045 {
			linear[i] = c / 12.92
		} else {
			linear[i] = math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	var seen [3]float64
	for i := range seen {
		for j := range linear {
			seen[i] += sight[3*i+j] * linear[j]
		}
		seen[i] = min(1, max(0, seen[i]))
	}
	f := func(x float64) float64 {
		if x > 0.008856 {
			return math.Cbrt(x)
		}
		return 7.787*x + 16.0/116
	}
	x := f((0.4124564*seen[0] + 0.3575761*seen[1] + 0.1804375*seen[2]) / 0.95047)
	y := f(0.2126729*seen[0] + 0.7151522*seen[1] + 0.0721750*seen[2])
	z := f((0.0193339*seen[0] + 0.1191920*seen[1] + 0.9503041*seen[2]) / 1.08883)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}
