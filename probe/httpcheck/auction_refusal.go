package httpcheck

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
)

// auction_refusal: does the auction refuse an invalid bid request instead of failing on it?
//
// It sends one request that is marked as a test and has no impression, so that no bidder can be asked. The request is
// sent once for each release, and rarely otherwise.

func AuctionRefusalKind() probe.Kind {
	return probe.Kind{
		Name:     "auction_refusal",
		Services: []deployment.Service{deployment.APIService},
		Question: "Does the auction refuse an invalid bid request?",
		Example:  "{path: /openrtb2/auction}",
		Layer:    probe.LayerLive,
		Reads:    "POST of one invalid bid request marked test: 1 to the application's address (deployment.api)",
		MaxAge:   24 * time.Hour,
		Timeout:  15 * time.Second,
		Active:   true,
		Alone:    true,
		New:      func() any { return &auctionRefusal{Path: "/openrtb2/auction"} },
	}
}

type auctionRefusal struct {
	Path string `yaml:"path" default:"/openrtb2/auction" pattern:"^/" doc:"the auction's path"`
}

// Key is the address and the release in force.
func (s *auctionRefusal) Key(p *probe.Pass) string {
	key := p.Deployment.API.Address().URL
	if c, err := release.Chain(p); err == nil && c.Recorded() != nil {
		key += fmt.Sprintf(" %d %v", c.Recorded().Number, c.Recorded().Since)
	}
	return key
}

// Probe implements Probe.
func (s *auctionRefusal) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	api := p.Deployment.API
	w, err := httpclient.For(p, "api", api.HTTP)
	if err != nil {
		return probe.Result{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}, "X-Catalyst-Exporter": {"test"}}
	a, err := w.Do(ctx, http.MethodPost, api.Address().URL+s.Path, header, []byte(`{"id":"catalyst-exporter-test-invalid","test":1,"imp":[]}`))
	switch {
	case errors.Is(err, fault.ErrTruncated), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return probe.Failed(probe.ReasonUnhealthy, "%s drops the connection on an invalid bid request", s.Path), nil
	case errors.Is(err, fault.ErrTooLong): // the status arrived before the long body
	case err != nil:
		return httpclient.JudgeError(s.Path, err, api.Address(), deployment.APIService.Setting("url"), true)
	}
	return s.judge(a.Status)
}

// judge judges the status returned for an invalid bid request.
func (s *auctionRefusal) judge(status int) (probe.Result, error) {
	switch {
	case status == 401 || status == 403 || status == 407:
		return probe.Result{}, probe.Needs(deployment.APIService.Setting("bearer_token_file"),
			probe.Unknownf(probe.ReasonPermissionDenied, "%s returned %d: access denied", s.Path, status))
	case status == 429:
		return probe.Result{}, probe.Unknownf(probe.ReasonThreshold, "%s returned 429: too many requests", s.Path)
	case status == 404 || status == 405:
		return probe.Result{}, probe.Needs("the path of auction_refusal",
			probe.Unknownf(probe.ReasonMissing, "%s returned %d: auction not found", s.Path, status))
	case status == 408:
		return probe.Result{}, probe.Unknownf(probe.ReasonTimeout, "%s returned 408: it timed out waiting for the request", s.Path)
	case status >= 500:
		return probe.Failed(probe.ReasonUnhealthy, "%s returned %d for an invalid bid request, expected 400", s.Path, status), nil
	case status >= 400:
		return probe.Passed("%s refused an invalid bid request with %d", s.Path, status), nil
	case status >= 300:
		return probe.Result{}, probe.Needs(deployment.APIService.Setting("url"), probe.Unknownf(probe.ReasonMismatch, "%s returned %d, a redirect", s.Path, status))
	}
	return probe.Failed(probe.ReasonOpen, "%s returned %d for an invalid bid request, expected 400", s.Path, status), nil
}
