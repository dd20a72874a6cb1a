// Whether somebody has a file open for writing.

package backup

import (
	"errors"
	"syscall"

	"github.com/thenexusengine/catalyst_exporter/files"
)

// Linux' fcntl commands for leases; package syscall does not have them.
const setLease = 1024 // F_SETLEASE

// openForWriting asks for a read lease, which Linux grants only while nobody has the file open for writing, and gives it back at once. Known is
// false where that cannot be asked: for a file of another user without CAP_LEASE, and on network file systems. A dump waits for locks in
// silence, for hours if need be, so that its file's time does not tell that it is still being written; this does.
func openForWriting(path string) (open, known bool) {
	f, _, err := files.Open(path)
	if err != nil {
		return false, false
	}
	defer func() { _ = f.Close() }()
	_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), setLease, syscall.F_RDLCK)
	if errno == 0 {
		_, _, errno = syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), setLease, syscall.F_UNLCK)
		return false, errno == 0
	}
	return errors.Is(errno, syscall.EAGAIN), errors.Is(errno, syscall.EAGAIN)
}
