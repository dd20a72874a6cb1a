package cron

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestCron_Verdicts(t *testing.T) {
	const pass, fail, warn, unknown = probe.StatePass, probe.StateFail, probe.StateWarn, probe.StateUnknown
	secret := parts.Secret()
	tab := func(lines ...string) probetest.Folder {
		return probetest.Folder{"crontab": strings.Join(lines, "\n") + "\n", "backup.sh": "#!/bin/sh\n"}
	}
	const timer = "[Timer]\nOnCalendar=%s\n[Install]\nWantedBy=timers.target\n"
	unit := func(calendar string) probetest.Folder {
		return probetest.Folder{"backup.timer": strings.Replace(timer, "%s", calendar, 1), "backup.service": "[Service]\nExecStart=backup.sh --all\n"}
	}
	for name, test := range map[string]struct {
		folder probetest.Folder
		more   string // of the spec
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"daily":              {tab("MAILTO=x", "# the backup", "0 3 * * * backup.sh"), "max_interval: 24h", pass, "", "1 job scheduled"},
		"shorthand":          {tab("@daily backup.sh"), "max_interval: 24h", pass, "", ""},
		"supercronic":        {tab("@every 5m backup.sh"), "max_interval: 10m", pass, "", ""},
		"steps and names":    {tab("*/15 0-23/2 * jan-dec mon-fri backup.sh"), "max_interval: 73h", pass, "", ""},
		"leap day":           {tab("0 0 29 2 * backup.sh"), "", pass, "", ""},
		"either day":         {tab("0 0 31 2 1 backup.sh"), "max_interval: 26d", fail, probe.ReasonThreshold, ""},
		"either day, weekly": {tab("0 0 13 * 5 backup.sh"), "max_interval: 7d", pass, "", ""},
		"Sunday as 7":        {tab("0 0 * * 7 backup.sh"), "max_interval: 7d", pass, "", ""},
		"two jobs":           {tab("0 3 * * * other", "0 4 * * * backup.sh"), "", pass, "", "1 job"},

		"31 February":      {tab("0 0 31 2 * backup.sh"), "", fail, probe.ReasonInvalid, "crontab:1 has a schedule that never comes"},
		"31 April":         {tab("0 0 31 4,6,9,11 * backup.sh"), "", fail, probe.ReasonInvalid, "never comes"},
		"weekly":           {tab("0 3 * * 1 backup.sh"), "max_interval: 25h", fail, probe.ReasonThreshold, "intervals of up to 1w, more than 1d1h"},
		"working days":     {tab("0 3 * * 1-5 backup.sh"), "max_interval: 25h", fail, probe.ReasonThreshold, "3d"},
		"commented out":    {tab("#0 3 * * * backup.sh"), "", fail, probe.ReasonMissing, "crontab:1 is commented out"},
		"commented, twice": {tab("## 0 3 * * * backup.sh"), "", fail, probe.ReasonMissing, "commented out"},
		"old line kept":    {tab("#0 4 * * * backup.sh", "0 3 * * * backup.sh"), "", pass, "", ""},
		"other command":    {tab("0 3 * * * restore.sh"), "", fail, probe.ReasonMissing, "no job has a command that matches"},
		"empty":            {tab(""), "", fail, probe.ReasonMissing, ""},
		"no file":          {probetest.Folder{"x": "x"}, "", fail, probe.ReasonMissing, "no such file"},
		"no-op":            {tab("0 3 * * * : backup.sh"), "", fail, probe.ReasonMissing, "does nothing"},
		"true":             {tab("0 3 * * * /bin/true # backup.sh"), "", fail, probe.ReasonMissing, "does nothing"},
		"echo":             {tab("0 3 * * * echo backup.sh"), "", fail, probe.ReasonMissing, "does nothing"},
		"invalid field":    {tab("0 25 * * * backup.sh"), "", fail, probe.ReasonInvalid, "crontab:1 is not valid"},
		"invalid neighbor": {tab("0 3 * * * backup.sh", "every day other"), "", fail, probe.ReasonInvalid, "crontab:2 is not valid"},
		"four fields":      {tab("0 3 * * backup.sh"), "", fail, probe.ReasonInvalid, "not valid"},
		"no newline":       {probetest.Folder{"crontab": "0 3 * * * backup.sh"}, "", fail, probe.ReasonMissing, "no newline"},
		"at boot":          {tab("@reboot backup.sh"), "", warn, probe.ReasonWeak, "only when the system starts"},
		"percent":          {tab("0 3 * * * backup.sh $(date +%F)"), "", warn, probe.ReasonInvalid, "has a %"},
		"escaped percent":  {tab(`0 3 * * * backup.sh $(date +\%F)`), "", pass, "", ""},
		"binary":           {probetest.Folder{"crontab": "\x00\x01\x02\n"}, "", fail, probe.ReasonInvalid, ""},
		"secret":           {tab("0 25 * * * backup.sh --password=" + secret), "", fail, probe.ReasonInvalid, ""},

		"system":             {probetest.Folder{"crontab": "0 3 * * * app backup.sh\n"}, "format: system", pass, "", ""},
		"system, no user":    {probetest.Folder{"crontab": "0 3 * * * /backup.sh\n"}, "format: system", fail, probe.ReasonInvalid, "not valid"},
		"ignored file":       {probetest.Folder{"cron.d/app.cron": "0 3 * * * app backup.sh\n"}, "path: 'cron.d/*'", warn, probe.ReasonInvalid, "name contains a dot"},
		"folder":             {probetest.Folder{"cron.d/app": "0 3 * * * app backup.sh\n", "cron.d/x": "0 3 * * * app x\n"}, "path: 'cron.d/*'", pass, "", ""},
		"timer":              {unit("*-*-* 03:00:00"), "path: '*.timer', max_interval: 24h", pass, "", ""},
		"timer, words":       {unit("daily"), "path: '*.timer', max_interval: 24h", pass, "", ""},
		"timer, quarter":     {unit("*:0/15"), "path: '*.timer', max_interval: 15m", pass, "", ""},
		"timer, zone":        {unit("Mon..Sun 03:30 Europe/Berlin"), "path: '*.timer', max_interval: 24h", pass, "", ""},
		"timer, last day":    {unit("*-*~01 03:00"), "path: '*.timer', max_interval: 32d", pass, "", ""},
		"timer, 31 February": {unit("*-02-31 03:00"), "path: '*.timer'", fail, probe.ReasonInvalid, "never comes"},
		"timer, past year":   {unit("2020-*-* 03:00"), "path: '*.timer'", fail, probe.ReasonInvalid, "never comes"},
		"timer, weekly":      {unit("Mon *-*-* 03:00"), "path: '*.timer', max_interval: 25h", fail, probe.ReasonThreshold, ""},
		"timer, invalid":     {unit("25:00"), "path: '*.timer'", fail, probe.ReasonInvalid, "not valid"},
		"timer, epoch":       {unit("@1700000000"), "path: '*.timer'", unknown, probe.ReasonError, "not evaluated"},
		"timer, commented":   {unit("daily\n#"), "path: '*.timer'", pass, "", ""},
		"timer, no time":     {unit("\n#OnCalendar=daily"), "path: '*.timer'", fail, probe.ReasonMissing, "has no time"},
		"timer, span":        {unit("\nOnUnitActiveSec=1h 30min\nOnBootSec=5min"), "path: '*.timer', max_interval: 90m", pass, "", ""},
		"timer, long span":   {unit("\nOnUnitActiveSec=2d"), "path: '*.timer', max_interval: 25h", fail, probe.ReasonThreshold, ""},
		"timer, at boot":     {unit("\nOnBootSec=5min"), "path: '*.timer'", warn, probe.ReasonWeak, ""},
		"timer, no install":  {probetest.Folder{"backup.timer": "[Timer]\nOnCalendar=daily\n", "backup.service": "[Service]\nExecStart=backup.sh\n"}, "path: '*.timer'", warn, probe.ReasonInvalid, "cannot be enabled"},
		"timer, no service":  {probetest.Folder{"backup.timer": strings.Replace(timer, "%s", "daily", 1)}, "path: '*.timer', command: backup", warn, probe.ReasonInvalid, "ExecStart is not next to it"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := test.more
			if !strings.Contains(spec, "path:") {
				spec += ", path: crontab"
			}
			if !strings.Contains(spec, "command:") {
				spec += ", command: 'backup\\.sh'"
			}
			p := probetest.NewPass(t, test.folder, deployment.Settings{})
			got := probetest.Look(t, p, JobKind(), "{"+strings.TrimPrefix(spec, ", ")+"}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
			probetest.HasNot(t, got, secret)
		})
	}
}

