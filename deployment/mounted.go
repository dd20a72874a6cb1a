package deployment

// What a service has mounted is what it uses, wherever the file lies and whatever it is called: the compose file decides before the names that are
// usual.

import (
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// mounted is a place with what the compose file mounts for it put first. A configured one stays.
func (v *View) mounted(place Place) Place {
	c, err := v.Compose()
	if place.How == Configured || err != nil {
		return place
	}
	for _, name := range c.Services() {
		host := ""
		switch s := c.Project.Services[name]; {
		case place.Fact == FactAlertmanager && imageBase(s.Image) == "alertmanager":
			host = c.sourceOf(name, alertmanagerFile(s))
		case place.Fact == FactMigrations && len(place.Paths) == 0:
			if host = c.sourceOf(name, "/docker-entrypoint-initdb.d"); !isDir(host) {
				host = ""
			}
		}
		if host == "" {
			continue
		}
		others := slices.DeleteFunc(append(slices.Clone(place.Paths), place.Others...), func(other string) bool { return other == host })
		return Place{Fact: place.Fact, Paths: []string{host}, How: Found, Others: others}
	}
	return place
}

// sourceOf is where a path inside of a service lies on this host: a bind mount, a config or a secret with a file; "" for none.
func (c *Compose) sourceOf(service, inside string) string {
	if o, ok := c.mountedSecret(service, inside); ok {
		return o.File
	}
	host, _ := c.hostPath(service, inside)
	return host
}

// alertmanagerFile is the path of the configuration that a service's Alertmanager reads.
func alertmanagerFile(s types.ServiceConfig) string {
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

// imageBase is the last part of an image's name.
func imageBase(image string) string { return path.Base(imageName(image)) }
