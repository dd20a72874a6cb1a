package httpcheck

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpcheck/pagetext"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Tells a document from other content: what it is about, and whether it is a text at all.

// documentWords lists the names of documents in other languages.
//
//go:embed documentwords.txt
var documentWords string

// functionWords lists the words that every text of a language has, one language a line.
//
//go:embed functionwords.txt
var functionWords string

// mentions reports whether a text contains a word, or what stands for it in another language.
func mentions(text, word string) bool {
	text, word = strings.ToLower(text), strings.ToLower(word)
	if strings.Contains(text, word) {
		return true
	}
	for line := range strings.Lines(documentWords) {
		name, others, _ := strings.Cut(line, ":")
		if name != word {
			continue
		}
		for other := range strings.SplitSeq(others, ",") {
			if containsWord(text, strings.TrimSpace(other)) {
				return true
			}
		}
	}
	return false
}

// containsWord reports whether a text contains a name. A short one must be a word of its own: agb.
func containsWord(text, name string) bool {
	const short = 4
	if len(name) > short || name == "" {
		return name != "" && strings.Contains(text, name)
	}
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if field == name {
			return true
		}
	}
	return false
}

// otherContent names content that is not a page of text, "" for a page.
func otherContent(body []byte, contentType string) string {
	trimmed := bytes.TrimSpace(body)
	switch {
	case len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(trimmed), strings.Contains(contentType, "json"):
		return "JSON"
	case isXML(trimmed, contentType):
		return "XML"
	case strings.Contains(contentType, "javascript"), strings.Contains(contentType, "ecmascript"), strings.HasPrefix(contentType, "text/css"),
		strings.HasPrefix(contentType, "text/csv"):
		return "code or data"
	case strings.HasPrefix(contentType, "image/"), strings.HasPrefix(contentType, "video/"), strings.HasPrefix(contentType, "audio/"),
		strings.HasPrefix(contentType, "font/"), bytes.IndexByte(body, 0) >= 0:
		return "binary content"
	}
	broken := 0
	for rest := body; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' {
			broken++
		}
		rest = rest[size:]
	}
	if broken > len(body)/10 {
		return "binary content"
	}
	return ""
}

// isXML reports whether content is XML other than a page.
func isXML(body []byte, contentType string) bool {
	start := bytes.ToLower(body[:min(len(body), 1024)])
	stated := strings.Contains(contentType, "xml") && !strings.Contains(contentType, "xhtml") || bytes.HasPrefix(start, []byte("<?xml"))
	return stated && !bytes.Contains(start, []byte("<html"))
}

// isLoremIpsum reports whether a text is the Latin that designers fill pages with.
func isLoremIpsum(words []string) bool {
	const share = 100 // one word of so many
	n := 0
	for _, w := range words {
		switch strings.ToLower(strings.Trim(w, ".,;:?!")) {
		case "dolor", "ipsum", "voluptatem", "consectetur", "adipisci", "adipiscing", "reprehenderit", "excepteur", "cupidatat", "perspiciatis", "accusantium",
			"doloremque", "laudantium", "aperiam", "explicabo", "voluptas", "aspernatur", "nesciunt", "eiusmod", "occaecat", "occaecati":
			n++
		}
	}
	return n > 2 && n*share > len(words)
}

// isSalad reports whether words form no sentences: too few ends of sentences, or in Latin letters almost none of the
// words that every text of a language has.
func isSalad(words []string) bool {
	const wordsOfSentence, leastShare, enough = 150, 0.03, 100
	if len(words) < enough {
		return false
	}
	best, ends, latin := 0, 0, 0
	count := map[string]int{}
	for _, w := range words {
		if strings.ContainsAny(w, ".!?:;。！？；؟।") {
			ends++
		}
		small := strings.ToLower(strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) }))
		if small != "" && strings.IndexFunc(small, func(r rune) bool { return !unicode.Is(unicode.Latin, r) && unicode.IsLetter(r) }) < 0 {
			latin++
		}
		count[small]++
	}
	if ends*wordsOfSentence < len(words) {
		return true
	}
	for line := range strings.Lines(functionWords) {
		n := 0
		for w := range strings.FieldsSeq(line) {
			n += count[w]
		}
		best = max(best, n)
	}
	return latin > len(words)*3/4 && float64(best) < leastShare*float64(latin)
}

