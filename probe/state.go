package probe

import "fmt"

// State is what is known of an item or of one look at it. The zero value is none of the states, so that a forgotten verdict is never a pass.
type State uint8

// The states in order of gravity: of the probes that answered, the gravest decides.
const (
	StateSkip    State = iota + 1 // nothing to look at: disabled, optional and not configured, or of a release while there is none
	StatePass                     // seen to hold
	StateWarn                     // holds, but weak
	StatePending                  // nothing wrong so far, its window is still open
	StateUnknown                  // could not look
	StateFail                     // seen not to hold
)

// States lists every state, best first.
func States() []State {
	return []State{StatePass, StateWarn, StatePending, StateFail, StateUnknown, StateSkip}
}

// String is the word used in labels, JSON and tables.
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

// Answered reports whether something was there to be looked at: every state but skip.
func (s State) Answered() bool { return s != StateSkip }
