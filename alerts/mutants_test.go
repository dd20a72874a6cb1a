// The ways to break a rule: each part of its expression, of its timing and of its labels, one at a time.

package alerts

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// mutant is the rule file with one rule changed in one place.
type mutant struct {
	rule    string // the name, and the severity where two rules have it
	name    string // rule: change
	shipped rule
	changed rule
	file    ruleFile
}

// yaml is the rule file of the mutant.
func (m mutant) yaml(t testing.TB) string {
	t.Helper()
	content, err := yaml.Marshal(m.file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// mutants are all of them, in the order of the rules; no two have the same name or the same expression.
func mutants(t testing.TB) []mutant {
	t.Helper()
	shipped := parsed(t)
	var all []mutant
	for g := range shipped.Groups {
		for i, r := range shipped.Groups[g].Rules {
			label := r.name()
			if alertNames()[r.Alert] > 1 {
				label += " " + r.Labels["severity"]
			}
			seen := map[string]int{}
			add := func(what string, change func(*rule)) {
				changed := r
				changed.Labels = maps.Clone(r.Labels)
				change(&changed)
				if seen[what]++; seen[what] > 1 {
					what += fmt.Sprintf(" (%d)", seen[what])
				}
				file := ruleFile{Groups: slices.Clone(shipped.Groups)}
				file.Groups[g].Rules = slices.Clone(shipped.Groups[g].Rules)
				file.Groups[g].Rules[i] = changed
				all = append(all, mutant{label, label + ": " + what, r, changed, file})
			}
			mutateRule(r, add)
			root := parse(t, r.Expr)
			mutateExpr(root, r, func(what string) {
				text := root.String()
				add(what, func(r *rule) { r.Expr = text })
			})
		}
	}
	return all
}

// mutateRule changes what stands around the expression.
func mutateRule(r rule, add func(string, func(*rule))) {
	for _, field := range []struct {
		name  string
		value string
		set   func(*rule, string)
	}{
		{"for", r.For, func(r *rule, s string) { r.For = s }},
		{"keep_firing_for", r.KeepFiringFor, func(r *rule, s string) { r.KeepFiringFor = s }},
	} {
		if field.value == "" {
			continue
		}
		add("drop "+field.name, func(r *rule) { field.set(r, "") })
		for _, other := range []string{scale(field.value, 1, 2), scale(field.value, 2, 1)} {
			add(field.name+" "+other, func(r *rule) { field.set(r, other) })
		}
	}
	if severity := r.Labels["severity"]; severity != "" {
		add("drop severity", func(r *rule) { delete(r.Labels, "severity") })
		for _, other := range []string{"critical", "warning", "info"} {
			if other != severity {
				add("severity "+other, func(r *rule) { r.Labels["severity"] = other })
			}
		}
	}
}

// scale multiplies a duration by a fraction.
func scale(d string, times, by int) string {
	unit := map[byte]int{'m': 1, 'h': 60, 'd': 24 * 60}[d[len(d)-1]]
	n, err := strconv.Atoi(d[:len(d)-1])
	if err != nil || unit == 0 || n*unit*60*times%by != 0 {
		panic("a duration the mutants do not know: " + d)
	}
	return fmt.Sprintf("%ds", n*unit*60*times/by)
}

// otherFunctions stand in for a function, an aggregation or an operator. `group` has no other where only its labels count.
var otherFunctions = map[string][]string{
	"min": {"max"}, "max": {"min"}, "avg": {"max", "min"}, "count": {"group"},
	"last_over_time": {"max_over_time", "min_over_time", "count_over_time"},
	"and":            {"unless", "or"}, "unless": {"and", "or"}, "or": {"and", "unless"},
	"==": {"!=", ">", "<"}, "<": {">", "<=", "!="}, ">": {"<", ">=", "!="}, ">=": {"<", ">", "=="},
	"-": {"+"}, "*": {"/"},
}

// mutateExpr changes each part of the tree for the time of a call of add.
func mutateExpr(root *node, r rule, add func(string)) {
	zeroed := map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		where := about(n)
		with := func(what string, changed node) {
			was := *n
			*n = changed
			add(what)
			*n = was
		}
		others := otherFunctions[n.word]
		if n.word == "group" && r.Record != "" && !zeroed[n] {
			others = []string{"count"}
		}
		// Each group is 1: a number times it is the number by it, and 0 times it is 0 times whatever is counted instead.
		if n.word == "*" && !n.scalar() {
			others = nil
			zeroed[n.args[1]] = n.args[0].word == "0"
		}
		for _, other := range others {
			changed := *n
			changed.word = other
			with(n.word+" becomes "+other+where, changed)
		}
		for i, l := range n.labels {
			// Every selector names the one job, so that no operation can match across jobs.
			if n.match == "on" && l == "job" {
				continue
			}
			changed := *n
			changed.labels = slices.Delete(slices.Clone(n.labels), i, i+1)
			with(n.match+" loses "+l+where, changed)
		}
		switch {
		case n.binary:
			// A number in the place of series has no valid form.
			if n.scalar() || !n.args[0].scalar() {
				with("only the left of "+n.word+where, *n.args[0])
			}
			if n.scalar() || !n.args[1].scalar() {
				with("only the right of "+n.word+where, *n.args[1])
			}
		case n.selects:
			for i, m := range n.matchers {
				for _, other := range otherMatchers(m) {
					changed := *n
					changed.matchers = slices.Clone(n.matchers)
					if changed.matchers[i] = other; other == "" {
						changed.matchers = slices.Delete(changed.matchers, i, i+1)
						with("drop "+m+where, changed)
						continue
					}
					with(m+" becomes "+other+where, changed)
				}
			}
			if n.offset != "" {
				changed := *n
				changed.offset = ""
				with("drop offset"+where, changed)
				for _, f := range [][2]int{{1, 2}, {2, 1}} {
					changed.offset = scale(n.offset, f[0], f[1])
					with("offset "+n.offset+" becomes "+changed.offset+where, changed)
				}
			}
			if n.window != "" {
				for _, f := range [][2]int{{1, 2}, {2, 1}, {10, 1}} {
					changed := *n
					changed.window = scale(n.window, f[0], f[1])
					with("window "+n.window+" becomes "+changed.window+where, changed)
				}
			}
		case n.calls && len(n.args) == 1 && (n.match != "" || n.word == "timestamp"):
			with("without "+n.word+where, *n.args[0])
		case n.calls && len(n.args) == 0:
			with(n.word+" becomes 0", node{word: "0"})
		case !n.calls:
			for _, other := range otherNumbers(n.word) {
				with(n.word+" becomes "+other, node{word: other})
			}
		}
		for _, a := range n.args {
			visit(a)
		}
	}
	visit(root)
}

// about tells a part by the first metric in it.
func about(n *node) string {
	if name := metricName.FindString(n.String()); name != "" {
		return " at " + strings.TrimRight(name, "{)")
	}
	return ""
}

// otherMatchers: none, the opposite, and for words of a pattern, one of them lost. TestRulesSelectTheJob demands the job
// everywhere.
func otherMatchers(m string) []string {
	if m == matcher(DefaultJob) {
		return nil
	}
	parts := regexp.MustCompile(`^([a-z_]+)(=~|!~|!=|=)"(.*)"$`).FindStringSubmatch(m)
	opposite := map[string]string{"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
	all := []string{"", parts[1] + opposite[parts[2]] + `"` + parts[3] + `"`}
	words := strings.Split(parts[3], "|")
	for i := range words {
		if len(words) > 1 {
			rest := slices.Delete(slices.Clone(words), i, i+1)
			all = append(all, parts[1]+parts[2]+`"`+strings.Join(rest, "|")+`"`)
		}
	}
	return all
}

// otherNumbers: twice, half; for a 0 and a 1 each other. Seconds of an hour or a day are a factor of one that is changed.
func otherNumbers(number string) []string {
	if number == "3600" || number == "86400" {
		return nil
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		panic("a number the mutants do not know: " + number)
	}
	if n == 0 {
		return []string{"1"}
	}
	all := []string{strconv.FormatFloat(2*n, 'g', -1, 64), strconv.FormatFloat(n/2, 'g', -1, 64)}
	if n == 1 {
		all[1] = "0"
	}
	return all
}
