package attest

// Detects damage of a chain from its names and digests alone: missing records, changed records, merged histories.

import (
	"cmp"
	"fmt"
	"slices"
)

// findMissing reports missing numbers, consecutive ones together.
func (c *Chain) findMissing(names []string, head int) {
	there, _ := numbered(names)
	for n := 1; n <= c.last; n++ {
		if there[n] {
			continue
		}
		first := n
		for n < c.last && !there[n+1] {
			n++
		}
		what, state := "is missing", ""
		if n > first {
			what = fmt.Sprintf("is missing, along with all up to %d", n)
			state = fmt.Sprintf("to %d", n)
		}
		if n == c.last && head == n {
			what += fmt.Sprintf(": %s refers to it", headName)
		}
		c.problem(RecordMissing, first, state, nil, "%s; restore it from a copy", what)
	}
}

// findChanged checks from the last record downwards. The statement of a changed record is doubtful, and is reported as
// such.
func (c *Chain) findChanged(records map[int]*Record, head int, headSum string) {
	var found []Problem
	tell := func(kind ProblemKind, n int, format string, args ...any) {
		found = append(found, Problem{kind, n, fmt.Sprintf(format, args...), nil, c.sums[n]})
	}
	const restore = "; restore it from a copy"
	changed := make(map[int]bool)
	if sum := c.sums[head]; head > 0 && sum != "" && sum != headSum {
		changed[head] = true
		tell(RecordChanged, head, "%s was changed after it was written: its SHA-256 is %.12s…, but %s states %.12s…%s",
			fileName(head), sum, headName, headSum, restore)
	}
	for n := c.last; n > 1; n-- {
		r, sum := records[n], c.sums[n-1]
		if r == nil || sum == "" || r.Previous == sum || changed[n-1] {
			continue
		}
		if changed[n] {
			changed[n-1] = true
			tell(RecordChanged, n-1,
				"%s may have been changed: its SHA-256 is %.12s…, but %s, which was changed itself, states %.12s…", fileName(n-1),
				sum, fileName(n), r.Previous)
			continue
		}
		if other := c.withSum(r.Previous); other > 0 {
			tell(RecordForked, n, "%s follows record %d, not %d: two histories were merged; keep one of them", fileName(n), other, n-1)
			continue
		}
		changed[n-1] = true
		doubt := ""
		if n == c.last && head != n {
			doubt = ", or " + fileName(n) + " was"
		}
		tell(RecordChanged, n-1, "%s was changed after %s was written%s: its SHA-256 is %.12s…, but %s states %.12s…%s",
			fileName(n-1), fileName(n), doubt, sum, fileName(n), r.Previous, restore)
	}
	slices.Reverse(found)
	c.Problems = append(c.Problems, found...)
	slices.SortStableFunc(c.Problems, func(a, b Problem) int { return cmp.Compare(a.Number, b.Number) })
}

func (c *Chain) withSum(sum string) int {
	for n, s := range c.sums {
		if s == sum {
			return n
		}
	}
	return 0
}
