package exporter

import (
	"errors"
	"sync"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/collector"
)

// freezing keeps one deployment's verdicts on past moments in its release records.
type freezing struct {
	mu     sync.Mutex
	failed bool // told already
}

// freeze appends the verdicts whose moment is over to the release records. Where the records cannot be written (a read-only mount), that is told
// once: the verdicts then last only as long as Prometheus, the logs and the backups they were read from.
func (a *app) freeze(t *target, r *collector.Report) {
	if len(r.Ripe) == 0 || !t.freezing.mu.TryLock() {
		return
	}
	defer t.freezing.mu.Unlock()
	chain, err := attest.OpenChain(t.deploy.ReleasesDir(), nil)
	if err == nil {
		_, err = chain.Append(attest.Record{Phase: attest.PhaseFrozen, At: r.Time, By: "catalyst_exporter", Release: r.Recorded.Release, Frozen: r.Ripe}, false)
	}
	switch {
	case err == nil:
		t.freezing.failed = false
		a.log.Info("verdicts on past moments were kept in the release records", "release", r.Recorded.Release.String(), "verdicts", len(r.Ripe))
	case errors.Is(err, attest.ErrTaken): // another replica did it
	case !t.freezing.failed:
		t.freezing.failed = true
		a.log.Warn("verdicts on past moments cannot be kept in the release records", "err", err)
	}
}
