package draft

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// Facts are what a deployment or a line has, by name: services, files, variables and hosts, but no value of a variable.
type Facts map[string][]string

const maxFiles = 20 // of one fact

// FactsOf reads the facts of a deployment from its folder.
func FactsOf(v *deployment.View, t *Table) Facts {
	f := Facts{}
	f.files(v.Deployment.Root, t)
	f.keys(v, t)
	f.services(v, t)
	for fact, name := range map[string]string{
		"env_file": find.FactEnvFile, "migrations": find.FactMigrations, "recovery_plan": find.FactRecovery, "runbook": find.FactRunbook,
		"changelog": find.FactChangelog, "diagrams": find.FactDiagrams, "alertmanager": find.FactAlertmanager, "repository": find.FactRepository,
		"nginx": find.FactNginx, "certificates": find.FactSSL, "firewall": find.FactFirewall,
	} {
		for _, path := range v.Place(name).Paths {
			f.add(fact, v.Deployment.Rel(path))
		}
	}
	hosts, err := v.PublicHosts()
	if err != nil {
		hosts = nil
	}
	for _, h := range hosts {
		if h.Placeholder == "" {
			f.add("host", h.Name)
		}
	}
	d := v.Deployment
	for fact, configured := range map[string]bool{
		"prometheus": d.Prometheus.Address().Configured, "grafana": d.Grafana.Address().Configured, "loki": d.Loki.URL != "", "api": d.API.Address().Configured,
		"backup": d.Backup.Path != "" || d.Backup.Directory != "", "timer": d.Backup.Timer != "", "bucket": d.AWS.Bucket != "",
	} {
		if configured {
			f.add(fact, fact)
		}
	}
	return f
}

func (f Facts) add(fact, value string) {
	if value != "" && len(f[fact]) < maxFiles && !slices.Contains(f[fact], value) {
		f[fact] = append(f[fact], value)
	}
}

// files finds files and folders by their patterns. A link that leads out of the folder is not followed.
func (f Facts) files(folder string, t *Table) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return
	}
	defer func() { _ = root.Close() }()
	for _, rule := range t.Facts {
		for i, pattern := range slices.Concat(rule.Files, rule.Folders) {
			found, err := fs.Glob(root.FS(), pattern)
			if err != nil {
				continue
			}
			for _, name := range found {
				if slices.ContainsFunc(rule.Except, func(p string) bool { return deployment.MatchesKey(p, name) }) {
					continue
				}
				if info, err := root.Stat(name); err == nil && (info.Mode().IsRegular() || i >= len(rule.Files) && info.IsDir()) {
					f.add(rule.Fact, filepath.ToSlash(name))
				}
			}
		}
	}
}

// keys finds variables by the patterns of their names.
func (f Facts) keys(v *deployment.View, t *Table) {
	all, err := v.Keys("*")
	if err != nil {
		return
	}
	for _, key := range all {
		if secretvalue.HoldsSecret(key) {
			f.add("secret_key", key)
		}
		for _, rule := range t.Facts {
			if slices.ContainsFunc(rule.Keys, func(p string) bool { return deployment.MatchesKey(p, key) }) {
				f.add(rule.Fact, key)
			}
		}
	}
}

var healthURL = lazyregexp.New(`https?://[^/\s"']+(/[A-Za-z0-9._~/-]*)`)

// services finds compose services, by what they run.
func (f Facts) services(v *deployment.View, t *Table) {
	c, err := v.Compose()
	if err != nil {
		return
	}
	f.add("compose", "compose")
	for _, path := range c.Files {
		f.add("compose_file", v.Deployment.Rel(path))
	}
	for _, name := range c.Services() {
		f.add("service", name)
		image := compose.ImageBase(c.Project.Services[name].Image)
		for _, rule := range t.Facts {
			if slices.ContainsFunc(rule.Images, func(part string) bool { return strings.Contains(image, part) }) {
				f.add(rule.Fact, name)
			}
		}
	}
	app, err := v.AppService()
	if err != nil || app.Name == "" {
		return
	}
	f.add("app", app.Name)
	if check := c.Project.Services[app.Name].HealthCheck; check != nil {
		if m := healthURL.FindStringSubmatch(strings.Join(check.Test, " ")); m != nil {
			f.add("health_path", m[1])
		}
	}
}

