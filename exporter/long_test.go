//go:build long

package exporter

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// Tests that take too long for every change; run make test-long.

// TestLongScrapes_LeakNothing is TestScrapes_LeakNothing with more scrapes.
func TestLongScrapes_LeakNothing(t *testing.T) {
	scrapeUnderReloads(t, 10_000)
}

// TestLongFaults_AffectOnlyTheirTarget is TestFaults_AffectOnlyTheirTarget with all faults.
func TestLongFaults_AffectOnlyTheirTarget(t *testing.T) {
	faultsStay(t, parts.Faults()...)
}
