package composecheck

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// compose_logging: do the services' logs leave the host?
//
// A service's logs are shipped by its logging driver, or by a service that ships others' logs. The latter sees what the
// Docker Engine keeps (drivers json-file, local and journald) when it mounts the engine's socket or the folder in which
// the driver writes, and files in a volume that it shares. A service scaled to 0 ships nothing. journald alone ships nothing: it keeps the logs on the host. Services
// that ship or store logs are not checked themselves. A shipper outside the compose file is not visible here: the live probe
// sees what arrives. The daemon's default driver and its options come from daemon.json where it can be read.

func LoggingKind() probe.Kind {
	return probe.Kind{
		Name:       "compose_logging",
		Question:   "Do the logs of every service leave the host?",
		Example:    "{shippers: [log-forwarder]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the compose files, the env file and the host's /etc/docker/daemon.json",
		Permission: "read permission",
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*composeLogging).breakages(view) },
		New:        func() any { return &composeLogging{} },
	}
}

type composeLogging struct {
	Drivers  []string `yaml:"drivers" doc:"logging drivers that ship logs, in addition to awslogs, fluentd, gcplogs, gelf, loki, splunk, syslog and similar ones"`
	Shippers []string `yaml:"shippers" doc:"services that ship others' logs, in addition to those with a known image: promtail, alloy, fluent-bit, fluentd, vector, filebeat and similar ones"`
}

func (s *composeLogging) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := probe.ComposeModel(p)
	if err != nil {
		return probe.Result{}, err
	}
	daemon := readDaemon(p)
	judged := probe.Unchanged(p, composeLoggingKey{s}, []any{c, daemon}, func() probe.Judgement {
		r, err := s.judge(c, daemon, p.Deployment.Loki.URL != "")
		return probe.Judgement{Result: r, Err: err}
	})
	return judged.Result, judged.Err
}

type composeLoggingKey struct{ *composeLogging }

// judge judges a model; wanted reports whether the configuration names where the logs must arrive.
func (s *composeLogging) judge(c *compose.Model, daemon *daemonLogging, wanted bool) (probe.Result, error) {
	var asked, shippers []types.ServiceConfig
	for _, name := range c.Services() {
		switch service := c.Project.Services[name]; {
		case compose.ScaledToNone(service):
		case s.ships(service):
			shippers = append(shippers, service)
		case !compose.RunsImage(service, logStores()):
			asked = append(asked, daemon.withDefaults(service))
		}
	}
	var local, unknown, missed []string
	shipped := 0
	for _, service := range asked {
		driver := loggingDriver(service)
		switch {
		case slices.Contains(append(shippingDrivers(), s.Drivers...), driver):
			shipped++
			if address := loggingOptions(service)["syslog-address"]; driver == "syslog" && (address == "" || strings.HasPrefix(address, "unix")) {
				local = append(local, service.Name)
			}
		case slices.ContainsFunc(shippers, func(shipper types.ServiceConfig) bool { return seesLogsOf(shipper, service, driver) }):
			shipped++
		case slices.Contains(engineDrivers(), driver):
			missed = append(missed, service.Name)
		default:
			unknown = append(unknown, service.Name)
		}
	}
	configured := wanted || shipped > 0 || len(shippers) > 0 || len(unknown) > 0
	switch {
	case !configured:
		return probe.Result{}, probe.Skip(deployment.LokiService.Setting("url"),
			"no logging driver or service of the compose file ships logs, and Loki is not configured")
	case len(asked) == 0:
		return probe.Result{}, probe.Unknownf(probe.ReasonNotConfigured, "no active service has logs to ship")
	case wanted && shipped == 0 && len(shippers) == 0 && len(unknown) == 0:
		// A shipper on the host is in no compose file: what arrives decides.
		return probe.Result{}, probe.Skip("a logging driver or service in the compose file that ships logs",
			"no logging driver or service of the compose file ships logs; the Loki probe checks whether they arrive")
	case shipped == 0 && len(shippers) == 0:
		return probe.Failed(probe.ReasonMissing, "no known logging driver or service ships logs. "+
			"Add one, or name yours in the probe's drivers or shippers"), nil
	}
	var f probe.ResultBuilder
	if len(missed) > 0 {
		f.Warn(probe.ReasonMissing, "no shipper found for the logs of %s%s", phrase.List(missed), explainMissed(shippers))
		f.Offend(offenders(c, missed, "logs_not_shipped", "logging")...)
	}
	if len(unknown) > 0 {
		f.Warn(probe.ReasonMissing, "unknown logging driver (add it to the probe's drivers if it ships logs): %s",
			phrase.List(unknown))
		f.Offend(offenders(c, unknown, "unknown_logging_driver", "logging")...)
	}
	for _, service := range asked {
		if key := placeholderOption(service); key != "" {
			f.Fail(probe.ReasonPlaceholder, "logging option %s of service %s is a placeholder", key, service.Name)
			f.Offend(offender(c, service.Name, "logging_placeholder", "logging"))
		}
	}
	daemon.judgeOptions(&f, c, asked)
	if len(local) > 0 {
		f.Warn(probe.ReasonWeak, "syslog driver without a remote syslog-address (logs go to the host's own syslog): %s",
			phrase.List(local))
		f.Offend(offenders(c, local, "local_syslog", "logging")...)
	}
	return f.Result("the logs of %s are shipped", phrase.Count(shipped, "service")), nil
}

