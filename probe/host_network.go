package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// The network that the exporter itself is in: its interfaces, and whether it is the host's.

// hostInterface is an interface that somebody outside may reach the host by.
type hostInterface struct {
	name      string
	index     int
	addresses []netip.Addr // not those of the link alone
	routed    bool         // a default route leads out of it
}

// world tells whether the internet reaches an address by the interface: it does where the host reaches the internet that way, since a cloud translates
// public addresses to private ones, and at a public address.
func (i hostInterface) world(a netip.Addr) bool {
	return i.routed || reachOfAddr(a) == reachWorld
}

// maxAddresses bounds the addresses of one interface, maxInterfaces their number, that are looked at.
const (
	maxAddresses  = 32
	maxInterfaces = 64
)

var errTooManyInterfaces = fmt.Errorf("more than %d interfaces, or %d addresses of one", maxInterfaces, maxAddresses)

// hostInterfaces reads the interfaces of the network namespace of the calling thread that lead outside: not the host's own, and those of containers
// and tunnels only where the default route takes them. And the addresses of all that are up.
func hostInterfaces() (out []hostInterface, own []netip.Addr, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, nil, err
	}
	routed, err := defaultRoutes()
	if err != nil {
		return nil, nil, err
	}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			return nil, nil, err
		}
		h := hostInterface{name: i.Name, index: i.Index, routed: routed[i.Name]}
		for _, a := range addresses {
			if block, err := netip.ParsePrefix(a.String()); err == nil && !block.Addr().IsLinkLocalUnicast() && !block.Addr().IsLoopback() {
				h.addresses = append(h.addresses, block.Addr().Unmap())
			}
		}
		if len(h.addresses) > maxAddresses {
			return nil, nil, errTooManyInterfaces
		}
		own = append(own, h.addresses...)
		if i.Flags&net.FlagLoopback != 0 || leadsInside(i.Name) && !routed[i.Name] || len(h.addresses) == 0 {
			continue
		}
		if out = append(out, h); len(out) > maxInterfaces {
			return nil, nil, errTooManyInterfaces
		}
	}
	return out, own, nil
}

// routeTable is how a table of routes in /proc/net is written: how many fields a line has, which of them are the interface, the address and the
// length of what is routed, and what stands there in a default route.
type routeTable struct {
	path             string
	fields, name     int
	to, mask         int
	anywhere, length string
}

func routeTables() []routeTable {
	return []routeTable{
		{"/proc/thread-self/net/route", 11, 0, 1, 7, "00000000", "00000000"},
		{"/proc/thread-self/net/ipv6_route", 10, 9, 0, 1, strings.Repeat("0", 32), "00"},
	}
}

// defaultRoutes are the interfaces with a default route of either family, of the calling thread's namespace.
func defaultRoutes() (map[string]bool, error) {
	routed := map[string]bool{}
	for _, table := range routeTables() {
		data, _, err := files.Read(table.path, 8<<20)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the kernel has no such family
		}
		if err != nil {
			return nil, err
		}
		table.note(data, routed)
	}
	return routed, nil
}

// note adds the interfaces that a table's default routes lead out of.
func (r routeTable) note(data []byte, routed map[string]bool) {
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) >= r.fields && f[r.to] == r.anywhere && f[r.mask] == r.length && f[r.name] != "lo" {
			routed[f[r.name]] = true
		}
	}
}

// Setting that lets the exporter see the host's network.
const hostNetworkSetting = "host network (network_mode: host), or running on the host"

// hostNetworkKey is for the namespace of which it was once seen that it is the host's: it stays so for as long as there is a process in it.
type hostNetworkKey struct{}

// ownNetwork is an error where the network is not the host's but that of a container, or of a service with a network of its own.
func ownNetwork(p *Pass) error {
	own, ownErr := os.Readlink("/proc/thread-self/ns/net")
	if first, err := os.Readlink("/proc/1/ns/net"); err == nil && ownErr == nil && own != first {
		return errors.New("the exporter is in a network namespace of its own")
	}
	_, err := Keep(p.Kept, hostNetworkKey{}, own, func() (struct{}, func(), error) {
		interfaces, err := net.Interfaces()
		if err == nil && !hasDevice("/sys/class/net", interfaces) {
			err = errors.New("no device of the machine is seen: the exporter is in a container's own network")
		}
		return struct{}{}, nil, err
	})
	return err
}

