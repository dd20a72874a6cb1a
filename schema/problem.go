package schema

// The format of a problem: one line of text, whatever it contains.

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one fault in a document.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0 when unknown
	Path         string // deployment.postgres.port; "" is the whole document
	Message      string
	Hint         string // the remedy: did you mean "port"?
}

// Error returns FILE:LINE:COLUMN: path: message (hint) on one line, without unknown parts.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		if p.File != "" {
			b.WriteByte(':')
		}
		b.WriteString(strconv.Itoa(p.Line))
		if p.Column > 0 {
			b.WriteString(":" + strconv.Itoa(p.Column))
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return printable(b.String())
}

// Problems are all faults of a document, sorted by line. As an error they print one per line.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns ps as an error, nil when there is no problem.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Sorted returns ps by file, line and column, otherwise in their order, without duplicates. An alias repeats a problem
// at one position under several paths that end in the same key: only the first is kept.
func (ps Problems) Sorted() Problems {
	return ps.distinct(func(p Problem) Problem {
		if p.Line > 0 {
			p.Path = lastOf(p.Path)
		}
		return p
	})
}

// distinct sorts ps and keeps the first of those with equal identity.
func (ps Problems) distinct(identity func(Problem) Problem) Problems {
	out := slices.Clone(ps)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	seen := make(map[Problem]bool, len(out))
	return slices.DeleteFunc(out, func(p Problem) bool {
		id := identity(p)
		twice := seen[id]
		seen[id] = true
		return twice
	})
}

// lastOf returns the last key of a path.
func lastOf(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// Problemf returns a problem at n.
func Problemf(file, path string, n *Node, format string, args ...any) Problem {
	p := Problem{File: file, Path: path, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
	}
	return p
}

// Field returns the path of a key below path.
func Field(path, key string) string {
	plain := key != ""
	for _, r := range key {
		plain = plain && (r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r))
	}
	switch {
	case !plain || len(key) > quoteLimit:
		return path + "[" + quote(key) + "]"
	case path == "":
		return key
	default:
		return path + "." + key
	}
}

// Index returns the path of a list's entry below path, counted from 0.
func Index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// maxProblems limits the problems reported for one document.
const maxProblems = 1000

// notebook collects problems up to maxProblems.
type notebook struct {
	file     string
	problems Problems
}

func (b *notebook) full() bool { return len(b.problems) > maxProblems }

func (b *notebook) add(ps ...Problem) {
	for _, p := range ps {
		switch {
		case b.full():
			return
		case len(b.problems) == maxProblems:
			// The last possible line, so that it sorts last.
			p = Problem{File: b.file, Line: math.MaxInt, Message: "further problems are omitted"}
		}
		b.problems = append(b.problems, p)
	}
}

// sorted returns the collected problems, nil for none.
func (b *notebook) sorted() Problems {
	if len(b.problems) == 0 {
		return nil
	}
	out := b.problems.Sorted()
	if last := &out[len(out)-1]; last.Line == math.MaxInt {
		last.Line = 0
	}
	return out
}

// quoteLimit is the maximum length of a quoted word, in characters.
const quoteLimit = 40

// quote quotes a word, truncated, with control characters escaped.
func quote(s string) string {
	count := 0
	for i := range s {
		if count == quoteLimit {
			return strconv.Quote(s[:i]) + "…"
		}
		count++
	}
	return strconv.Quote(s)
}

// nameOf cuts a key where it stops being a name: a line such as "root:HASH:20000:" of another kind of file is a key too.
func nameOf(key string) string {
	i := strings.IndexFunc(key, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-. ", r)
	})
	if i < 0 {
		return key
	}
	return key[:i] + "…"
}

// printable escapes characters that would break the line or manipulate a terminal.
func printable(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// among lists words for display, truncated after a dozen.
func among(words []string) string {
	const most = 12
	if len(words) > most {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(", … (%d in all)", len(words))
	}
	return strings.Join(words, ", ")
}
