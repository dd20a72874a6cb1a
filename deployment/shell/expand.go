package shell

// Expands words with what is known of the environment.

import (
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// field is a word while it is put together.
type field struct {
	Word
	started bool // it exists even when it is empty
	parts   int
}

// add appends a part to the field.
func (f *field) add(w Word) {
	f.started = true
	f.parts++
	if f.parts == 1 {
		f.Word = w
		return
	}
	f.Text += w.Text
	f.Unknown = f.Unknown || w.Unknown
	f.Name, f.File = "", ""
}

// fields expands a word as an argument: unquoted values are split at blanks and disappear when they are empty.
func (s *script) fields(w *syntax.Word) []Word {
	var all []Word
	var f field
	end := func() {
		if f.started {
			all = append(all, f.Word)
		}
		f = field{}
	}
	for _, part := range w.Parts {
		if list, ok := s.arguments(part); ok {
			for i, a := range list {
				if i > 0 {
					end()
				}
				f.add(a)
			}
			continue
		}
		value, quoted := s.part(part)
		switch {
		case quoted || value.Unknown:
			f.add(value)
		case !strings.ContainsAny(value.Text, " \t\n"):
			if value.Text != "" {
				f.add(value)
			}
		default:
			if strings.TrimLeft(value.Text, " \t\n") != value.Text {
				end()
			}
			words := strings.Fields(value.Text)
			for i, text := range words {
				if i > 0 {
					end()
				}
				f.add(Word{Text: text})
			}
			if strings.TrimRight(value.Text, " \t\n") != value.Text {
				end()
			}
		}
	}
	end()
	return all
}

// arguments returns the expansion of "$@" and $@.
func (s *script) arguments(part syntax.WordPart) ([]Word, bool) {
	if q, ok := part.(*syntax.DblQuoted); ok && len(q.Parts) == 1 {
		part = q.Parts[0]
	}
	p, ok := part.(*syntax.ParamExp)
	if !ok || p.Param == nil || p.Param.Value != "@" || p.Exp != nil || p.Length || p.Slice != nil {
		return nil, false
	}
	return s.positional[min(1, len(s.positional)):], true
}

// text expands a word where it is not split: a value that is assigned, or the default of a variable.
func (s *script) text(w *syntax.Word) Word {
	var f field
	for _, part := range w.Parts {
		value, _ := s.part(part)
		f.add(value)
	}
	return f.Word
}

// part expands one part of a word; quoted is false for a value that the shell splits.
func (s *script) part(part syntax.WordPart) (value Word, quoted bool) {
	switch part := part.(type) {
	case *syntax.Lit:
		if strings.HasPrefix(part.Value, "~") {
			return Word{Unknown: true}, true
		}
		return Word{Text: unescaped(part.Value, "")}, true
	case *syntax.SglQuoted:
		return Word{Text: part.Value, Unknown: part.Dollar && strings.Contains(part.Value, `\`)}, true
	case *syntax.DblQuoted:
		f := field{}
		for _, inner := range part.Parts {
			if lit, ok := inner.(*syntax.Lit); ok {
				f.add(Word{Text: unescaped(lit.Value, "$`\"\\\n")})
				continue
			}
			value, _ := s.part(inner)
			f.add(value)
		}
		return f.Word, true
	case *syntax.ParamExp:
		return s.parameter(part), false
	case *syntax.CmdSubst:
		return s.output(part), false
	}
	return Word{Unknown: true}, true
}

// unescaped removes backslashes: before any character, or inside quotes only before those of special.
func unescaped(text, special string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (special == "" || strings.IndexByte(special, text[i+1]) >= 0) {
			i++
			if text[i] == '\n' {
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// parameter expands $NAME and ${NAME…}.
func (s *script) parameter(p *syntax.ParamExp) Word {
	unknown := Word{Unknown: true}
	if p.Param == nil || p.Excl || p.Length || p.Width || p.IsSet || p.Index != nil || p.Slice != nil || p.Repl != nil || p.Names != 0 || p.NestedParam != nil || len(p.Modifiers) > 0 {
		return unknown
	}
	value, set, known := s.variable(p.Param.Value)
	if p.Exp == nil {
		if !known {
			value.Unknown = true
		}
		return value
	}
	if !known && value.File == "" {
		return unknown
	}
	there := set && (value.Text != "" || value.File != "")
	other := func() Word {
		if p.Exp.Word == nil {
			return Word{}
		}
		return s.text(p.Exp.Word)
	}
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.AssignUnset:
		there = set
		fallthrough
	case syntax.DefaultUnsetOrNull, syntax.AssignUnsetOrNull:
		if there {
			return value
		}
		value = other()
		if p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull {
			s.vars[p.Param.Value] = shellVar{value: value, exported: s.isExported(p.Param.Value)}
		}
		return value
	case syntax.ErrorUnset:
		there = set
		fallthrough
	case syntax.ErrorUnsetOrNull:
		if there {
			return value
		}
		s.undecided("a shell stops because " + p.Param.Value + " is not set")
		return unknown
	case syntax.AlternateUnset:
		there = set
		fallthrough
	case syntax.AlternateUnsetOrNull:
		if there {
			return other()
		}
		return Word{}
	}
	return unknown
}

// variable returns the value of a variable or positional parameter.
func (s *script) variable(name string) (value Word, set, known bool) {
	if n, err := strconv.Atoi(name); err == nil {
		if n < 0 || n >= len(s.positional) {
			return Word{}, false, true
		}
		return s.positional[n], true, !s.positional[n].Unknown
	}
	if strings.ContainsAny(name, "*#?$!-_@") && len(name) == 1 {
		return Word{Unknown: true}, true, false
	}
	if v, ok := s.vars[name]; ok {
		return v.value, !v.unset, !v.value.Unknown
	}
	text, set, known := s.env(name)
	if !set && slices.Contains([]string{"HOME", "PATH", "HOSTNAME", "PWD", "USER", "SHELL", "RANDOM", "PPID", "UID", "IFS"}, name) {
		known = false // of the image or the shell
	}
	return Word{Text: text, Name: name, Unknown: !known}, set, known
}

// output evaluates $(cat FILE); what other commands print is unknown.
func (s *script) output(c *syntax.CmdSubst) Word {
	unknown := Word{Unknown: true}
	if len(c.Stmts) != 1 {
		return unknown
	}
	stmt := c.Stmts[0]
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	var file *syntax.Word
	switch {
	case stmt.Cmd == nil && len(stmt.Redirs) == 1 && stmt.Redirs[0].Op == syntax.RdrIn:
		file = stmt.Redirs[0].Word
	case ok && len(call.Args) == 2 && len(call.Assigns) == 0 && base(Word{Text: call.Args[0].Lit()}) == "cat":
		file = call.Args[1]
	case ok && len(call.Args) == 1 && call.Args[0].Lit() == "cat" && len(stmt.Redirs) == 1 && stmt.Redirs[0].Op == syntax.RdrIn:
		file = stmt.Redirs[0].Word
	default:
		return unknown
	}
	if name := s.text(file); !name.Unknown && strings.HasPrefix(name.Text, "/") {
		return Word{File: name.Text, Unknown: true}
	}
	return unknown
}
