package usage_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
)

// program is a small command line: a default command, a command with subcommands, and one flag of each type.
type program struct {
	*kingpin.Application
	timeout *time.Duration
	names   *[]string
	version *string
}

func newProgram() program {
	k := kingpin.New("ship", "Ships.").Terminate(nil)
	serve := k.Command("serve", "Serves.").Default()
	p := program{Application: k, timeout: serve.Flag("timeout", "Time.").Default("5s").Duration()}
	load := k.Command("load", "Loads.")
	plan := load.Command("plan", "Plans.")
	p.version = plan.Flag("version", "Version.").Required().String()
	p.names = plan.Flag("name", "Names.").Default("a", "b").Strings()
	load.Command("send", "Sends.").Flag("format", "Format.").Default("json").Enum("json", "yaml")
	k.Action(usage.SetDefaults(k))
	return p
}

// TestExplain names the wrong part of each command line, and what was meant where something is near.
func TestExplain(t *testing.T) {
	folder := t.TempDir()
	for typed, want := range map[string]string{
		"laod":                   `unknown command "laod": did you mean "load"?`,
		"load sned":              `unknown command "load sned": did you mean "send"?`,
		"load":                   "load needs a subcommand: plan, send",
		"load send more":         `unexpected argument "more"`,
		"load plan":              "--version is required",
		"load send --formt=json": `unknown flag --formt: did you mean "--format"?`,
		"load send --name=x":     "--name is a flag of load plan, not of load send",
		"--name=x":               "--name is a flag of load plan, not of serve (the default command)",
		"load send --format=xml": "--format=xml: expected one of json,yaml",
		"load send --format":     "--format needs a value",
		"--timeout=5":            "--timeout=5: not a duration; expected for example 90s, 10m or 2h",
		folder:                   "use --deployment.root=" + folder,
	} {
		k, args := newProgram(), strings.Fields(typed)
		_, refusal := k.Parse(args)
		if refusal == nil {
			t.Errorf("%s is accepted", typed)
			continue
		}
		if got := usage.Explain(k.Application, args, refusal).Error(); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", typed, got, want)
		}
	}
	unexplained := errors.New("something else")
	if got := usage.Explain(newProgram().Application, []string{"serve"}, unexplained); !errors.Is(got, unexplained) {
		t.Errorf("another error becomes %v", got)
	}
}

// TestSetDefaults sets omitted flags once, with and without a flag named version.
func TestSetDefaults(t *testing.T) {
	k := newProgram()
	if _, err := k.Parse([]string{"load", "plan", "--version=1.5.0"}); err != nil || *k.version != "1.5.0" || !slices.Equal(*k.names, []string{"a", "b"}) {
		t.Errorf("%v %q %q", err, *k.version, *k.names)
	}
	k = newProgram()
	if _, err := k.Parse([]string{"load", "plan", "--version=1.5.0", "--name=c"}); err != nil || !slices.Equal(*k.names, []string{"c"}) {
		t.Errorf("%v %q", err, *k.names)
	}
	k = newProgram()
	if _, err := k.Parse(nil); err != nil || *k.timeout != 5*time.Second {
		t.Errorf("%v %v", err, *k.timeout)
	}
}

func TestError(t *testing.T) {
	cause := errors.New("no such file")
	err := usage.Errorf("--output: %w", cause)
	var as usage.Error
	if !errors.As(err, &as) || !errors.Is(err, cause) || err.Error() != "--output: no such file" {
		t.Errorf("%#v", err)
	}
}