// explainMissed explains why shippers miss what the engine keeps.
func explainMissed(shippers []types.ServiceConfig) string {
	var names []string
	for _, s := range shippers {
		if !seesSomeLogs(s) {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 || len(names) < len(shippers) {
		return ""
	}
	return " (" + phrase.List(names) + " has neither the Docker socket nor the host's log folders)"
}

// engineDrivers keep logs where the Docker Engine can read them back; none keeps nothing. They ship nothing.
func engineDrivers() []string { return []string{"json-file", "local", "journald", "none"} }

// shippingDrivers send logs away.
func shippingDrivers() []string {
	return []string{"awslogs", "elastic-logging-plugin", "fluentd", "gcplogs", "gelf", "logentries", "loki", "loki-docker-driver", "splunk", "sumologic", "syslog"}
}

// shipperImages are the names of images that ship others' logs.
func shipperImages() []string {
	return []string{
		"promtail", "alloy", "grafana/agent", "grafana-agent", "fluent-bit", "fluentbit", "fluentd", "vector", "filebeat", "elastic-agent", "logspout", "logstash",
		"opentelemetry-collector", "otelcol", "cloudwatch-agent", "datadog/agent", "datadoghq/agent", "syslog-ng", "rsyslog", "universalforwarder",
	}
}

// logStores are the names of images that store others' logs.
func logStores() []string {
	return []string{"loki", "elasticsearch", "opensearch", "graylog", "victoria-logs"}
}

func (s *composeLogging) ships(service types.ServiceConfig) bool {
	return slices.Contains(s.Shippers, service.Name) || compose.RunsImage(service, shipperImages())
}

// loggingDriver returns the driver of a service without a plugin's vendor and tag (grafana/loki-docker-driver:latest).
func loggingDriver(service types.ServiceConfig) string {
	driver := service.LogDriver
	if service.Logging != nil && service.Logging.Driver != "" {
		driver = service.Logging.Driver
	}
	if driver == "" {
		return "json-file"
	}
	driver, _, _ = strings.Cut(driver, ":")
	return path.Base(driver)
}

func loggingOptions(service types.ServiceConfig) map[string]string {
	if service.Logging != nil {
		return service.Logging.Options
	}
	return service.LogOpt
}

// placeholderOption returns the first logging option of a service that is a placeholder; "" for none.
func placeholderOption(service types.ServiceConfig) string {
	options := loggingOptions(service)
	for _, key := range slices.Sorted(maps.Keys(options)) {
		value := options[key]
		isAddress := strings.HasSuffix(key, "-url") || strings.HasSuffix(key, "-address")
		if secretvalue.IsUnfilled(value) || isAddress && secretvalue.HasPlaceholderDomain(value) || strings.HasSuffix(key, "-token") && secretvalue.IsPlaceholder(value) {
			return key
		}
	}
	return ""
}

// missingOption returns an option that the driver of a service needs and that is unset; "" for none (documentation of
// Docker, "Configure logging drivers").
func missingOption(service types.ServiceConfig) string {
	required := map[string][]string{
		"awslogs": {"awslogs-group"}, "gelf": {"gelf-address"}, "splunk": {"splunk-token", "splunk-url"}, "logentries": {"logentries-token"},
		"loki": {"loki-url"}, "loki-docker-driver": {"loki-url"}, "sumologic": {"sumo-url"},
	}
	for _, key := range required[loggingDriver(service)] {
		if loggingOptions(service)[key] == "" {
			return key
		}
	}
	return ""
}

// seesLogsOf reports whether a shipper can see a service's logs.
func seesLogsOf(shipper, service types.ServiceConfig, driver string) bool {
	if slices.Contains(engineDrivers(), driver) && driver != "none" && seesEngine(shipper, driver) {
		return true
	}
	for _, m := range shipper.Volumes {
		if m.Source != "" && !isSystemPath(m.Source) && !holdsNoLogs(m.Source) && slices.ContainsFunc(service.Volumes, func(own types.ServiceVolumeConfig) bool {
			return !own.ReadOnly && own.Source == m.Source || !own.ReadOnly && own.Type == types.VolumeTypeBind && strings.HasPrefix(own.Source, m.Source+"/")
		}) {
			return true
		}
	}
	return false
}

// isSystemPath reports whether a path on the host holds no logs: /etc/localtime is mounted into many containers.
func isSystemPath(source string) bool {
	return slices.ContainsFunc([]string{"/etc", "/usr", "/proc", "/sys", "/dev", "/run/docker.sock", "/var/run/docker.sock"}, func(dir string) bool {
		return source == dir || strings.HasPrefix(source, dir+"/")
	})
}

// holdsNoLogs reports whether a folder or volume that a shipper shares with a service holds something else by its name:
// certificates, configuration, sites.
func holdsNoLogs(source string) bool {
	words := strings.FieldsFunc(strings.ToLower(path.Base(source)), func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	return slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains([]string{"cert", "certs", "certificates", "ssl", "tls", "pki", "ca", "crt", "pem", "key", "keys", "letsencrypt", "acme", "conf", "config", "configs",
			"secret", "secrets", "static", "www", "html", "public", "assets", "media", "uploads", "geoip", "localtime", "timezone", "zoneinfo", "env", "yml", "yaml", "sock"}, word)
	}) && !slices.Contains(words, "log") && !slices.Contains(words, "logs")
}

// seesSomeLogs reports whether a shipper sees what any driver of the Docker Engine keeps.
func seesSomeLogs(shipper types.ServiceConfig) bool {
	return seesEngine(shipper, "json-file") || seesEngine(shipper, "journald")
}

// seesEngine reports whether a shipper has access to what a driver of the Docker Engine keeps: the engine's socket, its
// address or the folder in which the driver writes. The files of driver local have a format of their own.
func seesEngine(shipper types.ServiceConfig, driver string) bool {
	if _, ok := shipper.Environment["DOCKER_HOST"]; ok {
		return true
	}
	places := []string{"/var/run/docker.sock", "/run/docker.sock"}
	switch driver {
	case "json-file":
		places = append(places, "/var/lib/docker/containers")
	case "journald":
		places = append(places, "/var/log/journal", "/run/log/journal")
	}
	return slices.ContainsFunc(shipper.Volumes, func(m types.ServiceVolumeConfig) bool {
		source := strings.TrimSuffix(m.Source, "/")
		return m.Type == types.VolumeTypeBind && slices.ContainsFunc(places, func(seen string) bool {
			return source == seen || strings.HasPrefix(seen, source+"/") // the folder itself, or one above it
		})
	})
}
