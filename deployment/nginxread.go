package deployment

// Reading nginx's files with all they include, bounded.

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// nginxReader reads the files of a configuration and takes the facts out of their directives.
type nginxReader struct {
	view    *View
	src     sources
	compose *Compose
	roots   nginxRoots
	nginx   *Nginx
	left    *int
	seen    map[string]bool // files being read or read, against circles
}

const (
	maxNginxFile     = 1 << 20
	maxNginxFiles    = 100
	maxNginxIncludes = 10 // levels
)

// file reads one file with all it includes.
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

// unread notes an include of which nothing is known.
func (r *nginxReader) unread(d directive, text, base string) {
	r.nginx.Unread = append(r.nginx.Unread, NginxProblem{d.file, d.line, text})
	if base != "mime.types" && base != "proxy_params" && !strings.HasSuffix(base, "cgi_params") && base != "fastcgi.conf" {
		r.nginx.Hidden = true
	}
}

// mountedAt is where a path lies on this host that the service has bind-mounted, or the folder it is in.
func (r *nginxReader) mountedAt(inside string) (string, bool) {
	if r.compose == nil || r.roots.service == "" {
		return "", false
	}
	return r.compose.hostPath(r.roots.service, inside)
}

// substituted replaces the variables that the image's start-up replaces in templates: those the service's environment has.
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

// includes puts the directives of included files in the place of the include.
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
				r.nginx.Problems = append(r.nginx.Problems, NginxProblem{d.file, d.line, "the included file is not there: " + r.view.Deployment.Rel(host)})
			} else if !strings.ContainsAny(pattern, "*?[") {
				r.unread(d, "the included file is not among the deployment's files: "+path.Base(pattern), path.Base(pattern))
			}
			continue
		}
		for _, f := range files {
			switch {
			case r.seen[f]:
				continue // included twice, or in a circle
			case level+1 > maxNginxIncludes || len(r.nginx.Files) >= maxNginxFiles:
				r.nginx.Problems = append(r.nginx.Problems, NginxProblem{d.file, d.line, "too many includes: what it names is not read"})
				continue
			}
			read, err := r.file(f, level+1)
			if err != nil {
				text := fmt.Sprintf("the included file cannot be read: %v", reason(err))
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
