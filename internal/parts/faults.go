// A way to a server that can be broken: as long as nothing is wrong it hands everything on, else it behaves as a broken,
// overloaded or malicious server would. What a server says wrongly is said in its own protocol, so that it is read as deep
// as can be.

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

// Fault is what is wrong with a server.
type Fault string

// The faults. A protocol that knows nothing of the kind (redirections, compression) has garbage in its place.
const (
	NoFault      Fault = ""
	Refuse       Fault = "refuse"        // nobody listens
	Hang         Fault = "hang"          // takes the connection and says nothing
	Drip         Fault = "drip"          // begins as it should and goes on one byte at a time, for ever
	Reset        Fault = "reset"         // listens to the question and resets the connection
	Garbage      Fault = "garbage"       // says what is not in the protocol
	Nonsense     Fault = "nonsense"      // says in the protocol what makes no sense
	Endless      Fault = "endless"       // begins as it should and goes on as fast as it can, for ever
	Bomb         Fault = "gzip bomb"     // a small answer that becomes a large one
	StallTLS     Fault = "stalled TLS"   // begins a TLS handshake and says no more
	RedirectLoop Fault = "redirect loop" // leads from one place to the same
)

// Faults lists all of them.
func Faults() []Fault {
	return []Fault{Refuse, Hang, Drip, Reset, Garbage, Nonsense, Endless, Bomb, StallTLS, RedirectLoop}
}

// dripPause is short, so that a time limit on silence alone, which every byte would renew, shows in a test's time.
const dripPause = 50 * time.Millisecond

// Protocol is what a server speaks, as far as a fault needs to know.
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

// FaultyServer is such a way to a server.
type FaultyServer struct {
	Address string // where it listens: host:port, or the path of a socket

	network, target string
	protocol        Protocol
	bomb            []byte // made when it is first wanted

	mu       sync.Mutex
	fault    Fault
	listener net.Listener   // nil while it refuses
	packets  net.PacketConn // of DNS
	open     map[net.Conn]bool
	ended    bool
	running  sync.WaitGroup
}

// Faulty puts a way that can be broken in front of the server at an address; network is tcp or unix.
func Faulty(t testing.TB, protocol Protocol, network, target string) *FaultyServer {
	t.Helper()
	s := &FaultyServer{network: network, target: target, protocol: protocol, open: map[net.Conn]bool{}}
	var err error
	for range 10 { // DNS wants the same port over UDP, which may be taken
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

// Set breaks or mends the server. Connections made before are cut.
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
	if err := poll(Patience, s.listen); err != nil { // the port of UDP, which is not held, may be somebody's for a moment
		t.Fatal(err)
	}
}

// hush ends listening and all connections; the caller holds the lock.
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
		u.SetUnlinkOnClose(false) // who refuses has a socket still
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

// Open returns how many connections are open.
func (s *FaultyServer) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// meet deals with one connection until it is closed.
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
	for err == nil { // every question is answered alike
		if _, err = conn.Write(begin); err == nil && (s.protocol == HTTP || s.protocol == AWS) && fault != Garbage {
			_, err = conn.Read(first)
			continue
		}
		break
	}
	// Closing with something unread would reset the connection, and what was said might be lost.
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, conn)
}

// handOn connects to the server itself.
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

// pump copies by hand: the kernel's way keeps pipes, which a test that counts open files would take for a leak.
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
		case Nonsense: // what was not asked
			answer := append(bytes.Clone(asked[:2]), 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0)
			send(append(answer, "\x05other\x04test\x00\x00\x01\x00\x01"...))
		case RedirectLoop: // the name is an alias of itself
			end := 12 + bytes.IndexByte(asked[12:], 0) + 1 + 4
			answer := append(bytes.Clone(asked[:2]), 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0)
			answer = append(answer, asked[12:end]...)
			send(append(answer, 0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12))
		default: // too long for a packet: over TCP, please
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