// hasDevice tells whether any interface is a device of the machine, as no container's own is. The folder may show another network's interfaces: the
// hardware address tells.
func hasDevice(dir string, interfaces []net.Interface) bool {
	return slices.ContainsFunc(interfaces, func(i net.Interface) bool {
		if _, err := os.Stat(filepath.Join(dir, i.Name, "device")); err != nil {
			return false
		}
		address, err := hardwareAddress(dir, i.Name)
		return err == nil && address == i.HardwareAddr.String()
	})
}

// hardwareAddress is an interface's address as the folder tells it. A file of sysfs states a size that its content does not have, so that it is not
// files.Read that reads it: it would take the file for one that changes.
func hardwareAddress(dir, name string) (string, error) {
	f, _, err := files.Open(filepath.Join(dir, name, "address"))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, 4<<10)) // a file of sysfs is a page at most
	return strings.TrimSpace(string(text)), err
}

// sameNetwork tells whether a host whose file system is seen below a folder has the network that the exporter is in.
func sameNetwork(root string) bool {
	first, err := os.Readlink(filepath.Join(root, "proc/1/ns/net"))
	own, ownErr := os.Readlink("/proc/thread-self/ns/net")
	return err == nil && ownErr == nil && first == own
}

// legacyTables tells whether rules are loaded by iptables in the way that nf_tables does not show, and whether they may lead packets elsewhere. The
// kernel lists the tables that were ever used.
func legacyTables() (some, leading bool) {
	for _, name := range []string{"ip_tables_names", "ip6_tables_names"} {
		data, _, err := files.Read("/proc/thread-self/net/"+name, 1<<16)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return true, true // may be
		}
		one, leads := legacyListed(data)
		some, leading = some || one, leading || leads
	}
	return some, leading
}

func legacyListed(data []byte) (some, leading bool) {
	for _, table := range strings.Fields(string(data)) {
		some = true
		leading = leading || table == "nat" || table == "mangle" // the latter by TPROXY
	}
	return some, leading
}

// socketNames are the names of the processes that hold some sockets.
type socketNames struct {
	mu     sync.Mutex
	inodes []uint32 // of the sockets, sorted
	names  map[uint32]string
}

type socketNamesKey struct{}

// processesOf is processes for the sockets of one pass after another: as long as they are the same, not all processes are gone through again.
func processesOf(ctx context.Context, p *Pass, inodes map[uint32]bool) map[uint32]string {
	known, err := Keep(p.Kept, socketNamesKey{}, "", func() (*socketNames, func(), error) { return &socketNames{}, nil, nil })
	if err != nil {
		return processes(ctx, inodes) // the configuration is at its end: nothing is kept any more
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	of := slices.Sorted(maps.Keys(inodes))
	if known.names != nil && slices.Equal(known.inodes, of) {
		return known.names
	}
	names := processes(ctx, inodes)
	if ctx.Err() == nil { // not cut short
		known.inodes, known.names = of, names
	}
	return names
}

// processes names the processes that hold sockets, by inode, as far as this user may see them.
func processes(ctx context.Context, inodes map[uint32]bool) map[uint32]string {
	names := map[uint32]string{}
	dirs, _ := filepath.Glob("/proc/[0-9]*/fd")
	for _, dir := range dirs {
		if ctx.Err() != nil || len(names) == len(inodes) {
			break
		}
		fds, _ := os.ReadDir(dir)
		for _, fd := range fds {
			var inode uint32
			to, err := os.Readlink(filepath.Join(dir, fd.Name()))
			if err != nil {
				continue
			}
			if n, _ := fmt.Sscanf(to, "socket:[%d]", &inode); n != 1 || !inodes[inode] || names[inode] != "" {
				continue
			}
			if name, _, err := files.Read(filepath.Join(filepath.Dir(dir), "comm"), unix.PathMax); err == nil {
				names[inode] = strings.TrimSpace(string(name))
			}
		}
	}
	return names
}
