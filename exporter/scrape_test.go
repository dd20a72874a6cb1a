package exporter

import (
	"regexp"
	"strings"
	"testing"
)

// The next scrape shows a change of a file, also within the same second and with the same size.
func TestPages_FollowTheFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "list.yml", "checklist: L\ncategories: [{category: part, items: [{item: i, title: T, fix: F, probes: [{env_word: {key: KEY, good: info, bad: junk}, max_age: 0s}]}]}]\n")
	write(t, dir, ".env", "KEY=info\n")
	s := serve(t, "--config.file="+write(t, dir, "config.yml", "checklist: list.yml\ntargets: {one: {root: .}}\n"))
	for n := range 20 {
		word, want := "info", "catalyst_check_ok{category=\"part\",item=\"i\"} 1\n"
		if n%2 == 1 {
			word, want = "junk", "catalyst_check_ok{category=\"part\",item=\"i\"} 0\n"
		}
		write(t, dir, ".env", "KEY="+word+"\n")
		for range 2 {
			if _, page := s.get(t, "/probe?target=one"); !strings.Contains(page, want) {
				t.Fatalf("change %d, to %s, is not shown:\n%s", n, word, page)
			}
		}
	}
}

// The exporter's own metrics are current, also when all verdicts are reused.
func TestPages_OwnMetricsAreCurrent(t *testing.T) {
	s := serve(t, "--config.file="+writeItems(t, 3, "1h"))
	spent := regexp.MustCompile(`(?m)^process_cpu_seconds_total .+$`)
	values := map[string]bool{}
	for range 4 {
		_, page := s.get(t, "/metrics")
		values[spent.FindString(page)] = true
	}
	if len(values) != 4 || values[""] {
		t.Errorf("four scrapes returned %v", values)
	}
}
