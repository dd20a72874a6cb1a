package shell

import (
	"slices"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

// environment is the container's: SECRET is stored elsewhere.
func environment(name string) (text string, set, known bool) {
	switch name {
	case "SECRET":
		return "", false, false
	case "EMPTY":
		return "", true, true
	}
	text, set = map[string]string{"X": "value", "TWO": "one two", "LOG_LEVEL": "info"}[name]
	return text, set, true
}

// shown formats a program: its arguments in brackets, and the variables that it gets.
func shown(p Program) string {
	var words []string
	word := func(w Word) string {
		switch {
		case w.File != "":
			return "<" + w.File + ">"
		case w.Unknown:
			return "?" + w.Name
		}
		return w.Text
	}
	for _, a := range p.Args {
		words = append(words, "["+word(a)+"]")
	}
	for _, v := range p.Vars {
		if v.Unset {
			words = append(words, "-"+v.Name)
		} else {
			words = append(words, v.Name+"="+word(v.Value))
		}
	}
	if p.Unknown != "" {
		words = append(words, "unknown")
	}
	if p.Opaque {
		words = append(words, "opaque")
	}
	return strings.Join(words, " ")
}

func TestRead_CommandLines(t *testing.T) {
	for _, c := range []struct {
		name, want string
		argv       []string
	}{
		{"no shell", "[app] [$X] [a b]", []string{"app", "$X", "a b"}},
		{"nothing", "", nil},
		{"env", "[app] [-x] LOG_LEVEL=debug", []string{"env", "LOG_LEVEL=debug", "app", "-x"}},
		{"env -u", "[app] -LOG_LEVEL", []string{"env", "-u", "LOG_LEVEL", "app"}},
		{"env -i", "unknown opaque", []string{"env", "-i", "app"}},
		{"wrappers", "[app] [x]", []string{"/sbin/tini", "-g", "--", "su-exec", "nobody", "app", "x"}},
		{"a wrapper with a value", "[app]", []string{"tini", "-p", "SIGTERM", "app"}},
		{"a script file", "unknown", []string{"sh", "/start.sh"}},
		{"arguments of a script", "[app] [--a] [--b]", []string{"sh", "-c", `exec app "$@"`, "--", "--a", "--b"}},
		{"arguments that the script ignores", "[app]", []string{"sh", "-c", "app", "--log-level=debug"}},
		{"bundled options", "[app]", []string{"/bin/bash", "-o", "pipefail", "-euxc", "exec app"}},
		{"nested shells", "[app] [value]", []string{"sh", "-c", `exec sh -c "app $X"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := shown(Read(c.argv, environment, nil)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestRead_Scripts(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		// words
		{`app $X "$X" '$X' \$X "\$X"`, "[app] [value] [value] [$X] [$X] [$X]"},
		{`app # $X`, "[app]"},
		{`app a#b`, "[app] [a#b]"},
		{`app ${X:-d} ${Y:-d} ${Y-} ${EMPTY-d} ${EMPTY:-"$X"}`, "[app] [value] [d] [value]"},
		{`app ${X:+other} ${Y+other} "${Y+other}"`, "[app] [other] []"},
		{`app $TWO "$TWO"`, "[app] [one] [two] [one two]"},
		{`app $EMPTY "$EMPTY" a$X-`, "[app] [] [avalue-]"},
		{`app ${X%e}`, "[app] [?]"},
		{`app ${Y:?is required}`, "unknown"},
		{`app "$SECRET"`, "[app] [?SECRET]"},
		{`app "$(cat /run/secrets/x)" $(</run/secrets/y) "$(date)"`, "[app] [</run/secrets/x>] [</run/secrets/y>] [?]"},
		{"app `cat /run/secrets/x`", "[app] [</run/secrets/x>]"},
		{`P="$(cat /run/secrets/x)"; exec app "$P"`, "[app] [</run/secrets/x>]"},
		{`app ~/x`, "[app] [?]"},
		// variables
		{`LOG_LEVEL=debug app`, "[app] LOG_LEVEL=debug"},
		{`LOG_LEVEL=debug; app`, "[app] LOG_LEVEL=debug"},
		{`Y=debug; app $Y`, "[app] [debug]"},
		{`Y=debug; export Y; app`, "[app] Y=debug"},
		{`export LOG_LEVEL=debug Z && exec app`, "[app] LOG_LEVEL=debug"},
		{`LOG_LEVEL=debug migrate; exec app`, "[app]"},
		{`export LOG_LEVEL=debug; LOG_LEVEL=warn exec app`, "[app] LOG_LEVEL=warn"},
		{`unset LOG_LEVEL; app`, "[app] -LOG_LEVEL"},
		{`exec env LOG_LEVEL=$X app`, "[app] LOG_LEVEL=value"},
		{`: ${LOG_LEVEL:=debug} ${Y:=z}; app $Y`, "[app] [z]"},
		{`LOG_LEVEL=$(date) app`, "[app] LOG_LEVEL=?"},
		// order
		{`set -e; mkdir -p /data && chown 1 /data; exec app`, "[app]"},
		{`migrate && app`, "[app]"},
		{`app || exit 1`, "[app]"},
		{`app | tee /log`, "[app]"},
		{`exec app; other`, "[app]"},
		{`until nc -z db 5432; do sleep 1; done; app`, "[app]"},
		{`[ -n "$X" ] || exit 1; app`, "[app]"},
		{`set -- --a "$X"; exec app "$@"`, "[app] [--a] [value]"},
		// undecided
		{`if [ -f /x ]; then export LOG_LEVEL=debug; fi; app`, "unknown"},
		{`[ -f /x ] && export LOG_LEVEL=debug; app`, "unknown"},
		{`app && other || third`, "unknown"},
		{`start() { app; }; start`, "unknown"},
		{`. /etc/env; app`, "unknown opaque"},
		{`if true; then . /etc/env; fi; app`, "unknown opaque"},
		{`eval "$X"; app`, "unknown opaque"},
		{`$X app`, "[value] [app]"},
		{`app & wait`, "unknown"},
		{`set -a; app`, "unknown opaque"},
		{`app "`, "unknown opaque"},
	} {
		t.Run(c.script, func(t *testing.T) {
			if got := shown(Read([]string{"sh", "-c", c.script}, environment, nil)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestProgram_Flag(t *testing.T) {
	p := Read([]string{"app", "--log-level", "debug", "-v", "--log.format=json", "--db_max=1", "--db-max=2", "--debug", "--", "--x=1"}, environment, nil)
	for name, want := range map[string]string{"LOG_LEVEL": "debug", "LOG_FORMAT": "json", "DB_MAX": "2", "DEBUG": "true", "X": "none", "FORMAT": "none"} {
		got := "none"
		if w, ok := p.Flag(name); ok {
			got = w.Text
		}
		if got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if w, ok := Read([]string{"--log-level=debug"}, environment, nil).Flag("LOG_LEVEL"); !ok || w.Text != "debug" {
		t.Error("a flag in the first word is not found")
	}
	if names := Read([]string{"env", "A=1", "app", "--rate-limit=0"}, environment, nil).Names(); !slices.Equal(names, []string{"A", "RATE_LIMIT"}) {
		t.Errorf("names are %v", names)
	}
}

func TestProgram_Mentions(t *testing.T) {
	branch := Read([]string{"sh", "-c", "if true; then app --log-level=debug; else PBS_X=1 app; fi"}, environment, nil)
	for name, want := range map[string]bool{"LOG_LEVEL": true, "PBS_X": true, "LEVEL": false, "OTHER": false} {
		if branch.Mentions(name) != want {
			t.Errorf("%s: %v, want %v", name, !want, want)
		}
	}
	if !Read([]string{"sh", "-c", ". /x; app"}, environment, nil).Mentions("ANY") {
		t.Error("a sourced file may set any variable")
	}
	waits := Read([]string{"sh", "-c", "until PGPASSWORD=$DB_PASSWORD psql -h ${DB_HOST:-db}; do sleep 1; done; : ${MODE:=x}; app"}, environment, nil)
	for name, want := range map[string]bool{"DB_PASSWORD": false, "DB_HOST": false, "PGPASSWORD": true, "MODE": true} {
		if waits.Mentions(name) != want {
			t.Errorf("an undecided script: mentions %s: %v", name, !want)
		}
	}
	if Read([]string{"sh", "-c", "LOG_LEVEL=debug app"}, environment, nil).Mentions("LOG_LEVEL") {
		t.Error("a decided variable is reported as undecided")
	}
}

// FuzzRead: no script panics, and an undecided program has no arguments.
// A script that the deployment mounts is read like one in the command; other files are not.
func TestRead_Files(t *testing.T) {
	files := func(path string) (string, bool) {
		text, ok := map[string]string{
			"/start.sh": "#!/bin/sh\nset -e\nexport A=\"$X\"\nexec app --port \"$1\"\n", "/wrap": "#!/usr/bin/env bash\nexec \"$@\"\n", "/app": "\x7fELF",
			"/file.sh":   "#!/bin/sh\nexport A=\"$(cat /run/secrets/a)\" B=/run/secrets/b \"C=cd\"\nexec /app\n",
			"/branch.sh": "#!/bin/sh\nif true; then exec app; fi\n", "/loop.sh": "#!/bin/sh\nexec /loop.sh\n",
		}[path]
		return text, ok
	}
	for _, c := range []struct {
		argv []string
		want string
	}{
		{[]string{"/start.sh", "80"}, "[app] [--port] [80] A=value"},
		{[]string{"sh", "/start.sh", "80"}, "[app] [--port] [80] A=value"},
		{[]string{"tini", "--", "/wrap", "app", "-v"}, "[app] [-v]"},
		{[]string{"/file.sh"}, "[/app] A=</run/secrets/a> B=/run/secrets/b C=cd"},
		{[]string{"/app", "-v"}, "[/app] [-v]"},
		{[]string{"/absent.sh"}, "[/absent.sh]"},
		{[]string{"./start.sh"}, "[./start.sh]"},
	} {
		if got := shown(Read(c.argv, environment, files)); got != c.want {
			t.Errorf("%q: %s, want %s", c.argv, got, c.want)
		}
	}
	for _, argv := range [][]string{{"/branch.sh"}, {"/loop.sh"}, {"sh", "/absent.sh"}} {
		if p := Read(argv, environment, files); p.Unknown == "" {
			t.Errorf("%q is decided: %s", argv, shown(p))
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{`exec app "$@"`, `A=1 B=$A app ${C:-$(cat /x)}`, `if x; then y; fi`, `${`, `$((1+1))`, "a <<E\nb\nE"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p := Read([]string{"bash", "-c", text, "0", "a b"}, environment, nil); p.Unknown != "" && len(p.Args) > 0 {
			t.Error("an undecided program has arguments")
		}
	})
}
