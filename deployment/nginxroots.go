package deployment

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
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
			for _, f := range roots.Files {
				if _, inside := c.MountedIn(f); inside != "" && len(roots.Files) == 1 {
					roots.Conf = path.Dir(inside)
				}
			}
		}
		return roots
	}
	if service == "" {
		return found
	}
	if mounted, ok := nginx.Mounted(c, service, v.nginxMain(c, service), nginx.Options{Index: &v.Deployment.index}); ok {
		roots := nginxChoice{how: find.Found, Roots: mounted}
		roots.others = rest(roots.Files)
		return roots
	}
	if c.Project.Services[service].Build != nil && len(found.Files) > 0 {
		found.Service = service // the file is copied into the image
	}
	return found
}

// nginxFlag matches the configuration that a shell's command starts nginx with.
var nginxFlag = lazyregexp.New(`\b(?:nginx|openresty)\b[^;&|\n]*\s-c\s*["']?(/[^\s"';&|$]+)`)

// nginxMain returns the configuration that a service's command starts nginx with; "" for the image's.
func (v *View) nginxMain(c *compose.Model, service string) string {
	program := v.Program(c, service)
	if program.Unknown != "" {
		if m := nginxFlag.FindStringSubmatch(program.Script); m != nil {
			return path.Clean(m[1])
		}
		return ""
	}
	prefix, file := "/etc/nginx", ""
	for i, word := range program.Args {
		for flag, set := range map[string]*string{"-c": &file, "-p": &prefix} {
			switch value, joined := strings.CutPrefix(word.Text, flag); {
			case word.Unknown || !joined:
			case value != "":
				*set = value
			case i+1 < len(program.Args) && !program.Args[i+1].Unknown:
				*set = program.Args[i+1].Text
			}
		}
	}
	if file == "" || path.IsAbs(file) {
		return file
	}
	return path.Join(prefix, file)
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
