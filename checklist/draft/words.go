package draft

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The table of words: which words of a line mean which probes. It is data, words.yaml, whose head explains it.

//go:embed words.yaml
var embedded []byte

// Table is the table of words.
type Table struct {
	Facts    []FactRule `yaml:"facts" required:"true"`
	Rules    []Rule     `yaml:"rules" required:"true"`
	Synonyms []Synonym  `yaml:"synonyms"`
	// People are phrases of lines that only people can attest.
	People []string `yaml:"people"`

	people   []terms
	synonyms []synonym
}

// Synonym says which forms of a word in a line also count as another word.
type Synonym struct {
	Word  string   `yaml:"word" required:"true"`
	Forms []string `yaml:"forms" required:"true"`
}

type synonym struct {
	word  string
	forms []pattern
}

// FactRule says how a fact of a deployment is found.
type FactRule struct {
	Fact  string   `yaml:"fact" required:"true"`
	Title string   `yaml:"title" required:"true"`
	Files []string `yaml:"files"`
	// Folders are patterns of folders.
	Folders []string `yaml:"folders"`
	Except  []string `yaml:"except"`
	Keys    []string `yaml:"keys"`
	Images  []string `yaml:"images"`
}

// Rule maps words to probes.
type Rule struct {
	Rule    string   `yaml:"rule" required:"true"`
	Words   []string `yaml:"words" required:"true"`
	Topics  []string `yaml:"topics"`
	Not     []string `yaml:"not"`
	Fix     string   `yaml:"fix" required:"true"`
	Offers  []Offer  `yaml:"offers" required:"true"`
	Matches []string `yaml:"matches" required:"true"`
	Misses  []string `yaml:"misses"`

	words, topics, not []terms
}

// Offer is one way to probe: the first whose facts are all known is proposed.
type Offer struct {
	Needs  []string       `yaml:"needs"`
	Each   string         `yaml:"each"`
	Probes []*schema.Node `yaml:"probes" required:"true"`
}

// Words returns the embedded table.
func Words() (*Table, error) { return parseTable(embedded) }

func parseTable(data []byte) (*Table, error) {
	node, err := schema.Parse("words.yaml", data)
	if err != nil {
		return nil, err
	}
	t := &Table{}
	if ps := schema.Decode("words.yaml", node, t); len(ps) > 0 {
		return nil, ps
	}
	for _, s := range t.Synonyms {
		forms, err := parsePhrases([]string{strings.Join(s.Forms, "|")})
		if err != nil {
			return nil, fmt.Errorf("words.yaml: synonyms of %s: %w", s.Word, err)
		}
		same := synonym{word: fold(s.Word)}
		for _, alternative := range forms[0][0] {
			same.forms = append(same.forms, alternative...)
		}
		t.synonyms = append(t.synonyms, same)
	}
	if t.people, err = parsePhrases(t.People); err != nil {
		return nil, fmt.Errorf("words.yaml: people: %w", err)
	}
	for i := range t.Rules {
		r := &t.Rules[i]
		for _, part := range []struct {
			texts []string
			into  *[]terms
		}{{r.Words, &r.words}, {r.Topics, &r.topics}, {r.Not, &r.not}} {
			if *part.into, err = parsePhrases(part.texts); err != nil {
				return nil, fmt.Errorf("words.yaml: rule %s: %w", r.Rule, err)
			}
		}
	}
	return t, nil
}

// terms are a phrase: all of them occur in a line, in any order. A term is a list of alternatives, each of adjacent words.
type terms []term

type term [][]pattern

// pattern is one word, with * for any letters at its start or end.
type pattern struct {
	text        string
	front, back bool // * at the start, at the end
	sure        bool // ! at the end: it decides against ordinary words
}

func parsePhrases(texts []string) ([]terms, error) {
	var all []terms
	for _, text := range texts {
		var p terms
		for _, field := range strings.Fields(text) {
			var t term
			for alternative := range strings.SplitSeq(field, "|") {
				var words []pattern
				for word := range strings.SplitSeq(alternative, "+") {
					word, sure := strings.CutSuffix(word, "!")
					w := pattern{front: strings.HasPrefix(word, "*"), back: strings.HasSuffix(word, "*"), sure: sure}
					w.text = fold(strings.Trim(word, "*"))
					if w.text == "" || strings.IndexFunc(w.text, isSeparator) >= 0 {
						return nil, fmt.Errorf("invalid word %q in %q", word, text)
					}
					words = append(words, w)
				}
				t = append(t, words)
			}
			p = append(p, t)
		}
		all = append(all, p)
	}
	return all, nil
}

