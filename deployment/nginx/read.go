package nginx

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/shell"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Reads nginx's files and their includes within limits. A file is read wherever it is included: two servers may include
// the same snippet.

// Roots are the files where reading starts.
type Roots struct {
	Files   []string // absolute, of this host
	Service string   // compose service that mounts them; "" when unknown
	Base    string   // folder used as /etc/nginx when no service is known
	// Start are the paths of Files inside the service; empty when they are not known.
	Start  []string
	Conf   string   // nginx's configuration folder inside the service; "" for /etc/nginx
	Unread []string // what of the configuration is not read, for display
}

// Options is what a configuration depends on in addition to its files.
type Options struct {
	Root    string         // of the deployment, for display
	Index   *source.Index  // lists folders
	Compose *compose.Model // the source of mounts; nil without one
	SSL     func() string  // returns the folder of certificates; "" for none
	Env     shell.Lookup   // the variables of the service that runs nginx; nil for none
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
		for _, f := range c.Project.Services[roots.Service].EnvFiles {
			src.Note(f.Path)
		}
	}
	left := maxDirectives
	r := &reader{
		Options: o, src: src, roots: roots, tree: newTree(o, roots, src), nginx: &Config{Service: roots.Service}, left: &left,
		parsed: map[string][]directive{}, matches: map[string]matched{},
	}
	r.conf = path.Clean("/" + roots.Conf)
	if roots.Conf == "" {
		r.conf = defaultConf
	}
	r.nginx.locate = r.locate
	for _, text := range roots.Unread {
		r.nginx.Unread, r.nginx.Hidden = append(r.nginx.Unread, Problem{File: "service " + roots.Service, Text: text}), true
	}
	var all []directive
	for i, file := range roots.Files {
		at := origin{host: file, name: r.rel(file)}
		if i < len(roots.Start) {
			at = r.at(roots.Start[i])
		}
		list, err := r.file(at)
		if err != nil && i == 0 {
			return nil, fmt.Errorf("nginx configuration %s: %w", at.name, err)
		}
		if err != nil {
			r.problem(Problem{File: at.name, Text: fmt.Sprintf("cannot be read: %v", source.Reason(err))})
		}
		all = append(all, list...)
	}
	r.facts(all, inherited{})
	r.sockets()
	return r.nginx, nil
}

// reader reads the files of a configuration and collects the facts from their directives.
type reader struct {
	Options
	src    source.Set
	roots  Roots
	tree   *tree
	conf   string // nginx's configuration folder: what relative paths are relative to
	nginx  *Config
	parsed map[string][]directive // by name, before includes
	// matches are the files by pattern.
	matches map[string]matched
	stack   []string // the files that are being read
	left    *int     // directives
	// included and copied count includes and the directives that they brought, each time anew.
	included, copied int
}

// matched is what tree.match returned.
type matched struct {
	files   []string
	unknown string
}

const (
	maxFile     = 1 << 20
	maxFiles    = 2000
	maxReported = 200
	maxDepth    = 20 // of includes
	maxIncludes = 100_000
	maxCopied   = 200_000
)

// origin is one file as it is read.
type origin struct {
	host     string  // absolute; "" for a text of the compose file
	text     *string // of the compose file
	name     string  // relative to the root
	template bool
}

// at returns the file at a path inside nginx.
func (r *reader) at(inside string) origin {
	m, _ := r.tree.find(inside)
	if m.text != nil {
		return origin{host: "", text: m.text, name: r.rel(r.tree.shown(inside)) + " (" + m.name + ")", template: m.template}
	}
	host := r.tree.host(inside)
	return origin{host: host, name: r.rel(host), template: m.template}
}

// rel returns a path relative to the root, for display.
func (r *reader) rel(host string) string {
	if rel, err := filepath.Rel(r.Root, host); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return host
}

func (r *reader) problem(p Problem) {
	if len(r.nginx.Problems) < maxReported && !slices.Contains(r.nginx.Problems, p) {
		r.nginx.Problems = append(r.nginx.Problems, p)
	}
}

