package httpcheck

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/fault"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
)

// rate_limit_header: does the API announce the declared request limit?

func RateLimitHeaderKind() probe.Kind {
	return probe.Kind{
		Name:       "rate_limit_header",
		Services:   []deployment.Service{deployment.APIService},
		Question:   "Does the API announce the request limit that its environment declares?",
		Example:    "{path: /, keys: [RATE_LIMIT_REQUESTS]}",
		Layer:      probe.LayerLive,
		Reads:      "GET on the application's address (deployment.api), and the env and compose files",
		Permission: "network and read access",
		MaxAge:     time.Minute,
		New:        func() any { return &rateLimitHeader{Path: "/"} },
	}
}

type rateLimitHeader struct {
	Path string   `yaml:"path" default:"/" pattern:"^/" doc:"rate-limited path"`
	Keys []string `yaml:"keys" required:"true" doc:"variables with the declared limit; the first that is set counts"`
}

func (s *rateLimitHeader) Validate() []error {
	if len(s.Keys) == 0 {
		return []error{errors.New("keys: at least one variable is required")}
	}
	return nil
}

func (s *rateLimitHeader) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	v, err := p.View.Own(s.Keys...)
	if err != nil {
		return probe.Result{}, probe.Unknown(probe.ReasonBlocked, errors.New("the declared limit cannot be read; see the declared probe"))
	}
	declared, err := strconv.Atoi(strings.TrimSpace(v.Text.Reveal()))
	if err != nil {
		return probe.Result{}, probe.Skip(s.Keys[0], "no limit is declared")
	}
	api := p.Deployment.API
	w, err := httpclient.For(p, "api", api.HTTP)
	if err != nil {
		return probe.Result{}, err
	}
	a, err := w.Get(ctx, api.Address().URL+s.Path)
	if err != nil {
		if !api.Address().Configured && fault.Refused(err) {
			return probe.Result{}, probe.Skip(deployment.APIService.Setting("url"), "%s: %v; no service listens at the default address", s.Path, err)
		}
		return httpclient.JudgeError(s.Path, err, api.Address(), deployment.APIService.Setting("url"), false)
	}
	announced, found := announcedLimit(a)
	switch {
	case !found:
		return probe.Warned(probe.ReasonDrift, "%s is declared at %s, but the API announces no limit at %s", v.Key, v.Origin, s.Path), nil
	case announced != declared:
		return probe.Warned(probe.ReasonDrift, "the API announces %d at %s, but %s at %s declares another limit", announced, s.Path, v.Key, v.Origin), nil
	}
	return probe.Passed("the API announces the declared limit at %s", s.Path), nil
}

// limitIn matches the limit in the structured RateLimit header: limit=100, or "default";q=100.
var limitIn = lazyregexp.New(`(?:^|[,;\s])(?:limit|q)=(\d{1,9})`)

// announcedLimit reads the limit from the response headers in use for it.
func announcedLimit(a httpclient.Response) (int, bool) {
	for _, name := range []string{"X-RateLimit-Limit", "X-Rate-Limit-Limit", "RateLimit-Limit"} {
		first, _, _ := strings.Cut(a.Header.Get(name), ",") // "100, 100;w=60"
		first, _, _ = strings.Cut(first, ";")
		if n, err := strconv.Atoi(strings.TrimSpace(first)); err == nil {
			return n, true
		}
	}
	for _, name := range []string{"RateLimit", "RateLimit-Policy"} {
		if m := limitIn.FindStringSubmatch(a.Header.Get(name)); m != nil {
			n, err := strconv.Atoi(m[1])
			return n, err == nil
		}
	}
	return 0, false
}
