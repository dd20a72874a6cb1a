package server

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/exporter/config"
)

// GOGC is low during loading, and afterwards only with many targets, also when a new configuration is bad. The
// environment variable overrides that. Not parallel: the setting belongs to the process.
func TestLoad_LowersGOGC(t *testing.T) {
	percent := func() int {
		now := debug.SetGCPercent(defaultGC) // reading it requires setting it
		debug.SetGCPercent(now)
		return now
	}
	root := t.TempDir()
	written := func(targets int, more string) string {
		text := "targets:\n"
		for i := range targets {
			text += fmt.Sprintf("  t%03d: {root: '${ROOT}'}\n", i)
		}
		path := filepath.Join(t.TempDir(), "catalyst.yml")
		if err := os.WriteFile(path, []byte(text+more), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	few, many, bad := written(1, ""), written(config.ManyTargets, ""), written(1, "nothing: known\n")
	const other = 77
	for _, run := range []struct {
		name, gogc     string
		first, second  string
		loading, after int
	}{
		{"few targets", "", few, few, frugalGC, defaultGC},
		{"many targets", "", few, many, frugalGC, frugalGC},
		{"few after many", "", many, few, frugalGC, defaultGC},
		{"a bad one after few", "", few, bad, frugalGC, defaultGC},
		{"a bad one after many", "", many, bad, frugalGC, frugalGC},
		{"GOGC", "77", many, many, other, other},
	} {
		t.Run(run.name, func(t *testing.T) {
			defer debug.SetGCPercent(debug.SetGCPercent(other))
			loading := 0
			getenv := func(name string) (string, bool) {
				switch name {
				case "GOGC":
					return run.gogc, run.gogc != ""
				case "ROOT": // the configuration refers to it
					loading = percent()
					return root, true
				}
				return "", false
			}
			from := config.Source{Getenv: getenv, Now: time.Now, Log: slog.New(slog.DiscardHandler), File: run.first}
			limits := collector.NewLimits()
			first, err := load(from, limits, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer first.Close()
			loading, from.File = 0, run.second
			second, err := load(from, limits, first)
			if isBad := strings.HasPrefix(run.name, "a bad one"); (err != nil) != isBad {
				t.Fatal(err)
			}
			if second != nil {
				defer second.Close()
			}
			if loading != run.loading || percent() != run.after {
				t.Errorf("GOGC is %d during loading and %d afterwards, want %d and %d", loading, percent(), run.loading, run.after)
			}
		})
	}
}
