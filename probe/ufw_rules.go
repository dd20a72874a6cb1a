package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// ufw_rules: do ufw's files admit only what may be reached from the internet?
//
// They do when ufw is enabled, drops what no rule admits, and no rule admits everyone to a port that is not allowed.
// limit admits too. A rule for known source addresses, or for an interface that leads to containers or tunnels, does
// not open a port to the internet. An earlier rule that blocks everyone wins over a later one. With IPV6=no ufw drops
// all IPv6, so user6.rules is not read. Whether the rules are loaded is checked by another probe; scripts run by ufw
// (before.init, after.init) are not read.

func ufwRulesKind() Kind {
	return Kind{
		Name:     "ufw_rules",
		Question: "Do ufw's files admit only what may be reached from the internet?",
		Example:  "{allowed: [80, 443]}",
		Layer:    LayerDeclared,
		Reads:    "ufw.conf and the rules files below /etc/ufw, and /etc/default/ufw; the rules files belong to root (mode 0640)",
		Values:   []*Value{ExposedPorts},
		Alone:    true,
		New:      func() any { return &ufwRules{portPolicy: standardPorts()} },
	}
}

type ufwRules struct {
	portPolicy `inline:"true"`
}

func (s *ufwRules) Validate() []error { return s.wrong() }

func (s *ufwRules) Probe(_ context.Context, p *Pass) (Result, error) {
	if p.Deployment.Firewall.External {
		return Result{}, externalFirewall()
	}
	place := p.View.Place(deployment.FactFirewall)
	if len(place.Paths) < 2 {
		return Result{}, Skip("deployment.firewall.host_root", "ufw is not installed below %s", p.Deployment.Firewall.HostRoot)
	}
	dir, defaults := place.Paths[0], place.Paths[1]
	if removed(filepath.Dir(filepath.Dir(dir))) {
		return Result{}, Skip("deployment.firewall.host_root", "ufw is not installed; only its files remain in %s", dir)
	}
	var f Findings
	settings, err := loadShell(p, defaults)
	if err != nil {
		return unreadable("ufw needs its defaults to start", err)
	}
	conf, err := loadShell(p, filepath.Join(dir, "ufw.conf"))
	if err != nil {
		return unreadable("ufw needs its configuration to start", err)
	}
	judgeUFW(conf, settings, dir, defaults, &f)
	if f.worst.State == StateFail {
		return f.Result(""), nil // regardless of the rules
	}
	families := [][]string{{"before.rules", "user.rules", "after.rules"}}
	if v6 := settings["IPV6"]; v6 == "" || strings.EqualFold(v6, "yes") {
		families = append(families, []string{"before6.rules", "user6.rules", "after6.rules"})
	}
	var open openings
	for _, names := range families {
		var chain []ufwFile
		for _, name := range names {
			path := filepath.Join(dir, name)
			rules, err := files.Load(p.Files, path, "ufw rules", maxUFWFile, func(data []byte, _ fs.FileInfo) ([]ufwRule, error) { return parseUFW(data) })
			switch {
			case errors.Is(err, fs.ErrNotExist) && name != "user.rules":
				continue // ufw warns and continues without it
			case errors.Is(err, fs.ErrPermission):
				return Result{}, Needs("permission to read "+filepath.Join(dir, "*.rules"), Unknown(ReasonPermissionDenied, fmt.Errorf("ufw's rules cannot be read: %w", err)))
			case errors.Is(err, errTooManyRules):
				return Result{}, Unknown(ReasonError, fmt.Errorf("%s has %w", path, err))
			case err != nil:
				return unreadable("ufw's rules cannot be read", err)
			}
			chain = append(chain, ufwFile{p.Deployment.Rel(path), rules})
		}
		s.judge(chain, p.Deployment.Firewall.Allowed, &open)
	}
	open.tell(&f)
	return f.Result("ufw is enabled, drops what no rule admits, and no rule opens a port to the internet that is not allowed"), nil
}

