package gitscan

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
)

// FuzzBaseline: parsing never panics, and an entry without a rule is never accepted.
func FuzzBaseline(f *testing.F) {
	f.Add(`[{"RuleID":"github-pat","Commit":"0a","File":"x","StartLine":1}]`, "0a:x:github-pat:1\n# note\n")
	f.Add(`[{"File":"x"}]`, `a\b:rule:2`)
	f.Add(`{}`, "\x00")
	f.Fuzz(func(t *testing.T, report, ignored string) {
		baseline, err := parseBaseline([]byte(report))
		for at := range baseline {
			if err != nil || at.RuleID == "" {
				t.Errorf("%+v, %v", at, err)
			}
		}
		for line := range parseIgnored([]byte(ignored)) {
			if line == "" || strings.HasPrefix(line, "#") || strings.Contains(line, "\n") {
				t.Errorf("%q", line)
			}
		}
	})
}

// FuzzImageName: a name is an ID or has a tag or digest, and a pinned name is never latest.
func FuzzImageName(f *testing.F) {
	for _, seed := range []string{"postgres", "a.b:5000/x/y:1.2@sha256:" + strings.Repeat("0", 64), strings.Repeat("a", 64), "@", ":", "docker.io/library/redis:7"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := dockerclient.ParseImageName(text)
		if n.ID != "" && n != (dockerclient.ImageName{ID: n.ID}) || n.ID == "" && n.Digest == "" && n.Tag == "" && !strings.HasSuffix(strings.TrimSpace(text), ":") ||
			n.Pinned() && n.Tag == "latest" && !strings.Contains(text, "latest") {
			t.Errorf("%q: %+v", text, n)
		}
	})
}
