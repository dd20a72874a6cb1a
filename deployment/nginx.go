package deployment

import "errors"

func (v *View) nginxPlace() Place          { return Place{Fact: FactNginx, How: Default} }
func (v *View) loadNginx() (*Nginx, error) { return nil, errors.ErrUnsupported }
func (v *View) implies(Place) string       { return "" }

// Nginx is what the deployment's nginx configuration says.
type Nginx struct{}

// Nginx is the nginx configuration.
func (v *View) Nginx() (*Nginx, error) { return v.nginx() }
