package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Reads nginx's files and their includes within limits.

// Roots are the files where reading starts.
type Roots struct {
	Files   []string // absolute
	Service string   // compose service that mounts them; "" when unknown
	Base    string   // folder used as /etc/nginx when no service is known
}

// Options is what a configuration depends on in addition to its files.
type Options struct {
	Root    string         // of the deployment, for display
	Index   *source.Index  // lists folders
	Compose *compose.Model // the source of mounts and variables; nil without one
	SSL     func() string  // returns the folder of certificates; "" for none
}

// Load reads the files of roots with their includes and records everything that it reads in src. The error is a
// read error of the first file.
func Load(src source.Set, roots Roots, o Options) (*Config, error) {
	if c := o.Compose; c != nil {
		for _, f := range c.Files {
			src.Note(f)
		}
		if c.Env != nil {
			src.Note(c.Env.Path)
		}
	}
	left := maxDirectives
	r := &reader{Options: o, src: src, roots: roots, nginx: &Config{Service: roots.Service}, left: &left, seen: map[string]bool{}}
	var all []directive
	for i, file := range roots.Files {
		list, err := r.file(file, 0)
		if err != nil && i == 0 {
			return nil, fmt.Errorf("nginx configuration %s: %w", r.rel(file), err)
		}
		if err != nil {
			r.nginx.Problems = append(r.nginx.Problems, Problem{File: r.rel(file), Text: fmt.Sprintf("cannot be read: %v", source.Reason(err))})
		}
		all = append(all, list...)
	}
	r.facts(all, inherited{})
	return r.nginx, nil
}

// reader reads the files of a configuration and collects the facts from their directives.
type reader struct {
	Options
	src   source.Set
	roots Roots
	nginx *Config
	left  *int
	seen  map[string]bool // files read so far, to break cycles
}

func (r *reader) rel(path string) string { return source.Relative(r.Root, path) }

const (
	maxFile     = 1 << 20
	maxFiles    = 100
	maxIncludes = 10 // levels
)

// file reads one file and its includes.
func (r *reader) file(host string, level int) ([]directive, error) {
	r.seen[host] = true
	data, _, err := r.src.Read(host, maxFile)
	if err != nil {
		return nil, err
	}
	r.nginx.Files = append(r.nginx.Files, host)
	text := string(data)
	if strings.HasSuffix(host, ".template") {
		text = r.substituted(text)
	}
	list, problems := parse(r.rel(host), text, r.left)
	r.nginx.Problems = append(r.nginx.Problems, problems...)
	return r.includes(list, level), nil
}

// unread records an include with unknown content.
func (r *reader) unread(d directive, text, base string) {
	r.nginx.Unread = append(r.nginx.Unread, Problem{d.file, d.line, text})
	if base != "mime.types" && base != "proxy_params" && !strings.HasSuffix(base, "cgi_params") && base != "fastcgi.conf" {
		r.nginx.Hidden = true
	}
}

// mountedAt returns the path on this host of a bind-mounted file, or of the folder that contains it.
func (r *reader) mountedAt(inside string) (string, bool) {
	if r.Compose == nil || r.roots.Service == "" {
		return "", false
	}
	return r.Compose.HostPath(r.roots.Service, inside)
}

// substituted replaces variables as the image's start-up does in templates: only those in the service's environment.
func (r *reader) substituted(text string) string {
	if r.Compose == nil || r.roots.Service == "" {
		return text
	}
	for name, value := range r.Compose.Project.Services[r.roots.Service].Environment {
		if value != nil && env.ShellName.MatchString(name) && len(*value) < 4096 && len(text) < 4*maxFile {
			text = strings.ReplaceAll(text, "${"+name+"}", *value)
		}
	}
	return text
}

// includes replaces an include with the directives of the included files.
func (r *reader) includes(list []directive, level int) []directive {
	out := make([]directive, 0, len(list))
	for _, d := range list {
		if d.name != "include" || len(d.args) != 1 || d.has {
			d.block = r.includes(d.block, level)
			out = append(out, d)
			continue
		}
		pattern := d.args[0]
		if !path.IsAbs(pattern) {
			pattern = path.Join(confDir, pattern)
		}
		files := r.matching(pattern)
		if len(files) == 0 {
			if host, mounted := r.mountedAt(pattern); mounted && !strings.ContainsAny(pattern, "*?[") && !source.Exists(host) {
				r.src.Note(host)
				r.nginx.Problems = append(r.nginx.Problems, Problem{d.file, d.line,
					"included file does not exist: " + r.rel(host)})
			} else if !strings.ContainsAny(pattern, "*?[") {
				r.unread(d, "included file is not part of the deployment's files: "+path.Base(pattern), path.Base(pattern))
			}
			continue
		}
		for _, f := range files {
			switch {
			case r.seen[f]:
				continue // included twice, or a cycle
			case level+1 > maxIncludes || len(r.nginx.Files) >= maxFiles:
				r.nginx.Problems = append(r.nginx.Problems, Problem{d.file, d.line, "too many includes: this one is ignored"})
				continue
			}
			read, err := r.file(f, level+1)
			if err != nil {
				text := fmt.Sprintf("included file cannot be read: %v", source.Reason(err))
				if errors.Is(err, fs.ErrPermission) {
					r.unread(d, text, path.Base(pattern))
				} else {
					r.nginx.Problems = append(r.nginx.Problems, Problem{d.file, d.line, text})
				}
			}
			out = append(out, read...)
		}
	}
	return out
}
