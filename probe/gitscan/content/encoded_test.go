package content

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/detect/codec"
)

// TestMayBeEncoded_NoFalseNegatives compares it with the decoder on random texts of encoded and nearly encoded pieces.
func TestMayBeEncoded_NoFalseNegatives(t *testing.T) {
	pieces := []string{
		"%", "%4", "%41", "%zz", "U+", "U+0041", "u+0041", `\`, `\u`, `\u0041`, `\\u0041`, `\U0041`, "\\\n", "aGVsbG8s", "IHdvcmxk", "IHdvcmxkISEhISEh", "68656c6c", "6f2c20776f726c64", "=", "==",
		" ", "\n", "-", "/", "+", "_", "é", "\x80", "word", "",
	}
	random := rand.New(rand.NewPCG(1, 2))
	encoded, plain := 0, 0
	for range 30_000 {
		var text strings.Builder
		for range random.IntN(7) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		_, segments := codec.NewDecoder().Decode(text.String(), nil)
		switch may := MayBeEncoded(text.String()); {
		case len(segments) > 0 && !may:
			t.Fatalf("%q can be decoded but was reported as plain", text.String())
		case len(segments) > 0:
			encoded++
		case !may:
			plain++
		}
	}
	if encoded < 1000 || plain < 1000 {
		t.Errorf("only %d encoded and %d plain texts", encoded, plain)
	}
	for _, text := range []string{"", "x := call(1)\n", "a short-word\n", "100% of it", "U 0041", "%4", "ends in %", `ends in \`, "fifteen_letters"} {
		if MayBeEncoded(text) {
			t.Errorf("%q was not reported as plain", text)
		}
	}
}
