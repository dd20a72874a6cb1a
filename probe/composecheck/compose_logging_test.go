package composecheck

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestComposeLogging_Verdicts(t *testing.T) {
	const (
		db     = "  db:\n    image: postgres:16\n"
		socket = "    volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']\n"
	)
	driver := func(name string) string {
		options := map[string]string{
			"gelf": "gelf-address: 'udp://10.0.0.9:12201'", "loki": "loki-url: 'https://logs.acme.net/push'",
			"grafana/loki-docker-driver:2.9.1": "loki-url: 'https://logs.acme.net/push'",
		}
		return "    logging: {driver: " + name + ", options: {" + options[name] + "}}\n"
	}
	tail := func(mount string) string {
		return "  tail:\n    image: grafana/promtail:3.0\n    volumes: ['" + mount + ":/logs:ro']\n"
	}
	tests := []struct {
		name, services string
		spec, loki     string
		state          probe.State
		reason         probe.Reason
		detail         string
	}{
		{"nothing configured", probetest.WebService + db, "{}", "", probe.StateSkip, probe.ReasonNotConfigured, "Loki is not configured"},
		{"engine's drivers ship nothing", probetest.WebService + driver("json-file") + db + driver("journald"), "{}", "", probe.StateSkip, probe.ReasonNotConfigured, ""},
		{"Loki configured, nothing ships", probetest.WebService, "{}", "http://loki:3100", probe.StateSkip, probe.ReasonNotConfigured, "the Loki probe checks whether they arrive"},
		{"Loki configured, only an unknown plugin", probetest.WebService + driver("acme/logs"), "{}", "http://loki:3100", probe.StateFail, probe.ReasonMissing, "no known logging driver or service ships logs"},
		{"all by driver", probetest.WebService + driver("gelf") + db + driver("fluentd"), "{}", "", probe.StatePass, probe.ReasonNone, "2 services"},
		{"old attribute", probetest.WebService + "    log_driver: awslogs\n    log_opt: {awslogs-group: shop}\n", "{}", "", probe.StatePass, probe.ReasonNone, "1 service"},
		{"plugin", probetest.WebService + driver("grafana/loki-docker-driver:2.9.1"), "{}", "http://loki:3100", probe.StatePass, probe.ReasonNone, ""},
		{"plugin by alias", probetest.WebService + driver("loki"), "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"URL from the documentation", probetest.WebService + "    logging: {driver: loki, options: {loki-url: 'https://logs.example.com/push'}}\n", "{}", "", probe.StateFail, probe.ReasonPlaceholder, "logging option loki-url of service web"},
		{"placeholder in the URL", probetest.WebService + "    logging: {driver: loki, options: {loki-url: 'https://u:CHANGE_ME@logs.acme.net/push', max-size: 1m}}\n", "{}", "", probe.StateFail, probe.ReasonPlaceholder, "loki-url"},
		{"placeholder token", probetest.WebService + "    logging: {driver: splunk, options: {splunk-url: 'https://logs.acme.net', splunk-token: my-token}}\n", "{}", "", probe.StateFail, probe.ReasonPlaceholder, "splunk-token"},
		{"URL and tag template", probetest.WebService + "    logging: {driver: loki, options: {loki-url: 'https://logs.acme.net/push', tag: '{{.Name}}'}}\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"some by driver", probetest.WebService + driver("gelf") + db, "{}", "", probe.StateWarn, probe.ReasonMissing, "no shipper found for the logs of db"},
		{"unknown plugin", probetest.WebService + driver("acme/marked-value") + db + driver("gelf"), "{}", "", probe.StateWarn, probe.ReasonMissing, "to the probe's drivers if it ships logs): web"},
		{"unknown plugin alone", probetest.WebService + driver("acme/logs"), "{}", "", probe.StateFail, probe.ReasonMissing, ""},
		{"unknown plugin named", probetest.WebService + driver("acme/logs:1"), "{drivers: [logs]}", "", probe.StatePass, probe.ReasonNone, ""},
		{"local syslog", probetest.WebService + driver("syslog"), "{}", "", probe.StateWarn, probe.ReasonWeak, "syslog-address"},
		{"syslog to a socket", probetest.WebService + "    logging: {driver: syslog, options: {syslog-address: 'unixgram:///dev/log'}}\n", "{}", "", probe.StateWarn, probe.ReasonWeak, "web"},
		{"remote syslog", probetest.WebService + "    logging: {driver: syslog, options: {syslog-address: 'tcp://10.0.0.9:514'}}\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"shipper with the socket", probetest.WebService + db + "  tail:\n    image: grafana/promtail:3.0\n" + socket, "{}", "", probe.StatePass, probe.ReasonNone, "2 services"},
		{"shipper with the log folder", probetest.WebService + "  tail:\n    image: registry.local:5000/vector\n    volumes: ['/var/lib/docker/containers/:/logs:ro']\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"shipper with a folder above", probetest.WebService + "  tail:\n    image: otel/opentelemetry-collector-contrib@sha256:" + probetest.SixtyFour + "\n    volumes: ['/var/lib/docker:/d:ro']\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"shipper with the engine's address", probetest.WebService + "  tail:\n    image: grafana/alloy\n    environment: {DOCKER_HOST: 'tcp://proxy:2375'}\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"shipper that sees nothing", probetest.WebService + "  tail:\n    image: fluent/fluent-bit\n", "{}", "", probe.StateWarn, probe.ReasonMissing, "web (tail has neither the Docker socket"},
		{"shipper behind a driver", probetest.WebService + driver("fluentd") + db + "  tail:\n    image: fluent/fluent-bit\n", "{}", "", probe.StateWarn, probe.ReasonMissing, "no shipper found for the logs of db (tail"},
		{"driver none with a shipper", probetest.WebService + driver("none") + db + "  tail:\n    image: grafana/promtail\n" + socket, "{}", "", probe.StateWarn, probe.ReasonMissing, "no shipper found for the logs of web"},
		{"shared volume", probetest.WebService + "    volumes: ['logs:/var/log/nginx']\n  tail:\n    image: elastic/filebeat\n    volumes: ['logs:/logs:ro']\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"shared folder", probetest.WebService + "    volumes: ['./logs/web:/var/log/nginx']\n  tail:\n    image: elastic/filebeat\n    volumes: ['./logs:/logs:ro']\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"shipper built here", probetest.WebService + "  promtail:\n    build: .\n" + socket, "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"shipper by the spec", probetest.WebService + "  forward:\n    image: acme/forward\n" + socket, "{shippers: [forward]}", "", probe.StatePass, probe.ReasonNone, "1 service"},
		{"service name of a shipper, other image", probetest.WebService + "  vector:\n    image: acme/search\n" + socket, "{}", "", probe.StateSkip, probe.ReasonNotConfigured, ""},
		{"stores are not checked", probetest.WebService + driver("loki") + "  loki:\n    image: grafana/loki:3.0\n", "{}", "", probe.StatePass, probe.ReasonNone, "1 service"},
		{"only a shipper and its store", "  loki:\n    image: grafana/loki:3.0\n  tail:\n    image: grafana/promtail\n" + socket, "{}", "", probe.StateUnknown, probe.ReasonNotConfigured, "no active service"},
		{"gelf without an address", probetest.WebService + "    logging: {driver: gelf}\n", "{}", "", probe.StateWarn, probe.ReasonMissing, "logging driver gelf of service web has no gelf-address"},
		{"awslogs without a group", probetest.WebService + "    logging: {driver: awslogs, options: {awslogs-region: eu-west-1}}\n", "{}", "", probe.StateWarn, probe.ReasonMissing, "awslogs-group"},
		{"splunk without a URL", probetest.WebService + "    logging: {driver: splunk, options: {splunk-token: " + probetest.SixtyFour + "}}\n", "{}", "", probe.StateWarn, probe.ReasonMissing, "splunk-url"},
		{"fluentd needs no address", probetest.WebService + "    logging: {driver: fluentd}\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"shipper without replicas", probetest.WebService + "  tail:\n    image: grafana/promtail:3.0\n    deploy: {replicas: 0}\n" + socket, "{}", "", probe.StateSkip, probe.ReasonNotConfigured, ""},
		{"shipper scaled to none", probetest.WebService + "  tail:\n    image: grafana/promtail:3.0\n    scale: 0\n" + socket, "{}", "", probe.StateSkip, probe.ReasonNotConfigured, ""},
		{"shipper with two replicas", probetest.WebService + "  tail:\n    image: grafana/promtail:3.0\n    deploy: {replicas: 2}\n" + socket, "{}", "", probe.StatePass, probe.ReasonNone, "1 service"},
		{"json-file, other folder", probetest.WebService + tail("/var/log"), "{}", "", probe.StateWarn, probe.ReasonMissing, "no shipper found for the logs of web"},
		{"journald, journal", probetest.WebService + driver("journald") + tail("/var/log/journal"), "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"journald, volatile journal", probetest.WebService + driver("journald") + tail("/run/log/journal"), "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"journald, containers", probetest.WebService + driver("journald") + tail("/var/lib/docker/containers"), "{}", "", probe.StateWarn, probe.ReasonMissing, "web"},
		{"local, containers", probetest.WebService + driver("local") + tail("/var/lib/docker/containers"), "{}", "", probe.StateWarn, probe.ReasonMissing, "web"},
		{"local, socket", probetest.WebService + driver("local") + tail("/run/docker.sock"), "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"shared certificates", probetest.WebService + "    volumes: ['./ssl:/ssl']\n" + tail("./ssl"), "{}", "", probe.StateWarn, probe.ReasonMissing, "web"},
		{"shared and only read", probetest.WebService + "    volumes: ['data:/data:ro']\n" + tail("data"), "{}", "", probe.StateWarn, probe.ReasonMissing, "web"},
		{"address of a service", probetest.WebService + "    logging: {driver: fluentd, options: {fluentd-address: 'collector:24224'}}\n  collector:\n    image: fluent/fluentd:v1\n", "{}", "", probe.StateFail, probe.ReasonInvalid, "fluentd-address of service web is a name of the compose network"},
		{"URL of a service", probetest.WebService + "    logging: {driver: loki, options: {loki-url: 'http://loki:3100/loki/api/v1/push'}}\n  loki:\n    image: grafana/loki:3.0\n", "{}", "", probe.StateFail, probe.ReasonInvalid, "loki-url"},
		{"address elsewhere", probetest.WebService + "    logging: {driver: fluentd, options: {fluentd-address: 'logs.shop.io:24224'}}\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"loopback, published", probetest.WebService + "    logging: {driver: fluentd, options: {fluentd-address: 'localhost:24224'}}\n  collector:\n    image: fluent/fluentd:v1\n    ports: ['127.0.0.1:24224:24224']\n", "{}", "", probe.StatePass, probe.ReasonNone, ""},
		{"loopback, not published", probetest.WebService + "    logging: {driver: fluentd, options: {fluentd-address: 'localhost:24225'}}\n  collector:\n    image: fluent/fluentd:v1\n    ports: ['127.0.0.1:24224:24224']\n", "{}", "", probe.StateWarn, probe.ReasonWeak, "no service publishes that port"},
		{"shared time zone", probetest.WebService + "    volumes: ['/etc/localtime:/etc/localtime:ro']\n" + tail("/etc/localtime"), "{}", "", probe.StateWarn, probe.ReasonMissing, "web"},
		{"invalid model", probetest.WebService + "    ports: 80\n", "{}", "", probe.StateUnknown, probe.ReasonBlocked, "compose_syntax"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, probetest.Compose(tt.services), deployment.Settings{Loki: deployment.Loki{URL: tt.loki}, Firewall: deployment.Firewall{HostRoot: "nowhere"}}), LoggingKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "marked-value")
		})
	}
}

// TestComposeLogging_Daemon: daemon.json gives the default driver and its options, and only that driver's.
func TestComposeLogging_Daemon(t *testing.T) {
	for name, tt := range map[string]struct {
		daemon, service string
		state           probe.State
		reason          probe.Reason
	}{
		"options of the default driver": {`{"log-driver": "gelf", "log-opts": {"gelf-address": "udp://10.0.0.9:12201"}}`, "    logging: {driver: gelf}\n", probe.StatePass, probe.ReasonNone},
		"default driver":                {`{"log-driver": "gelf", "log-opts": {"gelf-address": "udp://10.0.0.9:12201"}}`, "", probe.StatePass, probe.ReasonNone},
		"options of another driver":     {`{"log-driver": "syslog", "log-opts": {"gelf-address": "udp://10.0.0.9:12201"}}`, "    logging: {driver: gelf}\n", probe.StateFail, probe.ReasonMissing},
		"no options":                    {`{}`, "    logging: {driver: gelf}\n", probe.StateFail, probe.ReasonMissing},
		"not JSON":                      {`{`, "    logging: {driver: gelf}\n", probe.StateWarn, probe.ReasonMissing},
	} {
		t.Run(name, func(t *testing.T) {
			folder := probetest.Compose(probetest.WebService+tt.service).With("host/etc/docker/daemon.json", tt.daemon)
			p := probetest.NewPass(t, folder, deployment.Settings{Firewall: deployment.Firewall{HostRoot: "host"}})
			probetest.Expect(t, probetest.Look(t, p, LoggingKind(), "{}"), tt.state, tt.reason, "")
		})
	}
}
