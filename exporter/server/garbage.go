package server

import (
	"runtime/debug"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
)

// The memory that a process must be given is its peak. GOGC, if set, overrides everything in this file.

// GOGC values.
const (
	defaultGC = 100 // Go's default
	// frugalGC costs a few percent of CPU. It is for loading, which needs most of what it allocates only once, and for
	// config.ManyTargets.
	frugalGC = defaultGC / 6
)

// setGCPercent sets GOGC.
func setGCPercent(from config.Source, percent int) {
	if _, set := from.Getenv("GOGC"); !set {
		debug.SetGCPercent(percent)
	}
}

// load loads the configuration with a lower GOGC meanwhile. Current is the configuration that stays in use when the new
// one is bad; nil for none.
func load(from config.Source, limits *collector.Limits, current *config.Config) (*config.Config, error) {
	setGCPercent(from, frugalGC)
	next, err := from.Load(limits)
	inUse := next
	if err != nil {
		inUse = current
	}
	if inUse == nil || len(inUse.Targets) < config.ManyTargets {
		setGCPercent(from, defaultGC)
	}
	return next, err
}
