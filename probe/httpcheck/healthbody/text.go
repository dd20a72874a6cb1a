package healthbody

import (
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Reads health reports that are plain text: Kubernetes' verbose format, lines or lists of keys and words, a sentence.

// kubernetesLine matches one check of Kubernetes' verbose format.
var kubernetesLine = lazyregexp.New(`(?m)^\[([+-])\]([^ \r\n]+) `)

var kubernetesRest = lazyregexp.New(`(?m)^\[[+-]\].*$`)

// textLine matches one line of a text report: database: ok.
var textLine = lazyregexp.New(`^[ \t]*([A-Za-z][A-Za-z0-9_. -]{0,40}?)[ \t]*[:=][ \t]+(\S.*)$`)

// readText adds the content of a body that is not JSON; false when it has no status.
func (r *Report) readText(text string) bool {
	text = strings.TrimSpace(text)
	if lines := kubernetesLine.FindAllStringSubmatch(text, -1); lines != nil {
		for _, l := range lines {
			word := "ok"
			if l[1] == "-" {
				word = "failed"
			}
			r.parts.note(partName(l[2]), Component{word: word, object: true})
		}
		if rest := strings.TrimSpace(kubernetesRest.ReplaceAllString(text, "")); rest != "" {
			if p := judgeSentence(rest); p.standing == bad {
				r.whole = append(r.whole, statusWord{"", rest})
			}
		}
		return true
	}
	if text == "" || strings.ContainsAny(text[:1], `{["<`) { // broken JSON or HTML
		return false
	}
	members := textList(text)
	if members == nil {
		members = textMembers(text)
	}
	if members != nil {
		r.read(members)
		return r.HasStatus()
	}
	p := judgeSentence(text)
	if p.standing != silent {
		r.whole = append(r.whole, statusWord{sentence, text})
	}
	return p.standing != silent
}

// sentence is the key of a status that is a text of its own and may name its subject.
const sentence = "text"

// textMembers returns the lines of a text as the members of an object; nil unless every line has a key and a value.
func textMembers(text string) object {
	var members object
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		m := textLine.FindStringSubmatch(line)
		if m == nil {
			return nil
		}
		if key := strings.ToLower(m[1]); isHealthyWord(key) && judgeSentence(line).good() { // OK: 3 ms
			return nil
		}
		members = append(members, member{m[1], m[2]})
	}
	return members
}

// textList returns the members of a text of one line: OK - database: ok, redis: ok, or database=ok redis=ok.
func textList(text string) object {
	if strings.ContainsAny(text, "\r\n") {
		return nil
	}
	var members object
	if head, tail, found := strings.Cut(text, " - "); found && judgeStatus(head).standing != silent {
		members, text = append(members, member{"status", head}), tail
	}
	split := func(r rune) bool { return r == ',' || r == ';' || r == '|' }
	if !strings.ContainsFunc(text, split) {
		split = unicode.IsSpace
	}
	items := 0
	for item := range strings.FieldsFuncSeq(text, split) {
		m := listItem.FindStringSubmatch(strings.TrimSpace(item))
		if m == nil {
			return nil
		}
		items++
		members = append(members, member{m[1], m[2]})
	}
	if items < 2 {
		return nil
	}
	return members
}

// listItem matches one item of a text list.
var listItem = lazyregexp.New(`^([A-Za-z][A-Za-z0-9_.-]{0,40})[ \t]*[:=][ \t]*([^:=\s][^:=]*)$`)
