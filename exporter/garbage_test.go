package exporter

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/collector"
)

// TestLittleGarbageLiesAboutWhileLoading: and afterwards only where there are many targets, also when a new configuration is bad. GOGC wins.
// Not parallel: what it looks at is the process's.
func TestLittleGarbageLiesAboutWhileLoading(t *testing.T) {
	percent := func() int {
		now := debug.SetGCPercent(usualGarbage) // to read it is to set it
		debug.SetGCPercent(now)
		return now
	}
	root := t.TempDir()
	config := func(targets int, more string) string {
		text := "targets:\n"
		for i := range targets {
			text += fmt.Sprintf("  t%03d: {root: '${ROOT}'}\n", i)
		}
		return write(t, t.TempDir(), "catalyst.yml", text+more)
	}
	few, many, bad := config(1, ""), config(manyTargets, ""), config(1, "nothing: known\n")
	const other = 77
	for _, run := range []struct {
		name, gogc     string
		first, second  string
		loading, after int
	}{
		{"few targets", "", few, few, littleGarbage, usualGarbage},
		{"many targets", "", few, many, littleGarbage, littleGarbage},
		{"few after many", "", many, few, littleGarbage, usualGarbage},
		{"a bad one after few", "", few, bad, littleGarbage, usualGarbage},
		{"a bad one after many", "", many, bad, littleGarbage, littleGarbage},
		{"GOGC", "77", many, many, other, other},
	} {
		t.Run(run.name, func(t *testing.T) {
			defer debug.SetGCPercent(debug.SetGCPercent(other))
			loading := 0
			getenv := func(name string) (string, bool) {
				switch name {
				case "GOGC":
					return run.gogc, run.gogc != ""
				case "ROOT": // asked for by the configuration
					loading = percent()
					return root, true
				}
				return "", false
			}
			a := &app{System: System{Getenv: getenv, Now: time.Now}, log: slog.New(slog.DiscardHandler), configFile: run.first}
			limits := collector.NewLimits()
			first, err := a.loadToStay(limits, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer first.Close()
			loading, a.configFile = 0, run.second
			second, err := a.loadToStay(limits, first)
			if isBad := strings.HasPrefix(run.name, "a bad one"); (err != nil) != isBad {
				t.Fatal(err)
			}
			if second != nil {
				defer second.Close()
			}
			if loading != run.loading || percent() != run.after {
				t.Errorf("%d percent while it is loaded and %d afterwards, want %d and %d", loading, percent(), run.loading, run.after)
			}
		})
	}
}
