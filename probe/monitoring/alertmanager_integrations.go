package monitoring

import (
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// What each Alertmanager integration needs to notify somebody (its documentation, "Receiver integration settings"), and
// which values are still placeholders.

// amNeed is a setting that an integration cannot do without.
type amNeed struct {
	own    []string // keys of the integration, one of which must be set
	global []string // keys of the global section used when none of its own is set
}

// withFile returns the keys, each followed by its variant that names a file.
func withFile(keys ...string) []string {
	var all []string
	for _, k := range keys {
		all = append(all, k, k+"_file")
	}
	return all
}

// amNeeds returns the needs of each known integration.
func amNeeds() map[string][]amNeed {
	own := func(keys ...string) amNeed { return amNeed{own: keys} }
	or := func(own []string, global ...string) amNeed { return amNeed{own, global} }
	webhook := []amNeed{own(withFile("webhook_url")...)}
	return map[string][]amNeed{
		"discord":    webhook,
		"email":      {own("to"), or([]string{"smarthost"}, "smtp_smarthost"), or([]string{"from"}, "smtp_from")},
		"incidentio": {own(withFile("url")...)},
		"jira":       {or([]string{"api_url"}, "jira_api_url"), own("project"), own("issue_type")},
		"mattermost": {or(withFile("webhook_url"), withFile("mattermost_webhook_url")...)},
		"msteams":    webhook,
		"msteamsv2":  webhook,
		"opsgenie":   {or(withFile("api_key"), withFile("opsgenie_api_key")...)},
		"pagerduty":  {own(withFile("service_key", "routing_key")...)},
		"pushover":   {own(withFile("user_key")...), own(withFile("token")...)},
		"rocketchat": {or(withFile("token"), withFile("rocketchat_token")...), or(withFile("token_id"), withFile("rocketchat_token_id")...)},
		"slack":      {or(withFile("api_url", "app_token"), withFile("slack_api_url", "slack_app_token")...)},
		"sns":        {own("topic_arn", "phone_number", "target_arn")},
		"telegram":   {or(withFile("bot_token"), withFile("telegram_bot_token")...), own(withFile("chat_id")...)},
		"victorops":  {or(withFile("api_key"), withFile("victorops_api_key")...), own("routing_key")},
		"webex":      {own("room_id")},
		"webhook":    {own(withFile("url")...)},
		"wechat":     {or(withFile("api_secret"), withFile("wechat_api_secret")...), or([]string{"corp_id"}, "wechat_api_corp_id")},
	}
}

// amKinds returns the keys under which integrations are listed.
func amKinds() []string {
	var keys []string
	for _, kind := range slices.Sorted(maps.Keys(amNeeds())) {
		keys = append(keys, kind+"_configs")
	}
	return keys
}

// fallsBack returns the global keys that an integration uses because its own are unset, including the credentials of
// the mail server.
func (i amIntegration) fallsBack() []string {
	var keys []string
	for _, need := range amNeeds()[i.kind] {
		if !i.fields.set(need.own...) {
			keys = append(keys, need.global...)
		}
	}
	if i.kind == "email" {
		for _, k := range withFile("auth_password", "auth_secret") {
			if !i.fields.set(k) {
				keys = append(keys, "smtp_"+k)
			}
		}
	}
	return keys
}

var (
	// amCredential and amAddress match keys whose values decide whether somebody is notified.
	amCredential = regexp.MustCompile(`(?:^|[._])(?:key|token|secret|password|credentials|token_id)$`)
	amAddress    = regexp.MustCompile(`(?:^|[._])(?:url|to|smarthost|from)$`)
	// amAction matches a template action that uses the alert, as opposed to a variable of a deployment tool.
	amAction = regexp.MustCompile(`\{\{-?\s*(?:[^{}]*[.$]|(?:template|end|else)\b)[^{}]*\}\}`)
)

// isAlertmanagerPlaceholder reports whether the value of a key is still a placeholder. Alertmanager does not expand
// variables, so ${KEY} is a placeholder too.
func isAlertmanagerPlaceholder(key, value string) bool {
	value = amAction.ReplaceAllString(value, "")
	switch {
	case amCredential.MatchString(key):
		return secretvalue.IsPlaceholder(value) || secretvalue.IsTriedFirst(value) || len(value) > 3 && len(secretvalue.Period(value)) == 1 // aaaaaaaa
	case amAddress.MatchString(key):
		return secretvalue.IsUnfilled(value) || secretvalue.SecretMark.MatchString(value) || secretvalue.AddressBlank.MatchString(value) || secretvalue.HasPlaceholderDomain(value)
	}
	return false
}

// amCallableKey matches keys whose value is a URL that Alertmanager calls.
var amCallableKey = regexp.MustCompile(`^(?:url|(?:[a-z]+_)?(?:api|webhook)_url|pagerduty_url)$`)

// judgeAddress reports a key whose value must be a callable URL but is not. Values that contain a template are skipped.
func judgeAddress(report func(probe.Reason, string, ...any), key, value, what string) {
	if !amCallableKey.MatchString(key) || strings.Contains(value, "{{") {
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
func judgeLoopback(f *probe.ResultBuilder, am *alertmanagerConfigFile, i amIntegration, at func(int) string) {
	for _, key := range slices.Sorted(maps.Keys(i.fields)) {
		u, err := url.Parse(i.fields[key].value)
		if amCallableKey.MatchString(key) && err == nil && isLoopback(u.Hostname()) {
			f.Warn(probe.ReasonWeak, "%s: %s is on the loopback interface of Alertmanager itself", at(i.fields[key].line), key)
		}
	}
	if i.kind != "email" {
		return
	}
	server, key := i.fields["smarthost"], "smarthost"
	if server.value == "" {
		server, key = am.global["smtp_smarthost"], "smtp_smarthost"
	}
	if host, _, _ := cutPort(server.value); isLoopback(host) {
		f.Warn(probe.ReasonWeak, "%s: %s is on the loopback interface of Alertmanager itself", at(server.line), key)
	}
	for _, address := range strings.Split(i.fields["to"].value, ",") {
		if _, host, ok := strings.Cut(strings.Trim(address, " <>"), "@"); ok && isLoopback(host) {
			f.Warn(probe.ReasonWeak, "%s: to is a mailbox on localhost, which is rarely read", at(i.fields["to"].line))
			break
		}
	}
}

// cutPort splits host:port; the host of an IPv6 address is without its brackets.
func cutPort(address string) (host, port string, ok bool) {
	at := strings.LastIndexByte(address, ':')
	if at < 0 {
		return address, "", false
	}
	return strings.Trim(address[:at], "[]"), address[at+1:], true
}

func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsUnspecified()) || host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		strings.HasPrefix(host, "localhost.localdomain")
}

// deafReceivers returns the lines of used receivers whose integrations all are on loopback.
func (am *alertmanagerConfigFile) deafReceivers() []int {
	used := map[string]bool{}
	var walk func(r *amRoute)
	walk = func(r *amRoute) {
		used[r.receiver] = true
		for _, child := range r.routes {
			walk(child)
		}
	}
	if am.root == nil {
		return nil
	}
	walk(am.root)
	var lines []int
	for _, r := range am.receivers {
		if used[r.name] && len(r.integrations) > 0 && !slices.ContainsFunc(r.integrations, func(i amIntegration) bool { return !am.onLoopback(i) }) {
			lines = append(lines, r.line)
		}
	}
	return lines
}

// onLoopback reports whether an integration calls a server on the loopback interface.
func (am *alertmanagerConfigFile) onLoopback(i amIntegration) bool {
	if i.kind == "email" {
		server := i.fields["smarthost"].value
		if server == "" {
			server = am.global["smtp_smarthost"].value
		}
		host, _, _ := cutPort(server)
		return isLoopback(host)
	}
	for key, field := range i.fields {
		if u, err := url.Parse(field.value); amCallableKey.MatchString(key) && err == nil && isLoopback(u.Hostname()) {
			return true
		}
	}
	return false
}
