// Package imageref judges references to container images.
package imageref

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// movingTags are tags that are moved to other images as a matter of course.
func movingTags() []string {
	return []string{
		"latest", "stable", "main", "master", "edge", "nightly", "dev", "develop", "development", "rolling", "current", "lts", "prod", "production",
		"staging",
	}
}

var sha256 = lazyregexp.New(`^sha256:[0-9a-f]{64}$`)

// Unpinned returns why a reference does not name one image: it has no tag, or one that moves. With byDigest, only a digest
// counts. The text is empty if the reference is pinned.
func Unpinned(image string, byDigest bool) (probe.Reason, string) {
	name, digest, ok := strings.Cut(image, "@")
	switch tag := Tag(name); {
	case name == "":
		return probe.ReasonMissing, "no image. Set image"
	case ok && sha256.MatchString(digest):
		return "", ""
	case ok:
		return probe.ReasonInvalid, "the image has an incomplete digest"
	case byDigest:
		return probe.ReasonUnpinned, "the image has no digest. Append @sha256:…"
	case tag == "":
		return probe.ReasonUnpinned, "the image has no tag, which means latest. Name a version"
	case slices.Contains(movingTags(), strings.ToLower(tag)):
		return probe.ReasonUnpinned, fmt.Sprintf("the image has a tag that moves (%s). Name a version", strings.ToLower(tag))
	}
	return "", ""
}

// Tag returns the tag of a name. A colon before a slash is that of a port.
func Tag(name string) string {
	last := name[strings.LastIndex(name, "/")+1:]
	_, tag, _ := strings.Cut(last, ":")
	return tag
}
