package nginx

import (
	"cmp"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// What nginx sees at a path: files of this host, texts of the compose file, or something whose content is unknown here.

// maxMatches bounds the files that match one pattern.
const maxMatches = 10_000

// mount is what a path inside the container stands for.
type mount struct {
	at   string  // the path inside, clean
	host string  // the file or folder of this host; "" for none
	text *string // the content, of a config in the compose file
	name string  // shown instead of a path of this host
	// what says where the content lies when it is unknown here: "volume certs of service nginx".
	what string
	// template reports that the container's start substitutes variables in the file.
	template bool
	// base marks the folder that stands for nginx's own: files that it lacks may be elsewhere.
	base bool
}

// tree is what nginx sees of the deployment's files.
type tree struct {
	compose *compose.Model // nil without one
	service string         // "" when unknown
	index   *source.Index
	src     source.Set
	mounts  []mount // of equal paths the first counts
}

// newTree returns what the nginx of roots sees. Without a service, the folder roots.Base stands for conf.
func newTree(o Options, roots Roots, src source.Set) *tree {
	t := &tree{compose: o.Compose, service: roots.Service, index: o.Index, src: src}
	if roots.Base != "" {
		t.mounts = []mount{{at: defaultConf, host: roots.Base, base: true}}
	}
	if roots.Service == "" || o.Compose == nil {
		t.service = ""
		return t
	}
	s := o.Compose.Project.Services[roots.Service]
	for _, x := range s.Configs {
		t.object(cmp.Or(x.Target, "/"+x.Source), "config", x.Source, types.FileObjectConfig(o.Compose.Project.Configs[x.Source]))
	}
	for _, x := range s.Secrets {
		at := cmp.Or(x.Target, x.Source)
		if !path.IsAbs(at) {
			at = path.Join("/run/secrets", at)
		}
		t.object(at, "secret", x.Source, types.FileObjectConfig(o.Compose.Project.Secrets[x.Source]))
	}
	for _, m := range s.Volumes {
		one := mount{at: path.Clean(m.Target)}
		switch {
		case m.Type == types.VolumeTypeBind:
			one.host = m.Source
		case m.Type == types.VolumeTypeTmpfs:
			one.what = "a tmpfs of service " + roots.Service
		default:
			one.what = strings.TrimSpace("volume "+m.Source) + " of service " + roots.Service
		}
		t.mounts = append(t.mounts, one)
	}
	slices.Reverse(t.mounts) // what the compose file mounts hides the base
	t.mounts = append(t.rendered(s), t.mounts...)
	return t
}

// object adds a config or secret.
func (t *tree) object(at, kind, name string, o types.FileObjectConfig) {
	m := mount{at: path.Clean(at), host: o.File}
	switch {
	case o.File != "":
	case kind == "config" && o.Content != "":
		m.text, m.name = &o.Content, "config "+name
	default:
		m.what = kind + " " + name + " of service " + t.service
	}
	t.mounts = append(t.mounts, m)
}

// find returns the innermost mount that contains a path.
func (t *tree) find(inside string) (mount, bool) {
	best, found := mount{}, false
	for _, m := range t.mounts {
		if within(inside, m.at) && (!found || len(m.at) > len(best.at)) {
			best, found = m, true
		}
	}
	return best, found
}

// within reports whether a path is a folder or lies in it.
func within(inside, folder string) bool {
	return inside == folder || strings.HasPrefix(inside, strings.TrimSuffix(folder, "/")+"/")
}

// host returns the path on this host of a path inside, whether it exists or not; "" when it is not a path of this host.
func (t *tree) host(inside string) string {
	inside = path.Clean(inside)
	m, ok := t.find(inside)
	if !ok || m.host == "" {
		return ""
	}
	host := filepath.Join(m.host, filepath.FromSlash(strings.TrimPrefix(inside, m.at)))
	if m.base && !source.Exists(host) {
		t.src.Note(host)
		return ""
	}
	return host
}

// place says where the content of a path lies that is unknown here.
func (t *tree) place(inside string) string {
	m, ok := t.find(path.Clean(inside))
	switch {
	case ok && m.what != "":
		return m.what
	case ok && !m.base:
		return ""
	case t.service != "":
		return "the image of service " + t.service
	}
	return "nginx's container or host"
}

// children returns the names in a folder. known is false when the folder may have more.
func (t *tree) children(dir string) (names []string, known bool) {
	set := map[string]bool{}
	for _, m := range t.mounts {
		if rest, ok := strings.CutPrefix(m.at, strings.TrimSuffix(dir, "/")+"/"); ok {
			name, _, _ := strings.Cut(rest, "/")
			set[name] = true
		}
	}
	if folder := t.host(dir); folder != "" {
		t.src.Note(folder)
		entries, seen := t.index.List(folder)
		known = seen
		for _, e := range entries {
			set[e.Name()] = true
		}
	}
	return slices.Sorted(maps.Keys(set)), known
}

// isFile reports whether a path is a file whose content is known here.
func (t *tree) isFile(inside string) bool {
	m, ok := t.find(inside)
	if ok && m.text != nil {
		return true
	}
	host := t.host(inside)
	if host == "" {
		return false
	}
	t.src.Note(host)
	return source.Exists(host) && !source.IsDir(host)
}

// match returns the files that match a path or pattern, in nginx's order. unknown names a folder that may hold others;
// "" for none.
func (t *tree) match(pattern string) (found []string, unknown string) {
	at := []string{"/"}
	words := strings.Split(strings.Trim(path.Clean(pattern), "/"), "/")
	for i, word := range words {
		var next []string
		for _, dir := range at {
			names := []string{unescaped(word)}
			if strings.ContainsAny(word, "*?[") {
				all, known := t.children(dir)
				if !known && unknown == "" {
					unknown = dir
				}
				names = slices.DeleteFunc(all, func(name string) bool {
					ok, _ := path.Match(word, name)
					return !ok || strings.HasPrefix(name, ".") && !strings.HasPrefix(word, ".")
				})
			}
			for _, name := range names {
				inside := path.Join(dir, name)
				if i < len(words)-1 || t.isFile(inside) {
					next = append(next, inside)
				}
			}
			if len(next) > maxMatches {
				return next[:maxMatches], dir
			}
		}
		at = next
	}
	slices.Sort(at)
	return at, unknown
}

// unescaped removes the backslashes of a word without pattern characters.
func unescaped(word string) string { return strings.ReplaceAll(word, `\`, "") }