var (
	lineKey      = lazyregexp.New(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b`)
	lineURL      = lazyregexp.New(`\bhttps?://[A-Za-z0-9.-]+(?::\d+)?(?:/[A-Za-z0-9._~/-]*)?`)
	linePath     = lazyregexp.New("(?:^|[\\s(`\"'])(/[A-Za-z0-9][A-Za-z0-9._~/-]*|/\\.well-known/[A-Za-z0-9._-]+)")
	linePort     = lazyregexp.New(`(?i)\b(?:port|listens? on|lauscht auf)[: ]+(\d{1,5})\b`)
	linePercent  = lazyregexp.New(`\b(\d{1,2}(?:[.,]\d+)?|100) ?(?:%|percent\b|Prozent\b)`)
	lineDuration = lazyregexp.New(`(?i)\b(\d{1,4}) ?(ms|milliseconds?|millisekunden?|s|sec(?:onds?)?|sekunden?|min(?:utes?|uten)?|h|hours?|stunden?|d|days?|tagen?|tage|weeks?|wochen?)\b`)
	lineFile     = lazyregexp.New("`([A-Za-z0-9._][A-Za-z0-9._/-]*\\.[A-Za-z0-9]+|Dockerfile|Makefile)`|(?:^|\\s)([A-Za-z0-9_][A-Za-z0-9._/-]*\\.(?:conf|cnf|cfg|ini|toml|properties|ya?ml))\\b")
	lineStatus   = lazyregexp.New(`\b([1-5][0-9]{2})\b`)
	lineNumber   = lazyregexp.New(`\b(\d{1,6})\b`)
)

// factsOfLine returns the parameters that a line states itself.
func factsOfLine(text string) Facts {
	f := Facts{}
	for _, key := range lineKey.FindAllString(text, maxFiles) {
		f.add("line.key", key)
	}
	if url := lineURL.FindString(text); url != "" && !strings.Contains(text, "@") {
		f.add("line.url", strings.TrimRight(url, "."))
	}
	if m := linePath.FindStringSubmatch(lineURL.ReplaceAllString(text, "")); m != nil {
		f.add("line.path", strings.TrimRight(m[1], "."))
	}
	for fact, form := range map[string]*lazyregexp.Regexp{"line.port": linePort, "line.file": lineFile, "line.number": lineNumber, "line.status": lineStatus} {
		if m := form.FindStringSubmatch(text); m != nil {
			f.add(fact, cmp.Or(m[1:]...))
		}
	}
	if m := linePercent.FindStringSubmatch(text); m != nil {
		f.add("line.ratio", ratio(m[1]))
	}
	if m := lineDuration.FindStringSubmatch(text); m != nil {
		if unit := unitOf(m[2]); m[1] != "0" {
			f.add("line.duration", m[1]+unit)
		}
	}
	return f
}

// ratio writes a number of percent as a share.
func ratio(percent string) string {
	whole, part, _ := strings.Cut(strings.ReplaceAll(percent, ",", "."), ".")
	if whole == "100" {
		return "1"
	}
	return "0." + strings.Repeat("0", 2-len(whole)) + whole + part
}

func unitOf(word string) string {
	word = strings.ToLower(word)
	switch {
	case word == "ms" || strings.HasPrefix(word, "milli"):
		return "ms"
	case strings.HasPrefix(word, "min"):
		return "m"
	case word[0] == 't':
		return "d"
	case strings.HasPrefix(word, "st"):
		return "h"
	}
	return word[:1]
}
