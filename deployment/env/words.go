package env

import (
	"bytes"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// The syntax of an env file's values: quotes, escapes, and how a shell would read them. The raw format has neither
// quotes nor escapes.

// quoted returns the text between src's opening quote and its closing quote, and the length including both quotes.
// Backslashes are kept for unescape, except before a quote, where they only escape it.
func quoted(src string) (body string, n int, ok bool) {
	var b strings.Builder
	escaped := false
	for i := 1; i < len(src); i++ {
		c := src[i]
		switch {
		case c == src[0] && !escaped:
			return b.String(), i + 1, true
		case c == src[0]:
			escaped = false
			b.WriteByte(c)
		case c == '\\' && !escaped:
			escaped = true
		default:
			if escaped {
				b.WriteByte('\\')
				escaped = false
			}
			b.WriteByte(c)
		}
	}
	return "", 0, false
}

var escapes = lazyregexp.New(`\\(?:[abcfnrtv$"\\]|0\d{0,3})`)

// unescape resolves the escapes of a double-quoted value. An escaped dollar becomes two, which substitution turns into
// one.
func unescape(text string) string {
	return escapes.ReplaceAllStringFunc(text, func(escape string) string {
		if escape == `\$` {
			return "$$"
		}
		octal := escape
		if strings.HasPrefix(escape, `\0`) {
			octal = `\` + escape[2:]
		}
		r, _, _, err := strconv.UnquoteChar(octal, '"')
		if err != nil {
			return octal
		}
		return string(r)
	})
}

var differs = lazyregexp.New(`\$(\$|[A-Za-z_])`)

// ambiguous reports whether Compose v1, which supports only ${NAME}, reads text differently from v2, which also
// supports $NAME and $$.
func ambiguous(text string) bool { return differs.MatchString(text) }

// shellTrips describes how a shell would read a value differently; "" when it does not.
func shellTrips(text string, quote byte) string {
	switch quote {
	case '\'':
		if strings.Contains(text, "'") {
			return "a single quote cannot be escaped within single quotes"
		}
		return ""
	case '"':
		if strings.Contains(text, "`") || strings.Contains(text, "$(") {
			return "it runs the command in the value"
		}
		return ""
	}
	switch {
	case strings.ContainsFunc(text, unicode.IsSpace):
		return "an unquoted space ends the value, and the rest runs as a command"
	case strings.ContainsAny(text, "`") || strings.Contains(text, "$("):
		return "it runs the command in the value"
	case strings.ContainsAny(text, `;&|<>()`):
		return "an unquoted ; & | < > ( or ) ends the value"
	case strings.ContainsAny(text, `'"`):
		return "it removes quotes inside an unquoted value"
	case strings.Contains(text, `\`):
		return "it removes a backslash in an unquoted value"
	case strings.HasPrefix(text, "~"):
		return "it expands ~ to the home directory"
	case strings.HasPrefix(text, "#"):
		return "it reads the value as a comment"
	}
	return ""
}

// encoding reports faults of the file's bytes, each kind once.
func (s *envScanner) encoding(data []byte) {
	at := func(i int) int { return 1 + bytes.Count(data[:i], []byte("\n")) }
	add := func(i int, text string) {
		s.env.Problems = append(s.env.Problems, Problem{Line: at(i), Kind: ProblemEncoding, Text: text})
	}
	if bytes.HasPrefix(data, []byte("\uFEFF")) {
		add(0, "starts with a byte order mark, which a shell reads as part of the first key")
	}
	if i := bytes.Index(data, []byte("\r\n")); i >= 0 {
		add(i, "lines end in CR LF, and a shell keeps the CR in every value: convert the file with dos2unix")
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		add(i, "contains a NUL byte, which environment variables cannot hold")
	}
	if !utf8.Valid(data) {
		i := 0
		for i < len(data) {
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		add(i, "is not valid UTF-8")
	}
}

// ParseRaw parses an env file in raw format: the value is everything after the first "=" to the end of the line.
func ParseRaw(path, shown string, data []byte, info fs.FileInfo) *File {
	env := &File{Path: path, Name: shown}
	if info != nil {
		env.Mode = info.Mode()
		env.UID, env.GID = owner(info)
	}
	s := &envScanner{values: map[string]string{}, lines: map[string]int{}, env: env}
	s.encoding(data)
	for i, line := range strings.Split(string(bytes.TrimPrefix(data, []byte("\uFEFF"))), "\n") {
		s.line = i + 1
		line = strings.TrimLeftFunc(strings.TrimSuffix(line, "\r"), unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		key, text, found := strings.Cut(line, "=")
		entry := Entry{Key: key, Text: secret.New(text), Line: s.line, End: s.line, Inherited: !found}
		switch {
		case key == "" || strings.ContainsFunc(key, unicode.IsSpace):
			s.problem(Problem{Kind: ProblemSyntax, Fatal: true, Text: "key is empty or contains a space"})
		case len(env.Entries) >= maxEntries:
			s.problem(Problem{Kind: ProblemSyntax, Fatal: true,
				Text: "more than " + strconv.Itoa(maxEntries) + " entries: the rest is ignored"})
			return env
		case entry.Inherited:
			s.inherited(entry)
		default:
			entry.Shell = shellTrips(text, 0)
			s.add(entry)
		}
	}
	return env
}
