package monitoring

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/openmetrics"
)

// What Alertmanager counts: a key that the service rejects, or a dead webhook, shows only in failed notifications.

// notificationCounts are the notifications of one kind of integration since Alertmanager started.
type notificationCounts struct{ sent, failed float64 }

// judgeMetrics warns when the last reload failed, and about integrations none of whose notifications arrived. Servers that
// show Alertmanager's API without its metrics are not judged.
func (r runningAlertmanager) judgeMetrics(ctx context.Context, f *probe.ResultBuilder) {
	a, err := r.client.Get(ctx, r.url+"/metrics")
	if err != nil || a.Status != 200 || a.OffSite != "" {
		return
	}
	whole, tries := map[string]*notificationCounts{}, map[string]*notificationCounts{}
	add := func(to map[string]*notificationCounts, kind string, n notificationCounts) {
		if to[kind] == nil {
			to[kind] = &notificationCounts{}
		}
		to[kind].sent += n.sent
		to[kind].failed += n.failed
	}
	for line := range strings.Lines(string(a.Body)) {
		name, rest, _ := strings.Cut(line, "{")
		if !strings.HasPrefix(line, "alertmanager_") {
			continue
		}
		fields := strings.Fields(line)
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			continue
		}
		_, kind, _ := strings.Cut(rest, `integration="`)
		if kind, _ = openmetrics.Quoted(kind); strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz_") != "" {
			continue
		}
		switch name {
		case "alertmanager_notifications_total":
			add(whole, kind, notificationCounts{sent: value})
		case "alertmanager_notifications_failed_total":
			add(whole, kind, notificationCounts{failed: value})
		case "alertmanager_notification_requests_total":
			add(tries, kind, notificationCounts{sent: value})
		case "alertmanager_notification_requests_failed_total":
			add(tries, kind, notificationCounts{failed: value})
		}
		if fields[0] == "alertmanager_config_last_reload_successful" && value == 0 {
			f.Warn(probe.ReasonDrift, "the last reload of the running Alertmanager failed: it runs with an older configuration. "+
				"Run `amtool check-config`, then reload it")
		}
	}
	var failing []string
	for _, counts := range []map[string]*notificationCounts{whole, tries} {
		for kind, n := range counts {
			if n.failed > 0 && n.failed >= n.sent && !slices.Contains(failing, kind) {
				failing = append(failing, kind)
			}
		}
	}
	if len(failing) > 0 {
		slices.Sort(failing)
		f.Warn(probe.ReasonUnhealthy, "running Alertmanager: every notification by %s failed since it started. Check its log, the address and the key",
			strings.Join(failing, ", "))
	}
}
