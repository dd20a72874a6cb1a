// What the package hands out, and that everything it names exists.

package alerts

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/declared"
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
		"a\nb":     "contains the unprintable character U+000A",
		"a\x00":    "contains the unprintable character U+0000",
		"\u202eab": "contains the unprintable character U+202E",
		"\xff":     "not valid UTF-8",
	} {
		if _, err := Rules(job); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("job %q: error %v, want %q", job, err, want)
		}
	}
}

var (
	metricName = regexp.MustCompile(`\b(?:catalyst[_:][a-z_]+|up\{|up\b\))`)
	grouping   = regexp.MustCompile(`(?:by|on) \(([a-z, ]+)\)`)
)

// names are what the rules may name: what the exporter declares, what a scrape adds, what the rules record.
func names(t testing.TB) declared.Names {
	more := map[string][]string{"up": nil}
	for _, r := range parsed(t).all() {
		if r.Record != "" {
			more[r.Record] = []string{"category", "item"}
		}
	}
	return declared.Read(t, "..").With(more)
}

// TestRulesNameWhatIsDeclared looks at every metric, label and word in expressions and in queries of annotations.
func TestRulesNameWhatIsDeclared(t *testing.T) {
	known, asked := names(t), 0
	for _, r := range parsed(t).all() {
		queries := []string{r.Expr}
		for _, text := range r.Annotations {
			for _, m := range annotated.FindAllStringSubmatch(text, -1) {
				query := m[1] + m[2]
				if unquoted, err := strconv.Unquote(query); err == nil {
					query = unquoted
				}
				queries = append(queries, strings.ReplaceAll(query, "%q", `""`))
			}
		}
		for _, query := range queries {
			asked += len(declared.Asked(query))
			for _, finding := range known.Check(query) {
				t.Errorf("%s: %s: %s", r.name(), finding, query)
			}
		}
	}
	if asked < 100 {
		t.Errorf("only %d metrics were looked at", asked)
	}
}

// annotated finds the queries in an annotation: what is printed for query, or given to it.
var annotated = regexp.MustCompile(`printf ("(?:[^"\\]|\\.)*catalyst[_:](?:[^"\\]|\\.)*")|query ("(?:[^"\\]|\\.)*")`)

// TestRulesSelectTheJob demands the job in every selector of every expression: Rules puts another one in its place. The
// exceptions say why in the file.
func TestRulesSelectTheJob(t *testing.T) {
	for _, r := range parsed(t).all() {
		for _, name := range metricName.FindAllStringIndex(r.Expr, -1) {
			rest := r.Expr[name[0]:]
			if !regexp.MustCompile(`^[a-z_:]+\{job="catalyst"`).MatchString(rest) && r.Alert != "CatalystConfigReloadFailed" && r.Alert != "CatalystRulesVanished" {
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
		// An upgrade replaces one version or checklist by another; replicas are told apart within one scrape.
		"job, environment, deployment, version, digest": true, "job, environment, deployment, instance": true,
		"job": true, // the exporter itself has no deployment: it is found among those of its job
	}
	for _, r := range parsed(t).all() {
		// Without labels, and onto what is aggregated by the labels it matches on, group_left adds nothing and never fails.
		expr := strings.ReplaceAll(r.Expr, "group_left ()\n    max by (job, environment, deployment) (", "")
		if word := banned.FindString(expr); word != "" {
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
	"CatalystNotReady", "CatalystRulesVanished", "CatalystWatchdog",
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
