package kinds

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Find returns the kind of that name.
func Find(name string) (probe.Kind, bool) {
	for _, k := range All() {
		if k.Name == name {
			return k, true
		}
	}
	return probe.Kind{}, false
}

func TestMain(m *testing.M) { parts.Main(m) }
