package composecheck

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// What the Docker daemon adds to a service's logging: its default driver, and that driver's options (documentation of Docker,
// "Configure logging drivers"). A driver runs in the daemon, which knows no names of a compose network.

// daemonLogging is the part of daemon.json about logs.
type daemonLogging struct {
	known   bool              // daemon.json was read
	Driver  string            `json:"log-driver"`
	Options map[string]string `json:"log-opts"`
}

// maxDaemonFile bounds daemon.json.
const maxDaemonFile = 1 << 20

// readDaemon reads the daemon's configuration below the host's root. An absent, unreadable or invalid file leaves it unknown.
func readDaemon(p *probe.Pass) *daemonLogging {
	path := filepath.Join(p.Deployment.Abs(p.Deployment.Firewall.HostRoot), "etc/docker/daemon.json")
	d, err := files.Load(p.Files, path, "daemon logging", maxDaemonFile, func(data []byte, _ fs.FileInfo) (*daemonLogging, error) {
		d := &daemonLogging{}
		if err := json.Unmarshal(data, d); err != nil {
			return nil, errors.New("invalid daemon.json")
		}
		d.known = true
		return d, nil
	})
	if err != nil {
		return nil
	}
	return d
}

// withDefaults returns a service with the driver and the options that the daemon gives it.
func (d *daemonLogging) withDefaults(s types.ServiceConfig) types.ServiceConfig {
	if d == nil || d.Driver == "" {
		return s
	}
	own := s.LogDriver
	if s.Logging != nil && s.Logging.Driver != "" {
		own = s.Logging.Driver
	}
	if own != "" && own != d.Driver {
		return s
	}
	options := types.Options{}
	for key, value := range d.Options {
		options[key] = value
	}
	for key, value := range loggingOptions(s) {
		options[key] = value
	}
	s.Logging = &types.LoggingConfig{Driver: d.Driver, Options: options}
	return s
}

// judgeOptions reports what Docker refuses, and addresses that the daemon cannot reach.
func (d *daemonLogging) judgeOptions(f *probe.ResultBuilder, c *compose.Model, asked []types.ServiceConfig) {
	for _, service := range asked {
		if key := missingOption(service); key != "" {
			tell := f.Warn
			if d != nil && d.known {
				tell = f.Fail
			}
			tell(probe.ReasonMissing, "logging driver %s of service %s has no %s: Docker does not start the service",
				loggingDriver(service), service.Name, key)
			f.Offend(offender(c, service.Name, "logging_option_missing", "logging"))
		}
		addresses := addressesOf(c, service)
		for _, key := range slices.Sorted(maps.Keys(addresses)) {
			value := addresses[key]
			host, port := optionAddress(key, value)
			switch {
			case refusedAddress(key, value):
				f.Fail(probe.ReasonInvalid, "%s of service %s is not an address that logging driver %s accepts, such as %s: Docker does not start the service",
					key, service.Name, loggingDriver(service), exampleAddresses()[key])
			case host == "" && strings.HasSuffix(key, "-address") && strings.Contains(value, "://") && !strings.HasPrefix(value, "unix"):
				f.Warn(probe.ReasonInvalid, "%s of service %s has no host", key, service.Name)
			case host == "":
			case isService(c, host):
				f.Fail(probe.ReasonInvalid, "%s of service %s is a name of the compose network, which the Docker daemon cannot resolve. "+
					"Publish the port on loopback and use 127.0.0.1", key, service.Name)
			case slices.Contains(receiverNames(), host):
				f.Warn(probe.ReasonInvalid, "%s of service %s is %s, as containers are named: the Docker daemon resolves names on the host only. "+
					"Use an address, or a name with a domain", key, service.Name, host)
			case host == "host.docker.internal" || host == "gateway.docker.internal":
				f.Warn(probe.ReasonInvalid, "%s of service %s is %s, a name for containers: the Docker daemon on Linux does not resolve it. "+
					"Use 127.0.0.1", key, service.Name, host)
			case isLocalHost(host) && !publishes(c, port):
				f.Warn(probe.ReasonWeak, "%s of service %s is this host, and no service publishes that port", key, service.Name)
			}
		}
	}
}

