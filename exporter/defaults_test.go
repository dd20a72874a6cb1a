package exporter

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
)

// Every command that takes a --version still gets the defaults of its other flags.
func TestDefaults_WithVersionFlag(t *testing.T) {
	program, _, _ := (&app{}).commandLine()
	var commands []*kingpin.CmdModel
	for _, c := range program.Model().FlattenedCommands() {
		if slices.ContainsFunc(c.Flags, func(f *kingpin.FlagModel) bool { return f.Name == "version" }) {
			commands = append(commands, c)
		}
	}
	if len(commands) < 2 {
		t.Fatalf("%d commands take --version", len(commands))
	}
	for _, c := range commands {
		a := &app{}
		k, _, _ := a.commandLine()
		line := append(strings.Fields(c.FullCommand), "--version=1.5.0")
		for _, f := range c.Flags {
			if f.Required && f.Name != "version" {
				line = append(line, "--"+f.Name+"=x")
			}
		}
		if _, err := k.Parse(line); err != nil {
			t.Errorf("%v: %v", line, err)
		}
		if a.root != "." {
			t.Errorf("%v: --deployment.root is %q, want its default", line, a.root)
		}
	}
}
