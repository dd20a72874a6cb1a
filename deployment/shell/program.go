// Package shell reads the command line of a container: which program it finally starts, with which arguments and
// variables. Shell scripts are parsed and never executed. Only what is the same on every run is decided: branches, loops,
// functions, sourced files and the output of other commands are unknown.
package shell

import (
	"path"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Word is one argument or one value of a variable.
type Word struct {
	Text    string
	Name    string // the environment variable whose unchanged value this is; "" for other words
	File    string // the file whose content this is, as of "$(cat FILE)": Text is unknown then
	Unknown bool   // Text depends on what cannot be read here
}

// Variable is an environment variable that the command line sets for the program.
type Variable struct {
	Name  string
	Value Word
	Unset bool // the command line removes the variable
}

// Program is what a command line starts.
type Program struct {
	Args []Word // the program's name first; empty when Unknown is set or nothing is started
	// Vars are the variables that the command line sets, the last of a name wins.
	Vars []Variable
	// Unknown says what keeps the program from being decided, for example "the command of a shell branches"; "" when it
	// is decided.
	Unknown string
	// Opaque: the script runs text that is not part of it (a sourced file, eval), so that it may set any variable.
	Opaque bool
	// Script is the text of the shell script; "" without a shell.
	Script string
}

// Lookup returns a variable of the container's environment. known is false when its value is stored elsewhere.
type Lookup func(name string) (text string, set, known bool)

// Files returns the content of a file in the container; ok is false when it cannot be read here.
type Files func(path string) (text string, ok bool)

// Read returns the program that a command line starts. env is the container's environment, files are its scripts.
func Read(argv []string, env Lookup, files Files) Program {
	words := make([]Word, len(argv))
	for i, text := range argv {
		words[i] = Word{Text: text}
	}
	s := &script{env: env, files: files, vars: map[string]shellVar{}}
	s.start(words, 0)
	s.program.Vars = s.exported()
	if s.program.Unknown != "" {
		s.program.Args = nil
	}
	return s.program
}

// Var returns the last value that the command line sets for a variable.
func (p Program) Var(name string) (Variable, bool) {
	for _, v := range slices.Backward(p.Vars) {
		if v.Name == name {
			return v, true
		}
	}
	return Variable{}, false
}

var notName = lazyregexp.New(`[^A-Za-z0-9]+`)

// Plain returns a variable's or flag's name in one spelling: --log-level, log.level and LOG_LEVEL are LOG_LEVEL.
func Plain(name string) string {
	return strings.ToUpper(strings.Trim(notName.ReplaceAllString(name, "_"), "_"))
}

// Flag returns the last value of the program's flag that has the name of a variable in any spelling (--log-level=debug,
// -log_level debug). A flag without a value has the value "true".
func (p Program) Flag(name string) (value Word, ok bool) {
	want := Plain(name)
	for i := p.first(); i < len(p.Args); i++ {
		text := p.Args[i].Text
		if text == "--" {
			break
		}
		if p.Args[i].Unknown || !strings.HasPrefix(text, "-") {
			continue
		}
		flag, after, joined := strings.Cut(text, "=")
		if Plain(flag) != want {
			continue
		}
		switch {
		case joined:
			value, ok = Word{Text: after}, true
		case i+1 < len(p.Args) && !strings.HasPrefix(p.Args[i+1].Text, "-"):
			value, ok = p.Args[i+1], true
		default:
			value, ok = Word{Text: "true"}, true
		}
	}
	return value, ok
}

// first returns the index of the first argument after the program's name. A command that starts with a flag has no name:
// the image's entrypoint is the program.
func (p Program) first() int {
	if len(p.Args) > 0 && (p.Args[0].Unknown || !strings.HasPrefix(p.Args[0].Text, "-")) {
		return 1
	}
	return 0
}

// Mentions reports whether an undecided command may set a variable or a flag of that name.
func (p Program) Mentions(name string) bool {
	if p.Unknown == "" {
		return false
	}
	want := Plain(name)
	return p.Opaque || slices.ContainsFunc(strings.FieldsFunc(flagText(expansion.ReplaceAllString(p.Script, " ")), isSeparator), func(word string) bool {
		return strings.Trim(word, "_") == want
	})
}

// expansion matches the use of a variable, which does not set it. ${NAME:=default} does.
var expansion = lazyregexp.New(`\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[#!]?[A-Za-z_][A-Za-z0-9_]*(?:\}|:?[-+?#%/^,]))`)

// flagText joins the words of flags, so that --log-level is found as LOG_LEVEL.
func flagText(script string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(script))
}

