package usage

import "fmt"

// Error is an error in the command line or the configuration. The program exits with another code for it than for a failure.
type Error struct{ Err error }

func (e Error) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e Error) Unwrap() error { return e.Err }

// Errorf formats an Error as fmt.Errorf does.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }
