package deployment

import "strings"

// Service is something outside the deployment's files that probes talk to. A probe's remedies name its settings.
//
// Adding a service: add it to Services, its settings to Settings, and its recorder to internal/probetest/recorder. The
// tests in kinds/ name the missing one.
type Service struct {
	Name     string
	Settings []string // paths in the configuration; the first one locates the service
	Default  string   // address when it is not configured; "" if it is found from the files or never contacted
}

// Setting returns the path of a setting by its last part, such as "url".
func (s Service) Setting(name string) string {
	for _, path := range s.Settings {
		if strings.HasSuffix(path, "."+name) {
			return path
		}
	}
	return s.Settings[0] // a test resolves every call in the source
}

// The services.
var (
	AlertmanagerService = Service{"Alertmanager", []string{
		"deployment.alertmanager.url", "deployment.alertmanager.bearer_token_file",
	}, "http://localhost:9093"}
	APIService = Service{"API", []string{"deployment.api.url", "deployment.api.bearer_token_file"}, "http://localhost:8000"}
	AWSService = Service{"AWS", []string{
		"deployment.aws.bucket", "deployment.aws.endpoint", "deployment.aws.prefix", "deployment.aws.profile",
		"deployment.aws.region", "deployment.aws.role", "deployment.aws.user",
	}, ""}
	DatabaseService = Service{"PostgreSQL", []string{
		"deployment.database.host", "deployment.database.ca_file", "deployment.database.password_file",
		"deployment.database.sslmode", "deployment.database.user",
	}, "127.0.0.1:5432"}
	DNSService    = Service{"DNS", []string{"deployment.dns.resolvers"}, ""}
	DockerService = Service{"Docker Engine", []string{
		"deployment.docker.host", "deployment.docker.ca_file", "deployment.docker.project",
	}, "unix:///var/run/docker.sock"}
	EvidenceService = Service{"evidence server", []string{"deployment.evidence.places", "deployment.evidence.reports"}, ""}
	GitService      = Service{"git", []string{"deployment.repository.path"}, ""}
	GrafanaService  = Service{"Grafana", []string{
		"deployment.grafana.url", "deployment.grafana.token_file",
	}, "http://localhost:3000"}
	LokiService = Service{"Loki", []string{
		"deployment.loki.url", "deployment.loki.bearer_token_file", "deployment.loki.selector",
	}, ""}
	PrometheusService = Service{"Prometheus", []string{
		"deployment.prometheus.url", "deployment.prometheus.bearer_token_file", "deployment.prometheus.job", "deployment.prometheus.jobs",
	}, "http://localhost:9090"}
	PublicService = Service{"public site", []string{
		"deployment.public.url", "deployment.public.cdn", "deployment.public.hosts",
	}, ""}
	RedisService = Service{"Redis", []string{
		"deployment.redis.address", "deployment.redis.ca_file", "deployment.redis.password_file",
		"deployment.redis.tls",
	}, "127.0.0.1:6379"}
	SystemdService = Service{"systemd", []string{"deployment.systemd.bus"}, "/run/dbus/system_bus_socket"}
	TLSService     = Service{"TLS endpoint", []string{"deployment.tls.endpoint", "deployment.tls.ca_file"}, ""}
)

// Services returns all services, sorted by name without regard to case.
func Services() []Service {
	return []Service{
		AlertmanagerService,
		APIService,
		AWSService,
		DNSService,
		DockerService,
		EvidenceService,
		GitService,
		GrafanaService,
		LokiService,
		DatabaseService,
		PrometheusService,
		PublicService,
		RedisService,
		SystemdService,
		TLSService,
	}
}
