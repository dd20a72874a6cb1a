package tlscheck

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Which certificates nginx presents for a public host: those of the TLS server with its name, else those of the default
// server.

// nginxPairs returns the certificates of nginx's servers, each with the public hosts it serves.
func nginxPairs(n *nginx.Config, hosts []string) tlsPlaces {
	places := tlsPlaces{nginx: n}
	bare := bareServers(n)
	serves := map[int][]string{} // by server
	for _, h := range hosts {
		named, standard := serversFor(n, h)
		for _, i := range named {
			serves[i] = append(serves[i], h)
		}
		if len(named) == 0 && len(n.Streams) == 0 {
			places.unnamed = append(places.unnamed, unnamedHost{host: h, plain: plainServer(n, h), certs: certificatesOf(n, standard)})
		}
	}
	for i, s := range slices.Concat(n.Servers, n.Streams) {
		if !s.TLS() {
			continue
		}
		own := serves[i]
		if i >= len(n.Servers) {
			own = hosts // a stream has no names
		}
		if n.Hidden && slices.ContainsFunc(bare, func(b nginx.Server) bool { return b.File == s.File && b.Line == s.Line }) {
			places.addUnseen(unseenPair{fmt.Sprintf("%s:%d", s.File, s.Line), "an include that was not read", len(own) > 0})
		}
		for _, c := range s.Certificates {
			places.add(n, s, c, own)
		}
	}
	return places
}

// add adds a certificate of a server that serves public hosts.
func (places *tlsPlaces) add(n *nginx.Config, s nginx.Server, c nginx.Certificate, own []string) {
	at := fmt.Sprintf("%s:%d", c.Cert.File, c.Cert.Line)
	if perHost(c.Cert.Inside) && len(own) > 0 {
		for _, h := range own {
			one := nginx.Certificate{Cert: resolved(n, s, c.Cert, h), Key: resolved(n, s, c.Key, h)}
			places.add(n, s, one, []string{h})
		}
		return
	}
	if c.Cert.Host == "" || c.Key.Host == "" && c.Key.Inside != "" {
		place := c.Cert.Place
		if c.Cert.Host != "" {
			place = c.Key.Place
		}
		places.addUnseen(unseenPair{at, place, len(own) > 0})
		return
	}
	i := slices.IndexFunc(places.pairs, func(p tlsPair) bool { return p.cert == c.Cert.Host && p.key == c.Key.Host })
	if i < 0 {
		i = len(places.pairs)
		places.pairs = append(places.pairs, tlsPair{cert: c.Cert.Host, key: c.Key.Host, at: at, catchAll: true})
	}
	pair := &places.pairs[i]
	pair.catchAll = pair.catchAll && catchesAll(s)
	for _, h := range own {
		if !slices.Contains(pair.hosts, h) {
			pair.hosts = append(pair.hosts, h)
		}
	}
}

func (places *tlsPlaces) addUnseen(one unseenPair) {
	if i := slices.IndexFunc(places.unseen, func(u unseenPair) bool { return u.at == one.at }); i >= 0 {
		places.unseen[i].public = places.unseen[i].public || one.public
		return
	}
	places.unseen = append(places.unseen, one)
}

// standsIn reports whether a certificate is presented for a public host that no server names.
func (places *tlsPlaces) standsIn(cert string) bool {
	return slices.ContainsFunc(places.unnamed, func(u unnamedHost) bool { return slices.Contains(u.certs, cert) })
}

// hostVariable matches the variables of a path that the handshake decides.
var hostVariable = lazyregexp.New(`\$(?:\{ssl_server_name\}|ssl_server_name\b|\{server_name\}|server_name\b)`)

// perHost reports whether a path depends on the host alone.
func perHost(inside string) bool {
	return hostVariable.MatchString(inside) && !strings.Contains(hostVariable.ReplaceAllString(inside, ""), "$")
}

// resolved returns the path for a host.
func resolved(n *nginx.Config, s nginx.Server, path nginx.Path, host string) nginx.Path {
	if !perHost(path.Inside) {
		return path
	}
	at := n.Locate(hostVariable.ReplaceAllStringFunc(path.Inside, func(use string) string {
		if strings.Contains(use, "ssl_") || len(s.Names) == 0 {
			return host
		}
		return s.Names[0]
	}))
	at.File, at.Line = path.File, path.Line
	return at
}

