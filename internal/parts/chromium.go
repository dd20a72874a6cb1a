// Headless Chromium, for tests of what a person sees. The tests control it; this file locates it and sets the flags
// that keep it off the network and independent of a display.

package parts

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
)

// Browser is an installed Chromium; Start starts it.
type Browser struct {
	Path  string         // the program
	Flags map[string]any // by name without dashes: true, or a string
	Dir   string         // its profile, removed when the test ends
}

// Chromium finds Chromium and the flags that it needs here.
func Chromium(t testing.TB) *Browser {
	t.Helper()
	dir := tempDir(t, -1, -1)
	b := &Browser{Path: Need(t, "chromium"), Dir: dir, Flags: map[string]any{
		"headless":                      true,
		"disable-gpu":                   true,
		"disable-quic":                  true,
		"disable-dev-shm-usage":         true, // /dev/shm is small in containers
		"disable-background-networking": true,
		"disable-component-update":      true,
		"disable-default-apps":          true,
		"disable-extensions":            true,
		"disable-sync":                  true,
		"disable-breakpad":              true,
		"no-first-run":                  true,
		"no-default-browser-check":      true,
		"mute-audio":                    true,
		"hide-scrollbars":               true,
		"force-color-profile":           "srgb",
		"user-data-dir":                 dir,
	}}
	if os.Geteuid() == 0 {
		b.Flags["no-sandbox"] = true // the sandbox refuses root
	}
	return b
}

// Args returns the flags as a command line.
func (b *Browser) Args() []string {
	var args []string
	for _, name := range slices.Sorted(maps.Keys(b.Flags)) {
		if b.Flags[name] == true {
			args = append(args, "--"+name)
		} else {
			args = append(args, fmt.Sprintf("--%s=%v", name, b.Flags[name]))
		}
	}
	return args
}
