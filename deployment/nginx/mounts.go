package nginx

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Maps paths of nginx's container to this host.

// confDir is nginx's configuration folder in the official image and in Debian's packages.
const confDir = "/etc/nginx"

// Service returns the active service that runs nginx: by its image, else by its name, the first by name.
func Service(c *compose.Model) string {
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

// Mounted returns where a service's nginx starts reading: its mounted nginx.conf, else the files that the image's
// own nginx.conf includes: conf.d/*.conf and the output of templates/*.template.
func Mounted(c *compose.Model, service string, x *source.Index) []string {
	r := &reader{Options: Options{Compose: c, Index: x}, roots: Roots{Service: service}, src: source.Set{}}
	if host, ok := c.HostPath(service, confDir+"/nginx.conf"); ok && source.Exists(host) {
		return []string{host}
	}
	return append(r.matching(confDir+"/conf.d/*.conf"), r.matching(confDir+"/templates/*.template")...)
}

// matching returns the files on this host that match an include's path or pattern, sorted by name as in nginx.
func (r *reader) matching(pattern string) []string {
	dir, base := path.Split(path.Clean(pattern))
	dir = path.Clean(dir)
	if strings.ContainsAny(dir, "*?[") {
		return nil // patterns of folders are not supported
	}
	byInside := map[string]string{}
	folder := ""
	if r.roots.Service != "" {
		for _, m := range r.Compose.Project.Services[r.roots.Service].Volumes {
			at := path.Clean(m.Target)
			if ok, _ := path.Match(pattern, at); ok && m.Type == types.VolumeTypeBind && !source.IsDir(m.Source) {
				byInside[at] = m.Source
			}
		}
		folder, _ = r.Compose.HostPath(r.roots.Service, dir)
	} else if rel, ok := strings.CutPrefix(dir+"/", confDir+"/"); ok && r.roots.Base != "" {
		folder = filepath.Join(r.roots.Base, rel)
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
func (r *reader) namesIn(folder, base string) []string {
	if folder == "" {
		return nil
	}
	if !strings.ContainsAny(base, "*?[") {
		host := filepath.Join(folder, base)
		r.src.Note(host)
		if source.IsDir(host) || !source.Exists(host) {
			return nil
		}
		return []string{base}
	}
	r.src.Note(folder)
	var names []string
	entries, _ := r.Index.List(folder)
	for _, e := range entries {
		if ok, _ := path.Match(base, e.Name()); ok && !source.IsDirEntry(folder, e) {
			names = append(names, e.Name())
		}
	}
	return names
}
