package probe

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Where these tests run there is mostly no systemd: its place is taken by a peer that speaks D-Bus on a real socket, with the names, types and
// errors of org.freedesktop.systemd1(5). What it is asked for is recorded.

// fakeSystemd is that peer.
type fakeSystemd struct {
	path  string
	units map[string]map[string]any // by unit, by "Interface.Property"
	// answer, when set, takes a call's place: an error's name, or nothing for the units' own answer.
	answer func(member string, args []any) string

	mu    sync.Mutex
	calls []string // "Member interface property", in order
}

// serve listens until the test ends.
func (f *fakeSystemd) serve(t *testing.T) {
	t.Helper()
	if f.path == "" {
		f.path = filepath.Join(t.TempDir(), "bus")
	}
	l, err := net.Listen("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			running.Go(func() { f.talk(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		running.Wait()
	})
}

// talk lets a client in and answers it.
func (f *fakeSystemd) talk(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for line := ""; !strings.HasPrefix(line, "BEGIN"); {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
		said := "OK 0123456789abcdef0123456789abcdef"
		if strings.TrimSpace(strings.TrimLeft(line, "\x00")) == "AUTH" || f.answer != nil && f.answer("AUTH", nil) != "" {
			said = "REJECTED EXTERNAL"
		}
		if !strings.HasPrefix(line, "BEGIN") {
			_, _ = fmt.Fprintf(conn, "%s\r\n", said)
		}
	}
	for serial := uint32(1); ; serial++ {
		asked, err := dbus.DecodeMessage(in)
		if err != nil {
			return
		}
		reply := f.reply(asked)
		if reply == nil {
			continue // silence
		}
		reply.Headers[dbus.FieldReplySerial] = dbus.MakeVariant(asked.Serial())
		if len(reply.Body) > 0 {
			reply.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(reply.Body...))
		}
		// The serial, which the library sets for clients alone, stands at the ninth byte.
		var out strings.Builder
		if err := reply.EncodeTo(&out, binary.LittleEndian); err != nil {
			return
		}
		bytes := []byte(out.String())
		binary.LittleEndian.PutUint32(bytes[8:], serial)
		if _, err := conn.Write(bytes); err != nil {
			return
		}
	}
}

// reply answers one call.
func (f *fakeSystemd) reply(m *dbus.Message) *dbus.Message {
	member, _ := m.Headers[dbus.FieldMember].Value().(string)
	path, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	f.mu.Lock()
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintln(append([]any{member}, m.Body...)...)))
	f.mu.Unlock()
	refuse := func(name string) *dbus.Message {
		return &dbus.Message{Type: dbus.TypeError, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldErrorName: dbus.MakeVariant("org.freedesktop.DBus.Error." + name)}, Body: []any{"marked"}}
	}
	give := func(value any) *dbus.Message {
		return &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{}, Body: []any{value}}
	}
	if f.answer != nil {
		switch name := f.answer(member, m.Body); name {
		case "":
		case "silence":
			return nil
		default:
			return refuse(name)
		}
	}
	switch {
	case member == "Hello":
		return give(":1.7")
	case member != "Get" || len(m.Body) != 2:
		return refuse("UnknownMethod")
	}
	for name, unit := range f.units {
		if string(path) != "/org/freedesktop/systemd1/unit/"+strings.NewReplacer(".", "_2e", "-", "_2d", "@", "_40").Replace(name) {
			continue
		}
		face, _ := m.Body[0].(string)
		property, _ := m.Body[1].(string)
		value, ok := unit[strings.TrimPrefix(face, "org.freedesktop.systemd1.")+"."+property]
		if !ok {
			return refuse("UnknownProperty")
		}
		return give(dbus.MakeVariant(value))
	}
	return refuse("UnknownObject")
}

// fakeUnit is a unit's properties as they are when nothing is wrong, with some of them changed.
func fakeUnit(properties map[string]any) map[string]any {
	u := map[string]any{"Unit.LoadState": "loaded", "Unit.ActiveState": "active", "Unit.SubState": "waiting", "Unit.UnitFileState": "enabled", "Unit.NeedDaemonReload": false,
		"Unit.ConditionResult": true, "Unit.ConditionTimestamp": uint64(0), "Unit.ActiveEnterTimestamp": uint64(0), "Unit.StateChangeTimestamp": uint64(0)}
	for name, value := range properties {
		u[name] = value
	}
	return u
}

