package probe

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

func TestComposeLogging_Verdicts(t *testing.T) {
	const (
		db     = "  db:\n    image: postgres:16\n"
		socket = "    volumes: ['/var/run/docker.sock:/var/run/docker.sock:ro']\n"
	)
	driver := func(name string) string { return "    logging: {driver: " + name + "}\n" }
	tests := []struct {
		name, services string
		spec, loki     string
		state          State
		reason         Reason
		detail         string
	}{
		{"nothing configured", webService + db, "{}", "", StateSkip, ReasonNotConfigured, "Loki is not configured"},
		{"engine's drivers ship nothing", webService + driver("json-file") + db + driver("journald"), "{}", "", StateSkip, ReasonNotConfigured, ""},
		{"Loki configured, nothing ships", webService, "{}", "http://loki:3100", StateSkip, ReasonNotConfigured, "the Loki probe checks whether they arrive"},
		{"Loki configured, only an unknown plugin", webService + driver("acme/logs"), "{}", "http://loki:3100", StateFail, ReasonMissing, "no known logging driver or service ships logs"},
		{"all by driver", webService + driver("gelf") + db + driver("fluentd"), "{}", "", StatePass, ReasonNone, "2 services"},
		{"old attribute", webService + "    log_driver: awslogs\n", "{}", "", StatePass, ReasonNone, "1 service"},
		{"plugin", webService + driver("grafana/loki-docker-driver:2.9.1"), "{}", "http://loki:3100", StatePass, ReasonNone, ""},
		{"plugin by alias", webService + driver("loki"), "{}", "", StatePass, ReasonNone, ""},
		{"URL from the documentation", webService + "    logging: {driver: loki, options: {loki-url: 'https://logs.example.com/push'}}\n", "{}", "", StateFail, ReasonPlaceholder, "logging option loki-url of service web"},
		{"placeholder in the URL", webService + "    logging: {driver: loki, options: {loki-url: 'https://u:CHANGE_ME@logs.acme.net/push', max-size: 1m}}\n", "{}", "", StateFail, ReasonPlaceholder, "loki-url"},
		{"placeholder token", webService + "    logging: {driver: splunk, options: {splunk-url: 'https://logs.acme.net', splunk-token: my-token}}\n", "{}", "", StateFail, ReasonPlaceholder, "splunk-token"},
		{"URL and tag template", webService + "    logging: {driver: loki, options: {loki-url: 'https://logs.acme.net/push', tag: '{{.Name}}'}}\n", "{}", "", StatePass, ReasonNone, ""},
		{"some by driver", webService + driver("gelf") + db, "{}", "", StateWarn, ReasonMissing, "no shipper found for the logs of db"},
		{"unknown plugin", webService + driver("acme/marked-value") + db + driver("gelf"), "{}", "", StateWarn, ReasonMissing, "to the probe's drivers if it ships logs): web"},
		{"unknown plugin alone", webService + driver("acme/logs"), "{}", "", StateFail, ReasonMissing, ""},
		{"unknown plugin named", webService + driver("acme/logs:1"), "{drivers: [logs]}", "", StatePass, ReasonNone, ""},
		{"local syslog", webService + driver("syslog"), "{}", "", StateWarn, ReasonWeak, "syslog-address"},
		{"syslog to a socket", webService + "    logging: {driver: syslog, options: {syslog-address: 'unixgram:///dev/log'}}\n", "{}", "", StateWarn, ReasonWeak, "web"},
		{"remote syslog", webService + "    logging: {driver: syslog, options: {syslog-address: 'tcp://10.0.0.9:514'}}\n", "{}", "", StatePass, ReasonNone, ""},
		{"shipper with the socket", webService + db + "  tail:\n    image: grafana/promtail:3.0\n" + socket, "{}", "", StatePass, ReasonNone, "2 services"},
		{"shipper with the log folder", webService + "  tail:\n    image: registry.local:5000/vector\n    volumes: ['/var/lib/docker/containers/:/logs:ro']\n", "{}", "", StatePass, ReasonNone, ""},
		{"shipper with a folder above", webService + "  tail:\n    image: otel/opentelemetry-collector-contrib@sha256:" + sixtyFour + "\n    volumes: ['/var/lib/docker:/d:ro']\n", "{}", "", StatePass, ReasonNone, ""},
		{"shipper with the engine's address", webService + "  tail:\n    image: grafana/alloy\n    environment: {DOCKER_HOST: 'tcp://proxy:2375'}\n", "{}", "", StatePass, ReasonNone, ""},
		{"shipper that sees nothing", webService + "  tail:\n    image: fluent/fluent-bit\n", "{}", "", StateWarn, ReasonMissing, "web (tail has neither the Docker socket"},
		{"shipper behind a driver", webService + driver("fluentd") + db + "  tail:\n    image: fluent/fluent-bit\n", "{}", "", StateWarn, ReasonMissing, "no shipper found for the logs of db (tail"},
		{"driver none with a shipper", webService + driver("none") + db + "  tail:\n    image: grafana/promtail\n" + socket, "{}", "", StateWarn, ReasonMissing, "no shipper found for the logs of web"},
		{"shared volume", webService + "    volumes: ['logs:/var/log/nginx']\n  tail:\n    image: elastic/filebeat\n    volumes: ['logs:/logs:ro']\n", "{}", "", StatePass, ReasonNone, ""},
		{"shared folder", webService + "    volumes: ['./logs/web:/var/log/nginx']\n  tail:\n    image: elastic/filebeat\n    volumes: ['./logs:/logs:ro']\n", "{}", "", StatePass, ReasonNone, ""},
		{"shipper built here", webService + "  promtail:\n    build: .\n" + socket, "{}", "", StatePass, ReasonNone, ""},
		{"shipper by the spec", webService + "  forward:\n    image: acme/forward\n" + socket, "{shippers: [forward]}", "", StatePass, ReasonNone, "1 service"},
		{"service name of a shipper, other image", webService + "  vector:\n    image: acme/search\n" + socket, "{}", "", StateSkip, ReasonNotConfigured, ""},
		{"stores are not checked", webService + driver("loki") + "  loki:\n    image: grafana/loki:3.0\n", "{}", "", StatePass, ReasonNone, "1 service"},
		{"only a shipper and its store", "  loki:\n    image: grafana/loki:3.0\n  tail:\n    image: grafana/promtail\n" + socket, "{}", "", StateUnknown, ReasonNotConfigured, "no active service"},
		{"invalid model", webService + "    ports: 80\n", "{}", "", StateUnknown, ReasonBlocked, "compose_syntax"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := look(t, newPass(t, compose(tt.services), deployment.Settings{Loki: deployment.Loki{URL: tt.loki}}), composeLoggingKind(), tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, "marked-value")
		})
	}
}
