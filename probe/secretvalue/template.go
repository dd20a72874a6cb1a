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
	var kinds wordKinds
	total, template, letters, templateLetters := 0, 0, 0, 0
	for _, word := range words {
		n := len([]rune(word))
		if isNumber(word) && n <= 4 { // a year or a count
			continue
		}
		total, letters = total+1, letters+n
		if found, ok := known.matches(word); ok {
			template, templateLetters = template+1, templateLetters+n
			kinds |= found
		}
	}
	if kinds&wordAsks == 0 && (kinds&wordNames == 0 || template < max(total, 2)) {
		return false
	}
	return 4*template >= 3*total && 2*templateLetters >= letters
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

// wordKinds are what a template word does.
type wordKinds uint8

const (
	wordAsks  wordKinds = 1 << iota // asks for a replacement
	wordNames                       // names a secret
)

// wordList maps a template word to its kinds, 0 for a word that fills the sentence.
type wordList map[string]wordKinds

// vocabulary returns the words of templatewords.txt.
var vocabulary = sync.OnceValue(func() wordList {
	known := wordList{}
	for line := range strings.Lines(templateWords) {
		head, words, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		var kinds wordKinds
		switch {
		case strings.HasSuffix(head, " ask"):
			kinds = wordAsks
		case strings.HasSuffix(head, " name"):
			kinds = wordNames
		}
		for _, word := range strings.Fields(words) {
			known[withoutMarks.Replace(word)] |= kinds
		}
	}
	return known
})

// matches reports whether a word is a template word or consists of several (changethispassword), and of which kinds.
func (known wordList) matches(word string) (kinds wordKinds, found bool) {
	for _, spelling := range []string{withoutMarks.Replace(spelledOut.Replace(word)), withoutMarks.Replace(word)} {
		if kinds, found = known.spelled(spelling); found {
			return kinds, true
		}
	}
	return 0, false
}

func (known wordList) spelled(word string) (kinds wordKinds, found bool) {
	if kinds, found = known[word]; found {
		return kinds, true
	}
	if bare, ok := strings.CutSuffix(word, "s"); ok && len(bare) >= minJoined { // a plural
		if kinds, found = known[bare]; found {
			return kinds, true
		}
	}
	return known.joins(word)
}

// joins reports whether a word is a sequence of template words.
func (known wordList) joins(word string) (kinds wordKinds, found bool) {
	letters := []rune(word)
	type state struct {
		kinds   wordKinds
		reached bool
	}
	states := make([]state, len(letters)+1)
	states[0].reached = true
	for end := 1; end <= len(letters); end++ {
		for start := max(0, end-16); start < end; start++ {
			part := string(letters[start:end])
			if !states[start].reached || isLatin(part) && len(part) < minJoined {
				continue
			}
			if partKinds, ok := known[part]; ok {
				states[end] = state{states[end].kinds | states[start].kinds | partKinds, true}
			}
		}
	}
	last := states[len(letters)]
	return last.kinds, last.reached
}