// Programs inside the deployment must exist and be executable.
func TestCron_Programs(t *testing.T) {
	for name, test := range map[string]struct {
		command string // ROOT is the deployment's folder
		state   probe.State
		reason  probe.Reason
		detail  string
	}{
		"executable":     {"ROOT/run.sh backup", probe.StatePass, "", ""},
		"missing":        {"ROOT/backup.sh", probe.StateFail, probe.ReasonMissing, "crontab:1 starts backup.sh, which does not exist"},
		"missing, later": {"cd ROOT && ROOT/backup.sh >/dev/null", probe.StateFail, probe.ReasonMissing, "does not exist"},
		"missing script": {"/bin/sh ROOT/backup.sh", probe.StateFail, probe.ReasonMissing, "does not exist"},
		"nice":           {"nice ROOT/backup.sh", probe.StateFail, probe.ReasonMissing, ""},
		"no bit":         {"ROOT/plain.sh backup", probe.StateFail, probe.ReasonInvalid, "not executable"},
		"by sh":          {"/bin/sh ROOT/plain.sh backup", probe.StatePass, "", ""},
		"elsewhere":      {"/nonexistent/backup.sh", probe.StateWarn, probe.ReasonMissing, "does not exist on this host"},
		"by PATH":        {"backup.sh", probe.StatePass, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{"run.sh": "#!/bin/sh\n", "plain.sh": "x\n"}, deployment.Settings{})
			root := p.Deployment.Root
			if err := os.Chmod(filepath.Join(root, "run.sh"), 0o700); err != nil {
				t.Fatal(err)
			}
			line := "0 3 * * * " + strings.ReplaceAll(test.command, "ROOT", root) + "\n"
			if err := os.WriteFile(filepath.Join(root, "crontab"), []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
			got := probetest.Look(t, p, JobKind(), "{path: crontab, command: backup}")
			probetest.Expect(t, got, test.state, test.reason, test.detail)
		})
	}
}

