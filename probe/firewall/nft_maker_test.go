package firewall

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// Rules made by chance, of the words that people's rules are made of, for the ports and addresses of a wire.

// ruleMaker makes them; the same seed makes the same.
type ruleMaker struct{ *rand.Rand }

func (g *ruleMaker) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *ruleMaker) maybe(percent int) bool { return g.IntN(100) < percent }

func (g *ruleMaker) port() string {
	return fmt.Sprint(wirePorts[g.IntN(len(wirePorts))])
}

// blanks are P, a port, and R, a range of them.
var blanks = regexp.MustCompile(`\b[PR]\b`)

// fill fills the blanks.
func (g *ruleMaker) fill(text string) string {
	return blanks.ReplaceAllStringFunc(text, func(blank string) string {
		if blank == "P" {
			return g.port()
		}
		return g.one("9000-9150", "9200-9400", "1-8080", "8081-9300", "9301-65535")
	})
}

func (g *ruleMaker) nft() string {
	var b strings.Builder
	family := g.one("inet", "inet", "inet", "ip")
	fmt.Fprintf(&b, "table %s f {\n", family)
	if g.maybe(5) {
		b.WriteString("flags dormant;\n")
	}
	b.WriteString(g.fill(`
counter seen { }
quota much { over 1 bytes }
limit seldom { rate 1/day }
set plain { type inet_service; elements = { P, P } }
set ranges { type inet_service; flags interval; auto-merge; elements = { R, P } }
set limited { type inet_service; limit rate 1/day; elements = { P limit rate 1/day burst 1 packets, P limit rate 1000/second } }
set over { type inet_service; limit rate over 1000/second; elements = { P limit rate over 1000/second burst 100 packets, P limit rate over 1/day burst 1 packets } }
set counted { type inet_service; counter; elements = { P counter packets 0 bytes 0 } }
set timed { type inet_service; flags timeout; elements = { P timeout 1h } }
set written { type inet_service; flags dynamic,timeout; timeout 1h; }
set senders { type ipv4_addr; flags dynamic,timeout; timeout 1h; }
set both { type inet_service . ipv4_addr; flags interval; elements = { R . 192.0.2.0/24 } }
set pairs { type ipv4_addr . inet_service; elements = { 192.0.2.1 . P, 203.0.113.7 . P } }
set blocks { type ipv4_addr . inet_service; flags interval; elements = { 0.0.0.0/1 . P, 128.0.0.0/1 . P } }
set devices { type ifname . inet_service; elements = { "eth0" . P, "lo" . P } }
set chosen { type inet_service . inet_service; flags interval; elements = { 0-65535 . P, 1024-65535 . P } }
map joined { type ipv4_addr . inet_service : verdict; flags interval; elements = { 192.0.2.0/24 . P : accept, 0.0.0.0/0 . 9600-9700 : drop, 203.0.113.0/24 . P : drop } }
map protos { type inet_proto . inet_service : verdict; elements = { tcp . P : accept, udp . P : jump deeper, tcp . 1 : drop } }
map decided { type inet_service : verdict; elements = { P : accept, 1 : drop } }
map spans { type inet_service : verdict; flags interval; elements = { R : jump other } }
map rest { type inet_service : verdict; elements = { P : accept, * : drop } }
`))
	g.chain(&b, "deeper", "", 2, "")
	g.chain(&b, "other", "", 3, "jump deeper|goto deeper")
	jumps := "jump other|goto other|jump deeper|tcp dport vmap @decided|tcp dport vmap @rest|udp dport vmap @rest|th dport vmap @spans|ip daddr . th dport vmap @joined|ip saddr . tcp dport vmap @joined|meta l4proto . th dport vmap @protos" +
		"|ip saddr . tcp dport vmap { 0.0.0.0/0 . P : accept, 192.0.2.1 . 1-1024 : drop }|meta nfproto . tcp dport vmap { ipv4 . P : drop, ipv6 . P : accept }"
	if g.maybe(50) {
		g.chain(&b, "raw", "type filter hook prerouting priority "+g.one("-300", "-300", "-199", "-150", "-100")+";", 2,
			jumps+"|tcp dport P notrack|notrack|udp dport P notrack|tcp dport P tcp dport set P|udp dport P udp dport set P|tcp dport P tproxy to :P|meta mark set 5|meta mark set ct mark|ip daddr 198.51.100.7 ip daddr set 192.0.2.5")
	}
	if g.maybe(40) {
		fmt.Fprintf(&b, "chain pre { type nat hook prerouting priority -100;\n")
		for range 1 + g.IntN(2) {
			match := ""
			if g.maybe(30) {
				match = g.match()
			}
			b.WriteString(g.fill(match + " " + g.one("tcp dport P redirect to :P", "udp dport P redirect to :P", "tcp dport R redirect to :P", "tcp dport P dnat ip to 192.0.2.5:P", "tcp dport P dnat ip to 127.0.0.1:9400",
				"udp dport P dnat ip to 192.0.2.5:P", "ip daddr 198.51.100.7 dnat ip to 192.0.2.5", "tcp dport & 1 == 0 redirect to :P", "tcp dport P redirect to numgen inc mod 2 map { 0 : P, 1 : P }", "tcp dport P dnat ip to 203.0.113.7:P", "tcp dport P redirect") + "\n"))
		}
		b.WriteString("}\n")
	}
	g.chain(&b, "in", "type filter hook input priority 0; policy "+g.one("drop", "accept")+";", 5, jumps)
	if g.maybe(30) {
		g.chain(&b, "later", "type filter hook input priority "+g.one("0", "10", "-10")+"; policy "+g.one("drop", "accept")+";", 3, jumps)
	}
	b.WriteString("}\n")
	if g.maybe(10) {
		fmt.Fprintf(&b, "table netdev n { chain i { type filter hook ingress device \"eth0\" priority 0;\n%s\n%s\n} }\n",
			g.fill(g.one("tcp dport P drop", "tcp dport P tcp dport set P", "meta mark set 5")), g.fill(g.one("udp dport P udp dport set P", "meta mark set 5")))
	}
	if family == "ip" { // its words are those of both
		return strings.NewReplacer("ip6 nexthdr tcp", "ip protocol tcp", "ip6 daddr 2001:db8::5", "ip daddr 192.0.2.5", "dnat ip to", "dnat to").Replace(b.String())
	}
	return b.String()
}

