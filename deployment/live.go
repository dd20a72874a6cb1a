package deployment

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// How to reach the running parts of a deployment. Secrets are given as files, so that a configuration can be committed
// and printed.

// Address is an address and whether it is configured. A configured address that refuses connections is a failure. A
// default one that refuses is treated as not configured.
type Address struct {
	URL        string // http or https, no trailing slash
	Configured bool
}

func address(configured, standard string) Address {
	if configured == "" {
		return Address{URL: standard}
	}
	return Address{URL: trimSlash(configured), Configured: true}
}

func trimSlash(s string) string {
	for len(s) > 0 && s[len(s)-1] == '/' {
		s = s[:len(s)-1]
	}
	return s
}

// HTTP holds the settings for calling an HTTP service.
type HTTP struct {
	CAFile          string          `yaml:"ca_file" doc:"file with certificate authorities to trust instead of the system's"`
	CertFile        string          `yaml:"cert_file" doc:"client certificate file"`
	KeyFile         string          `yaml:"key_file" doc:"key file of the client certificate"`
	ServerName      string          `yaml:"server_name" doc:"name that the server's certificate must be valid for instead of the URL's host"`
	Username        string          `yaml:"username" doc:"user name for basic authentication"`
	PasswordFile    string          `yaml:"password_file" doc:"file with the password for basic authentication"`
	BearerTokenFile string          `yaml:"bearer_token_file" doc:"file with a bearer token"`
	Timeout         schema.Duration `yaml:"timeout" doc:"timeout of one request" default:"5s" min:"100ms" max:"5m"`
}

// Patience returns the timeout of one request.
func (h HTTP) Patience() time.Duration { return patience(h.Timeout) }

func patience(configured schema.Duration) time.Duration {
	if configured > 0 {
		return configured.Std()
	}
	return 5 * time.Second
}

// API is the application's own address.
type API struct {
	URL  string `yaml:"url" doc:"http://localhost:8000 when not set"`
	HTTP `inline:"true"`
}

// Address of the API.
func (a API) Address() Address { return address(a.URL, APIService.Default) }

// Public describes the deployment as its users reach it.
type Public struct {
	Hosts        []string `yaml:"hosts" doc:"public host names; from the env file and nginx when not set"`
	URL          string   `yaml:"url" doc:"public URL; https:// and the first public host when not set"`
	TerminatedAt string   `yaml:"terminated_at" doc:"where TLS is terminated" enum:"origin,cdn,load_balancer" default:"origin"`
	CDN          string   `yaml:"cdn" doc:"the CDN that must serve the public hosts" enum:"none,any,cloudflare,cloudfront,fastly" default:"none"`
}

// Validate refuses hosts that are not host names.
func (p Public) Validate() []error {
	var all []error
	for _, h := range p.Hosts {
		if name := hostOf(h); name == notAName || net.ParseIP(name) == nil && !hostName.MatchString(strings.TrimPrefix(name, "*.")) {
			all = append(all, schema.FieldError{Field: "hosts", Err: fmt.Errorf("%q is not a host name", h)})
		}
	}
	return all
}

// TLS names the certificate, key and endpoint.
type TLS struct {
	Cert     string `yaml:"cert" doc:"certificate with its chain; from nginx or ssl/ when not set"`
	Key      string `yaml:"key" doc:"private key of the certificate"`
	Endpoint string `yaml:"endpoint" doc:"host:port that presents the certificate; the first public host's port 443 when not set"`
	CAFile   string `yaml:"ca_file" doc:"file with certificate authorities to trust instead of the system's"`
}

// DNS says how the public hosts must resolve.
type DNS struct {
	Resolvers []string    `yaml:"resolvers" doc:"resolvers to query, host or host:port; the system's when not set"`
	Expected  DNSExpected `yaml:"expected" doc:"addresses that every resolver must return: a list, {any_of: list}, or either by host"`
}

// Database is the PostgreSQL database.
type Database struct {
	Host         string          `yaml:"host" doc:"DB_HOST, or the host in DATABASE_URL, when not set"`
	Port         int             `yaml:"port" min:"1" max:"65535" doc:"DB_PORT, else 5432, when not set"`
	Name         string          `yaml:"name" doc:"DB_NAME when not set"`
	User         string          `yaml:"user" doc:"DB_USER when not set"`
	PasswordFile string          `yaml:"password_file" doc:"file with the password; DB_PASSWORD when not set"`
	SSLMode      string          `yaml:"sslmode" doc:"sslmode as in libpq; DB_SSL_MODE, else prefer, when not set" enum:"disable,allow,prefer,require,verify-ca,verify-full"`
	CAFile       string          `yaml:"ca_file" doc:"file with certificate authorities for verify-ca and verify-full"`
	Password     secret.Text     `yaml:"password" doc:"password, e.g. ${env.EXPORTER_DB_PASSWORD}"`
	Timeout      schema.Duration `yaml:"timeout" doc:"timeout of connecting and querying" default:"5s" min:"100ms" max:"5m"`
}

// Patience returns the timeout of connecting and querying.
func (d Database) Patience() time.Duration { return patience(d.Timeout) }

