package filecheck

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// lastLine is a rule about the last line of a kind: earlier ones have no effect there.
type lastLine struct {
	Line    string `yaml:"line" required:"true" doc:"regular expression of the lines; the last one that it matches is judged, and there must be one"`
	Matches string `yaml:"matches" doc:"regular expression that the line must match"`
	Lacks   string `yaml:"lacks" doc:"regular expression that the line must not match"`
}

func (l lastLine) validate() []error {
	var errs []error
	for _, text := range []string{l.Line, l.Matches, l.Lacks} {
		if _, err := regexp.Compile(text); err != nil {
			errs = append(errs, fmt.Errorf("last: %w", err))
		}
	}
	if l.Matches == "" && l.Lacks == "" {
		errs = append(errs, errors.New("last: set matches or lacks"))
	}
	return errs
}

// line is a line that counts.
type line struct {
	number int
	text   string
}

// judgeLines applies the rules about lines.
func (s *fileContent) judgeLines(f faults, text string) {
	lines := s.lines(f.file, text)
	find := func(pattern string) (line, bool) {
		re := regexp.MustCompile(pattern) // valid, see Validate
		i := slices.IndexFunc(lines, func(l line) bool { return re.MatchString(l.text) })
		if i < 0 {
			return line{}, false
		}
		return lines[i], true
	}
	for _, pattern := range s.Matches {
		if _, ok := find(pattern); !ok {
			f.add(pattern, 0, probe.ReasonMissing, "%s: no line matches %s", f.file, pattern)
		}
	}
	for _, pattern := range s.Lacks {
		if l, ok := find(pattern); ok {
			f.add(pattern, l.number, probe.ReasonInvalid, "%s:%d matches %s, which no line may", f.file, l.number, pattern)
		}
	}
	for _, rule := range s.Last {
		rule.judge(f, lines)
	}
}

func (l lastLine) judge(f faults, lines []line) {
	re := regexp.MustCompile(l.Line)
	last := line{}
	for _, at := range lines {
		if re.MatchString(at.text) {
			last = at
		}
	}
	switch {
	case last.number == 0:
		f.add(l.Line, 0, probe.ReasonMissing, "%s: no line matches %s", f.file, l.Line)
	case l.Matches != "" && !regexp.MustCompile(l.Matches).MatchString(last.text):
		f.add(l.Line, last.number, probe.ReasonInvalid, "%s:%d is the last line that matches %s, and does not match %s", f.file, last.number, l.Line, l.Matches)
	case l.Lacks != "" && regexp.MustCompile(l.Lacks).MatchString(last.text):
		f.add(l.Line, last.number, probe.ReasonInvalid, "%s:%d is the last line that matches %s, and matches %s", f.file, last.number, l.Line, l.Lacks)
	}
}

// lines returns the lines that count. A line that ends in a backslash is continued where the format does so.
func (s *fileContent) lines(name, text string) []line {
	comments := s.Comment
	if comments == nil {
		comments = commentsOf(name)
	}
	var ignored []*regexp.Regexp
	for _, pattern := range s.Ignore {
		ignored = append(ignored, regexp.MustCompile(pattern))
	}
	joins := isDockerfile(name)
	var all []line
	open := false
	for number, text := range strings.Split(text, "\n") {
		text = strings.TrimSuffix(text, "\r")
		bare := strings.TrimSpace(text)
		if slices.ContainsFunc(comments, func(start string) bool { return start != "" && strings.HasPrefix(bare, start) }) {
			continue
		}
		if open {
			last := &all[len(all)-1]
			last.text = strings.TrimSuffix(strings.TrimRight(last.text, " \t"), `\`) + " " + bare
		} else {
			all = append(all, line{number + 1, text})
		}
		open = joins && strings.HasSuffix(bare, `\`)
	}
	return slices.DeleteFunc(all, func(l line) bool {
		return strings.TrimSpace(l.text) == "" || slices.ContainsFunc(ignored, func(re *regexp.Regexp) bool { return re.MatchString(l.text) })
	})
}

func isDockerfile(name string) bool {
	base := strings.ToLower(path.Base(name))
	return strings.HasPrefix(base, "dockerfile") || strings.HasPrefix(base, "containerfile") || strings.HasSuffix(base, ".dockerfile")
}

// commentsOf returns what starts a comment line in a file of this name.
func commentsOf(name string) []string {
	if isDockerfile(name) {
		return []string{"#"}
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".txt", ".json", ".html", ".csv", "": // a # is text there
		switch base := strings.ToLower(path.Base(name)); base {
		case "makefile", ".env", ".gitignore", ".dockerignore", "codeowners", "gemfile", "procfile":
			return []string{"#"}
		}
		return nil
	case ".sql", ".lua", ".hs":
		return []string{"--"}
	case ".js", ".mjs", ".ts", ".tsx", ".jsx", ".go", ".java", ".kt", ".rs", ".c", ".h", ".cc", ".cpp", ".cs", ".swift", ".scala", ".groovy", ".proto", ".gradle":
		return []string{"//"}
	case ".php", ".tf", ".hcl":
		return []string{"//", "#"}
	case ".ini", ".cfg", ".conf", ".properties", ".service", ".timer":
		return []string{"#", ";", "!"}
	}
	return []string{"#"}
}

// decode returns the text of a file in UTF-8, or in UTF-16 with a byte order mark; false for anything else.
func decode(data []byte) (string, bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		text, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(data)
		if err != nil {
			return "", false
		}
		data = text
	}
	return string(data), utf8.Valid(data) && bytes.IndexByte(data, 0) < 0
}
