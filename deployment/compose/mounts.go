package compose

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// MountedIn returns the first service, by name, that sees a file of this host through a bind mount, config or secret,
// and the path inside the service. It returns two empty texts if there is none.
func (c *Model) MountedIn(host string) (service, inside string) {
	host = filepath.Clean(host)
	for _, name := range c.Services() {
		s := c.Project.Services[name]
		for _, m := range s.Volumes {
			rel, err := filepath.Rel(m.Source, host)
			if m.Type == types.VolumeTypeBind && err == nil && filepath.IsLocal(rel) {
				return name, path.Join(m.Target, filepath.ToSlash(rel))
			}
		}
		for _, x := range s.Configs {
			if o := c.Project.Configs[x.Source]; o.File != "" && filepath.Clean(o.File) == host {
				return name, mountTarget(x.Target, "/", x.Source)
			}
		}
		for _, x := range s.Secrets {
			if o := c.Project.Secrets[x.Source]; o.File != "" && filepath.Clean(o.File) == host {
				return name, mountTarget(x.Target, "/run/secrets", x.Source)
			}
		}
	}
	return "", ""
}

func mountTarget(target, dir, source string) string {
	switch {
	case target == "":
		return path.Join(dir, source)
	case strings.HasPrefix(target, "/"):
		return path.Clean(target)
	}
	return path.Join(dir, target)
}

// SourceOf returns the path on this host of a path inside a service: a bind mount, or a config or secret with a file;
// "" for none.
func (c *Model) SourceOf(service, inside string) string {
	if o, ok := c.MountedFile(service, inside); ok {
		return o.File
	}
	host, _ := c.HostPath(service, inside)
	return host
}

// MountsAny reports whether a service bind-mounts one of the files.
func (c *Model) MountsAny(service string, files []string) bool {
	return slices.ContainsFunc(c.Project.Services[service].Volumes, func(m types.ServiceVolumeConfig) bool {
		return m.Type == types.VolumeTypeBind && slices.ContainsFunc(files, func(f string) bool {
			return f == m.Source || strings.HasPrefix(f, strings.TrimSuffix(m.Source, "/")+"/")
		})
	})
}

// MountedFile returns the secret or config that a service sees at a path.
func (c *Model) MountedFile(service, inside string) (types.FileObjectConfig, bool) {
	s := c.Project.Services[service]
	inside = path.Clean(inside)
	for _, x := range s.Secrets {
		at := x.Target
		if at == "" {
			at = x.Source
		}
		if !path.IsAbs(at) {
			at = path.Join("/run/secrets", at)
		}
		if path.Clean(at) == inside {
			o, ok := c.Project.Secrets[x.Source]
			return WithName(types.FileObjectConfig(o), x.Source), ok
		}
	}
	for _, x := range s.Configs {
		at := x.Target
		if at == "" {
			at = "/" + x.Source
		}
		if path.Clean(at) == inside {
			o, ok := c.Project.Configs[x.Source]
			return WithName(types.FileObjectConfig(o), x.Source), ok
		}
	}
	return types.FileObjectConfig{}, false
}

// HostPath maps a path in a service's container to the host, through the innermost bind mount that contains it.
func (c *Model) HostPath(service, inside string) (string, bool) {
	inside = path.Clean(inside)
	best, host := "", ""
	for _, m := range c.Project.Services[service].Volumes {
		at := path.Clean(m.Target)
		if inside != at && !strings.HasPrefix(inside, strings.TrimSuffix(at, "/")+"/") || len(at) < len(best) {
			continue
		}
		best, host = at, ""
		if m.Type == types.VolumeTypeBind {
			host = filepath.Join(m.Source, strings.TrimPrefix(inside, at))
		}
	}
	return host, host != ""
}

// WithName sets the name of a secret that has none.
func WithName(o types.FileObjectConfig, name string) types.FileObjectConfig {
	if o.Name == "" {
		o.Name = name
	}
	return o
}
