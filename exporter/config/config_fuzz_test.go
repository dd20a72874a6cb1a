package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/collector"
)

// FuzzConfig checks that no configuration crashes the program, and that an invalid one is rejected with a message.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"deployment: {environment: x, redis: {address: 'a:1', password: '${X}'}}\n", "targets: {a: {root: .}, b: {root: .}}\n", "overrides: {redis_password: {severity: info, enabled: false, reason: x}}\n",
		"waivers: [{item: grafana, reason: x, by: y, expires: 2030-01-01}]\n", "checklist: nope.yml\n", "deployment: {evidence: {places: ['s3://a/b', 'https://x/{report}']}}\n", "targets: {'<a>': {root: ''}}\n",
		"attestations: {allowed_signers: x}\n", "deployment: &a {redis: *a}\n", "{}\n", "\xff", "deployment: {database: {port: 99999999999999999999}}\n", "deployment: {firewall: {allowed: [-1]}}\n", "deployment: {root: '${env.X}'}\n",
	} {
		f.Add(seed)
	}
	root := f.TempDir()
	path := filepath.Join(root, "config.yml")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "/") { // do not read files of this machine
			return
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		from := Source{File: path, Root: root, Now: time.Now, Getenv: func(string) (string, bool) { return "", false }, Log: slog.New(slog.DiscardHandler)}
		c, err := from.Load(collector.NewLimits())
		switch {
		case err == nil && len(c.Targets) == 0:
			t.Error("a configuration without targets was loaded")
		case err == nil:
			c.Close()
		case err.Error() == "":
			t.Error("rejected without a message")
		}
	})
}
