package shell

// Evaluates the commands of a script in order, as far as they are the same on every run.

import (
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// script is the state of one evaluation.
type script struct {
	env        Lookup
	files      Files
	vars       map[string]shellVar
	positional []Word // $0 first
	program    Program
	done       bool // exec or exit: nothing after it runs
}

// shellVar is a variable that the script has set or removed.
type shellVar struct {
	value    Word
	exported bool
	unset    bool
}

// maxScript limits the scripts that are parsed.
const maxScript = 64 << 10

func (s *script) run(text, shell string, positional []Word, depth int) {
	s.program.Script += text + "\n"
	if len(text) > maxScript {
		s.opaque("a very long shell script")
		return
	}
	variant := syntax.LangPOSIX
	if shell == "bash" || shell == "zsh" || shell == "ksh" {
		variant = syntax.LangBash
	}
	file, err := syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(text), "")
	if err != nil && variant == syntax.LangPOSIX { // busybox and dash know parts of it
		file, err = syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	}
	if err != nil {
		s.opaque("a shell script that cannot be parsed")
		return
	}
	s.positional = positional
	if len(positional) == 0 {
		s.positional = []Word{{Text: shell}}
	}
	s.statements(file.Stmts, depth, true)
}

// interpreter matches the first line of a shell script.
var interpreter = lazyregexp.New(`^#!\s*\S*/(?:env\s+)?((?:ba|da|a|k|z)?sh)\b`)

// file returns the text of a shell script that the deployment mounts, and the shell that runs it.
func (s *script) file(name Word) (shell, text string, ok bool) {
	if s.files == nil || name.Unknown || !strings.HasPrefix(name.Text, "/") {
		return "", "", false
	}
	if text, ok = s.files(name.Text); !ok {
		return "", "", false
	}
	m := interpreter.FindStringSubmatch(text)
	if m == nil {
		return "", "", false
	}
	return m[1], text, true
}

// statements runs commands in order; last is false where more commands follow the list.
func (s *script) statements(all []*syntax.Stmt, depth int, last bool) {
	for i, stmt := range all {
		if s.done || s.program.Unknown != "" {
			return
		}
		s.statement(stmt, depth, last && i == len(all)-1)
	}
}

func (s *script) statement(stmt *syntax.Stmt, depth int, last bool) {
	if stmt.Background || stmt.Coprocess || stmt.Disown {
		if !isHarmless(stmt) {
			s.undecidedBy(stmt, "a program in the background of a shell")
		}
		return
	}
	switch cmd := stmt.Cmd.(type) {
	case nil: // only a redirection
	case *syntax.CallExpr:
		s.call(cmd, depth)
	case *syntax.DeclClause:
		s.declare(cmd)
	case *syntax.Block:
		s.statements(cmd.Stmts, depth, last)
	case *syntax.BinaryCmd:
		s.binary(stmt, cmd, depth, last)
	default:
		if isHarmless(stmt) {
			return
		}
		s.undecidedBy(stmt, "the command of a shell branches, loops or defines functions")
	}
}

// binary evaluates A && B, A || B and A | B.
func (s *script) binary(stmt *syntax.Stmt, cmd *syntax.BinaryCmd, depth int, last bool) {
	switch {
	case isHarmless(cmd.Y) && cmd.Op != syntax.AndStmt: // a || exit 1, redis-server | tee log
		s.statement(cmd.X, depth, last)
	case isHarmless(cmd.X) && cmd.Op == syntax.Pipe, cmd.Op == syntax.AndStmt && (isHarmless(cmd.Y) || succeeds(cmd.X) || last && !isTest(cmd.X)):
		s.statement(cmd.X, depth, false)
		if !s.done && s.program.Unknown == "" {
			s.statement(cmd.Y, depth, last)
		}
	default:
		s.undecidedBy(stmt, "the command of a shell depends on a condition")
	}
}

