package deployment

import (
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Files that a service mounts take precedence over files with a conventional name: the service uses the mounted file
// wherever it is.

// mounted returns the place with the file that the compose file mounts for it first. A configured place is unchanged.
func (v *View) mounted(place find.Place) find.Place {
	c, err := v.Compose()
	if place.How == find.Configured || err != nil {
		return place
	}
	var hosts []string
	for _, name := range c.Services() {
		host := ""
		switch s := c.Project.Services[name]; {
		case place.Fact == find.FactAlertmanager && compose.ImageBase(s.Image) == "alertmanager":
			host = c.SourceOf(name, AlertmanagerFile(s))
		case place.Fact == find.FactMigrations && len(place.Paths) == 0 && len(hosts) == 0:
			if host = c.SourceOf(name, "/docker-entrypoint-initdb.d"); !source.IsDir(host) {
				host = ""
			}
		}
		if host != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	if len(hosts) == 0 {
		return place
	}
	others := slices.DeleteFunc(slices.Concat(place.Paths, place.Others), func(other string) bool { return slices.Contains(hosts, other) })
	return find.Place{Fact: place.Fact, Paths: hosts, How: find.Found, Others: others}
}

// AlertmanagerFile returns the path of the configuration that a service's Alertmanager reads.
func AlertmanagerFile(s types.ServiceConfig) string {
	words := append(slices.Clone(s.Entrypoint), s.Command...)
	for i, word := range words {
		flag, file, ok := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if flag != "config.file" {
			continue
		}
		if !ok && i+1 < len(words) {
			file = words[i+1]
		}
		if path.IsAbs(file) {
			return file
		}
	}
	return "/etc/alertmanager/alertmanager.yml"
}
