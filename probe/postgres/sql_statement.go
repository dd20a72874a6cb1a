package postgres

import (
	"errors"
	"slices"
	"strings"
)

// The words of a statement, as far as they decide whether it runs: its first word, and the names that may be functions.
// Text constants and comments do not count.

// statement is what a statement consists of.
type statement struct {
	first  string   // first word, in lower case
	called []string // names before a parenthesis, and after a dot: a.f is f(a) for a row a
}

// parseStatement splits a statement into words. More than one statement is an error; the server refuses it as well.
func parseStatement(text string) (statement, error) {
	var s statement
	var before byte // last byte of the previous token
	ended := false
	for rest := text; ; {
		token, kind, after, err := nextToken(rest)
		if err != nil {
			return s, err
		}
		rest = after
		if kind == tokenEnd {
			if s.first == "" {
				return s, errors.New("query: contains no statement")
			}
			slices.Sort(s.called)
			s.called = slices.Compact(s.called)
			return s, nil
		}
		if ended {
			return s, errors.New("query: contains more than one statement")
		}
		switch {
		case kind == tokenOther && token == ";":
			ended = s.first != ""
		case kind == tokenName:
			if s.first == "" {
				s.first = token
			}
			following, _, _, err := nextToken(rest)
			if err != nil {
				return s, err
			}
			if following == "(" || before == '.' {
				s.called = append(s.called, token)
			}
		case s.first == "" && token != "(":
			return s, errors.New("query: does not begin with a word")
		}
		before = token[len(token)-1]
		if kind != tokenOther {
			before = 'a'
		}
	}
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenText
	tokenOther
)

// nextToken returns the next token and the rest. A name is in lower case unless quoted; other tokens are single bytes.
func nextToken(text string) (token string, kind tokenKind, rest string, err error) {
	text, err = skipSpace(text)
	if err != nil || text == "" {
		return "", tokenEnd, "", err
	}
	escapes := strings.HasPrefix(text, "e'") || strings.HasPrefix(text, "E'")
	switch {
	case text[0] == 0:
		return "", tokenEnd, "", errors.New("query: contains a NUL byte")
	case strings.HasPrefix(strings.ToLower(text), `u&"`), strings.HasPrefix(strings.ToLower(text), `u&'`):
		return "", tokenEnd, "", errors.New("query: Unicode escapes (U&) are not allowed")
	case escapes:
		return quoted(text[1:], true)
	case text[0] == '\'', text[0] == '"':
		return quoted(text, false)
	case text[0] == '$':
		return dollarQuoted(text)
	case isNameByte(text[0]) && !isDigit(text[0]):
		end := 1
		for end < len(text) && (isNameByte(text[end]) || text[end] == '$') {
			end++
		}
		if end > maxName {
			return "", tokenEnd, "", errors.New("query: a name has more than 63 bytes")
		}
		return lower(text[:end]), tokenName, text[end:], nil
	}
	return text[:1], tokenOther, text[1:], nil
}

// maxName is the number of bytes after which PostgreSQL cuts a name.
const maxName = 63

// lower changes ASCII letters only, as PostgreSQL does.
func lower(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, name)
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func isNameByte(b byte) bool {
	return isDigit(b) || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b >= 0x80
}

// skipSpace skips white space and comments, which may be nested.
func skipSpace(text string) (string, error) {
	for {
		text = strings.TrimLeft(text, " \t\r\n\f\v")
		switch {
		case strings.HasPrefix(text, "--"):
			end := strings.IndexAny(text, "\r\n")
			if end < 0 {
				return "", nil
			}
			text = text[end:]
		case strings.HasPrefix(text, "/*"):
			depth, at := 0, 0
			for {
				opened, closed := strings.Index(text[at:], "/*"), strings.Index(text[at:], "*/")
				if closed < 0 {
					return "", errors.New("query: a comment is not closed")
				}
				if opened >= 0 && opened < closed {
					depth, at = depth+1, at+opened+2
					continue
				}
				depth, at = depth-1, at+closed+2
				if depth == 0 {
					break
				}
			}
			text = text[at:]
		default:
			return text, nil
		}
	}
}

// quoted reads a text or a name in quotes. A doubled quote is part of it.
func quoted(text string, escapes bool) (string, tokenKind, string, error) {
	quote := text[0]
	var out []byte
	for i := 1; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case text[i] != quote:
			out = append(out, text[i])
		case i+1 < len(text) && text[i+1] == quote:
			out = append(out, quote)
			i++
		case quote == '"' && (len(out) == 0 || len(out) > maxName):
			return "", tokenEnd, "", errors.New("query: a name is empty or has more than 63 bytes")
		case quote == '"':
			return string(out), tokenName, text[i+1:], nil
		default:
			return "'", tokenText, text[i+1:], nil
		}
	}
	return "", tokenEnd, "", errors.New("query: a quote is not closed")
}

// dollarQuoted reads $tag$text$tag$. Parameters ($1) have no values here.
func dollarQuoted(text string) (string, tokenKind, string, error) {
	end := strings.IndexByte(text[1:], '$')
	if end < 0 || strings.ContainsFunc(text[1:1+end], func(r rune) bool { return r < 0x80 && !isNameByte(byte(r)) }) || end > 0 && isDigit(text[1]) {
		return "", tokenEnd, "", errors.New("query: $ begins neither a quoted text nor a name; parameters are not allowed")
	}
	tag := text[:end+2]
	closed := strings.Index(text[len(tag):], tag)
	if closed < 0 {
		return "", tokenEnd, "", errors.New("query: a quote is not closed")
	}
	return "'", tokenText, text[len(tag)+closed+len(tag):], nil
}