func (g *ruleMaker) chain(b *strings.Builder, name, base string, most int, more string) {
	fmt.Fprintf(b, "chain %s { %s\n", name, base)
	if name == "in" { // or else the addresses of neighbours are not found out
		b.WriteString("meta l4proto ipv6-icmp accept\n")
	}
	for range 1 + g.IntN(most) {
		if more != "" && g.maybe(25) {
			match := ""
			if g.maybe(50) && !strings.Contains(more, "tproxy") {
				match = g.match() + " "
			}
			b.WriteString(g.fill(match+g.one(strings.Split(more, "|")...)) + "\n")
			continue
		}
		for range 1 + g.IntN(2) {
			b.WriteString(g.fill(g.match()) + " ")
		}
		b.WriteString(g.one("accept", "accept", "accept", "drop", "drop", "reject", "return", "counter accept", "continue", "queue num 7 bypass", "log prefix \"x\" drop", "quota over 1 bytes drop", "meta mark set 5 drop", "ct mark set ct mark drop") + "\n")
	}
	b.WriteString("}\n")
}

func (g *ruleMaker) match() string {
	if g.maybe(55) {
		return g.one("tcp dport P", "udp dport P", "meta l4proto { tcp, udp } th dport P", "tcp dport R", "tcp dport != P", "udp dport != R", "tcp dport { P, P }", "tcp dport { P, R }", "tcp dport != { P, P }",
			"tcp dport @plain", "tcp dport @ranges", "udp dport @ranges", "tcp dport @limited", "tcp dport @over", "udp dport @limited", "tcp dport @counted", "tcp dport @timed", "tcp dport != @timed", "tcp dport @written", "udp dport != @written",
			"tcp dport != @limited", "tcp dport . ip daddr @both", "ip saddr . tcp dport @pairs", "ip saddr . tcp dport != @pairs", "ip saddr . udp dport @blocks", "ip saddr . tcp dport @blocks", "ip saddr . tcp dport != @blocks",
			"iifname . tcp dport @devices", "iifname . udp dport @devices", "tcp sport . tcp dport @chosen", "tcp sport . tcp dport != @chosen", "ct state . tcp dport { new . P, established . P }", "ip daddr . ip saddr . tcp dport { 192.0.2.5 . 192.0.2.0/24 . R }",
			"tcp dport >= P", "tcp dport < P", "udp dport > P")
	}
	return g.one("meta l4proto tcp", "meta l4proto udp", "meta nfproto ipv4", "ip daddr 192.0.2.5", "ip daddr 198.51.100.7", "ip daddr != 192.0.2.5", "ip daddr 192.0.2.0/24", "ip6 daddr 2001:db8::5", "ip saddr 203.0.113.0/24",
		"ip saddr != 203.0.113.0/24", "ip saddr { 203.0.113.7, 203.0.113.9 }", "ip saddr 128.0.0.0/1", "ip saddr & 0.0.0.255 == 1", "ip saddr & 0.0.0.255 != 1", "iifname \"eth0\"", "iifname \"eth*\"", "iifname != \"eth0\"", "iif eth0", "iif lo",
		"iifname { eth0, lo }", "ct state new", "ct state established", "ct state != new", "ct state { new, established }", "ct state untracked", "ct state invalid", "ct state new,untracked", "ct status dnat", "ct original proto-dst P",
		"tcp flags syn", "tcp flags & (fin|syn|rst|ack) == syn", "tcp flags == syn", "tcp flags != syn", "tcp flags & (syn|ecn) == syn", "tcp flags & (syn|ack) == ack", "tcp flags & ecn == 0", "fib daddr type local", "fib daddr . iif type local", "fib daddr type != local",
		"fib saddr type local", "fib saddr . iif oif exists", "limit rate 1000/second", "limit rate over 1000/second", "limit rate over 1/day", "meta mark 5", "meta mark != 5", "ct mark 5", "numgen random mod 2 == 0", "numgen inc mod 2 < 1",
		"jhash tcp sport mod 2 == 0", "tcp sport > 40000", "tcp sport != 0", "ip ttl 64", "ip ttl < 65", "ip6 nexthdr tcp", "ip6 nexthdr != tcp", "ip protocol tcp", "ip protocol != tcp", "ip length < 100", "meta length > 10", "meta pkttype host", "meta pkttype != host",
		"meta iifkind \"veth\"", "meta iifgroup 0", "meta cpu >= 0", "meta skuid 0", "meta skuid != 0", "ct count over 100", "ct count 100", "add @written { tcp dport }", "add @senders { ip saddr limit rate 1/day }", "update @senders { ip saddr limit rate over 1000/second }",
		"quota 1 mbytes", "quota over 1 mbytes", "counter name seen", "quota name much", "limit name seldom", "tcp option maxseg size > 1", "tcp option sack-perm exists", "ct direction original", "ct expiration > 1s", "ct zone 0", "ip dscp 0", "ip dscp set cs1", "tcp window > 0",
		"@th,16,16 P", "@th,24,8 0", "@th,0,32 > 0", "@nh,128,16 0xc000", "osf name \"Linux\"", "socket transparent 0", "rt type 0", "meta iif >= 2", "meta iif < 1000", "tcp dport & 1 == 0", "tcp dport and 0xff00 == 0x2300")
}