// matches reports whether the pattern fits a word of a line or one of its synonyms.
func (w pattern) matches(forms []string) bool { return slices.ContainsFunc(forms, w.fits) }

func (w pattern) fits(word string) bool {
	switch {
	case w.front && w.back:
		return strings.Contains(word, w.text)
	case w.front:
		return strings.HasSuffix(word, w.text)
	case w.back:
		return strings.HasPrefix(word, w.text)
	}
	plural := len(w.text) >= minPlural && len(word) == len(w.text)+1 && word[len(w.text)] == 's'
	return word == w.text || plural && strings.HasPrefix(word, w.text)
}

const minPlural = 4 // letters of a word that also fits with an s

const sureWeight = 40 // more than two ordinary words

// find returns the weight of the term in a text: ten for each word and one for each letter; 0 when it does not occur.
func (t term) find(words [][]string) int {
	best := 0
	for _, alternative := range t {
		for at := 0; at+len(alternative) <= len(words); at++ {
			weight := 0
			for i, w := range alternative {
				if !w.matches(words[at+i]) {
					weight = 0
					break
				}
				if weight += 10 + min(len(w.text), 9); w.sure {
					weight += sureWeight
				}
			}
			best = max(best, weight)
		}
	}
	return best
}

// find returns the weight of the phrase in a text; 0 when one of its terms does not occur.
func (p terms) find(words [][]string) int {
	sum := 0
	for _, t := range p {
		weight := t.find(words)
		if weight == 0 {
			return 0
		}
		sum += weight
	}
	return sum
}

// heaviest returns the largest weight of several phrases in a text.
func heaviest(phrases []terms, words [][]string) int {
	best := 0
	for _, p := range phrases {
		best = max(best, p.find(words))
	}
	return best
}

// Why a rule was chosen.
const (
	byWords   = ""
	byTopic   = "chosen by its topic alone"
	byHeading = "chosen with the words of its heading"
)

// rule returns the rule that fits a line best, and why: by its words, else by its words and those of its heading, else by its
// topic. A heading alone chooses nothing.
func (t *Table) rule(text, heading string) (*Rule, string) {
	words, above := t.read(text), t.read(heading)
	if heaviest(t.people, words) > 0 {
		return nil, ""
	}
	if r := t.best(words, func(r *Rule) int { return heaviest(r.words, words) }); r != nil {
		return r, byWords
	}
	both := slices.Concat(words, [][]string{nil}, above) // no adjacent words across the border
	if r := t.best(words, func(r *Rule) int {
		if w := heaviest(r.words, both); w > heaviest(r.words, above) {
			return w
		}
		return 0
	}); r != nil {
		return r, byHeading
	}
	topic := func(r *Rule) int { return max(heaviest(r.topics, words), heaviest(r.words, words)) }
	return t.best(words, topic), byTopic
}

// read returns the words of a text, each with its synonyms.
func (t *Table) read(text string) [][]string {
	var all [][]string
	for _, word := range wordsOf(strings.ReplaceAll(text, "%", " percent ")) {
		forms := []string{word}
		for _, s := range t.synonyms {
			if slices.ContainsFunc(s.forms, func(p pattern) bool { return p.fits(word) }) {
				forms = append(forms, s.word)
			}
		}
		all = append(all, forms)
	}
	return all
}

// best returns the rule with the largest weight, the first of several, unless the words exclude it.
func (t *Table) best(words [][]string, weight func(*Rule) int) (best *Rule) {
	top := 0
	for i := range t.Rules {
		if r := &t.Rules[i]; heaviest(r.not, words) == 0 {
			if w := weight(r); w > top {
				best, top = r, w
			}
		}
	}
	return best
}

// wordsOf returns the words of a text in lower-case ASCII letters where there are any.
func wordsOf(text string) []string {
	return strings.FieldsFunc(fold(text), isSeparator)
}

func isSeparator(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// fold writes a text in lower case, umlauts as two letters, and letters without their accents.
func fold(text string) string {
	text = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "Ä", "ae", "Ö", "oe", "Ü", "ue", "ẞ", "ss", "æ", "ae", "ø", "o", "ł", "l", "đ", "d").
		Replace(norm.NFC.String(text))
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text)))
}