// call evaluates a simple command.
func (s *script) call(cmd *syntax.CallExpr, depth int) {
	var args []Word
	for i, w := range cmd.Args {
		if first := cmd.Args[0].Lit(); i > 0 && (first == "export" || first == "readonly") && s.exportOf(w) {
			continue
		}
		args = append(args, s.fields(w)...)
	}
	if len(args) == 0 {
		for _, a := range cmd.Assigns {
			s.assign(a, s.isExported(a.Name.Value))
		}
		return
	}
	if len(cmd.Assigns) > 0 { // for this command alone
		before := maps.Clone(s.vars)
		for _, a := range cmd.Assigns {
			s.assign(a, true)
		}
		if s.command(args, depth); !s.done {
			s.vars = before
		}
		return
	}
	s.command(args, depth)
}

// finish keeps the variables of the program that was started, since later commands may change them.
func (s *script) finish() { s.program.Vars = s.exportedNow() }

// command runs a command with its arguments.
func (s *script) command(args []Word, depth int) {
	name := args[0].Text
	switch {
	case args[0].Unknown:
		s.opaque("a command of a shell that depends on a variable")
	case name == "exec":
		rest := args[1:]
		for len(rest) > 0 && strings.HasPrefix(rest[0].Text, "-") {
			rest = wrapper{options: "a"}.skip(rest)
		}
		if len(rest) > 0 {
			s.launch(rest, depth)
			s.done = true
		}
	case name == "command" || name == "builtin":
		if len(args) > 1 && !strings.HasPrefix(args[1].Text, "-") {
			s.command(args[1:], depth)
		}
	case name == "." || name == "source" || name == "eval" || name == "alias":
		s.opaque("a shell sources a file or evaluates text")
	case name == "trap" || name == "read" || name == "getopts" || name == "shift":
		s.undecided("a shell command with " + name)
	case name == "set":
		s.set(args[1:])
	case name == "export" || name == "readonly":
		for _, a := range args[1:] {
			s.export(a)
		}
	case name == "unset":
		for _, a := range args[1:] {
			s.vars[a.Text] = shellVar{unset: true, exported: true}
		}
	case name == "exit" || name == "return":
		s.done = true
	case slices.Contains(harmless(), base(args[0])):
	default:
		s.launch(args, depth)
	}
}

// launch records a program. The last one of a script counts: those before it prepare the start.
func (s *script) launch(args []Word, depth int) {
	s.program.Args = nil
	s.start(args, depth+1)
	s.finish()
}

// set evaluates the arguments of set.
func (s *script) set(args []Word) {
	for i, a := range args {
		switch {
		case a.Text == "--":
			s.positional = append(slices.Clip(s.positional[:1]), args[i+1:]...)
			return
		case strings.HasPrefix(a.Text, "-") && strings.Contains(a.Text, "a") || a.Text == "allexport":
			s.opaque("a shell exports every variable")
		case !strings.HasPrefix(a.Text, "-") && !strings.HasPrefix(a.Text, "+") && (i == 0 || !strings.HasSuffix(args[i-1].Text, "o")):
			s.positional = append(slices.Clip(s.positional[:1]), args[i:]...)
			return
		}
	}
}

// exportOf evaluates an argument NAME=value of export, whose value may be the content of a file.
func (s *script) exportOf(w *syntax.Word) bool {
	lit, ok := w.Parts[0].(*syntax.Lit)
	if !ok {
		return false
	}
	m := assignment.FindString(lit.Value)
	if m == "" {
		return false
	}
	value := &syntax.Word{Parts: w.Parts[1:]}
	if rest := lit.Value[len(m):]; rest != "" {
		value.Parts = append([]syntax.WordPart{&syntax.Lit{Value: rest}}, value.Parts...)
	}
	s.vars[m[:len(m)-1]] = shellVar{value: s.text(value), exported: true}
	return true
}

// export evaluates one argument of export.
func (s *script) export(w Word) {
	if m := assignment.FindString(w.Text); m != "" { // "NAME=value", in quotes
		w.Text = w.Text[len(m):]
		s.vars[m[:len(m)-1]] = shellVar{value: w, exported: true}
		return
	}
	if v, ok := s.vars[w.Text]; ok {
		v.exported = true
		s.vars[w.Text] = v
	}
}

