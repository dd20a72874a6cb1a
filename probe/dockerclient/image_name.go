package dockerclient

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// ImageName is an image reference: repository, tag and digest, or only an image ID. Docker Hub images have a short and
// a long name; the short one is stored.
type ImageName struct {
	Repository string // "" for an ID
	Tag        string // "latest" without tag and digest
	Digest     string // sha256:… of the manifest
	ID         string // sha256:… of the image
}

var (
	imageID   = lazyregexp.New(`^(sha256:)?[0-9a-f]{64}$`)
	hexCommit = lazyregexp.New(`^[0-9a-f]{7,64}$`)
)

func ParseImageName(text string) ImageName {
	text = strings.TrimSpace(text)
	if imageID.MatchString(text) {
		return ImageName{ID: "sha256:" + strings.TrimPrefix(text, "sha256:")}
	}
	var n ImageName
	n.Repository, n.Digest, _ = strings.Cut(text, "@")
	if i := strings.LastIndexByte(n.Repository, ':'); i > strings.LastIndexByte(n.Repository, '/') {
		n.Repository, n.Tag = n.Repository[:i], n.Repository[i+1:]
	}
	for _, hub := range []string{"docker.io/", "index.docker.io/", "library/"} {
		n.Repository = strings.TrimPrefix(n.Repository, hub)
	}
	if n.Tag == "" && n.Digest == "" {
		n.Tag = "latest"
	}
	return n
}

// Pinned reports whether the name always refers to the same image.
func (n ImageName) Pinned() bool { return n.ID != "" || n.Digest != "" }

// Of reports whether an image currently has this name.
func (n ImageName) Of(i Image) bool {
	switch {
	case n.ID != "":
		return n.ID == i.ID
	case n.Digest != "":
		return slices.ContainsFunc(i.Digests, func(d string) bool {
			other := ParseImageName(d)
			return other.Repository == n.Repository && other.Digest == n.Digest
		})
	}
	return slices.ContainsFunc(i.Tags, func(t string) bool {
		other := ParseImageName(t)
		return other.Repository == n.Repository && other.Tag == n.Tag
	})
}

// Repositories returns the names of an image without tags; started is the name its container was started with.
func Repositories(started string, i Image) []string {
	var all []string
	for _, text := range slices.Concat([]string{started}, i.Tags, i.Digests) {
		if r := ParseImageName(text).Repository; r != "" && r != "<none>" && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// IsVersion reports whether a tag is the version, with or without a leading v.
func IsVersion(tag, version string) bool {
	return version != "" && strings.TrimPrefix(tag, "v") == strings.TrimPrefix(version, "v")
}

// SameCommit compares an image label with a commit; both may be abbreviated. known is false if one of them is not a
// commit, so that the result is unknown.
func SameCommit(label, commit string) (same, known bool) {
	a, b := strings.ToLower(label), strings.ToLower(commit)
	if !hexCommit.MatchString(a) || !hexCommit.MatchString(b) {
		return false, false
	}
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a), true
}
