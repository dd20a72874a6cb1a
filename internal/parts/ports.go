// Ports: tests of several packages run at once, so that a port which was free a moment ago, or is closed for a moment, may be
// somebody else's the next. One that is needed is therefore held until the test ends.

package parts

import (
	"net"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Refusing returns an address on 127.0.0.1 that refuses connections until somebody listens there on purpose: nobody is given its port by chance
// before the test ends.
func Refusing(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(holdPort(t)))
}

// holdPort takes a free TCP port on 127.0.0.1 without listening on it. The kernel chooses it for nobody else then, and a server that asks for it by
// number still gets it, since both sockets allow that their address is used again (SO_REUSEADDR, as all servers do) and only one of them listens.
func holdPort(t testing.TB) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("hold a port: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) }) // a socket that was never connected has nothing to lose
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatalf("hold a port: %v", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatalf("hold a port: %v", err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatalf("hold a port: %v", err)
	}
	return bound.(*unix.SockaddrInet4).Port
}
