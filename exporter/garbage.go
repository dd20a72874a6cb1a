package exporter

import (
	"runtime/debug"

	"github.com/thenexusengine/catalyst_exporter/collector"
)

// The memory that a process must be given is its peak. GOGC, if set, overrides everything in this file.

// GOGC values.
const (
	defaultGC = 100 // Go's default
	// frugalGC costs a few percent of CPU. It is for loading, which needs most of what it allocates only once, and for
	// manyTargets.
	frugalGC = defaultGC / 6
)

// setGCPercent sets GOGC.
func (a *app) setGCPercent(percent int) {
	if _, set := a.Getenv("GOGC"); !set {
		debug.SetGCPercent(percent)
	}
}

// loadForServe is load with a lower GOGC meanwhile. Current is the configuration that stays in use when the new one is
// bad; nil for none.
func (a *app) loadForServe(limits *collector.Limits, current *setup) (*setup, error) {
	a.setGCPercent(frugalGC)
	next, err := a.load(limits)
	inUse := next
	if err != nil {
		inUse = current
	}
	if inUse == nil || len(inUse.targets) < manyTargets {
		a.setGCPercent(defaultGC)
	}
	return next, err
}
