package monitoring

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// What the containers of Prometheus and Alertmanager see at a path.

// maxListed bounds the files of one folder.
const maxListed = 2000

// shipped reports whether a path in a service's container is certainly as the official image has it: no other
// entrypoint, and no mount that covers the path.
func shipped(c *compose.Model, service, inside string) bool {
	s := c.Project.Services[service]
	image, _, _ := strings.Cut(strings.TrimPrefix(s.Image, "docker.io/"), "@")
	if at := strings.LastIndexByte(image, ':'); at > strings.LastIndexByte(image, '/') {
		image = image[:at]
	}
	dir, base := path.Split(image)
	if !slices.Contains([]string{"prom/", "quay.io/prometheus/"}, dir) || !slices.Contains([]string{"prometheus", "alertmanager"}, base) ||
		s.Build != nil || len(s.Entrypoint) > 0 || len(s.VolumesFrom) > 0 {
		return false
	}
	for _, v := range s.Volumes {
		at := path.Clean(v.Target)
		if at == "/" || inside == at || strings.HasPrefix(inside, at+"/") {
			return false
		}
	}
	for _, v := range s.Tmpfs {
		at, _, _ := strings.Cut(v, ":")
		if strings.HasPrefix(inside+"/", path.Clean(at)+"/") {
			return false
		}
	}
	_, mounted := c.MountedFile(service, inside)
	return !mounted
}

// glob returns the paths inside a container that a pattern matches. complete is false when files may match that are not
// on this host, and for wildcards before the last part.
func glob(p *probe.Pass, c *compose.Model, service, pattern string) (matched []string, complete bool) {
	dir, base := path.Split(path.Clean(pattern))
	dir = path.Clean(dir)
	if strings.ContainsAny(dir, `*?[\`) {
		return nil, false
	}
	add := func(inside string) {
		if ok, err := path.Match(base, path.Base(inside)); ok && err == nil && path.Dir(inside) == dir && !slices.Contains(matched, inside) {
			matched = append(matched, inside)
		}
	}
	if host, mounted := c.HostPath(service, dir); mounted {
		names, err := p.Files.Names(host, maxListed)
		rel, outside := filepath.Rel(p.Deployment.Root, host)
		created := errors.Is(err, fs.ErrNotExist) && outside == nil && filepath.IsLocal(rel) // by Docker, and empty
		complete = err == nil || created
		for _, name := range names {
			add(path.Join(dir, name))
		}
	}
	s := c.Project.Services[service]
	for _, v := range s.Volumes {
		add(path.Clean(v.Target))
	}
	for _, x := range s.Configs {
		add(path.Join("/", configTarget(x.Target, "/", x.Source)))
	}
	for _, x := range s.Secrets {
		add(configTarget(x.Target, "/run/secrets", x.Source))
	}
	if !strings.ContainsAny(base, `*?[\`) && len(matched) > 0 || shipped(c, service, dir) {
		complete = true // one file, which is mounted, or nothing that is mounted
	}
	return matched, complete
}

// configTarget returns the path of a config or secret in a container.
func configTarget(target, dir, source string) string {
	switch {
	case target == "":
		return path.Join(dir, source)
	case path.IsAbs(target):
		return path.Clean(target)
	}
	return path.Join(dir, target)
}

// unresolved reports whether a name without a dot is neither a service nor another name that the container can resolve.
func unresolved(c *compose.Model, service, host string) bool {
	s := c.Project.Services[service]
	if host == "" || strings.ContainsAny(host, ".:$") || s.NetworkMode != "" && s.NetworkMode != "bridge" || len(s.ExtraHosts[host]) > 0 ||
		len(s.Links) > 0 || len(s.ExternalLinks) > 0 || len(s.DNS) > 0 || len(s.DNSSearch) > 0 {
		return false
	}
	for name := range s.Networks {
		if bool(c.Project.Networks[name].External) {
			return false
		}
	}
	for name, other := range c.Project.Services {
		names := []string{name, other.ContainerName, other.Hostname}
		for _, network := range other.Networks {
			if network != nil {
				names = append(names, network.Aliases...)
			}
		}
		if slices.Contains(names, host) {
			return false
		}
	}
	return true
}
