package deployment

import (
	"errors"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/nginx"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// The deployment's public host names: configured, or from the application's environment, the env file, or nginx.

// Host is a public host name of the deployment.
type Host struct {
	Name   string        // lower case, without port
	How    string        // Configured or Found
	Origin source.Origin // where it is set; empty when configured
	// Placeholder says why the name cannot be public; "" when it can.
	Placeholder string
}

// ViaNginx is the Origin.Via of a host name from a server_name.
const ViaNginx = "server_name"

const maxHosts = 100

// hostKey matches keys that hold the deployment's own public name or URL, not hosts of databases, mail servers and so
// on.
var hostKey = lazyregexp.New(`^(?:(?:PBS|CATALYST|TNE)_)?(?:HOST|HOST_URL|DOMAINS?|DOMAIN_NAMES?|VIRTUAL_HOST|LETSENCRYPT_HOST|SERVER_NAMES?|` +
	`(?:PUBLIC|EXTERNAL|SITE|BASE|APP|API|WEB|FRONTEND|PRIMARY|MAIN|ROOT|SERVER|TLS|SSL)_(?:HOST|HOSTNAME|HOSTS|DOMAINS?|URL))$`)

// PublicHosts returns the deployment's public host names without duplicates: only the configured ones if there are any,
// else those of the application's environment and the env file (keys for the own host, domain or public URL) and of
// nginx's server_name, in this order. Names that cannot be public (localhost, _, example.com, a compose service) are
// returned with the reason. The error reports unreadable sources; hosts of the other sources are returned with it.
func (v *View) PublicHosts() ([]Host, error) {
	d := v.Deployment
	hosts := hostList{inner: map[string]bool{}}
	if len(d.Public.Hosts) > 0 || d.Public.URL != "" {
		for _, h := range d.Public.Hosts {
			hosts.add(h, find.Configured, source.Origin{})
		}
		hosts.add(d.Public.URL, find.Configured, source.Origin{})
		return hosts.list, nil
	}
	var errs []error
	c, err := v.Compose()
	switch {
	case err == nil:
		hosts.inner = c.NamesInside()
		app, err := v.AppService()
		if err != nil {
			errs = append(errs, err)
		} else if app.Name != "" {
			hosts.ofService(v, c, app.Name)
		}
	case !errors.Is(err, compose.ErrNoFile):
		errs = append(errs, err)
	}
	if env, err := v.Env(); err == nil {
		for _, e := range env.Entries {
			hosts.ofKey(e.Key, e.Text.Reveal(), source.Origin{File: env.Name, Line: e.Line, Via: source.ViaEnvFile})
		}
	} else if v.Place(find.FactEnvFile).Path() != "" {
		errs = append(errs, err)
	}
	n, err := v.Nginx()
	switch {
	case err == nil:
		for _, s := range n.Servers {
			for _, name := range s.Names {
				hosts.add(name, find.Found, source.Origin{File: s.File, Line: s.Line, Via: ViaNginx})
			}
		}
	case !errors.Is(err, nginx.ErrNoFile):
		errs = append(errs, err)
	}
	return hosts.list, errors.Join(errs...)
}

type hostList struct {
	list  []Host
	inner map[string]bool // names of the compose network
}

// ofService adds the hosts of a service's environment and env files.
func (h *hostList) ofService(v *View, c *compose.Model, service string) {
	environment := c.Project.Services[service].Environment
	for _, key := range slices.Sorted(maps.Keys(environment)) {
		if text := environment[key]; text != nil && hostKey.MatchString(key) {
			value, err := v.fromEnvironment(c, service, key, text)
			if err == nil {
				h.ofKey(key, *text, value.Origin)
			}
		}
	}
	files := v.serviceFiles(c, service)
	for _, key := range slices.Sorted(maps.Keys(files.values)) {
		set := files.values[key]
		h.ofKey(key, set.Text, source.Origin{File: set.File.Name, Line: set.Entry.Line, Service: service, Via: source.ViaServiceFile})
	}
}

// ofKey adds the hosts of a value if its key matches hostKey.
func (h *hostList) ofKey(key, text string, origin source.Origin) {
	if !hostKey.MatchString(key) {
		return
	}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
		h.add(part, find.Found, origin)
	}
}

// add adds the host of a name, a name with a port, or a URL.
func (h *hostList) add(text, how string, origin source.Origin) {
	name := hostOf(text)
	if name == "" || len(h.list) >= maxHosts || slices.ContainsFunc(h.list, func(o Host) bool { return o.Name == name }) {
		return
	}
	why := hostPlaceholder(name)
	if h.inner[name] {
		why = "a name of the compose network"
	}
	if how == find.Found && why == notAName {
		name = "" // it may be a secret in the wrong place
		if slices.ContainsFunc(h.list, func(o Host) bool { return o.Name == name && o.Origin.String() == origin.String() }) {
			return
		}
	}
	h.list = append(h.list, Host{Name: name, How: how, Origin: origin, Placeholder: why})
}

// hostOf returns the host of a name, a name with a port, or a URL, in lower case.
func hostOf(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil {
			return notAName
		}
		return toASCII(u.Hostname())
	}
	text, _, _ = strings.Cut(text, "/")
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return a.String()
	}
	if host, port, ok := strings.Cut(text, ":"); ok && !strings.Contains(port, ":") {
		text = host
	}
	return toASCII(text)
}

// toASCII returns the form of an internationalized name that DNS and certificates use.
func toASCII(name string) string {
	name = strings.TrimRight(name, ".\u3002")
	if strings.IndexFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return name
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil {
		return notAName
	}
	return ascii
}

const notAName = "not a host name"

var hostName = lazyregexp.New(`^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?$`)

// standIn matches placeholder domains of templates.
var standIn = lazyregexp.New(`(?:^|[.-])(?:your-?(?:domain|company|publisher|site|website|server|host|adserver|exchange|organi[sz]ation)|my-?(?:domain|company|site|website))(?:[.-]|$)|change[-_]?me|(?:^|\.)(?:domain|company|yourname)\.(?:com|org|net|tld)$`)

// hostPlaceholder says why a name cannot be a public host; "" when it can.
func hostPlaceholder(name string) string {
	if a, err := netip.ParseAddr(name); err == nil {
		switch {
		case a.IsUnspecified():
			return "all addresses"
		case a.IsLoopback():
			return "this machine"
		case a.IsPrivate() || a.IsLinkLocalUnicast():
			return "a private address"
		}
		return ""
	}
	ends := func(tops ...string) bool {
		return slices.ContainsFunc(tops, func(top string) bool { return name == top || strings.HasSuffix(name, "."+top) })
	}
	switch {
	case name == "_":
		return "any name"
	case strings.HasPrefix(name, "~"):
		return "a pattern"
	case strings.Contains(name, "*"):
		return "a wildcard"
	case strings.ContainsAny(name, "<>${}"):
		return "not filled in"
	case len(name) > 253 || !hostName.MatchString(name):
		return notAName
	case ends("localhost"):
		return "this machine"
	case ends("example.com", "example.org", "example.net", "example", "invalid"):
		return "an example domain"
	case standIn.MatchString(name):
		return "not filled in"
	case ends("local", "internal", "lan", "home.arpa"):
		return "an internal name"
	case !strings.Contains(name, "."):
		return "not a full domain name"
	}
	return ""
}
