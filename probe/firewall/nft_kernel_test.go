package firewall

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe/firewall/nft"
)

// What is said of rules held against what the kernel does with them: rules made by chance are loaded, and whoever is reached by packets of a peer
// must not have been called closed.

// wire is a host with one interface, and a peer at its other end.
type wire struct {
	host, peer *parts.Namespace
	mu         sync.Mutex
	heard      map[string]bool // what UDP sockets took
}

// Ports that the host listens on: TCP on all addresses, on both families, UDP likewise, TCP on loopback alone; and ports that nothing listens on.
const wireSockets = "tcp4 0.0.0.0:9100,tcp [::]:9200,udp4 0.0.0.0:9300,tcp4 127.0.0.1:9400,udp6 [::]:9500"

var (
	wirePorts = []uint16{9100, 9200, 9300, 9400, 9500, 8080, 8081}
	wireHost  = []string{"192.0.2.5", "2001:db8::5", "198.51.100.7"} // the last on the loopback interface
)

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{host: parts.Netns(t), peer: parts.Netns(t), heard: map[string]bool{}}
	ip := parts.Need(t, "ip")
	for _, command := range []string{
		"link add eth0 type veth peer name peer0 netns " + w.peer.Name, "link set eth0 up", "addr add 192.0.2.5/24 dev eth0",
		"addr add 2001:db8::5/64 dev eth0 nodad", "addr add 198.51.100.7/32 dev lo", "route add default via 192.0.2.1",
	} {
		w.host.Run(t, ip, strings.Fields(command)...)
	}
	for _, command := range []string{"link set peer0 up", "addr add 192.0.2.1/24 dev peer0", "addr add 2001:db8::1/64 dev peer0 nodad", "route add default via 192.0.2.5"} {
		w.peer.Run(t, ip, strings.Fields(command)...)
	}
	w.host.Run(t, "sysctl", "-q", "-w", "net.ipv4.conf.eth0.route_localnet=1")
	w.listen(t)
	parts.Eventually(t, func() error { // until addresses are in use
		got, err := w.reach()
		if err == nil && len(got) != 8 {
			err = fmt.Errorf("without rules the peer reaches %v", got)
		}
		return err
	})
	return w
}

