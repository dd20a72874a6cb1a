package kubernetes

import (
	"math"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

var quantityForm = lazyregexp.New(`^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$`)

// quantity parses an amount: 500m, 1.5, 512Mi, 1e9.
func quantity(text string) (float64, bool) {
	m := quantityForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0, false
	}
	suffix := m[2]
	if len(suffix) > 1 && suffix[1] != 'i' {
		n, err := strconv.ParseFloat(m[1]+suffix, 64)
		return n, err == nil
	}
	n, err := strconv.ParseFloat(m[1], 64)
	factor := map[string]float64{
		"": 1, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60,
	}[suffix]
	return n * factor, err == nil && !math.IsInf(n*factor, 0)
}

// share returns a number or a percentage of a total. Percentages are rounded up or down.
func share(text string, of int, up bool) (int, bool) {
	text = strings.TrimSpace(text)
	percent, ok := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(percent)
	if err != nil || n < 0 {
		return 0, false
	}
	if !ok {
		return n, true
	}
	x := float64(n) * float64(of) / 100
	if up {
		return int(math.Ceil(x)), true
	}
	return int(x), true
}
