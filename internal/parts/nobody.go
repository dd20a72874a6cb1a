package parts

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// AsNobody runs f with the file permissions of nobody. The thread it runs on is not used again.
func AsNobody(t testing.TB, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f() // the files of the test are to be without permission for their owner
		return
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		const nobody = 65534
		_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSGID, nobody, 0, 0)
		_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		var err error
		defer func() { done <- err }() // also when the test ends in f
		if now, _, _ := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); now != nobody {
			err = fmt.Errorf("the file permissions are still those of %d", now)
			return
		}
		f()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
