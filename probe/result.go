package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
)

// Result is what one look found.
type Result struct {
	State  State
	Reason Reason // ReasonNone for a pass, one of Reasons otherwise
	// Detail is for people: what was found, where, and what was expected. It never holds a value of the checked system, save a word that the
	// rule itself knows.
	Detail string
	// Remedy names the one setting or permission that would let an unknown or skipped probe answer, e.g. "deployment.database.password_file".
	Remedy string
	// Samples are measured values, each declared by the probe's kind. They count whatever the state is.
	Samples []Sample
}

// Passed is the verdict of what was seen to hold.
func Passed(format string, args ...any) Result {
	return Result{State: StatePass, Detail: fmt.Sprintf(format, args...)}
}

// Warned is the verdict of what holds, but weakly.
func Warned(reason Reason, format string, args ...any) Result {
	return Result{State: StateWarn, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Pending is the verdict of what is well so far while its window is still open.
func Pending(reason Reason, format string, args ...any) Result {
	return Result{State: StatePending, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Failed is the verdict of what was seen not to hold.
func Failed(reason Reason, format string, args ...any) Result {
	return Result{State: StateFail, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// With returns the result with samples added.
func (r Result) With(samples ...Sample) Result {
	r.Samples = append(r.Samples[:len(r.Samples):len(r.Samples)], samples...)
	return r
}

// Findings gathers what one look finds wrong, so that a person is told all of it while the gravest decides.
// The zero value is ready for use.
type Findings struct {
	worst   Result
	details []string
	samples []Sample
}

// Fail notes what does not hold.
func (f *Findings) Fail(reason Reason, format string, args ...any) {
	f.Add(Failed(reason, format, args...))
}

// Warn notes what is weak.
func (f *Findings) Warn(reason Reason, format string, args ...any) {
	f.Add(Warned(reason, format, args...))
}

// Add notes a result; a pass adds its samples alone.
func (f *Findings) Add(r Result) {
	f.samples = append(f.samples, r.Samples...)
	if r.State == StatePass || r.State == StateSkip {
		return
	}
	if r.State > f.worst.State {
		// What decides is told first.
		f.worst = r
		f.details = append([]string{r.Detail}, f.details...)
		return
	}
	f.details = append(f.details, r.Detail)
}

// Measure notes measured values.
func (f *Findings) Measure(samples ...Sample) { f.samples = append(f.samples, samples...) }

// maxFindings bounds a detail: past it the rest is counted.
const maxFindings = 8

// Result is the gravest of what was noted, or a pass with the given detail when nothing was.
func (f *Findings) Result(format string, args ...any) Result {
	if f.worst.State == 0 {
		return Passed(format, args...).With(f.samples...)
	}
	r := f.worst
	r.Samples = f.samples
	details := f.details
	if more := len(details) - maxFindings; more > 0 {
		details = append(details[:maxFindings:maxFindings], fmt.Sprintf("and %d more", more))
	}
	r.Detail = strings.Join(details, "; ")
	return r
}

// Unanswered is the error of a probe that could not look.
type Unanswered struct {
	// Skip: there is nothing to look at, so the item is judged from its other probes. Otherwise the probe is unknown.
	Skip   bool
	Reason Reason
	Remedy string // see Result.Remedy
	Err    error
}

func (u *Unanswered) Error() string {
	if u.Err == nil {
		return string(u.Reason)
	}
	return u.Err.Error()
}

func (u *Unanswered) Unwrap() error { return u.Err }

// Unknown is the error of a probe that should have looked and could not.
func Unknown(reason Reason, err error) error { return &Unanswered{Reason: reason, Err: err} }

// Unknownf is Unknown with the error's text made on the spot.
func Unknownf(reason Reason, format string, args ...any) error {
	return Unknown(reason, fmt.Errorf(format, args...))
}

// Skip is the error of a probe that was given nothing to look at; setting names what would give it something.
func Skip(setting, format string, args ...any) error {
	return &Unanswered{Skip: true, Reason: ReasonNotConfigured, Remedy: setting, Err: fmt.Errorf(format, args...)}
}

// SkipRelease is the error of a probe that speaks of a release while there is none.
func SkipRelease() error {
	return &Unanswered{Skip: true, Reason: ReasonNoRelease, Remedy: "catalyst_exporter deploy plan", Err: errors.New("no release is planned or recorded")}
}

// Unasked is the result of a probe that speaks of the release in force and is not asked, since there is none, or since it cannot be told because
// of err.
func Unasked(err error) Result {
	if err == nil {
		err = SkipRelease()
	}
	return sound(unanswered(err))
}

// Needs adds to an error the setting or permission that would answer the probe.
func Needs(remedy string, err error) error {
	var u *Unanswered
	if errors.As(err, &u) {
		c := *u
		c.Remedy = remedy
		return &c
	}
	return &Unanswered{Reason: reasonOf(err), Remedy: remedy, Err: err}
}

// unanswered turns the error of a look into its result.
func unanswered(err error) Result {
	var u *Unanswered
	if !errors.As(err, &u) {
		u = &Unanswered{Reason: reasonOf(err), Err: err}
	}
	r := Result{State: StateUnknown, Reason: u.Reason, Detail: err.Error(), Remedy: u.Remedy}
	if u.Skip {
		r.State = StateSkip
	}
	return r
}

// reasonOf classifies an error of the operating system or the network.
func reasonOf(err error) Reason {
	var u *Unanswered
	var dns *net.DNSError
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &u):
		return u.Reason
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return ReasonTimeout
	case errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeout
	case errors.Is(err, fs.ErrPermission):
		return ReasonPermissionDenied
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EHOSTUNREACH),
		errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EPIPE), errors.As(err, &dns), errors.As(err, &op):
		return ReasonUnreachable
	}
	return ReasonError
}