// removed reports whether the folder of programs exists but has no ufw: removing the package leaves its files.
func removed(root string) bool {
	if _, err := os.Stat(filepath.Join(root, "usr/sbin")); err != nil {
		return false
	}
	for _, program := range []string{"usr/sbin/ufw", "sbin/ufw", "usr/bin/ufw"} {
		if _, err := os.Lstat(filepath.Join(root, program)); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// loadShell reads the assignments in a file sourced by a shell: NAME=word, NAME="words". The last assignment counts.
func loadShell(p *Pass, path string) (map[string]string, error) {
	return files.Load(p.Files, path, "ufw settings", 1<<20, func(data []byte, _ fs.FileInfo) (map[string]string, error) {
		return parseShell(data), nil
	})
}

func parseShell(data []byte) map[string]string {
	set := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if words := ruleWords(value); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			set[name] = words[0]
		} else {
			set[name] = ""
		}
	}
	return set
}

// judgeUFW checks the settings that apply before any rule.
func judgeUFW(conf, settings map[string]string, dir, defaults string, f *Findings) {
	if on := conf["ENABLED"]; on != "yes" && on != "YES" { // ufw starts with these spellings only
		f.Fail(ReasonOpen, "ufw is not enabled in %s", filepath.Join(dir, "ufw.conf"))
	}
	switch settings["DEFAULT_INPUT_POLICY"] {
	case "DROP", "REJECT":
	case "ACCEPT":
		f.Fail(ReasonOpen, "DEFAULT_INPUT_POLICY is ACCEPT in %s: ufw admits everything that no rule blocks", defaults)
	default:
		f.Fail(ReasonInvalid, "DEFAULT_INPUT_POLICY is neither DROP nor REJECT in %s", defaults)
	}
	if settings["DEFAULT_FORWARD_POLICY"] == "ACCEPT" {
		f.Warn(ReasonOpen, "DEFAULT_FORWARD_POLICY is ACCEPT in %s: ufw forwards everything to containers and hosts behind this one", defaults)
	}
}

// ufwFile is one file's rules.
type ufwFile struct {
	name  string // as shown to users
	rules []ufwRule
}

// opening are ports beyond the allowed ones that rules open to the internet.
type opening struct {
	what   string // as shown to users: the ports, and whether they are of this host
	ports  opened
	unsure bool
	at     []string
}

type openings []opening

// judge applies the rules of one address family in their order.
func (s *ufwRules) judge(chain []ufwFile, alsoAllowed []int, open *openings) {
	var kept [2]opened // blocked for everyone, of this host and of those behind it
	for _, file := range chain {
		for _, r := range file.rules {
			way := 0
			if r.forward {
				way = 1
			}
			if !r.admits {
				if r.whole && !r.unsure {
					kept[way] = kept[way].with(r.ports)
				}
				continue
			}
			ports := s.beyond(r.ports.without(kept[way]), alsoAllowed)
			if !r.anybody || ports.empty() {
				continue
			}
			at := fmt.Sprintf("%s:%d", file.name, r.line)
			if r.profile != "" {
				at += fmt.Sprintf(" (profile %q)", shorten(r.profile))
			}
			open.add(opening{describe(r, ports), ports, r.unsure, []string{at}})
		}
	}
}

// describe lists the ports of a rule.
func describe(r ufwRule, ports opened) string {
	text := ports.String()
	if every := (portSet{{1, maxPort}}).count(); r.ports.numbers().count() == every {
		text = "every port except the allowed ones"
	}
	if r.forward {
		text += " behind this host"
	}
	return text
}

// shorten truncates an overlong name.
func shorten(name string) string {
	if len(name) > 60 {
		return name[:60] + "…"
	}
	return name
}

// add adds an opening; one that IPv4 and IPv6 have in common is reported once.
func (open *openings) add(o opening) {
	for i, have := range *open {
		if have.what == o.what && have.unsure == o.unsure {
			(*open)[i].at = append(have.at, o.at...)
			return
		}
	}
	*open = append(*open, o)
}

// tell reports all openings and the number of ports. Openings with unsupported conditions are not counted as open.
func (open openings) tell(f *Findings) {
	var world portSet
	for _, o := range open {
		at := someOf(o.at)
		switch {
		case o.unsure:
			f.Warn(ReasonExposed, "%s may be open to the internet, under conditions that the exporter does not support: %s", o.what, at)
			continue
		case o.ports.numbers().count() == 1 && o.ports.numbers().has(portSSH):
			f.Warn(ReasonExposed, "%s is open to the internet at %s: restrict it to known addresses, or add 22 to deployment.firewall.allowed", o.what, at)
		default:
			f.Fail(ReasonExposed, "%s open to the internet at %s", o.what, at)
		}
		world = world.with(o.ports.numbers())
	}
	f.Measure(ExposedPorts.Of(float64(world.count())))
}
