package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/thenexusengine/catalyst_exporter/probe/fault"
)

// Result is the outcome of one run.
type Result struct {
	State  State
	Reason Reason // ReasonNone for a pass, one of Reasons otherwise
	// Detail is for people: what was found, where, and what was expected. It never contains a value of the checked
	// system, except a word that the rule itself knows.
	Detail string
	// Remedy is the setting or permission that an unknown or skipped probe needs, e.g.
	// "deployment.database.password_file".
	Remedy string
	// Yields marks an unknown result that counts only while no probe of the running system has a verdict: what could not
	// be read was seen there.
	Yields bool
	// Samples are measured values, each declared by the probe's kind. They count in every state.
	Samples []Sample
	// Offenders are the single things that a warning or failure is about, for kinds that can name them; sorted.
	Offenders []Offender
	// Unnamed reports that the result is also about something that is not among the offenders.
	Unnamed bool
}

// Passed is the verdict for a claim that holds.
func Passed(format string, args ...any) Result {
	return Result{State: StatePass, Detail: fmt.Sprintf(format, args...)}
}

// Warned is the verdict for a claim that holds weakly.
func Warned(reason Reason, format string, args ...any) Result {
	return Result{State: StateWarn, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Pending is the verdict for a claim that holds so far while its window is still open.
func Pending(reason Reason, format string, args ...any) Result {
	return Result{State: StatePending, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Failed is the verdict for a claim that does not hold.
func Failed(reason Reason, format string, args ...any) Result {
	return Result{State: StateFail, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// With returns the result with samples added.
func (r Result) With(samples ...Sample) Result {
	r.Samples = append(r.Samples[:len(r.Samples):len(r.Samples)], samples...)
	return r
}

// About returns the result with offenders added.
func (r Result) About(offenders ...Offender) Result {
	r.Offenders = append(r.Offenders[:len(r.Offenders):len(r.Offenders)], offenders...)
	return r
}

// ResultBuilder collects the faults found in one run: all are reported, and the worst decides. The zero value is ready for
// use.
type ResultBuilder struct {
	Worst   Result
	details []string
	samples []Sample
	offends []Offender
	unnamed int // faults less those with offenders
}

// Fail adds a failure.
func (f *ResultBuilder) Fail(reason Reason, format string, args ...any) {
	f.Add(Failed(reason, format, args...))
}

// Warn adds a warning.
func (f *ResultBuilder) Warn(reason Reason, format string, args ...any) {
	f.Add(Warned(reason, format, args...))
}

// Add adds a result; a pass adds only its samples.
func (f *ResultBuilder) Add(r Result) {
	f.samples = append(f.samples, r.Samples...)
	f.offends = append(f.offends, r.Offenders...)
	if r.State == StatePass || r.State == StateSkip {
		return
	}
	if len(r.Offenders) == 0 || r.Unnamed {
		f.unnamed++
	}
	if r.State > f.Worst.State {
		// The deciding result comes first.
		f.Worst = r
		f.details = append([]string{r.Detail}, f.details...)
		return
	}
	f.details = append(f.details, r.Detail)
}

// Offend adds what one reported fault is about.
func (f *ResultBuilder) Offend(offenders ...Offender) {
	f.offends = append(f.offends, offenders...)
	if len(offenders) > 0 {
		f.unnamed--
	}
}

// Measure adds measured values.
func (f *ResultBuilder) Measure(samples ...Sample) { f.samples = append(f.samples, samples...) }

// MaxFindings bounds a detail; further findings are only counted.
const MaxFindings = 8

// Result returns the worst result added, or a pass with the given detail.
func (f *ResultBuilder) Result(format string, args ...any) Result {
	if f.Worst.State == 0 {
		return Passed(format, args...).With(f.samples...)
	}
	r := f.Worst
	r.Samples, r.Offenders, r.Unnamed = f.samples, f.offends, f.unnamed > 0 || len(f.offends) == 0
	details := f.details
	if more := len(details) - MaxFindings; more > 0 {
		details = append(details[:MaxFindings:MaxFindings], fmt.Sprintf("and %d more", more))
	}
	r.Detail = strings.Join(details, "; ")
	return r
}

// NotCheckedError is the error of a probe that could not check.
type NotCheckedError struct {
	// Skip means that there is nothing to check, so the item's other probes decide. Otherwise the probe is unknown.
	Skip   bool
	Reason Reason
	Remedy string // see Result.Remedy
	Yields bool   // see Result.Yields
	Err    error
}

func (u *NotCheckedError) Error() string {
	if u.Err == nil {
		return string(u.Reason)
	}
	return u.Err.Error()
}

func (u *NotCheckedError) Unwrap() error { return u.Err }

// Unknown is the error of a probe that should have a verdict but could not check.
func Unknown(reason Reason, err error) error { return &NotCheckedError{Reason: reason, Err: err} }

// Elsewhere is the error of a probe whose subject is stored where this host cannot read it: a probe of the running system
// that has a verdict decides, else the item is unknown. setting names the setting that would change that.
func Elsewhere(setting, format string, args ...any) error {
	return &NotCheckedError{Yields: true, Reason: ReasonNotConfigured, Remedy: setting, Err: fmt.Errorf(format, args...)}
}

// Yielding turns the error of a skipped probe into that of Elsewhere: the item does not pass without a probe of the running
// system.
func Yielding(err error) error {
	var u *NotCheckedError
	if !errors.As(err, &u) || !u.Skip {
		return err
	}
	c := *u
	c.Skip, c.Yields = false, true
	return &c
}

// Unknownf is Unknown with a formatted error.
func Unknownf(reason Reason, format string, args ...any) error {
	return Unknown(reason, fmt.Errorf(format, args...))
}

// Skip is the error of a probe with nothing to check; setting names the setting that would change that.
func Skip(setting, format string, args ...any) error {
	return &NotCheckedError{Skip: true, Reason: ReasonNotConfigured, Remedy: setting, Err: fmt.Errorf(format, args...)}
}

// SkipRelease is the error of a probe about a release when there is none.
func SkipRelease() error {
	return &NotCheckedError{Skip: true, Reason: ReasonNoRelease, Remedy: "catalyst_exporter deploy plan", Err: errors.New("no release is planned or recorded")}
}

// Unasked is the result of a probe about the release in force that does not run: there is no release, or err prevents
// reading it.
func Unasked(err error) Result {
	if err == nil {
		err = SkipRelease()
	}
	return ValidateResult(NotChecked(err))
}

// Needs adds the setting or permission that the probe needs to an error.
func Needs(remedy string, err error) error {
	var u *NotCheckedError
	if errors.As(err, &u) {
		c := *u
		c.Remedy = remedy
		return &c
	}
	return &NotCheckedError{Reason: ReasonOf(err), Remedy: remedy, Err: err}
}

// NotChecked converts the error of a run to its result.
func NotChecked(err error) Result {
	var u *NotCheckedError
	if !errors.As(err, &u) {
		u = &NotCheckedError{Reason: ReasonOf(err), Err: err}
	}
	r := Result{State: StateUnknown, Reason: u.Reason, Detail: err.Error(), Remedy: u.Remedy, Yields: u.Yields}
	if u.Skip {
		r.State = StateSkip
	}
	return r
}

// ReasonOf classifies an error of the operating system or the network.
func ReasonOf(err error) Reason {
	var u *NotCheckedError
	var dns *net.DNSError
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	var notDialled fault.NotDialled
	switch {
	case errors.As(err, &u):
		return u.Reason
	case errors.As(err, &notDialled):
		return ReasonNotConfigured
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
