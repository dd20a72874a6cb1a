// Package probe defines the kinds of probe: how one fact about a deployment is checked.
//
// One file holds one kind of probe: what it asks, what it reads, how it judges. kinds.go is the only list of kinds,
// values.go the only list of measured values. Fetching and judging are separate: Probe fetches, a pure function judges
// the result.
package probe

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// Probe performs one check.
//
// A nil error means that the probe has a verdict, whatever it is. Otherwise it could not check: Unknown gives the
// reason, Skip means that there is nothing to check, any other error is classified. Samples of the result count in
// every case. Probe returns soon after ctx is done, never logs, and never changes the checked system. One spec serves
// all deployments and runs: Probe is safe for concurrent use and stores nothing in the spec; state goes into Pass.Kept.
type Probe interface {
	Probe(ctx context.Context, p *Pass) (Result, error)
}

// Derived judges the verdicts of other items. It runs after they are known and must not access the deployment.
type Derived interface {
	Judge(v Verdicts) Result
}

// Keyed is implemented by a probe whose verdict holds while something cheap to read is unchanged, such as a file's
// identity or a password's digest. A verdict is reused within its max_age only while the key is the same.
type Keyed interface {
	// Key must be fast and must not block; an empty key means that no key is available.
	Key(p *Pass) string
}

// Validator is implemented by a spec with rules across its fields. A spec that asserts nothing must not load.
type Validator interface{ Validate() []error }

// Layer is the kind of source that a probe checks.
type Layer string

// The layers.
const (
	LayerDeclared Layer = "declared" // what files declare
	LayerRunning  Layer = "running"  // what the running service was started with
	LayerLive     Layer = "live"     // what the system does
	LayerEvidence Layer = "evidence" // what CI reported
	LayerAttested Layer = "attested" // what a person attested
	LayerDerived  Layer = "derived"  // computed from other verdicts
)

// Kind describes one kind of probe.
type Kind struct {
	Name       string // as written in a checklist
	Question   string // a yes/no question
	Example    string // a spec that loads, as YAML
	Layer      Layer
	Services   []deployment.Service // what it talks to; empty if it reads only files, the kernel and other verdicts
	Reads      string               // its sources, for the documentation
	Permission string               // what it needs to read them, for the documentation; empty if nothing
	Values     []*Value

	// MaxAge is how long a verdict is reused before the next run; 0 runs on every scrape.
	MaxAge time.Duration
	// Timeout bounds one run.
	Timeout time.Duration
	// Active kinds do more than read (login attempts, requests with a body). They are off unless enabled by configuration.
	Active bool
	// Background kinds read a lot. A scrape does not wait for them: it shows the previous verdict or unknown (in_progress).
	Background bool
	// Alone means that the empty spec {} asserts something.
	Alone bool
	// OwnItem kinds have a parameter `item`. A checklist may leave it out: it is then the item that the probe belongs to.
	OwnItem bool

	// Breakages lists ways to break the files that a spec of the kind reads from this deployment. Each of them is a fault that
	// the kind must report. It is nil for kinds that read no file of the deployment. It must be pure: it says what to edit,
	// challenge writes the copy. Positions are those of the view's files.
	Breakages func(spec any, view *deployment.View) []Breakage

	// New returns a pointer to the kind's spec with defaults, into which a checklist entry is decoded strictly.
	// The spec itself is the Probe or the Derived.
	New func() any
}

// Defaults of Kind.
const (
	DefaultTimeout = 5 * time.Second
	// minStale is how long a verdict stands at least while a run hangs, so that one slow minute is not a drift.
	minStale = 5 * time.Minute
)

// MaxStale is how long a verdict stands when no later run has finished.
func MaxStale(maxAge, timeout time.Duration) time.Duration {
	return max(2*maxAge+timeout, minStale)
}

// Run runs a probe and returns its result; errors and panics become results.
func Run(ctx context.Context, pr Probe, p *Pass) (r Result) {
	defer recoverPanic(p, &r)
	r, err := pr.Probe(ctx, p)
	if err != nil {
		samples := r.Samples
		if ctx.Err() != nil && ReasonOf(err) == ReasonError {
			err = Unknown(ReasonTimeout, err)
		}
		r = NotChecked(err)
		r.Samples = samples
	}
	r.Offenders = tidyOffenders(r, p.Deployment.Root)
	if root := p.Deployment.Root; len(root) > 1 {
		// Errors of the system name whole paths. Relative ones are shorter, and the same on every machine.
		r.Detail = strings.ReplaceAll(r.Detail, root+"/", "")
	}
	return ValidateResult(r)
}

// Judge runs a derived probe; a panic becomes a result.
func Judge(d Derived, v Verdicts) (r Result) {
	defer recoverPanic(v.Pass, &r)
	return ValidateResult(d.Judge(v))
}

// recoverPanic turns a panic into a result. The panic value may contain anything, so only its type is logged; the stack has
// addresses only.
func recoverPanic(p *Pass, r *Result) {
	if cause := recover(); cause != nil {
		p.Log.Error("probe panicked; please report this bug of the exporter", "type", fmt.Sprintf("%T", cause), "stack", string(debug.Stack()))
		*r = Result{State: StateUnknown, Reason: ReasonError, Detail: "internal error in the probe; please report this bug of the exporter (its log has the stack)"}
	}
}

// ValidateResult replaces results that no probe may return, and makes the names in a detail safe to show.
func ValidateResult(r Result) Result {
	err := func() error {
		switch {
		case r.State < StateSkip || r.State > StateFail:
			return errors.New("no state")
		case r.State == StatePass && r.Reason != ReasonNone:
			return errors.New("a pass with a reason")
		case r.State != StatePass && r.Reason == ReasonNone:
			return errors.New("no reason")
		}
		return nil
	}()
	if err != nil {
		return Result{State: StateUnknown, Reason: ReasonError, Detail: "internal error: the probe returned " + err.Error() + "; please report this bug of the exporter", Samples: r.Samples}
	}
	r.Detail = phrase.Printable(r.Detail)
	return r
}
