package exporter

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestUsageErrors_NameWhatWasMeant types command lines as people do.
func TestUsageErrors_NameWhatWasMeant(t *testing.T) {
	folder := t.TempDir()
	for typed, want := range map[string]string{
		"chek":                   `unknown command "chek": did you mean "check"?`,
		"foo":                    `unknown command "foo" (`,
		"deploy plann":           `unknown command "deploy plann": did you mean "plan"?`,
		"deploy":                 "deploy needs a subcommand: plan, record, rollback, cancel",
		"deploy record extra":    `unexpected argument "extra"`,
		"deploy plan":            "--by, --commit, --version are required",
		"attest restore_tested":  "--by is required",
		"check " + folder:        "use --deployment.root=" + folder,
		folder:                   "use --deployment.root=" + folder,
		"check --categry=x":      `unknown flag --categry: did you mean "--category"?`,
		"--deploymnt.root=.":     `did you mean "--deployment.root"?`,
		"check --category=sec":   `unknown category "sec"`,
		"check --format=xml":     "--format=xml: expected one of table,json,junit,sarif,markdown,prometheus",
		"wait --timeout=5":       "--timeout=5: not a duration; expected for example 90s",
		"check --only=all":       "--only=all: expected one of failing,not-ok",
		"check --format=json -q": "--only and --quiet are for --format=table",
		"explain redis_pasword":  `did you mean "redis_password"?`,
		"attest restore_tested --by=a --valid-for=tomorrow": "--valid-for=tomorrow: not a duration (write it like 90d)",
	} {
		var errs bytes.Buffer
		sys := System{Context: t.Context(), Stdout: &bytes.Buffer{}, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
		code := Main(append(strings.Fields(typed), "--deployment.root="+folder), sys)
		if code != ExitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit code %d, %q; want %q", typed, code, errs.String(), want)
		}
	}
}