// wellTimed is a timer that ran its service an hour ago.
func wellTimed(now time.Time) map[string]map[string]any {
	at := func(ago time.Duration) uint64 { return uint64(now.Add(-ago).UnixMicro()) }
	return map[string]map[string]any{
		"nightly-backup@a.timer": fakeUnit(map[string]any{"Unit.ActiveEnterTimestamp": at(90 * 24 * time.Hour), "Timer.Unit": "dump.service",
			"Timer.LastTriggerUSec": at(time.Hour), "Timer.NextElapseUSecRealtime": at(-23 * time.Hour), "Timer.NextElapseUSecMonotonic": uint64(1<<64 - 1)}),
		"dump.service": fakeUnit(map[string]any{"Unit.ActiveState": "inactive", "Unit.SubState": "dead", "Unit.UnitFileState": "static", "Unit.ConditionTimestamp": at(time.Hour),
			"Service.Result": "success", "Service.ExecMainStartTimestamp": at(time.Hour), "Service.ExecMainExitTimestamp": at(50 * time.Minute), "Service.Environment": []string{"PGPASSWORD=marked"}}),
	}
}

// timerPass is a pass over a deployment whose backups a timer makes.
func timerPass(t *testing.T, bus string) *Pass {
	return newPass(t, nil, deployment.Settings{Backup: deployment.Backup{Timer: "nightly-backup@a.timer"}, Systemd: deployment.Systemd{Bus: bus}})
}

func TestSystemdTimer(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		change func(units map[string]map[string]any)
		state  State
		reason Reason
		detail string
	}{
		"well":            {func(map[string]map[string]any) {}, StatePass, ReasonNone, "nightly-backup@a.timer is started; the last run of dump.service succeeded at "},
		"no such timer":   {func(u map[string]map[string]any) { u["nightly-backup@a.timer"]["Unit.LoadState"] = "not-found" }, StateFail, ReasonMissing, "systemd has no unit nightly-backup@a.timer"},
		"stopped":         {func(u map[string]map[string]any) { u["nightly-backup@a.timer"]["Unit.ActiveState"] = "inactive" }, StateFail, ReasonUnhealthy, "enable --now"},
		"no such service": {func(u map[string]map[string]any) { u["dump.service"]["Unit.LoadState"] = "not-found" }, StateFail, ReasonMissing, "systemd has no unit dump.service"},
		"failed":          {func(u map[string]map[string]any) { u["dump.service"]["Service.Result"] = "exit-code" }, StateFail, ReasonUnhealthy, "failed (exit-code) at "},
		"starts a target": {func(u map[string]map[string]any) { u["nightly-backup@a.timer"]["Timer.Unit"] = "all.target" }, StateUnknown, ReasonInvalid, "does not start a service"},
		"another type":    {func(u map[string]map[string]any) { u["dump.service"]["Service.Result"] = uint32(7) }, StateUnknown, ReasonInvalid, "unexpected type"},
		"no property":     {func(u map[string]map[string]any) { delete(u["dump.service"], "Service.Result") }, StateUnknown, ReasonInvalid, "property Result of dump.service"},
		"never ran":       {func(u map[string]map[string]any) { u["dump.service"]["Service.ExecMainExitTimestamp"] = uint64(0) }, StateFail, ReasonUnhealthy, "has not run since"},
		"never again": {func(u map[string]map[string]any) {
			u["nightly-backup@a.timer"]["Timer.NextElapseUSecRealtime"] = uint64(1<<64 - 1)
		}, StateFail, ReasonUnhealthy, "not trigger again"},
		"condition not met": {func(u map[string]map[string]any) {
			u["dump.service"]["Unit.ConditionResult"] = false
			u["dump.service"]["Unit.ConditionTimestamp"] = uint64(now.UnixMicro())
		}, StateFail, ReasonUnhealthy, "a condition"},
		"service not known": {func(u map[string]map[string]any) { delete(u, "dump.service") }, StateUnknown, ReasonInvalid, "property LoadState of dump.service"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeSystemd{units: wellTimed(now)}
			tt.change(f.units)
			f.serve(t)
			r := look(t, timerPass(t, f.path), systemdTimerKind(), "{}")
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, "marked")
			for i, call := range f.calls {
				if call != "Hello" && !strings.HasPrefix(call, "Get org.freedesktop.systemd1.") || (call == "Hello") != (i == 0) || strings.Contains(call, "Environment") || strings.Contains(call, "Exec") && !strings.HasSuffix(call, "Timestamp") {
					t.Errorf("call %d is %q: nothing but harmless properties is read", i, call)
				}
			}
		})
	}
	// The spec's own words count more than the settings'.
	f := &fakeSystemd{units: wellTimed(now)}
	f.serve(t)
	p := timerPass(t, f.path)
	expect(t, look(t, p, systemdTimerKind(), "{max_age: 30m}"), StateFail, ReasonStale, "more than 30m ago")
	expect(t, look(t, p, systemdTimerKind(), "{timer: other.timer}"), StateUnknown, ReasonInvalid, "other.timer")
	expect(t, look(t, newPass(t, nil, deployment.Settings{}), systemdTimerKind(), "{}"), StateSkip, ReasonNotConfigured, "no systemd timer")
}

func TestSystemdThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	answering := func(said string) *fakeSystemd {
		return &fakeSystemd{units: wellTimed(time.Now()), answer: func(member string, _ []any) string {
			if (member == "AUTH") != (said == "AUTH") || member == "Hello" {
				return ""
			}
			return said
		}}
	}
	for said, tt := range map[string]struct {
		reason Reason
		detail string
		remedy string
	}{
		"AUTH":           {ReasonPermissionDenied, "the exporter's user is rejected", "permission to read systemd's units"},
		"AccessDenied":   {ReasonPermissionDenied, "access denied", "permission to read systemd's units"},
		"ServiceUnknown": {ReasonNotConfigured, "systemd is not on this bus", "deployment.systemd.bus"},
		"NoReply":        {ReasonTimeout, "no reply in time", "deployment.systemd.bus"},
		"Failed":         {ReasonError, "the call failed", "deployment.systemd.bus"},
		"UnknownObject":  {ReasonInvalid, "not supported", "deployment.systemd.bus"},
	} {
		t.Run(said, func(t *testing.T) {
			f := answering(said)
			f.serve(t)
			r := look(t, timerPass(t, f.path), systemdTimerKind(), "{}")
			expect(t, r, StateUnknown, tt.reason, tt.detail)
			hasNot(t, r, "marked")
			if !strings.Contains(r.Remedy, tt.remedy) {
				t.Errorf("the remedy is %q", r.Remedy)
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		f := answering("silence")
		f.serve(t)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		expect(t, Look(ctx, load(t, systemdTimerKind(), "{}"), timerPass(t, f.path)), StateUnknown, ReasonTimeout, "no reply in time")
	})
	t.Run("no bus", func(t *testing.T) {
		expect(t, look(t, timerPass(t, filepath.Join(dir, "none")), systemdTimerKind(), "{}"), StateUnknown, ReasonUnreachable, "does not exist")
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
		expect(t, look(t, timerPass(t, path), systemdTimerKind(), "{}"), StateUnknown, ReasonUnreachable, "nothing listens")
	})
	t.Run("no bus at all", func(t *testing.T) {
		p := timerPass(t, "")
		var asked []string
		p.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
			asked = append(asked, address)
			return nil, &net.OpError{Op: "dial", Err: fs.ErrNotExist}
		}
		r := look(t, p, systemdTimerKind(), "{}")
		expect(t, r, StateUnknown, ReasonNotConfigured, "in a container, mount")
		if !slices.Equal(asked, []string{"/run/dbus/system_bus_socket", "/run/systemd/private"}) || r.Remedy != "deployment.systemd.bus" {
			t.Errorf("asked %q, remedy %q", asked, r.Remedy)
		}
	})
	t.Run("no permission", func(t *testing.T) {
		p := timerPass(t, "")
		p.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.ErrPermission}
		}
		expect(t, look(t, p, systemdTimerKind(), "{}"), StateUnknown, ReasonPermissionDenied, "permission denied on /run/dbus/system_bus_socket")
	})
	t.Run("systemd's own socket", func(t *testing.T) {
		f := &fakeSystemd{units: wellTimed(time.Now())}
		f.serve(t)
		p := timerPass(t, "")
		dial := p.Dial
		p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "/run/systemd/private" {
				return nil, &net.OpError{Op: "dial", Err: fs.ErrNotExist}
			}
			return dial(ctx, network, f.path)
		}
		expect(t, look(t, p, systemdTimerKind(), "{}"), StatePass, ReasonNone, "succeeded")
		if slices.Contains(f.calls, "Hello") {
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
			expect(t, look(t, p, systemdTimerKind(), "{}"), StateUnknown, ReasonInvalid, "not a D-Bus server")
		})
	}
}

