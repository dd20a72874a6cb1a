package probetest

import (
	"crypto/rand"
	"encoding/hex"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Random returns a generated secret.
func Random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// ProcessorTime returns the CPU time of this process and its finished child processes.
func ProcessorTime(t *testing.T) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}
