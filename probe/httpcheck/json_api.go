package httpcheck

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/valuerule"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// json_api: does an API return a value as it should be?
//
// The request is that of http_response: one GET without credentials. The value is the claim: a response that denies access or
// limits the rate says nothing about it, and one that is not JSON does not contain it. Details name the path, never the value.

// JSONKind is the kind json_api.
func JSONKind() probe.Kind {
	return probe.Kind{
		Name:       "json_api",
		Services:   []deployment.Service{deployment.PublicService},
		Question:   "Does the API return the value that it should?",
		Example:    `{path: /api/status, at: status, equals: success}`,
		Layer:      probe.LayerLive,
		Reads:      "one GET request to the URL, by default on the public site (deployment.public.url)",
		Permission: "network access to it",
		MaxAge:     time.Minute,
		Timeout:    10 * time.Second,
		New:        func() any { return &jsonAPI{} },
	}
}

type jsonAPI struct {
	Path    string           `yaml:"path" pattern:"^/" doc:"path on the public site; set either path or url"`
	URL     string           `yaml:"url" doc:"any http or https URL, without a user"`
	Follow  bool             `yaml:"follow" default:"false" doc:"follow redirects to the same host"`
	Status  []int            `yaml:"status" doc:"status codes with which the value counts, e.g. 503 of a health endpoint; default: 200 to 299"`
	At      string           `yaml:"at" required:"true" doc:"path of the value: queue.length, workers[0].state, checks[\"db:read\"]; * is every key or entry, and each value must hold; $ is the whole response"`
	Equals  *string          `yaml:"equals" doc:"the value as text, e.g. \"true\" or \"20\""`
	OneOf   []string         `yaml:"one_of" doc:"the allowed values"`
	Matches string           `yaml:"matches" doc:"regular expression (RE2) that the value must match"`
	Lacks   string           `yaml:"lacks" doc:"regular expression that the value must not match"`
	Min     *float64         `yaml:"at_least" doc:"minimum of a number"`
	Max     *float64         `yaml:"at_most" doc:"maximum of a number"`
	Length  *int             `yaml:"length" min:"0" doc:"number of entries of a list or mapping, or of characters of a text"`
	MinLen  *int             `yaml:"length_at_least" min:"0" doc:"minimum of the length"`
	MaxLen  *int             `yaml:"length_at_most" min:"0" doc:"maximum of the length"`
	Exists  bool             `yaml:"exists" default:"false" doc:"the value must be there: neither null nor an empty text"`
	Absent  bool             `yaml:"absent" default:"false" doc:"there must be no value, or null"`
	Within  *schema.Duration `yaml:"within" min:"10ms" doc:"maximum time until the end of the body"`
}

// rule is what must hold for the value.
func (s *jsonAPI) rule() valuerule.Rule {
	return valuerule.Rule{At: s.At, Equals: s.Equals, OneOf: s.OneOf, Matches: s.Matches, Lacks: s.Lacks, Min: s.Min, Max: s.Max,
		Length: s.Length, MinLen: s.MinLen, MaxLen: s.MaxLen, Absent: s.Absent}
}

// request is the request as http_response makes it.
func (s *jsonAPI) request() *httpResponse {
	return &httpResponse{Path: s.Path, URL: s.URL, Method: http.MethodGet, Follow: s.Follow}
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *jsonAPI) Validate() []error {
	errs := append(s.request().Validate(), s.rule().Validate()...)
	compares := s.rule().Compares()
	switch {
	case !compares && !s.Exists && !s.Absent:
		errs = append(errs, errors.New("one of equals, one_of, matches, lacks, at_least, at_most, length, exists and absent is required"))
	case s.Exists && s.Absent:
		errs = append(errs, errors.New("exists and absent contradict each other"))
	}
	return errs
}

func (s *jsonAPI) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	r, result, err := s.request().fetch(ctx, p, http.Header{"Accept": {"application/json"}})
	if err != nil || result.State != 0 {
		return result, err
	}
	what := s.request().what()
	if accepted := r.Status >= 200 && r.Status < 300; !accepted && len(s.Status) == 0 || len(s.Status) > 0 && !slices.Contains(s.Status, r.Status) {
		return s.refused(what, r)
	}
	root, err := valuerule.Parse("json", r.Body)
	if err != nil {
		return probe.Failed(probe.ReasonInvalid, "%s: the body is %v", what, err), nil
	}
	var f probe.ResultBuilder
	if rule := s.rule(); !s.Absent || !rule.IsNothing(root) {
		rule.Judge(&f, what, root)
	}
	if s.Within != nil && r.Took > s.Within.Std() {
		f.Fail(probe.ReasonThreshold, "%s took longer than %s", what, s.Within)
	}
	return f.Result("%s: %s is as required", what, s.At), nil
}

// refused judges a status with which the value does not count.
func (s *jsonAPI) refused(what string, r httpclient.Response) (probe.Result, error) {
	switch {
	case r.Status >= 500:
		return probe.Failed(probe.ReasonUnhealthy, "%s returned %d", what, r.Status), nil
	case r.Status >= 300 && r.Status < 400:
		return probe.Failed(probe.ReasonMismatch, "%s returned the redirect %d instead of a value", what, r.Status), nil
	case r.Status == http.StatusNotFound || r.Status == http.StatusGone:
		return probe.Failed(probe.ReasonMissing, "%s returned %d", what, r.Status), nil
	}
	if err := httpclient.Rejected(what, r, "a URL that needs no credentials"); err != nil {
		return probe.Result{}, err
	}
	return probe.Failed(probe.ReasonMismatch, "%s returned %d, which is not an expected status", what, r.Status), nil
}
