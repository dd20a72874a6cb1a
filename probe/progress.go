package probe

import (
	"context"
	"fmt"
	"strconv"
)

// Progress of long runs, reported through their context, since one spec serves all deployments and keeps no state.

// Progress is the progress of a run.
type Progress struct {
	Done int
	Most int    // upper bound of Done; 0 when unknown
	What string // the unit, e.g. "commits read"
}

// String formats the progress, e.g. "12,340 of at most 56,000 commits read".
func (p Progress) String() string {
	if p.Most <= 0 {
		return grouped(p.Done) + " " + p.What
	}
	return fmt.Sprintf("%s of at most %s %s", grouped(p.Done), grouped(max(p.Most, p.Done)), p.What)
}

// grouped formats a number with thousands separators.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

type progressKey struct{}

// WithProgress returns a context whose run reports its progress. Tell is called often, from any goroutine, and must not
// block.
func WithProgress(ctx context.Context, tell func(Progress)) context.Context {
	return context.WithValue(ctx, progressKey{}, tell)
}

// SetProgress reports the progress of the run under ctx, if it is watched.
func SetProgress(ctx context.Context, p Progress) {
	if tell, ok := ctx.Value(progressKey{}).(func(Progress)); ok {
		tell(p)
	}
}
