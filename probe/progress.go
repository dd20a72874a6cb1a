package probe

import (
	"context"
	"fmt"
	"strconv"
)

// How a look that takes long tells how far it has come: through its context, since one spec serves every deployment and keeps nothing.

// Progress is how far a look has come.
type Progress struct {
	Done int
	Most int    // what Done may become at most; 0 when it is not known
	What string // what is counted, e.g. "commits read"
}

// String is the progress for people, e.g. "12,340 of at most 56,000 commits read".
func (p Progress) String() string {
	if p.Most <= 0 {
		return grouped(p.Done) + " " + p.What
	}
	return fmt.Sprintf("%s of at most %s %s", grouped(p.Done), grouped(max(p.Most, p.Done)), p.What)
}

// grouped is a number with its thousands apart.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

type progressKey struct{}

// Watched returns a context under which a look tells its progress. Tell is called often, by one goroutine or another, and must not block.
func Watched(ctx context.Context, tell func(Progress)) context.Context {
	return context.WithValue(ctx, progressKey{}, tell)
}

// TellProgress tells how far the look under ctx has come, if anybody watches.
func TellProgress(ctx context.Context, p Progress) {
	if tell, ok := ctx.Value(progressKey{}).(func(Progress)); ok {
		tell(p)
	}
}
