package releasecheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// release_running: is the recorded release the one that runs?
//
// Evidence in order: the digest or image id; the commit in the image's labels; a tag that the record names or that is
// the version. A tag that moves between releases (latest, or one also recorded for the previous release) proves
// nothing. While the next release is planned, containers may already run it: that is a warning until it is recorded.

func RunningKind() probe.Kind {
	return probe.Kind{
		Name:       "release_running",
		Services:   []deployment.Service{deployment.DockerService, deployment.APIService},
		Question:   "Do the application's containers run the image or the commit of the recorded release?",
		Example:    "{}",
		Layer:      probe.LayerRunning,
		Reads:      "the release records, GET on the Docker Engine (deployment.docker), and GET on the application's address (deployment.api)",
		Permission: "the engine's socket or address, or an endpoint of the application that returns its version and commit",
		Timeout:    25 * time.Second,
		Alone:      true,
		New:        func() any { return &releaseRunning{Paths: []string{"/version"}} },
	}
}

type releaseRunning struct {
	Paths []string `yaml:"version_paths" default:"[/version]" doc:"paths below the application's address that may return its version and commit as JSON; asked where the image cannot be identified"`
}

// Validate implements probe.Validator.
func (s *releaseRunning) Validate() []error {
	for _, path := range s.Paths {
		if !strings.HasPrefix(path, "/") {
			return []error{errors.New("version_paths: a path must start with /")}
		}
	}
	return nil
}

// Probe implements Probe.
func (s *releaseRunning) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := release.Chain(p)
	if err != nil {
		return probe.Result{}, err
	}
	if c.Recorded() == nil {
		return probe.Result{}, probe.SkipRelease()
	}
	r, err := s.image(ctx, p, c)
	if err == nil && r.State != probe.StateUnknown {
		return r, nil
	}
	if published, told := s.endpoint(ctx, p, c); told {
		return published, nil
	}
	var unseen *probe.NotCheckedError
	if errors.As(err, &unseen) && unseen.Remedy != "" {
		err = probe.Needs(unseen.Remedy+", "+endpointRemedy(), err)
	}
	return r, err
}

// image compares the images of the application's containers with the record.
func (s *releaseRunning) image(ctx context.Context, p *probe.Pass, c *attest.Chain) (probe.Result, error) {
	service, running, err := applicationRuns(ctx, p)
	if err != nil {
		return probe.Result{}, err
	}
	if len(running) == 0 {
		return probe.Failed(probe.ReasonMissing, "no container of service %s is running", service), nil
	}
	var f probe.ResultBuilder
	for _, container := range running {
		image, err := dockerclient.ImageOf(ctx, p, container.Image)
		if err != nil {
			return probe.Result{}, err
		}
		f.Add(whilePlanned(judgeRunning(container.Name, container.Config.Image, image, c.Recorded(), c.Previous()), c))
	}
	r := f.Result("%s of service %s run %s", phrase.Count(len(running), "container"), service, c.Recorded().Release)
	if r.Reason == probe.ReasonUnpinned {
		r.Remedy = "the label org.opencontainers.image.revision on the image, deploy record --image, " + endpointRemedy()
	}
	return r, nil
}

// applicationRuns returns the running containers of the application's service.
func applicationRuns(ctx context.Context, p *probe.Pass) (service string, running []*dockerclient.Container, err error) {
	app, err := p.View.AppService()
	if err != nil {
		return "", nil, probe.Unknown(probe.ReasonBlocked, fmt.Errorf("application's service is unknown: %w", err))
	}
	if service = app.Name; service == "" {
		service = p.Deployment.Service
	}
	if service == "" {
		return "", nil, probe.Skip("deployment.service", "application's service is unknown")
	}
	project, err := dockerclient.ProjectOf(ctx, p)
	if err != nil {
		return "", nil, err
	}
	return service, project.RunningOf(service), nil
}

// judgeRunning checks the image of one container; started is the image name it was started with. Before is the previous
// release, or nil.
func judgeRunning(name, started string, image dockerclient.Image, now, before *attest.Release) probe.Result {
	own := dockerclient.Repositories(started, image)
	var telling []dockerclient.ImageName // recorded names that belong to this release only
	for _, text := range now.Images {
		n := dockerclient.ParseImageName(text)
		switch {
		case n.Pinned() && (n.ID != "" || slices.Contains(own, n.Repository)):
			if n.Of(image) {
				return probe.Passed("container %s runs the recorded image", name)
			}
			telling = append(telling, n)
		case slices.Contains(own, n.Repository) && !moves(n, text, now, before):
			telling = append(telling, n)
		}
	}
	if same, told := dockerclient.SameCommit(image.Commit(), now.Release.Commit); told {
		if same {
			return probe.Passed("container %s runs an image of the recorded commit", name)
		}
		return probe.Failed(probe.ReasonDrift, "container %s runs an image of another commit than %s", name, now.Release)
	}
	for _, n := range telling {
		if n.Of(image) {
			return probe.Passed("container %s runs the recorded image", name)
		}
	}
	onlyIDs := !slices.ContainsFunc(telling, func(n dockerclient.ImageName) bool { return n.ID == "" }) // an id does not identify the service
	if len(telling) > 0 && !onlyIDs {
		return probe.Failed(probe.ReasonDrift, "container %s does not run the image recorded for %s", name, now.Release)
	}
	for _, text := range image.Tags {
		if n := dockerclient.ParseImageName(text); dockerclient.IsVersion(n.Tag, now.Release.Version) {
			return probe.Passed("container %s runs an image tagged as the recorded version", name)
		}
	}
	return probe.Result{State: probe.StateUnknown, Reason: probe.ReasonUnpinned,
		Detail: fmt.Sprintf("container %s: its image has neither commit nor version, so it cannot be matched with %s", name, now.Release)}
}

// moves reports whether a tag refers to another image in each release.
func moves(n dockerclient.ImageName, text string, now, before *attest.Release) bool {
	if n.Pinned() {
		return false
	}
	return movingTag(n.Tag) || before != nil && !before.Release.Same(now.Release) && slices.Contains(before.Images, text)
}

// movingTag reports whether a tag names a channel rather than a version.
func movingTag(tag string) bool {
	return slices.Contains([]string{"latest", "stable", "current", "edge", "main", "master", "develop", "dev", "nightly", "lts", "release", "prod", "production", "staging",
		"canary", "next", "rolling", "alpine", "slim"}, strings.ToLower(tag))
}
