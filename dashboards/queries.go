package dashboards

import "fmt"

// The dashboard's Prometheus queries.
//
// Rules of its queries
//   - Current values are instant queries, never the end of a range: an exporter that is down must not show its last
//     values.
//   - A count ends in `or 0 * count(…every state…)`: zero is shown only while items exist. `or vector(0)` would always show it.
//   - Replicas count once: everything is aggregated by (environment, deployment, category, item), and the worst state wins.

const (
	// where selects by the dashboard variables; whereCategory also by category.
	where         = `job=~"$job",environment=~"$environment",deployment=~"$deployment"`
	whereCategory = where + `,category=~"$category"`

	byItem       = `environment, deployment, category, item`
	byDeployment = `environment, deployment`
)

// stateOf selects items in a state; "" selects all.
func stateOf(words string) string {
	if words == "" {
		return `catalyst_check_state{` + whereCategory + `}`
	}
	return `catalyst_check_state{` + whereCategory + `,state=~"` + words + `"}`
}

// worst queries the code of each item's worst state, by the given labels.
func worst(by string) string {
	arms := ""
	for i, s := range states()[1:] {
		if i > 0 {
			arms += " or "
		}
		arms += fmt.Sprintf(`%d * %s`, s.code, stateOf(s.word))
	}
	return fmt.Sprintf(`max by (%s) (%s)`, by, arms)
}

// history queries the code of each item's worst state, and 0 where an item of the last day is missing, for the items that
// were not good at some time of the range.
func history() string {
	return `(` + worst(byItem) + ` or 0 * max by (` + byItem + `) (last_over_time(catalyst_check_info{` + whereCategory + `}[1d])))` +
		` and on (` + byItem + `) count_over_time(` + stateOf(unwell) + `[$__range] @ end())`
}

// count queries the number of items in a state; 0 only while items exist.
func count(s state) string {
	return fmt.Sprintf(`count(%s == %d) or 0 * count(%s)`, worst(byItem), s.code, stateOf(""))
}

// drifted queries the number of drifted items, as recorded by the rules. The rules keep the last known value while no
// item is exported: that counts as drift, never as none.
func drifted() string {
	recorded := `catalyst:check_drifted{` + whereCategory + `}`
	return `count(` + recorded + ` > 0) or 0 * count(` + recorded + ` and on (` + byItem + `) ` + stateOf("") + `)`
}

// unwell selects items in other states than pass and skip.
const unwell = "fail|unknown|pending|warn"

// toFix queries one row per item that is not good: its worst state and reason; higher values are more urgent.
func toFix() string {
	arms := ""
	for i, s := range states()[3:] {
		if i > 0 {
			arms += " or "
		}
		arms += fmt.Sprintf(`%d * %s`, 10*s.code, stateOf(s.word))
	}
	info := `catalyst_check_info{` + whereCategory
	// The right side is unique by construction, so replicas that disagree cannot break the join.
	return fmt.Sprintf(`topk by (%[1]s) (1, max by (%[1]s, state, reason) (%[2]s) + on (%[1]s) group_left () max by (%[1]s) (3 * %[3]s,severity="critical"} or 2 * %[3]s,severity="warning"} or %[3]s,severity="info"}))`,
		byItem, arms, info)
}

// ofUnwell limits an expression to items that are not good.
func ofUnwell(expr string) string {
	return expr + ` and on (` + byItem + `) ` + stateOf(unwell)
}

// about queries title and severity of items that are not good; one row each, even if replicas disagree.
func about() string {
	return fmt.Sprintf(`topk by (%[1]s) (1, max by (%[1]s, title, severity, required) (catalyst_check_info{%[2]s}))`, byItem, whereCategory)
}

// age queries the age of a timestamp metric, by item.
func age(metric string) string {
	return `sort_desc(time() - max by (` + byItem + `) (` + metric + `{` + whereCategory + `}))`
}

// left queries the time left until a timestamp metric, by item; negative when it has passed.
func left(metric string) string {
	return `sort(min by (` + byItem + `) (` + metric + `{` + whereCategory + `}) - time())`
}

// criterion queries a value or threshold of the success criteria.
func criterion(metric string) string {
	return `max by (` + byItem + `, probe) (` + metric + `{` + whereCategory + `})`
}
