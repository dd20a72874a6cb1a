package firewall

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
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/firewall/nft"
)

// The network of the exporter itself: its interfaces, and whether it is the host's network.

// maxAddresses bounds the addresses of one interface, maxInterfaces the number of interfaces.
const (
	maxAddresses  = 32
	maxInterfaces = 64
)

var errTooManyInterfaces = fmt.Errorf("more than %d interfaces, or more than %d addresses of one interface",
	maxInterfaces, maxAddresses)

// hostInterfaces returns the external interfaces in the network namespace of the calling thread: without loopback, and
// with container and tunnel interfaces only if they have a default route. own holds the addresses of all interfaces
// that are up.
func hostInterfaces() (out []nft.Interface, own []netip.Addr, err error) {
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
		h := nft.Interface{Name: i.Name, Index: i.Index, Routed: routed[i.Name]}
		for _, a := range addresses {
			if block, err := netip.ParsePrefix(a.String()); err == nil && !block.Addr().IsLinkLocalUnicast() && !block.Addr().IsLoopback() {
				h.Addresses = append(h.Addresses, block.Addr().Unmap())
			}
		}
		if len(h.Addresses) > maxAddresses {
			return nil, nil, errTooManyInterfaces
		}
		own = append(own, h.Addresses...)
		if i.Flags&net.FlagLoopback != 0 || leadsInside(i.Name) && !routed[i.Name] || len(h.Addresses) == 0 {
			continue
		}
		if out = append(out, h); len(out) > maxInterfaces {
			return nil, nil, errTooManyInterfaces
		}
	}
	return out, own, nil
}

// routeTable describes a route table in /proc/net: the number of fields, the field of the interface, of the destination
// and of its prefix length, and the values of the latter two in a default route.
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

// defaultRoutes returns the interfaces with an IPv4 or IPv6 default route in the calling thread's namespace.
func defaultRoutes() (map[string]bool, error) {
	routed := map[string]bool{}
	for _, table := range routeTables() {
		data, _, err := files.Read(table.path, 8<<20)
		if errors.Is(err, fs.ErrNotExist) {
			continue // address family disabled in the kernel
		}
		if err != nil {
			return nil, err
		}
		table.note(data, routed)
	}
	return routed, nil
}

// note adds the interfaces of a table's default routes.
func (r routeTable) note(data []byte, routed map[string]bool) {
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) >= r.fields && f[r.to] == r.anywhere && f[r.mask] == r.length && f[r.name] != "lo" {
			routed[f[r.name]] = true
		}
	}
}

// hostNetworkSetting is the remedy for missing access to the host's network.
const hostNetworkSetting = "host network (network_mode: host), or running on the host"

// hostNetworkKey caches that a namespace is the host's, which does not change while a process is in it.
type hostNetworkKey struct{}

// ownNetwork returns an error if the network is not the host's but that of a container or an isolated service.
func ownNetwork(p *probe.Pass) error {
	own, ownErr := os.Readlink("/proc/thread-self/ns/net")
	if first, err := os.Readlink("/proc/1/ns/net"); err == nil && ownErr == nil && own != first {
		return errors.New("exporter runs in its own network namespace")
	}
	_, err := probe.Keep(p.Kept, hostNetworkKey{}, own, func() (struct{}, func(), error) {
		interfaces, err := net.Interfaces()
		if err == nil && !hasDevice("/sys/class/net", interfaces) {
			err = errors.New("no physical network device found: exporter runs in its own network namespace")
		}
		return struct{}{}, nil, err
	})
	return err
}

// hasDevice reports whether any interface is a physical device, which a container's own network does not have. The
// folder may show another network's interfaces, so the hardware address is compared.
func hasDevice(dir string, interfaces []net.Interface) bool {
	return slices.ContainsFunc(interfaces, func(i net.Interface) bool {
		if _, err := os.Stat(filepath.Join(dir, i.Name, "device")); err != nil {
			return false
		}
		address, err := hardwareAddress(dir, i.Name)
		return err == nil && address == i.HardwareAddr.String()
	})
}

// hardwareAddress reads an interface's address from the folder. A sysfs file states a size other than that of its
// content, which files.Read would report as a change.
func hardwareAddress(dir, name string) (string, error) {
	f, _, err := files.Open(filepath.Join(dir, name, "address"))
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, 4<<10)) // a sysfs file is at most one page
	return strings.TrimSpace(string(text)), err
}

// sameNetwork reports whether the host with its file system at root uses the exporter's network.
func sameNetwork(root string) bool {
	first, err := os.Readlink(filepath.Join(root, "proc/1/ns/net"))
	own, ownErr := os.Readlink("/proc/thread-self/ns/net")
	return err == nil && ownErr == nil && first == own
}

// legacyTables reports whether iptables-legacy rules, which nf_tables does not show, are loaded, and whether they may
// redirect packets. The kernel lists every table that was ever used.
func legacyTables() (some, leading bool) {
	for _, name := range []string{"ip_tables_names", "ip6_tables_names"} {
		data, _, err := files.Read("/proc/thread-self/net/"+name, 1<<16)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return true, true // unknown, so possible
		}
		one, leads := legacyListed(data)
		some, leading = some || one, leading || leads
	}
	return some, leading
}

func legacyListed(data []byte) (some, leading bool) {
	for _, table := range strings.Fields(string(data)) {
		some = true
		leading = leading || table == "nat" || table == "mangle" // mangle by TPROXY
	}
	return some, leading
}

// socketNames caches the names of the processes that own sockets.
type socketNames struct {
	mu     sync.Mutex
	inodes []uint32 // of the sockets, sorted
	names  map[uint32]string
}

type socketNamesKey struct{}

// processesOf caches processes: while the sockets stay the same, /proc is not scanned again.
func processesOf(ctx context.Context, p *probe.Pass, inodes map[uint32]bool) map[uint32]string {
	known, err := probe.Keep(p.Kept, socketNamesKey{}, "", func() (*socketNames, func(), error) { return &socketNames{}, nil, nil })
	if err != nil {
		return processes(ctx, inodes) // the configuration is closed, nothing is cached
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	of := slices.Sorted(maps.Keys(inodes))
	if known.names != nil && slices.Equal(known.inodes, of) {
		return known.names
	}
	names := processes(ctx, inodes)
	if ctx.Err() == nil { // complete
		known.inodes, known.names = of, names
	}
	return names
}

// processes returns the names of the processes that own sockets, by inode, if visible to this user.
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
