// A proxy to a server that can inject faults: without a fault it forwards everything, otherwise it behaves like a
// broken, overloaded or malicious server. Faulty responses use the server's own protocol, so that they are parsed as
// far as possible.

package parts

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Fault is a kind of server fault.
type Fault string

// The faults. A protocol without the feature (redirects, compression) sends garbage instead.
const (
	NoFault      Fault = ""
	Refuse       Fault = "refuse"        // no listener
	Hang         Fault = "hang"          // accepts the connection and sends nothing
	Drip         Fault = "drip"          // begins normally and continues with one byte at a time, forever
	Reset        Fault = "reset"         // reads the request and resets the connection
	Garbage      Fault = "garbage"       // sends bytes that violate the protocol
	Nonsense     Fault = "nonsense"      // sends valid protocol messages that make no sense
	Endless      Fault = "endless"       // begins normally and continues as fast as possible, forever
	Bomb         Fault = "gzip bomb"     // a small response that decompresses to a large one
	StallTLS     Fault = "stalled TLS"   // begins a TLS handshake and sends nothing more
	RedirectLoop Fault = "redirect loop" // redirects to the same place
)

// Faults returns all faults.
func Faults() []Fault {
	return []Fault{Refuse, Hang, Drip, Reset, Garbage, Nonsense, Endless, Bomb, StallTLS, RedirectLoop}
}

// dripPause is short, so that an idle timeout, which every byte renews, becomes visible within a test.
const dripPause = 50 * time.Millisecond

// Protocol is a server's protocol, as far as a fault depends on it.
type Protocol string

// The protocols.
const (
	HTTP     Protocol = "http" // with JSON
	AWS      Protocol = "aws"  // HTTP with XML
	RESP     Protocol = "redis"
	Postgres Protocol = "postgres"
	TLSAlone Protocol = "tls"
	DBus     Protocol = "dbus"
	DNS      Protocol = "dns" // over UDP, and over TCP at the same address
)

// FaultyServer is a proxy with a fault.
type FaultyServer struct {
	Address string // the listening address: host:port, or the path of a socket

	network, target string
	protocol        Protocol
	bomb            []byte // created at first use

	mu       sync.Mutex
	fault    Fault
	listener net.Listener   // nil while it refuses connections
	packets  net.PacketConn // for DNS
	open     map[net.Conn]bool
	ended    bool
	running  sync.WaitGroup
}

// Faulty starts a proxy in front of the server at an address; network is tcp or unix.
func Faulty(t testing.TB, protocol Protocol, network, target string) *FaultyServer {
	t.Helper()
	s := &FaultyServer{network: network, target: target, protocol: protocol, open: map[net.Conn]bool{}}
	var err error
	for range 10 { // DNS needs the same port for UDP, which may be in use
		if network == "unix" {
			s.Address = tempDir(t, -1, -1) + "/socket"
		} else {
			s.Address = Refusing(t)
		}
		if err = s.listen(); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.mu.Lock()
		s.ended = true
		s.hush()
		s.mu.Unlock()
		s.running.Wait()
	})
	return s
}

// Set sets or clears the fault. Existing connections are closed.
func (s *FaultyServer) Set(t testing.TB, fault Fault) {
	t.Helper()
	s.mu.Lock()
	s.hush()
	s.fault = fault
	s.mu.Unlock()
	s.running.Wait()
	if fault == Refuse {
		return
	}
	if fault == Bomb && s.bomb == nil && (s.protocol == HTTP || s.protocol == AWS) {
		s.bomb = zeros()
	}
	if err := Poll(Patience, s.listen); err != nil { // the UDP port is not reserved and may be in use for a moment
		t.Fatal(err)
	}
}

// hush closes the listeners and all connections. The caller holds the lock.
func (s *FaultyServer) hush() {
	if s.listener != nil {
		_ = s.listener.Close()
		s.listener = nil
	}
	if s.packets != nil {
		_ = s.packets.Close()
		s.packets = nil
	}
	for conn := range s.open {
		_ = conn.Close()
	}
}

// socket listens at the address.
func (s *FaultyServer) socket() (net.Listener, error) {
	if s.network == "unix" {
		_ = os.Remove(s.Address)
	}
	l, err := net.Listen(s.network, s.Address)
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // a refusing server still has its socket
	}
	return l, err
}

