package secretvalue

import (
	"strings"
	"unicode/utf8"
)

// minWalk is the number of characters from which a walk over the keyboard is no coincidence.
const minWalk = 8

// A keyLayout is the rows of a keyboard. A key's neighbours have a similar place in its row and in the next ones.
type keyLayout []string

var keyLayouts = []keyLayout{
	{"1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"},
	{"1234567890-=", "qwertzuiop[]", "asdfghjkl;'", "yxcvbnm,./"},
	{"1234567890-=", "azertyuiop[]", "qsdfghjklm'", "wxcvbn,./"},
	{"1234567890[]", "',.pyfgcrl/=", "aoeuidhtns-", ";qjkxbmwvz"}, // Dvorak
	{"1234567890-=", "qwfpgjluy;[]", "arstdhneio'", "zxcvbkm,./"}, // Colemak
	{"1234567890-=", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю."}, // Russian
	{"1234567890-=", "йцукенгшщзхї", "фівапролджє", "ячсмитьбю."}, // Ukrainian
	{"1234567890-=", ";ςερτυθιοπ[]", "ασδφγηξκλ΄'", "ζχψωβνμ,./"}, // Greek
	{"1234567890-=", "/'קראטוןםפ][", "שדגכעיחלךף,", "זסבהנמצתץ."}, // Hebrew
}

// unshift replaces the symbols over the digits and the other keys of a US keyboard.
var unshift = strings.NewReplacer("!", "1", "@", "2", "#", "3", "$", "4", "%", "5", "^", "6", "&", "7", "*", "8", "(", "9", ")", "0",
	"_", "-", "+", "=", "{", "[", "}", "]", ":", ";", `"`, "'", "<", ",", ">", ".", "?", "/")

// isWalk reports whether at least three quarters of the steps from one character to the next go to a neighbouring key, or
// from the end of a column of keys to the next column: qwertyuiop, 1qaz2wsx.
func isWalk(value string) bool {
	if len(value) < minWalk {
		return false
	}
	text := []rune(unshift.Replace(strings.ToLower(value)))
	for _, layout := range keyLayouts {
		if layout.isWalk(text) {
			return true
		}
	}
	return false
}

func (l keyLayout) isWalk(text []rune) bool {
	near, column := 0, 0 // column is the direction of the steps before: 1 down, -1 up
	x, y := l.place(text[0])
	for i := 1; i < len(text); i++ {
		nextX, nextY := l.place(text[i])
		dx, dy := nextX-x, nextY-y
		isOnKeys := x >= 0 && nextX >= 0 && dx >= -1 && dx <= 1
		switch {
		case isOnKeys && text[i] != text[i-1] && dy >= -1 && dy <= 1:
			near, column = near+1, dy
		case isOnKeys && column*dy < 0 && dy >= -3 && dy <= 3:
			near, column = near+1, 0
		default:
			column = 0
		}
		x, y = nextX, nextY
	}
	return 4*near >= 3*(len(text)-1)
}

// place returns the column and row of a key, negative for none.
func (l keyLayout) place(key rune) (x, y int) {
	for y, row := range l {
		if at := strings.IndexRune(row, key); at >= 0 {
			return utf8.RuneCountInString(row[:at]), y
		}
	}
	return -9, -9
}
