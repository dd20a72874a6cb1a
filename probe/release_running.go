package probe

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/attest"
)

// release_running: is what runs the release that is recorded?
//
// A digest or an image's id tells for certain; then the commit that the image says it was built from; then a tag that the record names, or that is
// the version. A tag that moves from release to release (latest, or one that the release before was recorded with, too) tells nothing. While the
// next release is planned, what runs may be the next one already: that is a warning, which recording it cures.

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
	c, err := p.Chain()
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
		return Failed(ReasonMissing, "no container of service %s runs", service), nil
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

// applicationRuns are the running containers of the application's service.
func applicationRuns(ctx context.Context, p *Pass) (service string, running []*dockerContainer, err error) {
	app, err := p.View.AppService()
	if err != nil {
		return "", nil, Unknown(ReasonBlocked, fmt.Errorf("the application's service is not known: %w", err))
	}
	if service = app.Name; service == "" {
		service = p.Deployment.Service
	}
	if service == "" {
		return "", nil, Skip("deployment.service", "the application's service is not known")
	}
	project, err := dockerProjectOf(ctx, p)
	if err != nil {
		return "", nil, err
	}
	return service, project.runningOf(service), nil
}

// judgeRunning judges the image of one container; started is the name that the container was started by. Before is the release before, or nil.
func judgeRunning(name, started string, image dockerImage, now, before *attest.Release) Result {
	own := repositories(started, image)
	var telling []imageName // names of the record that only this release has
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
		return Failed(ReasonDrift, "container %s runs an image of another commit than that of %s", name, now.Release)
	}
	for _, n := range telling {
		if n.of(image) {
			return Passed("container %s runs the recorded image", name)
		}
	}
	onlyIDs := !slices.ContainsFunc(telling, func(n imageName) bool { return n.ID == "" }) // of which service is not told by an id
	if len(telling) > 0 && !onlyIDs {
		return Failed(ReasonDrift, "container %s runs another image than the one recorded for %s", name, now.Release)
	}
	for _, text := range image.Tags {
		if n := parseImageName(text); isVersion(n.Tag, now.Release.Version) {
			return Passed("container %s runs an image tagged as the recorded version", name)
		}
	}
	return Result{State: StateUnknown, Reason: ReasonUnpinned,
		Detail: fmt.Sprintf("container %s: its image says neither commit nor version, so that nothing tells whether it is %s", name, now.Release)}
}

// moves reports whether a tag means another image with each release.
func moves(n imageName, text string, now, before *attest.Release) bool {
	if n.pinned() {
		return false
	}
	return n.Tag == "latest" || before != nil && !before.Release.Same(now.Release) && slices.Contains(before.Images, text)
}
