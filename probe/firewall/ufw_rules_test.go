package firewall

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

// ufw is a host's files with ufw enabled and rules.
func ufw(rules, rules6 string) probetest.Folder {
	return probetest.Folder{
		"etc/ufw/ufw.conf":    "# comment\nENABLED=yes\nLOGLEVEL=low\n",
		"etc/default/ufw":     "IPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\nDEFAULT_OUTPUT_POLICY=\"ACCEPT\"\nDEFAULT_FORWARD_POLICY=\"DROP\"\n",
		"etc/ufw/user.rules":  "*filter\n:ufw-user-input - [0:0]\n### RULES ###\n\n" + rules + "\n### END RULES ###\n-A ufw-user-limit -j REJECT\n-A ufw-user-limit-accept -j ACCEPT\nCOMMIT\n",
		"etc/ufw/user6.rules": "*filter\n" + rules6 + "\nCOMMIT\n",
	}
}

const (
	allowWeb = "### tuple ### allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp -m multiport --dports 80,443 -j ACCEPT\n"
	allowDB  = "### tuple ### allow any 5432 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp --dport 5432 -j ACCEPT\n-A ufw-user-input -p udp --dport 5432 -j ACCEPT\n"
)

func TestUFWRules(t *testing.T) {
	tuple := func(text string) string { return "### tuple ### " + text + "\n" }
	tests := []struct {
		name    string
		files   probetest.Folder
		allowed []int
		state   probe.State
		reason  probe.Reason
		detail  string
		exposed float64 // -1: not measured
	}{
		{"not installed", probetest.Folder{}, nil, probe.StateSkip, probe.ReasonNotConfigured, "not installed", -1},
		{"removed, files left", ufw("", "").With("usr/sbin/sshd", ""), nil, probe.StateSkip, probe.ReasonNotConfigured, "only its files remain", -1},
		{"installed", ufw(allowWeb, "").With("usr/sbin/ufw", ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"web alone", ufw(allowWeb, ""), nil, probe.StatePass, probe.ReasonNone, "ufw is enabled", 0},
		{"no rule", ufw("", ""), nil, probe.StatePass, probe.ReasonNone, "", 0},

		{"not enabled", ufw(allowWeb, "").With("etc/ufw/ufw.conf", "ENABLED=no\n"), nil, probe.StateFail, probe.ReasonOpen, "not enabled", -1},
		{"enabled in a way that is not read", ufw(allowWeb, "").With("etc/ufw/ufw.conf", "ENABLED=Yes\n"), nil, probe.StateFail, probe.ReasonOpen, "not enabled", -1},
		{"the last assignment counts", ufw(allowWeb, "").With("etc/ufw/ufw.conf", "ENABLED=yes\nENABLED=no\n"), nil, probe.StateFail, probe.ReasonOpen, "not enabled", -1},
		{"quoted, with a comment", ufw(allowWeb, "").With("etc/ufw/ufw.conf", "#ENABLED=no\nENABLED=\"yes\" # on\n"), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"no ufw.conf", ufw(allowWeb, "").Lacks("etc/ufw/ufw.conf"), nil, probe.StateFail, probe.ReasonMissing, "ufw.conf", -1},
		{"no defaults", ufw(allowWeb, "").Lacks("etc/default/ufw"), nil, probe.StateFail, probe.ReasonMissing, "ufw needs its defaults", -1},
		{"no rules file", ufw(allowWeb, "").Lacks("etc/ufw/user.rules"), nil, probe.StateFail, probe.ReasonMissing, "user.rules", -1},
		{"no rules file for IPv6", ufw(allowWeb, "").Lacks("etc/ufw/user6.rules"), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"default allow", ufw(allowWeb, "").With("etc/default/ufw", "DEFAULT_INPUT_POLICY=\"ACCEPT\"\n"), nil, probe.StateFail, probe.ReasonOpen, "DEFAULT_INPUT_POLICY is ACCEPT", -1},
		{"default reject", ufw(allowWeb, "").With("etc/default/ufw", "DEFAULT_INPUT_POLICY=REJECT\n"), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"no default", ufw(allowWeb, "").With("etc/default/ufw", "IPV6=no\n"), nil, probe.StateFail, probe.ReasonInvalid, "neither DROP nor REJECT", -1},
		{"forwards everything", ufw(allowWeb, "").With("etc/default/ufw", "DEFAULT_INPUT_POLICY=DROP\nDEFAULT_FORWARD_POLICY=ACCEPT\n"), nil, probe.StateWarn, probe.ReasonOpen, "DEFAULT_FORWARD_POLICY", 0},

		{"both protocols", ufw(allowWeb+"\n"+allowDB, ""), nil, probe.StateFail, probe.ReasonExposed, "5432 (tcp and udp) open to the internet at " + "etc/ufw/user.rules:8", 1},
		{"a tuple alone", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"a line alone", ufw("-A ufw-user-input -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"a line that says more than its tuple", ufw(tuple("allow tcp 443 0.0.0.0/0 any 0.0.0.0/0 in")+"-A ufw-user-input -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"a line for more than its tuple", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 10.0.0.0/8 in")+"-A ufw-user-input -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"old tuple without a direction", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 0.0.0.0/0"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"with a comment", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in comment=646220666f72206f7073"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"logged", ufw(tuple("allow_log-all tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"limit", ufw(tuple("limit tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"limit, as lines", ufw("-A ufw-user-input -p tcp --dport 5432 -m conntrack --ctstate NEW -m recent --set\n"+
			"-A ufw-user-input -p tcp --dport 5432 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j ufw-user-limit\n"+
			"-A ufw-user-input -p tcp --dport 5432 -j ufw-user-limit-accept\n", ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"IPv6", ufw(allowWeb, tuple("allow tcp 5432 ::/0 any ::/0 in")), nil, probe.StateFail, probe.ReasonExposed, "etc/ufw/user6.rules:2", 1},
		{"IPv4 and IPv6 told once", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in"), tuple("allow tcp 5432 ::/0 any ::/0 in")), nil, probe.StateFail, probe.ReasonExposed, "user.rules:5, ", 1},
		{"IPv6 switched off", ufw(allowWeb, tuple("allow tcp 5432 ::/0 any ::/0 in")).With("etc/default/ufw", "IPV6=no\nDEFAULT_INPUT_POLICY=DROP\n"), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"nothing said of IPv6", ufw(allowWeb, tuple("allow tcp 5432 ::/0 any ::/0 in")).With("etc/default/ufw", "DEFAULT_INPUT_POLICY=DROP\n"), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"range", ufw(tuple("allow udp 6000:6010 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "6000-6010/udp", 11},
		{"list, partly allowed", ufw(tuple("allow tcp 80,443,8080 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "8080/tcp", 1},
		{"everything", ufw(tuple("allow any any 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "every port except the allowed ones", 65533},
		{"a source port is no condition", ufw(tuple("allow tcp any 0.0.0.0/0 53 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "every port", 65533},
		{"allowed by configuration", ufw(allowDB, ""), []int{5432}, probe.StatePass, probe.ReasonNone, "", 0},
		{"profile", ufw(tuple("allow tcp 80,443,8443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20All - in"), ""), nil, probe.StateFail, probe.ReasonExposed, `8443/tcp open to the internet at etc/ufw/user.rules:5 (profile "Nginx All")`, 1},
		{"profile of the source", ufw(tuple("allow tcp any 0.0.0.0/0 80 10.0.0.0/8 - Nginx in"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},

		{"ssh", ufw(allowWeb+tuple("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateWarn, probe.ReasonExposed, "22/tcp is open", 1},
		{"ssh limited", ufw(tuple("limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateWarn, probe.ReasonExposed, "22/tcp", 1},
		{"ssh by profile", ufw(tuple("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in"), ""), nil, probe.StateWarn, probe.ReasonExposed, `"OpenSSH"`, 1},
		{"ssh allowed", ufw(tuple("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"), ""), []int{22}, probe.StatePass, probe.ReasonNone, "", 0},
		{"ssh and another", ufw(tuple("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in")+tuple("allow tcp 23 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "23/tcp", 2},

		{"from a private network", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 10.0.0.0/8 in"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"from one address", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 203.0.113.7 in"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"from a block", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 203.0.113.0/24 in"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"from half the world", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 128.0.0.0/1 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"from all of IPv6 that is in use", ufw("", tuple("allow tcp 5432 ::/0 any 2000::/3 in")), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"from a whole registry of IPv6", ufw("", tuple("allow tcp 5432 ::/0 any 2600::/12 in")), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"from an IPv6 block", ufw("", tuple("allow tcp 5432 ::/0 any 2001:db8::/32 in")), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"from private IPv6", ufw("", tuple("allow tcp 5432 ::/0 any fc00::/7 in")), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"from everywhere, written short", ufw("-A ufw-user-input -s 0/0 -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"from everywhere, written long", ufw("-A ufw-user-input -s 10.0.0.1,0.0.0.0/0.0.0.0 -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"from a mask", ufw("-A ufw-user-input -s 10.0.0.0/255.0.0.0 -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"from all but one", ufw("-A ufw-user-input ! -s 10.0.0.1 -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"from a name", ufw("-A ufw-user-input -s office.tne.io -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateWarn, probe.ReasonExposed, "does not support", 0},
		{"to the loopback", ufw(tuple("allow tcp 5432 127.0.0.1 any 0.0.0.0/0 in"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"to one address", ufw(tuple("allow tcp 5432 203.0.113.9 any 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},

		{"through the world's interface", ufw(tuple("allow tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in_eth0"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"through loopback", ufw(tuple("allow any any 0.0.0.0/0 any 0.0.0.0/0 in_lo"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"through a tunnel", ufw(tuple("allow any any 0.0.0.0/0 any 0.0.0.0/0 in_wg0"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"through all but loopback", ufw("-A ufw-user-input ! -i lo -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"out", ufw(tuple("allow tcp 25 0.0.0.0/0 any 0.0.0.0/0 out")+"-A ufw-user-output -p tcp --dport 25 -j ACCEPT\n", ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"route", ufw(tuple("route:allow tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in")+"-A ufw-user-forward -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp behind this host", 1},
		{"route between interfaces", ufw(tuple("route:allow tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_docker0"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp behind", 1},
		{"route out of an interface", ufw(tuple("route:allow tcp 5432 0.0.0.0/0 any 0.0.0.0/0 out_docker0"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp behind", 1},
		{"route from containers", ufw(tuple("route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_docker0!out_eth0"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"route for the web", ufw(tuple("route:allow tcp 443 172.20.0.5 any 0.0.0.0/0 in"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},

		{"deny before allow", ufw(tuple("deny tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in")+tuple("allow tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"deny of one protocol before allow of both", ufw(tuple("reject tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in")+allowDB, ""), nil, probe.StateFail, probe.ReasonExposed, "5432/udp", 1},
		{"allow before deny", ufw(allowDB+tuple("deny any 5432 0.0.0.0/0 any 0.0.0.0/0 in"), ""), nil, probe.StateFail, probe.ReasonExposed, "5432", 1},
		{"deny of some before allow", ufw(tuple("deny tcp 5432 0.0.0.0/0 any 203.0.113.0/24 in")+allowDB, ""), nil, probe.StateFail, probe.ReasonExposed, "5432 (tcp and udp)", 1},
		{"deny of a route before allow", ufw(tuple("route:deny any 5432 0.0.0.0/0 any 0.0.0.0/0 in")+"\n"+allowDB, ""), nil, probe.StateFail, probe.ReasonExposed, "5432", 1},
		{"deny of a source port before allow", ufw(tuple("deny any 5432 0.0.0.0/0 53 0.0.0.0/0 in")+"\n"+allowDB, ""), nil, probe.StateFail, probe.ReasonExposed, "5432", 1},

		{"not about ports", ufw(tuple("allow esp any 0.0.0.0/0 any 0.0.0.0/0 in")+"-A ufw-user-input -p icmp --icmp-type echo-request -j ACCEPT\n", ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"opened in before.rules", ufw("", "").With("etc/ufw/before.rules", "*filter\n-A ufw-before-input -p tcp --dport 5432 -j ACCEPT\nCOMMIT\n"), nil, probe.StateFail, probe.ReasonExposed, "before.rules:2", 1},
		{"opened in after6.rules", ufw("", "").With("etc/ufw/after6.rules", "*filter\n-A ufw6-after-input -p tcp --dport 5432 -j ACCEPT\nCOMMIT\n"), nil, probe.StateFail, probe.ReasonExposed, "after6.rules:2", 1},
		{"opened in INPUT itself", ufw("", "").With("etc/ufw/before.rules", "*filter\n-I INPUT -p tcp --dport 5432 -j ACCEPT\nCOMMIT\n"), nil, probe.StateFail, probe.ReasonExposed, "5432/tcp", 1},
		{"another table", ufw("", "").With("etc/ufw/before.rules", "*nat\n-A PREROUTING -p tcp --dport 5432 -j ACCEPT\nCOMMIT\n*filter\nCOMMIT\n"), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"answers to one's own connections", ufw("", "").With("etc/ufw/before.rules", "*filter\n-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n"), nil, probe.StatePass, probe.ReasonNone, "", 0},
		{"all but invalid", ufw("", "").With("etc/ufw/before.rules", "*filter\n-A ufw-before-input -m conntrack ! --ctstate INVALID -p tcp --dport 5432 -j ACCEPT\nCOMMIT\n"), nil, probe.StateFail, probe.ReasonExposed, "5432", 1},
		{"an unknown condition", ufw("-A ufw-user-input -m set --match-set office src -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateWarn, probe.ReasonExposed, "5432/tcp may be open to the internet", 0},
		{"a chain of one's own", ufw("-A ufw-office -p tcp --dport 5432 -j ACCEPT\n", ""), nil, probe.StateWarn, probe.ReasonExposed, "5432/tcp may be open", 0},
		{"a port by name", ufw("-A ufw-user-input -p tcp --dport postgresql -j ACCEPT\n", ""), nil, probe.StateWarn, probe.ReasonExposed, "may be open", 0},
		{"an unknown deny keeps nobody out", ufw("-A ufw-user-input -m set --match-set bad src -p tcp --dport 5432 -j DROP\n"+"\n"+allowDB, ""), nil, probe.StateFail, probe.ReasonExposed, "5432 (tcp and udp)", 1},
		{"malformed tuples", ufw(tuple("allow tcp")+tuple("admit tcp 5432 0.0.0.0/0 any 0.0.0.0/0 in")+tuple("a b c d e f g h i j"), ""), nil, probe.StatePass, probe.ReasonNone, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := probetest.NewPass(t, tt.files, deployment.Settings{Firewall: deployment.Firewall{HostRoot: ".", Allowed: tt.allowed}})
			r := probetest.Look(t, p, UFWRulesKind(), "{}")
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if n, ok := probetest.Measured(r, portset.ExposedPorts); ok != (tt.exposed >= 0) || ok && n != tt.exposed {
				t.Errorf("measured %v %v, want %v", n, ok, tt.exposed)
			}
		})
	}
}

// TestUFWRules_OffBehindOtherRules reads loaded rules: ufw may be off only where they drop what they do not admit, for each
// address.
func TestUFWRules_OffBehindOtherRules(t *testing.T) {
	const (
		web    = `tcp dport { 80, 443 } accept;`
		closed = `table inet filter { chain input { type filter hook input priority 0; policy drop; ct state established,related accept; iif lo accept; ` + web + ` } }`
	)
	for name, c := range map[string]struct {
		rules string
		state probe.State
	}{
		"policy drop":         {closed, probe.StateSkip},
		"drop at the end":     {`table inet filter { chain input { type filter hook input priority 0; policy accept; ` + web + ` drop; } }`, probe.StateSkip},
		"reject in a jump":    {`table inet filter { chain last { reject; } chain input { type filter hook input priority 0; ` + web + ` jump last; } }`, probe.StateSkip},
		"no rules":            {`table inet filter { }`, probe.StateFail},
		"policy accept":       {`table inet filter { chain input { type filter hook input priority 0; policy accept; ` + web + ` } }`, probe.StateFail},
		"TCP only":            {`table inet filter { chain input { type filter hook input priority 0; meta l4proto tcp drop; } }`, probe.StateFail},
		"IPv4 only":           {`table ip filter { chain input { type filter hook input priority 0; policy drop; } }`, probe.StateFail},
		"output policy drop":  {`table inet filter { chain output { type filter hook output priority 0; policy drop; } }`, probe.StateFail},
		"forward policy drop": {`table inet filter { chain forward { type filter hook forward priority 0; policy drop; } }`, probe.StateFail},
	} {
		t.Run(name, func(t *testing.T) {
			ns := outside(t)
			loadRules(t, ns, c.rules)
			var h host
			if err := ns.Do(func() (err error) { h, err = readHost(t.Context()); return err }); err != nil {
				t.Fatal(err)
			}
			r, err := judgeOff(h, nil, "/etc/ufw/ufw.conf")
			if err != nil {
				r = probe.NotChecked(err)
			}
			if r.State != c.state {
				t.Errorf("%+v", r)
			}
		})
	}
	r, err := judgeOff(host{}, fs.ErrPermission, "/etc/ufw/ufw.conf")
	if err != nil {
		t.Fatal(err)
	}
	probetest.Expect(t, r, probe.StateFail, probe.ReasonOpen, "not enabled")
}

func TestUFWRulesExternal(t *testing.T) {
	p := probetest.NewPass(t, ufw(allowDB, ""), deployment.Settings{Firewall: deployment.Firewall{HostRoot: ".", External: true}})
	r := probetest.Look(t, p, UFWRulesKind(), "{}")
	probetest.Expect(t, r, probe.StateSkip, probe.ReasonNotConfigured, "evidence or an attestation")
}

func TestUFWRulesWithoutPermission(t *testing.T) {
	for name, conf := range map[string]string{"enabled": "ENABLED=yes\n", "not enabled": "ENABLED=no\n"} {
		t.Run(name, func(t *testing.T) {
			p := probetest.NewPass(t, ufw(allowDB, "").With("etc/ufw/ufw.conf", conf), deployment.Settings{Firewall: deployment.Firewall{HostRoot: "."}})
			if err := os.Chmod(filepath.Join(p.Deployment.Root, "etc/ufw/user.rules"), 0); err != nil {
				t.Fatal(err)
			}
			var r probe.Result
			probetest.Unprivileged(t, func() { r = probetest.Look(t, p, UFWRulesKind(), "{}") })
			if name == "not enabled" { // which the rules do not change
				probetest.Expect(t, r, probe.StateFail, probe.ReasonOpen, "not enabled")
				return
			}
			probetest.Expect(t, r, probe.StateUnknown, probe.ReasonPermissionDenied, "user.rules")
			if !strings.Contains(r.Remedy, "etc/ufw/*.rules") {
				t.Errorf("remedy %q", r.Remedy)
			}
		})
	}
}

// TestUFWItself holds the reading of its files against what ufw writes.
func TestUFWItself(t *testing.T) {
	u := parts.Netns(t).UFW(t)
	root := t.TempDir()
	if err := os.Symlink(u.Etc, filepath.Join(root, "etc")); err != nil {
		t.Fatal(err)
	}
	p := probetest.NewPass(t, nil, deployment.Settings{Firewall: deployment.Firewall{HostRoot: root}})
	ask := func() probe.Result {
		return probetest.Look(t, probe.NewPass(p.Deps, p.Deployment), UFWRulesKind(), "{}")
	}
	run := func(args ...string) { u.Run(t, args...) }

	probetest.Expect(t, ask(), probe.StateFail, probe.ReasonOpen, "not enabled")
	for _, rule := range []string{"80/tcp", "443", "from 10.0.0.0/8 to any port 5432", "in on docker0 to any port 6379", "out 25/tcp"} {
		run(append([]string{"allow"}, strings.Fields(rule)...)...)
	}
	run("--force", "enable")
	probetest.Expect(t, ask(), probe.StatePass, probe.ReasonNone, "")

	run("limit", "ssh/tcp")
	probetest.Expect(t, ask(), probe.StateWarn, probe.ReasonExposed, "22/tcp is open to the internet at "+filepath.Join(root, "etc/ufw/user.rules"))
	run("allow", "8000:8010/udp", "comment", "for a while")
	r := ask()
	probetest.Expect(t, r, probe.StateFail, probe.ReasonExposed, "8000-8010/udp")
	if n, _ := probetest.Measured(r, portset.ExposedPorts); n != 12 {
		t.Errorf("%v ports are exposed", n)
	}
	run("delete", "allow", "8000:8010/udp")
	run("deny", "9000:9010/tcp")
	run("allow", "9005/tcp") // behind the rule that keeps everybody out
	probetest.Expect(t, ask(), probe.StateWarn, probe.ReasonExposed, "22/tcp")
	run("route", "allow", "proto", "tcp", "from", "any", "to", "any", "port", "5432")
	probetest.Expect(t, ask(), probe.StateFail, probe.ReasonExposed, "5432/tcp behind this host")
	run("route", "delete", "allow", "proto", "tcp", "from", "any", "to", "any", "port", "5432")
	run("allow", "to", "2001:db8::1", "port", "9200", "proto", "tcp")
	probetest.Expect(t, ask(), probe.StateFail, probe.ReasonExposed, "user6.rules")
	run("default", "allow", "incoming")
	probetest.Expect(t, ask(), probe.StateFail, probe.ReasonOpen, "DEFAULT_INPUT_POLICY is ACCEPT")
}

func FuzzParseUFW(f *testing.F) {
	f.Add([]byte(allowWeb + "\n" + allowDB))
	f.Add([]byte("*filter\n### tuple ### route:limit_log any 1:2,3 ::/0 any 2000::/3 A%20B - in_eth0!out_lo comment=00\n"))
	f.Add([]byte("-A ufw-user-input ! -s 10/8 -d ! ::1 -p 6 --sports 1:2 -m comment --comment 'a \"b' -m conntrack ! --ctstate NEW -j ACCEPT"))
	f.Add([]byte("-A\n-A x -j\n-I INPUT -i ! lo -s / -d 1.2.3.4/255.0.255.0 -j DROP"))
	f.Fuzz(func(t *testing.T, data []byte) {
		began := time.Now()
		rules, err := parseUFW(data)
		if took := time.Since(began); took > parts.Patience {
			t.Errorf("took %v for %d bytes", took, len(data))
		}
		if err != nil {
			return
		}
		for _, r := range rules {
			if r.ports.Empty() || r.line < 1 {
				t.Errorf("a rule about nothing: %+v", r)
			}
			for _, set := range []portset.Set{r.ports.TCP, r.ports.UDP} {
				for i, p := range set {
					if p.First < 1 || p.Last > portset.MaxPort || p.First > p.Last || i > 0 && set[i-1].Last+1 >= p.First {
						t.Errorf("%v is no set of ports", set)
					}
				}
			}
		}
	})
}
