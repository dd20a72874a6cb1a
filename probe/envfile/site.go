package envfile

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// namesOf returns the words that an attacker of this deployment tries first: its name and the names of its hosts, services,
// users and databases, in lower case. A source that cannot be read is reported by its own item.
func namesOf(p *probe.Pass) []string {
	names := []string{p.Deployment.Name, p.View.Deployment.Service}
	if hosts, _ := p.View.PublicHosts(); len(hosts) > 0 {
		for _, host := range hosts {
			names = append(names, host.Name)
			names = append(names, strings.FieldsFunc(host.Name, func(r rune) bool { return r == '.' || r == '-' })...)
			for label := range strings.SplitSeq(host.Name, ".") {
				names = append(names, strings.ReplaceAll(label, "-", ""))
			}
		}
	}
	if c, err := p.View.Compose(); err == nil {
		names = append(names, c.Project.Name)
		names = append(names, c.Services()...)
	}
	if envs, err := p.View.EnvFiles(); err == nil {
		for _, env := range envs {
			for _, e := range env.Entries {
				if isNameKey(e.Key) {
					names = append(names, e.Text.Reveal())
				}
			}
		}
	}
	var words []string
	for _, name := range names {
		for _, word := range append(strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == ' ' }), name) {
			if word = strings.ToLower(word); len(word) >= 3 && len(word) <= 40 {
				words = append(words, word)
			}
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// isNameKey reports whether a variable holds the name of a user, a database or an organisation.
func isNameKey(key string) bool {
	key = strings.ToUpper(key)
	return slices.ContainsFunc([]string{"USER", "USERNAME", "_DB", "DB_NAME", "DATABASE", "APP_NAME", "COMPANY", "ORGANIZATION", "PROJECT_NAME"},
		func(end string) bool { return strings.HasSuffix(key, end) })
}
