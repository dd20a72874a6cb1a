package edit

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Edits of env files. A variable is given by its name and the line of its assignment, since a name may be set twice; without
// a name it is the one that the line sets.

// assignment matches the start of a line that sets a variable: up to the sign, and the value.
var assignment = lazyregexp.New(`^(\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:])(.*)$`)

// variable returns the lines of a variable's assignment, whose value may be quoted over several lines, and the text before the
// value. ok is false if the line does not set it.
func variable(content []byte, key string, line int) (first, last int, before string, ok bool) {
	lines := strings.Split(string(content), "\n")
	if line < 1 || line > len(lines) {
		return 0, 0, "", false
	}
	m := assignment.FindStringSubmatch(strings.TrimRight(lines[line-1], "\r"))
	if m == nil || key != "" && m[2] != key {
		return 0, 0, "", false
	}
	first, last = line, line
	value := strings.TrimLeft(m[3], " \t")
	if value == "" || value[0] != '"' && value[0] != '\'' {
		return first, last, m[1], true
	}
	for rest := value[1:]; !closes(rest, value[0]); rest = lines[last-1] {
		if last == len(lines) {
			return first, first, m[1], true // an open quote: the file is broken already
		}
		last++
	}
	return first, last, m[1], true
}

// closes reports whether text contains a quote that no backslash escapes.
func closes(text string, quote byte) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			return true
		}
	}
	return false
}

// DropVariable removes a variable.
func DropVariable(key string, line int) Edit {
	return atVariable(key, line, func(first, last int, _ string) Edit { return DropLines(first, last) })
}

// CommentVariable comments a variable out.
func CommentVariable(key string, line int) Edit {
	return atVariable(key, line, func(first, last int, _ string) Edit { return CommentLines(first, last) })
}

// SetVariable gives a variable another value, which is written as it is: "" empties it.
func SetVariable(key string, line int, value string) Edit {
	return atVariable(key, line, func(first, last int, before string) Edit {
		return Lines(func(n int, text string) (string, bool) {
			if n == first {
				return before + value, true
			}
			return text, n < first || n > last
		})
	})
}

func atVariable(key string, line int, edit func(first, last int, before string) Edit) Edit {
	return func(content []byte) []byte {
		first, last, before, ok := variable(content, key, line)
		if !ok {
			return content
		}
		return edit(first, last, before)(content)
	}
}
