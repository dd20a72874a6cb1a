package firewall

import (
	"bytes"
	"net/netip"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/probe/firewall/nft"
)

var fuzzedHost = host{
	interfaces: []nft.Interface{{Name: "eth0", Index: 2, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.5"), netip.MustParseAddr("2001:db8::5")}, Routed: true}},
	listeners:  []hostSocket{{local: netip.MustParseAddr("::"), port: 9100}, {local: netip.MustParseAddr("::"), port: 9300, udp: true}},
}

// FuzzListener reads what the kernel tells of a socket.
func FuzzListener(f *testing.F) {
	f.Add(make([]byte, 72), false)
	f.Add(slices.Concat([]byte{unix.AF_INET6, 10}, make([]byte, 70), []byte{5, 0, 11, 0, 1, 0, 0, 0}), true)
	f.Add(make([]byte, 71), false)
	f.Fuzz(func(t *testing.T, data []byte, udp bool) {
		l, err := readListener(data, udp)
		if err != nil {
			return
		}
		if !l.local.IsValid() || l.udp != udp {
			t.Errorf("%+v", l)
		}
		h := fuzzedHost
		h.rules, h.listeners = &nft.Ruleset{}, []hostSocket{l}
		if a := h.accessTo(l); a.fate == nft.FateAdmitted && l.local.IsLoopback() && l.local.Is4() {
			t.Errorf("loopback is reached: %+v", l)
		}
	})
}

// FuzzShell reads ufw's settings.
func FuzzShell(f *testing.F) {
	f.Add([]byte("# c\nENABLED=yes\nIPV6=\"no\" # x\nDEFAULT_INPUT_POLICY='DROP'\n"))
	f.Add([]byte("=\nA=\nB='\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, value := range parseShell(data) {
			if bytes.ContainsAny([]byte(name), "=\n") || bytes.ContainsAny([]byte(value), "\n") {
				t.Errorf("%q=%q", name, value)
			}
		}
	})
}

// FuzzRoutes reads the kernel's tables of routes.
func FuzzRoutes(f *testing.F) {
	for _, path := range []string{"/proc/net/route", "/proc/net/ipv6_route"} {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(data)
		}
	}
	f.Add([]byte("eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"))
	f.Add([]byte("00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, table := range routeTables() {
			routed := map[string]bool{}
			table.note(data, routed)
			for name := range routed {
				if name == "" || name == "lo" || !bytes.Contains(data, []byte(name)) {
					t.Errorf("%q leads outside", name)
				}
			}
		}
	})
}