func (s *script) declare(cmd *syntax.DeclClause) {
	exports := cmd.Variant.Value == "export" || cmd.Variant.Value == "readonly"
	for _, a := range cmd.Args {
		switch {
		case a.Name == nil: // an option
			if a.Value != nil && strings.Contains(a.Value.Lit(), "x") {
				exports = true
			}
		case a.Naked:
			s.export(Word{Text: a.Name.Value})
		default:
			s.assign(a, exports || s.isExported(a.Name.Value))
		}
	}
}

func (s *script) assign(a *syntax.Assign, exported bool) {
	value := Word{}
	switch {
	case a.Append || a.Array != nil || a.Index != nil:
		value.Unknown = true
	case a.Value != nil:
		value = s.text(a.Value)
	}
	s.vars[a.Name.Value] = shellVar{value: value, exported: exported}
}

// isExported reports whether a variable is part of the environment: assigning it changes the environment.
func (s *script) isExported(name string) bool {
	if v, ok := s.vars[name]; ok {
		return v.exported
	}
	_, set, known := s.env(name)
	return set || !known
}

// exported returns the variables that the program gets from the command line.
func (s *script) exported() []Variable {
	if s.program.Vars != nil {
		return s.program.Vars
	}
	return s.exportedNow()
}

func (s *script) exportedNow() []Variable {
	all := []Variable{}
	for _, name := range slices.Sorted(maps.Keys(s.vars)) {
		if v := s.vars[name]; v.exported {
			all = append(all, Variable{Name: name, Value: v.value, Unset: v.unset})
		}
	}
	return all
}

// undecidedBy records an undecided statement.
func (s *script) undecidedBy(stmt *syntax.Stmt, why string) {
	s.undecided(why)
	syntax.Walk(stmt, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.CallExpr); ok && len(c.Args) > 0 {
			switch c.Args[0].Lit() {
			case ".", "source", "eval":
				s.program.Opaque = true
			}
		}
		return true
	})
}

// harmless are commands that neither start the service's program nor change what it gets.
func harmless() []string {
	return []string{
		":", "true", "false", "echo", "printf", "sleep", "wait", "test", "[", "[[", "mkdir", "chown", "chmod", "cd", "touch", "ls", "cat", "date",
		"umask", "ulimit", "sysctl", "exit", "tee", "grep", "pg_isready", "nc", "curl", "wget", "rm", "cp", "mv", "ln", "id", "whoami", "hostname",
	}
}

// isHarmless reports whether a statement has only harmless commands, whatever its branches.
func isHarmless(stmt *syntax.Stmt) bool {
	ok := true
	syntax.Walk(stmt, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CallExpr:
			ok = ok && len(n.Assigns) == 0 && len(n.Args) > 0 && slices.Contains(harmless(), n.Args[0].Lit())
		case *syntax.DeclClause, *syntax.FuncDecl, *syntax.LetClause, *syntax.CoprocClause:
			ok = false
		}
		return ok
	})
	return ok
}

// succeeds reports whether a command fails only when the container cannot start at all.
func succeeds(stmt *syntax.Stmt) bool {
	if stmt.Negated {
		return false
	}
	switch cmd := stmt.Cmd.(type) {
	case *syntax.DeclClause:
		return true
	case *syntax.BinaryCmd:
		return cmd.Op == syntax.AndStmt && succeeds(cmd.X) && succeeds(cmd.Y)
	case *syntax.CallExpr:
		if len(cmd.Args) == 0 {
			return true
		}
		return slices.Contains([]string{":", "true", "echo", "printf", "sleep", "mkdir", "chown", "chmod", "cd", "set", "export", "unset", "umask", "ulimit"}, cmd.Args[0].Lit())
	}
	return false
}

// isTest reports whether a statement is a condition.
func isTest(stmt *syntax.Stmt) bool {
	switch cmd := stmt.Cmd.(type) {
	case *syntax.TestClause:
		return true
	case *syntax.CallExpr:
		return len(cmd.Args) > 0 && slices.Contains([]string{"test", "[", "grep", "false"}, cmd.Args[0].Lit())
	case *syntax.BinaryCmd:
		return isTest(cmd.X) || isTest(cmd.Y)
	}
	return stmt.Negated
}