func (s *FaultyServer) listen() error {
	l, err := s.socket()
	if err != nil {
		return err
	}
	var packets net.PacketConn
	if s.protocol == DNS {
		if packets, err = net.ListenPacket("udp", s.Address); err != nil {
			_ = l.Close()
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener, s.packets = l, packets
	fault := s.fault
	s.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if s.keep(conn) {
				s.running.Go(func() { defer s.forget(conn); s.meet(conn, fault) })
			}
		}
	})
	if packets != nil {
		s.running.Go(func() { s.answerPackets(packets, fault) })
	}
	return nil
}

func (s *FaultyServer) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		_ = conn.Close()
		return false
	}
	s.open[conn] = true
	return true
}

func (s *FaultyServer) forget(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	delete(s.open, conn)
	s.mu.Unlock()
}

// Open returns the number of open connections.
func (s *FaultyServer) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// meet handles one connection until it is closed.
func (s *FaultyServer) meet(conn net.Conn, fault Fault) {
	if fault == NoFault {
		s.handOn(conn)
		return
	}
	if fault == Hang {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	first := make([]byte, 16<<10)
	n, err := conn.Read(first)
	if err != nil {
		return
	}
	begin, more := s.words(fault, first[:n])
	switch fault {
	case Reset:
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		return
	case Drip:
		_, err = conn.Write(begin)
		for i := 0; err == nil; i++ {
			time.Sleep(dripPause)
			_, err = conn.Write(more[i%len(more) : i%len(more)+1])
		}
		return
	case Endless:
		_, err = conn.Write(begin)
		more = bytes.Repeat(more, 32<<10/len(more))
		for err == nil {
			_, err = conn.Write(more)
		}
		return
	case StallTLS:
		_, _ = conn.Write(begin)
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	for err == nil { // every request gets the same response
		if _, err = conn.Write(begin); err == nil && (s.protocol == HTTP || s.protocol == AWS) && fault != Garbage {
			_, err = conn.Read(first)
			continue
		}
		break
	}
	// Closing with unread data would reset the connection, and the response might be lost.
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, conn)
}

// handOn connects to the real server.
func (s *FaultyServer) handOn(conn net.Conn) {
	server, err := (&net.Dialer{}).DialContext(context.Background(), s.network, s.target)
	if err != nil {
		return
	}
	if !s.keep(server) {
		return
	}
	defer s.forget(server)
	var back sync.WaitGroup
	back.Go(func() { pump(conn, server); _ = conn.Close() })
	pump(server, conn)
	_ = server.Close()
	back.Wait()
}

// pump copies in user space: splice keeps pipes, which a test that counts open files would report as a leak.
func pump(to io.Writer, from io.Reader) {
	_, _ = io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
}

// answerPackets is DNS over UDP.
func (s *FaultyServer) answerPackets(packets net.PacketConn, fault Fault) {
	question := make([]byte, 64<<10)
	for {
		n, from, err := packets.ReadFrom(question)
		if err != nil {
			return
		}
		asked := question[:n]
		if n < 12 {
			continue
		}
		send := func(answer []byte) { _, _ = packets.WriteTo(answer, from) }
		switch fault {
		case NoFault:
			if answer := s.packetFromServer(asked); answer != nil {
				send(answer)
			}
		case Hang, StallTLS:
		case Garbage, Bomb:
			send(append(bytes.Clone(asked[:2]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
		case Nonsense: // an answer to another question
			answer := append(bytes.Clone(asked[:2]), 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0)
			send(append(answer, "\x05other\x04test\x00\x00\x01\x00\x01"...))
		case RedirectLoop: // the name is an alias of itself
			end := 12 + bytes.IndexByte(asked[12:], 0) + 1 + 4
			answer := append(bytes.Clone(asked[:2]), 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0)
			answer = append(answer, asked[12:end]...)
			send(append(answer, 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12))
		default: // truncated: the client retries over TCP
			answer := bytes.Clone(asked)
			answer[2] |= 0x82
			send(answer)
		}
	}
}

func (s *FaultyServer) packetFromServer(question []byte) []byte {
	conn, err := net.Dial("udp", s.target)
	if err != nil {
		return nil
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	answer := make([]byte, 64<<10)
	if _, err := conn.Write(question); err != nil {
		return nil
	}
	n, err := conn.Read(answer)
	if err != nil || n < 4 || binary.BigEndian.Uint16(answer) != binary.BigEndian.Uint16(question) {
		return nil
	}
	return answer[:n]
}