// file reads one file and its includes.
func (r *reader) file(at origin) ([]directive, error) {
	list, ok := r.parsed[at.name]
	if !ok {
		text := ""
		if at.text != nil {
			text = *at.text
		} else {
			data, _, err := r.src.Read(at.host, maxFile)
			if err != nil {
				return nil, err
			}
			text = string(data)
			r.nginx.Files = append(r.nginx.Files, at.host)
		}
		if at.template || strings.HasSuffix(at.host, ".template") {
			text = r.substituted(text)
		}
		var problems []Problem
		list, problems = parse(at.name, text, r.left)
		for _, p := range problems {
			r.problem(p)
		}
		r.parsed[at.name] = list
	}
	r.stack = append(r.stack, at.name)
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()
	return r.includes(list), nil
}

// unread records an include with unknown content.
func (r *reader) unread(d directive, text, base string) {
	if p := (Problem{d.file, d.line, text}); len(r.nginx.Unread) < maxReported && !slices.Contains(r.nginx.Unread, p) {
		r.nginx.Unread = append(r.nginx.Unread, p)
	}
	if base != "mime.types" && base != "proxy_params" && !strings.HasSuffix(base, "cgi_params") && base != "fastcgi.conf" {
		r.nginx.Hidden = true
	}
}

// includes replaces an include with the directives of the included files.
func (r *reader) includes(list []directive) []directive {
	out := make([]directive, 0, len(list))
	for _, d := range list {
		if d.name != "include" || len(d.args) != 1 || d.has {
			if r.copied++; r.copied > maxCopied {
				r.unread(d, "too many directives: the rest is ignored", "")
				return out
			}
			d.block = r.includes(d.block)
			out = append(out, d)
			continue
		}
		out = append(out, r.include(d)...)
	}
	return out
}

// include returns the directives of the files that an include names.
func (r *reader) include(d directive) []directive {
	pattern := path.Clean(d.args[0])
	if !path.IsAbs(pattern) {
		pattern = path.Join(r.conf, pattern)
	}
	found, ok := r.matches[pattern]
	if !ok {
		found.files, found.unknown = r.tree.match(pattern)
		r.matches[pattern] = found
	}
	files, unknown := found.files, found.unknown
	isPattern := strings.ContainsAny(pattern, "*?[")
	switch {
	case unknown != "" && !r.harmless(unknown):
		r.unread(d, "included files are in "+r.tree.place(unknown), "")
	case len(files) == 0 && !isPattern && !strings.Contains(pattern, "$"):
		if host := r.tree.host(pattern); host != "" {
			r.src.Note(host)
			r.problem(Problem{d.file, d.line, "included file does not exist: " + r.rel(host)})
		} else {
			r.unread(d, "included file is in "+r.tree.place(pattern)+": "+path.Base(pattern), path.Base(pattern))
		}
	}
	var out []directive
	for _, inside := range files {
		at := r.at(inside)
		r.included++
		switch {
		case slices.Contains(r.stack, at.name):
			r.problem(Problem{d.file, d.line, "file includes itself: this include is ignored"})
			continue
		case len(r.stack) >= maxDepth, r.included > maxIncludes, len(r.parsed) >= maxFiles:
			r.problem(Problem{d.file, d.line, "too many includes: this one is ignored"})
			r.nginx.Hidden = true
			continue
		}
		read, err := r.file(at)
		if err != nil {
			text := fmt.Sprintf("included file cannot be read: %v", source.Reason(err))
			if errors.Is(err, fs.ErrPermission) {
				r.unread(d, text, path.Base(pattern))
			} else {
				r.problem(Problem{d.file, d.line, text})
			}
		}
		out = append(out, read...)
	}
	return out
}

// harmless reports whether a folder that is not known here holds no servers of a deployment: modules, and the folder of
// the official image's example server.
func (r *reader) harmless(folder string) bool {
	if m, mounted := r.tree.find(folder); mounted && m.what != "" {
		return false
	}
	if strings.Contains(path.Base(folder), "modules") {
		return true
	}
	if folder != defaultConf+"/conf.d" {
		return false
	}
	if r.tree.service == "" {
		return true
	}
	s := r.Compose.Project.Services[r.tree.service]
	image := compose.ImageName(s.Image)
	return s.Build == nil && (image == "nginx" || image == "library/nginx" || image == "docker.io/nginx" ||
		image == "docker.io/library/nginx" || strings.HasPrefix(compose.ImageBase(image), "nginx-unprivileged"))
}
