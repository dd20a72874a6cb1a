package deployment

import (
	"errors"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Compose is the deployment's compose model.
type Compose struct {
	Project *types.Project
	Files   []string // absolute, in the order they were merged
}

// Endpoint says how a port of a service is reached from the host: through its published port.
func (c *Compose) Endpoint(service string, containerPort int) (host string, port int, ok bool) {
	return "", 0, false
}

// Compose is the compose model.
func (v *View) Compose() (*Compose, error)     { return v.compose() }
func (v *View) loadCompose() (*Compose, error) { return nil, errors.ErrUnsupported }
func (v *View) composePlace() Place            { return v.places()[FactCompose] }
func (v *View) nginxPlace() Place              { return Place{Fact: FactNginx, How: Default} }
func (v *View) loadNginx() (*Nginx, error)     { return nil, errors.ErrUnsupported }
func (v *View) implies(Place) string           { return "" }
func join(list []string) string                { return strings.Join(list, ", ") }

// Nginx is what the deployment's nginx configuration says.
type Nginx struct{}

// Nginx is the nginx configuration.
func (v *View) Nginx() (*Nginx, error) { return v.nginx() }
