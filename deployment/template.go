package deployment

import (
	"io/fs"
	"path/filepath"
)

// templateEndings are the usual endings of env file templates.
func templateEndings() []string { return []string{".example", ".sample", ".template", ".dist"} }

// Template returns the template next to the deployment's env file: .env.production.example, else .env.example, with any
// of the usual endings. The error is fs.ErrNotExist when there is none.
func (v *View) Template() (*Env, error) {
	path := v.Place(FactEnvFile).Path()
	if path == "" {
		return nil, fs.ErrNotExist
	}
	for _, base := range []string{path, filepath.Join(filepath.Dir(path), ".env")} {
		for _, ending := range templateEndings() {
			if file := base + ending; !v.folders().lacks(file) && isFile(file) {
				return v.envAt(file)
			}
		}
	}
	return nil, fs.ErrNotExist
}
