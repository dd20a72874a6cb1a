package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Faults that Compose rejects although a model can be built: undefined names and missing env files. Errors are found in
// the order of files and lines, so that the first one is stable.

// envFiles returns the first reason for which Compose would reject an env or label file of an active service.
func (l *builder) envFiles(c *Model) error {
	var first *Error
	check := func(service, attribute, path string, err error) {
		if err == nil {
			return
		}
		at := c.fileAt(service, attribute, path)
		e := &Error{File: at.File, Line: at.Line, Kind: KindEnvFile, Service: service, Key: source.Relative(l.Root, path), Err: err}
		e.Text = fmt.Sprintf("%s %s of service %s: %v", strings.ReplaceAll(attribute, "_", " "), e.Key, service, source.Reason(err))
		if first == nil || e.File == first.File && e.Line < first.Line {
			first = e
		}
	}
	for _, name := range c.Services() {
		for _, file := range c.Project.Services[name].EnvFiles {
			l.src.Note(file.Path)
			env, err := l.ServiceEnv(file)
			if err == nil {
				err = env.Err()
			}
			if errors.Is(err, fs.ErrNotExist) && !bool(file.Required) {
				err = nil
			}
			check(name, "env_file", file.Path, err)
		}
		for _, path := range c.Project.Services[name].LabelFiles {
			data, info, err := l.src.Read(path, env.MaxSize)
			if err == nil {
				err = env.Parse(path, source.Relative(l.Root, path), data, info).Err()
			}
			check(name, "label_file", path, err)
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// fileAt returns where a service attribute names a file: the last entry with the same base name.
func (c *Model) fileAt(service, attribute, path string) source.Origin {
	for _, f := range slices.Backward(c.files) {
		for _, doc := range f.docs {
			_, list := descend(doc, "services", service, attribute)
			if list == nil {
				continue
			}
			line := list.Line
			scalars(list, true, func(n *yaml.Node) {
				if filepath.Base(n.Value) == filepath.Base(path) {
					line = n.Line
				}
			})
			return source.Origin{File: f.shown, Line: line, Service: service}
		}
	}
	return source.Origin{File: c.files[0].shown, Service: service}
}

// defines reports whether any of the files defines the service.
func (c *Model) defines(service string) bool {
	for _, f := range c.files {
		for _, doc := range f.docs {
			if k, _ := descend(doc, "services", service); k != nil {
				return true
			}
		}
	}
	return false
}

// undefined returns the first undefined name, by file and line, that a service uses.
func (c *Model) undefined() *Error {
	var all []*Error
	p := c.Project
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		miss := func(kind, what string, known bool, attribute string) {
			if known {
				return
			}
			e := c.place("services."+name+"."+attribute, &Error{Kind: KindUndefined, Service: name, Key: what})
			e.Text = fmt.Sprintf("service %s refers to an undefined %s: %s", name, kind, shortKey(what))
			c.within(e, name, attribute, what)
			all = append(all, e)
		}
		for n := range s.Networks {
			_, ok := p.Networks[n]
			miss("network", n, ok, "networks")
		}
		for _, m := range s.Volumes {
			_, ok := p.Volumes[m.Source]
			miss("volume", m.Source, ok || m.Type != types.VolumeTypeVolume || m.Source == "", "volumes")
		}
		for _, x := range s.Secrets {
			_, ok := p.Secrets[x.Source]
			miss("secret", x.Source, ok, "secrets")
		}
		for _, x := range s.Configs {
			_, ok := p.Configs[x.Source]
			miss("config", x.Source, ok, "configs")
		}
		for d, how := range s.DependsOn {
			_, ok := p.Services[d]
			_, disabled := p.DisabledServices[d]
			miss("service", d, ok || disabled && !how.Required, "depends_on")
		}
		if s.Build == nil && s.Image == "" && s.Provider == nil {
			e := c.place("services."+name, &Error{Kind: KindInconsistent, Service: name, Key: "image"})
			e.Text = "service " + name + " has neither an image nor a build"
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return nil
	}
	order := map[string]int{}
	for i, f := range c.files {
		order[f.shown] = i
	}
	return slices.MinFunc(all, func(a, b *Error) int {
		if a.File != b.File {
			return order[a.File] - order[b.File]
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Text, b.Text)
	})
}

// within moves e to the line of a service attribute that names what.
func (c *Model) within(e *Error, service, attribute, what string) {
	for _, f := range c.files {
		for _, doc := range f.docs {
			_, n := descend(doc, "services", service, attribute)
			if n == nil {
				continue
			}
			if k, _ := child(n, what); k != nil {
				e.File, e.Line = f.shown, k.Line
				return
			}
			found := false
			scalars(n, true, func(s *yaml.Node) {
				if !found && (s.Value == what || strings.HasPrefix(s.Value, what+":")) {
					e.File, e.Line, found = f.shown, s.Line, true
				}
			})
			if found {
				return
			}
		}
	}
}
