package nginx

import (
	"math"
	"net"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Extracts the relevant facts from a configuration's directives.

// inherited holds the settings that a server inherits from the http block.
type inherited struct {
	certs, keys []Path
	protocols   []string
	rejects     bool
}

// from returns the settings of a block: its own directives replace the inherited ones.
func (i inherited) from(r *reader, list []directive) inherited {
	own := inherited{rejects: i.rejects}
	for _, d := range list {
		switch {
		case d.name == "ssl_certificate" && len(d.args) == 1:
			own.certs = append(own.certs, r.path(d))
		case d.name == "ssl_certificate_key" && len(d.args) == 1:
			own.keys = append(own.keys, r.path(d))
		case d.name == "ssl_protocols":
			own.protocols = d.args
		case d.name == "ssl_reject_handshake" && len(d.args) == 1:
			own.rejects = d.args[0] == "on"
		}
	}
	if len(own.certs) == 0 {
		own.certs = i.certs
	}
	if len(own.keys) == 0 {
		own.keys = i.keys
	}
	if len(own.protocols) == 0 {
		own.protocols = i.protocols
	}
	return own
}

// facts collects the relevant directives of the http context. mail has different servers.
func (r *reader) facts(list []directive, above inherited) {
	here := above.from(r, list)
	for _, d := range list {
		switch d.name {
		case "http":
			r.facts(d.block, here)
		case "stream":
			r.streams(d.block, here)
		case "server":
			if d.has {
				r.nginx.Servers = append(r.nginx.Servers, r.server(d, here))
			}
		case "split_clients":
			r.split(d)
		case "map":
			r.variableMap(d)
		case "upstream":
			r.upstream(d)
		}
	}
}

// streams collects the servers of the stream context.
func (r *reader) streams(list []directive, above inherited) {
	here := above.from(r, list)
	for _, d := range list {
		if d.name == "server" && d.has {
			r.nginx.Streams = append(r.nginx.Streams, r.server(d, here))
		}
	}
}

// sockets turns ssl on for every server of an address and port where one server has it.
func (r *reader) sockets() {
	type socket struct {
		host string
		ipv6 bool
		port int
	}
	on := map[socket]bool{}
	each := func(do func(*Listen, socket)) {
		for i := range r.nginx.Servers {
			for j := range r.nginx.Servers[i].Listen {
				l := &r.nginx.Servers[i].Listen[j]
				if !l.QUIC {
					do(l, socket{l.Host, l.IPv6, l.Port})
				}
			}
		}
	}
	each(func(l *Listen, s socket) { on[s] = on[s] || l.SSL })
	each(func(l *Listen, s socket) { l.SSL = on[s] && l.Port != 0 || l.SSL })
}

func (r *reader) server(d directive, above inherited) Server {
	here := above.from(r, d.block)
	s := Server{File: d.file, Line: d.line, Protocols: here.protocols, Rejects: here.rejects}
	for i, cert := range here.certs {
		c := Certificate{Cert: cert}
		if i < len(here.keys) {
			c.Key = here.keys[i]
		}
		s.Certificates = append(s.Certificates, c)
	}
	sslOn := false
	for _, x := range d.block {
		switch x.name {
		case "server_name":
			s.Names = append(s.Names, x.args...)
		case "listen":
			if l, ok := listen(x); ok {
				s.Listen = append(s.Listen, l)
			}
		case "ssl":
			sslOn = len(x.args) == 1 && x.args[0] == "on"
		}
	}
	for i := range s.Listen {
		s.Listen[i].SSL = s.Listen[i].SSL || sslOn
	}
	if len(s.Listen) == 0 {
		s.Listen = []Listen{{Port: 80, SSL: sslOn, File: d.file, Line: d.line}} // nginx's default when run as root
	}
	r.proxies(d.block, "", &s)
	return s
}

func (r *reader) proxies(list []directive, location string, s *Server) {
	for _, d := range list {
		switch d.name {
		case "proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass":
			if len(d.args) == 1 {
				s.Proxies = append(s.Proxies, ProxyPass{location, withoutUser(d.args[0]), d.file, d.line})
			}
		case "set":
			if len(d.args) == 2 {
				r.nginx.Sets = append(r.nginx.Sets, Set{d.args[0], d.args[1]})
			}
		case "location":
			r.proxies(d.block, strings.Join(d.args, " "), s)
		default:
			r.proxies(d.block, location, s)
		}
	}
}

// withoutUser removes the user and password from a URL.
func withoutUser(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	host, tail, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		return scheme + "://" + strings.TrimSuffix(host[i+1:]+"/"+tail, "/")
	}
	return url
}

func listen(d directive) (Listen, bool) {
	if len(d.args) == 0 {
		return Listen{}, false
	}
	l := Listen{Port: 80, File: d.file, Line: d.line}
	at := d.args[0]
	for _, option := range d.args[1:] {
		l.SSL = l.SSL || option == "ssl"
		l.QUIC = l.QUIC || option == "quic"
		l.Default = l.Default || option == "default_server" || option == "default"
	}
	if strings.HasPrefix(at, "unix:") {
		l.Port = 0
		return l, true
	}
	if port, err := strconv.Atoi(at); err == nil {
		l.Port = port
		return l, port > 0 && port < 65536
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		host, port = strings.Trim(at, "[]"), "80"
	}
	if l.Port, err = strconv.Atoi(port); err != nil || l.Port < 1 || l.Port > 65535 {
		return Listen{}, false
	}
	l.IPv6 = strings.Contains(host, ":")
	if l.Host = host; host == "*" || host == "::" || host == "0.0.0.0" {
		l.Host = ""
	}
	return l, true
}

