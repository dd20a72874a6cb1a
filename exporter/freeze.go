package exporter

import (
	"errors"
	"sync"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/collector"
)

// freezing guards the frozen verdicts of one deployment.
type freezing struct {
	mu     sync.Mutex
	failed bool // and logged
}

// freeze appends final verdicts to the release records. Where the records cannot be written (a read-only mount), it
// logs that once: such verdicts last only as long as Prometheus, the logs and the backups that they were judged from.
func (a *app) freeze(t *target, r *collector.Report) {
	if len(r.DueForFreeze) == 0 || !t.freezing.mu.TryLock() {
		return
	}
	defer t.freezing.mu.Unlock()
	chain, err := attest.OpenChain(t.deploy.ReleasesDir(), nil)
	if err == nil {
		_, err = chain.Append(attest.Record{
			Phase: attest.PhaseFrozen, At: r.Time, By: "catalyst_exporter", Release: r.Recorded.Release, Frozen: r.DueForFreeze,
		}, false)
	}
	switch {
	case err == nil:
		t.freezing.failed = false
		a.log.Info("final verdicts were frozen in the release records",
			"release", r.Recorded.Release.String(), "verdicts", len(r.DueForFreeze))
	case errors.Is(err, attest.ErrTaken): // by another replica
	case !t.freezing.failed:
		t.freezing.failed = true
		a.log.Warn("final verdicts cannot be frozen in the release records", "err", err)
	}
}