// listen opens the host's sockets, and notes what the UDP ones take.
func (w *wire) listen(t *testing.T) {
	t.Helper()
	var done sync.WaitGroup
	t.Cleanup(done.Wait)
	err := w.host.Do(func() error {
		for _, s := range strings.Split(wireSockets, ",") {
			network, address, _ := strings.Cut(s, " ")
			if network[0] == 't' {
				l, err := net.Listen(network, address)
				if err != nil {
					return err
				}
				t.Cleanup(func() { _ = l.Close() })
				done.Go(func() {
					for c, err := l.Accept(); err == nil; c, err = l.Accept() {
						_ = c.Close()
					}
				})
				continue
			}
			c, err := net.ListenPacket(network, address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = c.Close() })
			done.Go(func() {
				buffer := make([]byte, 100)
				for n, _, err := c.ReadFrom(buffer); err == nil; n, _, err = c.ReadFrom(buffer) {
					w.mu.Lock()
					w.heard[string(buffer[:n])] = true
					w.mu.Unlock()
				}
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// try is one packet's aim.
type try struct {
	udp  bool
	port uint16
	to   string
}

// reach sends a first packet to each port of each address, and returns those that a socket took while it waited. On a slow machine they may be
// fewer: what is called closed is held against them, and fewer refute less.
func (w *wire) reach() (reached []try, err error) {
	w.mu.Lock()
	clear(w.heard)
	w.mu.Unlock()
	var open []unix.PollFd
	var tries []try
	err = w.peer.Do(func() error {
		defer func() {
			for _, p := range open {
				_ = unix.Close(int(p.Fd))
			}
		}()
		for _, to := range wireHost {
			for _, port := range wirePorts {
				for _, udp := range []bool{false, true} {
					one := try{udp, port, to}
					fd, err := one.send()
					if err != nil {
						return err
					}
					open, tries = append(open, unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}), append(tries, one)
				}
			}
		}
		for end := time.Now().Add(70 * time.Millisecond); time.Now().Before(end); {
			waiting := false
			for i, p := range open {
				if tries[i].udp || p.Fd < 0 {
					continue
				}
				one := []unix.PollFd{p}
				if n, err := unix.Poll(one, 0); err != nil || n == 0 {
					waiting = true
					continue
				}
				if code, err := unix.GetsockoptInt(int(p.Fd), unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code == 0 {
					reached = append(reached, tries[i])
				}
				_ = unix.Close(int(p.Fd))
				open[i].Fd = -1
			}
			if !waiting {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(3 * time.Millisecond) // for datagrams
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range tries {
		if one.udp && w.heard[one.String()] {
			reached = append(reached, one)
		}
	}
	return reached, err
}

func (one try) String() string { return fmt.Sprint(one.udp, one.port, one.to) }

// send begins a connection, or sends a datagram that says where it was sent.
func (one try) send() (int, error) {
	to := netip.MustParseAddr(one.to)
	family, kind := unix.AF_INET, unix.SOCK_STREAM
	var address unix.Sockaddr = &unix.SockaddrInet4{Port: int(one.port)}
	if to.Is4() {
		address.(*unix.SockaddrInet4).Addr = to.As4()
	} else {
		family, address = unix.AF_INET6, &unix.SockaddrInet6{Port: int(one.port), Addr: to.As16()}
	}
	if one.udp {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if one.udp {
		_ = unix.Sendto(fd, []byte(one.String()), 0, address)
		return fd, nil
	}
	_ = unix.Connect(fd, address) // refused, or on its way
	return fd, nil
}

// said is what the rules are said to do with each of the peer's packets, and the worst that is said of each port.
func (w *wire) said(t *testing.T) (fates, worst map[try]nft.Fate, err error) {
	fates, worst = map[try]nft.Fate{}, map[try]nft.Fate{}
	err = w.host.Do(func() error {
		h, err := readHost(t.Context())
		if err != nil {
			return err
		}
		_, exact := h.rules.PortClasses() // else some ports are asked about, and stand for all
		all, ok := h.redirected(func(bool, uint16) bool { return true })
		if !ok || len(h.interfaces) != 1 {
			return fmt.Errorf("too much to follow, or not one of %d interfaces", len(h.interfaces))
		}
		for _, l := range h.listeners {
			if !l.local.IsLoopback() {
				all = append(all, h.accessTo(l))
			}
		}
		for _, a := range all {
			one := try{udp: a.udp, port: a.port}
			worst[one] = max(worst[one], a.fate)
		}
		for _, port := range wirePorts {
			if !exact {
				worst[try{udp: false, port: port}], worst[try{udp: true, port: port}] = nft.FateUnsure, nft.FateUnsure
			}
		}
		for _, to := range wireHost {
			for _, port := range wirePorts {
				for _, udp := range []bool{false, true} {
					one := try{udp, port, to}
					p := nft.Packet{UDP: udp, Port: port, To: netip.MustParseAddr(to), In: h.interfaces[0]}
					for _, l := range h.listeners {
						if l.udp == udp && l.port == port && l.accepts(p.To) {
							f, _ := h.rules.FateOf(p)
							fates[one] = max(fates[one], f)
						}
					}
					for _, a := range h.redirectTargets(p) {
						fates[one] = max(fates[one], a.fate)
					}
				}
			}
		}
		return nil
	})
	return fates, worst, err
}

// TestRulesAgainstKernel: what is called closed is never reached.
func TestRulesAgainstKernel(t *testing.T) {
	w := newWire(t)
	rounds, first := uint64(48), uint64(0)
	if text := os.Getenv("CATALYST_TEST_RULES"); text != "" { // first seed, rounds: for a longer search
		if _, err := fmt.Sscan(text, &first, &rounds); err != nil {
			t.Fatal(err)
		}
	}
	var refused, closed, open, unsure, wrongly int
	for seed := first; seed < first+rounds; seed++ {
		g := &ruleMaker{rand.New(rand.NewPCG(seed, 4))}
		load := w.loadNFT
		var text string
		if seed%4 == 3 {
			load, text = w.loadIPTables, g.iptables()
		} else {
			text = g.nft()
		}
		text, output, err := withoutRefused(t, load, text)
		if err != nil {
			refused++
			t.Logf("seed %d is refused: %s", seed, bytes.SplitN(output, []byte("\n"), 2)[0])
			continue
		}
		fates, worst, err := w.said(t)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		reached, err := w.reach()
		if err != nil {
			t.Fatal(err)
		}
		got := map[try]bool{}
		for _, one := range reached {
			got[one] = true
			if fates[one] == nft.FateDenied || worst[try{udp: one.udp, port: one.port}] == nft.FateDenied {
				t.Errorf("seed %d: %v is called closed (%v, of the port %v) and is reached under\n%s", seed, one, fates[one], worst[try{udp: one.udp, port: one.port}], text)
			}
		}
		for one, f := range fates {
			switch {
			case f == nft.FateUnsure:
				unsure++
			case f == nft.FateDenied:
				closed++
			case got[one]:
				open++
			default: // refused by a condition that the sender chooses, say
				wrongly++
				if os.Getenv("CATALYST_TEST_RULES") != "" {
					t.Logf("seed %d: %v is called open and is not reached", seed, one)
				}
			}
		}
	}
	t.Logf("refused %d; closed %d, open %d, open but not reached %d, unsure %d", refused, closed, open, wrongly, unsure)
	if refused > int(rounds/4) || closed < int(rounds) || open < int(rounds)/2 || unsure > 8*(closed+open) {
		t.Error("too few of these tell anything")
	}
}

// refusedLine is where the programs tell what they cannot load, of a file that one line stands before.
var refusedLine = regexp.MustCompile(`rules:(\d+):|line:? (\d+)`)

// withoutRefused loads rules without the lines that are refused: words that do not go together, what this kernel lacks.
func withoutRefused(t *testing.T, load func(*testing.T, string) ([]byte, error), text string) (loaded string, output []byte, err error) {
	for range 15 {
		if output, err = load(t, text); err == nil {
			return text, nil, nil
		}
		lines, found := strings.Split(text, "\n"), refusedLine.FindSubmatch(output)
		if found == nil {
			break
		}
		n, _ := strconv.Atoi(string(found[1]) + string(found[2]))
		if len(found[1]) > 0 {
			n-- // flush ruleset
		}
		if n < 1 || n > len(lines) || strings.HasSuffix(lines[n-1], "{") || lines[n-1] == "COMMIT" {
			break
		}
		text = strings.Join(slices.Delete(lines, n-1, n), "\n")
	}
	return text, output, err
}

func (w *wire) loadNFT(t *testing.T, text string) ([]byte, error) {
	path := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(path, []byte("flush ruleset\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return w.host.Command(parts.Need(t, "nft"), "-f", path).CombinedOutput()
}

// loadIPTables loads the same for both families: IPv4's addresses become IPv6's.
func (w *wire) loadIPTables(t *testing.T, text string) ([]byte, error) {
	if output, err := w.loadNFT(t, ""); err != nil {
		return output, err
	}
	for program, rules := range map[string]string{
		"iptables-nft-restore":  text,
		"ip6tables-nft-restore": strings.NewReplacer("192.0.2.5", "2001:db8::5", "203.0.113.0/24", "2001:db8:9::/48", "127.0.0.1", "::1").Replace(text),
	} {
		command := w.host.Command(program)
		command.Stdin = strings.NewReader(rules)
		if output, err := command.CombinedOutput(); err != nil {
			return output, err
		}
	}
	return nil, nil
}
