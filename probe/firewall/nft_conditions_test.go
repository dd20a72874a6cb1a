package firewall

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/firewall/nft"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

// TestRulesWithConditions: what a rule depends on beside its words makes nothing look closed.
func TestRulesWithConditions(t *testing.T) {
	ns := outside(t)
	ns.Run(t, "ip", "addr", "add", "203.0.113.9/32", "dev", "lo")
	listenIn(t, ns, "tcp4 0.0.0.0:9100", "tcp6 [2001:db8::5]:9200", "udp4 0.0.0.0:9300", "tcp4 127.0.0.1:5432")
	// Everything but what % is about is surely dropped: 9100/tcp is not, but by that.
	const rest = `table inet f {
counter seen { }
limit seldom { rate 1/day }
set limited { type inet_service; limit rate 1/day; elements = { 9100 limit rate 1/day burst 1 packets } }
set heavy { type inet_service; quota over 1 bytes; elements = { 9100 } }
set counted { type inet_service; counter; elements = { 9100 counter packets 0 bytes 0 } }
set timed { type inet_service; flags timeout; elements = { 9100 timeout 1h } }
set written { type inet_service; flags dynamic; elements = { 9100 } }
set unmarked { type inet_service; size 100; elements = { 9100 } }
set senders { type ipv4_addr; flags dynamic,timeout; timeout 1h; }
set spans { type inet_service; flags interval; limit rate 1/day; elements = { 9000-9150 limit rate 1/day burst 1 packets } }
set every { type inet_service; elements = { * } }
set pairs { type ipv4_addr . inet_service; elements = { 203.0.113.7 . 9100, 203.0.113.8 . 22 } }
set blocks { type ipv4_addr . inet_service; flags interval; elements = { 0.0.0.0/1 . 9000-9150, 128.0.0.0/1 . 9100 } }
set offices { type ipv4_addr . inet_service; flags interval; elements = { 203.0.113.0/24 . 9100, 10.0.0.0/8 . 9100 } }
set rated { type ipv4_addr . inet_service; flags interval; limit rate 1/day; elements = { 0.0.0.0/0 . 9100 limit rate 1/day burst 1 packets } }
set local { type ifname . inet_service; elements = { "lo" . 9100, "eth0" . 9101 } }
set changed { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1h; }
set six { type ipv6_addr . inet_service; flags interval; elements = { ::/0 . 9200 } }
map ways { type ipv4_addr . inet_service : verdict; flags interval; elements = { 0.0.0.0/0 . 9100 : drop, 203.0.113.0/24 . 22 : accept } }
map places { type inet_service . ipv4_addr : verdict; flags interval; elements = { 9000-9150 . 192.0.2.5 : drop, 9000-9150 . 203.0.113.9 : accept } }
map limits { type inet_service : verdict; limit rate 1/day; elements = { 9100 limit rate 1/day burst 1 packets : drop } }
map counts { type inet_service : verdict; counter; elements = { 9100 counter packets 0 bytes 0 : drop } }
map others { type inet_service : verdict; elements = { 9300 : accept, * : drop } }
chain in { type filter hook input priority 0; policy accept;
tcp dport 9200 drop
udp dport 9300 drop
%
}
}
`
	raw := func(rule string) string {
		return strings.Replace(rest, "%", "tcp dport 9100 drop", 1) + "table inet r { chain raw { type filter hook prerouting priority -300;\n" + rule + "\n} }"
	}
	closed := raw("tcp dport 9100 drop") + "\n" + "table inet n { chain pre { type nat hook prerouting priority -100;\n%\n} }"
	led := strings.Replace(strings.Replace(closed, "tcp dport 9100 drop\n", "", 1), "udp dport 9300 drop\n", "", 1)
	led = strings.Replace(led, "tcp dport 9100 drop", "meta l4proto { tcp, udp } th dport { 9100, 9300 } drop", 1)
	for name, tt := range map[string]struct {
		rules  string
		state  probe.State
		detail string
	}{
		"surely dropped":                    {"%tcp dport 9100 drop", probe.StatePass, ""},
		"member with a limit":               {"%tcp dport @limited drop", probe.StateFail, "9100/tcp"},
		"member with a limit, not in":       {"%tcp dport != @limited accept; tcp dport 9100 drop", probe.StatePass, ""},
		"interval with a limit":             {"%tcp dport @spans drop", probe.StateFail, "9100/tcp"},
		"member with a quota":               {"%tcp dport @heavy drop", probe.StateUnknown, "9100/tcp"},
		"member with a counter":             {"%tcp dport @counted drop", probe.StatePass, ""},
		"member with an end":                {"%tcp dport @timed drop", probe.StateUnknown, "9100/tcp"},
		"written by packets":                {"%tcp dport @written drop", probe.StateUnknown, "9100/tcp"},
		"written by another rule":           {"%tcp dport @unmarked drop; tcp dport 9400 delete @unmarked { tcp dport }", probe.StateUnknown, "9100/tcp"},
		"not written":                       {"%tcp dport @unmarked drop", probe.StatePass, ""},
		"a limit for each sender":           {"%add @senders { ip saddr limit rate 1/day } tcp dport 9100 drop", probe.StateFail, "9100/tcp"},
		"a quota for each sender":           {"%add @senders { ip saddr quota over 1 bytes } tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"senders that packets note":         {"%ip saddr != @senders tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"verdict with a limit":              {"%tcp dport vmap @limits", probe.StateFail, "9100/tcp"},
		"verdict with a counter":            {"%tcp dport vmap @counts", probe.StatePass, ""},
		"all others in a map":               {"%tcp dport vmap @others", probe.StatePass, ""},
		"all in a set":                      {"%tcp dport @every drop", probe.StatePass, ""},
		"not one of all":                    {"%tcp dport != @every drop", probe.StateUnknown, "9100/tcp"},
		"offices alone, then the rest":      {"%ip saddr . tcp dport @offices accept; tcp dport 9100 drop", probe.StatePass, ""},
		"all but some senders":              {"%ip saddr . tcp dport != @pairs accept; tcp dport 9100 drop", probe.StateFail, "9100/tcp"},
		"some senders alone":                {"%ip saddr . tcp dport @pairs drop", probe.StateFail, "9100/tcp"},
		"both halves of all senders":        {"%ip saddr . tcp dport @blocks drop", probe.StatePass, ""},
		"both halves of all, accepted":      {"%ip saddr . tcp dport @blocks accept; tcp dport 9100 drop", probe.StateFail, "9100/tcp"},
		"all senders with a limit":          {"%ip saddr . tcp dport @rated drop", probe.StateFail, "9100/tcp"},
		"pairs for another interface":       {"%iifname . tcp dport @local accept; tcp dport 9100 drop", probe.StatePass, ""},
		"pairs that packets write":          {"%ip saddr . tcp dport @changed drop", probe.StateUnknown, "9100/tcp"},
		"pairs written in this rule":        {"%update @changed { ip saddr . tcp dport } tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"all senders of the other family":   {"#ip6 saddr . tcp dport @six drop", probe.StatePass, ""},
		"verdicts of pairs":                 {"%ip saddr . tcp dport vmap @ways", probe.StatePass, ""},
		"verdicts of pairs, ranges":         {"%tcp dport . ip daddr vmap @places; ip daddr 10.9.0.5 drop", probe.StateFail, "9100/tcp"},
		"verdicts of pairs in the rule":     {"%meta l4proto . th dport vmap { tcp . 9100 : drop, udp . 9100 : accept }", probe.StatePass, ""},
		"the sender's port in a pair":       {"%tcp sport . tcp dport { 1024-65535 . 9100 } drop", probe.StateFail, "9100/tcp"},
		"any port of the sender in a pair":  {"%tcp sport . tcp dport { 0-65535 . 9100 } drop", probe.StatePass, ""},
		"a mark in a pair":                  {"%meta mark . tcp dport { 5 . 9100 } drop", probe.StateUnknown, "9100/tcp"},
		"a named limit":                     {"%limit name \"seldom\" tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"a named counter":                   {"%counter name \"seen\" tcp dport 9100 drop", probe.StatePass, ""},
		"a quota":                           {"%quota over 1 bytes tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"connections counted":               {"%ct count over 10 tcp dport 9100 drop", probe.StateFail, "9100/tcp"},
		"flags that the sender chooses":     {"%tcp flags == syn tcp dport 9100 drop", probe.StateFail, "9100/tcp"},
		"flags that are what they are":      {"%tcp flags & (fin|syn|rst|ack) == syn tcp dport 9100 drop", probe.StatePass, ""},
		"some of each":                      {"%tcp flags & (syn|ecn) == syn tcp dport 9100 drop", probe.StateFail, "9100/tcp"},
		"flags that it cannot have":         {"%tcp flags == ack tcp dport 9100 accept; tcp dport 9100 drop", probe.StatePass, ""},
		"a number in another order":         {"%meta iif >= 2 tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"a number in another order, kept":   {"%meta iif < 1000 tcp dport 9100 accept; tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"the middle of an address":          {"%meta nfproto ipv4 @nh,112,16 0x0001 tcp dport 9100 accept; tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"what may be missing":               {"%meta mark set @th,320,32 tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"the end of an address":             {"%ip saddr & 0.0.0.255 != 1 tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"the end of an address, accepted":   {"%ip saddr & 0.0.0.255 == 1 accept; tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"a public address of another":       {"%ip daddr 192.0.2.5 drop; ip daddr 10.9.0.5 drop", probe.StateFail, "9100/tcp"},
		"chance":                            {"%numgen inc mod 2 == 0 tcp dport 9100 drop", probe.StateUnknown, "9100/tcp"},
		"other headers between":             {"#ip6 nexthdr tcp drop", probe.StateFail, "9200/tcp"},
		"whatever is between":               {"#meta l4proto tcp meta nfproto ipv6 drop", probe.StatePass, ""},
		"not tracked yet":                   {raw("ct state new tcp dport 9100 drop"), probe.StatePass, ""},
		"not tracked yet, decided there":    {strings.Replace(raw("ct state new tcp dport 9100 drop"), "tcp dport 9100 drop\n", "", 1), probe.StateUnknown, "(chain raw)"},
		"not tracked":                       {strings.Replace(raw("tcp dport 9100 notrack"), "tcp dport 9100 drop", "ct state new tcp dport 9100 drop", 1), probe.StateUnknown, "9100/tcp"},
		"tracked":                           {strings.Replace(raw("tcp dport 9101 notrack"), "tcp dport 9100 drop", "ct state new tcp dport 9100 drop", 1), probe.StatePass, ""},
		"dormant":                           {strings.Replace(strings.Replace(rest, "%", "tcp dport 9100 drop", 1), "{", "{ flags dormant\n", 1), probe.StateFail, "9100, 9200/tcp and 9300/udp"},
		"led to by an allowed port":         {led + "tcp dport 443 redirect to :9100", probe.StatePass, ""},
		"led to":                            {led + "tcp dport 8080 redirect to :9100", probe.StateFail, "8080/tcp of process \"firewall.test\""},
		"led to by UDP":                     {led + "udp dport 53 redirect to :9300", probe.StateFail, "53/udp"},
		"led to from many":                  {led + "tcp dport 8000-8100 redirect to :9100", probe.StateFail, "8000"},
		"led to by any port":                {led + "meta l4proto tcp redirect to :9100", probe.StateFail, "1, 21"},
		"led to by bits of a port":          {led + "tcp dport & 1 == 0 redirect to :9100", probe.StateUnknown, "1, 5432"},
		"led to by chance":                  {led + "tcp dport 8080 numgen inc mod 2 == 0 redirect to :9100", probe.StateUnknown, "8080/tcp"},
		"led to a port by chance":           {led + "tcp dport 8080 redirect to :numgen inc mod 2 map { 0 : 9100, 1 : 9101 }", probe.StateUnknown, "8080/tcp"},
		"led to nobody":                     {led + "tcp dport 8080 redirect to :9101", probe.StatePass, ""},
		"led to a loopback":                 {led + "tcp dport 8080 dnat ip to 127.0.0.1:5432", probe.StateUnknown, "8080/tcp"},
		"led to one's own address":          {led + "tcp dport 8080 dnat ip to 192.0.2.5:9100", probe.StateFail, "8080/tcp"},
		"led to another host":               {led + "tcp dport 8080 dnat ip to 172.17.0.2:9100", probe.StatePass, ""},
		"led, and dropped later":            {closed + "tcp dport 8080 redirect to :9100", probe.StatePass, ""},
		"dropped before it is led":          {strings.Replace(led, "{ 9100, 9300 }", "{ 8080, 9100, 9300 }", 1) + "tcp dport 8080 redirect to :9100", probe.StatePass, ""},
		"another family is led":             {led + "tcp dport 9200 dnat ip to 172.17.0.2:9100", probe.StatePass, ""},
		"one family is led, then the other": {strings.Replace(strings.Replace(led, "tcp dport 9200 drop\n", "", 1), "{ 9100, 9300 }", "{ 9100, 9200, 9300 }", 1) + "tcp dport 8080 dnat ip to 172.17.0.2:9100\ntcp dport 8080 redirect to :9200", probe.StateFail, "8080/tcp"},
		"a port is written":                 {strings.Replace(led, "drop\n} }", "drop\n}\nchain w { type filter hook prerouting priority -200;\ntcp dport 8080 tcp dport set 9100\n} }", 1), probe.StateUnknown, "tcp"},
		"the kind of service is written":    {strings.Replace(led, "drop\n} }", "drop\n}\nchain w { type filter hook prerouting priority -200;\nip dscp set cs1\n} }", 1), probe.StatePass, ""},
		"a port is written on the device":   {led + "} }\ntable netdev d { chain i { type filter hook ingress device eth0 priority 0;\ntcp dport 8080 tcp dport set 9100", probe.StateUnknown, "tcp"},
		"a sender is written":               {raw("ip saddr set 203.0.113.7") + "\ntable inet g { chain in { type filter hook input priority -5; policy drop;\nip saddr 203.0.113.7 accept\n} }", probe.StatePass, ""},
		"a sender is written and let in":    {strings.Replace(raw("ip saddr set 203.0.113.7"), "tcp dport 9100 drop", "ip saddr != 203.0.113.7 drop", 1), probe.StateUnknown, "9100/tcp"},
		"a proxy takes it":                  {strings.Replace(led, "drop\n} }", "drop\n}\nchain w { type filter hook prerouting priority -150;\ntcp dport 8080 tproxy ip to :9100 accept\n} }", 1), probe.StateUnknown, "8080/tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := tt.rules
			if text, ok := strings.CutPrefix(rules, "%"); ok {
				rules = strings.Replace(rest, "%", strings.ReplaceAll(text, "; ", "\n"), 1)
			} else if text, ok := strings.CutPrefix(rules, "#"); ok {
				rules = strings.Replace(strings.Replace(rest, "tcp dport 9200 drop", "tcp dport 9100 drop", 1), "%", text, 1)
			} else if at := strings.Index(rules, "%"); at >= 0 { // what follows goes there
				text, after, _ := strings.Cut(rules[at:], "\n} }")
				rules = rules[:at] + after + text[1:] + "\n} }"
			}
			w := &wire{host: ns}
			if output, err := w.loadNFT(t, strings.ReplaceAll(rules+"\n", "\n} }", "\n}\n}")); err != nil {
				t.Fatalf("%s\n%s", output, rules)
			}
			r := judgeIn(t, ns, false)
			if r.State != tt.state || !strings.Contains(r.Detail, tt.detail) {
				t.Errorf("got %v (%s) %q; want %v with %q under\n%s", r.State, r.Reason, r.Detail, tt.state, tt.detail, rules)
			}
		})
	}
}

// TestRulesOfIPTables: likewise of what iptables loads in its own terms.
func TestRulesOfIPTables(t *testing.T) {
	ns := outside(t)
	listenIn(t, ns, "tcp4 0.0.0.0:9100")
	const filter = "*filter\n:INPUT ACCEPT\n"
	led := filter + "-A INPUT -m conntrack --ctstate NEW -p tcp --dport 9100 -j ACCEPT\nCOMMIT\n*mangle\n-A PREROUTING -p tcp --dport 9100 -j DROP\nCOMMIT\n*nat\n-A PREROUTING "
	for name, tt := range map[string]struct {
		rules  string
		state  probe.State
		detail string
	}{
		"dropped":                    {filter + "-A INPUT -p tcp --dport 9100 -j DROP", probe.StatePass, ""},
		"dropped where seen":         {filter + "-A INPUT -m recent --name bad --rcheck -j DROP", probe.StateUnknown, "9100/tcp"},
		"dropped where seen, noted":  {filter + "-A INPUT -m recent --name bad --update --seconds 60 -j DROP", probe.StateUnknown, "9100/tcp"},
		"dropped when noted":         {filter + "-A INPUT -p tcp --dport 9100 -m recent --name bad --set -j DROP", probe.StatePass, ""},
		"dropped when often":         {filter + "-A INPUT -m recent --name bad --update --seconds 60 --hitcount 3 -j DROP", probe.StateFail, "9100/tcp"},
		"flags chosen":               {filter + "-A INPUT -p tcp --tcp-flags ALL SYN -j DROP", probe.StateFail, "9100/tcp"},
		"flags":                      {filter + "-A INPUT -p tcp --syn -j DROP", probe.StatePass, ""},
		"by limit":                   {filter + "-A INPUT -m limit --limit 1/day -j DROP", probe.StateFail, "9100/tcp"},
		"untracked":                  {filter + "-A INPUT -m conntrack --ctstate NEW -j DROP\nCOMMIT\n*raw\n-A PREROUTING -p tcp --dport 9100 -j CT --notrack", probe.StateUnknown, "9100/tcp"},
		"tracked":                    {filter + "-A INPUT -m conntrack --ctstate NEW -j DROP\nCOMMIT\n*raw\n-A PREROUTING -p tcp --dport 9101 -j CT --notrack", probe.StatePass, ""},
		"no state yet":               {"*raw\n-A PREROUTING -m conntrack --ctstate NEW -j DROP", probe.StateUnknown, "9100/tcp"},
		"queue":                      {filter + "-A INPUT -j NFQUEUE --queue-bypass", probe.StateUnknown, "9100/tcp"},
		"led":                        {led + "-p tcp --dport 8080 -j REDIRECT --to-ports 9100", probe.StateFail, "8080/tcp"},
		"led from several":           {led + "-p tcp -m multiport --dports 21,8000:8080 -j REDIRECT --to-ports 9100", probe.StateFail, "21"},
		"led to an address":          {led + "-p tcp --dport 8080 -j DNAT --to-destination 192.0.2.5:9100", probe.StateFail, "8080/tcp"},
		"led to a container":         {led + "-p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:9100", probe.StatePass, ""},
		"led to one of some ports":   {led + "-p tcp --dport 8080 -j REDIRECT --to-ports 9100-9101", probe.StateUnknown, "8080/tcp"},
		"led to a network":           {led + "-p tcp --dport 8080 -j NETMAP --to 192.0.2.0/24", probe.StateUnknown, "8080/tcp"},
		"led to the same port":       {led + "-p tcp --dport 9100 -j REDIRECT", probe.StatePass, ""},
		"led from an allowed port":   {led + "-p tcp --dport 443 -j REDIRECT --to-ports 9100", probe.StatePass, ""},
		"local addresses, elsewhere": {filter + "-A INPUT -m addrtype ! --dst-type LOCAL -j ACCEPT\n-A INPUT -j DROP", probe.StatePass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			loadRules(t, ns, "")
			command := ns.Command(parts.Need(t, "iptables-nft-restore"))
			command.Stdin = strings.NewReader(tt.rules + "\nCOMMIT\n")
			if output, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, output)
			}
			if r := judgeIn(t, ns, false); r.State != tt.state || !strings.Contains(r.Detail, tt.detail) {
				t.Errorf("got %v (%s) %q; want %v with %q", r.State, r.Reason, r.Detail, tt.state, tt.detail)
			}
		})
	}
}

// TestListeningPortsAsNobody: another user is told which capability is missing.
func TestListeningPortsAsNobody(t *testing.T) {
	ns := outside(t)
	listenIn(t, ns, "tcp4 0.0.0.0:9100")
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its user
		err := setNetwork(ns)
		const nobody = 65534
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); err == nil && errno != 0 {
			err = errno
		}
		if err == nil {
			if _, err = readHost(context.Background()); err == nil {
				err = errors.New("nobody sees all")
			}
		}
		failed <- err
	}()
	r := probe.NotChecked(<-failed)
	probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "loaded firewall rules cannot be read")
	if !strings.Contains(r.Remedy, "CAP_NET_ADMIN") {
		t.Error(r.Remedy)
	}
}

