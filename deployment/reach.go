package deployment

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/dsn"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// How the exporter reaches the database and Redis: as configured, or as the application does, with names of the compose
// network mapped to published ports.

// DatabaseAccess holds everything needed to connect to the database.
type DatabaseAccess struct {
	Reach
	Name     string
	User     string
	Foreign  bool  // User is a role of the exporter's own, not the application's
	Password Value // Origin names the password_file or the key that set it
	SSLMode  string
	CAFile   string // absolute, "" for the system's
	// SearchPath and Role are those of the connection URL; "" for the server's.
	SearchPath, Role string
	// Others are further servers of the connection URL, tried in turn. Session is its target_session_attrs, "" for any.
	Others  []Reach
	Session string
}

// RedisAccess holds everything needed to connect to Redis.
type RedisAccess struct {
	Reach
	User     string
	Password Value
	TLS      bool
	CAFile   string // absolute, "" for the system's
	// Master is the name under which sentinels know the server; the address is then that of a sentinel.
	Master string
}

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

// DatabaseAccess returns how to reach the database. The error is a *NoWayError if it is unreachable from here, else as
// for Value.
func (v *View) DatabaseAccess() (DatabaseAccess, error) {
	d := v.Deployment
	conf := d.Database
	var a DatabaseAccess
	parts, at, err := v.urlOf("postgres", "DATABASE_URL", "DB_URL", "POSTGRES_URL", "PBS_DATABASE_URL")
	if err != nil {
		return a, err
	}
	host, hostAt, err := v.setting(conf.Host, parts.Host, at, "DB_HOST", "POSTGRES_HOST", "PGHOST", "DATABASE_HOST")
	if err != nil {
		return a, err
	}
	port, err := v.port(conf.Port, parts.Port, 5432, "DB_PORT", "POSTGRES_PORT", "PGPORT", "DATABASE_PORT")
	if err != nil {
		return a, err
	}
	if a.Name, err = v.databaseName(parts, at); err != nil {
		return a, err
	}
	application, _, err := v.setting("", parts.User, at, "DB_USER", "POSTGRES_USER", "PGUSER", "DATABASE_USER")
	if err != nil {
		return a, err
	}
	a.User = cmp.Or(conf.User, application)
	a.Foreign = application != "" && a.User != application
	if a.SSLMode, _, err = v.setting(conf.SSLMode, parts.Query.Get("sslmode"), at, "DB_SSL_MODE", "DB_SSLMODE", "PGSSLMODE"); err != nil {
		return a, err
	}
	a.SSLMode = cmp.Or(a.SSLMode, "prefer")
	if a.CAFile = d.Abs(conf.CAFile); conf.CAFile == "" {
		root, _, err := v.setting("", parts.Query.Get("sslrootcert"), at, "PGSSLROOTCERT", "DB_SSLROOTCERT", "DB_SSL_ROOT_CERT")
		if err != nil {
			return a, err
		}
		a.CAFile = v.onHost(root)
	}
	if a.Password, err = v.password(conf.Password, conf.PasswordFile, parts, at, "database", "DB_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD", "DATABASE_PASSWORD"); err != nil {
		return a, err
	}
	if host == "" {
		host, hostAt = v.serviceRunning("postgres")
	}
	a.SearchPath, a.Role = parts.Session()
	a.User = cmp.Or(a.User, "postgres")
	a.Name = cmp.Or(a.Name, a.User)
	a.Reach, err = v.reach(host, port, conf.Host != "", hostAt, DatabaseService.Setting("host"))
	if conf.Host == "" && parts.Host != "" {
		a.Session = parts.Query.Get("target_session_attrs")
		err = v.others(&a, parts.Others, hostAt, err)
	}
	return a, err
}

// others adds further servers. Those that cannot be reached from here are left out, while there is one that can.
func (v *View) others(a *DatabaseAccess, servers []dsn.Server, at string, err error) error {
	for _, s := range servers {
		r, otherErr := v.reach(s.Host, cmp.Or(s.Port, 5432), false, at, DatabaseService.Setting("host"))
		switch {
		case otherErr != nil:
		case err != nil:
			a.Reach, err = r, nil
		default:
			a.Others = append(a.Others, r)
		}
	}
	return err
}

// DatabaseName returns the database's name, "" if it is not set anywhere. Errors are as for Value.
func (v *View) DatabaseName() (string, error) {
	parts, at, err := v.urlOf("postgres", "DATABASE_URL", "DB_URL", "POSTGRES_URL", "PBS_DATABASE_URL")
	if err != nil {
		return "", err
	}
	return v.databaseName(parts, at)
}

