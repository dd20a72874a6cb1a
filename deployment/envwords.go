package deployment

// The parts of an env file's lines: quotes, escapes, what a shell would make of a value; and the raw format, which has none of them.

import (
	"bytes"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/thenexusengine/catalyst_exporter/secret"
)

// quoted returns what stands between the quote that src starts with and the one that closes it, and how long that was with its quotes.
// A backslash keeps its meaning for later, but before a quote, where it only protects.
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

var escapes = regexp.MustCompile(`\\(?:[abcfnrtv$"\\]|0\d{0,3})`)

// unescape resolves the escapes of a double-quoted value. An escaped dollar becomes two of them, which substitution turns into one.
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

var differs = regexp.MustCompile(`\$(\$|[A-Za-z_])`)

// ambiguous reports whether Compose v1, which knows ${NAME} alone, reads text differently from v2, which knows $NAME and $$ too.
func ambiguous(text string) bool { return differs.MatchString(text) }

// shellTrips says what a shell would make of a value, in a few words; "" when it reads the same.
func shellTrips(text string, quote byte) string {
	switch quote {
	case '\'':
		if strings.Contains(text, "'") {
			return "a single quote cannot be escaped between single quotes"
		}
		return ""
	case '"':
		if strings.Contains(text, "`") || strings.Contains(text, "$(") {
			return "it would run the command in the value"
		}
		return ""
	}
	switch {
	case strings.ContainsFunc(text, unicode.IsSpace):
		return "an unquoted space ends the value and runs the rest as a command"
	case strings.ContainsAny(text, "`") || strings.Contains(text, "$("):
		return "it would run the command in the value"
	case strings.ContainsAny(text, `;&|<>()`):
		return "an unquoted ; & | < > ( or ) ends the value"
	case strings.ContainsAny(text, `'"`):
		return "quotes inside an unquoted value are taken away"
	case strings.Contains(text, `\`):
		return "a backslash in an unquoted value is taken away"
	case strings.HasPrefix(text, "~"):
		return "~ is the home directory to it"
	case strings.HasPrefix(text, "#"):
		return "the value is a comment to it"
	}
	return ""
}

// encoding reports what is wrong with the bytes themselves, each kind once.
func (s *envScanner) encoding(data []byte) {
	at := func(i int) int { return 1 + bytes.Count(data[:i], []byte("\n")) }
	add := func(i int, text string) {
		s.env.Problems = append(s.env.Problems, Problem{Line: at(i), Kind: ProblemEncoding, Text: text})
	}
	if bytes.HasPrefix(data, []byte("\uFEFF")) {
		add(0, "starts with a byte order mark, which a shell takes for a part of the first key")
	}
	if i := bytes.Index(data, []byte("\r\n")); i >= 0 {
		add(i, "lines end in CR LF, and a shell leaves the CR in every value: convert the file with dos2unix")
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		add(i, "holds a NUL byte, which no environment can carry")
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

// parseRawEnv reads an env file of format raw: everything behind the first "=" is the value, to the end of the line.
func parseRawEnv(path, shown string, data []byte, info fs.FileInfo) *Env {
	env := &Env{Path: path, File: shown}
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
			s.problem(Problem{Kind: ProblemSyntax, Fatal: true, Text: "a key is empty or holds a space"})
		case len(env.Entries) >= maxEntries:
			s.problem(Problem{Kind: ProblemSyntax, Fatal: true, Text: "more than " + strconv.Itoa(maxEntries) + " entries: the rest is not read"})
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