func TestSystemdTimerJudge(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const maxAge = 26 * time.Hour
	for name, tt := range map[string]struct {
		change func(*timerSeen)
		state  State
		reason Reason
		detail string
	}{
		"well":                       {func(*timerSeen) {}, StatePass, ReasonNone, "the next is due at 2026-03-02T11:00:00Z"},
		"by the host's start":        {func(s *timerSeen) { s.next = time.Time{} }, StatePass, ReasonNone, "succeeded at 2026-03-01T11:10:00Z"},
		"masked":                     {func(s *timerSeen) { s.timer.load = "masked" }, StateFail, ReasonDisabled, "unmask"},
		"bad setting":                {func(s *timerSeen) { s.timer.load = "bad-setting" }, StateFail, ReasonInvalid, "cannot load"},
		"load error":                 {func(s *timerSeen) { s.service.load = "error" }, StateFail, ReasonInvalid, "cannot load dump.service"},
		"odd load":                   {func(s *timerSeen) { s.timer.load = "odd" }, StateUnknown, ReasonInvalid, "an unknown load state"},
		"timer failed":               {func(s *timerSeen) { s.timer.active = "failed" }, StateFail, ReasonUnhealthy, "no longer starts its service"},
		"timer activating":           {func(s *timerSeen) { s.timer.active = "activating" }, StateFail, ReasonUnhealthy, "is not started"},
		"elapsed":                    {func(s *timerSeen) { s.timer.sub = "elapsed" }, StateFail, ReasonUnhealthy, "will not trigger again"},
		"never again":                {func(s *timerSeen) { s.again = false }, StateFail, ReasonUnhealthy, "will not trigger again"},
		"not enabled":                {func(s *timerSeen) { s.timer.file = "disabled" }, StateWarn, ReasonWeak, "not enabled"},
		"static":                     {func(s *timerSeen) { s.timer.file = "static" }, StatePass, ReasonNone, ""},
		"timer's file changed":       {func(s *timerSeen) { s.timer.stale = true }, StateWarn, ReasonDrift, "the file of backup.timer"},
		"service's file changed":     {func(s *timerSeen) { s.service.stale = true }, StateWarn, ReasonDrift, "the file of dump.service"},
		"failed":                     {func(s *timerSeen) { s.service.active, s.result = "failed", "timeout" }, StateFail, ReasonUnhealthy, "failed (timeout) at 2026-03-01T11:10:00Z"},
		"failed before, waits again": {func(s *timerSeen) { s.service.active, s.service.sub, s.result = "activating", "auto-restart", "signal" }, StateFail, ReasonUnhealthy, "(signal)"},
		"odd result":                 {func(s *timerSeen) { s.result = "marked" }, StateFail, ReasonUnhealthy, "the last run of dump.service failed at"},
		"no result":                  {func(s *timerSeen) { s.result = "" }, StateFail, ReasonUnhealthy, "failed"},
		"remains":                    {func(s *timerSeen) { s.service.active, s.service.sub = "active", "exited" }, StateFail, ReasonUnhealthy, "RemainAfterExit"},
		"running": {func(s *timerSeen) {
			s.timer.sub, s.again, s.service.active, s.service.changed, s.started, s.ended = "running", false, "activating", ago(time.Hour), ago(time.Hour), time.Time{}
		}, StatePending, ReasonInProgress, "is running at 2026-03-01T11:00:00Z"},
		"a daemon's run": {func(s *timerSeen) {
			s.service.active, s.service.sub, s.service.changed = "active", "running", ago(maxAge)
		}, StatePending, ReasonInProgress, "is running"},
		"hangs":               {func(s *timerSeen) { s.service.active, s.service.changed = "activating", ago(maxAge+1) }, StateFail, ReasonUnhealthy, "has been running since"},
		"condition":           {func(s *timerSeen) { s.service.unmet = ago(time.Minute) }, StateFail, ReasonUnhealthy, "a condition of its unit"},
		"condition, then ran": {func(s *timerSeen) { s.service.unmet = ago(2 * time.Hour) }, StatePass, ReasonNone, ""},
		"condition, never ran": {func(s *timerSeen) { s.service.unmet, s.ended = ago(time.Hour), time.Time{} }, StateFail, ReasonUnhealthy,
			"a condition of its unit"},
		"triggered just now":      {func(s *timerSeen) { s.last = ago(59 * time.Second) }, StatePending, ReasonInProgress, "about to run"},
		"triggered without a run": {func(s *timerSeen) { s.last = ago(time.Minute) }, StateFail, ReasonUnhealthy, "has not run since"},
		"timer started anew since": {func(s *timerSeen) {
			s.timer.since, s.last, s.ended = ago(time.Hour), ago(2*time.Hour), ago(20*time.Hour)
		}, StateFail, ReasonUnhealthy,
			"has not run since"},
		"after a start of the host": {func(s *timerSeen) { s.timer.since, s.last, s.ended = ago(time.Hour), ago(20*time.Hour), time.Time{} }, StatePending, ReasonInProgress,
			"has not run since its timer was started at 2026-03-01T11:00:00Z"},
		"new":           {func(s *timerSeen) { s.timer.since, s.last, s.ended = ago(maxAge), time.Time{}, time.Time{} }, StatePending, ReasonInProgress, "has not run"},
		"not so new":    {func(s *timerSeen) { s.timer.since, s.last, s.ended = ago(maxAge+1), time.Time{}, time.Time{} }, StateFail, ReasonStale, "more than 1d2h ago"},
		"since unknown": {func(s *timerSeen) { s.timer.since, s.last, s.ended = time.Time{}, time.Time{}, time.Time{} }, StateFail, ReasonStale, "has not run"},
		"just fresh":    {func(s *timerSeen) { s.last, s.ended = ago(maxAge), ago(maxAge) }, StatePass, ReasonNone, ""},
		"stale":         {func(s *timerSeen) { s.last, s.ended = ago(maxAge), ago(maxAge+1) }, StateFail, ReasonUnhealthy, ""},
		"stale run":     {func(s *timerSeen) { s.last, s.ended = ago(maxAge+2), ago(maxAge+1) }, StateFail, ReasonStale, "the last run of dump.service ended at"},
		"run by hand":   {func(s *timerSeen) { s.last = ago(maxAge + 1) }, StateFail, ReasonStale, "backup.timer last triggered at"},
		"a clock that is set": {func(s *timerSeen) { s.last, s.ended = ago(-time.Hour), ago(-time.Hour) }, StateUnknown, ReasonInvalid,
			"is in the future"},
		"no service":    {func(s *timerSeen) { s.service = unitSeen{name: "all.target"} }, StateUnknown, ReasonInvalid, "does not start a service"},
		"no name":       {func(s *timerSeen) { s.service = unitSeen{} }, StateUnknown, ReasonInvalid, "does not start a service"},
		"hostile names": {func(s *timerSeen) { s.service.name, s.service.load = "\x1b[2J.service", "not-found" }, StateFail, ReasonMissing, "?[2J.service"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := timerSeen{timer: unitSeen{name: "backup.timer", load: "loaded", active: "active", sub: "waiting", file: "enabled", since: ago(90 * 24 * time.Hour)},
				last: ago(time.Hour), again: true, next: now.Add(23 * time.Hour), result: "success", started: ago(time.Hour), ended: ago(50 * time.Minute),
				service: unitSeen{name: "dump.service", load: "loaded", active: "inactive", sub: "dead", file: "static"}}
			tt.change(&seen)
			r := sound(seen.judge(maxAge, now))
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, "marked")
		})
	}
}

func TestTimerNames(t *testing.T) {
	for name, label := range map[string]string{"backup.timer": "backup_2etimer", "0a-b@c.timer": "_30a_2db_40c_2etimer", "": "_", "a_b:c": "a_5fb_3ac"} {
		if got := dbusLabel(name); got != label {
			t.Errorf("%q: %q; want %q", name, got, label)
		}
	}
	k := systemdTimerKind()
	for _, name := range []string{"backup", "backup.service", "a/b.timer", "a b.timer", ".timer"} {
		if _, problems := decode(k, fmt.Sprintf("{timer: %q}", name)); len(problems) == 0 {
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
