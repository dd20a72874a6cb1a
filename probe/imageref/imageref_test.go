package imageref

import (
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestUnpinned(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("1a", 32)
	for _, tt := range []struct {
		image    string
		byDigest bool
		reason   probe.Reason
	}{
		{"nginx:1.27.2", false, ""},
		{"registry.internal:5000/app:1.2", false, ""},
		{"app" + digest, true, ""},
		{"app:latest" + digest, true, ""},
		{"nginx:1.27.2", true, probe.ReasonUnpinned},
		{"nginx", false, probe.ReasonUnpinned},
		{"registry.internal:5000/app", false, probe.ReasonUnpinned},
		{"app:LATEST", false, probe.ReasonUnpinned},
		{"app:stable", false, probe.ReasonUnpinned},
		{"app@sha256:1a", false, probe.ReasonInvalid},
		{"app@sha256:" + strings.Repeat("xy", 32), false, probe.ReasonInvalid},
		{"", false, probe.ReasonMissing},
	} {
		if reason, text := Unpinned(tt.image, tt.byDigest); reason != tt.reason || (text == "") != (reason == "") {
			t.Errorf("%q: %s %q", tt.image, reason, text)
		}
	}
}
