package probe

import (
	"slices"
	"sync"
)

// Unchanged returns the value made by make, and makes it again only when its inputs change. Inputs compare equal while
// unchanged, such as the pointers that parsing an unchanged file returns. Make must depend on nothing else. Key is a
// value of a type private to its file, one per call site.
func Unchanged[T any, Of comparable](p *Pass, key any, of []Of, make func() T) T {
	m, err := Keep(p.Kept, key, "", func() (*remembered[T, Of], func(), error) { return &remembered[T, Of]{}, nil, nil })
	if err != nil {
		return make() // the configuration has been replaced: nothing is kept any more
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made && slices.Equal(m.of, of) {
		return m.value
	}
	m.of, m.value, m.made = of, make(), true
	return m.value
}

type remembered[T any, Of comparable] struct {
	mu    sync.Mutex
	made  bool
	of    []Of
	value T
}

// Judgement is the memoised outcome of a probe.
type Judgement struct {
	Result
	Err error
}
