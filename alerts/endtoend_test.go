// The whole way, on real servers: series of an exporter, the rules, the routes, what a person is told. Every scenario is a
// deployment of its own, so that all of them share one Prometheus and one Alertmanager, and run at once.

package alerts

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestMain lets more tests wait at once than there are cores: the stories mostly wait. What computes takes a core first.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	parts.Main(m)
}

var (
	pass    = fakeItem{state: "pass"}
	missing = fakeItem{state: "fail", reason: "missing"}
	blind   = fakeItem{state: "unknown", reason: "unreachable"}
)

// holding are items that hold, so that one broken or blind item is not most of them.
func holding(more map[string]fakeItem) map[string]fakeItem {
	items := map[string]fakeItem{}
	for _, name := range []string{"configuration/env_file", "infrastructure/s3_bucket", "infrastructure/dns_records", "documentation/runbook"} {
		items[name] = pass
	}
	maps.Copy(items, more)
	return items
}

// many returns n items in one state.
func many(n int, state fakeItem) map[string]fakeItem {
	items := map[string]fakeItem{}
	for i := range n {
		items[fmt.Sprintf("security/item_%02d", i)] = state
	}
	return items
}

// story is one deployment: the items its exporters begin with, and what happens then.
type story struct {
	items    map[string]fakeItem
	replicas int // 1 where 0
	tell     func(t *testing.T, s *stage, name string, e []*fakeExporter)
}

// wantPages waits until PagerDuty has heard of the deployment as often as wanted, and fails when it heard more.
func wantPages(t *testing.T, s *stage, deployment string, triggers, resolves int) pageEvent {
	t.Helper()
	var first pageEvent
	parts.Eventually(t, func() error {
		gotTriggers, gotResolves, e := s.receiver.pagesOf(deployment)
		first = e
		if gotTriggers > triggers || gotResolves > resolves {
			t.Fatalf("%s: %d pages and %d resolved, want %d and %d; first: %s", deployment, gotTriggers, gotResolves, triggers, resolves, e.Payload.Summary)
		}
		if gotTriggers < triggers || gotResolves < resolves {
			return fmt.Errorf("%s: %d pages and %d resolved, want %d and %d", deployment, gotTriggers, gotResolves, triggers, resolves)
		}
		return nil
	})
	return first
}

// wantTicket waits for a message in Slack that holds all the words.
func wantTicket(t *testing.T, s *stage, words ...string) {
	t.Helper()
	parts.Eventually(t, func() error {
		if len(s.receiver.told(words...)) == 0 {
			return fmt.Errorf("no message with %q; of %s there are %q", words, words[0], s.receiver.told(words[0]))
		}
		return nil
	})
}

// wantAlerts waits until Alertmanager has exactly these, as "count Name severity state". What pages meanwhile is counted by
// wantPages all the same.
func wantAlerts(t *testing.T, s *stage, deployment string, want ...string) {
	t.Helper()
	slices.Sort(want)
	parts.Eventually(t, func() error {
		count := map[string]int{}
		for _, a := range s.alerts(t, deployment) {
			count[strings.TrimPrefix(a.Labels["alertname"], "Catalyst")+" "+a.Labels["severity"]+" "+a.Status.State]++
		}
		var got []string
		for _, k := range slices.Sorted(maps.Keys(count)) {
			got = append(got, fmt.Sprintf("%d %s", count[k], k))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s: alerts %q, want %q", deployment, got, want)
		}
		return nil
	})
}

