package compose

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
)

// Ports that the services publish on the host, and how to reach a name of the compose network from the host.

// PublishedPort is one port of a service that Docker publishes on the host.
type PublishedPort struct {
	Service string
	// HostIP is the address on which the port is published; "" for all interfaces, including 0.0.0.0 and ::.
	HostIP string
	// Bound is the declared address; "" for all addresses of both families.
	Bound string
	// First and Last published port: usually equal; 0 when Docker assigns one.
	First, Last int
	Target      int    // in the container
	Protocol    string // tcp or udp
	File        string // where it is set, for display
	Line        int
}

// Published returns the ports that active services publish, sorted by service and port.
func (c *Model) Published() []PublishedPort {
	var all []PublishedPort
	for _, name := range c.Services() {
		for _, p := range c.Project.Services[name].Ports {
			bound := cmp.Or(p.HostIP, c.DefaultBinding(name))
			port := PublishedPort{
				Service: name, HostIP: hostIP(bound), Bound: bound, Target: int(p.Target), Protocol: cmp.Or(p.Protocol, "tcp"),
			}
			first, last, ranged := strings.Cut(p.Published, "-")
			port.First, _ = strconv.Atoi(first)
			port.Last = port.First
			if ranged {
				port.Last, _ = strconv.Atoi(last)
			}
			port.File, port.Line = c.portAt(name, p)
			all = append(all, port)
		}
	}
	slices.SortFunc(all, func(a, b PublishedPort) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), a.First-b.First, a.Target-b.Target, strings.Compare(a.Protocol, b.Protocol), strings.Compare(a.HostIP, b.HostIP))
	})
	return all
}

// Options of Docker's bridge networks.
const (
	bindingOption = "com.docker.network.bridge.host_binding_ipv4"
	gatewayOption = "com.docker.network.bridge.gateway_mode_ipv" // 4 or 6
)

// DefaultBinding returns the address on which a service's ports are published that name none: that of its networks, if all of
// them agree; "" for all interfaces.
func (c *Model) DefaultBinding(service string) string {
	binding, first := "", true
	for _, network := range c.networksOf(service) {
		own := c.Project.Networks[network].DriverOpts[bindingOption]
		if !first && own != binding {
			return ""
		}
		binding, first = own, false
	}
	return binding
}

// networksOf returns the networks of a service by their keys in the compose file.
func (c *Model) networksOf(service string) []string {
	s := c.Project.Services[service]
	if len(s.Networks) == 0 && s.NetworkMode == "" {
		return []string{"default"}
	}
	return slices.Sorted(maps.Keys(s.Networks))
}

// Unprotected returns the active services on a network in which Docker does not filter unpublished ports: every port on which
// their containers listen can be reached through a route to them.
func (c *Model) Unprotected() []string {
	return slices.DeleteFunc(slices.Clone(c.Services()), func(service string) bool {
		return !slices.ContainsFunc(c.networksOf(service), func(network string) bool {
			options := c.Project.Networks[network].DriverOpts
			return options[gatewayOption+"4"] == "nat-unprotected" || options[gatewayOption+"6"] == "nat-unprotected"
		})
	})
}

// hostIP returns "" for addresses that mean all interfaces.
func hostIP(ip string) string {
	if a, err := netip.ParseAddr(ip); err == nil && a.Unmap().IsUnspecified() {
		return ""
	}
	return ip
}

// portAt returns the line of a service's ports that names a published or target port.
func (c *Model) portAt(service string, p types.ServicePortConfig) (file string, line int) {
	for _, f := range slices.Backward(c.files) {
		for _, doc := range f.docs {
			_, list := descend(doc, "services", service, "ports")
			if list == nil {
				continue
			}
			if file == "" {
				file, line = f.shown, list.Line
			}
			for _, entry := range list.Content {
				if declares(c.portText(target(entry)), p) {
					return f.shown, entry.Line
				}
			}
		}
	}
	return file, line
}

// declares reports whether an entry, such as 127.0.0.1:9000-9001:80-81, stands for a port.
func declares(entry string, p types.ServicePortConfig) bool {
	rest, inside, published := "", entry, ""
	if i := strings.LastIndexByte(entry, ':'); i >= 0 {
		rest, inside = entry[:i], entry[i+1:]
		published = rest[strings.LastIndexByte(rest, ':')+1:]
	}
	return inRange(inside, strconv.Itoa(int(p.Target))) && (published == p.Published || inRange(published, p.Published))
}

// inRange reports whether a port is in a range such as 9000-9001, or is the range itself.
func inRange(ports, port string) bool {
	from, to, found := strings.Cut(ports, "-")
	first, err := strconv.Atoi(from)
	last, errLast := strconv.Atoi(to)
	n, errPort := strconv.Atoi(port)
	if !found || err != nil || errLast != nil || errPort != nil {
		return ports == port
	}
	return first <= n && n <= last
}

// portText formats an entry of a ports list in the short form, without the protocol.
func (c *Model) portText(entry *yaml.Node) string {
	x := env.Expander{Find: c.Lookup, Lenient: true}
	if entry.Kind != yaml.MappingNode {
		text, _ := x.Expand(entry.Value)
		text, _, _ = strings.Cut(text, "/")
		return text
	}
	text := ""
	for _, key := range []string{"published", "target"} {
		if _, n := child(entry, key); n != nil {
			part, _ := x.Expand(n.Value)
			text += ":" + part
		}
	}
	return text
}

// HostNetwork returns the active services that use the host's network, where every listening port is a port of the
// host.
func (c *Model) HostNetwork() []string {
	var names []string
	for _, name := range c.Services() {
		if c.Project.Services[name].NetworkMode == "host" {
			names = append(names, name)
		}
	}
	return names
}

// Endpoint returns how to reach a service's port from the host: through the published port. service may be a service
// name, container name, host name or alias. ok is false if there is no such service or the port is not published.
func (c *Model) Endpoint(service string, containerPort int) (host string, port int, ok bool) {
	name, found := c.ServiceOf(service)
	if !found {
		return "", 0, false
	}
	if c.Project.Services[name].NetworkMode == "host" {
		return "127.0.0.1", containerPort, true
	}
	for _, p := range c.Published() {
		if p.Service != name || p.Target != containerPort || p.Protocol != "tcp" || p.First == 0 || p.First != p.Last {
			continue
		}
		host = cmp.Or(p.HostIP, "127.0.0.1")
		return host, p.First, true
	}
	return "", 0, false
}

// ServiceOf returns the active service that a name of the compose network refers to.
func (c *Model) ServiceOf(name string) (string, bool) {
	if _, ok := c.Project.Services[name]; ok {
		return name, true
	}
	for _, service := range c.Services() {
		s := c.Project.Services[service]
		if s.ContainerName == name || s.Hostname == name {
			return service, true
		}
		for _, n := range s.Networks {
			if n != nil && slices.Contains(n.Aliases, name) {
				return service, true
			}
		}
	}
	return "", false
}
