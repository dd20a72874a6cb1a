// What the package hands out, and that everything it names exists.

package alerts

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestRulesTakeTheJob(t *testing.T) {
	same, err := Rules("")
	if err != nil || string(same) != rules {
		t.Fatalf("without a job the rules are not those of %s: %v", DefaultJob, err)
	}
	got, err := Rules(`read"iness`)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got), `job="catalyst"`) {
		t.Error("the default job is still selected")
	}
	before, after := strings.Count(rules, `job="catalyst"`), strings.Count(string(got), `job="read\"iness"`)
	if before == 0 || before != after {
		t.Errorf("%d selectors of the default job became %d", before, after)
	}
}

func TestRulesRefuseJobs(t *testing.T) {
	for job, want := range map[string]string{
		"a\nb":     "holds U+000A, which cannot be printed",
		"a\x00":    "holds U+0000",
		"\u202eab": "holds U+202E",
		"\xff":     "not valid UTF-8",
	} {
		if _, err := Rules(job); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("job %q: error %v, want %q", job, err, want)
		}
	}
}

// contract names every metric the rules may use and its labels, beside those of the scrape (job, instance, environment,
// deployment). DESIGN.md's list is fixed: users' queries hang on it.
func contract() map[string][]string {
	item := []string{"category", "item"}
	probe := append(slices.Clone(item), "probe")
	return map[string][]string{
		"up":                       nil,
		"catalyst_check_ok":        item,
		"catalyst_check_state":     append(slices.Clone(item), "state", "reason"),
		"catalyst_check_info":      append(slices.Clone(item), "title", "severity", "required", "scope"),
		"catalyst_check_waived":    item,
		"catalyst_waiver_unused":   item,
		"catalyst_ready":           nil,
		"catalyst_category_ready":  {"category"},
		"catalyst_criterion_value": probe, "catalyst_criterion_threshold": probe,
		"catalyst_check_duration_seconds":                       item,
		"catalyst_waiver_expiry_timestamp_seconds":              item,
		"catalyst_attestation_expiry_timestamp_seconds":         append(slices.Clone(item), "role"),
		"catalyst_release_timestamp_seconds":                    {"phase"},
		"catalyst_config_last_reload_successful":                nil,
		"catalyst_config_last_reload_success_timestamp_seconds": nil,
		"catalyst_tls_certificate_not_after_timestamp_seconds":  append(slices.Clone(probe), "source"),
		"catalyst_backup_last_success_timestamp_seconds":        append(slices.Clone(probe), "location"),
		// recorded by the rules themselves
		"catalyst:check_last_good_timestamp_seconds": item,
		"catalyst:check_may_page":                    item,
		"catalyst:check_drifted":                     item,
		"catalyst:check_unknown":                     item,
	}
}

var (
	metricName = regexp.MustCompile(`\b(?:catalyst[_:][a-z_]+|up\{|up\b\))`)
	selector   = regexp.MustCompile(`\b(catalyst[_:][a-z_]+|up)\{([^}]*)\}`)
	labelName  = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
	grouping   = regexp.MustCompile(`(?:by|on) \(([a-z, ]+)\)`)
	quoted     = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// TestRulesKeepToTheContract looks at every metric and label in expressions and in queries of annotations.
func TestRulesKeepToTheContract(t *testing.T) {
	scrape := []string{"job", "instance", "environment", "deployment"}
	for _, r := range parsed(t).all() {
		texts := append(slices.Collect(maps.Values(r.Annotations)), r.Expr)
		for _, text := range texts {
			text = strings.ReplaceAll(text, `\"`, `"`) // queries in annotations quote their quotes
			for _, name := range metricName.FindAllString(text, -1) {
				name = strings.TrimRight(name, "{)")
				if _, ok := contract()[name]; !ok && name != "catalyst_exporter" {
					t.Errorf("%s: no metric %s in the contract", r.name(), name)
				}
			}
			for _, m := range selector.FindAllStringSubmatch(text, -1) {
				known := append(slices.Clone(scrape), contract()[m[1]]...)
				for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
					if !slices.Contains(known, l[1]) {
						t.Errorf("%s: %s has no label %s", r.name(), m[1], l[1])
					}
				}
			}
			for _, m := range grouping.FindAllStringSubmatch(quoted.ReplaceAllString(text, ""), -1) {
				for l := range strings.SplitSeq(m[1], ",") {
					l = strings.TrimSpace(l)
					if !slices.Contains(append(scrape, "category", "item", "state", "reason"), l) {
						t.Errorf("%s: aggregates by %s", r.name(), l)
					}
				}
			}
		}
	}
}

