package nginx

import (
	"cmp"
	"path"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Files that are made when the container starts: the official image runs envsubst over its templates, and commands often
// do the same by hand.

// envsubst matches a command that writes a configuration from a template.
var envsubst = lazyregexp.New(`envsubst\b[^;&|<>\n]*<\s*["']?([^\s"'<>;&|]+)["']?\s*>\s*["']?([^\s"'<>;&|]+)`)

// maxTemplates bounds the templates of a service.
const maxTemplates = 200

// rendered returns the files that a service makes from its templates.
func (t *tree) rendered(s types.ServiceConfig) []mount {
	setting := func(name, standard string) string {
		if v := s.Environment["NGINX_ENVSUBST_"+name]; v != nil {
			return cmp.Or(*v, standard)
		}
		return standard
	}
	from, to := setting("TEMPLATE_DIR", "/etc/nginx/templates"), setting("OUTPUT_DIR", "/etc/nginx/conf.d")
	suffix := setting("TEMPLATE_SUFFIX", ".template")
	var made []mount
	add := func(source, out string) {
		if host := t.host(source); host != "" && len(made) < maxTemplates {
			made = append(made, mount{at: path.Clean(out), host: host, template: true})
		} else if m, ok := t.find(path.Clean(source)); ok && m.text != nil {
			made = append(made, mount{at: path.Clean(out), text: m.text, name: m.name, template: true})
		}
	}
	for depth, pattern := 0, from+"/*"; depth < 3; depth, pattern = depth+1, pattern+"/*" {
		found, _ := t.match(pattern + suffix)
		for _, inside := range found {
			add(inside, path.Join(to, strings.TrimSuffix(strings.TrimPrefix(inside, path.Clean(from)), suffix)))
		}
	}
	command := strings.Join(s.Entrypoint, " ") + " " + strings.Join(s.Command, " ")
	for _, m := range envsubst.FindAllStringSubmatch(command, -1) {
		if path.IsAbs(m[1]) && path.IsAbs(m[2]) {
			add(m[1], m[2])
		}
	}
	return made
}

// variable matches what envsubst replaces.
var variable = lazyregexp.New(`\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})`)

// substituted replaces variables as the image's start does: only those in the service's environment.
func (r *reader) substituted(text string) string {
	if r.Env == nil || r.roots.Service == "" {
		return text
	}
	size := len(text)
	return variable.ReplaceAllStringFunc(text, func(use string) string {
		value, set, known := r.Env(strings.Trim(use, "${}"))
		if !set || !known || len(value) >= 4096 || size > 4*maxFile {
			return use
		}
		size += len(value)
		return value
	})
}
