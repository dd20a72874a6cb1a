package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Item is an item of the checklist and its owner.
type Item struct{ Category, Name, Owner string }

// Owned returns the fragment with a route and receivers for every owner of items. The alerts of an item go to its owner only;
// those about a whole deployment, and those of items without an owner, go where the fragment sends them. Owners whose key files
// would have the same name are an error.
func Owned(items []Item) ([]byte, error) {
	owned := map[string]map[string][]string{} // owner → category → items
	for _, it := range items {
		if it.Owner == "" {
			continue
		}
		if owned[it.Owner] == nil {
			owned[it.Owner] = map[string][]string{}
		}
		owned[it.Owner][it.Category] = append(owned[it.Owner][it.Category], it.Name)
	}
	var routes, receivers strings.Builder
	files := map[string]string{}
	for _, owner := range slices.Sorted(maps.Keys(owned)) {
		file := fileName(owner)
		if other, taken := files[file]; taken {
			return nil, fmt.Errorf("owners %q and %q differ only in spaces, punctuation or case: use one name", other, owner)
		}
		files[file] = owner
		fmt.Fprintf(&routes, "        # Items of %s.\n", owner)
		for _, category := range slices.Sorted(maps.Keys(owned[owner])) {
			fmt.Fprintf(&routes, ownerRoute, category, strings.Join(owned[owner][category], "|"), "catalyst-ticket "+owner, "catalyst-page "+owner)
		}
		receivers.WriteString(receiversOf(owner, file))
	}
	text := string(AlertmanagerFragment())
	text = strings.Replace(text, beforePages, routes.String()+beforePages, 1)
	text = strings.Replace(text, afterReceivers, receivers.String()+afterReceivers, 1)
	return []byte(strings.Replace(text, lastKeyFile, lastKeyFile+"# and one of each for every owner, such as slack_webhook_url_OWNER.\n", 1)), nil
}

// Where the routes and receivers of owners begin: the first route that matches takes the alert.
const (
	beforePages    = "        # One page per deployment, however many checks fail at once.\n"
	lastKeyFile    = "#   /etc/alertmanager/secrets/slack_webhook_url       the URL of an incoming webhook\n"
	afterReceivers = "  # No notification; Alertmanager and the dashboard show it.\n"
)

const ownerRoute = `        - matchers: ['category="%s"', 'item=~"%s"']
          receiver: %q
          routes:
            - matchers: ['severity="critical"']
              receiver: %q
              group_by: [job, environment, deployment]
              repeat_interval: 4h
            - matchers: ['severity="info"']
              receiver: catalyst-info
`

// receiversOf copies the receivers of pages and tickets for an owner, with key files of its own: a receiver without a channel
// would lose alerts.
func receiversOf(owner, file string) string {
	text := section("receivers")
	pages := text[strings.Index(text, "  - name: catalyst-page\n"):strings.Index(text, afterReceivers)]
	return strings.NewReplacer(
		"name: catalyst-page", fmt.Sprintf("name: %q", "catalyst-page "+owner),
		"name: catalyst-ticket", fmt.Sprintf("name: %q", "catalyst-ticket "+owner),
		"&slack", "&slack_"+file, "*slack", "*slack_"+file,
		"pagerduty_routing_key", "pagerduty_routing_key_"+file, "slack_webhook_url", "slack_webhook_url_"+file,
	).Replace(pages)
}

// fileName is an owner as part of a file name.
func fileName(owner string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(owner))
}
