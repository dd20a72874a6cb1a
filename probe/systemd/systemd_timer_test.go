package systemd

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Where these tests run there is mostly no systemd: its place is taken by a peer that speaks D-Bus on a real socket, with the names, types and
// errors of org.freedesktop.systemd1(5). What it is asked for is recorded.

// timerPass is a pass over a deployment whose backups a timer makes.
func timerPass(t *testing.T, bus string) *probe.Pass {
	return probetest.NewPass(t, nil, deployment.Settings{Backup: deployment.Backup{Timer: "nightly-backup@a.timer"}, Systemd: deployment.Systemd{Bus: bus}})
}

func TestSystemdTimer(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		change func(units map[string]map[string]any)
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"well":            {func(map[string]map[string]any) {}, probe.StatePass, probe.ReasonNone, "nightly-backup@a.timer is started; the last run of dump.service succeeded at "},
		"no such timer":   {func(u map[string]map[string]any) { u["nightly-backup@a.timer"]["Unit.LoadState"] = "not-found" }, probe.StateFail, probe.ReasonMissing, "systemd has no unit nightly-backup@a.timer"},
		"stopped":         {func(u map[string]map[string]any) { u["nightly-backup@a.timer"]["Unit.ActiveState"] = "inactive" }, probe.StateFail, probe.ReasonUnhealthy, "enable --now"},
		"no such service": {func(u map[string]map[string]any) { u["dump.service"]["Unit.LoadState"] = "not-found" }, probe.StateFail, probe.ReasonMissing, "systemd has no unit dump.service"},
		"failed":          {func(u map[string]map[string]any) { u["dump.service"]["Service.Result"] = "exit-code" }, probe.StateFail, probe.ReasonUnhealthy, "failed (exit-code) at "},
		"starts a target": {func(u map[string]map[string]any) { u["nightly-backup@a.timer"]["Timer.Unit"] = "all.target" }, probe.StateUnknown, probe.ReasonInvalid, "does not start a service"},
		"another type":    {func(u map[string]map[string]any) { u["dump.service"]["Service.Result"] = uint32(7) }, probe.StateUnknown, probe.ReasonInvalid, "unexpected type"},
		"no property":     {func(u map[string]map[string]any) { delete(u["dump.service"], "Service.Result") }, probe.StateUnknown, probe.ReasonInvalid, "property Result of dump.service"},
		"never ran":       {func(u map[string]map[string]any) { u["dump.service"]["Service.ExecMainExitTimestamp"] = uint64(0) }, probe.StateFail, probe.ReasonUnhealthy, "has not run since"},
		"never again": {func(u map[string]map[string]any) {
			u["nightly-backup@a.timer"]["Timer.NextElapseUSecRealtime"] = uint64(1<<64 - 1)
		}, probe.StateFail, probe.ReasonUnhealthy, "not trigger again"},
		"condition not met": {func(u map[string]map[string]any) {
			u["dump.service"]["Unit.ConditionResult"] = false
			u["dump.service"]["Unit.ConditionTimestamp"] = uint64(now.UnixMicro())
		}, probe.StateFail, probe.ReasonUnhealthy, "a condition"},
		"service not known": {func(u map[string]map[string]any) { delete(u, "dump.service") }, probe.StateUnknown, probe.ReasonInvalid, "property LoadState of dump.service"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &probetest.FakeSystemd{Units: probetest.WellTimed(now)}
			tt.change(f.Units)
			f.Serve(t)
			r := probetest.Look(t, timerPass(t, f.Path), TimerKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "marked")
			for i, call := range f.Calls {
				if call != "Hello" && !strings.HasPrefix(call, "Get org.freedesktop.systemd1.") || (call == "Hello") != (i == 0) || strings.Contains(call, "Environment") || strings.Contains(call, "Exec") && !strings.HasSuffix(call, "Timestamp") {
					t.Errorf("call %d is %q: nothing but harmless properties is read", i, call)
				}
			}
		})
	}
	// The spec's own words count more than the settings'.
	f := &probetest.FakeSystemd{Units: probetest.WellTimed(now)}
	f.Serve(t)
	p := timerPass(t, f.Path)
	probetest.Expect(t, probetest.Look(t, p, TimerKind(), "{max_age: 30m}"), probe.StateFail, probe.ReasonStale, "more than 30m ago")
	probetest.Expect(t, probetest.Look(t, p, TimerKind(), "{timer: other.timer}"), probe.StateUnknown, probe.ReasonInvalid, "other.timer")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), TimerKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "no systemd timer")
}

func TestSystemdThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	answering := func(said string) *probetest.FakeSystemd {
		return &probetest.FakeSystemd{Units: probetest.WellTimed(time.Now()), Response: func(member string, _ []any) string {
			if (member == "AUTH") != (said == "AUTH") || member == "Hello" {
				return ""
			}
			return said
		}}
	}
	for said, tt := range map[string]struct {
		reason probe.Reason
		detail string
		remedy string
	}{
		"AUTH":           {probe.ReasonPermissionDenied, "the exporter's user is rejected", "permission to read systemd's units"},
		"AccessDenied":   {probe.ReasonPermissionDenied, "access denied", "permission to read systemd's units"},
		"ServiceUnknown": {probe.ReasonNotConfigured, "systemd is not on this bus", "deployment.systemd.bus"},
		"NoReply":        {probe.ReasonTimeout, "no reply in time", "deployment.systemd.bus"},
		"Failed":         {probe.ReasonError, "the call failed", "deployment.systemd.bus"},
		"UnknownObject":  {probe.ReasonInvalid, "not supported", "deployment.systemd.bus"},
	} {
		t.Run(said, func(t *testing.T) {
			f := answering(said)
			f.Serve(t)
			r := probetest.Look(t, timerPass(t, f.Path), TimerKind(), "{}")
			probetest.Expect(t, r, probe.StateUnknown, tt.reason, tt.detail)
			probetest.HasNot(t, r, "marked")
			if !strings.Contains(r.Remedy, tt.remedy) {
				t.Errorf("the remedy is %q", r.Remedy)
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		f := answering("silence")
		f.Serve(t)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		probetest.Expect(t, probe.Run(ctx, probetest.Load(t, TimerKind(), "{}"), timerPass(t, f.Path)), probe.StateUnknown, probe.ReasonTimeout, "no reply in time")
	})
	t.Run("no bus", func(t *testing.T) {
		probetest.Expect(t, probetest.Look(t, timerPass(t, filepath.Join(dir, "none")), TimerKind(), "{}"), probe.StateUnknown, probe.ReasonUnreachable, "does not exist")
	})
	t.Run("nobody listens", func(t *testing.T) {
		path := filepath.Join(dir, "left")
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
			t.Fatal(err)
		}
		_ = syscall.Close(fd)
		probetest.Expect(t, probetest.Look(t, timerPass(t, path), TimerKind(), "{}"), probe.StateUnknown, probe.ReasonUnreachable, "nothing listens")
	})
	t.Run("no bus at all", func(t *testing.T) {
		p := timerPass(t, "")
		var asked []string
		p.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
			asked = append(asked, address)
			return nil, &net.OpError{Op: "dial", Err: fs.ErrNotExist}
		}
		r := probetest.Look(t, p, TimerKind(), "{}")
		probetest.Expect(t, r, probe.StateUnknown, probe.ReasonNotConfigured, "in a container, mount")
		if !slices.Equal(asked, []string{"/run/dbus/system_bus_socket", "/run/systemd/private"}) || r.Remedy != "deployment.systemd.bus" {
			t.Errorf("asked %q, remedy %q", asked, r.Remedy)
		}
	})
	t.Run("no permission", func(t *testing.T) {
		p := timerPass(t, "")
		p.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.ErrPermission}
		}
		probetest.Expect(t, probetest.Look(t, p, TimerKind(), "{}"), probe.StateUnknown, probe.ReasonPermissionDenied, "permission denied on /run/dbus/system_bus_socket")
	})
	t.Run("systemd's own socket", func(t *testing.T) {
		f := &probetest.FakeSystemd{Units: probetest.WellTimed(time.Now())}
		f.Serve(t)
		p := timerPass(t, "")
		dial := p.Dial
		p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "/run/systemd/private" {
				return nil, &net.OpError{Op: "dial", Err: fs.ErrNotExist}
			}
			return dial(ctx, network, f.Path)
		}
		probetest.Expect(t, probetest.Look(t, p, TimerKind(), "{}"), probe.StatePass, probe.ReasonNone, "succeeded")
		if slices.Contains(f.Calls, "Hello") {
			t.Error("a bus is greeted where there is none")
		}
	})
	for name, said := range map[string]string{"no D-Bus": "HTTP/1.1 400 Bad Request\r\n\r\n", "an endless line": strings.Repeat("x", 3<<20), "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			p := timerPass(t, "")
			p.Dial = func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, theirs) }()
				go func() {
					_, _ = theirs.Write([]byte(said))
					_ = theirs.Close()
				}()
				return ours, nil
			}
			probetest.Expect(t, probetest.Look(t, p, TimerKind(), "{}"), probe.StateUnknown, probe.ReasonInvalid, "not a D-Bus server")
		})
	}
}

