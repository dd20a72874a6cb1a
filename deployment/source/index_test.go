package source

import (
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Time stamps have a resolution of up to 2 s on some file systems: a recently changed file does not count as settled.
func TestSettled(t *testing.T) {
	now := time.Now()
	for age, want := range map[time.Duration]bool{0: false, time.Second: false, 3 * time.Second: true, -time.Hour: false} {
		at := now.Add(-age)
		if got := isSettled(files.Identity{Modified: at, Changed: now.Add(-time.Hour)}); got != want {
			t.Errorf("modified %v ago: %v", age, got)
		}
		if got := isSettled(files.Identity{Modified: now.Add(-time.Hour), Changed: at}); got != want {
			t.Errorf("changed %v ago: %v", age, got)
		}
	}
}
