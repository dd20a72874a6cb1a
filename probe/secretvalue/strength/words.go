package strength

import (
	_ "embed"
	"iter"
	"math"
	"slices"
	"strings"
)

// A wordList is searched where it lies in the program, so that it costs neither start time nor memory: lines of a word in
// lower case, a blank and a letter for its rank, in the order of their bytes.
type wordList string

// See README.md for the sources.
var (
	//go:embed passwords.txt
	passwords wordList
	//go:embed words.txt
	words wordList
)

const (
	rankLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	rankSteps   = 3 // letters per bit
)

// rankLetter returns the letter for the place of a word among the words of its kind, the most frequent word being 1.
func rankLetter(rank int) byte {
	return rankLetters[min(int(math.Round(rankSteps*math.Log2(float64(rank)))), len(rankLetters)-1)]
}

func rankBits(letter byte) float64 {
	return float64(strings.IndexByte(rankLetters, letter)) / rankSteps
}

// newWordList returns a list of the words with their ranks.
func newWordList(ranks map[string]int) wordList {
	var lines []string
	for word, rank := range ranks {
		lines = append(lines, word+" "+string(rankLetter(rank))+"\n")
	}
	slices.Sort(lines)
	return wordList(strings.Join(lines, ""))
}

func nameList(names []string) wordList {
	ranks := map[string]int{}
	for i, name := range names {
		for _, word := range strings.Fields(strings.ToLower(name)) {
			if ranks[word] == 0 {
				ranks[word] = i + 1
			}
		}
	}
	return newWordList(ranks)
}

// Passwords ranges over common passwords.
func Passwords() iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(string(passwords)) {
			word, _, _ := strings.Cut(line, " ")
			if !yield(word) {
				return
			}
		}
	}
}

// lines are the part of a list whose words share their first depth bytes.
type lines struct {
	list             wordList
	from, end, depth int
}

// with returns the lines whose next bytes are those of the character.
func (l lines) with(r rune) lines {
	for _, b := range []byte(string(r)) {
		from := l.search(func(next byte) bool { return next >= b })
		l = lines{l.list, from, lines{l.list, from, l.end, l.depth}.search(func(next byte) bool { return next > b }), l.depth + 1}
	}
	return l
}

// search returns the beginning of the first line whose next byte is far enough, by halving.
func (l lines) search(isFar func(byte) bool) int {
	from, end := l.from, l.end
	for from < end {
		middle := from + (end-from)/2
		start := from + strings.LastIndexByte(string(l.list[from:middle]), '\n') + 1
		if isFar(l.list[start+l.depth]) {
			end = start
		} else {
			from = middle + strings.IndexByte(string(l.list[middle:]), '\n') + 1
		}
	}
	return from
}

// word returns the bits of the word that consists of the shared bytes.
func (l lines) word() (float64, bool) {
	if l.from == l.end || l.list[l.from+l.depth] != ' ' {
		return 0, false
	}
	return rankBits(l.list[l.from+l.depth+1]), true
}

// addWords offers every word of the list that begins at start. Leet letters cost an attacker nothing worth counting.
func (v *guess) addWords(list wordList, start int) {
	var extend func(l lines, end int)
	extend = func(l lines, end int) {
		if bits, isWord := l.word(); isWord {
			v.relax(start, end, bits+capitalBits(v.runes[start:end]))
		}
		if end == len(v.runes) || l.from == l.end {
			return
		}
		extend(l.with(v.lower[end]), end+1)
		for _, r := range leetLetters(v.lower[end]) {
			extend(l.with(r), end+1)
		}
	}
	extend(lines{list: list, end: len(list)}, start)
}

// leetLetters returns the letters that a digit or symbol stands for.
func leetLetters(r rune) string {
	switch r {
	case '4', '@':
		return "a"
	case '8':
		return "b"
	case '(', '{', '[', '<':
		return "c"
	case '3':
		return "e"
	case '6', '9':
		return "g"
	case '1', '|':
		return "il"
	case '!':
		return "i"
	case '0':
		return "o"
	case '$', '5':
		return "s"
	case '+':
		return "t"
	case '7':
		return "lt"
	case '%':
		return "x"
	case '2':
		return "z"
	}
	return ""
}
