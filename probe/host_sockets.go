package probe

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
)

// The sockets that listen on this host: asked of the kernel filtered (sock_diag(7)), since the lists in /proc grow with every connection that was
// just closed; those lists where it cannot be asked.

// hostSocket is a TCP socket that listens, or a UDP socket that takes what anybody sends.
type hostSocket struct {
	udp    bool
	local  netip.Addr // unspecified: every address of the host
	only6  bool       // of an unspecified IPv6 address: not IPv4 as well
	port   uint16
	device int // the only interface it listens on; 0: on all
	inode  uint32
}

// States of sockets (net/tcp_states.h): one that listens, and one of UDP that is not bound to one peer.
const (
	tcpClose  = 7
	tcpListen = 10
)

// maxListeners bounds the sockets looked at.
const maxListeners = 65536

var errTooManyListeners = fmt.Errorf("more than %d sockets listen", maxListeners)

// listeners reads the sockets of the network namespace of the calling thread.
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

// dialSockets opens a connection by which the kernel is asked for sockets.
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

// askListeners asks the kernel for the sockets of one family and protocol.
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

// readListener reads struct inet_diag_msg and the attribute that says whether an IPv6 socket takes no IPv4.
func readListener(data []byte, udp bool) (hostSocket, error) {
	const size, portAt, addressAt, deviceAt, inodeAt, only6 = 72, 4, 8, 40, 68, 11
	if len(data) < size {
		return hostSocket{}, errors.New("the kernel's answer about a socket is cut short")
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

// listedListeners reads the lists in /proc. They don't say which interface a socket is bound to, nor whether it takes no IPv4.
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
		if a, ok := netip.AddrFromSlice(ip); ok && state == want && port <= maxPort {
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
		return found, orNone(err)
	}
	read := list.NetTCP //lint:ignore SA1019 what is asked where netlink does not answer
	if family == unix.AF_INET6 {
		read = list.NetTCP6 //lint:ignore SA1019 as above
	}
	lines, err := read()
	for _, s := range lines {
		add(s.LocalAddr, s.LocalPort, s.St, s.Inode)
	}
	return found, orNone(err)
}

// orNone: where the kernel has no such family there is no list, and no socket.
func orNone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
