package env

import (
	"bytes"
	"io/fs"
	"strconv"
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// The scanner of env files. It accepts exactly what Compose's own parser accepts, including its quirks, and keeps what
// that parser drops: the line of each key, its quoting, and how a shell would read it. It continues after an error, so
// that all errors are reported at once. A fuzz test proves that the values match the library's.

const (
	maxEntries  = 10_000
	maxProblems = 100
)

type envScanner struct {
	src    string
	pos    int
	line   int
	values map[string]string
	lines  map[string]int // of the first entry of each key
	expand Expander
	env    *File
}

// Parse parses an env file. It always returns a File; see File.Err.
func Parse(path, shown string, data []byte, info fs.FileInfo) *File {
	env := &File{Path: path, Name: shown}
	if info != nil {
		env.Mode = info.Mode()
		env.UID, env.GID = owner(info)
	}
	s := &envScanner{line: 1, values: map[string]string{}, lines: map[string]int{}, env: env}
	s.expand.Find = func(name string) (string, bool) { v, ok := s.values[name]; return v, ok }
	s.encoding(data)
	s.src = string(bytes.TrimPrefix(data, []byte("\uFEFF")))
	for s.statement() {
		if len(env.Entries) >= maxEntries {
			s.problem(Problem{Kind: ProblemSyntax,
				Text: "more than " + strconv.Itoa(maxEntries) + " entries: the rest is ignored", Fatal: true})
			break
		}
	}
	return env
}

// Read parses the content of an env file that is not on disk, for example from git's history. shown is its name for
// display.
func Read(shown string, data []byte) *File { return Parse(shown, shown, data, nil) }

func (s *envScanner) problem(p Problem) {
	if p.Line == 0 {
		p.Line = s.line
	}
	p.Key = nameable(p.Key)
	if len(s.env.Problems) < maxProblems || p.Fatal && s.env.Err() == nil {
		s.env.Problems = append(s.env.Problems, p)
	}
}

func (s *envScanner) rest() string { return s.src[s.pos:] }

func (s *envScanner) advance(n int) {
	s.line += strings.Count(s.src[s.pos:s.pos+n], "\n")
	s.pos += n
}

// skipLine goes to the start of the next line.
func (s *envScanner) skipLine() {
	if i := strings.IndexByte(s.rest(), '\n'); i >= 0 {
		s.advance(i + 1)
		return
	}
	s.pos = len(s.src)
}

var exportPrefix = lazyregexp.New(`^export\s+`)

// blank is the parser's definition of white space within a line; the numbers are NEL and the no-break space.
func blank(r rune) bool {
	switch r {
	case '\t', '\v', '\f', '\r', ' ', 0x85, 0xA0:
		return true
	}
	return false
}

// statement reads one statement. It returns false at the end of the file.
func (s *envScanner) statement() bool {
	for {
		i := strings.IndexFunc(s.rest(), func(r rune) bool { return !unicode.IsSpace(r) })
		if i < 0 {
			return false
		}
		s.advance(i)
		if s.src[s.pos] != '#' {
			break
		}
		s.skipLine()
	}
	entry := Entry{Line: s.line}
	if exportPrefix.MatchString(s.rest()) {
		entry.Export = true
		s.advance(len("export"))
		s.skipBlank()
	}
	if s.rest() == "" {
		s.problem(Problem{Kind: ProblemSyntax, Text: "export without a key", Fatal: true})
		return false
	}
	if !s.key(&entry) {
		return true
	}
	if entry.Inherited {
		s.inherited(entry)
		return true
	}
	s.value(&entry)
	return true
}

func (s *envScanner) skipBlank() {
	s.advance(len(s.rest()) - len(strings.TrimLeftFunc(s.rest(), blank)))
}

// key reads the key and its separator. After an error it skips to the next line and returns false.
func (s *envScanner) key(entry *Entry) bool {
	src, end, separator := s.rest(), 0, byte(0)
scan:
	for i, r := range src {
		switch {
		case blank(r):
		case r == '=' || r == ':' || r == '\n':
			end, separator = i, byte(r)
			break scan
		case r == '_', r == '.', r == '-', r == '[', r == ']', unicode.IsLetter(r), unicode.IsNumber(r):
		default:
			s.problem(Problem{Kind: ProblemSyntax, Fatal: true,
				Text: "key contains a character other than letters, digits, _ . - [ ]"})
			s.skipLine()
			return false
		}
	}
	raw := src[:end]
	entry.Key = strings.TrimRightFunc(raw, unicode.IsSpace)
	if strings.Contains(entry.Key, " ") {
		s.problem(Problem{Kind: ProblemSyntax, Fatal: true,
			Text: "key contains a space: put the assignment on its own line, or quote the value it belongs to"})
		s.skipLine()
		return false
	}
	if separator == 0 { // the last line, without "=" and line end: the parser reads it as a value without a key
		s.skipBlank()
		return true
	}
	entry.Inherited = separator == '\n'
	switch {
	case separator == ':':
		entry.Shell = "it runs “KEY: value” as a command"
	case raw != entry.Key:
		entry.Shell = "it runs the key as a command because of the space before “=”"
	case !ShellName.MatchString(entry.Key):
		entry.Shell = "the key is not a valid variable name"
	}
	s.advance(end + 1)
	before := s.pos
	s.skipBlank()
	if !entry.Inherited && entry.Shell == "" && s.pos > before && s.rest() != "" && s.src[s.pos] != '\n' && strings.Trim(s.src[before:s.pos], "\r") != "" {
		entry.Shell = "it runs the value as a command because of the space after “=”"
	}
	return true
}

// inherited records a key without a value. The message does not name the key, because it may be the rest of a secret
// that was split over two lines.
func (s *envScanner) inherited(entry Entry) {
	entry.End = entry.Line
	s.env.Entries = append(s.env.Entries, entry)
	if !entry.Export {
		s.problem(Problem{Line: entry.Line, Kind: ProblemStray,
			Text: "a key without “=” takes its value from the environment in which Compose is started"})
	}
}

// nameable returns the key if a message may name it, else "". A line of base64 that ends in "=" is not a variable name,
// but parses as a key.
func nameable(key string) string {
	if ShellName.MatchString(key) {
		return key
	}
	return ""
}

var ShellName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// value reads the value at the current position and adds the entry.
func (s *envScanner) value(entry *Entry) {
	src := s.rest()
	var text string
	if src != "" && (src[0] == '"' || src[0] == '\'') {
		entry.Quote = src[0]
		body, n, ok := quoted(src)
		if !ok {
			s.problem(Problem{Line: s.line, Key: entry.Key, Kind: ProblemSyntax, Fatal: true,
				Text: "quoted value has no closing quote"})
			s.skipLine()
			return
		}
		text = body
		s.advance(n)
		entry.End = s.line
		if entry.Quote == '"' {
			entry.Ambiguous = ambiguous(text) || strings.Contains(text, `\$`)
			text = unescape(text)
		}
		s.afterQuote(entry)
	} else {
		line, _, found := strings.Cut(src, "\n")
		entry.End = s.line
		s.advance(len(line))
		if found {
			s.advance(1)
		}
		text, _, _ = strings.Cut(line, " #")
		text = strings.TrimRightFunc(text, unicode.IsSpace)
		entry.Ambiguous = ambiguous(text)
	}
	if entry.Shell == "" {
		entry.Shell = shellTrips(text, entry.Quote)
	}
	if entry.Quote != '\'' && strings.Contains(text, "$") {
		expanded, err := s.expand.Expand(text)
		if err != nil {
			s.problem(Problem{Line: entry.Line, Key: entry.Key, Kind: ProblemInterpolation, Fatal: true, Text: err.Error()})
			return
		}
		entry.Interpolated, entry.template, entry.Unset = len(s.expand.Used) > 0, text, s.expand.Unset
		text = expanded
	}
	entry.Text = secret.New(text)
	s.add(*entry)
}

func (s *envScanner) add(entry Entry) {
	if first, ok := s.lines[entry.Key]; ok {
		s.problem(Problem{Line: entry.Line, Key: entry.Key, Kind: ProblemDuplicate,
			Text: "already set in line " + strconv.Itoa(first) + ": the later line wins"})
	} else {
		s.lines[entry.Key] = entry.Line
	}
	if entry.Key == "" {
		s.problem(Problem{Line: entry.Line, Kind: ProblemStray, Text: "value without a key"})
	}
	if entry.Shell != "" {
		s.problem(Problem{Line: entry.Line, Key: entry.Key, Kind: ProblemShell,
			Text: "a shell reads the line differently: " + entry.Shell})
	}
	s.values[entry.Key] = entry.Text.Reveal()
	s.env.Entries = append(s.env.Entries, entry)
}

// afterQuote reports text after a closing quote on the same line: the parser starts a new statement there.
func (s *envScanner) afterQuote(entry *Entry) {
	line, _, _ := strings.Cut(s.rest(), "\n")
	if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
		return
	}
	s.problem(Problem{Key: entry.Key, Kind: ProblemStray, Text: "text after the closing quote is read as a new key"})
	if entry.Shell == "" {
		entry.Shell = "text follows the closing quote"
	}
}
