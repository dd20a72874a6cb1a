package draft

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Names become label values: lower-case ASCII words, the same for the same text wherever it stands in the document.

const maxName = 48

// fillers are words that a name does not need.
func fillers() []string {
	return []string{
		"the", "a", "an", "is", "are", "be", "been", "has", "have", "and", "or", "of", "for", "to", "in", "on", "at", "by", "with", "that", "this", "it", "its", "we", "our", "you", "your", "all",
		"der", "die", "das", "den", "dem", "ein", "eine", "einen", "ist", "sind", "wird", "werden", "wurde", "und", "oder", "von", "fuer", "zu", "im", "am", "mit", "auf", "alle", "wir", "unsere",
	}
}

// slug returns the name of a text; a text without any letter of ASCII gets the word and a digest of it.
func slug(text, word string) string {
	var parts []string
	length := 0
	words := wordsOf(text)
	short := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(fillers(), w) })
	if len(short) == 0 {
		short = words
	}
	for _, w := range short {
		w = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, w)
		if w == "" {
			continue
		}
		if length += len(w) + 1; length > maxName && len(parts) > 0 {
			break
		}
		parts = append(parts, w[:min(len(w), maxName)])
	}
	name := strings.Join(parts, "_")
	switch {
	case name == "" && text == "":
		return word
	case name == "":
		sum := sha256.Sum256([]byte(text))
		return word + "_" + hex.EncodeToString(sum[:4])
	case name[0] >= '0' && name[0] <= '9':
		return word + "_" + name
	}
	return name
}

// namer makes names unique within their category.
type namer map[string]bool

func (n namer) unique(category, name string) string {
	out := name
	for i := 2; n[category+"/"+out]; i++ {
		out = fmt.Sprintf("%s_%d", name, i)
	}
	n[category+"/"+out] = true
	return out
}