type controlKey struct{ url string }

// softNotFound reports whether a page is what the site returns for paths that do not exist. Two of them show how much
// that page varies.
func softNotFound(ctx context.Context, p *probe.Pass, w *httpclient.Client, site, of string, page pagetext.Text) (bool, error) {
	var controls []pagetext.Text
	for _, control := range []string{
		"/catalyst-exporter-asks-for-a-page-that-does-not-exist",
		strings.TrimSuffix(path.Dir(of), "/") + "/no-such-document-catalyst-exporter-7f3a",
	} {
		a, err := probe.Once(ctx, p, controlKey{site + control}, func(ctx context.Context) (httpclient.Response, error) { return w.Get(ctx, site+control) })
		if err != nil {
			return false, err
		}
		if a.Status == 200 {
			controls = append(controls, readPage(a))
		}
	}
	const most, least, margin = 0.95, 0.7, 0.03
	threshold := most
	if len(controls) == 2 {
		if varies := similarity(controls[0], controls[1]); varies >= least {
			threshold = min(most, max(least, varies-margin))
		}
	}
	for _, c := range controls {
		if similarity(c, page) >= threshold {
			return true, nil
		}
	}
	return false, nil
}

// similarity returns the share of words that two pages have in common.
func similarity(a, b pagetext.Text) float64 {
	count := map[string]int{}
	for _, w := range a.Words {
		count[w]++
	}
	shared := 0
	for _, w := range b.Words {
		if count[w] > 0 {
			count[w]--
			shared++
		}
	}
	longer := max(len(a.Words), len(b.Words))
	if longer == 0 {
		return 0
	}
	return float64(shared) / float64(longer)
}

// judgeText checks that the text of a page is a document, complete and final.
func (s *webPage) judgeText(a httpclient.Response, t pagetext.Text, text string) (probe.Result, pagetext.Text) {
	unpublished := func(format string, args ...any) (probe.Result, pagetext.Text) {
		return probe.Failed(probe.ReasonNotPublished, format, append([]any{s.Path}, args...)...), pagetext.Text{}
	}
	n := t.Count()
	if isSalad(t.Words) {
		return unpublished("%s returned words without sentences instead of a document")
	}
	repeated, most := t.Repeated()
	if own := n - most; own < s.Words/2 {
		return unpublished("%s repeats one sentence: %d words without its repetitions, expected at least %d", own, s.Words)
	}
	if isLoremIpsum(t.Words) {
		return probe.Failed(probe.ReasonPlaceholder, "%s has Latin filler text (lorem ipsum) instead of a document", s.Path), t
	}
	if n := blanks(text); n > 0 {
		return probe.Failed(probe.ReasonPlaceholder, "%s has %s in its text, such as TBD, TODO, lorem ipsum or [COMPANY NAME]", s.Path, phrase.Count(n, "placeholder")), t
	}
	if slices.ContainsFunc(t.Top, draftTitle.MatchString) {
		return probe.Warned(probe.ReasonPlaceholder, "%s is marked as a draft in its title. Publish the final text, or remove the mark", s.Path), t
	}
	if how := notShown(a); how != "" {
		return probe.Warned(probe.ReasonMismatch, "%s is served as %s. Serve it with Content-Type: text/html", s.Path, how), t
	}
	detail := fmt.Sprintf("%s is published: %d words", s.Path, n)
	if own := n - repeated; own < s.Words/2 {
		detail += fmt.Sprintf(", only %d of them without repeated sentences", own)
	}
	if t.Sheets {
		detail += ", unless a style sheet that was not read hides them"
	}
	return probe.Passed("%s", detail), t
}
