package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/challenge"
	"github.com/thenexusengine/catalyst_exporter/exporter"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// leastChallenged is how many sound cases can be challenged at least.
const leastChallenged = 100

// TestChallenge_SoundCases breaks the files of every sound case that needs no server: its item must notice.
func TestChallenge_SoundCases(t *testing.T) {
	shm, err := os.MkdirTemp("/dev/shm", "cases-")
	if err != nil {
		parts.Missing(t, "/dev/shm cannot be written: "+err.Error())
	}
	t.Cleanup(func() { _ = os.RemoveAll(shm) })
	sound, ran, challenged := 0, 0, 0
	for _, c := range load(t, ".") {
		if c.group() != "Sound" || slices.ContainsFunc(c.start, func(s start) bool { return s.kind != "certificate" }) {
			continue
		}
		sound++
		t.Run(strings.TrimSuffix(c.path, ".txtar"), func(t *testing.T) {
			ran++
			ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
			defer cancel()
			root := t.TempDir()
			if _, err := c.judge(ctx, t, root, time.Now()); err != nil {
				t.Fatal(err)
			}
			args := []string{"challenge", "--format=json", "--deployment.root=" + root, "--item=" + c.item, "--scratch=" + shm}
			if config := filepath.Join(root, "catalyst.yml"); exists(config) {
				args = append(args, "--config.file="+config)
			}
			var stdout, stderr bytes.Buffer
			exporter.Main(args, exporter.System{Context: ctx, Stdout: &stdout, Stderr: &stderr, Now: time.Now,
				Getenv: func(string) (string, bool) { return "", false }})
			var report struct {
				Challenged int
				Items      []struct {
					Breakages []struct{ Probe, Name, File, Result, State, Reason string }
				}
			}
			if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			challenged += report.Challenged
			for _, it := range report.Items {
				for _, b := range it.Breakages {
					// Some forms cannot be broken by a general edit.
					if b.Result == "unnoticed" && b.Name != challenge.NothingApplies {
						t.Errorf("%s does not notice %s: %s (%s)", c.item, b.Probe, b.Name, b.File)
					}
				}
			}
		})
	}
	if ran == sound && challenged < leastChallenged { // -run selects fewer
		t.Errorf("only %d cases were challenged, expected at least %d", challenged, leastChallenged)
	}
}