// receiverNames are names that containers of log receivers usually have, and hosts do not.
func receiverNames() []string {
	return []string{"loki", "loki-gateway", "fluentd", "fluent-bit", "fluentbit", "graylog", "logstash", "elasticsearch", "opensearch", "vector", "promtail", "alloy", "otel-collector", "splunk"}
}

// exampleAddresses are options whose value Docker or the driver's plugin checks before it starts a container.
func exampleAddresses() map[string]string {
	return map[string]string{
		"gelf-address": "udp://logs.example.org:12201", "syslog-address": "tcp://logs.example.org:514", "fluentd-address": "tcp://127.0.0.1:24224",
		"splunk-url": "https://splunk.example.org:8088", "loki-url": "https://loki.example.org/loki/api/v1/push",
	}
}

// refusedAddress reports whether a driver refuses the value of an option.
func refusedAddress(key, value string) bool {
	if exampleAddresses()[key] == "" || value == "" {
		return false // unset, see missingOption
	}
	scheme, rest, ok := strings.Cut(value, "://")
	u, err := url.Parse(value)
	switch key {
	case "gelf-address":
		return !ok || err != nil || scheme != "udp" && scheme != "tcp" || u.Port() == ""
	case "syslog-address":
		return !ok || err != nil || !slices.Contains([]string{"tcp", "udp", "tcp+tls", "unix", "unixgram"}, scheme) || rest == ""
	case "fluentd-address":
		return ok && (err != nil || !slices.Contains([]string{"tcp", "tls", "unix"}, scheme))
	}
	return !ok || err != nil || scheme != "http" && scheme != "https" || u.Hostname() == ""
}

// addressesOf returns the logging options of a service with the address that its driver uses without one. Without a
// receiver in the compose file, it is on the host.
func addressesOf(c *compose.Model, service types.ServiceConfig) map[string]string {
	options := loggingOptions(service)
	if loggingDriver(service) != "fluentd" || options["fluentd-address"] != "" || !slices.ContainsFunc(c.Services(), func(name string) bool {
		return compose.RunsImage(c.Project.Services[name], []string{"fluentd", "fluent-bit", "fluentbit"})
	}) {
		return options
	}
	with := maps.Clone(options)
	if with == nil {
		with = map[string]string{}
	}
	with["fluentd-address"] = "127.0.0.1:24224"
	return with
}

// optionAddress returns host and port of an option that is the address of a log receiver; "" for others.
func optionAddress(key, value string) (host, port string) {
	if !strings.HasSuffix(key, "-address") && !strings.HasSuffix(key, "-url") || key == "awslogs-endpoint" {
		return "", ""
	}
	if !strings.Contains(value, "://") {
		value = "tcp://" + value
	}
	u, err := url.Parse(value)
	if err != nil || strings.HasPrefix(u.Scheme, "unix") {
		return "", ""
	}
	defaults := map[string]string{"http": "80", "https": "443", "fluentd-address": "24224", "syslog-address": "514", "gelf-address": "12201"}
	port = u.Port()
	for _, name := range []string{key, u.Scheme} {
		if port == "" {
			port = defaults[name]
		}
	}
	return u.Hostname(), port
}

// isService reports whether a host is a name of the compose network. A full domain name may be another host.
func isService(c *compose.Model, host string) bool {
	_, ok := c.ServiceOf(host)
	return ok && !strings.Contains(host, ".")
}

func isLocalHost(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}

// publishes reports whether a service publishes a port of the host, or listens on the host's network.
func publishes(c *compose.Model, port string) bool {
	return len(c.HostNetwork()) > 0 || slices.ContainsFunc(c.Published(), func(p compose.PublishedPort) bool {
		return within(p, port)
	})
}

func within(p compose.PublishedPort, port string) bool {
	n := 0
	for _, digit := range port {
		if digit < '0' || digit > '9' {
			return false
		}
		n = n*10 + int(digit-'0')
	}
	return p.First > 0 && p.First <= n && n <= p.Last
}