// serversFor returns the TLS servers that name a host: nginx prefers exact names, then wildcards, then expressions.
// Without one, standard is the default server, -1 for none.
func serversFor(n *nginx.Config, host string) (named []int, standard int) {
	best := 0
	standard = -1
	marked := false
	for i, s := range n.Servers {
		if !s.TLS() {
			continue
		}
		if standard < 0 || !marked && isDefault(s) {
			standard, marked = i, isDefault(s)
		}
		rank := 0
		for _, name := range s.Names {
			rank = max(rank, nameRank(name, host))
		}
		switch {
		case rank == 0 || rank < best:
		case rank > best:
			best, named = rank, []int{i}
		default:
			named = append(named, i)
		}
	}
	return named, standard
}

func isDefault(s nginx.Server) bool {
	return slices.ContainsFunc(s.Listen, func(l nginx.Listen) bool { return l.SSL && l.Default })
}

// nameRank says how well an nginx server name matches a host; 0 for not at all.
func nameRank(name, host string) int {
	if pattern, ok := strings.CutPrefix(name, "~"); ok {
		if e, err := regexp.Compile("(?i)" + pattern); err == nil && e.MatchString(host) {
			return 1
		}
		return 0
	}
	name = strings.ToLower(name)
	const exact = 1000
	switch {
	case name == host:
		return exact
	case strings.HasPrefix(name, "."):
		if host == name[1:] || strings.HasSuffix(host, name) {
			return 300 + len(name)
		}
	case strings.HasPrefix(name, "*."):
		if strings.HasSuffix(host, name[1:]) {
			return 300 + len(name)
		}
	case strings.HasSuffix(name, ".*"):
		if strings.HasPrefix(host, name[:len(name)-1]) {
			return 2 + min(len(name), 250)
		}
	}
	return 0
}

// catchesAll reports whether a server has no name of its own.
func catchesAll(s nginx.Server) bool {
	return !slices.ContainsFunc(s.Names, func(name string) bool { return strings.Contains(name, ".") || strings.HasPrefix(name, "~") })
}

// plainServer returns where a server without TLS serves a host; "" for none. A redirect serves nothing.
func plainServer(n *nginx.Config, host string) string {
	for _, s := range n.Servers {
		if !s.TLS() && len(s.Proxies) > 0 && slices.ContainsFunc(s.Names, func(name string) bool { return nameRank(name, host) > 0 }) {
			return fmt.Sprintf("%s:%d", s.File, s.Line)
		}
	}
	return ""
}

// certificatesOf returns the files of a server's certificates.
func certificatesOf(n *nginx.Config, server int) []string {
	var files []string
	if server >= 0 {
		for _, c := range n.Servers[server].Certificates {
			files = append(files, c.Cert.Host)
		}
	}
	return files
}

// elsewhere is the error for certificates that lie where this host cannot read them.
func elsewhere(p *probe.Pass, unseen []unseenPair) error {
	return probe.Elsewhere("deployment.tls.cert", "nginx's certificate at %s", shownUnseen(p, unseen))
}

// shownUnseen says where certificates lie that cannot be read here.
func shownUnseen(p *probe.Pass, unseen []unseenPair) string {
	var places []string
	for _, u := range unseen {
		text := u.at + " is not among the deployment's files"
		if u.place != "" {
			text += ": it is in " + u.place
			if by := managerOf(p, u.place); by != "" {
				text += ", managed by service " + by
			}
		}
		places = append(places, text)
	}
	return phrase.List(places)
}

// managers are images that obtain certificates for another server through a shared volume.
var managers = []string{
	"acme-companion", "letsencrypt-nginx-proxy-companion", "docker-letsencrypt-nginx-proxy-companion", "certbot", "acme.sh", "lego", "dehydrated",
	"nginx-certbot", "dns-cloudflare", "dns-route53", "simp_le",
}

// managerOf returns the service that obtains the certificates in a volume; "" for none.
func managerOf(p *probe.Pass, place string) string {
	c, err := p.View.Compose()
	rest, ok := strings.CutPrefix(place, "volume ")
	if err != nil || !ok {
		return ""
	}
	volume, service, _ := strings.Cut(rest, " of service ")
	for _, name := range c.Services() {
		s := c.Project.Services[name]
		if name == service || !slices.Contains(managers, strings.ToLower(compose.ImageBase(s.Image))) && !strings.Contains(name, "certbot") && !strings.Contains(name, "acme") {
			continue
		}
		for _, m := range s.Volumes {
			if m.Source == volume {
				return name
			}
		}
	}
	return ""
}
