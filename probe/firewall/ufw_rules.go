package firewall

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/portset"
	"github.com/thenexusengine/catalyst_exporter/probe/reach"
)

// ufw_rules: do ufw's files admit only what may be reached from the internet?
//
// They do when ufw is enabled, drops what no rule admits, and no rule admits everyone to a port that is not allowed.
// limit admits too. A rule for known source addresses, or for an interface that leads to containers or tunnels, does
// not open a port to the internet. An earlier rule that blocks everyone wins over a later one. With IPV6=no ufw drops
// all IPv6, so user6.rules is not read. Where ufw is not enabled and other loaded rules drop by default, there is nothing
// to check. Whether the rules are loaded is checked by another probe; scripts run by ufw
// (before.init, after.init) are not read.

func UFWRulesKind() probe.Kind {
	return probe.Kind{
		Name:       "ufw_rules",
		Question:   "Do ufw's files admit only what may be reached from the internet?",
		Example:    "{allowed: [80, 443]}",
		Layer:      probe.LayerDeclared,
		Reads:      "ufw.conf and the rules files below /etc/ufw, and /etc/default/ufw",
		Permission: "to read the rules files, which belong to root (mode 0640)",
		Values:     []*probe.Value{portset.ExposedPorts},
		Alone:      true,
		New:        func() any { return &ufwRules{Policy: portset.StandardPolicy()} },
	}
}

type ufwRules struct {
	portset.Policy `inline:"true"`
}

func (s *ufwRules) Validate() []error { return s.Wrong() }

func (s *ufwRules) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if p.Deployment.Firewall.External {
		return probe.Result{}, reach.ExternalFirewall()
	}
	place := p.View.Place(find.FactFirewall)
	if len(place.Paths) < 2 {
		return probe.Result{}, probe.Skip("deployment.firewall.host_root", "ufw is not installed below %s", p.Deployment.Firewall.HostRoot)
	}
	dir, defaults := place.Paths[0], place.Paths[1]
	if removed(filepath.Dir(filepath.Dir(dir))) {
		return probe.Result{}, probe.Skip("deployment.firewall.host_root", "ufw is not installed; only its files remain in %s", dir)
	}
	var f probe.ResultBuilder
	settings, err := loadShell(p, defaults)
	if err != nil {
		return probe.Unreadable("ufw needs its defaults to start", err)
	}
	conf, err := loadShell(p, filepath.Join(dir, "ufw.conf"))
	if err != nil {
		return probe.Unreadable("ufw needs its configuration to start", err)
	}
	if !startsUFW(conf) {
		h, err := readOwnHost(ctx, p)
		return judgeOff(h, err, filepath.Join(dir, "ufw.conf"))
	}
	judgeUFW(settings, defaults, &f)
	if f.Worst.State == probe.StateFail {
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
				return probe.Result{}, probe.Needs("permission to read "+filepath.Join(dir, "*.rules"), probe.Unknown(probe.ReasonPermissionDenied, fmt.Errorf("ufw's rules cannot be read: %w", err)))
			case errors.Is(err, errTooManyRules):
				return probe.Result{}, probe.Unknown(probe.ReasonError, fmt.Errorf("%s has %w", path, err))
			case err != nil:
				return probe.Unreadable("ufw's rules cannot be read", err)
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
func loadShell(p *probe.Pass, path string) (map[string]string, error) {
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

// startsUFW reports whether ufw is enabled. It starts with these spellings only.
func startsUFW(conf map[string]string) bool {
	return conf["ENABLED"] == "yes" || conf["ENABLED"] == "YES"
}

// judgeOff is the verdict for a host whose ufw is not enabled: other loaded rules may be its firewall. err is that of
// reading them.
func judgeOff(h host, err error, conf string) (probe.Result, error) {
	if err == nil && h.dropsByDefault() {
		return probe.Result{}, probe.Skip("ENABLED in "+conf, "ufw is not enabled, but other loaded rules drop what they do not admit")
	}
	var f probe.ResultBuilder
	f.Fail(probe.ReasonOpen, "ufw is not enabled in %s", conf)
	return f.Result(""), nil
}

// judgeUFW checks the settings that apply before any rule.
func judgeUFW(settings map[string]string, defaults string, f *probe.ResultBuilder) {
	switch settings["DEFAULT_INPUT_POLICY"] {
	case "DROP", "REJECT":
	case "ACCEPT":
		f.Fail(probe.ReasonOpen, "DEFAULT_INPUT_POLICY is ACCEPT in %s: ufw admits everything that no rule blocks", defaults)
	default:
		f.Fail(probe.ReasonInvalid, "DEFAULT_INPUT_POLICY is neither DROP nor REJECT in %s", defaults)
	}
	if settings["DEFAULT_FORWARD_POLICY"] == "ACCEPT" {
		f.Warn(probe.ReasonOpen, "DEFAULT_FORWARD_POLICY is ACCEPT in %s: ufw forwards everything to containers and hosts behind this one", defaults)
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
	ports  portset.Opened
	unsure bool
	aside  string // see ufwRule
	at     []string
}

type openings []opening

// judge applies the rules of one address family in their order.
func (s *ufwRules) judge(chain []ufwFile, alsoAllowed []int, open *openings) {
	var kept [2]portset.Opened // blocked for everyone, of this host and of those behind it
	for _, file := range chain {
		for _, r := range file.rules {
			way := 0
			if r.forward {
				way = 1
			}
			if !r.admits {
				if r.whole && !r.unsure {
					kept[way] = kept[way].With(r.ports)
				}
				continue
			}
			ports := s.Beyond(r.ports.Without(kept[way]), alsoAllowed)
			if !r.anybody || ports.Empty() {
				continue
			}
			at := fmt.Sprintf("%s:%d", file.name, r.line)
			if r.profile != "" {
				at += fmt.Sprintf(" (profile %q)", shorten(r.profile))
			}
			open.add(opening{describe(r, ports), ports, r.unsure, r.aside, []string{at}})
		}
	}
}

// describe lists the ports of a rule.
func describe(r ufwRule, ports portset.Opened) string {
	text := ports.String()
	if every := (portset.Set{{First: 1, Last: portset.MaxPort}}).Count(); r.ports.Numbers().Count() == every {
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
		if have.what == o.what && have.unsure == o.unsure && have.aside == o.aside {
			(*open)[i].at = append(have.at, o.at...)
			return
		}
	}
	*open = append(*open, o)
}

// tell reports all openings and the number of ports. Openings with unsupported conditions are not counted as open.
func (open openings) tell(f *probe.ResultBuilder) {
	var world portset.Set
	for _, o := range open {
		at := phrase.List(o.at)
		f.Offend(probe.Offender{ID: o.what})
		switch {
		case o.unsure:
			f.Warn(probe.ReasonExposed, "%s may be open to the internet, under conditions that the exporter does not support: %s", o.what, at)
			continue
		case o.aside != "":
			f.Warn(probe.ReasonExposed, "%s is open on interface %s, which seems to lead to a private network: %s", o.what, o.aside, at)
			continue
		case o.ports.Numbers().Count() == 1 && o.ports.Numbers().Has(portset.SSH):
			f.Warn(probe.ReasonExposed, "%s is open to the internet at %s: restrict it to known addresses, or add 22 to deployment.firewall.allowed", o.what, at)
		default:
			f.Fail(probe.ReasonExposed, "%s open to the internet at %s", o.what, at)
		}
		world = world.With(o.ports.Numbers())
	}
	f.Measure(portset.ExposedPorts.Of(float64(world.Count())))
}