func stories() map[string]story {
	const redis = "security/redis_password"
	return map[string]story{
		"healthy": {items: holding(map[string]fakeItem{
			redis: pass, "security/tls_certificates": {state: "warn", reason: "weak"}, "testing/lint": {state: "skip", reason: "no_release"},
			"deployment/monitoring_hour": {state: "pending", reason: "in_progress", scope: "release"},
		}), tell: func(t *testing.T, s *stage, name string, _ []*fakeExporter) {
			s.elapse(t, 45*time.Minute)
			wantAlerts(t, s, name)
			wantPages(t, s, name, 0, 0)
		}},
		"fresh": {items: many(40, fakeItem{state: "unknown", reason: "not_configured"}), tell: func(t *testing.T, s *stage, name string, _ []*fakeExporter) {
			s.elapse(t, 65*time.Minute)
			wantAlerts(t, s, name, "1 NotConfigured info active")
			wantPages(t, s, name, 0, 0)
			if told := s.receiver.told("prod/" + name); len(told) > 0 {
				t.Errorf("somebody was told: %q", told)
			}
		}},
		"broken": {items: holding(map[string]fakeItem{redis: pass}), tell: func(t *testing.T, s *stage, name string, e []*fakeExporter) {
			before := time.Now()
			e[0].set(map[string]fakeItem{redis: missing})
			page := wantPages(t, s, name, 1, 0)
			checkPage(t, s, name, page, before)
			e[0].set(map[string]fakeItem{redis: pass})
			wantPages(t, s, name, 1, 1)
			s.elapse(t, 30*time.Minute)
			wantPages(t, s, name, 1, 1)
			wantAlerts(t, s, name)
		}},
		"blinded": {items: holding(map[string]fakeItem{redis: pass}), tell: func(t *testing.T, s *stage, name string, e []*fakeExporter) {
			e[0].set(map[string]fakeItem{redis: missing})
			wantPages(t, s, name, 1, 0)
			e[0].set(map[string]fakeItem{redis: blind})
			s.elapse(t, 45*time.Minute)
			wantPages(t, s, name, 1, 0)
			wantAlerts(t, s, name, "1 CheckDrifted critical active")
		}},
		"waived": {items: holding(map[string]fakeItem{redis: pass}), tell: func(t *testing.T, s *stage, name string, e []*fakeExporter) {
			e[0].set(map[string]fakeItem{redis: {state: "fail", reason: "missing", waived: true}})
			s.elapse(t, 45*time.Minute)
			wantPages(t, s, name, 0, 0)
			wantAlerts(t, s, name)
		}},
		"mass": {items: many(46, pass), tell: func(t *testing.T, s *stage, name string, e []*fakeExporter) {
			e[0].set(many(46, missing))
			page := wantPages(t, s, name, 1, 0)
			if !strings.Contains(page.Payload.Summary, "CatalystMassDrift") || !strings.Contains(page.Payload.CustomDetails["firing"], "item_00, item_01") {
				t.Errorf("the page says %q, %q", page.Payload.Summary, page.Payload.CustomDetails)
			}
			s.elapse(t, 45*time.Minute)
			wantPages(t, s, name, 1, 0)
			wantAlerts(t, s, name, "1 MassDrift critical active", "46 CheckDrifted critical suppressed")
			if told := s.receiver.told("prod/" + name); len(told) != 1 {
				t.Errorf("Slack was told %d times: %q", len(told), told)
			}
		}},
		"killed": {items: holding(map[string]fakeItem{redis: pass}), tell: func(t *testing.T, s *stage, name string, e []*fakeExporter) {
			e[0].kill()
			page := wantPages(t, s, name, 1, 0)
			if !strings.Contains(page.Payload.Summary, "CatalystExporterDown") {
				t.Errorf("the page says %q", page.Payload.Summary)
			}
			s.elapse(t, 45*time.Minute)
			wantPages(t, s, name, 1, 0)
			wantAlerts(t, s, name, "1 ExporterDown critical active")
			e[0].start(t)
			wantPages(t, s, name, 1, 1)
			wantAlerts(t, s, name)
		}},
		"restarted": {items: holding(map[string]fakeItem{redis: pass}), tell: func(t *testing.T, s *stage, name string, e []*fakeExporter) {
			e[0].set(map[string]fakeItem{redis: missing})
			wantPages(t, s, name, 1, 0)
			e[0].kill()
			e[0].set(map[string]fakeItem{redis: {state: "pending", reason: "in_progress"}})
			parts.Eventually(t, func() error { // and no longer: on a slow machine it would be down for long enough to page
				down, err := s.ask(fmt.Sprintf("up{deployment=%q} == 0", name))
				if err == nil && len(down) == 0 {
					err = errors.New("no scrape has failed yet")
				}
				return err
			})
			e[0].start(t)
			s.elapse(t, 5*time.Minute)
			e[0].set(map[string]fakeItem{redis: missing})
			s.elapse(t, 45*time.Minute)
			wantPages(t, s, name, 1, 0)
			wantAlerts(t, s, name, "1 CheckDrifted critical active")
		}},
		"replicas": {items: holding(map[string]fakeItem{redis: pass}), replicas: 2, tell: func(t *testing.T, s *stage, name string, e []*fakeExporter) {
			for _, each := range e {
				each.set(map[string]fakeItem{redis: missing})
			}
			wantPages(t, s, name, 1, 0)
			s.elapse(t, 45*time.Minute)
			wantPages(t, s, name, 1, 0)
			wantAlerts(t, s, name, "1 CheckDrifted critical active")
		}},
		"never": {items: holding(map[string]fakeItem{redis: missing}), tell: func(t *testing.T, s *stage, name string, _ []*fakeExporter) {
			wantTicket(t, s, "prod/"+name, "CatalystCheckFailing", "security/redis_password (The redis_password)", "fail (missing)", "#catalystcheckfailing|runbook", "#redis_password|how to fix")
			s.elapse(t, 45*time.Minute)
			wantPages(t, s, name, 0, 0)
			wantAlerts(t, s, name, "1 CheckFailing warning active")
		}},
		"release": {items: holding(map[string]fakeItem{
			"testing/tests_passing": {state: "pass", scope: "release"}, "sign_off/devops_lead": {state: "skip", reason: "no_release", scope: "release"},
			"deployment/smoke_tests": {state: "skip", reason: "no_release", scope: "release"}, "backup/restore_tested": pass,
		}), tell: func(t *testing.T, s *stage, name string, e []*fakeExporter) {
			planned := map[string]fakeItem{
				"testing/tests_passing":  {state: "fail", reason: "stale", scope: "release"},
				"sign_off/devops_lead":   {state: "warn", reason: "unsigned", scope: "release"},
				"deployment/smoke_tests": {state: "unknown", reason: "no_release", scope: "release"},
			}
			e[0].set(planned)
			s.elapse(t, 20*time.Minute)
			e[0].set(map[string]fakeItem{
				"testing/tests_passing":  {state: "pass", scope: "release"},
				"sign_off/devops_lead":   {state: "fail", reason: "outdated", scope: "release"},
				"deployment/smoke_tests": {state: "fail", reason: "unhealthy", scope: "release"},
				"backup/restore_tested":  {state: "fail", reason: "lapsed"},
			})
			wantTicket(t, s, "prod/"+name, "CatalystCheckDrifted", "backup/restore_tested", "fail (lapsed)")
			s.elapse(t, 20*time.Minute)
			wantPages(t, s, name, 0, 0)
			wantAlerts(t, s, name, "2 CheckDrifted warning active", "1 CheckFailing warning active")
		}},
	}
}

