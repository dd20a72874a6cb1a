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
	dates := write(t, t.TempDir(), "catalyst.yml", "waivers: [{item: security/jwt_secret, reason: x, by: a, expires: tomorrow}]\n")
	for typed, want := range map[string]string{
		"chek":                                `unknown command "chek": did you mean "check"?`,
		"help chek":                           `unknown command "chek": did you mean "check"?`,
		"help deploy plann":                   `unknown command "deploy plann": did you mean "plan"?`,
		"foo":                                 `unknown command "foo" (`,
		"deploy plann":                        `unknown command "deploy plann": did you mean "plan"?`,
		"deploy":                              "deploy needs a subcommand: plan, record, rollback, cancel",
		"deploy record extra":                 `unexpected argument "extra"`,
		"deploy plan":                         "--by, --commit, --version are required",
		"attest restore_tested":               "--by is required",
		"check " + folder:                     "use --deployment.root=" + folder,
		folder:                                "use --deployment.root=" + folder,
		"check --categry=x":                   `unknown flag --categry: did you mean "--category"?`,
		"--deploymnt.root=.":                  `did you mean "--deployment.root"?`,
		"check --category=sec":                `unknown category "sec"`,
		"check --format=xml":                  "--format=xml: expected one of table,json,junit,sarif,markdown,controls,prometheus",
		"wait --timeout=5":                    "--timeout=5: not a duration; expected for example 90s",
		"check --only=all":                    "--only=all: expected one of failing,not-ok",
		"check --format=json -q":              "--only and --quiet are for --format=table",
		"check --gate=prod":                   `unknown gate "prod"; the checklist has pre, post`,
		"check --gate=pst":                    `unknown gate "pst": did you mean "post"?`,
		"check --web.enable-lifecycle":        "--web.enable-lifecycle is a flag of serve, not of check",
		"--gate=pre":                          "--gate is a flag of check, verify, wait, not of serve (the default command)",
		"deploy plan --valid-for=90d":         "--valid-for is a flag of attest, drill restore, drill alert, not of deploy plan",
		"rules --job":                         "--job needs a value",
		"check --output=" + folder:            "--output=" + folder + ": is a directory; name a file in it",
		"config check --config.file=" + dates: "waivers[0].expires: is not a date; write it like 2026-01-31",
		"explain redis_pasword":               `did you mean "redis_password"?`,
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

// TestErrors_NameNextStep: commands that are typed correctly and cannot do what they should.
func TestErrors_NameNextStep(t *testing.T) {
	folder, history := t.TempDir(), t.TempDir()
	for typed, want := range map[string]struct {
		code int
		text string
	}{
		"deploy record --by=a@example.org":                                                            {ExitUsage, "no release is planned: run deploy plan first"},
		"check --item=log_level --output=" + folder + "/no/x.json":                                    {ExitInternal, "--output=" + folder + "/no/x.json: no such file or directory\n"},
		"check --deployment.root=" + folder + "/no":                                                   {ExitUsage, "set --deployment.root"},
		"check --item=log_level":                                                                      {ExitFailing, "contains neither a compose file nor an env file; if the deployment is elsewhere, set --deployment.root"},
		"report --at=yesterday --state.directory=" + history + " --deployment.root=" + exampleCopy(t): {ExitUsage, "--at=yesterday: expected a date such as 2026-01-31"},
		"version":   {ExitReady, "catalyst_exporter, version "},
		"--version": {ExitReady, "catalyst_exporter, version "},
	} {
		args := strings.Fields(typed)
		if typed != "--version" && !strings.Contains(typed, "--deployment.root") {
			args = append(args, "--deployment.root="+folder)
		}
		var out bytes.Buffer
		if code := Main(args, quiet(t, &out)); code != want.code || !strings.Contains(out.String(), want.text) {
			t.Errorf("%s: exit code %d, %q; want %d, %q", typed, code, out.String(), want.code, want.text)
		}
	}
}
