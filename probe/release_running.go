package probe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
)

// release_running: is the recorded release the one that runs?
//
// Evidence in order: the digest or image id; the commit in the image's labels; a tag that the record names or that is
// the version. A tag that moves between releases (latest, or one also recorded for the previous release) proves
// nothing. While the next release is planned, containers may already run it: that is a warning until it is recorded.

func releaseRunningKind() Kind {
	return Kind{
		Name:     "release_running",
		Question: "Do the application's containers run the image or the commit of the recorded release?",
		Example:  "{}",
		Layer:    LayerRunning,
		Reads:    "the release records, and GET on the Docker Engine (deployment.docker); needs its socket or address",
		Timeout:  25 * time.Second,
		Alone:    true,
		New:      func() any { return &releaseRunning{} },
	}
}

type releaseRunning struct{}

// Probe implements Probe.
func (s *releaseRunning) Probe(ctx context.Context, p *Pass) (Result, error) {
	c, err := ReleaseChain(p)
	if err != nil {
		return Result{}, err
	}
	if c.Recorded() == nil {
		return Result{}, SkipRelease()
	}
	service, running, err := applicationRuns(ctx, p)
	if err != nil {
		return Result{}, err
	}
	if len(running) == 0 {
		return Failed(ReasonMissing, "no container of service %s is running", service), nil
	}
	var f Findings
	for _, container := range running {
		image, err := dockerImageOf(ctx, p, container.Image)
		if err != nil {
			return Result{}, err
		}
		r := judgeRunning(container.Name, container.Config.Image, image, c.Recorded(), c.Previous())
		if r.State == StateFail && c.Planned() != nil {
			r.State = StateWarn
			r.Detail += fmt.Sprintf("; %s is planned: record it when it is deployed", c.Planned().Release)
		}
		f.Add(r)
	}
	r := f.Result("%s of service %s run %s", count(len(running), "container"), service, c.Recorded().Release)
	if r.Reason == ReasonUnpinned {
		r.Remedy = "the label org.opencontainers.image.revision on the image, or deploy record --image"
	}
	return r, nil
}

// applicationRuns returns the running containers of the application's service.
func applicationRuns(ctx context.Context, p *Pass) (service string, running []*dockerContainer, err error) {
	app, err := p.View.AppService()
	if err != nil {
		return "", nil, Unknown(ReasonBlocked, fmt.Errorf("application's service is unknown: %w", err))
	}
	if service = app.Name; service == "" {
		service = p.Deployment.Service
	}
	if service == "" {
		return "", nil, Skip("deployment.service", "application's service is unknown")
	}
	project, err := dockerProjectOf(ctx, p)
	if err != nil {
		return "", nil, err
	}
	return service, project.runningOf(service), nil
}

// judgeRunning checks the image of one container; started is the image name it was started with. Before is the previous
// release, or nil.
func judgeRunning(name, started string, image dockerImage, now, before *attest.Release) Result {
	own := repositories(started, image)
	var telling []imageName // recorded names that belong to this release only
	for _, text := range now.Images {
		n := parseImageName(text)
		switch {
		case n.pinned() && (n.ID != "" || slices.Contains(own, n.Repository)):
			if n.of(image) {
				return Passed("container %s runs the recorded image", name)
			}
			telling = append(telling, n)
		case slices.Contains(own, n.Repository) && !moves(n, text, now, before):
			telling = append(telling, n)
		}
	}
	if same, told := sameCommit(image.commit(), now.Release.Commit); told {
		if same {
			return Passed("container %s runs an image of the recorded commit", name)
		}
		return Failed(ReasonDrift, "container %s runs an image of another commit than %s", name, now.Release)
	}
	for _, n := range telling {
		if n.of(image) {
			return Passed("container %s runs the recorded image", name)
		}
	}
	onlyIDs := !slices.ContainsFunc(telling, func(n imageName) bool { return n.ID == "" }) // an id does not identify the service
	if len(telling) > 0 && !onlyIDs {
		return Failed(ReasonDrift, "container %s does not run the image recorded for %s", name, now.Release)
	}
	for _, text := range image.Tags {
		if n := parseImageName(text); isVersion(n.Tag, now.Release.Version) {
			return Passed("container %s runs an image tagged as the recorded version", name)
		}
	}
	return Result{State: StateUnknown, Reason: ReasonUnpinned,
		Detail: fmt.Sprintf("container %s: its image has neither commit nor version, so it cannot be matched with %s", name, now.Release)}
}

// moves reports whether a tag refers to another image in each release.
func moves(n imageName, text string, now, before *attest.Release) bool {
	if n.pinned() {
		return false
	}
	return n.Tag == "latest" || before != nil && !before.Release.Same(now.Release) && slices.Contains(before.Images, text)
}