func TestEndToEnd(t *testing.T) {
	t.Parallel()
	exporters := map[string][]*fakeExporter{}
	var all []*fakeExporter
	for name, story := range stories() {
		for i := range max(1, story.replicas) {
			e := newFakeExporter(t, name, string(rune('a'+i)), story.items)
			exporters[name], all = append(exporters[name], e), append(all, e)
		}
	}
	s := newStage(t, all)
	// Everything has been seen once, and what is good is known to be.
	parts.Eventually(t, func() error {
		seen, err := s.ask(`count(group by (deployment) (catalyst_check_state)) and on () min(catalyst:check_drifted) == 0`)
		if err == nil && (len(seen) != 1 || int(seen[0].value) != len(exporters)) {
			err = fmt.Errorf("%v of %d deployments are seen", seen, len(exporters))
		}
		return err
	})
	s.elapse(t, 2*time.Minute)
	t.Run("stories", func(t *testing.T) {
		for name, story := range stories() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				story.tell(t, s, name, exporters[name])
			})
		}
	})
	s.receiver.mu.Lock()
	defer s.receiver.mu.Unlock()
	if len(s.receiver.bad) > 0 {
		t.Errorf("not understood: %q", s.receiver.bad)
	}
	if len(s.receiver.pages[""]) > 0 {
		t.Errorf("pages of no deployment: %v", s.receiver.pages[""])
	}
}
