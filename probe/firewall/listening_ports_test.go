package firewall

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/firewall/nft"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

// outside returns a namespace with a default route, documentation addresses (RFC 5737, RFC 3849) and a private address.
func outside(t *testing.T) *parts.Namespace {
	t.Helper()
	ns := parts.Netns(t)
	for _, command := range []string{
		"link add eth0 type veth peer name peer0", "link set eth0 up", "link set peer0 up", "addr add 192.0.2.5/24 dev eth0",
		"addr add 2001:db8::5/64 dev eth0 nodad", "route add default via 192.0.2.1",
		"link add eth1 type veth peer name peer1", "link set eth1 up", "link set peer1 up", "addr add 10.9.0.5/24 dev eth1",
	} {
		ns.Run(t, "ip", strings.Fields(command)...)
	}
	return ns
}

// loadRules replaces all rules.
func loadRules(t *testing.T, ns *parts.Namespace, rules string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte("flush ruleset\n"+strings.NewReplacer("; }", "\n}\n", "} table", "}\ntable").Replace(rules)), 0o600); err != nil {
		t.Fatal(err)
	}
	ns.Run(t, parts.Need(t, "nft"), "-f", path)
}

// listenIn opens sockets in a namespace: "tcp4 0.0.0.0:9100".
func listenIn(t *testing.T, ns *parts.Namespace, sockets ...string) {
	t.Helper()
	err := ns.Do(func() error {
		for _, s := range sockets {
			network, address, _ := strings.Cut(s, " ")
			if strings.HasPrefix(network, "udp") {
				c, err := net.ListenPacket(network, address)
				if err != nil {
					return err
				}
				t.Cleanup(func() { _ = c.Close() })
				continue
			}
			l, err := net.Listen(network, address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = l.Close() })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// judgeIn runs the probe in a namespace.
func judgeIn(t *testing.T, ns *parts.Namespace, ufw bool, allowed ...int) probe.Result {
	t.Helper()
	var h host
	if err := ns.Do(func() (err error) { h, err = readHost(t.Context()); return err }); err != nil {
		t.Fatal(err)
	}
	h.ufw = ufw
	s := &listeningPorts{Policy: portset.StandardPolicy()}
	r, err := s.judge(h, allowed, func(inodes map[uint32]bool) map[uint32]string { return processes(t.Context(), inodes) })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestListeningPorts_UFW(t *testing.T) {
	ns := outside(t)
	listenIn(t, ns, "tcp4 0.0.0.0:9100", "tcp6 [::]:9200", "tcp4 0.0.0.0:22", "tcp4 0.0.0.0:443", "tcp4 127.0.0.1:5432", "udp4 0.0.0.0:68")
	r := judgeIn(t, ns, true)
	probetest.Expect(t, r, probe.StateFail, probe.ReasonExposed, `9100, 9200/tcp of process "firewall.test" is reachable from the internet`)
	if !strings.Contains(r.Detail, "22/tcp") || !strings.Contains(r.Detail,
		"ufw is enabled in its configuration, but its rules are not loaded") || strings.Contains(r.Detail,
		"5432") || strings.Contains(r.Detail, "68") {
		t.Error(r.Detail)
	}
	if n, _ := probetest.Measured(r, portset.ExposedPorts); n != 3 {
		t.Errorf("%v ports", n)
	}
	probetest.Expect(t, judgeIn(t, ns, true, 9100, 9200, 22), probe.StateFail, probe.ReasonDrift, "not loaded")

	ufw := ns.UFW(t)
	ufw.Run(t, "allow", "443/tcp")
	ufw.Run(t, "--force", "enable")
	r = judgeIn(t, ns, true)
	probetest.Expect(t, r, probe.StatePass, "", "")
	if n, ok := probetest.Measured(r, portset.ExposedPorts); n != 0 || !ok {
		t.Errorf("%v ports", n)
	}
	ufw.Run(t, "limit", "22/tcp")
	probetest.Expect(t, judgeIn(t, ns, true), probe.StateWarn, probe.ReasonExposed, "22/tcp")
	ufw.Run(t, "allow", "from", "10.0.0.0/8", "to", "any", "port", "9100", "proto", "tcp")
	probetest.Expect(t, judgeIn(t, ns, true), probe.StateWarn, probe.ReasonExposed, "22/tcp")
	ufw.Run(t, "allow", "proto", "tcp", "from", "any", "to", "any", "port", "9000:9100,9300")
	probetest.Expect(t, judgeIn(t, ns, true), probe.StateFail, probe.ReasonExposed, "9100/tcp")
	ufw.Run(t, "insert", "1", "deny", "9100/tcp")
	probetest.Expect(t, judgeIn(t, ns, true), probe.StateWarn, probe.ReasonExposed, "22/tcp")
	ns.Run(t, "ip6tables", "-I", "ufw6-user-input", "-p", "tcp", "--dport", "9200", "-j", "ACCEPT")
	probetest.Expect(t, judgeIn(t, ns, true), probe.StateFail, probe.ReasonExposed, "9200/tcp")
}

func TestListeningPorts_Rules(t *testing.T) {
	ns := outside(t)
	listenIn(t, ns, "tcp4 0.0.0.0:9100", "tcp6 [2001:db8::5]:9200", "udp4 0.0.0.0:9300", "tcp4 10.9.0.5:9400")
	all := "table inet f { chain in { type filter hook input priority 0; policy drop; iif lo accept; ct state { established, related } accept; ct state vmap { invalid: drop }; %; } }"
	for name, tt := range map[string]struct {
		rules  string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"no rules":                 {"", probe.StateFail, probe.ReasonExposed, "9100, 9200/tcp and 9300/udp"},
		"policy drop":              {"table inet f { chain in { type filter hook input priority 0; policy drop; } }", probe.StatePass, "", ""},
		"policy accept":            {"table inet f { chain in { type filter hook input priority 0; policy accept; } }", probe.StateFail, probe.ReasonExposed, "9100, 9200/tcp and 9300/udp"},
		"output only":              {"table inet f { chain out { type filter hook output priority 0; policy drop; } }", probe.StateFail, probe.ReasonExposed, "9100, 9200"},
		"only IPv4 filtered":       {"table ip f { chain in { type filter hook input priority 0; policy drop; } }", probe.StateFail, probe.ReasonExposed, `9200/tcp of process`},
		"none":                     {"%", probe.StatePass, "", ""},
		"accept":                   {"%tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"another port":             {"%tcp dport 9101 accept", probe.StatePass, "", ""},
		"another protocol":         {"%udp dport 9100 accept", probe.StatePass, "", ""},
		"UDP":                      {"%udp dport 9300 accept", probe.StateFail, probe.ReasonExposed, "9300/udp of"},
		"range":                    {"%tcp dport 9000-9150 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"not range":                {"%tcp dport != 9000-9500 accept", probe.StatePass, "", ""},
		"set":                      {"%tcp dport { 80, 9100 } accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"set without":              {"%tcp dport { 80, 9101 } accept", probe.StatePass, "", ""},
		"interval set":             {"%tcp dport { 80, 9050-9150, 9151-9180 } accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"interval set without":     {"%tcp dport { 80-90, 9101-9150 } accept", probe.StatePass, "", ""},
		"not in set":               {"%tcp dport != { 9200 } accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"verdict map":              {"%tcp dport vmap { 80: accept, 9100: accept }", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"verdict map that drops":   {"%tcp dport vmap { 9100: drop, 9200: drop }; meta l4proto tcp accept", probe.StateWarn, probe.ReasonExposed, "9400/tcp"},
		"known sources":            {"%ip saddr 203.0.113.0/24 tcp dport 9100 accept", probe.StatePass, "", ""},
		"set of known sources":     {"%ip saddr { 203.0.113.7, 203.0.113.9 } tcp dport 9100 accept", probe.StatePass, "", ""},
		"blocks of known sources":  {"%ip saddr { 203.0.113.0/24, 10.0.0.0/8 } tcp dport 9100 accept", probe.StatePass, "", ""},
		"half the world":           {"%ip saddr 0.0.0.0/1 tcp dport 9100 accept", probe.StateUnknown, probe.ReasonError, "9100/tcp of"},
		"both halves of the world": {"%ip saddr { 0.0.0.0/1, 128.0.0.0/1 } tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"the world by ranges":      {"%ip saddr { 0.0.0.0-9.255.255.255, 10.0.0.0-255.255.255.255 } tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"all public addresses":     {"%ip saddr { 1.0.0.0-9.255.255.255, 11.0.0.0-255.255.255.255 } tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"blocks of half the world": {"%ip saddr { 0.0.0.0/1, 203.0.113.0/24 } tcp dport 9100 accept", probe.StateUnknown, probe.ReasonError, "9100/tcp of"},
		"drop all unknown sources": {"%ip saddr != 10.0.0.0/8 drop; tcp dport 9100 accept", probe.StatePass, "", ""},
		"IPv6 known sources":       {"%ip6 saddr 2001:db8:1::/48 tcp dport 9200 accept", probe.StatePass, "", ""},
		"IPv6":                     {"%meta nfproto ipv6 tcp dport 9200 accept", probe.StateFail, probe.ReasonExposed, "9200/tcp of"},
		"an interface":             {"%iifname \"eth0\" tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"interfaces by prefix":     {"%iifname \"eth*\" tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"by number":                {"%iif eth0 tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"another interface":        {"%iifname \"wg0\" tcp dport 9100 accept", probe.StatePass, "", ""},
		"a private network":        {"%iifname \"eth1\" tcp dport 9400 accept", probe.StateWarn, probe.ReasonExposed, "9400/tcp of"},
		"an address":               {"%ip daddr 192.0.2.5 tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"another address":          {"%ip daddr 192.0.2.6 tcp dport 9100 accept", probe.StatePass, "", ""},
		"limited":                  {"%tcp dport 9100 limit rate 3/minute accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"rate exceeded dropped": {"%limit rate over 3/minute drop; tcp dport 9100 accept", probe.StateFail,
			probe.ReasonExposed, "9100/tcp of"},
		"source port":      {"%udp sport 53 accept", probe.StateFail, probe.ReasonExposed, "9300/udp of"},
		"only established": {"%ct state established tcp dport 9100 accept", probe.StatePass, "", ""},
		"new":              {"%ct state new tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"flags":            {"%tcp flags & (syn|ack) == syn tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"other flags":      {"%tcp flags & (syn|ack) == ack tcp dport 9100 accept", probe.StatePass, "", ""},
		"local":            {"%fib daddr type local tcp dport 9100 accept", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"multicast":        {"%fib daddr type multicast accept", probe.StatePass, "", ""},
		"rejected first":   {"%tcp dport 9100 reject; meta l4proto tcp ip daddr 192.0.2.5 accept", probe.StatePass, "", ""},
		"unsupported":      {"%tcp dport 9100 meta skuid 0 accept", probe.StateUnknown, probe.ReasonError, "(chain in)"},
		"unsupported after a drop": {"%tcp dport 9100 drop; meta mark 7 accept", probe.StateUnknown, probe.ReasonError,
			"9200/tcp"},
		"unknown drop, then accept":      {"%meta mark 7 drop; tcp dport 9100 accept", probe.StateUnknown, probe.ReasonError, "9100/tcp of"},
		"concatenation":                  {"%tcp dport . ip saddr { 9100 . 203.0.113.7 } accept", probe.StatePass, "", ""},
		"concatenation of a mark":        {"%tcp dport . meta mark { 9100 . 7 } accept", probe.StateUnknown, probe.ReasonError, "9100/tcp of"},
		"concatenation of known sources": {"%ip saddr . tcp dport { 203.0.113.7 . 9100 } accept", probe.StatePass, "", ""},
		"opaque condition, dropped":      {"%tcp dport 9100 numgen random mod 2 == 0 drop; tcp dport 9100 accept", probe.StateUnknown, probe.ReasonError, "9100/tcp of"},
		"opaque statement":               {"%tcp dport 9100 synproxy mss 1460 wscale 7", probe.StateUnknown, probe.ReasonError, "9100/tcp of"},
		"jump":                           {"table inet f { chain deep { tcp dport 9100 accept; } chain other { jump deep; tcp dport 9200 return; drop; } chain in { type filter hook input priority 0; policy drop; jump other; } }", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"goto":                           {"table inet f { chain deep { tcp dport 9200 drop; } chain in { type filter hook input priority 0; policy drop; goto deep; accept; } }", probe.StatePass, "", ""},
		"return":                         {"table inet f { chain other { tcp dport 9100 return; drop; } chain in { type filter hook input priority 0; policy accept; jump other; } }", probe.StateFail, probe.ReasonExposed, "9100/tcp of"},
		"a second chain drops":           {"table inet f { chain in { type filter hook input priority 0; accept; } } table ip g { chain in { type filter hook input priority 5; policy drop; } } table ip6 g { chain in { type filter hook input priority 5; policy drop; } }", probe.StatePass, "", ""},
		"dropped before":                 {"table inet f { chain pre { type filter hook prerouting priority -300; iifname { eth0, eth1 } drop; } }", probe.StatePass, "", ""},
		"dropped on the device":          {"table netdev f { chain i { type filter hook ingress device \"eth0\" priority 0; policy drop; } }", probe.StateUnknown, probe.ReasonError, "(chain i)"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := tt.rules
			if rest, ok := strings.CutPrefix(rules, "%"); ok {
				rules = strings.Replace(all, "%", rest, 1)
			}
			loadRules(t, ns, rules)
			probetest.Expect(t, judgeIn(t, ns, false), tt.state, tt.reason, tt.detail)
		})
	}
}

// TestProcessesOf_CachedForSameSockets: /proc is scanned again for other sockets and after an incomplete scan.
func TestProcessesOf_CachedForSameSockets(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel() // no scan with this context
	p := probetest.NewPass(t, nil, deployment.Settings{})
	listen := func() uint32 {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		return uint32(st.Ino)
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	self := strings.TrimSpace(string(comm))
	one, two := listen(), listen()
	for _, step := range []struct {
		what   string
		ctx    context.Context
		inodes map[uint32]bool
		want   map[uint32]string
	}{
		{"incomplete", over, map[uint32]bool{one: true}, map[uint32]string{}},
		{"new socket", t.Context(), map[uint32]bool{one: true}, map[uint32]string{one: self}},
		{"cached", over, map[uint32]bool{one: true}, map[uint32]string{one: self}},
		{"one more", t.Context(), map[uint32]bool{one: true, two: true}, map[uint32]string{one: self, two: self}},
	} {
		if got := processesOf(step.ctx, p, step.inodes); !maps.Equal(got, step.want) {
			t.Errorf("%s: %v, want %v", step.what, got, step.want)
		}
	}
}

// TestHardwareAddress_Sysfs: a sysfs file states a page as its size but contains a few bytes.
func TestHardwareAddress_Sysfs(t *testing.T) {
	if got, err := hardwareAddress("/sys/class/net", "lo"); got != "00:00:00:00:00:00" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestListeningPorts_Unavailable: hosts and rules that cannot be checked.
func TestListeningPorts_Unavailable(t *testing.T) {
	ns := outside(t)
	var r probe.Result
	pr, p := probetest.Load(t, ListeningPortsKind(), "{}"), probetest.NewPass(t, nil, deployment.Settings{})
	if err := ns.Do(func() error { r = probe.Run(t.Context(), pr, p); return nil }); err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonNotConfigured, "exporter runs in its own network namespace")
	if r.Remedy != hostNetworkSetting {
		t.Error(r.Remedy)
	}
	dir := probetest.Folder{"eth0/device": "", "eth0/address": "02:00:00:00:00:01\n", "eth1/address": "02:00:00:00:00:02\n"}.Write(t)
	for name, tt := range map[string]struct {
		device string
		last   byte
		want   bool
	}{"physical": {"eth0", 1, true}, "of the same name": {"eth0", 2, false}, "virtual": {"eth1", 2,
		false}, "missing": {"eth2", 1, false}} {
		if got := hasDevice(dir, []net.Interface{{Name: tt.device, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, tt.last}}}); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, settings := range map[string]deployment.Settings{
		"docker.host":    {Docker: deployment.Docker{Host: "tcp://192.0.2.9:2376"}},
		"host_root":      {Firewall: deployment.Firewall{HostRoot: t.TempDir()}},
		"an attestation": {Firewall: deployment.Firewall{External: true}},
	} {
		r := probetest.Look(t, probetest.NewPass(t, nil, settings), ListeningPortsKind(), "{}")
		probetest.Expect(t, r, probe.StateSkip, probe.ReasonNotConfigured, "")
		if !strings.Contains(r.Remedy, name) {
			t.Errorf("%s: %q", name, r.Remedy)
		}
	}
	var err error
	_ = ns.Do(func() error {
		probetest.WithoutCapability(t, unix.CAP_NET_ADMIN, func() { _, err = readHost(t.Context()) })
		return nil
	})
	r = probe.NotChecked(err)
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "cannot be read")
	if r.Remedy != "CAP_NET_ADMIN to read the loaded firewall rules" {
		t.Error(r.Remedy)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	probetest.Expect(t, probe.Run(ctx, pr, p), probe.StateUnknown, probe.ReasonTimeout, "")
}

// TestListeningPorts_Judge covers verdicts without a kernel.
func TestListeningPorts_Judge(t *testing.T) {
	open := &nft.Ruleset{}
	eth := nft.Interface{Name: "eth0", Index: 2, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("2001:db8::5")}, Routed: true}
	lan := nft.Interface{Name: "eth1", Index: 3, Addresses: []netip.Addr{netip.MustParseAddr("10.1.0.5")}}
	at := func(address string, port uint16) hostSocket {
		return hostSocket{local: netip.MustParseAddr(address), port: port, inode: uint32(port)}
	}
	udp := func(s hostSocket) hostSocket { s.udp = true; return s }
	six := at("::", 9100)
	six.only6 = true
	bound := at("0.0.0.0", 9100)
	bound.device = 3
	for name, tt := range map[string]struct {
		socket hostSocket
		legacy bool
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"all addresses":              {at("0.0.0.0", 9100), false, probe.StateFail, probe.ReasonExposed, `9100/tcp of process "some"`},
		"allowed":                    {at("0.0.0.0", 443), false, probe.StatePass, "", "1 listening socket"},
		"allowed by settings":        {at("0.0.0.0", 8443), false, probe.StatePass, "", ""},
		"loopback":                   {at("127.0.0.1", 9100), false, probe.StatePass, "", ""},
		"mapped loopback":            {at("::ffff:127.0.0.1", 9100), false, probe.StatePass, "", ""},
		"IPv6 loopback":              {at("::1", 9100), false, probe.StatePass, "", ""},
		"IPv6 only":                  {six, false, probe.StateFail, probe.ReasonExposed, "9100/tcp"},
		"behind NAT":                 {at("10.0.0.5", 9100), false, probe.StateFail, probe.ReasonExposed, "9100/tcp"},
		"private network":            {at("10.1.0.5", 9100), false, probe.StateWarn, probe.ReasonExposed, "from a private network"},
		"bound to a device":          {bound, false, probe.StateWarn, probe.ReasonExposed, "from a private network"},
		"a container's bridge":       {at("172.17.0.1", 9100), false, probe.StatePass, "", ""},
		"a public address elsewhere": {at("203.0.113.9", 9100), false, probe.StateFail, probe.ReasonExposed, "9100/tcp"},
		"SSH":                        {at("0.0.0.0", 22), false, probe.StateWarn, probe.ReasonExposed, "22/tcp"},
		"DHCP":                       {udp(at("0.0.0.0", 68)), false, probe.StatePass, "", ""},
		"TCP 68":                     {at("0.0.0.0", 68), false, probe.StateFail, probe.ReasonExposed, "68/tcp"},
		"ephemeral UDP":              {udp(at("0.0.0.0", 40000)), false, probe.StateWarn, probe.ReasonExposed, "40000/udp"},
		"high TCP":                   {at("0.0.0.0", 40000), false, probe.StateFail, probe.ReasonExposed, "40000/tcp"},
		"legacy rules":               {at("0.0.0.0", 9100), true, probe.StateUnknown, probe.ReasonError, "iptables-legacy"},
		"legacy rules, SSH":          {at("0.0.0.0", 22), true, probe.StateWarn, probe.ReasonExposed, "may be reachable"},
		"legacy rules, private":      {at("10.1.0.5", 9100), true, probe.StateWarn, probe.ReasonExposed, "may be reachable"},
		"docker-proxy":               {at("0.0.0.0", 5432), false, probe.StatePass, "", ""},
		"hidden process": {at("0.0.0.0", 7000), false, probe.StateFail, probe.ReasonExposed,
			"a process hidden from the exporter"},
	} {
		t.Run(name, func(t *testing.T) {
			h := host{interfaces: []nft.Interface{eth, lan}, listeners: []hostSocket{tt.socket}, rules: open, legacy: tt.legacy}
			s := &listeningPorts{Policy: portset.StandardPolicy()}
			r, err := s.judge(h, []int{8443}, func(inodes map[uint32]bool) map[uint32]string {
				names := map[uint32]string{5432: "docker-proxy"}
				for i := range inodes {
					if i != 5432 && i != 7000 {
						names[i] = "some"
					}
				}
				return names
			})
			if err != nil {
				t.Fatal(err)
			}
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
}

// TestListedListeners: the lists in /proc match the kernel's reply.
func TestListedListeners(t *testing.T) {
	ns := outside(t)
	listenIn(t, ns, "tcp4 192.0.2.5:9100", "tcp6 [2001:db8::5]:9200", "udp4 0.0.0.0:9300", "udp6 [::1]:9400")
	err := ns.Do(func() error {
		asked, err := listeners(t.Context())
		if err != nil {
			return err
		}
		var listed []hostSocket
		for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
			for _, udp := range []bool{false, true} {
				found, err := listedListeners(family, udp)
				if err != nil {
					return err
				}
				listed = append(listed, found...)
			}
		}
		if len(asked) != 4 || len(listed) != 4 {
			t.Fatalf("queried %v, listed %v", asked, listed)
		}
		for i := range asked {
			asked[i].only6 = false // not in the lists
			if asked[i] != listed[i] {
				t.Errorf("queried %+v, listed %+v", asked[i], listed[i])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
