package parts

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// AsNobody runs f with the file permissions of nobody. Its thread is not reused.
func AsNobody(t testing.TB, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f() // for tests that remove the owner's permissions
		return
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		const nobody = 65534
		_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSGID, nobody, 0, 0)
		_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		var err error
		defer func() { done <- err }() // even if f ends the test
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
