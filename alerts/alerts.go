// Package alerts contains the Prometheus rules and the Alertmanager configuration embedded in the binary. It reads
// nothing but embedded files and imports nothing of the project.
package alerts

import (
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultJob is the default scrape job of the rules.
const DefaultJob = "catalyst"

//go:embed catalyst.rules.yml
var rules string

//go:embed alertmanager.yml
var alertmanager string

// Rules returns the recording and alerting rules as a complete Prometheus rule file for a scrape job; "" is DefaultJob.
// A job name with control characters or invalid UTF-8 is an error.
func Rules(job string) ([]byte, error) {
	if job == "" {
		job = DefaultJob
	}
	if !utf8.ValidString(job) {
		return nil, errors.New("job name is not valid UTF-8: use the job_name of the scrape configuration")
	}
	for _, r := range job {
		if !unicode.IsPrint(r) {
			return nil, fmt.Errorf("job name %q contains the unprintable character %U: use the job_name of the scrape configuration", job, r)
		}
	}
	// Every expression is a block scalar, so a PromQL string needs no YAML quoting. PromQL uses Go's string syntax.
	return []byte(strings.ReplaceAll(rules, matcher(DefaultJob), matcher(job))), nil
}

// Resource returns the rules as a PrometheusRule of the Prometheus Operator.
func Resource(job string) ([]byte, error) {
	text, err := Rules(job)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(resourceHeader)
	for line := range strings.Lines(string(text)) {
		if line != "\n" {
			line = "  " + line
		}
		b.WriteString(line)
	}
	return []byte(b.String()), nil
}

const resourceHeader = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: catalyst
  labels:
    app.kubernetes.io/name: catalyst-exporter
spec:
`

func matcher(job string) string { return "job=" + strconv.Quote(job) }

// Alertmanager returns a complete Alertmanager configuration: pages go to PagerDuty and Slack, tickets to Slack. Keys
// are read from files named in it.
func Alertmanager() []byte { return []byte(alertmanager) }

// AlertmanagerFragment returns only the routes, receivers and inhibitions, to be merged into an existing configuration:
// each list goes before the existing list of the same name.
func AlertmanagerFragment() []byte {
	return []byte(fragmentHeader +
		"\nroute:\n  routes:\n" + section("routes") +
		"\nreceivers:\n" + section("receivers") +
		"\n# Sources match on severity too: a ticket never mutes a page.\ninhibit_rules:\n" + section("inhibit_rules"))
}

const fragmentHeader = `# Merge into an existing alertmanager.yml. Put each list before the existing list of the same name: these routes must come
# before a catch-all route. Change receivers as needed, but keep the severities apart.
#
# The receivers read their keys from files (readable by Alertmanager only):
#   /etc/alertmanager/secrets/pagerduty_routing_key   the integration key of an Events API v2 integration
#   /etc/alertmanager/secrets/slack_webhook_url       the URL of an incoming webhook
# Then: amtool check-config alertmanager.yml
`

// section returns the lines between two marks of the configuration.
func section(name string) string {
	_, rest, found := strings.Cut(alertmanager, "# -- catalyst: begin of "+name+"\n")
	end := strings.Index(rest, "# -- catalyst: end of "+name+"\n")
	if !found || end < 0 {
		panic("alertmanager.yml has lost the marks around " + name)
	}
	return rest[:strings.LastIndexByte(rest[:end], '\n')+1]
}
