package probe

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// What an integration of Alertmanager needs to reach somebody (its documentation, "Receiver integration settings"), and which of its values are still
// to be replaced.

// amNeed is a setting without which an integration reaches nobody.
type amNeed struct {
	own    []string // keys of the integration, one of which must be set
	global []string // keys of the global section that stand in for them
}

// withFile are keys with the variants that name a file instead.
func withFile(keys ...string) []string {
	var all []string
	for _, k := range keys {
		all = append(all, k, k+"_file")
	}
	return all
}

// amNeeds are the needs of each known integration.
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

// amKinds are the keys under which integrations are listed.
func amKinds() []string {
	var keys []string
	for _, kind := range slices.Sorted(maps.Keys(amNeeds())) {
		keys = append(keys, kind+"_configs")
	}
	return keys
}

// fallsBack are the global keys that an integration takes because it has none of its own. Credentials of the mail server are taken too.
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
	// amCredential and amAddress match keys whose values decide whether somebody is reached.
	amCredential = regexp.MustCompile(`(?:^|[._])(?:key|token|secret|password|credentials|token_id)$`)
	amAddress    = regexp.MustCompile(`(?:^|[._])(?:url|to|smarthost|from)$`)
	// amAction matches an action of a template that takes something of the alert, as against a variable of a deployment tool.
	amAction = regexp.MustCompile(`\{\{-?\s*(?:[^{}]*[.$]|(?:template|end|else)\b)[^{}]*\}\}`)
)

// isAlertmanagerBlank reports whether the value of a key is one that nobody has replaced. Alertmanager expands no variables, so that ${KEY} stands
// for itself.
func isAlertmanagerBlank(key, value string) bool {
	value = amAction.ReplaceAllString(value, "")
	switch {
	case amCredential.MatchString(key):
		return isPlaceholder(value) || isTriedFirst(value) || len(value) > 3 && len(period(value)) == 1 // aaaaaaaa
	case amAddress.MatchString(key):
		return isUnfilled(value) || secretMark.MatchString(value) || addressBlank.MatchString(value) || hasPlaceholderDomain(value)
	}
	return false
}

// amCalled matches keys whose value is the URL that Alertmanager calls.
var amCalled = regexp.MustCompile(`^(?:url|(?:[a-z]+_)?(?:api|webhook)_url|pagerduty_url)$`)

// judgeAddress reports the value of a key that must be the URL to call and is none. What a template makes is not known here.
func judgeAddress(report func(Reason, string, ...any), key, value, what string) {
	if !amCalled.MatchString(key) || strings.Contains(value, "{{") {
		return
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		report(ReasonInvalid, "%s is no URL of http or https", what)
	case u.Hostname() == "hooks.slack.com" && strings.HasPrefix(u.Path, "/services") && len(strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })) < 4:
		report(ReasonTruncated, "%s is no whole incoming webhook of Slack: three parts follow /services/", what)
	}
}
