package monitoring

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// Which values of integrations are still placeholders, and which addresses nobody can listen on.

var (
	// amCredential and amAddress match keys whose values decide whether somebody is notified.
	amCredential = lazyregexp.New(`(?:^|[._])(?:key|token|secret|password|credentials|token_id)$`)
	amAddress    = lazyregexp.New(`(?:^|[._])(?:url|to|smarthost|from)$`)
	// amAction matches a template action that uses the alert, as opposed to a variable of a deployment tool.
	amAction = lazyregexp.New(`\{\{-?\s*(?:[^{}]*[.$]|(?:template|end|else)\b)[^{}]*\}\}`)
)

// isAlertmanagerPlaceholder reports whether the value of a key is still a placeholder. Alertmanager does not expand
// variables, so ${KEY} is a placeholder too.
func isAlertmanagerPlaceholder(key, value string) bool {
	value = amAction.ReplaceAllString(value, "")
	switch {
	case amCredential.MatchString(key):
		return secretvalue.IsPlaceholder(value) || secretvalue.IsTriedFirst(value) || len(value) > 3 && len(secretvalue.Period(value)) == 1 // aaaaaaaa
	case amAddress.MatchString(key):
		return secretvalue.IsUnfilled(value) || secretvalue.SecretMark(value) || secretvalue.AddressBlank.MatchString(value) || secretvalue.HasPlaceholderDomain(value)
	}
	return false
}

// judgeAddress reports a key whose value must be a callable URL but is not. Values that contain a template are skipped.
func judgeAddress(report func(probe.Reason, string, ...any), key, value, what string) {
	if !alertmanager.CallableKey.MatchString(key) || strings.Contains(value, "{{") {
		return
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		report(probe.ReasonInvalid, "%s is not an http or https URL", what)
	case u.Hostname() == "hooks.slack.com" && strings.HasPrefix(u.Path, "/services") && len(strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })) < 4:
		report(probe.ReasonTruncated, "%s is not a complete Slack incoming webhook: three parts must follow /services/", what)
	}
}

// judgeLoopback warns about a receiver on the host or in the container of Alertmanager itself: usually nobody listens
// there. The configuration that Alertmanager ships has one, and so has the one that Debian installs (root@localhost).
func judgeLoopback(f *probe.ResultBuilder, am *alertmanager.Config, i alertmanager.Integration, at func(int) string) {
	for _, key := range slices.Sorted(maps.Keys(i.Fields)) {
		u, err := url.Parse(i.Fields[key].Value)
		if alertmanager.CallableKey.MatchString(key) && err == nil && alertmanager.IsLoopback(u.Hostname()) {
			f.Warn(probe.ReasonWeak, "%s: %s is on the loopback interface of Alertmanager itself", at(i.Fields[key].Line), key)
		}
	}
	if i.Kind != "email" {
		return
	}
	server, key := i.Fields["smarthost"], "smarthost"
	if server.Value == "" {
		server, key = am.Global["smtp_smarthost"], "smtp_smarthost"
	}
	if host, _, _ := alertmanager.CutPort(server.Value); alertmanager.IsLoopback(host) {
		f.Warn(probe.ReasonWeak, "%s: %s is on the loopback interface of Alertmanager itself", at(server.Line), key)
	}
	for _, address := range strings.Split(i.Fields["to"].Value, ",") {
		if unread.MatchString(address) {
			f.Warn(probe.ReasonWeak, "%s: to is a mailbox that nobody reads", at(i.Fields["to"].Line))
		}
		if _, host, ok := strings.Cut(strings.Trim(address, " <>"), "@"); ok && alertmanager.IsLoopback(host) {
			f.Warn(probe.ReasonWeak, "%s: to is a mailbox on localhost, which is rarely read", at(i.Fields["to"].Line))
			break
		}
	}
}

// judgeHosts warns about receivers whose address has a name that no service of the compose file has.
func (s amSource) judgeHosts(f *probe.ResultBuilder) {
	if s.keys.service == "" {
		return
	}
	for _, receiver := range s.config.Receivers {
		for _, i := range receiver.Integrations {
			for _, key := range slices.Sorted(maps.Keys(i.Fields)) {
				host := ""
				if u, err := url.Parse(i.Fields[key].Value); err == nil && alertmanager.CallableKey.MatchString(key) {
					host = u.Hostname()
				} else if key == "smarthost" {
					host, _, _ = alertmanager.CutPort(i.Fields[key].Value)
				}
				if host != "" && !alertmanager.IsLoopback(host) && unresolved(s.keys.compose, s.keys.service, host) {
					f.Warn(probe.ReasonUnreachable, "%s:%d: %s has the name of no service in the compose file", s.shown, i.Fields[key].Line, key)
				}
			}
		}
	}
}

// unread matches mailboxes that nobody reads.
var unread = lazyregexp.New(`(?i)^\W*(?:dev-?null|null|black-?hole|no-?reply|do-?not-?reply|nobody|trash|discard)[+@]`)