func isSeparator(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') }

// base returns the name of a program without its folder.
func base(w Word) string {
	if w.Unknown {
		return ""
	}
	return path.Base(w.Text)
}

// maxNesting limits shells that start shells.
const maxNesting = 10

// wrapper is a program that starts the one named after its own arguments, and changes neither arguments nor variables.
type wrapper struct {
	positional int    // own arguments before the program
	options    string // letters of options that take a value
}

// wrappers are the usual ones of containers, by name; see their manual pages.
func wrappers(name string) (wrapper, bool) {
	switch name {
	case "tini", "tini-static", "docker-init", "catatonit":
		return wrapper{options: "pe"}, true
	case "dumb-init":
		return wrapper{options: "r"}, true
	case "gosu", "su-exec":
		return wrapper{positional: 1}, true
	case "timeout":
		return wrapper{positional: 1, options: "ks"}, true
	case "nohup", "setsid", "stdbuf":
		return wrapper{options: "ioe"}, true
	case "nice", "ionice", "chrt":
		return wrapper{options: "ncp"}, true
	}
	return wrapper{}, false
}

// start follows a command line to its program.
func (s *script) start(args []Word, depth int) {
	for len(args) > 0 {
		name := base(args[0])
		w, wraps := wrappers(name)
		switch {
		case depth > maxNesting:
			s.undecided("shells start shells too often")
			return
		case wraps:
			args = w.skip(args[1:])
		case name == "env":
			args = s.envCommand(args[1:])
		case isShell(name):
			s.shell(args, depth)
			return
		case name == "busybox" && len(args) > 1:
			args = args[1:]
		default:
			if shell, text, ok := s.file(args[0]); ok {
				s.run(text, shell, args, depth)
				return
			}
			s.program.Args = args
			return
		}
		if s.program.Unknown != "" {
			return
		}
	}
}

// skip removes a wrapper's own options and arguments.
func (w wrapper) skip(args []Word) []Word {
	for len(args) > 0 && strings.HasPrefix(args[0].Text, "-") {
		option := args[0].Text
		args = args[1:]
		if option == "--" {
			break
		}
		if len(option) == 2 && strings.Contains(w.options, option[1:]) && len(args) > 0 {
			args = args[1:]
		}
	}
	return args[min(w.positional, len(args)):]
}

var assignment = lazyregexp.New(`^([A-Za-z_][A-Za-z0-9_]*)=`)

// envCommand evaluates the arguments of env and returns the command that it starts.
func (s *script) envCommand(args []Word) []Word {
	for len(args) > 0 {
		text := args[0].Text
		m := assignment.FindString(text)
		switch {
		case m != "":
			value := args[0]
			value.Text = text[len(m):]
			s.vars[m[:len(m)-1]] = shellVar{value: value, exported: true}
		case text == "-u" && len(args) > 1:
			s.vars[args[1].Text] = shellVar{unset: true, exported: true}
			args = args[1:]
		case strings.HasPrefix(text, "--unset="):
			s.vars[strings.TrimPrefix(text, "--unset=")] = shellVar{unset: true, exported: true}
		case text == "--":
		case strings.HasPrefix(text, "-") || args[0].Unknown:
			s.opaque("env with options")
			return nil
		default:
			return args
		}
		args = args[1:]
	}
	return nil
}

func isShell(name string) bool {
	return slices.Contains([]string{"sh", "bash", "ash", "dash", "ksh", "zsh"}, name)
}

// shell evaluates sh -c SCRIPT [NAME [ARGUMENT …]]; args starts with the shell.
func (s *script) shell(args []Word, depth int) {
	name := base(args[0])
	rest := args[1:]
	withScript := false
	for len(rest) > 0 && len(rest[0].Text) > 1 && strings.ContainsAny(rest[0].Text[:1], "-+") {
		option := rest[0].Text
		rest = rest[1:]
		if option == "--" {
			break
		}
		if strings.HasPrefix(option, "--") {
			continue // of bash: --login, --norc
		}
		withScript = withScript || option[0] == '-' && strings.Contains(option, "c")
		if strings.HasSuffix(option, "o") && len(rest) > 0 {
			rest = rest[1:]
		}
	}
	if !withScript && len(rest) > 0 && s.files != nil && !rest[0].Unknown && strings.HasPrefix(rest[0].Text, "/") {
		if text, ok := s.files(rest[0].Text); ok {
			s.run(text, name, rest, depth)
			return
		}
	}
	switch {
	case !withScript || len(rest) == 0:
		s.undecided("a script file of the container")
	case rest[0].Unknown:
		s.opaque("a shell script that depends on a variable")
	default:
		s.run(rest[0].Text, name, rest[1:], depth)
	}
}

// opaque records that any variable may be set.
func (s *script) opaque(why string) {
	s.undecided(why)
	s.program.Opaque = true
}

// undecided records the first reason for which the program is unknown.
func (s *script) undecided(why string) {
	if s.program.Unknown == "" {
		s.program.Unknown = why
	}
}

// Names returns the variables that the command line sets and the long flags of the program, as Plain spells them.
func (p Program) Names() []string {
	var names []string
	for _, v := range p.Vars {
		if !v.Unset {
			names = append(names, v.Name)
		}
	}
	for _, w := range p.Args[p.first():] {
		if flag, _, _ := strings.Cut(w.Text, "="); !w.Unknown && strings.HasPrefix(flag, "--") && len(flag) > 2 {
			names = append(names, Plain(flag))
		}
	}
	return names
}
