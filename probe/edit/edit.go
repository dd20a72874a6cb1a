// Package edit breaks the content of a file the way people and tools do: a value is removed, emptied or commented out, a key
// of a YAML file is dropped, a file is cut in half. Edits are pure; they read and write no file.
package edit

import (
	"bytes"
	"strings"
)

// Edit returns the changed content of a file; nil deletes the file. Content that it returns unchanged could not be broken
// this way. It must not modify its argument.
type Edit func(content []byte) []byte

// Delete deletes the file.
func Delete([]byte) []byte { return nil }

// Empty leaves a file without content.
func Empty([]byte) []byte { return []byte{} }

// Half cuts a file in half, as a full disk or an aborted upload does.
func Half(content []byte) []byte { return bytes.Clone(content[:len(content)/2]) }

// Content replaces the whole file.
func Content(text string) Edit { return func([]byte) []byte { return []byte(text) } }

// Replace replaces every occurrence of a text.
func Replace(old, with string) Edit {
	return func(content []byte) []byte { return bytes.ReplaceAll(content, []byte(old), []byte(with)) }
}

// Append adds text at the end, on a line of its own.
func Append(text string) Edit {
	return func(content []byte) []byte {
		b := bytes.Clone(content)
		if len(b) > 0 && b[len(b)-1] != '\n' {
			b = append(b, '\n')
		}
		return append(b, text...)
	}
}

// Lines replaces each line by what change returns for its number, from 1, and its text without the end of the line. A line
// for which keep is false is dropped.
func Lines(change func(number int, line string) (changed string, keep bool)) Edit {
	return func(content []byte) []byte {
		var b strings.Builder
		number := 0
		for line := range strings.Lines(string(content)) {
			number++
			text := strings.TrimRight(line, "\r\n")
			changed, keep := change(number, text)
			if keep {
				b.WriteString(changed + line[len(text):])
			}
		}
		return []byte(b.String())
	}
}

// DropLines drops the lines from first to last, both included and counted from 1.
func DropLines(first, last int) Edit {
	return Lines(func(n int, line string) (string, bool) { return line, n < first || n > last })
}

// CommentLines writes a # before the lines from first to last.
func CommentLines(first, last int) Edit {
	return Lines(func(n int, line string) (string, bool) {
		if n < first || n > last {
			return line, true
		}
		return "# " + line, true
	})
}
