package exporter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
)

// A full disk is not wrong usage, at whichever call it shows.
func TestRecordError(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		usage bool
	}{
		"link":    {&os.LinkError{Op: "link", Old: "a", New: "b", Err: syscall.ENOSPC}, false},
		"write":   {&fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}, false},
		"fsync":   {os.NewSyscallError("fsync", syscall.EIO), false},
		"no plan": {errors.New("no release is planned"), true},
	} {
		var wrong usage.Error
		if got := errors.As(recordError(fmt.Errorf("release record 1: %w", tt.err)), &wrong); got != tt.usage {
			t.Errorf("%s: usage error %v, want %v", name, got, tt.usage)
		}
	}
}
