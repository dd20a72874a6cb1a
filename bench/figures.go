package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// row is a row of the results: the values of the exporter and, if the goal is a ratio, those of a peer.
type row struct {
	work   string
	unit   unit
	ours   []float64 // one value per round
	peer   string    // "" if the goal is an absolute value
	theirs []float64 // values of the same rounds
	goal   float64   // largest allowed ratio or value; 0: no goal
}

// unit is the unit of a value.
type unit string

const (
	second  unit = "s"
	byteSum unit = "B"
	share   unit = "%"
	number  unit = ""
)

// spread is the range of a list of values.
type spread struct{ min, median, max float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	return spread{slices.Min(values), median(values), slices.Max(values)}
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile returns the smallest value that at least the share q of the values do not exceed. The median of an even number of
// values is the mean of the middle two.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); q == 0.5 && n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// ratios returns the ratio of each round.
func (r row) ratios() []float64 {
	out := make([]float64, min(len(r.ours), len(r.theirs)))
	for i := range out {
		out[i] = r.ours[i] / r.theirs[i]
	}
	return out
}

// judged returns what the goal applies to: the ratios, or the values if there is no peer.
func (r row) judged() spread {
	if r.peer != "" {
		return spreadOf(r.ratios())
	}
	return spreadOf(r.ours)
}

// met reports whether the median meets the goal.
func (r row) met() string {
	switch m := r.judged().median; {
	case math.IsNaN(m):
		return "not measured"
	case r.goal == 0:
		return "–"
	case m <= r.goal:
		return "met"
	default:
		return "**missed**"
	}
}

func (r row) shownGoal() string {
	switch {
	case r.goal == 0:
		return "–"
	case r.peer != "":
		return fmt.Sprintf("≤ %s×", digits(r.goal))
	}
	return "≤ " + r.unit.show(r.goal)
}

// shownRatio formats the spread of the ratio.
func (r row) shownRatio() string {
	if r.peer == "" {
		return "–"
	}
	s := spreadOf(r.ratios())
	return fmt.Sprintf("%s – **%s** – %s", digits(s.min), digits(s.median), digits(s.max))
}

// String formats the row for the terminal.
func (r row) String() string {
	text := fmt.Sprintf("%-62s %s", r.work, r.unit.spread(spreadOf(r.ours)))
	if r.peer != "" {
		s := spreadOf(r.ratios())
		text += fmt.Sprintf("   %s: %s   ratio %s – %s – %s", r.peer, r.unit.spread(spreadOf(r.theirs)), digits(s.min), digits(s.median), digits(s.max))
	}
	return text + "   goal " + r.shownGoal() + "   " + r.met()
}

func (u unit) spread(s spread) string {
	return u.show(s.min) + " – " + u.show(s.median) + " – " + u.show(s.max)
}

// show formats a value with three digits and a unit prefix.
func (u unit) show(v float64) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case u == second && math.Abs(v) < 1e-3:
		return digits(v*1e6) + " µs"
	case u == second && math.Abs(v) < 1:
		return digits(v*1e3) + " ms"
	case u == second:
		return digits(v) + " s"
	case u == byteSum:
		return digits(v/1e6) + " MB"
	case u == share:
		return digits(v*100) + " %"
	}
	return digits(v)
}

func digits(v float64) string {
	decimals := 0
	for limit := 100.0; decimals < 4 && math.Abs(v) < limit; limit /= 10 {
		decimals++
	}
	return strconv.FormatFloat(v, 'f', max(0, decimals-boolean(v == math.Trunc(v))*decimals), 64)
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}
