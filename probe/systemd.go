package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

// How probes ask systemd: over D-Bus, on the host's system bus, or on systemd's own socket where a host has no bus. One property after the other is
// read, so that what may hold a secret (a service's environment, its command line) is not even received. No method but Properties.Get is called; a
// unit that is not in memory is loaded by that, as `systemctl show` does.

const (
	systemBus      = "/run/dbus/system_bus_socket"
	systemdSocket  = "/run/systemd/private" // for root alone
	systemdSetting = "deployment.systemd.bus"
	systemdName    = "org.freedesktop.systemd1"
	systemdUnits   = "/org/freedesktop/systemd1/unit/"
	// systemdPatience bounds all that is asked in one look.
	systemdPatience = 5 * time.Second
	// maxSystemdAnswers bounds what is read of one connection: each answer has some hundred bytes.
	maxSystemdAnswers = 1 << 20
)

// systemd is a connection to it.
type systemd struct {
	conn  *dbus.Conn
	shown string // path of the socket, for people
}

// dialSystemd connects and introduces itself. The connection ends when ctx does, or with close.
func dialSystemd(ctx context.Context, p *Pass) (s *systemd, close func(), err error) {
	paths := []string{systemBus, systemdSocket}
	if set := p.Deployment.Systemd.Bus; set != "" {
		paths = []string{p.Deployment.Abs(set)}
	}
	var raw net.Conn
	var path string
	for _, path = range paths {
		if raw, err = p.Dial(ctx, "unix", path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, nil, systemdUndialled(ctx, path, err, len(paths) > 1)
	}
	// dbus closes the connection when ctx is done, also while it waits for an answer.
	conn, err := dbus.NewConn(struct {
		io.Reader
		io.WriteCloser
	}{io.LimitReader(raw, maxSystemdAnswers), raw}, dbus.WithContext(ctx))
	if err != nil {
		_ = raw.Close()
		return nil, nil, Unknown(ReasonError, errors.New("no client for systemd can be made"))
	}
	s = &systemd{conn, path}
	end := func() { _ = conn.Close() }
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	if err == nil && path != systemdSocket { // there is no bus behind it
		err = conn.Hello()
	}
	if err != nil {
		err = s.unasked(ctx, "to let the exporter in", err)
		end()
		return nil, nil, err
	}
	return s, end, nil
}

// property reads a property of a unit; name is the unit's, face the last part of the interface's. The library would turn a number into a text.
func property[T string | bool | uint64](ctx context.Context, s *systemd, name, face, what string, into *T) error {
	object := s.conn.Object(systemdName, dbus.ObjectPath(systemdUnits+dbusLabel(name)))
	var v dbus.Variant
	err := object.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, systemdName+"."+face, what).Store(&v)
	if err == nil {
		var ok bool
		if *into, ok = v.Value().(T); ok {
			return nil
		}
		return Needs(systemdSetting, Unknownf(ReasonInvalid, "asked for %s of %s, %s answers with another type than systemd's", what, name, s.shown))
	}
	return s.unasked(ctx, fmt.Sprintf("for %s of %s", what, name), err)
}

// moment reads a property that is a time in microseconds; zero when it never was, or never will be.
func (s *systemd) moment(ctx context.Context, name, face, what string, into *time.Time) error {
	var usec uint64
	if err := property(ctx, s, name, face, what, &usec); err != nil {
		return err
	}
	*into = time.Time{}
	if usec > 0 && usec < math.MaxInt64 {
		*into = time.UnixMicro(int64(usec))
	}
	return nil
}

// unasked is the error of a question that was not answered; of what the bus said it keeps nothing but its class.
func (s *systemd) unasked(ctx context.Context, what string, err error) error {
	var refused dbus.Error
	name := ""
	if errors.As(err, &refused) {
		name = strings.TrimPrefix(refused.Name, "org.freedesktop.DBus.Error.")
	}
	say := func(reason Reason, text string) error {
		return Needs(systemdSetting, Unknownf(reason, "systemd, asked at %s %s: %s", s.shown, what, text))
	}
	switch {
	case ctx.Err() != nil, name == "NoReply", name == "Timeout", name == "TimedOut":
		return say(ReasonTimeout, "no answer in time")
	case name == "AccessDenied", name == "AuthFailed", name == "InteractiveAuthorizationRequired", errors.Is(err, fs.ErrPermission):
		return Needs("an exporter that may read systemd's units on "+s.shown, say(ReasonPermissionDenied, "refused"))
	case name == "ServiceUnknown", name == "NameHasNoOwner":
		return say(ReasonNotConfigured, "there is no systemd on that bus")
	case name == "UnknownObject", name == "UnknownInterface", name == "UnknownProperty", name == "UnknownMethod", name == "InvalidArgs":
		return say(ReasonInvalid, "it knows nothing of the kind")
	case name != "":
		return say(ReasonError, "it answers that it failed")
	case strings.Contains(err.Error(), "authentication failed"): // the library has no error of a type for it
		return Needs("an exporter that may read systemd's units on "+s.shown, say(ReasonPermissionDenied, "it does not let the exporter's user in (a user namespace in between?)"))
	}
	return say(ReasonInvalid, "it does not answer like a D-Bus")
}

// systemdUndialled is the error of a socket that there is no connection to.
func systemdUndialled(ctx context.Context, path string, err error, found bool) error {
	switch {
	case ctx.Err() != nil, reasonOf(err) == ReasonTimeout:
		return Needs(systemdSetting, Unknownf(ReasonTimeout, "%s does not take a connection in time", path))
	case errors.Is(err, fs.ErrNotExist) && found:
		return Needs(systemdSetting, Unknownf(ReasonNotConfigured, "systemd cannot be asked: there is neither %s nor %s (in a container, mount the host's system bus and name it in %s)", systemBus, systemdSocket, systemdSetting))
	case errors.Is(err, fs.ErrNotExist):
		return Needs(systemdSetting, Unknownf(ReasonUnreachable, "systemd cannot be asked: there is no %s", path))
	case errors.Is(err, fs.ErrPermission):
		return Needs("permission to use "+path, Unknownf(ReasonPermissionDenied, "systemd cannot be asked: %s may not be used", path))
	case errors.Is(err, syscall.ECONNREFUSED):
		return Needs(systemdSetting, Unknownf(ReasonUnreachable, "systemd cannot be asked: nothing listens at %s", path))
	}
	return Needs(systemdSetting, Unknownf(ReasonUnreachable, "systemd cannot be asked: no connection to %s", path))
}

// dbusLabel writes a unit's name as systemd does in the path of its object: what is no letter and no digit, and a leading digit, as _ and its
// hexadecimal number.
func dbusLabel(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}
