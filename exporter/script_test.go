package exporter

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestScripts runs testdata/script: command lines with their output and exit code. `run CODE args…` runs the program in this
// process and requires the exit code. `clock TIME` sets the program's clock.
func TestScripts(t *testing.T) {
	commands := map[string]func(*testscript.TestScript, bool, []string){
		"run": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) == 0 {
				ts.Fatalf("usage: run CODE args…")
			}
			code, err := strconv.Atoi(args[0])
			ts.Check(err)
			// The working directory of this process is not the script's.
			line := slices.Clone(args[1:])
			for i, a := range line {
				if rest, ok := cutPath(a); ok {
					line[i] = rest + ts.MkAbs(a[len(rest):])
				}
			}
			clock := ts.Value("clock").(*time.Time)
			sys := System{Context: t.Context(), Stdout: ts.Stdout(), Stderr: ts.Stderr(), Getenv: func(key string) (string, bool) { v := ts.Getenv(key); return v, v != "" }, Now: func() time.Time {
				if clock.IsZero() {
					return time.Now()
				}
				return *clock
			}}
			if got := Main(line, sys); got != code {
				ts.Fatalf("exit code %d, want %d", got, code)
			}
		},
		"clock": func(ts *testscript.TestScript, _ bool, args []string) {
			at, err := time.Parse(time.RFC3339, args[0])
			ts.Check(err)
			*ts.Value("clock").(*time.Time) = at
		},
		// signers PRINCIPAL PUBLICKEY… writes dep/allowed_signers.
		"signers": func(ts *testscript.TestScript, _ bool, args []string) {
			var b strings.Builder
			for i := 0; i+1 < len(args); i += 2 {
				b.WriteString(args[i] + " " + ts.ReadFile(args[i+1]))
			}
			ts.Check(os.WriteFile(ts.MkAbs("dep/allowed_signers"), []byte(b.String()), 0o600))
		},
		// random FILE KEY… writes an env file with a secret for every key.
		"random": func(ts *testscript.TestScript, _ bool, args []string) {
			var b strings.Builder
			for _, key := range args[1:] {
				b.WriteString(key + "=" + parts.Secret() + "\n")
			}
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
		},
		// old FILE… sets the files' times back, because a backup that was just written counts as unfinished.
		"old": func(ts *testscript.TestScript, _ bool, args []string) {
			for _, a := range args {
				at := time.Now().Add(-time.Hour)
				ts.Check(os.Chtimes(ts.MkAbs(a), at, at))
			}
		},
	}
	maps.Copy(commands, releaseCommands(commands["run"]))
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values["clock"] = new(time.Time)
			return setupRelease(env)
		},
		Cmds: commands,
	})
}

// cutPath returns the flag prefix of an argument with a relative path.
func cutPath(arg string) (flag string, ok bool) {
	for _, f := range []string{"--deployment.root=", "--config.file=", "--output=", "--document=", "--sign-with=", "--subject=", "--state.directory=", "--baseline=", "--attest-out=", "--key="} {
		if len(arg) > len(f) && arg[:len(f)] == f && !filepath.IsAbs(arg[len(f):]) {
			return f, true
		}
	}
	return "", false
}
