//go:build long

package exporter

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// Tests that take too long for every change; run make test-long.

// TestLongScrapes_LeakNothing is TestScrapes_LeakNothing with more scrapes.
func TestLongScrapes_LeakNothing(t *testing.T) {
	scrapeUnderReloads(t, 20_000)
}

// TestLongReloadStorm is TestReloadStorm and TestReloadStorm_Targets with more reloads.
func TestLongReloadStorm(t *testing.T) {
	t.Run("one deployment", func(t *testing.T) { reloadStorm(t, 1000) })
	t.Run("targets", func(t *testing.T) { targetsStorm(t, 500) })
}

// TestLongFaults_AffectOnlyTheirTarget is TestFaults_AffectOnlyTheirTarget with all faults.
func TestLongFaults_AffectOnlyTheirTarget(t *testing.T) {
	faultsStay(t, parts.Faults()...)
}
