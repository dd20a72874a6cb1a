package alertmanager

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// What each integration needs to notify somebody (Alertmanager's documentation, "Receiver integration settings").

// Need is a setting that an integration cannot do without.
type Need struct {
	Own    []string // keys of the integration, one of which must be set
	Global []string // keys of the global section used when none of its own is set
}

// withFile returns the keys, each followed by its variant that names a file.
func withFile(keys ...string) []string {
	var all []string
	for _, k := range keys {
		all = append(all, k, k+"_file")
	}
	return all
}

// Needs returns the needs of each known integration.
func Needs() map[string][]Need {
	own := func(keys ...string) Need { return Need{Own: keys} }
	or := func(own []string, global ...string) Need { return Need{own, global} }
	webhook := []Need{own(withFile("webhook_url")...)}
	return map[string][]Need{
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

// integrationKeys returns the keys under which integrations are listed.
func integrationKeys() []string {
	var keys []string
	for _, kind := range slices.Sorted(maps.Keys(Needs())) {
		keys = append(keys, kind+"_configs")
	}
	return keys
}

// FallsBack returns the global keys that an integration uses because its own are unset, including the credentials of
// the mail server.
func (i Integration) FallsBack() []string {
	var keys []string
	for _, need := range Needs()[i.Kind] {
		if !i.Fields.Set(need.Own...) {
			keys = append(keys, need.Global...)
		}
	}
	if i.Kind == "email" {
		for _, k := range withFile("auth_password", "auth_secret") {
			if !i.Fields.Set(k) {
				keys = append(keys, "smtp_"+k)
			}
		}
	}
	return keys
}

// CallableKey matches keys whose value is a URL that Alertmanager calls.
var CallableKey = lazyregexp.New(`^(?:url|(?:[a-z]+_)?(?:api|webhook)_url|pagerduty_url)$`)

// CutPort splits host:port; the host of an IPv6 address is without its brackets.
func CutPort(address string) (host, port string, ok bool) {
	at := strings.LastIndexByte(address, ':')
	if at < 0 {
		return address, "", false
	}
	return strings.Trim(address[:at], "[]"), address[at+1:], true
}

func IsLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsUnspecified()) || host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		strings.HasPrefix(host, "localhost.localdomain")
}

// DeafReceivers returns the lines of used receivers whose integrations all are on loopback.
func (am *Config) DeafReceivers() []int {
	used := map[string]bool{}
	var walk func(r *Route)
	walk = func(r *Route) {
		used[r.Receiver] = true
		for _, child := range r.Routes {
			walk(child)
		}
	}
	if am.Root == nil {
		return nil
	}
	walk(am.Root)
	var lines []int
	for _, r := range am.Receivers {
		if used[r.Name] && len(r.Integrations) > 0 && !slices.ContainsFunc(r.Integrations, func(i Integration) bool { return !am.onLoopback(i) }) {
			lines = append(lines, r.Line)
		}
	}
	return lines
}

// onLoopback reports whether an integration calls a server on the loopback interface.
func (am *Config) onLoopback(i Integration) bool {
	if i.Kind == "email" {
		server := i.Fields["smarthost"].Value
		if server == "" {
			server = am.Global["smtp_smarthost"].Value
		}
		host, _, _ := CutPort(server)
		return IsLoopback(host)
	}
	for key, field := range i.Fields {
		if u, err := url.Parse(field.Value); CallableKey.MatchString(key) && err == nil && IsLoopback(u.Hostname()) {
			return true
		}
	}
	return false
}
