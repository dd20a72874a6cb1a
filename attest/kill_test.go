package attest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// childVariable makes the test binary append records to the named folder until it is killed.
const childVariable = "ATTEST_APPEND_TO"

// appendForever appends until it is killed and retries after ErrTaken. It reports other errors in a file.
func appendForever(dir string) {
	for i := 0; ; i++ {
		c, err := OpenChain(dir, nil)
		if err == nil {
			_, err = c.Append(Record{Phase: PhasePlanned, At: noon, Release: version(fmt.Sprint(i)), Note: strings.Repeat("text ", 500)}, false)
		}
		if err != nil && !errors.Is(err, ErrTaken) {
			_ = os.WriteFile(filepath.Join(dir, "failed"), []byte(err.Error()), 0o644)
			os.Exit(1)
		}
	}
}

// TestAppend_Killed: two processes append concurrently and are killed at random times. The chain is intact every time.
func TestAppend_Killed(t *testing.T) {
	dir := t.TempDir()
	before := 0
	for round := range 8 {
		var children []*exec.Cmd
		for range 2 {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childVariable+"="+dir)
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			children = append(children, child)
		}
		parts.Eventually(t, func() error { // one of them has started when a record exists
			if len(open(t, dir).Records) == before {
				return errors.New("nobody appends")
			}
			return nil
		})
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
		for _, child := range children {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = child.Wait()
		}
		if text, err := os.ReadFile(filepath.Join(dir, "failed")); err == nil {
			t.Fatalf("a child failed: %s", text)
		}
		c := opened(t, dir)
		if len(c.Records) <= before {
			t.Errorf("round %d: %d records after %d", round, len(c.Records), before)
		}
		before = len(c.Records)
	}
}

// as runs do as another user, on a thread that is not reused.
func as(t *testing.T, uid int, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			t.Errorf("setresuid: %v", errno)
			return
		}
		do()
	}()
	<-done
}
