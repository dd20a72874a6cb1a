//go:build long

package evidence

import "testing"

// TestLongGoTestMemory reads all of it with the race detector on, too.
func TestLongGoTestMemory(t *testing.T) { goTestMemory(t, true) }
