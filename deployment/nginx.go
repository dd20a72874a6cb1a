package deployment

// What the deployment's nginx configuration declares: servers, certificates, who is sent where.

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"path"
	"path/filepath"
	"slices"
	"strconv"
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
	Unread   []NginxProblem
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
	File         string
	Line         int
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

// nginxReader reads the files of a configuration and takes the facts out of their directives.
type nginxReader struct {
	view    *View
	src     sources
	compose *Compose
	roots   nginxRoots
	nginx   *Nginx
	left    *int
	seen    map[string]bool // files being read or read, against circles
}

const (
	maxNginxFile     = 1 << 20
	maxNginxFiles    = 100
	maxNginxIncludes = 10 // levels
)

// file reads one file with all it includes.
func (r *nginxReader) file(host string, level int) ([]directive, error) {
	r.seen[host] = true
	data, _, err := r.src.read(host, maxNginxFile)
	if err != nil {
		return nil, err
	}
	r.nginx.Files = append(r.nginx.Files, host)
	text := string(data)
	if strings.HasSuffix(host, ".template") {
		text = r.substituted(text)
	}
	list, problems := parseNginx(r.view.Deployment.Rel(host), text, r.left)
	r.nginx.Problems = append(r.nginx.Problems, problems...)
	return r.includes(list, level), nil
}

// substituted replaces the variables that the image's start-up replaces in templates: those the service's environment has.
func (r *nginxReader) substituted(text string) string {
	if r.compose == nil || r.roots.service == "" {
		return text
	}
	for name, value := range r.compose.Project.Services[r.roots.service].Environment {
		if value != nil && shellName.MatchString(name) && len(*value) < 4096 && len(text) < 4*maxNginxFile {
			text = strings.ReplaceAll(text, "${"+name+"}", *value)
		}
	}
	return text
}

// includes puts the directives of included files in the place of the include.
func (r *nginxReader) includes(list []directive, level int) []directive {
	out := make([]directive, 0, len(list))
	for _, d := range list {
		if d.name != "include" || len(d.args) != 1 || d.has {
			d.block = r.includes(d.block, level)
			out = append(out, d)
			continue
		}
		pattern := d.args[0]
		if !path.IsAbs(pattern) {
			pattern = path.Join(confDir, pattern)
		}
		files := r.matching(pattern)
		if len(files) == 0 {
			if !strings.ContainsAny(pattern, "*?[") {
				r.nginx.Unread = append(r.nginx.Unread, NginxProblem{d.file, d.line, "the included file is not among the deployment's files: " + path.Base(pattern)})
			}
			continue
		}
		for _, f := range files {
			switch {
			case r.seen[f]:
				continue // included twice, or in a circle
			case level+1 > maxNginxIncludes || len(r.nginx.Files) >= maxNginxFiles:
				r.nginx.Problems = append(r.nginx.Problems, NginxProblem{d.file, d.line, "too many includes: what it names is not read"})
				continue
			}
			read, err := r.file(f, level+1)
			if err != nil {
				text := fmt.Sprintf("the included file cannot be read: %v", reason(err))
				if errors.Is(err, fs.ErrPermission) {
					r.nginx.Unread = append(r.nginx.Unread, NginxProblem{d.file, d.line, text})
				} else {
					r.nginx.Problems = append(r.nginx.Problems, NginxProblem{d.file, d.line, text})
				}
			}
			out = append(out, read...)
		}
	}
	return out
}

// inherited is what a server takes over from the http block.
type inherited struct {
	certs, keys []NginxPath
	protocols   []string
}

