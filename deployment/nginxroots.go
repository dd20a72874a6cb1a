package deployment

// Selects the deployment's nginx configuration files and maps their paths to this host.

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// confDir is nginx's configuration folder in the official image and in Debian's packages.
const confDir = "/etc/nginx"

// nginxRoots are the files where reading starts.
type nginxRoots struct {
	how     string
	files   []string // absolute
	service string   // compose service that mounts them; "" when unknown
	others  []string
	base    string // folder used as /etc/nginx when no service is known
}

// chooseNginx selects the configured files, else those that the compose file mounts into the nginx service, else
// nginx*.conf in the folders.
func (v *View) chooseNginx() nginxRoots {
	found := v.nginxFound()
	all := append(slices.Clone(found.files), found.others...)
	rest := func(chosen []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(f string) bool { return slices.Contains(chosen, f) })
	}
	c, _ := v.Compose()
	service := ""
	if c != nil {
		service = nginxService(c)
	}
	if configured := v.Deployment.Nginx; len(configured) > 0 {
		roots := nginxRoots{how: Configured, base: filepath.Dir(v.Deployment.Abs(configured[0]))}
		for _, f := range configured {
			roots.files = append(roots.files, v.Deployment.Abs(f))
		}
		roots.others = rest(roots.files)
		if service != "" && c.mountsAny(service, roots.files) {
			roots.service = service
		}
		return roots
	}
	if service != "" {
		if mounted := v.nginxMounted(c, service); len(mounted) > 0 {
			roots := nginxRoots{how: Found, service: service, files: mounted}
			roots.others = rest(roots.files)
			return roots
		}
	}
	return found
}

// nginxPlace returns the nginx configuration as a Place.
func (v *View) nginxPlace() Place {
	roots := v.nginxRoots()
	place := Place{Fact: FactNginx, Paths: roots.files, How: roots.how, Others: roots.others}
	if len(place.Paths) == 0 {
		place.Unseen = v.folders().unseen()
	}
	return place
}

// nginxService returns the active service that runs nginx: by its image, else by its name, the first by name.
func nginxService(c *Compose) string {
	byName := ""
	for _, name := range c.Services() {
		image := c.Project.Services[name].Image
		image = image[strings.LastIndex(image, "/")+1:]
		image, _, _ = strings.Cut(image, ":")
		exporter := strings.Contains(name, "exporter") || strings.Contains(image, "exporter")
		if (image == "nginx" || strings.HasPrefix(image, "nginx-") || image == "openresty") && !exporter {
			return name
		}
		if strings.Contains(name, "nginx") && byName == "" && !exporter {
			byName = name
		}
	}
	return byName
}

// mountsAny reports whether a service bind-mounts one of the files.
func (c *Compose) mountsAny(service string, files []string) bool {
	return slices.ContainsFunc(c.Project.Services[service].Volumes, func(m types.ServiceVolumeConfig) bool {
		return m.Type == types.VolumeTypeBind && slices.ContainsFunc(files, func(f string) bool {
			return f == m.Source || strings.HasPrefix(f, strings.TrimSuffix(m.Source, "/")+"/")
		})
	})
}

// nginxMounted returns where a service's nginx starts reading: its mounted nginx.conf, else the files that the image's
// own nginx.conf includes: conf.d/*.conf and the output of templates/*.template.
func (v *View) nginxMounted(c *Compose, service string) []string {
	r := &nginxReader{view: v, compose: c, roots: nginxRoots{service: service}, src: sources{}}
	if host, ok := c.hostPath(service, confDir+"/nginx.conf"); ok && exists(host) {
		return []string{host}
	}
	return append(r.matching(confDir+"/conf.d/*.conf"), r.matching(confDir+"/templates/*.template")...)
}

// nginxFound returns configurations in the deployment's folders.
func (v *View) nginxFound() nginxRoots {
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
	roots := nginxRoots{how: Default}
	for _, h := range hits {
		roots.others = append(roots.others, h.path)
	}
	if len(hits) > 0 {
		roots.how, roots.files, roots.others = Found, roots.others[:1:1], roots.others[1:]
		roots.base = filepath.Dir(roots.files[0])
		return roots
	}
	for _, sub := range []string{"nginx/conf.d", "conf.d", "nginx/sites-enabled", "nginx"} {
		for _, dir := range p.dirs[:3] {
			in := filepath.Join(dir, sub)
			for _, e := range p.list(in) {
				if strings.HasSuffix(e.Name(), ".conf") && !e.IsDir() && !IsTemplate(e.Name()) {
					roots.files = append(roots.files, filepath.Join(in, e.Name()))
				}
			}
			if len(roots.files) > 0 {
				roots.how, roots.base = Found, filepath.Dir(in)
				return roots
			}
		}
	}
	return roots
}

// matching returns the files on this host that match an include's path or pattern, sorted by name as in nginx.
func (r *nginxReader) matching(pattern string) []string {
	dir, base := path.Split(path.Clean(pattern))
	dir = path.Clean(dir)
	if strings.ContainsAny(dir, "*?[") {
		return nil // patterns of folders are not supported
	}
	byInside := map[string]string{}
	folder := ""
	if r.roots.service != "" {
		for _, m := range r.compose.Project.Services[r.roots.service].Volumes {
			at := path.Clean(m.Target)
			if ok, _ := path.Match(pattern, at); ok && m.Type == types.VolumeTypeBind && !isDir(m.Source) {
				byInside[at] = m.Source
			}
		}
		folder, _ = r.compose.hostPath(r.roots.service, dir)
	} else if rel, ok := strings.CutPrefix(dir+"/", confDir+"/"); ok && r.roots.base != "" {
		folder = filepath.Join(r.roots.base, rel)
	}
	for _, name := range r.namesIn(folder, base) {
		if at := path.Join(dir, name); byInside[at] == "" {
			byInside[at] = filepath.Join(folder, name)
		}
	}
	var found []string
	for _, at := range slices.Sorted(maps.Keys(byInside)) {
		found = append(found, byInside[at])
	}
	return found
}

// namesIn returns the files of a folder that match a name or pattern.
func (r *nginxReader) namesIn(folder, base string) []string {
	if folder == "" {
		return nil
	}
	if !strings.ContainsAny(base, "*?[") {
		host := filepath.Join(folder, base)
		r.src.note(host)
		if isDir(host) || !exists(host) {
			return nil
		}
		return []string{base}
	}
	r.src.note(folder)
	var names []string
	entries, _ := r.view.Deployment.index.list(folder)
	for _, e := range entries {
		if ok, _ := path.Match(base, e.Name()); ok && !directory(folder, e) {
			names = append(names, e.Name())
		}
	}
	return names
}