// setNetwork takes the calling thread into a namespace.
func setNetwork(ns *parts.Namespace) error {
	fd, err := unix.Open(ns.Path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Setns(fd, unix.CLONE_NEWNET)
}

// TestRulesUnseenThatLead: rules that cannot be seen and may lead packets elsewhere leave no pass.
func TestRulesUnseenThatLead(t *testing.T) {
	h := fuzzedHost
	h.rules, h.listeners = &nft.Ruleset{}, nil
	s := &listeningPorts{Policy: portset.StandardPolicy()}
	nobody := func(map[uint32]bool) map[uint32]string { return nil }
	for unseen, want := range map[bool]probe.State{false: probe.StatePass, true: probe.StateUnknown} {
		h.legacy, h.legacyNAT = true, unseen
		r, err := s.judge(h, nil, nobody)
		if err != nil || r.State != want {
			t.Errorf("%v: %v %q, %v; want %v", unseen, r.State, r.Detail, err, want)
		}
	}
}

// TestLegacyTables: which of the older tables that the kernel lists may lead packets elsewhere.
func TestLegacyTables(t *testing.T) {
	for list, want := range map[string][2]bool{
		"": {false, false}, "filter\n": {true, false}, "filter\nraw\nsecurity\n": {true, false}, "filter\nnat\n": {true, true}, "mangle\n": {true, true},
	} {
		if some, leading := legacyListed([]byte(list)); [2]bool{some, leading} != want {
			t.Errorf("%q: %v %v", list, some, leading)
		}
	}
}
