package exporter

import (
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMain_NoCoreDumps: the process and what it starts write no core dump.
func TestMain_NoCoreDumps(t *testing.T) {
	if code := Main([]string{"version"}, System{Stdout: io.Discard, Stderr: io.Discard, Getenv: os.LookupEnv}); code != ExitReady {
		t.Fatal(code)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 1 || limit.Max != 1 {
		t.Errorf("limit of core dumps %+v, %v", limit, err)
	}
}
