//go:build long

package exporter

// What takes too long for every change: make test-long.

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestLongScrapesLeaveNothingBehind is the same for longer.
func TestLongScrapesLeaveNothingBehind(t *testing.T) {
	scrapeUnderReloads(t, 10_000)
}

// TestLongFaultsStayWhereTheyAre meets all faults.
func TestLongFaultsStayWhereTheyAre(t *testing.T) {
	faultsStay(t, parts.Faults()...)
}
