package nginx

import (
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Which service runs nginx, and where it starts reading.

// defaultConf is nginx's configuration folder in the official image and in Debian's packages.
const defaultConf = "/etc/nginx"

// Service returns the active service that runs nginx and is reached from outside: of several the one that publishes port
// 443, then 80, then one with an image of nginx, then the first by name.
func Service(c *compose.Model) string {
	best, score := "", 0
	for _, name := range c.Services() {
		s := c.Project.Services[name]
		if n := likelihood(s); n > score {
			best, score = name, n
		}
	}
	return best
}

// likelihood says how likely a service is the nginx that the world reaches; 0 for a service without nginx.
func likelihood(s types.ServiceConfig) int {
	image := strings.ToLower(compose.ImageBase(s.Image))
	byImage := image == "nginx" || strings.HasPrefix(image, "nginx-") || image == "openresty" || image == "swag"
	if strings.Contains(s.Name, "exporter") || strings.Contains(image, "exporter") || !byImage && !strings.Contains(s.Name, "nginx") {
		return 0
	}
	score := 1
	if byImage {
		score++
	}
	publishes := func(port string) bool {
		return slices.ContainsFunc(s.Ports, func(p types.ServicePortConfig) bool {
			return p.Published == port && !strings.HasPrefix(p.HostIP, "127.")
		})
	}
	switch {
	case publishes("443"):
		score += 8
	case publishes("80"), s.NetworkMode == "host":
		score += 4
	}
	return score
}

// layout is where an image's nginx has its configuration.
type layout struct {
	main string
	// includes are what the image's own main file includes, for a deployment that mounts only these.
	includes []string
}

// layouts returns the layouts that a service's image may have, the likeliest first.
func layouts(image string) []layout {
	official := layout{"/etc/nginx/nginx.conf", []string{"/etc/nginx/conf.d/*.conf"}}
	resty := layout{"/usr/local/openresty/nginx/conf/nginx.conf", []string{"/etc/nginx/conf.d/*.conf"}}
	const dir = "/opt/bitnami/nginx/conf/"
	bitnami := layout{dir + "nginx.conf", []string{dir + "server_blocks/*.conf", dir + "stream_server_blocks/*.conf"}}
	swag := layout{"/config/nginx/nginx.conf", []string{"/config/nginx/conf.d/*.conf", "/config/nginx/site-confs/*.conf"}}
	all := []layout{official, resty, bitnami, swag}
	first := 0
	switch name := strings.ToLower(compose.ImageName(image)); {
	case strings.Contains(name, "bitnami"):
		first = 2
	case strings.HasSuffix(name, "openresty"):
		first = 1
	case strings.Contains(name, "linuxserver"), strings.HasSuffix(name, "/swag"):
		first = 3
	}
	return append([]layout{all[first]}, slices.Delete(slices.Clone(all), first, first+1)...)
}

// Mounted returns where a service's nginx starts reading: main if its command names a configuration, else its mounted
// main file, else the files that the image's own main file includes. Without files, Unread says where the configuration
// lies if a volume or the like holds it. ok is false when nothing is mounted.
func Mounted(c *compose.Model, service, main string, o Options) (roots Roots, ok bool) {
	roots.Service = service
	o.Compose = c
	t := newTree(o, roots, source.Set{})
	image := c.Project.Services[service].Image
	all := layouts(image)
	if main != "" {
		all = []layout{{main: main}}
	}
	for _, l := range all {
		m, mounted := t.find(l.main)
		switch {
		case t.isFile(l.main):
			roots.Start = []string{l.main}
		case mounted && m.what != "":
			roots.Unread = append(roots.Unread, "the configuration is in "+m.what)
		case main != "":
			roots.Unread = append(roots.Unread, "the configuration is in "+t.place(main))
		}
		for _, pattern := range l.includes {
			if len(roots.Start) > 0 && roots.Start[0] == l.main {
				break
			}
			files, unknown := t.match(pattern)
			roots.Start = append(roots.Start, files...)
			if m, mounted := t.find(unknown); unknown != "" && mounted && m.what != "" {
				roots.Unread = append(roots.Unread, "the configuration is in "+m.what)
			}
		}
		if len(roots.Start) > 0 || len(roots.Unread) > 0 {
			roots.Conf = path.Dir(l.main)
			break
		}
	}
	for _, inside := range roots.Start {
		roots.Files = append(roots.Files, t.shown(inside))
	}
	return roots, len(roots.Start) > 0 || len(roots.Unread) > 0
}

// shown returns the file of this host behind a path inside: the compose file for a config in it.
func (t *tree) shown(inside string) string {
	if host := t.host(inside); host != "" {
		return host
	}
	if t.compose != nil && len(t.compose.Files) > 0 {
		return t.compose.Files[0]
	}
	return inside
}