func (g *ruleMaker) iptables() string {
	var b strings.Builder
	rule := func(chain, text string) { b.WriteString(g.fill("-A "+chain+" "+text) + "\n") }
	match := func() string {
		switch g.IntN(3) {
		case 0:
			return g.one("-p tcp --dport P", "-p udp --dport P", "-p tcp ! --dport P", "-p tcp --dport 9000:9150", "-p udp --dport 9300:", "-p tcp -m multiport --dports P,P", "-p tcp -m multiport --dports 9000:9150,P", "-p tcp -m multiport ! --dports P,P", "-p tcp -m multiport --ports P")
		case 1:
			return g.one("-p tcp", "-p udp", "! -p udp", "-p tcp --syn", "-p tcp ! --syn", "-p tcp --tcp-flags ALL SYN", "-p tcp --tcp-flags SYN,ECE SYN", "-p tcp --tcp-flags FIN,SYN,RST,ACK SYN", "-p tcp --tcp-option 8", "-p tcp --sport 1024:", "-p tcp ! --sport 1:1023", "-p tcp --sport 53")
		}
		return g.one("-m conntrack --ctstate NEW", "-m conntrack ! --ctstate NEW", "-m conntrack --ctstate RELATED,ESTABLISHED", "-m conntrack --ctstate UNTRACKED", "-m conntrack --ctstate DNAT", "-m conntrack --ctproto tcp", "-m state --state NEW",
			"-m recent --name x --set", "-m recent --name x --rcheck", "-m recent --name x --update --seconds 60 --hitcount 3", "-m recent ! --name x --rcheck", "-m recent --name y --rcheck --seconds 5", "-m limit --limit 1/day", "-m limit --limit 1000/sec",
			"-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL", "-m addrtype --dst-type LOCAL --limit-iface-in", "-m addrtype --src-type LOCAL", "-m comment --comment words", "-m mark --mark 5", "-m mark ! --mark 5", "-i eth0", "! -i eth0", "-i lo",
			"-s 203.0.113.0/24", "! -s 203.0.113.0/24", "-d 192.0.2.5", "! -d 192.0.2.5", "-m statistic --mode random --probability 0.5", "-m statistic --mode nth --every 2 --packet 0", "-m pkttype --pkt-type unicast", "-m length --length 1:2000", "-m socket", "-m u32 --u32 0&1=0", "-m owner --uid-owner 0")
	}
	b.WriteString("*raw\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\n")
	if g.maybe(40) {
		rule("PREROUTING", match()+" -j "+g.one("DROP", "ACCEPT", "CT --notrack", "CT --notrack", "TRACE", "RETURN"))
	}
	b.WriteString("COMMIT\n*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n")
	if g.maybe(50) {
		rule("PREROUTING", g.one("-p tcp --dport P -j REDIRECT --to-ports P", "-p udp --dport P -j REDIRECT --to-ports P", "-p tcp -m multiport --dports P,8080 -j REDIRECT --to-ports P", "-p tcp --dport P -j DNAT --to-destination 192.0.2.5", "-p tcp --dport 9300:9500 -j REDIRECT --to-ports P", "-p tcp --dport P -j REDIRECT", "-p tcp --dport P -m recent --name x --rcheck -j REDIRECT --to-ports P"))
	}
	b.WriteString("COMMIT\n*mangle\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n")
	if g.maybe(30) {
		rule("PREROUTING", match()+" -j "+g.one("DROP", "MARK --set-mark 5", "CONNMARK --save-mark", "RETURN"))
	}
	fmt.Fprintf(&b, "COMMIT\n*filter\n:INPUT %s\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:other -\n", g.one("DROP", "ACCEPT"))
	b.WriteString("-A INPUT -p icmpv6 -j ACCEPT\n")
	for range 1 + g.IntN(6) {
		text := match()
		if g.maybe(40) {
			if more := match(); !strings.Contains(more, "-p ") {
				text += " " + more
			}
		}
		rule("INPUT", text+" -j "+g.one("ACCEPT", "ACCEPT", "DROP", "DROP", "REJECT", "RETURN", "other", "LOG", "NFQUEUE --queue-bypass", "MARK --set-mark 5"))
	}
	for range g.IntN(3) {
		rule("other", match()+" -j "+g.one("ACCEPT", "DROP", "RETURN"))
	}
	b.WriteString("COMMIT\n")
	return b.String()
}
