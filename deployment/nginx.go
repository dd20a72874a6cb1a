package deployment

import (
	"errors"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// What the deployment's nginx configuration declares: servers, certificates, proxied addresses.

// ErrNoNginx is returned when the deployment has no nginx configuration.
var ErrNoNginx = errors.New("no nginx configuration found: set deployment.nginx")

// Nginx is what the deployment's nginx configuration declares. It is shared between callers and must not be modified.
type Nginx struct {
	Files     []string // absolute, in reading order
	Service   string   // compose service that mounts the files; "" when unknown
	Servers   []NginxServer
	Splits    []SplitClients
	Upstreams []Upstream
	// Unread lists includes of files that are not accessible, usually because they are part of the image. Their content is
	// unknown.
	Unread []NginxProblem
	// Hidden reports that an Unread file may contain servers or settings that affect them, so it is not one of the lists
	// shipped with nginx.
	Hidden   bool
	Problems []NginxProblem
}

// NginxServer is one server block.
type NginxServer struct {
	Names  []string // server_name as written
	Listen []Listen
	// Certificates that apply, including inherited ones; several when RSA and ECDSA are combined.
	Certificates []NginxCertificate
	Protocols    []string // ssl_protocols that apply; empty when not set
	Proxies      []ProxyPass
	// Rejects reports that the server rejects every handshake (ssl_reject_handshake) and needs no certificate.
	Rejects bool
	File    string
	Line    int
}

// TLS reports whether the server accepts TLS on any port.
func (s NginxServer) TLS() bool {
	return slices.ContainsFunc(s.Listen, func(l Listen) bool { return l.SSL })
}

// Listen is one listen directive.
type Listen struct {
	Host      string // "" for all addresses
	Port      int    // 0 for a Unix socket
	SSL, QUIC bool
	File      string
	Line      int
}

// NginxCertificate is one ssl_certificate with its ssl_certificate_key.
type NginxCertificate struct {
	Cert, Key NginxPath
}

// NginxPath is a path in a directive.
type NginxPath struct {
	Inside string // as nginx sees it: as written, made absolute
	Host   string // absolute on this host; "" when unknown or when the path contains a variable
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

// Nginx returns what the nginx configuration declares. The error is ErrNoNginx or a read error of the first file.
func (v *View) Nginx() (*Nginx, error) { return v.nginx() }

type nginxResult struct {
	nginx *Nginx
	err   error
}

func (v *View) readNginx() (*Nginx, error) {
	chosen := v.nginxRoots()
	if len(chosen.Files) == 0 {
		return nil, ErrNoNginx
	}
	key := strings.Join(chosen.Files, "\x00") + "\x00" + chosen.Service
	c, _ := v.Compose()
	result := v.Deployment.nginx.Get(key, func(src source.Set) nginxResult {
		n, err := loadNginx(src, chosen.nginxRoots, nginxOptions{
			Root: v.Deployment.Root, Index: &v.Deployment.index, Compose: c,
			SSL: func() string { return v.Place(FactSSL).Path() },
		})
		return nginxResult{n, err}
	})
	return result.nginx, result.err
}
