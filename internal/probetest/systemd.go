package probetest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// FakeSystemd is that peer.
type FakeSystemd struct {
	Path  string
	Units map[string]map[string]any // by unit, by "Interface.Property"
	// Response, when set, takes a call's place: an error's name, or nothing for the units' own answer.
	Response func(member string, args []any) string

	mu    sync.Mutex
	Calls []string // "Member interface property", in order
}

// Serve listens until the test ends.
func (f *FakeSystemd) Serve(t *testing.T) {
	t.Helper()
	if f.Path == "" {
		f.Path = filepath.Join(t.TempDir(), "bus")
	}
	l, err := net.Listen("unix", f.Path)
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
func (f *FakeSystemd) talk(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for line := ""; !strings.HasPrefix(line, "BEGIN"); {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
		said := "OK 0123456789abcdef0123456789abcdef"
		if strings.TrimSpace(strings.TrimLeft(line, "\x00")) == "AUTH" || f.Response != nil && f.Response("AUTH", nil) != "" {
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
func (f *FakeSystemd) reply(m *dbus.Message) *dbus.Message {
	member, _ := m.Headers[dbus.FieldMember].Value().(string)
	path, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	f.mu.Lock()
	f.Calls = append(f.Calls, strings.TrimSpace(fmt.Sprintln(append([]any{member}, m.Body...)...)))
	f.mu.Unlock()
	refuse := func(name string) *dbus.Message {
		return &dbus.Message{Type: dbus.TypeError, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldErrorName: dbus.MakeVariant("org.freedesktop.DBus.Error." + name)}, Body: []any{"marked"}}
	}
	give := func(value any) *dbus.Message {
		return &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{}, Body: []any{value}}
	}
	if f.Response != nil {
		switch name := f.Response(member, m.Body); name {
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
	for name, unit := range f.Units {
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

// WellTimed is a timer that ran its service an hour ago.
func WellTimed(now time.Time) map[string]map[string]any {
	at := func(ago time.Duration) uint64 { return uint64(now.Add(-ago).UnixMicro()) }
	return map[string]map[string]any{
		"nightly-backup@a.timer": fakeUnit(map[string]any{"Unit.ActiveEnterTimestamp": at(90 * 24 * time.Hour), "Timer.Unit": "dump.service",
			"Timer.LastTriggerUSec": at(time.Hour), "Timer.NextElapseUSecRealtime": at(-23 * time.Hour), "Timer.NextElapseUSecMonotonic": uint64(1<<64 - 1)}),
		"dump.service": fakeUnit(map[string]any{"Unit.ActiveState": "inactive", "Unit.SubState": "dead", "Unit.UnitFileState": "static", "Unit.ConditionTimestamp": at(time.Hour),
			"Service.Result": "success", "Service.ExecMainStartTimestamp": at(time.Hour), "Service.ExecMainExitTimestamp": at(50 * time.Minute), "Service.Environment": []string{"PGPASSWORD=marked"}}),
	}
}
