package deployment

import (
	"io/fs"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
)

// Template returns the template next to the deployment's env file: .env.production.example, else .env.example, with any
// of the usual endings. The error is fs.ErrNotExist when there is none.
func (v *View) Template() (*env.File, error) {
	path := v.folders().Template(v.Place(find.FactEnvFile).Path())
	if path == "" {
		return nil, fs.ErrNotExist
	}
	return v.envAt(path)
}
