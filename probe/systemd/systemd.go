// Package systemd checks timers over the system bus.
package systemd

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

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Access to systemd over D-Bus: on the host's system bus, or on systemd's own socket where there is no bus. Properties
// are read one by one, so that properties that may contain a secret (environment, command line) are never received.
// Only Properties.Get is called; it loads a unit that is not in memory, as `systemctl show` does.

const (
	systemBus     = "/run/dbus/system_bus_socket"
	systemdSocket = "/run/systemd/private" // for root only
	systemdName   = "org.freedesktop.systemd1"
	systemdUnits  = "/org/freedesktop/systemd1/unit/"
	// systemdPatience bounds all calls of one run.
	systemdPatience = 5 * time.Second
	// maxSystemdAnswers bounds the bytes read from one connection: each reply has a few hundred.
	maxSystemdAnswers = 1 << 20
)

// systemd is a connection to systemd.
type systemd struct {
	conn  *dbus.Conn
	shown string // path of the socket, for people
}

// dialSystemd connects and authenticates. The connection ends with ctx or close.
func dialSystemd(ctx context.Context, p *probe.Pass) (s *systemd, close func(), err error) {
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
	// dbus closes the connection when ctx is done, also while waiting for a reply.
	conn, err := dbus.NewConn(struct {
		io.Reader
		io.WriteCloser
	}{io.LimitReader(raw, maxSystemdAnswers), raw}, dbus.WithContext(ctx))
	if err != nil {
		_ = raw.Close()
		return nil, nil, probe.Unknown(probe.ReasonError, errors.New("D-Bus client for systemd cannot be created"))
	}
	s = &systemd{conn, path}
	end := func() { _ = conn.Close() }
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	if err == nil && path != systemdSocket { // the private socket is not a bus
		err = conn.Hello()
	}
	if err != nil {
		err = s.unasked(ctx, "authentication", err)
		end()
		return nil, nil, err
	}
	return s, end, nil
}

// property reads a property of a unit; name is the unit, face the last part of the interface name. The type is checked
// here, since the library would convert a number to text.
func property[T string | bool | uint64](ctx context.Context, s *systemd, name, face, what string, into *T) error {
	object := s.conn.Object(systemdName, dbus.ObjectPath(systemdUnits+dbusLabel(name)))
	var v dbus.Variant
	err := object.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, systemdName+"."+face, what).Store(&v)
	if err == nil {
		var ok bool
		if *into, ok = v.Value().(T); ok {
			return nil
		}
		return probe.Needs(deployment.SystemdService.Setting("bus"), probe.Unknownf(probe.ReasonInvalid, "systemd at %s: property %s of %s has an unexpected type", s.shown, what, name))
	}
	return s.unasked(ctx, fmt.Sprintf("property %s of %s", what, name), err)
}

// moment reads a timestamp property in microseconds; zero for never.
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

// unasked is the error of a failed call; it keeps only the class of the bus's error.
func (s *systemd) unasked(ctx context.Context, what string, err error) error {
	var refused dbus.Error
	name := ""
	if errors.As(err, &refused) {
		name = strings.TrimPrefix(refused.Name, "org.freedesktop.DBus.Error.")
	}
	say := func(reason probe.Reason, text string) error {
		return probe.Needs(deployment.SystemdService.Setting("bus"), probe.Unknownf(reason, "systemd at %s: %s: %s", s.shown, what, text))
	}
	switch {
	case ctx.Err() != nil, name == "NoReply", name == "Timeout", name == "TimedOut":
		return say(probe.ReasonTimeout, "no reply in time")
	case name == "AccessDenied", name == "AuthFailed", name == "InteractiveAuthorizationRequired", errors.Is(err, fs.ErrPermission):
		return probe.Needs("permission to read systemd's units on "+s.shown, say(probe.ReasonPermissionDenied, "access denied"))
	case name == "ServiceUnknown", name == "NameHasNoOwner":
		return say(probe.ReasonNotConfigured, "systemd is not on this bus")
	case name == "UnknownObject", name == "UnknownInterface", name == "UnknownProperty", name == "UnknownMethod", name == "InvalidArgs":
		return say(probe.ReasonInvalid, "not supported")
	case name != "":
		return say(probe.ReasonError, "the call failed")
	case strings.Contains(err.Error(), "authentication failed"): // the library has no typed error for it
		return probe.Needs("permission to read systemd's units on "+s.shown, say(probe.ReasonPermissionDenied, "the exporter's user is rejected; a user namespace may be the cause"))
	}
	return say(probe.ReasonInvalid, "not a D-Bus server")
}

// systemdUndialled is the error of a socket that cannot be connected to.
func systemdUndialled(ctx context.Context, path string, err error, found bool) error {
	switch {
	case ctx.Err() != nil, probe.ReasonOf(err) == probe.ReasonTimeout:
		return probe.Needs(deployment.SystemdService.Setting("bus"), probe.Unknownf(probe.ReasonTimeout, "connecting to %s timed out", path))
	case errors.Is(err, fs.ErrNotExist) && found:
		return probe.Needs(deployment.SystemdService.Setting("bus"), probe.Unknownf(probe.ReasonNotConfigured, "systemd is unreachable: neither %s nor %s exists (in a container, mount the host's system bus and set %s)", systemBus, systemdSocket, deployment.SystemdService.Setting("bus")))
	case errors.Is(err, fs.ErrNotExist):
		return probe.Needs(deployment.SystemdService.Setting("bus"), probe.Unknownf(probe.ReasonUnreachable, "systemd is unreachable: %s does not exist", path))
	case errors.Is(err, fs.ErrPermission):
		return probe.Needs("permission to use "+path, probe.Unknownf(probe.ReasonPermissionDenied, "systemd is unreachable: permission denied on %s", path))
	case errors.Is(err, syscall.ECONNREFUSED):
		return probe.Needs(deployment.SystemdService.Setting("bus"), probe.Unknownf(probe.ReasonUnreachable, "systemd is unreachable: nothing listens at %s", path))
	}
	return probe.Needs(deployment.SystemdService.Setting("bus"), probe.Unknownf(probe.ReasonUnreachable, "systemd is unreachable: connecting to %s failed", path))
}

// dbusLabel encodes a unit name as systemd does in object paths: characters other than letters and digits, and a
// leading digit, become _ and their hexadecimal number.
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
