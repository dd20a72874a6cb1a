package filecheck

import (
	"context"
	"path"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
	"github.com/thenexusengine/catalyst_exporter/probe/valuerule"
)

// maxBroken bounds the files that are broken.
const maxBroken = 5

// breakages of files: gone, empty, without a required line, with a forbidden one, and each value removed.
func (s *fileContent) breakages(view *deployment.View) (all []probe.Breakage) {
	found, err := filesearch.Search(context.Background(), view.Deployment, s.Path, s.Except)
	if err != nil {
		return nil
	}
	if s.Absent {
		if name := strings.NewReplacer("**/", "", "**", "made", "*", "made", "?", "x").Replace(s.Path); !strings.ContainsAny(name, `[\`) && len(found) == 0 {
			all = append(all, probe.Breakage{Name: "file created", File: name, Edit: edit.Content("made\n")})
		}
		return all
	}
	for i, file := range found {
		if i == maxBroken {
			break
		}
		if len(found) == 1 {
			all = append(all, probe.Breakage{Name: "file deleted", File: file, Edit: edit.Delete})
		}
		if s.MinSize > 0 || len(s.Matches)+len(s.Last) > 0 {
			all = append(all, probe.Breakage{Name: "file emptied", File: file, Edit: edit.Empty})
		}
		if s.Mode != "" {
			all = append(all, probe.Breakage{Name: "open to all users", File: file, Mode: 0o777})
		}
		if s.SHA256 != "" {
			all = append(all, probe.Breakage{Name: "one line more", File: file, Edit: edit.Append("more\n")})
		}
		all = append(all, s.breakLines(file)...)
		for _, rule := range s.Values {
			all = append(all, s.breakValue(file, rule)...)
		}
	}
	return all
}

// breakLines returns the breakages of the rules about lines.
func (s *fileContent) breakLines(file string) (all []probe.Breakage) {
	drop := func(what, pattern string) {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return
		}
		all = append(all, probe.Breakage{Name: what + " removed", File: file, Edit: edit.Lines(func(_ int, line string) (string, bool) {
			return line, !re.MatchString(line)
		})})
		if marks := s.commentMarks(file); len(marks) > 0 {
			all = append(all, probe.Breakage{Name: what + " commented out", File: file, Edit: edit.Lines(func(_ int, line string) (string, bool) {
				if re.MatchString(line) {
					return marks[0] + " " + line, true
				}
				return line, true
			})})
		}
	}
	add := func(what, pattern string) {
		if text, ok := example(pattern); ok {
			all = append(all, probe.Breakage{Name: what + " added", File: file, Edit: edit.Append(text + "\n")})
		}
	}
	for _, pattern := range s.Matches {
		drop("line that matches "+pattern, pattern)
	}
	for _, pattern := range s.Lacks {
		add("line that matches "+pattern, pattern)
	}
	for _, rule := range s.Last {
		drop("line that matches "+rule.Line, rule.Line)
	}
	return all
}

func (s *fileContent) commentMarks(file string) []string {
	if s.Comment != nil {
		return s.Comment
	}
	return commentsOf(path.Base(file))
}

// breakValue returns the breakages of one value of a YAML or JSON file at a plain path.
func (s *fileContent) breakValue(file string, rule valuerule.Rule) []probe.Breakage {
	format := s.Format
	if format == "" {
		format = strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(path.Ext(file)), ".yml", ".yaml"), ".")
	}
	if rule.Absent || format != "yaml" && format != "json" || strings.ContainsAny(rule.At, `*["`) {
		return nil
	}
	at := strings.Split(rule.At, ".")
	return []probe.Breakage{
		{Name: rule.At + ": removed", File: file, Edit: edit.DropYAML(at...)},
		{Name: rule.At + ": set to null", File: file, Edit: edit.SetYAML("null", at...)},
	}
}

// example returns a short text that a regular expression matches; ok is false where none is found.
func example(pattern string) (text string, ok bool) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	text = shortest(parsed.Simplify())
	re, err := regexp.Compile(pattern)
	return text, err == nil && re.MatchString(text) && !strings.Contains(text, "\n")
}

// shortest returns a text for an expression, ignoring what surrounds it.
func shortest(re *syntax.Regexp) string {
	var b strings.Builder
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			b.WriteRune(printable(re.Rune))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		b.WriteString(shortest(re.Sub[0]))
	case syntax.OpRepeat:
		b.WriteString(strings.Repeat(shortest(re.Sub[0]), re.Min))
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			b.WriteString(shortest(sub))
		}
	case syntax.OpAlternate:
		b.WriteString(shortest(re.Sub[0]))
	}
	return b.String()
}

// printable returns a character of a class, a letter, digit or blank if it has one.
func printable(ranges []rune) rune {
	for _, want := range "x0 -_./A" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	return ranges[0]
}
