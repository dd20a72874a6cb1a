package nginxcheck

import (
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
)

// Where the variable of a split is used, directly or through set and map.

// mapped returns the split as the variable of a map of its values, which requests are then passed to; the split itself
// without one.
func mapped(n *nginx.Config, split nginx.SplitClients) nginx.SplitClients {
	if isPassedTo(n, split) {
		return split
	}
	for _, m := range n.Maps {
		if m.Source != split.Variable && m.Source != "${"+strings.TrimPrefix(split.Variable, "$")+"}" {
			continue
		}
		other := split
		other.Variable, other.Parts = m.Variable, slices.Clone(split.Parts)
		for i, part := range other.Parts {
			value, ok := m.Values[part.Value]
			if !ok {
				value = m.Values["default"]
			}
			other.Parts[i].Value = value
		}
		if isPassedTo(n, other) {
			return other
		}
	}
	return split
}

// liveServers returns the addresses of the upstream that requests with a value are passed to. A value that is an address
// itself is its own server.
func liveServers(n *nginx.Config, split nginx.SplitClients, value string) (servers []string, found bool) {
	names := []string{value}
	uses := variableUse(n, split)
	for _, server := range n.Servers {
		for _, p := range server.Proxies {
			if uses.MatchString(p.To) {
				_, to, _ := strings.Cut(uses.ReplaceAllLiteralString(p.To, value), "://")
				to, _, _ = strings.Cut(to, "/")
				names = append(names, to)
			}
		}
	}
	for _, u := range n.Upstreams {
		if !slices.Contains(names, u.Name) {
			continue
		}
		for _, server := range u.Servers {
			if !server.Down && !server.Backup {
				servers = append(servers, withPort(server.Address))
			}
		}
		return servers, true
	}
	if strings.ContainsAny(value, ":.") {
		return []string{withPort(value)}, true
	}
	return nil, false
}

// withPort adds nginx's default port to an address, so that two spellings of a server are equal.
func withPort(address string) string {
	address = strings.ToLower(address)
	if _, _, err := net.SplitHostPort(address); err == nil || strings.HasPrefix(address, "unix:") || strings.Contains(address, "/") {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), "80")
}

// bypassed reports whether no public server passes requests for / to the split's variable. Public is a server with a
// public host or without a name of its own; without one, every server counts.
func bypassed(n *nginx.Config, hosts []string, split nginx.SplitClients) bool {
	public := slices.DeleteFunc(slices.Clone(n.Servers), func(server nginx.Server) bool { return !isPublic(server, hosts) })
	if len(public) == 0 || len(hosts) == 0 {
		public = n.Servers
	}
	uses := variableUse(n, split)
	return !slices.ContainsFunc(public, func(server nginx.Server) bool {
		return slices.ContainsFunc(server.Proxies, func(p nginx.ProxyPass) bool {
			return slices.Contains(rootLocations(), p.Location) && uses.MatchString(p.To)
		})
	})
}

// rootLocations are the spellings of the location for all requests; "" is the server itself.
func rootLocations() []string {
	return []string{"", "/", "^~ /", "~ /", "~ ^/", "~* ^/", "~ .*", "~ ^/.*"}
}

func isPublic(server nginx.Server, hosts []string) bool {
	if len(server.Names) == 0 {
		return true
	}
	return slices.ContainsFunc(server.Names, func(name string) bool {
		name = strings.ToLower(name)
		suffix, wildcard := strings.CutPrefix(name, "*")
		return name == "_" || name == "" || strings.HasPrefix(name, "~") || slices.ContainsFunc(hosts, func(host string) bool {
			return host == strings.TrimPrefix(name, ".") || wildcard && strings.HasSuffix(host, suffix)
		})
	})
}

// isPassedTo reports whether requests are passed to the split's variable.
func isPassedTo(n *nginx.Config, split nginx.SplitClients) bool {
	uses := variableUse(n, split)
	return slices.ContainsFunc(n.Servers, func(server nginx.Server) bool {
		return slices.ContainsFunc(server.Proxies, func(p nginx.ProxyPass) bool { return uses.MatchString(p.To) })
	})
}

// maxSets bounds the variables that are followed through set.
const maxSets = 20

// variableUse matches the split's variable in a text, or a variable that set gives its value.
func variableUse(n *nginx.Config, split nginx.SplitClients) *regexp.Regexp {
	names := []string{strings.TrimPrefix(split.Variable, "$")}
	for range maxSets {
		before := len(names)
		for _, s := range n.Sets {
			from, isVariable := strings.CutPrefix(s.Value, "$")
			to := strings.TrimPrefix(s.Variable, "$")
			if isVariable && slices.Contains(names, strings.Trim(from, "{}")) && !slices.Contains(names, to) && len(names) < maxSets {
				names = append(names, to)
			}
		}
		if len(names) == before {
			break
		}
	}
	var quoted []string
	for _, name := range names {
		quoted = append(quoted, regexp.QuoteMeta(name))
	}
	alternatives := strings.Join(quoted, "|")
	return regexp.MustCompile(`\$((?:` + alternatives + `)\b|\{(?:` + alternatives + `)\})`)
}

// isOfUpstreams reports whether a value of the split is an upstream.
func isOfUpstreams(n *nginx.Config, split nginx.SplitClients) bool {
	return slices.ContainsFunc(split.Parts, func(part nginx.SplitPart) bool {
		return slices.ContainsFunc(n.Upstreams, func(u nginx.Upstream) bool { return u.Name == part.Value })
	})
}
