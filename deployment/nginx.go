package deployment

// What the deployment's nginx configuration declares: servers, certificates, who is sent where.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNoNginx says that the deployment has no nginx configuration.
var ErrNoNginx = errors.New("no nginx configuration found: set deployment.nginx")

// Nginx is what the deployment's nginx configuration declares. It is shared between callers: nobody changes it.
type Nginx struct {
	Files     []string // absolute, in the order they were read
	Service   string   // compose service that the files are mounted into; "" when not known
	Servers   []NginxServer
	Splits    []SplitClients
	Upstreams []Upstream
	// Unread are includes that lead to no file we can see, of the image most often: what they hold is not known.
	Unread []NginxProblem
	// Hidden reports that one of Unread may hold servers or what they go by: that it is none of the lists that come with nginx.
	Hidden   bool
	Problems []NginxProblem
}

// NginxServer is one server block.
type NginxServer struct {
	Names  []string // server_name as written
	Listen []Listen
	// Certificates that apply, inherited ones included: several when RSA and ECDSA stand side by side.
	Certificates []NginxCertificate
	Protocols    []string // ssl_protocols that apply; none when nothing is said
	Proxies      []ProxyPass
	// Rejects reports that the server ends every handshake (ssl_reject_handshake), for which it needs no certificate.
	Rejects bool
	File    string
	Line    int
}

// TLS reports whether the server talks TLS on some port.
func (s NginxServer) TLS() bool {
	return slices.ContainsFunc(s.Listen, func(l Listen) bool { return l.SSL })
}

// Listen is one listen directive.
type Listen struct {
	Host      string // "" for all addresses
	Port      int    // 0 for a socket of the file system
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
	Inside string // as written, made absolute: as nginx sees it
	Host   string // absolute on this host; "" when that is not known, or the path holds a variable
	// Astray reports that the file is a link that leads out of what the service has mounted: on this host it is found, by nginx it is not.
	Astray bool
	File   string
	Line   int
}

// SplitClients is one split_clients block.
type SplitClients struct {
	Variable string // that it sets, with its $
	Parts    []SplitPart
	File     string
	Line     int
}

// SplitPart is one line of a split_clients block.
type SplitPart struct {
	Ratio float64 // 0 to 1; of * what the others leave
	Rest  bool    // written as *
	Value string  // what the variable becomes: the name of an upstream, most often
	Line  int
}

// Ratio is the share of requests that get value, 0 to 1.
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
	Weight       int    // 1 when not written
	Down, Backup bool
	Line         int
}

// ProxyPass is one proxy_pass (or fastcgi_pass, grpc_pass, uwsgi_pass) with the location it stands in.
type ProxyPass struct {
	Location string // as written, "" outside any
	To       string // as written, without a user and password
	File     string
	Line     int
}

// Nginx is what the nginx configuration declares. The error is ErrNoNginx or one of reading the first file.
func (v *View) Nginx() (*Nginx, error) { return v.nginx() }

type nginxResult struct {
	nginx *Nginx
	err   error
}

func (v *View) loadNginx() (*Nginx, error) {
	roots := v.nginxRoots()
	if len(roots.files) == 0 {
		return nil, ErrNoNginx
	}
	key := strings.Join(roots.files, "\x00") + "\x00" + roots.service
	c, _ := v.Compose()
	result := v.Deployment.nginx.get(key, func(src sources) nginxResult {
		if c != nil { // mounts and variables come from there
			for _, f := range c.Files {
				src.note(f)
			}
			if c.Env != nil {
				src.note(c.Env.Path)
			}
		}
		r := &nginxReader{view: v, src: src, compose: c, roots: roots, nginx: &Nginx{Service: roots.service}, seen: map[string]bool{}}
		left := maxDirectives
		r.left = &left
		var all []directive
		for i, file := range roots.files {
			list, err := r.file(file, 0)
			if err != nil && i == 0 {
				return nginxResult{nil, fmt.Errorf("nginx configuration %s: %w", v.Deployment.Rel(file), err)}
			}
			if err != nil {
				r.nginx.Problems = append(r.nginx.Problems, NginxProblem{File: v.Deployment.Rel(file), Text: fmt.Sprintf("cannot be read: %v", reason(err))})
			}
			all = append(all, list...)
		}
		r.facts(all, inherited{})
		return nginxResult{r.nginx, nil}
	})
	return result.nginx, result.err
}
