package probe

import "fmt"

// State is the state of an item or of one probe run. The zero value is not a state, so a forgotten verdict is never a
// pass.
type State uint8

// The states in order of severity: the worst state of the probes that ran decides.
const (
	StateSkip    State = iota + 1 // nothing to check: disabled, optional and not configured, or about a release when there is none
	StatePass                     // holds
	StateWarn                     // holds weakly
	StatePending                  // holds so far, its window is still open
	StateUnknown                  // could not be checked
	StateFail                     // does not hold
)

// States lists every state in display order.
func States() []State {
	return []State{StatePass, StateWarn, StatePending, StateFail, StateUnknown, StateSkip}
}

// String returns the word used in labels, JSON and tables.
func (s State) String() string {
	switch s {
	case StatePass:
		return "pass"
	case StateWarn:
		return "warn"
	case StatePending:
		return "pending"
	case StateFail:
		return "fail"
	case StateUnknown:
		return "unknown"
	case StateSkip:
		return "skip"
	}
	return "invalid"
}

// MarshalText writes the word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word.
func (s *State) UnmarshalText(text []byte) error {
	for _, known := range States() {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("unknown state %q", text)
}

// OK reports whether the state counts as ok: catalyst_check_ok is 1.
func (s State) OK() bool { return s == StatePass || s == StateWarn || s == StatePending }

// Answered reports whether there was something to check: every state but skip.
func (s State) Answered() bool { return s != StateSkip }
