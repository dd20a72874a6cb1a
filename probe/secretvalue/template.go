package secretvalue

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

// A template's author writes "replaceThisPassword" or "BITTE_AENDERN" where a secret belongs. Such a value is recognised
// by its words, in any case style and in the languages of templatewords.txt: at least three quarters of its words are
// template words, and one of them asks for a replacement. A passphrase that contains "change" has other words too.
//
// The rule holds for secrets only: the subject of a mail may be about changing a password.

//go:embed templatewords.txt
var templateWords string

const (
	minJoined   = 3   // letters of a Latin word inside a joined one (changethispassword): shorter words fit anywhere
	maxTemplate = 200 // bytes; a longer value is a document, such as a key in PEM
)

// isTemplateText reports whether a secret consists of template words.
func isTemplateText(value string) bool {
	if len(value) > maxTemplate || strings.HasPrefix(value, "/") { // a path
		return false
	}
	words := wordsOf(value)
	if !isProse(words) {
		return false
	}
	known := vocabulary()
	asks := false
	total, template, letters, templateLetters := 0, 0, 0, 0
	for _, word := range words {
		n := len([]rune(word))
		if isNumber(word) && n <= 4 { // a year or a count
			continue
		}
		total, letters = total+1, letters+n
		if found, ask := known.matches(word); found {
			template, templateLetters = template+1, templateLetters+n
			asks = asks || ask
		}
	}
	return asks && 4*template >= 3*total && 2*templateLetters >= letters
}

// isProse reports whether at least half of the letters and digits are in words: in a random value they are scattered.
func isProse(words []string) bool {
	all, inWords := 0, 0
	for _, word := range words {
		n := len([]rune(word))
		all += n
		if !isNumber(word) && (n >= minJoined || !isLatin(word)) {
			inWords += n
		}
	}
	return inWords > 0 && 2*inWords >= all
}

func isNumber(word string) bool { return word[0] >= '0' && word[0] <= '9' }

func isLatin(word string) bool { return word[0] < 0x80 }

// wordsOf splits a value at other characters than letters and digits, between letters and digits, and where a lower-case
// letter precedes a capital. The words are in lower case.
func wordsOf(value string) []string {
	var words []string
	var word []rune
	var before rune
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
		}
		word = word[:0]
	}
	for _, r := range value {
		switch isLetter, isDigit := unicode.IsLetter(r) || unicode.IsMark(r), unicode.IsDigit(r); {
		case !isLetter && !isDigit:
			end()
			before = 0
			continue
		case isDigit != unicode.IsDigit(before), unicode.IsUpper(r) && unicode.IsLower(before):
			end()
		case unicode.IsLower(r) && unicode.IsUpper(before) && len(word) > 1: // JWTSecret, ReplaceAKey
			last := word[len(word)-1]
			word = word[:len(word)-1]
			end()
			word = append(word, last)
		}
		word, before = append(word, r), r
	}
	end()
	return words
}

// People without the keys for diacritics type aendern or andern for ändern.
var (
	spelledOut   = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa")
	withoutMarks = strings.NewReplacer("ä", "a", "ö", "o", "ü", "u", "ß", "ss", "æ", "ae", "ø", "oe", "å", "a", "œ", "oe",
		"à", "a", "á", "a", "â", "a", "ã", "a", "ą", "a", "ă", "a", "ç", "c", "ć", "c", "č", "c", "ď", "d", "đ", "d", "è", "e", "é", "e",
		"ê", "e", "ë", "e", "ę", "e", "ě", "e", "ğ", "g", "ì", "i", "í", "i", "î", "i", "ï", "i", "ı", "i", "ł", "l", "ñ", "n", "ń", "n",
		"ň", "n", "ò", "o", "ó", "o", "ô", "o", "õ", "o", "ő", "o", "ř", "r", "ś", "s", "š", "s", "ş", "s", "ș", "s", "ť", "t", "ț", "t",
		"ţ", "t", "ù", "u", "ú", "u", "û", "u", "ů", "u", "ű", "u", "ý", "y", "ÿ", "y", "ź", "z", "ż", "z", "ž", "z",
		"ά", "α", "έ", "ε", "ή", "η", "ί", "ι", "ό", "ο", "ύ", "υ", "ώ", "ω")
)

// wordList maps a template word to whether it asks for a replacement.
type wordList map[string]bool

// vocabulary returns the words of templatewords.txt.
var vocabulary = sync.OnceValue(func() wordList {
	known := wordList{}
	for line := range strings.Lines(templateWords) {
		head, words, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		asks := strings.HasSuffix(head, "ask")
		for _, word := range strings.Fields(words) {
			known[withoutMarks.Replace(word)] = known[word] || asks
		}
	}
	return known
})

// matches reports whether a word is a template word or consists of several (changethispassword), and whether it asks for
// a replacement.
func (known wordList) matches(word string) (found, asks bool) {
	for _, spelling := range []string{withoutMarks.Replace(spelledOut.Replace(word)), withoutMarks.Replace(word)} {
		if found, asks = known.spelled(spelling); found {
			return found, asks
		}
	}
	return false, false
}

func (known wordList) spelled(word string) (found, asks bool) {
	if asks, found = known[word]; found {
		return found, asks
	}
	if bare, ok := strings.CutSuffix(word, "s"); ok && len(bare) >= minJoined { // a plural
		if asks, found = known[bare]; found {
			return found, asks
		}
	}
	return known.joins(word)
}

// joins reports whether a word is a sequence of template words.
func (known wordList) joins(word string) (found, asks bool) {
	letters := []rune(word)
	type state struct{ reached, asks bool }
	states := make([]state, len(letters)+1)
	states[0].reached = true
	for end := 1; end <= len(letters); end++ {
		for start := max(0, end-16); start < end; start++ {
			part := string(letters[start:end])
			if !states[start].reached || isLatin(part) && len(part) < minJoined {
				continue
			}
			if partAsks, ok := known[part]; ok {
				states[end] = state{true, states[end].asks || states[start].asks || partAsks}
			}
		}
	}
	last := states[len(letters)]
	return last.reached, last.asks
}
