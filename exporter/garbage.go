package exporter

import (
	"runtime/debug"

	"github.com/thenexusengine/catalyst_exporter/collector"
)

// How much garbage there may be before it is collected, unless GOGC says so. The memory that a process must be given is the most that it ever takes.

// In percent of the memory in use.
const (
	usualGarbage = 100 // Go's default
	// littleGarbage takes a few more percent of the CPU. It is for loading, since most of what loading makes is needed only once, and for manyTargets.
	littleGarbage = usualGarbage / 6
)

// letLie sets how much garbage there may be.
func (a *app) letLie(percent int) {
	if _, set := a.Getenv("GOGC"); !set {
		debug.SetGCPercent(percent)
	}
}

// loadToStay is load for a process that stays. Before is the configuration at work, which stays there when the new one is bad; nil for none.
func (a *app) loadToStay(limits *collector.Limits, before *setup) (*setup, error) {
	a.letLie(littleGarbage)
	next, err := a.load(limits)
	atWork := next
	if err != nil {
		atWork = before
	}
	if atWork == nil || len(atWork.targets) < manyTargets {
		a.letLie(usualGarbage)
	}
	return next, err
}
