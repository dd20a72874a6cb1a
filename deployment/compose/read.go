package compose

import (
	"fmt"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Reads all files of a compose model before the library does. Reads are bounded and local, and files outside the root
// are reported.

// reader reads the local files of a model and everything that they include and extend, each file once.
type reader struct {
	root    string
	src     source.Set
	expand  *env.Expander
	loaded  map[string]*file
	ordered []*file
	// outside lists the files outside the deployment's root. They are read, because teams do share files, and reported.
	outside []string
	envs    []*env.File // env files of includes
}

// file reads one file of the model. from is the file and line that names it; nil for the main files.
func (r *reader) file(path string, from *Error) (*file, error) {
	path = filepath.Clean(path)
	if f, ok := r.loaded[path]; ok {
		return f, nil
	}
	shown := source.Relative(r.root, path)
	if from == nil {
		from = &Error{File: shown}
	}
	if len(r.loaded) >= maxFiles {
		from.Kind, from.Text = KindLimit, fmt.Sprintf("more than %d files are included or extended", maxFiles)
		return nil, from
	}
	data, _, err := r.src.Read(path, maxFile)
	if err != nil {
		if from.File != shown {
			from.Kind, from.Text, from.Err = KindInclude, fmt.Sprintf("referenced file cannot be read: %v", source.Reason(err)), err
		} else {
			from.Kind, from.Text, from.Err = KindUnreadable, fmt.Sprintf("cannot be read: %v", source.Reason(err)), err
		}
		return nil, from
	}
	f, err := parse(path, shown, data)
	if err != nil {
		return nil, err
	}
	r.loaded[path] = f
	r.ordered = append(r.ordered, f)
	if !filepath.IsLocal(shown) {
		r.outside = append(r.outside, path)
	}
	return f, nil
}

// follow reads everything that a file includes and extends, so that the library never opens an unread, oversized or
// remote file.
func (r *reader) follow(f *file, projectDir string) error {
	for _, doc := range f.docs {
		if _, list := child(doc, "include"); list != nil {
			if err := r.includes(f, list, projectDir); err != nil {
				return err
			}
		}
		_, services := child(doc, "services")
		if services == nil || services.Kind != yaml.MappingNode {
			continue
		}
		for i := 1; i < len(services.Content); i += 2 {
			_, extended := descend(services.Content[i], "extends", "file")
			if extended == nil {
				continue
			}
			if err := r.open(f, extended, filepath.Dir(f.path), func(next *file) error { return r.follow(next, filepath.Dir(next.path)) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) includes(f *file, list *yaml.Node, projectDir string) error {
	for _, entry := range list.Content {
		entry = target(entry)
		paths := []*yaml.Node{entry}
		dir, named := "", false
		if entry.Kind == yaml.MappingNode {
			_, path := child(entry, "path")
			if path == nil {
				continue // the library rejects it
			}
			paths = []*yaml.Node{path}
			if path.Kind == yaml.SequenceNode {
				paths = path.Content
			}
			if _, d := child(entry, "project_directory"); d != nil {
				dir, _ = r.expand.Expand(d.Value)
				if !filepath.IsAbs(dir) {
					dir = filepath.Join(projectDir, dir)
				}
			}
			if _, env := child(entry, "env_file"); env != nil {
				named = true
				if err := r.includeEnv(f, env, projectDir); err != nil {
					return err
				}
			}
		}
		for _, p := range paths {
			err := r.open(f, target(p), projectDir, func(next *file) error {
				if dir == "" {
					dir = filepath.Dir(next.path)
				}
				if env := filepath.Join(dir, ".env"); !named {
					r.src.Note(env)
					if !source.Exists(env) {
						return r.follow(next, dir)
					}
					if err := r.env(f, p.Line, env); err != nil {
						return err
					}
				}
				return r.follow(next, dir)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) includeEnv(f *file, env *yaml.Node, dir string) error {
	list := []*yaml.Node{env}
	if env.Kind == yaml.SequenceNode {
		list = env.Content
	}
	for _, e := range list {
		path, err := r.expand.Expand(target(e).Value)
		if err != nil || path == "/dev/null" {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if err := r.env(f, e.Line, path); err != nil {
			return err
		}
	}
	return nil
}

// env checks the env file of an include before the library reads it.
func (r *reader) env(f *file, line int, path string) error {
	data, info, err := r.src.Read(path, env.MaxSize)
	if err != nil {
		return &Error{File: f.shown, Line: line, Kind: KindInclude,
			Text: fmt.Sprintf("env file of the include cannot be read: %v", source.Reason(err)), Err: err}
	}
	env := env.Parse(path, source.Relative(r.root, path), data, info)
	r.envs = append(r.envs, env)
	return env.Err()
}

// open reads the file named by the scalar n of f and calls then with it, once per file.
func (r *reader) open(f *file, n *yaml.Node, dir string, then func(*file) error) error {
	if n == nil || n.Kind != yaml.ScalarNode {
		return nil // the library rejects it
	}
	at := &Error{File: f.shown, Line: n.Line}
	path, err := r.expand.Expand(n.Value)
	if err != nil {
		at.Kind, at.Text, at.Err = KindInterpolation, err.Error(), err
		return at
	}
	if strings.Contains(path, "://") || strings.HasPrefix(path, "git@") || strings.Contains(path, ".git#") {
		at.Kind, at.Text = KindInclude, "remote files are not fetched: copy the file into the deployment"
		return at
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if _, ok := r.loaded[filepath.Clean(path)]; ok {
		return nil // a cycle or a repeated file: the library decides
	}
	next, err := r.file(path, at)
	if err != nil {
		return err
	}
	return then(next)
}
