package strength

import (
	"math"
	"unicode"
)

// minRun is the number of characters from which a repeat or a sequence is no coincidence.
const minRun = 3

// addRepeat offers the run of one letter, in any case, that begins at start.
func (v *guess) addRepeat(start int) {
	if start > 0 && v.lower[start-1] == v.lower[start] {
		return // part of a run that was offered
	}
	end := start + 1
	for end < len(v.lower) && v.lower[end] == v.lower[start] {
		end++
	}
	if text := v.runes[start:end]; len(text) >= minRun {
		v.relax(start, end, math.Log2(alphabet(text)*float64(len(text))))
	}
}

// addSequence offers the longest run such as abcd, 4567 or ZYX that begins at start.
func (v *guess) addSequence(start int) {
	class := sequenceClass(v.runes[start])
	if class == 0 || start+1 == len(v.runes) {
		return
	}
	step := v.runes[start+1] - v.runes[start]
	if step != 1 && step != -1 {
		return
	}
	end := start + 1
	for end < len(v.runes) && sequenceClass(v.runes[end]) == class && v.runes[end]-v.runes[end-1] == step {
		end++
	}
	if end-start < minRun {
		return
	}
	bits := math.Log2(float64(end - start))
	if first := v.runes[start]; first != 'a' && first != '1' {
		bits += math.Log2(class)
		if unicode.IsUpper(first) {
			bits++
		}
	}
	if step < 0 {
		bits++
	}
	v.relax(start, end, bits)
}

// sequenceClass returns how many characters the alphabet of a character has, 0 for none.
func sequenceClass(r rune) float64 {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return 26
	case r >= '0' && r <= '9':
		return 10
	}
	return 0
}