// TestRulesSelectTheJob demands the job in every selector of every expression: Rules puts another one in its place. The one
// exception says why in the file.
func TestRulesSelectTheJob(t *testing.T) {
	for _, r := range parsed(t).all() {
		for _, name := range metricName.FindAllStringIndex(r.Expr, -1) {
			rest := r.Expr[name[0]:]
			if !regexp.MustCompile(`^[a-z_:]+\{job="catalyst"`).MatchString(rest) && r.Alert != "CatalystConfigReloadFailed" {
				t.Errorf("%s: a selector without job: %s", r.name(), strings.SplitN(rest, "\n", 2)[0])
			}
		}
	}
}

// TestRulesAggregateByK: neither `without` nor a join that adds labels survives a second replica or an edited title.
func TestRulesAggregateByK(t *testing.T) {
	banned := regexp.MustCompile(`\b(without|ignoring|group_left|group_right|topk|bottomk)\b`)
	lists := map[string]bool{
		"job, environment, deployment": true, "job, environment, deployment, category, item": true,
		"job, environment, deployment, category, item, state": true,
	}
	for _, r := range parsed(t).all() {
		if word := banned.FindString(r.Expr); word != "" {
			t.Errorf("%s: uses %s", r.name(), word)
		}
		for _, m := range grouping.FindAllStringSubmatch(r.Expr, -1) {
			if !lists[m[1]] {
				t.Errorf("%s: groups by (%s), which is neither K nor its first three labels", r.name(), m[1])
			}
		}
		if aggregated := regexp.MustCompile(`\b(sum|min|max|avg|count|group) \(`).FindString(r.Expr); aggregated != "" {
			t.Errorf("%s: %s aggregates everything", r.name(), aggregated)
		}
	}
}

// ofDeployment are the alerts about a deployment as a whole; the others are about one item.
var ofDeployment = []string{
	"CatalystChecksUnknown", "CatalystConfigReloadFailed", "CatalystExporterDown", "CatalystMassDrift", "CatalystNotConfigured",
	"CatalystNotReady", "CatalystWatchdog",
}

// TestAnnotations: what a person reads at three in the morning.
func TestAnnotations(t *testing.T) {
	described := map[string]string{}
	for _, r := range parsed(t).alerts() {
		a := r.Annotations
		if other := described[r.Alert]; other != "" && other != a["description"] && !slices.Contains(ofDeployment, r.Alert) {
			t.Errorf("%s: its severities are described differently", r.Alert)
		}
		described[r.Alert] = a["description"]
		if s := a["summary"]; s == "" || strings.Contains(s, "{{") || !strings.HasSuffix(s, ".") {
			t.Errorf("%s: summary %q: a constant sentence is wanted", r.Alert, s)
		}
		if !strings.Contains(a["description"], "How to fix: ") {
			t.Errorf("%s: the description says nothing of how to fix it", r.Alert)
		}
		perItem := !slices.Contains(ofDeployment, r.Alert)
		if perItem {
			for what, part := range map[string]string{"item": "$labels.category }}/{{ $labels.item", "title": `label "title"`, "deployment": "$labels.deployment"} {
				if !strings.Contains(a["description"], part) {
					t.Errorf("%s: the description does not tell the %s", r.Alert, what)
				}
			}
		}
		if got := a["fix_url"] != ""; got != perItem {
			t.Errorf("%s: has a link to the item: %v, is about one item: %v", r.Alert, got, perItem)
		}
	}
}
