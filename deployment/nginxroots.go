package deployment

// Selects the deployment's nginx configuration files and maps their paths to this host.

import (
	"path/filepath"
	"slices"
	"strings"

)

// nginxChoice are the files where reading starts, and how they were chosen.
type nginxChoice struct {
	nginxRoots
	how    string
	others []string
}

// chooseNginx selects the configured files, else those that the compose file mounts into the nginx service, else
// nginx*.conf in the folders.
func (v *View) chooseNginx() nginxChoice {
	found := v.nginxFound()
	all := append(slices.Clone(found.Files), found.others...)
	rest := func(chosen []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(f string) bool { return slices.Contains(chosen, f) })
	}
	c, _ := v.Compose()
	service := ""
	if c != nil {
		service = nginxService(c)
	}
	if configured := v.Deployment.Nginx; len(configured) > 0 {
		roots := nginxChoice{how: Configured, nginxRoots: nginxRoots{Base: filepath.Dir(v.Deployment.Abs(configured[0]))}}
		for _, f := range configured {
			roots.Files = append(roots.Files, v.Deployment.Abs(f))
		}
		roots.others = rest(roots.Files)
		if service != "" && c.mountsAny(service, roots.Files) {
			roots.Service = service
		}
		return roots
	}
	if service != "" {
		if mounted := nginxMounted(c, service, &v.Deployment.index); len(mounted) > 0 {
			roots := nginxChoice{how: Found, nginxRoots: nginxRoots{Service: service, Files: mounted}}
			roots.others = rest(roots.Files)
			return roots
		}
	}
	return found
}

// nginxPlace returns the nginx configuration as a Place.
func (v *View) nginxPlace() Place {
	roots := v.nginxRoots()
	place := Place{Fact: FactNginx, Paths: roots.Files, How: roots.how, Others: roots.others}
	if len(place.Paths) == 0 {
		place.Unseen = v.folders().unseen()
	}
	return place
}

// nginxFound returns configurations in the deployment's folders.
func (v *View) nginxFound() nginxChoice {
	p := v.folders()
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
	roots := nginxChoice{how: Default}
	for _, h := range hits {
		roots.others = append(roots.others, h.path)
	}
	if len(hits) > 0 {
		roots.how, roots.Files, roots.others = Found, roots.others[:1:1], roots.others[1:]
		roots.Base = filepath.Dir(roots.Files[0])
		return roots
	}
	for _, sub := range []string{"nginx/conf.d", "conf.d", "nginx/sites-enabled", "nginx"} {
		for _, dir := range p.dirs[:3] {
			in := filepath.Join(dir, sub)
			for _, e := range p.list(in) {
				if strings.HasSuffix(e.Name(), ".conf") && !e.IsDir() && !IsTemplate(e.Name()) {
					roots.Files = append(roots.Files, filepath.Join(in, e.Name()))
				}
			}
			if len(roots.Files) > 0 {
				roots.how, roots.Base = Found, filepath.Dir(in)
				return roots
			}
		}
	}
	return roots
}