func TestSystemdTimerJudge(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const maxAge = 26 * time.Hour
	for name, tt := range map[string]struct {
		change func(*timerSeen)
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"well":                       {func(*timerSeen) {}, probe.StatePass, probe.ReasonNone, "the next is due at 2026-03-02T11:00:00Z"},
		"by the host's start":        {func(s *timerSeen) { s.next = time.Time{} }, probe.StatePass, probe.ReasonNone, "succeeded at 2026-03-01T11:10:00Z"},
		"masked":                     {func(s *timerSeen) { s.timer.load = "masked" }, probe.StateFail, probe.ReasonDisabled, "unmask"},
		"bad setting":                {func(s *timerSeen) { s.timer.load = "bad-setting" }, probe.StateFail, probe.ReasonInvalid, "cannot load"},
		"load error":                 {func(s *timerSeen) { s.service.load = "error" }, probe.StateFail, probe.ReasonInvalid, "cannot load dump.service"},
		"odd load":                   {func(s *timerSeen) { s.timer.load = "odd" }, probe.StateUnknown, probe.ReasonInvalid, "an unknown load state"},
		"timer failed":               {func(s *timerSeen) { s.timer.active = "failed" }, probe.StateFail, probe.ReasonUnhealthy, "no longer starts its service"},
		"timer activating":           {func(s *timerSeen) { s.timer.active = "activating" }, probe.StateFail, probe.ReasonUnhealthy, "is not started"},
		"elapsed":                    {func(s *timerSeen) { s.timer.sub = "elapsed" }, probe.StateFail, probe.ReasonUnhealthy, "will not trigger again"},
		"never again":                {func(s *timerSeen) { s.again = false }, probe.StateFail, probe.ReasonUnhealthy, "will not trigger again"},
		"not enabled":                {func(s *timerSeen) { s.timer.file = "disabled" }, probe.StateWarn, probe.ReasonWeak, "not enabled"},
		"static":                     {func(s *timerSeen) { s.timer.file = "static" }, probe.StatePass, probe.ReasonNone, ""},
		"timer's file changed":       {func(s *timerSeen) { s.timer.stale = true }, probe.StateWarn, probe.ReasonDrift, "the file of backup.timer"},
		"service's file changed":     {func(s *timerSeen) { s.service.stale = true }, probe.StateWarn, probe.ReasonDrift, "the file of dump.service"},
		"failed":                     {func(s *timerSeen) { s.service.active, s.result = "failed", "timeout" }, probe.StateFail, probe.ReasonUnhealthy, "failed (timeout) at 2026-03-01T11:10:00Z"},
		"failed before, waits again": {func(s *timerSeen) { s.service.active, s.service.sub, s.result = "activating", "auto-restart", "signal" }, probe.StateFail, probe.ReasonUnhealthy, "(signal)"},
		"odd result":                 {func(s *timerSeen) { s.result = "marked" }, probe.StateFail, probe.ReasonUnhealthy, "the last run of dump.service failed at"},
		"no result":                  {func(s *timerSeen) { s.result = "" }, probe.StateFail, probe.ReasonUnhealthy, "failed"},
		"remains":                    {func(s *timerSeen) { s.service.active, s.service.sub = "active", "exited" }, probe.StateFail, probe.ReasonUnhealthy, "RemainAfterExit"},
		"running": {func(s *timerSeen) {
			s.timer.sub, s.again, s.service.active, s.service.changed, s.started, s.ended = "running", false, "activating", ago(time.Hour), ago(time.Hour), time.Time{}
		}, probe.StatePending, probe.ReasonInProgress, "is running at 2026-03-01T11:00:00Z"},
		"a daemon's run": {func(s *timerSeen) {
			s.service.active, s.service.sub, s.service.changed = "active", "running", ago(maxAge)
		}, probe.StatePending, probe.ReasonInProgress, "is running"},
		"hangs":               {func(s *timerSeen) { s.service.active, s.service.changed = "activating", ago(maxAge+1) }, probe.StateFail, probe.ReasonUnhealthy, "has been running since"},
		"condition":           {func(s *timerSeen) { s.service.unmet = ago(time.Minute) }, probe.StateFail, probe.ReasonUnhealthy, "a condition of its unit"},
		"condition, then ran": {func(s *timerSeen) { s.service.unmet = ago(2 * time.Hour) }, probe.StatePass, probe.ReasonNone, ""},
		"condition, never ran": {func(s *timerSeen) { s.service.unmet, s.ended = ago(time.Hour), time.Time{} }, probe.StateFail, probe.ReasonUnhealthy,
			"a condition of its unit"},
		"triggered just now":      {func(s *timerSeen) { s.last = ago(59 * time.Second) }, probe.StatePending, probe.ReasonInProgress, "about to run"},
		"triggered without a run": {func(s *timerSeen) { s.last = ago(time.Minute) }, probe.StateFail, probe.ReasonUnhealthy, "has not run since"},
		"timer started anew since": {func(s *timerSeen) {
			s.timer.since, s.last, s.ended = ago(time.Hour), ago(2*time.Hour), ago(20*time.Hour)
		}, probe.StateFail, probe.ReasonUnhealthy,
			"has not run since"},
		"after a start of the host": {func(s *timerSeen) { s.timer.since, s.last, s.ended = ago(time.Hour), ago(20*time.Hour), time.Time{} }, probe.StatePending, probe.ReasonInProgress,
			"has not run since its timer was started at 2026-03-01T11:00:00Z"},
		"new":           {func(s *timerSeen) { s.timer.since, s.last, s.ended = ago(maxAge), time.Time{}, time.Time{} }, probe.StatePending, probe.ReasonInProgress, "has not run"},
		"not so new":    {func(s *timerSeen) { s.timer.since, s.last, s.ended = ago(maxAge+1), time.Time{}, time.Time{} }, probe.StateFail, probe.ReasonStale, "more than 1d2h ago"},
		"since unknown": {func(s *timerSeen) { s.timer.since, s.last, s.ended = time.Time{}, time.Time{}, time.Time{} }, probe.StateFail, probe.ReasonStale, "has not run"},
		"just fresh":    {func(s *timerSeen) { s.last, s.ended = ago(maxAge), ago(maxAge) }, probe.StatePass, probe.ReasonNone, ""},
		"stale":         {func(s *timerSeen) { s.last, s.ended = ago(maxAge), ago(maxAge+1) }, probe.StateFail, probe.ReasonUnhealthy, ""},
		"stale run":     {func(s *timerSeen) { s.last, s.ended = ago(maxAge+2), ago(maxAge+1) }, probe.StateFail, probe.ReasonStale, "the last run of dump.service ended at"},
		"run by hand":   {func(s *timerSeen) { s.last = ago(maxAge + 1) }, probe.StateFail, probe.ReasonStale, "backup.timer last triggered at"},
		"a clock that is set": {func(s *timerSeen) { s.last, s.ended = ago(-time.Hour), ago(-time.Hour) }, probe.StateUnknown, probe.ReasonInvalid,
			"is in the future"},
		"no service":    {func(s *timerSeen) { s.service = unitSeen{name: "all.target"} }, probe.StateUnknown, probe.ReasonInvalid, "does not start a service"},
		"no name":       {func(s *timerSeen) { s.service = unitSeen{} }, probe.StateUnknown, probe.ReasonInvalid, "does not start a service"},
		"hostile names": {func(s *timerSeen) { s.service.name, s.service.load = "\x1b[2J.service", "not-found" }, probe.StateFail, probe.ReasonMissing, "\uFFFD[2J.service"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := timerSeen{timer: unitSeen{name: "backup.timer", load: "loaded", active: "active", sub: "waiting", file: "enabled", since: ago(90 * 24 * time.Hour)},
				last: ago(time.Hour), again: true, next: now.Add(23 * time.Hour), result: "success", started: ago(time.Hour), ended: ago(50 * time.Minute),
				service: unitSeen{name: "dump.service", load: "loaded", active: "inactive", sub: "dead", file: "static"}}
			tt.change(&seen)
			r := probe.ValidateResult(seen.judge(maxAge, now))
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "marked")
		})
	}
}

func TestTimerNames(t *testing.T) {
	for name, label := range map[string]string{"backup.timer": "backup_2etimer", "0a-b@c.timer": "_30a_2db_40c_2etimer", "": "_", "a_b:c": "a_5fb_3ac"} {
		if got := dbusLabel(name); got != label {
			t.Errorf("%q: %q; want %q", name, got, label)
		}
	}
	k := TimerKind()
	for _, name := range []string{"backup", "backup.service", "a/b.timer", "a b.timer", ".timer"} {
		if _, problems := probetest.Decode(k, fmt.Sprintf("{timer: %q}", name)); len(problems) == 0 {
			t.Errorf("%q loads as a timer's name", name)
		}
		node, err := schema.Parse("c", []byte(fmt.Sprintf("backup: {timer: %q}", name)))
		if err != nil {
			t.Fatal(err)
		}
		if problems := schema.Decode("c", node, &deployment.Settings{}); len(problems) == 0 {
			t.Errorf("%q loads as the timer of the configuration", name)
		}
	}
}
