package firewall

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

// Listening sockets of this host, from the kernel with a filter (sock_diag(7)), because the lists in /proc grow with
// every recently closed connection. The lists are the fallback.

// hostSocket is a listening TCP socket, or a UDP socket that is not connected to a peer.
type hostSocket struct {
	udp    bool
	local  netip.Addr // unspecified: all addresses of the host
	only6  bool       // on an unspecified IPv6 address: no IPv4
	port   uint16
	device int // interface it is bound to; 0: all
	inode  uint32
}

// Socket states (net/tcp_states.h): listening TCP, and UDP without a peer.
const (
	tcpClose  = 7
	tcpListen = 10
)

// maxListeners bounds the sockets checked.
const maxListeners = 65536

var errTooManyListeners = fmt.Errorf("more than %d listening sockets", maxListeners)

// listeners returns the sockets in the network namespace of the calling thread.
func listeners(ctx context.Context) ([]hostSocket, error) {
	conn, notAsked := dialSockets(ctx)
	if notAsked == nil {
		defer func() { _ = conn.Close() }()
	}
	var all []hostSocket
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		for _, udp := range []bool{false, true} {
			var found []hostSocket
			err := notAsked
			if err == nil {
				found, err = askListeners(conn, family, udp)
			}
			if err != nil {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				if found, err = listedListeners(family, udp); err != nil {
					return nil, err
				}
			}
			if all = append(all, found...); len(all) > maxListeners {
				return nil, errTooManyListeners
			}
		}
	}
	return all, nil
}

// dialSockets opens a sock_diag connection to the kernel.
func dialSockets(ctx context.Context) (*netlink.Conn, error) {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return nil, err
	}
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

// askListeners queries the kernel for the sockets of one family and protocol.
func askListeners(conn *netlink.Conn, family byte, udp bool) ([]hostSocket, error) {
	const requestSize, byFamily = 56, 20 // struct inet_diag_req_v2, SOCK_DIAG_BY_FAMILY
	request := make([]byte, requestSize)
	request[0], request[1] = family, unix.IPPROTO_TCP
	states := uint32(1 << tcpListen)
	if udp {
		request[1], states = unix.IPPROTO_UDP, 1<<tcpClose
	}
	binary.NativeEndian.PutUint32(request[4:], states)
	answers, err := conn.Execute(netlink.Message{Header: netlink.Header{Type: byFamily, Flags: netlink.Request | netlink.Dump}, Data: request})
	if err != nil {
		return nil, err
	}
	var found []hostSocket
	for _, a := range answers {
		l, err := readListener(a.Data, udp)
		if err != nil {
			return nil, err
		}
		found = append(found, l)
	}
	return found, nil
}

// readListener parses struct inet_diag_msg and the attribute for IPv6-only sockets.
func readListener(data []byte, udp bool) (hostSocket, error) {
	const size, portAt, addressAt, deviceAt, inodeAt, only6 = 72, 4, 8, 40, 68, 11
	if len(data) < size {
		return hostSocket{}, errors.New("truncated socket message from the kernel")
	}
	l := hostSocket{udp: udp, port: binary.BigEndian.Uint16(data[portAt:]), device: int(binary.NativeEndian.Uint32(data[deviceAt:])), inode: binary.NativeEndian.Uint32(data[inodeAt:])}
	if data[0] == unix.AF_INET {
		l.local = netip.AddrFrom4([4]byte(data[addressAt:]))
	} else {
		l.local = netip.AddrFrom16([16]byte(data[addressAt:]))
	}
	ad, err := netlink.NewAttributeDecoder(data[size:])
	if err != nil {
		return hostSocket{}, err
	}
	for ad.Next() {
		if ad.Type() == only6 {
			l.only6 = ad.Uint8() != 0
		}
	}
	return l, ad.Err()
}

// listedListeners reads the lists in /proc. They contain neither the bound interface nor the IPv6-only flag.
func listedListeners(family byte, udp bool) ([]hostSocket, error) {
	list, err := procfs.NewFS("/proc/thread-self")
	if err != nil {
		return nil, err
	}
	var found []hostSocket
	add := func(ip net.IP, port, state, inode uint64) {
		want := uint64(tcpListen)
		if udp {
			want = tcpClose
		}
		if a, ok := netip.AddrFromSlice(ip); ok && state == want && port <= portset.MaxPort {
			if family == unix.AF_INET {
				a = a.Unmap()
			}
			found = append(found, hostSocket{udp: udp, local: a, port: uint16(port), inode: uint32(inode)})
		}
	}
	if udp {
		read := list.NetUDP
		if family == unix.AF_INET6 {
			read = list.NetUDP6
		}
		lines, err := read()
		for _, s := range lines {
			add(s.LocalAddr, s.LocalPort, s.St, s.Inode)
		}
		return found, ignoreMissing(err)
	}
	read := list.NetTCP //lint:ignore SA1019 the fallback for netlink
	if family == unix.AF_INET6 {
		read = list.NetTCP6 //lint:ignore SA1019 as above
	}
	lines, err := read()
	for _, s := range lines {
		add(s.LocalAddr, s.LocalPort, s.St, s.Inode)
	}
	return found, ignoreMissing(err)
}

// ignoreMissing ignores the missing list of an address family that the kernel lacks.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
