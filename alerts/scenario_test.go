// A scenario is one test of a *.test.yml file: series as an exporter would show them, and what the rules must make of them.

package alerts

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// scenario is one test of a *.test.yml file, as a file of its own.
type scenario struct {
	name    string // file: test
	content string
	effort  int // steps times series: what it costs to run, roughly
	file    scenarioFile
}

// scenarioFile is the form of promtool's tests, as far as the mutants need it.
type scenarioFile struct {
	RuleFiles          []string `yaml:"rule_files"`
	GroupEvalOrder     []string `yaml:"group_eval_order,omitempty"`
	EvaluationInterval string   `yaml:"evaluation_interval"`
	Tests              []promtoolTest
}

type promtoolTest struct {
	Name        string
	Interval    string
	InputSeries []any        `yaml:"input_series"`
	Queries     []queryCheck `yaml:"promql_expr_test,omitempty"`
	Alerts      []alertCheck `yaml:"alert_rule_test,omitempty"`
}

type queryCheck struct {
	At   string `yaml:"eval_time"`
	Expr string
	Want []struct {
		Labels string
		Value  float64
	} `yaml:"exp_samples"`
}

type alertCheck struct {
	At   string `yaml:"eval_time"`
	Name string `yaml:"alertname"`
	Want []struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	} `yaml:"exp_alerts"`
}

// shippedScenarios reads every *.test.yml of this directory, one scenario per test.
func shippedScenarios(t testing.TB) []scenario {
	t.Helper()
	files, err := filepath.Glob("*.test.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var all []scenario
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, split(t, strings.TrimSuffix(name, ".test.yml"), content)...)
	}
	return all
}

// split makes a file of its own of each test of a file.
func split(t testing.TB, name string, content []byte) []scenario {
	t.Helper()
	var file map[string]any
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var all []scenario
	names := map[string]bool{}
	for _, test := range file["tests"].([]any) {
		one := maps.Clone(file)
		one["tests"] = []any{test}
		content, err := yaml.Marshal(one)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := scenario{name: fmt.Sprintf("%s: %v", name, test.(map[string]any)["name"]), content: string(content)}
		if names[s.name] {
			t.Errorf("two scenarios are called %q", s.name)
		}
		names[s.name] = true
		decoder := yaml.NewDecoder(strings.NewReader(s.content))
		decoder.KnownFields(true)
		if err := decoder.Decode(&s.file); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		// promtool plays the groups in a random order without it, and a rule sees what was recorded now or a step before.
		if !slices.Equal(s.file.GroupEvalOrder, groupOrder(t)) {
			t.Fatalf("%s: group_eval_order is %q, want that of the rules, %q", s.name, s.file.GroupEvalOrder, groupOrder(t))
		}
		s.effort = s.file.effort(t)
		all = append(all, s)
	}
	return all
}

// groupOrder are the groups as the rule file has them.
func groupOrder(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, g := range parsed(t).Groups {
		names = append(names, g.Name)
	}
	return names
}

// effort is how many steps the test makes, times its series and the rules.
func (f scenarioFile) effort(t testing.TB) int {
	t.Helper()
	test := f.Tests[0]
	end := time.Duration(0)
	for _, q := range test.Queries {
		end = max(end, long(t, q.At))
	}
	for _, a := range test.Alerts {
		end = max(end, long(t, a.At))
	}
	return int(end/long(t, f.EvaluationInterval)) * (len(test.InputSeries) + 30)
}

// long reads a duration as Prometheus writes it: 1d4h30m.
func long(t testing.TB, text string) time.Duration {
	t.Helper()
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.Atoi(days)
	if err != nil {
		t.Fatal(err)
	}
	d := time.Duration(0)
	if rest != "" {
		if d, err = time.ParseDuration(rest); err != nil {
			t.Fatal(err)
		}
	}
	return time.Duration(n)*24*time.Hour + d
}

// run tries the rules on the scenario in an empty directory; an error means that the scenario noticed something.
func (s scenario) run(ctx context.Context, dir, promtool, rules string) (string, error) {
	for name, content := range map[string]string{rulesFile: rules, "scenario.test.yml": s.content} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return "", err
		}
	}
	return runTool(ctx, dir, promtool, "test", "rules", "scenario.test.yml")
}