// Redis is the Redis server.
type Redis struct {
	Address      string          `yaml:"address" doc:"host:port, redis://, rediss:// or unix:// URL; REDIS_HOST and REDIS_PORT, or REDIS_URL, when not set"`
	User         string          `yaml:"user" doc:"ACL user; the default user when not set"`
	PasswordFile string          `yaml:"password_file" doc:"file with the password; REDIS_PASSWORD when not set"`
	Password     secret.Text     `yaml:"password" doc:"password, e.g. ${env.EXPORTER_REDIS_PASSWORD}"`
	TLS          *bool           `yaml:"tls" doc:"connect with TLS; rediss:// or REDIS_TLS decides when not set. false allows sending the password to another host without TLS"`
	Timeout      schema.Duration `yaml:"timeout" doc:"timeout of connecting and querying" default:"5s" min:"100ms" max:"5m"`
	CAFile       string          `yaml:"ca_file" doc:"file with certificate authorities to trust instead of the system's"`
}

// Patience returns the timeout of connecting and querying.
func (r Redis) Patience() time.Duration { return patience(r.Timeout) }

// Prometheus is the Prometheus that monitors the deployment.
type Prometheus struct {
	URL  string   `yaml:"url" doc:"http://localhost:9090 when not set"`
	Job  string   `yaml:"job" doc:"scrape job of the application; the name of the application's service when not set"`
	Jobs []string `yaml:"jobs" doc:"further scrape jobs of the deployment, e.g. of its backups"`
	HTTP `inline:"true"`
}

// Address returns the address of Prometheus.
func (p Prometheus) Address() Address { return address(p.URL, PrometheusService.Default) }

// Grafana is the Grafana with the deployment's dashboards.
type Grafana struct {
	URL        string   `yaml:"url" doc:"http://localhost:3000 when not set"`
	TokenFile  string   `yaml:"token_file" doc:"file with a service account token; without it dashboards and data sources are not checked"`
	Dashboards []string `yaml:"dashboards" doc:"titles or UIDs of dashboards that must exist"`
	HTTP       `inline:"true"`
}

// Address returns the address of Grafana.
func (g Grafana) Address() Address { return address(g.URL, GrafanaService.Default) }

// Alertmanager is the Alertmanager that sends the alerts.
type Alertmanager struct {
	URL    string `yaml:"url" doc:"http://localhost:9093 when not set"`
	Config string `yaml:"config" doc:"Alertmanager configuration file; prometheus/alertmanager.yml when not set"`
	// Alerting is external where alerts are evaluated and sent outside of the deployment.
	Alerting string `yaml:"alerting" doc:"external: alerts are evaluated and sent outside of the deployment" enum:"external"`
	HTTP     `inline:"true"`
}

// Address returns the address of Alertmanager.
func (a Alertmanager) Address() Address { return address(a.URL, AlertmanagerService.Default) }

// Loki is the Loki that stores the logs.
type Loki struct {
	URL      string `yaml:"url" doc:"URL of Loki; without it log aggregation is not configured"`
	Selector string `yaml:"selector" doc:"stream selector of the application's logs; by compose service when not set"`
	Tenant   string `yaml:"tenant" doc:"X-Scope-OrgID"`
	HTTP     `inline:"true"`
}

// Address returns the address of Loki; empty when not configured.
func (l Loki) Address() Address { return address(l.URL, LokiService.Default) }

// Docker is the Docker Engine that runs the deployment.
type Docker struct {
	Host     string `yaml:"host" doc:"unix:// or tcp:// address; DOCKER_HOST, else unix:///var/run/docker.sock, when not set"`
	CAFile   string `yaml:"ca_file" doc:"certificate authority file for a tcp:// address"`
	CertFile string `yaml:"cert_file" doc:"client certificate file for a tcp:// address"`
	KeyFile  string `yaml:"key_file" doc:"key file of the client certificate"`
	Project  string `yaml:"project" doc:"compose project name; derived as Compose does when not set"`
}

// Systemd is the systemd that runs the host's timers.
type Systemd struct {
	Bus string `yaml:"bus" doc:"socket of the host's system bus, e.g. /host/run/dbus/system_bus_socket in a container; /run/dbus/system_bus_socket, else /run/systemd/private, when not set"`
}

// AWS is the AWS account that stores the backups.
type AWS struct {
	Region   string `yaml:"region" doc:"AWS region; AWS_REGION or the bucket's region when not set"`
	Profile  string `yaml:"profile" doc:"profile of the AWS configuration files"`
	Endpoint string `yaml:"endpoint" doc:"URL of an S3-compatible service"`
	Bucket   string `yaml:"bucket" doc:"bucket of the backups; S3_BUCKET or a similar variable of the env file when not set"`
	Prefix   string `yaml:"prefix" doc:"prefix of the backups in the bucket"`
	User     string `yaml:"user" doc:"IAM user that uploads, or role/NAME; the user of the keys in the env file, else the caller, when not set"`
	Role     string `yaml:"role" doc:"role to assume"`
}
