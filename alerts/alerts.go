// Package alerts holds what pages on drift: the Prometheus rules and the Alertmanager configuration that ship inside the
// binary. It reads nothing but what is embedded in it and imports nothing of the project.
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

// DefaultJob is the scrape job the rules select unless told otherwise.
const DefaultJob = "catalyst"

//go:embed catalyst.rules.yml
var rules string

//go:embed alertmanager.yml
var alertmanager string

// Rules returns the recording and alerting rules, a complete rule file for Prometheus, for the scrape job of that name; ""
// stands for DefaultJob. A name that cannot stand in a rule file (control characters, broken UTF-8) is an error.
func Rules(job string) ([]byte, error) {
	if job == "" {
		job = DefaultJob
	}
	if !utf8.ValidString(job) {
		return nil, errors.New("job name is not valid UTF-8: give the job_name of the scrape configuration")
	}
	for _, r := range job {
		if !unicode.IsPrint(r) {
			return nil, fmt.Errorf("job name %q holds %U, which cannot be printed: give the job_name of the scrape configuration", job, r)
		}
	}
	// Every expression is a block scalar, in which a string of PromQL needs no further quoting. PromQL's strings are Go's.
	return []byte(strings.ReplaceAll(rules, matcher(DefaultJob), matcher(job))), nil
}

func matcher(job string) string { return "job=" + strconv.Quote(job) }

// Alertmanager returns a complete configuration of Alertmanager: pages go to PagerDuty and Slack, tickets to Slack. Keys are
// read from files that the configuration names.
func Alertmanager() []byte { return []byte(alertmanager) }

// AlertmanagerFragment returns the same routes, receivers and inhibitions without the rest, to be merged into the
// configuration of an Alertmanager that exists: each list goes before the list of the same place there.
func AlertmanagerFragment() []byte {
	return []byte(fragmentHeader +
		"\nroute:\n  routes:\n" + section("routes") +
		"\nreceivers:\n" + section("receivers") +
		"\n# Sources are named by severity too: a ticket never mutes a page.\ninhibit_rules:\n" + section("inhibit_rules"))
}

const fragmentHeader = `# To be merged into an alertmanager.yml that exists. Each list goes before the list of the same place there: these routes must
# be asked before one that takes everything. Change receivers as you like, but keep the severities apart.
#
# The receivers read their keys from files (readable by Alertmanager alone):
#   /etc/alertmanager/secrets/pagerduty_routing_key   the integration key of an Events API v2 integration
#   /etc/alertmanager/secrets/slack_webhook_url       the URL of an incoming webhook
# Then: amtool check-config alertmanager.yml
`

// section cuts the lines between two marks out of the configuration.
func section(name string) string {
	_, rest, found := strings.Cut(alertmanager, "# -- catalyst: begin of "+name+"\n")
	end := strings.Index(rest, "# -- catalyst: end of "+name+"\n")
	if !found || end < 0 {
		panic("alertmanager.yml has lost the marks around " + name)
	}
	return rest[:strings.LastIndexByte(rest[:end], '\n')+1]
}
