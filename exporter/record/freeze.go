package record

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/collector"
)

// Freezer appends final verdicts to the release records of one deployment.
type Freezer struct {
	dir    string // of the records
	log    *slog.Logger
	mu     sync.Mutex
	failed bool // and logged
}

// NewFreezer returns the Freezer of the records in a folder.
func NewFreezer(dir string, log *slog.Logger) *Freezer { return &Freezer{dir: dir, log: log} }

// Freeze appends the verdicts of a report that became final. Where the records cannot be written (a read-only mount), it
// logs that once: such verdicts last only as long as Prometheus, the logs and the backups that they were judged from.
func (f *Freezer) Freeze(r *collector.Report) {
	if len(r.DueForFreeze) == 0 || !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	chain, err := attest.OpenChain(f.dir, nil)
	if err == nil {
		_, err = chain.Append(attest.Record{
			Phase: attest.PhaseFrozen, At: r.Time, By: "catalyst_exporter", Release: r.Recorded.Release, Frozen: r.DueForFreeze,
		}, false)
	}
	switch {
	case err == nil:
		f.failed = false
		f.log.Info("final verdicts were frozen in the release records",
			"release", r.Recorded.Release.String(), "verdicts", len(r.DueForFreeze))
	case errors.Is(err, attest.ErrTaken): // by another replica
	case !f.failed:
		f.failed = true
		f.log.Warn("final verdicts cannot be frozen in the release records", "err", err)
	}
}
