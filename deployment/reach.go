package deployment

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
)

// Addresses that the exporter can use: as configured, or as the application does, with names of the compose network mapped
// to published ports.

// Reach is an address that the exporter can use.
type Reach struct {
	Host       string
	Port       int
	Configured bool // set in the exporter's configuration: a failed connection is then a failure
	// Inside is the address that the application uses, if it differs; "" otherwise.
	Inside string
	// Bridge reports that the address is a service of the compose file whose networks are all bridges of one host.
	Bridge bool
	// How it was found, for display: "configured", "DB_HOST at .env:3, through the port that postgres publishes",
	// "default".
	How string
}

// Address returns host:port, or the path of a Unix socket (for PostgreSQL its folder).
func (r Reach) Address() string {
	if strings.HasPrefix(r.Host, "/") {
		return r.Host
	}
	return net.JoinHostPort(r.Host, strconv.Itoa(r.Port))
}

// NoWayError reports a name of the compose network that cannot be reached from the exporter.
type NoWayError struct {
	Name    string // inside the network
	Port    int
	Service string
	Setting string // the setting that fixes it: DatabaseService.Setting("host")
}

// Error implements error.
func (e *NoWayError) Error() string {
	return fmt.Sprintf("%s is a name of the compose network and service %s does not publish port %d: set %s, or run the exporter in that network", e.Name, e.Service, e.Port, e.Setting)
}

// serviceRunning returns the active compose service that runs an image, as a host name.
func (v *View) serviceRunning(image string) (host, at string) {
	c, err := v.Compose()
	if err != nil {
		return "", ""
	}
	for _, name := range c.Services() {
		base := c.Project.Services[name].Image
		base = base[strings.LastIndex(base, "/")+1:]
		base, _, _ = strings.Cut(base, ":")
		if base == image || name == image {
			return name, "service " + name + " of the compose file"
		}
	}
	return "", ""
}

// reach converts an address that the application uses to one that the exporter can use.
func (v *View) reach(host string, port int, configured bool, at, setting string) (Reach, error) {
	r := Reach{Host: host, Port: port, Configured: configured, How: at}
	if host == "" {
		r.Host, r.How = "127.0.0.1", "default"
		return r, nil
	}
	c, err := v.Compose()
	if configured || strings.HasPrefix(host, "/") {
		if err == nil && !strings.HasPrefix(host, "/") {
			service, inside := c.ServiceOf(host)
			r.Bridge = inside && onBridges(c, service)
		}
		return r, nil
	}
	if errors.Is(err, compose.ErrNoFile) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	service, inside := c.ServiceOf(host)
	if !inside {
		return r, nil
	}
	r.Inside = r.Address()
	there, published, ok := c.Endpoint(host, port)
	if !ok {
		return r, &NoWayError{Name: host, Port: port, Service: service, Setting: setting}
	}
	r.Host, r.Port = there, published
	r.How = at + ", through the port that service " + service + " publishes"
	return r, nil
}

// onHost returns the path on this host of a file that the application reads; "" if it is in the image.
func (v *View) onHost(inside string) string {
	if inside == "" || inside == "system" {
		return ""
	}
	c, err := v.Compose()
	if err != nil {
		return v.Deployment.Abs(inside)
	}
	app, err := v.AppService()
	if err != nil || app.Name == "" {
		return ""
	}
	return c.SourceOf(app.Name, inside)
}

// onBridges reports whether all networks of a service are bridges of this host, as far as the compose file says.
func onBridges(c *compose.Model, service string) bool {
	for name := range c.Project.Services[service].Networks {
		n, ok := c.Project.Networks[name]
		if ok && (bool(n.External) || n.Driver != "" && n.Driver != "bridge") {
			return false
		}
	}
	return true
}