// RedisAccess returns how to reach Redis. The error is a *NoWayError if it is unreachable from here, else as for Value.
func (v *View) RedisAccess() (RedisAccess, error) {
	d := v.Deployment
	conf := d.Redis
	var a RedisAccess
	parts, at, err := v.urlOf("redis", "REDIS_URL", "PBS_REDIS_URL")
	if err != nil {
		return a, err
	}
	own := redisAddress(conf.Address)
	host, hostAt, err := v.setting(own.Host, parts.Host, at, "REDIS_HOST", "REDIS_ADDR", "REDIS_ADDRESS")
	if err != nil {
		return a, err
	}
	if own.Host == "" && parts.Host == "" { // REDIS_ADDR=redis:6379
		named := redisAddress(host)
		host, parts.Port, parts.Scheme = named.Host, named.Port, named.Scheme
	}
	port, err := v.port(own.Port, parts.Port, 6379, "REDIS_PORT")
	if err != nil {
		return a, err
	}
	if a.User, _, err = v.setting(conf.User, parts.User, at, "REDIS_USER", "REDIS_USERNAME"); err != nil {
		return a, err
	}
	if a.Password, err = v.password(conf.Password, conf.PasswordFile, parts, at, "redis", "REDIS_PASSWORD"); err != nil {
		return a, err
	}
	secure, _, err := v.setting("", "", "", "REDIS_TLS", "REDIS_SSL", "REDIS_TLS_ENABLED", "REDIS_USE_TLS")
	if err != nil {
		return a, err
	}
	from := parts.Parts
	if conf.Address != "" {
		from, secure = own, ""
	}
	switch on, err := strconv.ParseBool(strings.ToLower(secure)); {
	case conf.TLS != nil:
		a.TLS = *conf.TLS
	default:
		a.TLS = strings.HasPrefix(from.Scheme, "rediss") || err == nil && on
	}
	if strings.Contains(from.Scheme, "sentinel") {
		a.Master, _, _ = strings.Cut(from.Path, "/")
		a.Master = cmp.Or(a.Master, from.Query.Get("master"), from.Query.Get("sentinelMasterId"), "mymaster")
	}
	a.CAFile = d.Abs(conf.CAFile)
	if host == "" {
		host, hostAt = v.serviceRunning("redis")
	}
	a.Reach, err = v.reach(host, port, conf.Address != "", hostAt, RedisService.Setting("address"))
	return a, err
}

// redisAddress parses host:port, a URL or the path of a Unix socket.
func redisAddress(text string) dsn.Parts {
	if p, ok := dsn.Parse(text, "redis"); ok {
		return p
	}
	if h, p, err := net.SplitHostPort(text); err == nil {
		port, _ := strconv.Atoi(p)
		return dsn.Parts{Host: h, Port: port}
	}
	return dsn.Parts{Host: text}
}

// urlParts are the parts of a URL in the environment.
type urlParts struct {
	dsn.Parts
	value Value
}

// urlOf parses the first of keys that is set as a URL of the scheme (including postgresql and rediss). An invalid URL
// counts as unset: other checks report it. at says where it is set.
func (v *View) urlOf(scheme string, keys ...string) (urlParts, string, error) {
	value, err := v.Own(keys...)
	if err != nil || !value.Set {
		return urlParts{}, "", v.lookedUp(err)
	}
	p, ok := dsn.Parse(value.Text.Reveal(), scheme)
	if !ok {
		return urlParts{}, "", nil
	}
	return urlParts{p, value}, value.Key + " at " + value.Origin.String(), nil
}

// lookedUp drops the error of a deployment without compose file and env file, where nothing is set.
func (v *View) lookedUp(err error) error {
	if _, none := v.Compose(); errors.Is(none, compose.ErrNoFile) && v.Place(find.FactEnvFile).Path() == "" {
		return nil
	}
	return err
}

// setting returns the configured text, else the URL's, else that of the first key that is set. at says where it is set.
func (v *View) setting(configured, ofURL, urlAt string, keys ...string) (text, at string, err error) {
	if configured != "" {
		return configured, "configured", nil
	}
	if ofURL != "" {
		return ofURL, urlAt, nil
	}
	value, err := v.Value(keys...)
	if err != nil || value.Text.Empty() {
		return "", "", v.lookedUp(err)
	}
	return value.Text.Reveal(), value.Key + " at " + value.Origin.String(), nil
}

func (v *View) port(configured, ofURL, standard int, keys ...string) (int, error) {
	if configured != 0 || ofURL != 0 {
		return cmp.Or(configured, ofURL), nil
	}
	text, at, err := v.setting("", "", "", keys...)
	if err != nil || text == "" {
		return standard, err
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("%s is not a port", at)
	}
	return port, nil
}

// password returns the configured password, else the file's, the URL's, or that of the first key that is set.
func (v *View) password(configured secret.Text, file string, u urlParts, at, setting string, keys ...string) (Value, error) {
	switch {
	case !configured.Empty():
		return Value{Key: "deployment." + setting + ".password", Text: configured, Set: true}, nil
	case file != "":
		key := "deployment." + setting + ".password_file"
		return v.fromFile(key, v.Deployment.Abs(file), source.Origin{File: key})
	case u.Password != nil:
		value := u.value
		value.Text = secret.New(*u.Password)
		return value, nil
	}
	value, err := v.Value(keys...)
	if err != nil {
		return value, v.lookedUp(err)
	}
	return value, nil
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

// databaseName returns the name from the settings, the URL or the environment.
func (v *View) databaseName(parts urlParts, at string) (string, error) {
	name, _, err := v.setting(v.Deployment.Database.Name, parts.Path, at, "DB_NAME", "POSTGRES_DB", "PGDATABASE", "DATABASE_NAME")
	return name, err
}
