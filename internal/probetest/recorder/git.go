package recorder

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Git replaces git in PATH by a program that records its arguments. The returned function lists the commands since its
// last call.
func Git(t *testing.T) func() []string {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	script := fmt.Sprintf("#!/bin/sh\nfor a; do printf '%%s\\n' \"$a\" >>%s; done\necho =end= >>%s\nexec %s \"$@\"\n", calls, calls, real)
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() []string {
		text, _ := os.ReadFile(calls)
		_ = os.Remove(calls)
		var all []string
		for call := range strings.SplitSeq(strings.TrimSuffix(string(text), "=end=\n"), "=end=\n") {
			args := strings.Split(call, "\n")
			for len(args) > 1 && strings.HasPrefix(args[0], "-") {
				if args[0] == "-c" {
					args = args[1:]
				}
				args = args[1:]
			}
			verb := args[0]
			if verb == "config" && slices.Contains(args, "--get-regexp") {
				verb += " --get-regexp"
			}
			if verb != "" {
				all = append(all, verb)
			}
		}
		return all
	}
}
