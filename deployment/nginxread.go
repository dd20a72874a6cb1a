package deployment

// Reads nginx's files and their includes within limits.

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// nginxReader reads the files of a configuration and collects the facts from their directives.
type nginxReader struct {
	view    *View
	src     sources
	compose *Compose
	roots   nginxRoots
	nginx   *Nginx
	left    *int
	seen    map[string]bool // files read so far, to break cycles
}

const (
	maxNginxFile     = 1 << 20
	maxNginxFiles    = 100
	maxNginxIncludes = 10 // levels
)

// file reads one file and its includes.
func (r *nginxReader) file(host string, level int) ([]directive, error) {
	r.seen[host] = true
	data, _, err := r.src.read(host, maxNginxFile)
	if err != nil {
		return nil, err
	}
	r.nginx.Files = append(r.nginx.Files, host)
	text := string(data)
	if strings.HasSuffix(host, ".template") {
		text = r.substituted(text)
	}
	list, problems := parseNginx(r.view.Deployment.Rel(host), text, r.left)
	r.nginx.Problems = append(r.nginx.Problems, problems...)
	return r.includes(list, level), nil
}

// unread records an include with unknown content.
func (r *nginxReader) unread(d directive, text, base string) {
	r.nginx.Unread = append(r.nginx.Unread, NginxProblem{d.file, d.line, text})
	if base != "mime.types" && base != "proxy_params" && !strings.HasSuffix(base, "cgi_params") && base != "fastcgi.conf" {
		r.nginx.Hidden = true
	}
}

// mountedAt returns the path on this host of a bind-mounted file, or of the folder that contains it.
func (r *nginxReader) mountedAt(inside string) (string, bool) {
	if r.compose == nil || r.roots.service == "" {
		return "", false
	}
	return r.compose.hostPath(r.roots.service, inside)
}

// substituted replaces variables as the image's start-up does in templates: only those in the service's environment.
func (r *nginxReader) substituted(text string) string {
	if r.compose == nil || r.roots.service == "" {
		return text
	}
	for name, value := range r.compose.Project.Services[r.roots.service].Environment {
		if value != nil && shellName.MatchString(name) && len(*value) < 4096 && len(text) < 4*maxNginxFile {
			text = strings.ReplaceAll(text, "${"+name+"}", *value)
		}
	}
	return text
}

// includes replaces an include with the directives of the included files.
func (r *nginxReader) includes(list []directive, level int) []directive {
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
			if host, mounted := r.mountedAt(pattern); mounted && !strings.ContainsAny(pattern, "*?[") && !exists(host) {
				r.src.note(host)
				r.nginx.Problems = append(r.nginx.Problems, NginxProblem{d.file, d.line,
					"included file does not exist: " + r.view.Deployment.Rel(host)})
			} else if !strings.ContainsAny(pattern, "*?[") {
				r.unread(d, "included file is not part of the deployment's files: "+path.Base(pattern), path.Base(pattern))
			}
			continue
		}
		for _, f := range files {
			switch {
			case r.seen[f]:
				continue // included twice, or a cycle
			case level+1 > maxNginxIncludes || len(r.nginx.Files) >= maxNginxFiles:
				r.nginx.Problems = append(r.nginx.Problems, NginxProblem{d.file, d.line, "too many includes: this one is ignored"})
				continue
			}
			read, err := r.file(f, level+1)
			if err != nil {
				text := fmt.Sprintf("included file cannot be read: %v", reason(err))
				if errors.Is(err, fs.ErrPermission) {
					r.unread(d, text, path.Base(pattern))
				} else {
					r.nginx.Problems = append(r.nginx.Problems, NginxProblem{d.file, d.line, text})
				}
			}
			out = append(out, read...)
		}
	}
	return out
}
