// Package nginx reads the deployment's nginx configuration: servers, certificates, proxied addresses and the division of
// traffic. Paths of nginx's container are mapped to this host.
package nginx

import (
	"errors"
	"slices"
)

// ErrNoFile is returned when the deployment has no nginx configuration.
var ErrNoFile = errors.New("no nginx configuration found: set deployment.nginx")

// Config is what the deployment's nginx configuration declares. It is shared between callers and must not be modified.
type Config struct {
	Files     []string // absolute, in reading order
	Service   string   // compose service that mounts the files; "" when unknown
	Servers   []Server
	Streams   []Server // of the stream context
	Splits    []SplitClients
	Maps      []Map
	Sets      []Set
	Upstreams []Upstream
	// Unread lists includes of files that are not accessible, usually because they are part of the image. Their content is
	// unknown.
	Unread []Problem
	// Hidden reports that an Unread file may contain servers or settings that affect them, so it is not one of the lists
	// shipped with nginx.
	Hidden   bool
	Problems []Problem

	locate func(inside string) Path
}

// Locate returns a path without variables, as nginx sees it and on this host.
func (c *Config) Locate(inside string) Path { return c.locate(inside) }

// Server is one server block.
type Server struct {
	Names  []string // server_name as written
	Listen []Listen
	// Certificates that apply, including inherited ones; several when RSA and ECDSA are combined.
	Certificates []Certificate
	Protocols    []string // ssl_protocols that apply; empty when not set
	Proxies      []ProxyPass
	// Rejects reports that the server rejects every handshake (ssl_reject_handshake) and needs no certificate.
	Rejects bool
	File    string
	Line    int
}

// Listen is one listen directive.
type Listen struct {
	Host      string // "" for all addresses
	Port      int    // 0 for a Unix socket
	SSL, QUIC bool
	Default   bool // the server for names that no other server on this address has
	IPv6      bool
	File      string
	Line      int
}

// Certificate is one ssl_certificate with its ssl_certificate_key.
type Certificate struct {
	Cert, Key Path
}

// Path is a path in a directive.
type Path struct {
	Inside string // as nginx sees it: as written, made absolute
	Host   string // absolute on this host; "" when unknown or when the path contains a variable
	Place  string // where it lies instead when Host is "": "volume certs of service nginx"; "" when unknown
	// Astray reports that the file is a link to a path that the service does not mount: it exists on this host, but not
	// for nginx.
	Astray bool
	File   string
	Line   int
}

// SplitClients is one split_clients block.
type SplitClients struct {
	Variable string // the variable that it sets, with $
	Parts    []SplitPart
	File     string
	Line     int
}

// SplitPart is one line of a split_clients block.
type SplitPart struct {
	Ratio float64 // 0 to 1; for * the remainder
	Rest  bool    // written as *
	Value string  // the variable's value: usually the name of an upstream
	Line  int
}

// Map is one map block without expressions.
type Map struct {
	Source, Variable string            // as written, with $
	Values           map[string]string // by value of Source; "default" for the others
}

// Set is one set directive.
type Set struct{ Variable, Value string }

// Upstream is one upstream block.
type Upstream struct {
	Name    string
	Servers []UpstreamServer
	File    string
	Line    int
}

// UpstreamServer is one server of an upstream.
type UpstreamServer struct {
	Address      string // host or host:port
	Weight       int    // 1 when not set
	Down, Backup bool
	Line         int
}

// ProxyPass is one proxy_pass (or fastcgi_pass, grpc_pass, uwsgi_pass) and its location.
type ProxyPass struct {
	Location string // as written; "" outside a location
	To       string // as written, without user and password
	File     string
	Line     int
}

// TLS reports whether the server accepts TLS on any port.
func (s Server) TLS() bool {
	return slices.ContainsFunc(s.Listen, func(l Listen) bool { return l.SSL })
}

// Ratio returns the share of requests that get value, 0 to 1.
func (s SplitClients) Ratio(value string) float64 {
	total := 0.0
	for _, p := range s.Parts {
		if p.Value == value {
			total += p.Ratio
		}
	}
	return total
}
