package httpcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// gdpr_refusal: does the auction reject a bid request that is subject to the GDPR and has no consent?
//
// It sends two bid requests marked as tests that differ only in the GDPR signal. The one without it is the control: a
// rejection of the other is meaningful only if the control is accepted.

func GDPRRefusalKind() probe.Kind {
	return probe.Kind{
		Name:     "gdpr_refusal",
		Services: []deployment.Service{deployment.APIService},
		Question: "Is a bid request under the GDPR without consent rejected, and the same request without the GDPR accepted?",
		Example:  "{path: /openrtb2/auction}",
		Layer:    probe.LayerLive,
		Reads:    "POST of two bid requests marked test: 1 to the application's address (deployment.api)",
		MaxAge:   24 * time.Hour,
		Timeout:  15 * time.Second,
		Active:   true,
		Alone:    true,
		New:      func() any { return &gdprRefusal{Path: "/openrtb2/auction"} },
	}
}

type gdprRefusal struct {
	Path string `yaml:"path" default:"/openrtb2/auction" pattern:"^/" doc:"path of the auction"`
}

func (s *gdprRefusal) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	api := p.Deployment.API
	w, err := httpclient.For(p, "api", api.HTTP)
	if err != nil {
		return probe.Result{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}, "X-Catalyst-Exporter": {"test"}}
	target := api.Address().URL + s.Path
	statuses := [2]int{}
	for i, gdpr := range []bool{false, true} {
		a, err := w.Do(ctx, http.MethodPost, target, header, bidRequest(gdpr))
		if err != nil {
			return httpclient.JudgeError(s.Path, err, api.Address(), deployment.APIService.Setting("url"), false)
		}
		statuses[i] = a.Status
	}
	return judgeRefusal(s.Path, statuses[0], statuses[1])
}

// bidRequest returns an OpenRTB 2 bid request marked as a test, on which nobody can earn money.
func bidRequest(gdpr bool) []byte {
	request := map[string]any{
		"id": fmt.Sprintf("catalyst-exporter-test-%t", gdpr), "test": 1, "tmax": 500,
		"imp":  []any{map[string]any{"id": "1", "banner": map[string]any{"w": 300, "h": 250}, "bidfloor": 0.01}},
		"site": map[string]any{"id": "catalyst-exporter-test", "domain": "test.invalid", "page": "https://test.invalid/"},
		"user": map[string]any{"id": "catalyst-exporter-test"},
	}
	if gdpr {
		request["regs"] = map[string]any{"gdpr": 1, "ext": map[string]any{"gdpr": 1}}
	}
	data, err := json.Marshal(request)
	if err != nil {
		panic(err) // unreachable: the request is constant
	}
	return data
}

// judgeRefusal evaluates the statuses of the control request and of the GDPR request.
func judgeRefusal(path string, control, gdpr int) (probe.Result, error) {
	for _, status := range []int{control, gdpr} {
		switch {
		case status == 401 || status == 403:
			return probe.Result{}, probe.Needs(deployment.APIService.Setting("bearer_token_file"), probe.Unknownf(probe.ReasonPermissionDenied,
				"%s returned %d: access denied", path, status))
		case status == 429:
			return probe.Result{}, probe.Needs("a higher rate limit for the exporter", probe.Unknownf(probe.ReasonThreshold,
				"%s returned 429: too many requests", path))
		case status == 404 || status == 405:
			return probe.Result{}, probe.Needs("the path of gdpr_refusal", probe.Unknownf(probe.ReasonMissing, "%s returned %d: auction not found", path,
				status))
		case status >= 500 || status >= 300 && status < 400:
			return probe.Result{}, probe.Needs(deployment.APIService.Setting("url"), probe.Unknownf(probe.ReasonUnhealthy, "%s returned %d", path, status))
		}
	}
	switch {
	case control >= 400:
		return probe.Result{}, probe.Needs("the path of gdpr_refusal", probe.Unknownf(probe.ReasonInvalid,
			"%s rejects the control request too (%d), so GDPR rejection cannot be checked", path, control))
	case gdpr == 400:
		return probe.Passed("%s rejects a request under the GDPR without consent and accepts one without the GDPR", path), nil
	case gdpr < 300:
		return probe.Failed(probe.ReasonOpen, "%s returned %d for a request under the GDPR without consent, expected 400", path,
			gdpr), nil
	}
	return probe.Failed(probe.ReasonMismatch, "%s returned %d for a request under the GDPR without consent, expected 400", path,
		gdpr), nil
}
