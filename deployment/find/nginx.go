package find

import (
	"path/filepath"
	"strings"
)

// Selects nginx configuration files among those found.

// Nginx returns the configuration in the deployment's folders, and the folder that stands for /etc/nginx.
func (p *Folders) Nginx() (place Place, base string) {
	hits := p.hits(func(name string, dir bool) int {
		stem, ok := strings.CutSuffix(name, ".conf")
		switch {
		case dir || !ok || !strings.HasPrefix(stem, "nginx") || IsTemplate(name):
			return -1
		case stem == "nginx":
			return 0
		case strings.Contains(stem, "prod"):
			return 1
		}
		return 2
	}, "nginx")
	place = Place{Fact: FactNginx, How: Default}
	for _, h := range hits {
		place.Others = append(place.Others, h.path)
	}
	if len(hits) > 0 {
		place.How, place.Paths, place.Others = Found, place.Others[:1:1], place.Others[1:]
		return place, filepath.Dir(place.Paths[0])
	}
	for _, sub := range []string{"nginx/conf.d", "conf.d", "nginx/sites-enabled", "nginx"} {
		for _, dir := range p.dirs[:3] {
			in := filepath.Join(dir, sub)
			for _, e := range p.list(in) {
				if strings.HasSuffix(e.Name(), ".conf") && !e.IsDir() && !IsTemplate(e.Name()) {
					place.Paths = append(place.Paths, filepath.Join(in, e.Name()))
				}
			}
			if len(place.Paths) > 0 {
				place.How = Found
				return place, filepath.Dir(in)
			}
		}
	}
	return place, ""
}
