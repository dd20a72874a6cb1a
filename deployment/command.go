package deployment

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/shell"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Values that a service's command or entrypoint sets: they override the environment of the container.

// Program returns what the compose files start for a service: the command, with the entrypoint before it. Without both,
// or when the image's entrypoint gets the command, the program's name is unknown and the result has no arguments or
// starts with a flag.
func (v *View) Program(c *compose.Model, service string) shell.Program {
	v.mu.Lock()
	known, ok := v.programs[service]
	v.mu.Unlock()
	if ok {
		return known
	}
	s := c.Project.Services[service]
	program := shell.Program{}
	if len(s.Entrypoint)+len(s.Command) > 0 {
		program = shell.Read(slices.Concat(s.Entrypoint, s.Command), v.variables(c, service), v.scripts(c, service))
	}
	v.mu.Lock()
	v.programs[service] = program
	v.mu.Unlock()
	return program
}

// scripts reads the files of a service's container.
func (v *View) scripts(c *compose.Model, service string) shell.Files {
	return func(path string) (string, bool) {
		file, err := v.FileIn(c, service, path, "a script", source.Origin{})
		return file.Text.Reveal(), err == nil && file.Set
	}
}

// variables looks up the variables of a service's container; nil without a service.
func (v *View) variables(c *compose.Model, service string) shell.Lookup {
	if service == "" {
		return nil
	}
	files := v.serviceFiles(c, service)
	return func(name string) (text string, set, known bool) {
		value, err := v.passed(c, files, service, name)
		known = err == nil && value.Ref.Kind == "" && (value.Set || files.missing == nil)
		return value.Text.Reveal(), value.Set, known
	}
}

// fromCommand returns the value that a service's command or entrypoint gives a key, as a flag or as a variable. Flags
// count for the application alone: only its flags are known to have the names of its variables.
func (v *View) fromCommand(c *compose.Model, service, key string) (Value, bool, error) {
	program := v.Program(c, service)
	if len(program.Args) == 0 && len(program.Vars) == 0 && program.Unknown == "" {
		return Value{}, false, nil
	}
	if program.Mentions(key) {
		return Value{Key: key, Origin: commandAt(c, service, key), Ref: Ref{RefCommand, program.Unknown}}, true, nil
	}
	if word, ok := program.Flag(key); ok {
		app, err := v.AppService()
		if err == nil && (app.Name == service || slices.Contains(app.Copies, service)) {
			value, err := v.FromWord(c, service, key, word)
			return value, true, err
		}
	}
	set, ok := program.Var(key)
	switch {
	case !ok:
		return Value{}, false, nil
	case set.Unset:
		return Value{Key: key, Origin: commandAt(c, service, key)}, true, nil
	case set.Value.Name == key:
		return Value{}, false, nil // passed on unchanged
	}
	value, err := v.FromWord(c, service, key, set.Value)
	return value, true, err
}

// FromWord returns the value of a word of a service's command. Its origin is that of the variable or file that the word
// consists of, else the command.
func (v *View) FromWord(c *compose.Model, service, key string, w shell.Word) (Value, error) {
	at := commandAt(c, service, key)
	switch {
	case w.File != "":
		return v.FileIn(c, service, w.File, key, at)
	case w.Unknown && w.Name == "":
		return Value{Key: key, Origin: at, Ref: Ref{RefCommand, "the output of another command"}}, nil
	case w.Name != "":
		value, err := v.passed(c, v.serviceFiles(c, service), service, w.Name)
		if err != nil || value.Ref.Kind != "" || value.Set {
			return value, err
		}
	}
	value := Written(key, w.Text, at)
	return value, nil
}

// commandAt returns where the command or entrypoint of a service stands: the one that contains the key, in any spelling.
func commandAt(c *compose.Model, service, key string) source.Origin {
	s := c.Project.Services[service]
	attribute := "command"
	if len(s.Entrypoint) > 0 && (len(s.Command) == 0 || !strings.Contains(shell.Plain(strings.Join(s.Command, " ")), shell.Plain(key))) {
		attribute = "entrypoint"
	}
	at := c.At(service, attribute)
	at.Via = source.ViaCommand
	return at
}
