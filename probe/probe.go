// Package probe knows how one thing about a deployment is found out.
//
// One file holds one kind of probe: what it asks, what it reads, how it judges. kinds.go is the one list of them, values.go the one list of
// what they measure. Looking and judging are apart: Probe fetches, a pure function judges what was fetched.
package probe

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Probe looks once.
//
// A nil error means that the probe answered, whatever the verdict. Otherwise it could not look: Unknown gives the reason, Skip says that there
// is nothing to look at, any other error is classified. Samples of the result count in every case. Probe returns soon after ctx is done, never
// logs, and never changes what it looks at. One spec serves every deployment and every round: Probe is safe for concurrent use and keeps
// nothing in the spec; what must last goes into Pass.Kept.
type Probe interface {
	Probe(ctx context.Context, p *Pass) (Result, error)
}

// Derived judges from the verdicts of other items; it is asked after they are known and must not look at the deployment on its own.
type Derived interface {
	Judge(v Verdicts) Result
}

// Keyed is implemented by a probe whose verdict holds as long as something cheap to read stays the same (a file's identity, a password's
// digest). A verdict is reused within its max_age only while the key is the same.
type Keyed interface {
	// Key must be quick and must not block; an empty key means that none can be told.
	Key(p *Pass) string
}

// Validator is implemented by a spec that has rules between its fields. A spec that would assert nothing must not load.
type Validator interface{ Validate() []error }

// Layer is how near to the truth a probe looks.
type Layer string

// The layers.
const (
	LayerDeclared Layer = "declared" // what a file says
	LayerRunning  Layer = "running"  // what the started service was given
	LayerLive     Layer = "live"     // what the system does
	LayerEvidence Layer = "evidence" // what CI has seen
	LayerAttested Layer = "attested" // what a person vouches for
	LayerDerived  Layer = "derived"  // what other verdicts add up to
)

// Kind describes one kind of probe.
type Kind struct {
	Name     string // as written in a checklist
	Question string // what it asks, answerable by yes
	Example  string // a spec that loads, as YAML
	Layer    Layer
	Reads    string // what it looks at, and the permission it needs to, for the documentation
	Values   []*Value

	// MaxAge is how long a verdict is reused before the next look; 0 looks on every scrape.
	MaxAge time.Duration
	// Timeout bounds one look.
	Timeout time.Duration
	// Active kinds do more than read (log-in attempts, requests with a body). They are off unless the configuration enables them.
	Active bool
	// Background kinds read much. A scrape does not wait for them but shows the verdict before, or unknown (in_progress).
	Background bool
	// Alone says that the empty spec {} asserts something.
	Alone bool

	// New returns a pointer to the kind's spec with its defaults filled in, into which a checklist entry is decoded strictly.
	// It is the Probe or the Derived itself.
	New func() any
}

// Defaults of Kind.
const (
	DefaultTimeout = 5 * time.Second
	// minStale: a verdict outlives a look that hangs for at least this long, so that one slow minute is no drift.
	minStale = 5 * time.Minute
)

// MaxStale is how long a verdict stands when no later look has ended.
func MaxStale(maxAge, timeout time.Duration) time.Duration {
	return max(2*maxAge+timeout, minStale)
}

// Look runs a probe and returns its result; every error and a panic become one.
func Look(ctx context.Context, pr Probe, p *Pass) (r Result) {
	defer guard(p, &r)
	r, err := pr.Probe(ctx, p)
	if err != nil {
		samples := r.Samples
		if ctx.Err() != nil && reasonOf(err) == ReasonError {
			err = Unknown(ReasonTimeout, err)
		}
		r = unanswered(err)
		r.Samples = samples
	}
	return sound(r)
}

// Judge runs a derived probe; a panic becomes a result.
func Judge(d Derived, v Verdicts) (r Result) {
	defer guard(v.Pass, &r)
	return sound(d.Judge(v))
}

// guard turns a panic into a result. The cause may hold anything, so that only its type is told; the stack holds addresses alone.
func guard(p *Pass, r *Result) {
	if cause := recover(); cause != nil {
		p.Log.Error("a probe panicked; this is a bug of the exporter, please report it", "type", fmt.Sprintf("%T", cause), "stack", string(debug.Stack()))
		*r = Result{State: StateUnknown, Reason: ReasonError, Detail: "the probe itself broke (a bug of the exporter; its log has the place)"}
	}
}

// sound refuses results that no probe may return.
func sound(r Result) Result {
	err := func() error {
		switch {
		case r.State < StateSkip || r.State > StateFail:
			return errors.New("no verdict")
		case r.State == StatePass && r.Reason != ReasonNone:
			return errors.New("a pass with a reason")
		case r.State != StatePass && r.Reason == ReasonNone:
			return errors.New("no reason")
		}
		return nil
	}()
	if err != nil {
		return Result{State: StateUnknown, Reason: ReasonError, Detail: "the probe returned " + err.Error() + " (a bug of the exporter)", Samples: r.Samples}
	}
	return r
}
