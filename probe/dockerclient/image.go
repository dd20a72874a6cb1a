package dockerclient

import (
	"context"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Image is the image of a container. Env may hold secrets built into the image: it is compared, never shown.
type Image struct {
	ID      string   // sha256:… digest of the image configuration
	Tags    []string // name:tag
	Digests []string // name@sha256:…, as in the registry
	Labels  map[string]string
	Env     []string
}

// Commit returns the source revision of the image from its usual labels; "" without one.
func (i Image) Commit() string {
	for _, label := range []string{"org.opencontainers.image.revision", "org.label-schema.vcs-ref", "git.commit", "commit"} {
		if c := strings.TrimSpace(i.Labels[label]); c != "" {
			return c
		}
	}
	return ""
}

type dockerImageKey struct{ image string }

// ImageOf inspects an image by ID or name, once per pass. ReasonMissing means that it is not on the host.
func ImageOf(ctx context.Context, p *probe.Pass, image string) (Image, error) {
	i, err := probe.Once(ctx, p, dockerImageKey{image}, func(ctx context.Context) (Image, error) {
		e, err := For(p)
		if err != nil {
			return Image{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, dockerTimeout)
		defer cancel()
		seen, err := e.api.ImageInspect(ctx, image)
		if err != nil {
			return Image{}, e.requestError(ctx, "inspect an image", err)
		}
		i := Image{ID: seen.ID, Tags: seen.RepoTags, Digests: seen.RepoDigests}
		if seen.Config != nil {
			i.Labels, i.Env = seen.Config.Labels, seen.Config.Env
		}
		return i, nil
	})
	return i, withTimeoutRemedy(ctx, err)
}

// EnvOf finds a variable in KEY=VALUE entries. The last entry wins, as in the container's process.
func EnvOf(entries []string, key string) (text string, set bool) {
	for _, e := range slices.Backward(entries) {
		if k, v, ok := strings.Cut(e, "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}