func TestCron_Pipe(t *testing.T) {
	p := probetest.NewPass(t, nil, deployment.Settings{})
	if err := syscall.Mkfifo(filepath.Join(p.Deployment.Root, "crontab"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := probetest.Look(t, p, JobKind(), "{path: crontab, command: x}")
	probetest.Expect(t, got, probe.StateFail, probe.ReasonInvalid, "not a regular file")
}

func TestCron_Breakages(t *testing.T) {
	const text = "# jobs\n0 3 * * * backup.sh\n@daily other\n"
	p := probetest.NewPass(t, probetest.Folder{"crontab": text}, deployment.Settings{})
	spec, problems := probetest.Decode(JobKind(), "{path: crontab, command: backup}")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	all := JobKind().Breakages(spec, p.View)
	if len(all) < 3 {
		t.Errorf("%d breakages", len(all))
	}
	for _, b := range all {
		broken := probetest.NewPass(t, probetest.Folder{"crontab": string(b.Edit([]byte(text)))}, deployment.Settings{})
		if got := probetest.Look(t, broken, JobKind(), "{path: crontab, command: backup}"); got.State != probe.StateFail {
			t.Errorf("%s: %+v", b.Name, got)
		}
	}
}

func FuzzSchedules(f *testing.F) {
	f.Add("0 3 31 2 * x\n")
	f.Add("[Timer]\nOnCalendar=Mon..Fri *-*~01/3 03:0/15\n")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		for _, j := range append(parseCrontab(text, false).jobs, parseTimer(text, "x").jobs...) {
			if gap, ok := j.when.gap(now); ok && gap <= 0 && len(j.when.minutes) < 1 {
				t.Errorf("gap %v", gap)
			}
			programsOf(j.command)
		}
	})
}
