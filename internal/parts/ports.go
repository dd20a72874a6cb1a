// Ports. Tests of several packages run in parallel, so a free or temporarily closed port may be taken by another
// process at any time. A required port is therefore reserved until the test ends.

package parts

import (
	"net"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Refusing returns an address on 127.0.0.1 that refuses connections until a server listens there on purpose: the kernel
// does not assign its port to others before the test ends.
func Refusing(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(holdPort(t)))
}

// holdPort reserves a free TCP port on 127.0.0.1 without listening. The kernel then assigns it to no one else, and a
// server that binds it explicitly still gets it: both sockets set SO_REUSEADDR, as all servers do, and only one of them
// listens.
func holdPort(t testing.TB) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("hold a port: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) }) // a socket that was never connected cannot lose data
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
