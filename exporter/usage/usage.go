// Package usage explains wrong command lines: which flag, command or value is wrong, and what was probably meant.
package usage

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Explain names what is wrong with a command line that the parser refused, and what was probably meant.
func Explain(k *kingpin.Application, args []string, refusal error) error {
	model := k.Model()
	text := refusal.Error()
	if word, ok := strings.CutPrefix(text, "unexpected "); ok {
		return explainWord(model, args, word)
	}
	if word, ok := strings.CutPrefix(text, "expected command but got "); ok {
		return explainWord(model, args, strings.Trim(word, `"`))
	}
	if flag, ok := strings.CutPrefix(text, "unknown long flag '--"); ok {
		flag = strings.TrimSuffix(flag, "'")
		if others := commandsWith(model, flag); len(others) > 0 {
			return fmt.Errorf("--%s is a flag of %s, not of %s", flag, strings.Join(others, ", "), chosen(model, args))
		}
		return fmt.Errorf("unknown flag --%s%s", flag, Near("--"+flag, flagNames(model)))
	}
	if flag, ok := strings.CutPrefix(text, "expected argument for flag '"); ok {
		return fmt.Errorf("%s needs a value", strings.TrimSuffix(flag, "'"))
	}
	if command, ok := strings.CutPrefix(text, "must select a subcommand of '"); ok {
		command = strings.TrimSuffix(command, "'")
		return fmt.Errorf("%s needs a subcommand: %s", command, strings.Join(subcommands(model, []string{command}), ", "))
	}
	if flags, ok := strings.CutPrefix(text, "required flag(s) "); ok {
		missing := strings.Split(strings.ReplaceAll(strings.TrimSuffix(flags, " not provided"), "'", ""), ", ")
		slices.Sort(missing)
		verb := "is"
		if len(missing) > 1 {
			verb = "are"
		}
		return fmt.Errorf("%s %s required", strings.Join(missing, ", "), verb)
	}
	if err := refusedValue(k, args); err != nil {
		return err
	}
	return refusal
}

// explainWord explains an argument that no command takes: a folder, or a command that does not exist.
func explainWord(model *kingpin.ApplicationModel, args []string, word string) error {
	if info, err := os.Stat(word); err == nil && info.IsDir() {
		return fmt.Errorf("%q is not an argument; to check the deployment in that folder, use --deployment.root=%s", word, word)
	}
	var before []string // the commands before the word
	for _, arg := range args[:max(slices.Index(args, word), 0)] {
		if !strings.HasPrefix(arg, "-") {
			before = append(before, arg)
		}
	}
	commands := subcommands(model, before)
	if len(commands) == 0 {
		return fmt.Errorf("unexpected argument %q", word)
	}
	return fmt.Errorf("unknown command %q%s", strings.Join(append(before, word), " "), Near(word, commands))
}

// subcommands returns the names of the commands below a path of commands; none for a path that does not exist.
func subcommands(model *kingpin.ApplicationModel, path []string) []string {
	commands := model.Commands
	for _, name := range path {
		i := slices.IndexFunc(commands, func(c *kingpin.CmdModel) bool { return c.Name == name })
		if i < 0 {
			return nil
		}
		commands = commands[i].Commands
	}
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

// flagNames returns the flags of the program and of all commands.
func flagNames(model *kingpin.ApplicationModel) []string {
	var names []string
	collect := func(flags []*kingpin.FlagModel) {
		for _, f := range flags {
			if !f.Hidden {
				names = append(names, "--"+f.Name)
			}
		}
	}
	collect(model.Flags)
	for _, c := range model.FlattenedCommands() {
		collect(c.Flags)
	}
	return names
}

// commandsWith returns the commands that have a flag.
func commandsWith(model *kingpin.ApplicationModel, flag string) (names []string) {
	for _, c := range model.FlattenedCommands() {
		if !c.Hidden && slices.ContainsFunc(c.Flags, func(f *kingpin.FlagModel) bool { return f.Name == flag && !f.Hidden }) {
			names = append(names, c.FullCommand)
		}
	}
	return names
}

// chosen returns the command that a command line names, or the default one.
func chosen(model *kingpin.ApplicationModel, args []string) string {
	var path []string
	for _, arg := range args {
		if slices.Contains(subcommands(model, path), arg) {
			path = append(path, arg)
		}
	}
	if len(path) > 0 {
		return strings.Join(path, " ")
	}
	for _, c := range model.FlattenedCommands() {
		if c.Default {
			return c.FullCommand + " (the default command)"
		}
	}
	return "this command"
}

// refusedValue finds the flag whose value its type refuses: the parser's own error does not name it.
func refusedValue(k *kingpin.Application, args []string) error {
	line, err := k.ParseContext(args)
	if err != nil || line == nil {
		return nil
	}
	for _, element := range line.Elements {
		flag, ok := element.Clause.(*kingpin.FlagClause)
		if !ok || element.Value == nil {
			continue
		}
		model := flag.Model()
		err := model.Value.Set(*element.Value)
		if err == nil {
			continue
		}
		if isDuration(model.Value) {
			err = errors.New("not a duration; expected for example 90s, 10m or 2h")
		}
		reason := strings.TrimSuffix(err.Error(), fmt.Sprintf(", got '%s'", *element.Value))
		return fmt.Errorf("--%s=%s: %s", model.Name, *element.Value, strings.Replace(reason, "enum value must be one of ", "expected one of ", 1))
	}
	return nil
}

// isDuration reports whether a flag holds a duration.
func isDuration(v kingpin.Value) bool {
	getter, ok := v.(kingpin.Getter)
	if !ok {
		return false
	}
	_, ok = getter.Get().(time.Duration)
	return ok
}

// Near asks whether the candidate most like a word was meant; "" if none is like it.
func Near(word string, candidates []string) string {
	if w := schema.Nearest(word, candidates); w != "" {
		return fmt.Sprintf(": did you mean %q?", w)
	}
	return ""
}
