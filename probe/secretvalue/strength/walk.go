package strength

import (
	"math"
	"strings"
)

// keyboard lists the keys of each row, without and with shift. \x00 is an empty place.
type keyboard struct {
	plain, shifted []string
	neighbours     [][2]int // columns and rows to the neighbours of a key
	starts         float64  // characters at which a walk begins
	turns          float64  // directions that an attacker tries at a turn, as zxcvbn-go counts
	shortest       int      // a shorter walk is a coincidence
}

// Rows of letters are shifted to the right, those of a keypad are aligned.
var (
	slanted = [][2]int{{-1, 0}, {0, -1}, {1, -1}, {1, 0}, {0, 1}, {-1, 1}}
	aligned = [][2]int{{-1, 0}, {-1, -1}, {0, -1}, {1, -1}, {1, 0}, {1, 1}, {0, 1}, {-1, 1}}

	keyboards = []keyboard{
		{
			[]string{"`1234567890-=", "\x00qwertyuiop[]\\", "\x00asdfghjkl;'", "\x00zxcvbnm,./"},
			[]string{"~!@#$%^&*()_+", "\x00QWERTYUIOP{}|", "\x00ASDFGHJKL:\"", "\x00ZXCVBNM<>?"}, slanted, 94, 1.53, 3,
		},
		{
			[]string{"`1234567890-=", "\x00qwertzuiop[]\\", "\x00asdfghjkl;'", "\x00yxcvbnm,./"},
			[]string{"~!@#$%^&*()_+", "\x00QWERTZUIOP{}|", "\x00ASDFGHJKL:\"", "\x00YXCVBNM<>?"}, slanted, 94, 1.53, 4,
		},
		{
			[]string{"`1234567890-=", "\x00azertyuiop^$", "\x00qsdfghjklm", "\x00wxcvbn,;:!"},
			[]string{"", "\x00AZERTYUIOP", "\x00QSDFGHJKLM", "\x00WXCVBN?./"}, slanted, 94, 1.53, 4,
		},
		{
			[]string{"`1234567890[]", "\x00',.pyfgcrl/=\\", "\x00aoeuidhtns-", "\x00;qjkxbmwvz"},
			[]string{"~!@#$%^&*(){}", "\x00\"<>PYFGCRL?+|", "\x00AOEUIDHTNS_", "\x00:QJKXBMWVZ"}, slanted, 94, 1.53, 3,
		},
		{[]string{"\x00/*-", "789+", "456", "123", "\x000."}, nil, aligned, 15, 0.63, 3},
		{[]string{"\x00=/*", "789-", "456+", "123", "\x000."}, nil, aligned, 16, 0.63, 3},
	}
)

// place returns the column and the row of a character, and whether it needs shift.
func (k keyboard) place(r rune) (x, y int, isShifted, found bool) {
	if r <= 0 || r > 0x7f {
		return 0, 0, false, false
	}
	for i, rows := range [][]string{k.plain, k.shifted} {
		for y, row := range rows {
			if x := strings.IndexByte(row, byte(r)); x >= 0 {
				return x, y, i == 1, true
			}
		}
	}
	return 0, 0, false, false
}

// direction returns the number of the neighbour that the next character is, -1 for none.
func (k keyboard) direction(from, to rune) (n int, isShifted bool) {
	x, y, _, found := k.place(from)
	nextX, nextY, isShifted, foundNext := k.place(to)
	if found && foundNext {
		for n, step := range k.neighbours {
			if step[0] == nextX-x && step[1] == nextY-y {
				return n, isShifted
			}
		}
	}
	return -1, false
}

// addWalk offers the walk from key to neighbouring key that begins at start.
func (v *guess) addWalk(k keyboard, start int) {
	if start > 0 {
		if n, _ := k.direction(v.runes[start-1], v.runes[start]); n >= 0 {
			return // part of a walk that was offered
		}
	}
	turns, shifted, last := 0, 0, -1
	end := start + 1
	for ; end < len(v.runes); end++ {
		n, isShifted := k.direction(v.runes[end-1], v.runes[end])
		if n < 0 {
			break
		}
		if isShifted {
			shifted++
		}
		if n != last {
			turns, last = turns+1, n
		}
	}
	if length := end - start; length >= k.shortest {
		bits := k.walkBits(length, turns)
		if shifted > 0 {
			bits += choiceBits(length, min(shifted, length-shifted))
		}
		v.relax(start, end, bits)
	}
}

// walkBits counts the walks of at most a length and a number of turns.
func (k keyboard) walkBits(length, turns int) float64 {
	total := 0.0
	for n := 1; n <= length; n++ {
		ways := k.starts * k.turns
		for turn := 0; turn <= min(turns, n); turn++ {
			total += ways
			ways *= k.turns * float64(n-turn) / float64(turn+1)
		}
	}
	return math.Log2(total)
}
