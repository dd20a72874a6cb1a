package deployment

import "errors"

// Host is a public host name of the deployment.
type Host struct {
	Name   string // lower case, without port
	How    string // Configured or Found
	Origin Origin
	// Placeholder says why the name cannot be a public one: "example domain", "this machine", "wildcard"; "" when it can.
	Placeholder string
}

// PublicHosts returns the deployment's public host names.
func (v *View) PublicHosts() ([]Host, error) { return nil, errors.ErrUnsupported }
