package deployment

import (
	"path/filepath"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
)

// Selects the deployment's nginx configuration files and maps their paths to this host.

// nginxChoice are the files where reading starts, and how they were chosen.
type nginxChoice struct {
	nginx.Roots
	how    string
	others []string
}

// chooseNginx selects the configured files, else those that the compose file mounts into the nginx service, else
// nginx*.conf in the folders.
func (v *View) chooseNginx() nginxChoice {
	place, base := v.folders().Nginx()
	found := nginxChoice{nginx.Roots{Files: place.Paths, Base: base}, place.How, place.Others}
	all := append(slices.Clone(found.Files), found.others...)
	rest := func(chosen []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(f string) bool { return slices.Contains(chosen, f) })
	}
	c, _ := v.Compose()
	service := ""
	if c != nil {
		service = nginx.Service(c)
	}
	if configured := v.Deployment.Nginx; len(configured) > 0 {
		roots := nginxChoice{how: find.Configured, Roots: nginx.Roots{Base: filepath.Dir(v.Deployment.Abs(configured[0]))}}
		for _, f := range configured {
			roots.Files = append(roots.Files, v.Deployment.Abs(f))
		}
		roots.others = rest(roots.Files)
		if service != "" && c.MountsAny(service, roots.Files) {
			roots.Service = service
		}
		return roots
	}
	if service != "" {
		if mounted := nginx.Mounted(c, service, &v.Deployment.index); len(mounted) > 0 {
			roots := nginxChoice{how: find.Found, Roots: nginx.Roots{Service: service, Files: mounted}}
			roots.others = rest(roots.Files)
			return roots
		}
	}
	return found
}

// nginxPlace returns the nginx configuration as a Place.
func (v *View) nginxPlace() find.Place {
	roots := v.nginxRoots()
	place := find.Place{Fact: find.FactNginx, Paths: roots.Files, How: roots.how, Others: roots.others}
	if len(place.Paths) == 0 {
		place.Unseen = v.folders().Unseen()
	}
	return place
}
