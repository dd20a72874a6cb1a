package strength

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ccojocar/zxcvbn-go/frequency"
)

var update = flag.Bool("update", false, "write the word lists")

// The files hold the words of zxcvbn-go with their ranks.
func TestWordLists(t *testing.T) {
	common, other := map[string]int{}, map[string]int{}
	for name, list := range frequency.Lists {
		for i, word := range list.List {
			ranks := other
			if name == "Passwords" {
				ranks = common
			}
			word = strings.ToLower(word)
			if known, found := ranks[word]; !found || i+1 < known {
				ranks[word] = i + 1
			}
		}
	}
	for word, rank := range common {
		if otherRank, found := other[word]; found {
			common[word] = min(rank, otherRank)
			delete(other, word)
		}
	}
	for file, ranks := range map[string]map[string]int{"passwords.txt": common, "words.txt": other} {
		want := newWordList(ranks)
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got := map[string]wordList{"passwords.txt": passwords, "words.txt": words}[file]; got != want {
			t.Errorf("%s is out of date: run the test with -update", file)
		}
		if len(ranks) < 7000 {
			t.Errorf("%s: %d words", file, len(ranks))
		}
	}
}

// Every word is found with the bits of its letter, and nothing between the words is.
func TestWordList_Search(t *testing.T) {
	find := func(list wordList, word string) (float64, bool) {
		l := lines{list: list, end: len(list)}
		for _, r := range word {
			l = l.with(r)
		}
		return l.word()
	}
	for _, list := range []wordList{passwords, words, newWordList(map[string]int{"a": 1, "ab": 2, "b": 4, "bär": 9}), newWordList(nil)} {
		count := 0
		for line := range strings.Lines(string(list)) {
			word, letter, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			if count++; len(list) > 1000 && count%17 != 0 {
				continue
			}
			if bits, found := find(list, word); !found || bits != rankBits(letter[0]) {
				t.Errorf("%q: %v, %v", word, bits, found)
			}
			for _, none := range []string{word + "\x01", word + "~", word + " ", word[:len(word)-1] + "\x7f", "\x01" + word} {
				if _, found := find(list, none); found {
					t.Errorf("%q is not a word", none)
				}
			}
		}
	}
	if _, found := find(passwords, ""); found {
		t.Error("an empty word was found")
	}
}

func TestNameList(t *testing.T) {
	if got, want := nameList([]string{"Nordlicht", "Bär shop", "nordlicht"}), wordList("bär D\nnordlicht A\nshop D\n"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPasswords(t *testing.T) {
	all := slices.Collect(Passwords())
	if !slices.Contains(all, "password") || !slices.Contains(all, "dragon") || slices.ContainsFunc(all, func(s string) bool { return strings.ContainsAny(s, " \n") }) {
		t.Errorf("%d passwords: %q…", len(all), all[:3])
	}
	for range Passwords() {
		break // a stopped range does not panic
	}
}
