package dashboards

import "fmt"

// This file is what the board asks Prometheus.
//
// Rules of its queries
//   - What is current is asked for at one instant, never taken from the end of a range: an exporter that is down must not
//     look as it did when it last answered.
//   - A count ends in `or 0 * count(…every state…)`: zero is only said while items are seen. `or vector(0)` would say it always.
//   - Replicas count once: everything is aggregated by (environment, deployment, category, item), and the worst state wins.

const (
	// where selects what the variables choose; whereCategory likewise, of one category.
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

// worst is the code of each item's worst state, by the given labels.
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

// history is the code of each item's worst state, and 0 where an item of the last day is not seen: a gap with a name.
func history() string {
	return worst(byItem) + ` or 0 * max by (` + byItem + `) (last_over_time(catalyst_check_info{` + whereCategory + `}[1d]))`
}

// count is how many items are in a state, 0 only while items are seen.
func count(s state) string {
	return fmt.Sprintf(`count(%s == %d) or 0 * count(%s)`, worst(byItem), s.code, stateOf(""))
}

// drifted is how many items drifted, as the rules record it. They go on recording what they knew when nothing is seen: that
// counts as drift, never as none.
func drifted() string {
	recorded := `catalyst:check_drifted{` + whereCategory + `}`
	return `count(` + recorded + ` > 0) or 0 * count(` + recorded + ` and on (` + byItem + `) ` + stateOf("") + `)`
}

// unwell selects the items that are not simply good.
const unwell = "fail|unknown|pending|warn"

// toFix is one row per item that is not good: its worst state and reason; the larger its value, the sooner to be looked at.
func toFix() string {
	arms := ""
	for i, s := range states()[3:] {
		if i > 0 {
			arms += " or "
		}
		arms += fmt.Sprintf(`%d * %s`, 10*s.code, stateOf(s.word))
	}
	info := `catalyst_check_info{` + whereCategory
	// The right side is unique by construction, so that two replicas with two opinions cannot break the join.
	return fmt.Sprintf(`topk by (%[1]s) (1, max by (%[1]s, state, reason) (%[2]s) + on (%[1]s) group_left () max by (%[1]s) (3 * %[3]s,severity="critical"} or 2 * %[3]s,severity="warning"} or %[3]s,severity="info"}))`,
		byItem, arms, info)
}

// ofUnwell keeps what is about items that are not good.
func ofUnwell(expr string) string {
	return expr + ` and on (` + byItem + `) ` + stateOf(unwell)
}

// about is title and weight of the items that are not good; one row each, whatever the replicas say.
func about() string {
	return fmt.Sprintf(`topk by (%[1]s) (1, max by (%[1]s, title, severity, required) (catalyst_check_info{%[2]s}))`, byItem, whereCategory)
}

// age is how long ago the newest moment of a metric was, by item.
func age(metric string) string {
	return `sort_desc(time() - max by (` + byItem + `) (` + metric + `{` + whereCategory + `}))`
}

// left is how long until the first moment of a metric, by item; negative when it is over.
func left(metric string) string {
	return `sort(min by (` + byItem + `) (` + metric + `{` + whereCategory + `}) - time())`
}

// criterion is a value or threshold of the success criteria.
func criterion(metric string) string {
	return `max by (` + byItem + `, probe) (` + metric + `{` + whereCategory + `})`
}
