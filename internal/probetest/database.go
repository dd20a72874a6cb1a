package probetest

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// DatabaseOf are those of a running server.
func DatabaseOf(s *parts.PostgreSQLServer) deployment.Settings {
	return PostgresSettings(net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), s.User, s.Password)
}

// Message is one message of PostgreSQL's protocol.
func Message(kind byte, body string) string {
	n := len(body) + 4
	return string([]byte{kind, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + body
}

// PortFaults are what a port can do instead of speaking the protocol of a database, and the reason why it is unknown then.
func PortFaults(t *testing.T) []Fault {
	t.Helper()
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	some := func(c net.Conn) { _, _ = c.Read(make([]byte, 512)) }
	return []Fault{
		{"refused", parts.Refusing(t), probe.StateUnknown, probe.ReasonUnreachable},
		{"no such host", "no-such-host.invalid:1", probe.StateUnknown, probe.ReasonUnreachable},
		{"silent", Listener(t, func(net.Conn) { <-block }), probe.StateUnknown, probe.ReasonTimeout},
		{"closed at once", Listener(t, func(c net.Conn) { some(c) }), probe.StateUnknown, probe.ReasonUnreachable},
		{"reset", Listener(t, func(c net.Conn) { some(c); _ = c.(*net.TCPConn).SetLinger(0) }), probe.StateUnknown, probe.ReasonUnreachable},
		{"SSH", Listener(t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-mark\r\n\x00\xff")); some(c) }), probe.StateUnknown, probe.ReasonInvalid},
		{"HTTP", strings.TrimPrefix(Site(t, nil).URL, "http://"), probe.StateUnknown, probe.ReasonInvalid},
		{"drips", Listener(t, func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("+")); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}), probe.StateUnknown, probe.ReasonTimeout},
	}
}

// PostgresSettings are those of a database at an address.
func PostgresSettings(address, user, password string) deployment.Settings {
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return deployment.Settings{Database: deployment.Database{Host: host, Port: n, User: user, Name: "postgres", Password: secret.New(password), Timeout: Patience(probe.ReasonNone)}}
}
