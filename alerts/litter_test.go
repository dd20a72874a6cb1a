// Mutants in litters: many changed copies of a rule, each under a name of its own, live in one run of a scenario. Each must do
// what the scenario expects of the rule it was made from, of its alert or of the series it records; one that does not is
// noticed. A copy without a change is among them and must not be. (What other rules make of a recorded series is not seen
// this way: for that a mutant needs a run of its own.)

package alerts

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// alertsQuery takes the queries of ALERTS apart that can be asked of a copy: what is around it, and its matchers.
var alertsQuery = regexp.MustCompile(`^(count by \(alertname, severity, [a-z, ]+\) \()?ALERTS(?:\{([^}]*)\})?\)?$`)

// ownChecks are what the scenario expects of one rule, put to its copy.
func (f promtoolTest) ownChecks(r rule, copied string) (queries []queryCheck, alerts []alertCheck) {
	for _, q := range f.Queries {
		if r.Record != "" && (q.Expr == r.Record || strings.HasPrefix(q.Expr, r.Record+"{") && strings.Count(q.Expr, "{") == 1 && strings.HasSuffix(q.Expr, "}")) {
			own := queryCheck{At: q.At, Expr: strings.Replace(q.Expr, r.Record, copied, 1)}
			for _, w := range q.Want {
				w.Labels = strings.Replace(w.Labels, r.Record, copied, 1)
				own.Want = append(own.Want, w)
			}
			queries = append(queries, own)
		}
		m := alertsQuery.FindStringSubmatch(q.Expr)
		if m == nil || r.Alert == "" {
			continue
		}
		own := queryCheck{At: q.At}
		matchers := []string{fmt.Sprintf("alertname=%q", copied)}
		selected := true
		for _, each := range promqlMatcher.FindAllString(m[2], -1) {
			if name := strings.TrimPrefix(each, "alertname"); name != each {
				selected = selected && matches(name, r.Alert)
				continue
			}
			matchers = append(matchers, each)
		}
		if !selected {
			continue
		}
		own.Expr = fmt.Sprintf(`label_replace(ALERTS{%s}, "alertname", %q, "", "")`, strings.Join(matchers, ","), r.Alert)
		if m[1] != "" {
			own.Expr = m[1] + own.Expr + ")"
		}
		for _, w := range q.Want {
			if strings.Contains(w.Labels, fmt.Sprintf("alertname=%q", r.Alert)) && strings.Contains(w.Labels, fmt.Sprintf("severity=%q", r.Labels["severity"])) {
				own.Want = append(own.Want, w)
			}
		}
		queries = append(queries, own)
	}
	for _, a := range f.Alerts {
		if r.Alert == "" || a.Name != r.Alert {
			continue
		}
		own := alertCheck{At: a.At, Name: copied}
		for _, w := range a.Want {
			if w.Labels["severity"] == r.Labels["severity"] {
				if !r.tellsValue() {
					w.Annotations = nil
				}
				own.Want = append(own.Want, w)
			}
		}
		alerts = append(alerts, own)
	}
	return queries, alerts
}

// tellsValue: the text depends on the value, and not on the labels alone.
func (r rule) tellsValue() bool { return strings.Contains(r.Annotations["description"], "$value") }

// matches tells whether a matcher, without its label, fits a value.
func matches(matcher, value string) bool {
	operator := strings.TrimRight(matcher[:2], `"`)
	pattern := strings.Trim(matcher[len(operator):], `"`)
	switch operator {
	case "=":
		return value == pattern
	case "!=":
		return value != pattern
	}
	return regexp.MustCompile("^(?:"+pattern+")$").MatchString(value) == (operator == "=~")
}

// noticedOf tells which of the mutants the scenario notices by what their own rule does.
func (s scenario) noticedOf(t testing.TB, promtool string, litter []mutant) (map[string]bool, error) {
	all := map[string]bool{}
	for rest := litter; len(rest) > 0; {
		noticed, refused, err := s.litter(t, promtool, rest)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, noticed)
		if len(refused) == 0 {
			break
		}
		// Prometheus could not evaluate these, and promtool looked at nothing else.
		maps.Copy(all, refused)
		rest = slices.DeleteFunc(slices.Clone(rest), func(m mutant) bool { return refused[m.name] })
	}
	return all, nil
}

// litter runs the scenario once. A scenario that expects nothing of an alert notices nothing.
func (s scenario) litter(t testing.TB, promtool string, litter []mutant) (noticed, refused map[string]bool, err error) {
	shipped := parsed(t)
	file, test := s.file, s.file.Tests[0]
	test.Queries, test.Alerts = nil, nil
	groups := parsed(t).Groups
	add := func(number int, of, changed rule) {
		copied := fmt.Sprintf("%s_m%d_", of.name(), number)
		queries, alerts := s.file.Tests[0].ownChecks(of, copied)
		if len(queries)+len(alerts) == 0 {
			return
		}
		test.Queries, test.Alerts = append(test.Queries, queries...), append(test.Alerts, alerts...)
		if changed.Alert != "" {
			changed.Alert = copied
			if !of.tellsValue() {
				// The text hangs on the labels alone, and its queries cost more than the rule.
				changed.Annotations = nil
			}
		} else {
			changed.Record, changed.Expr = copied, strings.ReplaceAll(changed.Expr, of.Record, copied)
		}
		for g := range groups {
			if slices.ContainsFunc(groups[g].Rules, func(r rule) bool { return r.name() == of.name() }) {
				shipped.Groups[g].Rules = append(shipped.Groups[g].Rules, changed)
			}
		}
	}
	// The shipped rules themselves come first, as copies without a change. What they record the mutants need; the alerts nobody
	// asks for here.
	originals := shipped.all()
	for g := range shipped.Groups {
		shipped.Groups[g].Rules = slices.DeleteFunc(shipped.Groups[g].Rules, func(r rule) bool { return r.Alert != "" })
	}
	for i, r := range originals {
		if slices.ContainsFunc(litter, func(m mutant) bool { return m.shipped.name() == r.name() }) {
			add(i, r, r)
		}
	}
	for i, m := range litter {
		add(len(originals)+i, m.shipped, m.changed)
	}
	if len(test.Queries)+len(test.Alerts) == 0 {
		return nil, nil, nil
	}
	file.Tests = []promtoolTest{test}
	content, err := yaml.Marshal(file)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	output, err := scenario{content: string(content)}.run(t.Context(), dir, promtool, mutant{file: shipped}.yaml(t))
	if err == nil {
		return nil, nil, nil
	}
	noticed, refused = map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(output) {
		into := noticed
		if strings.Contains(line, "rule: ") && strings.Contains(line, "err: ") {
			into = refused
		}
		for _, m := range regexp.MustCompile(`(?:Catalyst|catalyst:)\w+_m(\d+)_`).FindAllStringSubmatch(line, -1) {
			n, _ := strconv.Atoi(m[1])
			if n < len(originals) {
				return nil, nil, fmt.Errorf("%s: a copy without a change is noticed: %s", s.name, output)
			}
			into[litter[n-len(originals)].name] = true
		}
	}
	if len(noticed)+len(refused) == 0 {
		return nil, nil, fmt.Errorf("%s: %w: %s", s.name, err, output)
	}
	return noticed, refused, nil
}