func (r *reader) split(d directive) {
	s := SplitClients{File: d.file, Line: d.line}
	if len(d.args) < 2 || !d.has {
		r.nginx.Problems = append(r.nginx.Problems, Problem{d.file, d.line,
			"split_clients requires a string, a variable and a block"})
		return
	}
	s.Variable = d.args[1]
	total := 0.0
	for _, x := range d.block {
		p := SplitPart{Line: x.line, Rest: x.name == "*"}
		number, isPercent := strings.CutSuffix(x.name, "%")
		percent, err := strconv.ParseFloat(number, 64)
		if len(x.args) != 1 || !p.Rest && (!isPercent || err != nil || !(percent > 0 && percent <= 100)) {
			r.nginx.Problems = append(r.nginx.Problems, Problem{x.file, x.line,
				"a line of split_clients requires a percentage or *, and a value"})
			continue
		}
		p.Value = x.args[0]
		if !p.Rest {
			p.Ratio = math.Floor(percent*100+0.5) / 10_000 // nginx supports two decimal places
			total += p.Ratio
		}
		s.Parts = append(s.Parts, p)
	}
	if total > 1.00001 {
		r.nginx.Problems = append(r.nginx.Problems, Problem{d.file, d.line, "percentages of split_clients exceed 100 %"})
	}
	for i := range s.Parts {
		if s.Parts[i].Rest {
			s.Parts[i].Ratio = max(0, math.Round((1-total)*10_000)/10_000)
		}
	}
	r.nginx.Splits = append(r.nginx.Splits, s)
}

func (r *reader) variableMap(d directive) {
	if len(d.args) != 2 || !d.has {
		return
	}
	m := Map{Source: d.args[0], Variable: d.args[1], Values: map[string]string{}}
	for _, x := range d.block {
		if len(x.args) == 1 && !strings.HasPrefix(x.name, "~") {
			m.Values[x.name] = x.args[0]
		}
	}
	r.nginx.Maps = append(r.nginx.Maps, m)
}

func (r *reader) upstream(d directive) {
	if len(d.args) != 1 || !d.has {
		return
	}
	u := Upstream{Name: d.args[0], File: d.file, Line: d.line}
	for _, x := range d.block {
		if x.name != "server" || len(x.args) == 0 {
			continue
		}
		s := UpstreamServer{Address: x.args[0], Weight: 1, Line: x.line}
		for _, option := range x.args[1:] {
			s.Down = s.Down || option == "down"
			s.Backup = s.Backup || option == "backup"
			if w, ok := strings.CutPrefix(option, "weight="); ok {
				if n, err := strconv.Atoi(w); err == nil && n > 0 {
					s.Weight = n
				}
			}
		}
		u.Servers = append(u.Servers, s)
	}
	r.nginx.Upstreams = append(r.nginx.Upstreams, u)
}

// path returns the path of a directive, as nginx sees it and on this host.
func (r *reader) path(d directive) Path {
	p := Path{Inside: d.args[0], File: d.file, Line: d.line}
	switch {
	case strings.Contains(p.Inside, "$"):
	case strings.HasPrefix(p.Inside, "data:"), strings.HasPrefix(p.Inside, "engine:"), strings.HasPrefix(p.Inside, "store:"):
		p.Inside, _, _ = strings.Cut(p.Inside, ":") // data: contains the key itself
	default:
		at := r.locate(p.Inside)
		p.Inside, p.Host, p.Place, p.Astray = at.Inside, at.Host, at.Place, at.Astray
	}
	return p
}

// locate returns a path without variables, as nginx sees it and on this host.
func (r *reader) locate(inside string) Path {
	if !path.IsAbs(inside) {
		inside = path.Join(r.conf, inside)
	}
	p := Path{Inside: inside, Host: r.host(inside)}
	p.Astray = p.Host != "" && r.astray(inside, p.Host)
	if p.Host == "" {
		p.Place = r.tree.place(inside)
	}
	return p
}

// astray reports whether a file is a link to a path that no mount of the service covers. Example: a link in Let's
// Encrypt's live/ when archive/ is not mounted.
func (r *reader) astray(inside, host string) bool {
	r.src.Note(host)
	link, err := os.Readlink(host)
	if err != nil || r.tree.service == "" {
		return false
	}
	if !path.IsAbs(link) {
		link = path.Join(path.Dir(inside), link)
	}
	_, mounted := r.tree.find(link)
	return !mounted
}

// host maps a path inside nginx to this host.
func (r *reader) host(inside string) string {
	if r.tree.service != "" {
		return r.tree.host(inside)
	}
	if source.IsFile(inside) { // nginx runs on this host
		return filepath.FromSlash(inside)
	}
	// The path belongs to a container with unknown mounts: try the same name in the certificate folder.
	if ssl := r.SSL(); ssl != "" {
		if guess := filepath.Join(ssl, path.Base(inside)); source.IsFile(guess) {
			return guess
		}
	}
	return ""
}
