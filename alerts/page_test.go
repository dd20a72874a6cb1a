// What a person who is woken is told.

package alerts

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// checkPage: item, reason, since when, what to read.
func checkPage(t *testing.T, s *stage, name string, page pageEvent, before time.Time) {
	t.Helper()
	if want := "prod/" + name + ": CatalystCheckDrifted redis_password"; page.Payload.Summary != want || page.Payload.Severity != "critical" {
		t.Errorf("PagerDuty's summary %q (%s), want %q", page.Payload.Summary, page.Payload.Severity, want)
	}
	if len(page.Links) != 1 || !strings.HasSuffix(page.Links[0].Href, "/docs/runbook.md#catalystcheckdrifted") {
		t.Errorf("PagerDuty's links %v", page.Links)
	}
	if page.RoutingKey == "" {
		t.Error("PagerDuty got no key")
	}
	wantTicket(t, s, "prod/"+name, "critical", "redis_password", "#catalystcheckdrifted|runbook", "#redis_password|how to fix")
	for who, text := range map[string]string{"PagerDuty": page.Payload.CustomDetails["firing"], "Slack": s.receiver.told("prod/"+name, "critical")[0]} {
		for _, words := range []string{"security/redis_password (The redis_password)", "in " + name + " (prod)", "is fail (missing)", "How to fix: "} {
			if !strings.Contains(text, words) {
				t.Errorf("%s is not told %q: %q", who, words, text)
			}
		}
		m := regexp.MustCompile(`Good until ([0-9-]+ [0-9:.]+ \+0000 UTC)`).FindStringSubmatch(text)
		if m == nil {
			t.Errorf("%s is not told since when: %q", who, text)
			continue
		}
		good, err := time.Parse("2006-01-02 15:04:05.999 -0700 MST", m[1])
		if err != nil || good.Before(before.Add(-10*time.Second)) || good.After(before.Add(10*time.Second)) {
			t.Errorf("%s is told it was good until %v, it was until %v (%v)", who, m[1], before, err)
		}
	}
}
