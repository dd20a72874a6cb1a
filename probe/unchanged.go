package probe

import (
	"slices"
	"sync"
)

// unchanged returns what make made, as long as what it is made of is the same: values that compare equal, such as the pointers that the parse of
// an unchanged file gives again. Make must hang on nothing else. Key is a value of a type private to its file, one per place of use.
func unchanged[T any, Of comparable](p *Pass, key any, of []Of, make func() T) T {
	m, err := Keep(p.Kept, key, "", func() (*remembered[T, Of], func(), error) { return &remembered[T, Of]{}, nil, nil })
	if err != nil {
		return make() // the configuration is at its end: nothing is kept any more
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

// judgement is what a probe that judges what has not changed returns again.
type judgement struct {
	Result
	err error
}
