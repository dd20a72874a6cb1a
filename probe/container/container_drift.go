package container

import (
	"context"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// A container keeps what it was started with. What the files say now, and which image its tag names now, takes effect
// only with the next docker compose up. Values may be secrets: only names of variables are shown.

// drift returns what a running container has of its service in another form than the files say now.
func (l plan) drift(ctx context.Context, p *probe.Pass, c *dockerclient.Container) []string {
	var all []string
	s, planned := l.services[c.Service]
	switch {
	case planned && imageDiffers(s.Image, c.Config.Image):
		all = append(all, "the image")
	case tagMoved(ctx, p, c):
		all = append(all, "the image, of which its tag now names another build")
	}
	if !planned {
		return all
	}
	if len(s.Command) > 0 && !slices.Equal(s.Command, types.ShellCommand(c.Config.Cmd)) {
		all = append(all, "the command")
	}
	if len(s.Entrypoint) > 0 && !slices.Equal(s.Entrypoint, types.ShellCommand(c.Config.Entrypoint)) {
		all = append(all, "the entrypoint")
	}
	if keys := changedKeys(s.Environment, c.Config.Env); len(keys) > 0 {
		all = append(all, "the environment ("+phrase.List(keys)+")")
	}
	if l.limitsDiffer(c) {
		all = append(all, "the limits")
	}
	return all
}

// imageDiffers reports whether a container was started from another image name than the files state.
func imageDiffers(declared, started string) bool {
	if declared == "" || strings.HasSuffix(declared, ":") || strings.ContainsAny(declared, "${}") || dockerclient.ParseImageName(started).ID != "" {
		return false // built here, or not known
	}
	if !strings.Contains(declared, "@") {
		started, _, _ = strings.Cut(started, "@") // docker stack deploy adds the digest
	}
	return dockerclient.ParseImageName(declared) != dockerclient.ParseImageName(started)
}

// tagMoved reports whether the tag that a container was started from now names another image on this host.
func tagMoved(ctx context.Context, p *probe.Pass, c *dockerclient.Container) bool {
	if dockerclient.ParseImageName(c.Config.Image).Pinned() {
		return false
	}
	image, err := dockerclient.ImageOf(ctx, p, c.Config.Image)
	return err == nil && image.ID != "" && c.Image != "" && image.ID != c.Image // a tag that was removed proves nothing
}

// changedKeys lists the variables of a service that its container was started with in another form, sorted.
func changedKeys(declared types.MappingWithEquals, started []string) []string {
	var keys []string
	for key, value := range declared {
		if value == nil || *value == "" { // from the shell of docker compose up
			continue
		}
		if text, _ := dockerclient.EnvOf(started, key); text != *value {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