// from adds what the directives of a block say; saying it anew replaces what was inherited.
func (i inherited) from(r *nginxReader, list []directive) inherited {
	var own inherited
	for _, d := range list {
		switch {
		case d.name == "ssl_certificate" && len(d.args) == 1:
			own.certs = append(own.certs, r.path(d))
		case d.name == "ssl_certificate_key" && len(d.args) == 1:
			own.keys = append(own.keys, r.path(d))
		case d.name == "ssl_protocols":
			own.protocols = d.args
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

// facts collects what is asked of a configuration. Only the http part counts: stream and mail have other servers.
func (r *nginxReader) facts(list []directive, above inherited) {
	here := above.from(r, list)
	for _, d := range list {
		switch d.name {
		case "http":
			r.facts(d.block, here)
		case "server":
			if d.has {
				r.server(d, here)
			}
		case "split_clients":
			r.split(d)
		case "upstream":
			r.upstream(d)
		}
	}
}

func (r *nginxReader) server(d directive, above inherited) {
	here := above.from(r, d.block)
	s := NginxServer{File: d.file, Line: d.line, Protocols: here.protocols}
	for i, cert := range here.certs {
		c := NginxCertificate{Cert: cert}
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
		s.Listen = []Listen{{Port: 80, SSL: sslOn, File: d.file, Line: d.line}} // nginx's own default as root
	}
	r.proxies(d.block, "", &s)
	r.nginx.Servers = append(r.nginx.Servers, s)
}

func (r *nginxReader) proxies(list []directive, location string, s *NginxServer) {
	for _, d := range list {
		switch d.name {
		case "proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass":
			if len(d.args) == 1 {
				s.Proxies = append(s.Proxies, ProxyPass{location, withoutUser(d.args[0]), d.file, d.line})
			}
		case "location":
			r.proxies(d.block, strings.Join(d.args, " "), s)
		default:
			r.proxies(d.block, location, s)
		}
	}
}

// withoutUser takes the user and password out of a URL.
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
	if l.Host = host; host == "*" || host == "::" || host == "0.0.0.0" {
		l.Host = ""
	}
	return l, true
}

func (r *nginxReader) split(d directive) {
	s := SplitClients{File: d.file, Line: d.line}
	if len(d.args) < 2 || !d.has {
		r.nginx.Problems = append(r.nginx.Problems, NginxProblem{d.file, d.line, "split_clients wants a text, a variable and a block"})
		return
	}
	s.Variable = d.args[1]
	total := 0.0
	for _, x := range d.block {
		p := SplitPart{Line: x.line, Rest: x.name == "*"}
		number, isPercent := strings.CutSuffix(x.name, "%")
		percent, err := strconv.ParseFloat(number, 64)
		if len(x.args) != 1 || !p.Rest && (!isPercent || err != nil || !(percent > 0 && percent <= 100)) {
			r.nginx.Problems = append(r.nginx.Problems, NginxProblem{x.file, x.line, "a line of split_clients wants a percentage or *, and a value"})
			continue
		}
		p.Value = x.args[0]
		if !p.Rest {
			p.Ratio = math.Floor(percent*100+0.5) / 10_000 // nginx takes two digits behind the point
			total += p.Ratio
		}
		s.Parts = append(s.Parts, p)
	}
	if total > 1.00001 {
		r.nginx.Problems = append(r.nginx.Problems, NginxProblem{d.file, d.line, "the percentages of split_clients exceed 100 %"})
	}
	for i := range s.Parts {
		if s.Parts[i].Rest {
			s.Parts[i].Ratio = max(0, math.Round((1-total)*10_000)/10_000)
		}
	}
	r.nginx.Splits = append(r.nginx.Splits, s)
}

func (r *nginxReader) upstream(d directive) {
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

// path is the path a directive names, as nginx sees it and as this host does.
func (r *nginxReader) path(d directive) NginxPath {
	p := NginxPath{Inside: d.args[0], File: d.file, Line: d.line}
	if strings.ContainsAny(p.Inside, "$") || strings.HasPrefix(p.Inside, "data:") || strings.HasPrefix(p.Inside, "engine:") || strings.HasPrefix(p.Inside, "store:") {
		if !strings.Contains(p.Inside, "$") {
			p.Inside, _, _ = strings.Cut(p.Inside, ":") // data: holds the key itself
		}
		return p
	}
	if !path.IsAbs(p.Inside) {
		p.Inside = path.Join(confDir, p.Inside)
	}
	p.Host = r.host(p.Inside)
	return p
}

// host maps a path as nginx sees it to this host.
func (r *nginxReader) host(inside string) string {
	if r.roots.service != "" {
		host, _ := r.compose.hostPath(r.roots.service, inside)
		return host
	}
	if isFile(inside) { // nginx on this host
		return filepath.FromSlash(inside)
	}
	// Written for a container whose mounts are not known: the same name in the folder of certificates.
	if ssl := r.view.Place(FactSSL).Path(); ssl != "" {
		if guess := filepath.Join(ssl, path.Base(inside)); isFile(guess) {
			return guess
		}
	}
	return ""
}
