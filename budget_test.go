package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// What a start of the program may cost before main runs, and how large its file may be. The health check of a container
// starts it every few seconds.
const (
	maxInit      = 6_500_000  // bytes that all packages allocate
	maxOurInit   = 64_000     // bytes that the packages of this module allocate
	maxExecution = 55_000_000 // bytes of the stripped file on amd64
)

// TestBudget measures the program as it is released. A failure names the packages that allocate most.
func TestBudget(t *testing.T) {
	program := filepath.Join(t.TempDir(), "catalyst_exporter")
	if output, err := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOARCH == "amd64" && info.Size() > maxExecution {
		t.Errorf("the program has %d bytes, more than %d: go tool nm -size -sort size names the largest symbols", info.Size(), maxExecution)
	}

	command := exec.Command(program, "--version")
	command.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, trace)
	}
	total, ours, large := sumInit(trace)
	if total == 0 || total > maxInit {
		t.Errorf("initialisation allocates %d bytes, more than %d; most of it:\n%s", total, maxInit, strings.Join(large, "\n"))
	}
	if ours > maxOurInit {
		t.Errorf("initialisation of this module allocates %d bytes, more than %d: create tables and expressions on first use\n%s", ours, maxOurInit, strings.Join(large, "\n"))
	}
}

// sumInit adds up the bytes of an inittrace, and returns the lines of packages with more than a tenth of their limit.
func sumInit(trace []byte) (total, ours int, large []string) {
	line := regexp.MustCompile(`^init (\S+) @.* (\d+) bytes`)
	for scanner := bufio.NewScanner(bytes.NewReader(trace)); scanner.Scan(); {
		m := line.FindStringSubmatch(scanner.Text())
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[2])
		total += n
		limit := maxInit
		if strings.HasPrefix(m[1], module) {
			ours, limit = ours+n, maxOurInit
		}
		if n > limit/10 {
			large = append(large, m[1]+" "+m[2])
		}
	}
	return total, ours, large
}

func TestSumInit(t *testing.T) {
	total, ours, large := sumInit([]byte("catalyst_exporter 1.0\ninit runtime @0.1 ms, 0.2 ms clock, 900000 bytes, 7 allocs\n" +
		"init " + module + "/probe @1.1 ms, 0.2 ms clock, 6500 bytes, 7 allocs\ninit x @1 ms, 0 ms clock, 8 bytes, 1 allocs\n"))
	if total != 906508 || ours != 6500 || len(large) != 2 {
		t.Errorf("%d, %d, %q", total, ours, large)
	}
}
