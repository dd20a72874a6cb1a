package probe

import (
	"context"
	"slices"
	"strings"
)

// dockerImage is the image behind a container. Env may hold secrets that somebody built into it: it is compared, never shown.
type dockerImage struct {
	ID      string   // sha256:…, of the image's configuration
	Tags    []string // name:tag
	Digests []string // name@sha256:…, what a registry knows it by
	Labels  map[string]string
	Env     []string
}

// commit is the revision that the image was built from, by the labels usual for it; "" when it does not say.
func (i dockerImage) commit() string {
	for _, label := range []string{"org.opencontainers.image.revision", "org.label-schema.vcs-ref", "git.commit", "commit"} {
		if c := strings.TrimSpace(i.Labels[label]); c != "" {
			return c
		}
	}
	return ""
}

type dockerImageKey struct{ image string }

// dockerImageOf is an image by id or name, asked for once per pass. Of one that is not on the host the error's reason is missing.
func dockerImageOf(ctx context.Context, p *Pass, image string) (dockerImage, error) {
	i, err := Once(ctx, p, dockerImageKey{image}, func(ctx context.Context) (dockerImage, error) {
		e, err := engineFor(p)
		if err != nil {
			return dockerImage{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, dockerPatience)
		defer cancel()
		seen, err := e.api.ImageInspect(ctx, image)
		if err != nil {
			return dockerImage{}, e.unasked(ctx, "inspect an image", err)
		}
		i := dockerImage{ID: seen.ID, Tags: seen.RepoTags, Digests: seen.RepoDigests}
		if seen.Config != nil {
			i.Labels, i.Env = seen.Config.Labels, seen.Config.Env
		}
		return i, nil
	})
	return i, dockerWaited(ctx, err)
}

// envOf finds a variable among KEY=VALUE entries; the last counts, as for the program.
func envOf(entries []string, key string) (text string, set bool) {
	for _, e := range slices.Backward(entries) {
		if k, v, ok := strings.Cut(e, "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}
