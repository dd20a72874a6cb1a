package exporter

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestCommands_OutputFull: a command whose output cannot be written says so in one line and does not exit like a verdict.
func TestCommands_OutputFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		parts.Missing(t, "/dev/full is missing")
	}
	defer func() { _ = full.Close() }()
	for _, command := range []string{"check", "check --format=json", "list", "explain redis_password", "rules", "alertmanager", "dashboard", "config discover",
		"config check", "config schema", "version", "--version", "--help", "help", "check --help"} {
		var complaint bytes.Buffer
		args := strings.Fields(command)
		if !strings.Contains(command, "help") && !strings.Contains(command, "ersion") {
			args = append(args, "--deployment.root="+t.TempDir())
		}
		code := Main(args, System{Context: t.Context(), Stdout: full, Stderr: &complaint, Now: time.Now, Getenv: os.LookupEnv})
		lines := strings.Split(strings.TrimSpace(complaint.String()), "\n")
		last := lines[len(lines)-1]
		if code != ExitInternal || !strings.Contains(last, "no space left on device") || strings.Contains(last, "--output=") {
			t.Errorf("%s: exit code %d, %q", command, code, complaint.String())
		}
	}
}
