package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// http_health: do the health endpoints report in time that every component is healthy?
//
// Status 200 is not enough: services return it with a component `disabled` or `degraded` in the body. Every expected
// component must be reported as healthy by one of the endpoints and as nothing else by any. health_body.go parses
// bodies.

func httpHealthKind() Kind {
	return Kind{
		Name:     "http_health",
		Question: "Do the health endpoints return 200 in time, with every expected component healthy in the body?",
		Example:  "{paths: [/health, /health/ready], components: [database, redis]}",
		Layer:    LayerLive,
		Reads:    "GET on the application's address (deployment.api); needs network access to it",
		Timeout:  15 * time.Second,
		Alone:    true,
		New: func() any {
			return &httpHealth{Paths: []string{"/health", "/health/ready"}, Within: schema.Duration(5 * time.Second)}
		},
	}
}

type httpHealth struct {
	Paths      []string        `yaml:"paths" default:"[/health, /health/ready]" doc:"paths below the application's address"`
	Within     schema.Duration `yaml:"within" default:"5s" min:"1ms" doc:"maximum response time"`
	Components []string        `yaml:"components" doc:"components that must be healthy in the body; when unset, database and redis if the compose file runs them or the application is configured for them"`
}

func (s *httpHealth) Validate() []error {
	if len(s.Paths) == 0 {
		return []error{errors.New("paths: no path given")}
	}
	for _, p := range s.Paths {
		if !strings.HasPrefix(p, "/") {
			return []error{errors.New("paths: a path must start with /")}
		}
	}
	return nil
}

func (s *httpHealth) Probe(ctx context.Context, p *Pass) (Result, error) {
	const setting = "deployment.api.url"
	api := p.Deployment.API
	w, err := webFor(p, "api", api.HTTP)
	if err != nil {
		return Result{}, err
	}
	at := api.Address()
	var f Findings
	var away error // the first response that denies access
	seen := components{}
	for _, path := range s.Paths {
		a, err := w.get(ctx, at.URL+path)
		if err != nil {
			return unasked(path, err, at, setting, true)
		}
		if err := turnedAway(path, a, "deployment.api.bearer_token_file"); err != nil {
			away = cmp.Or(away, err)
			continue
		}
		f.Add(s.judge(path, a, seen))
	}
	expected := s.expected(p)
	for _, c := range expected {
		found, named := seen.named(c)
		switch {
		case !named && away != nil:
		case !named:
			f.Fail(ReasonMissing, "no endpoint reports %s", c)
		case !healthy(found.word):
			f.Fail(ReasonUnhealthy, "%s is %s", c, shownHealth(found.word))
		}
	}
	for _, unexpected := range seen.unwell(expected) {
		f.Warn(ReasonUnhealthy, "%s", unexpected)
	}
	r := f.Result("%s respond in time, all healthy", words(s.Paths))
	if away != nil && r.State != StateFail {
		return Result{}, away
	}
	return r, nil
}

// judge evaluates one response and collects its components.
func (s *httpHealth) judge(path string, a answer, seen components) Result {
	text := strings.TrimSpace(strings.TrimPrefix(string(a.Body), "\ufeff"))
	switch {
	case a.OffSite != "":
		return Failed(ReasonMismatch, "%s redirects to another host", path)
	case a.Status == 204:
		return Warned(ReasonEmpty, "%s returned 204 without a health status", path)
	case a.Status != 200:
		return Failed(ReasonUnhealthy, "%s returned %d", path, a.Status)
	case loginPath.MatchString(a.URL.Path) && !loginPath.MatchString(path):
		return Failed(ReasonMismatch, "%s redirects to a login page", path)
	case a.Took > s.Within.Std():
		return Failed(ReasonTimeout, "%s took longer than %v", path, s.Within.Std())
	case text == "":
		return Warned(ReasonEmpty, "%s returned 200 with an empty body", path)
	case strings.HasPrefix(text, "<"):
		return Failed(ReasonInvalid, "%s returned an HTML page instead of a health status", path)
	}
	report := healthReport{parts: components{}}
	var body any
	if err := json.Unmarshal([]byte(text), &body); err == nil {
		report.read(body)
	} else if !report.readText(text) {
		return Failed(ReasonInvalid, "%s returned 200 with neither JSON nor a health status", path)
	}
	_, object := body.(map[string]any)
	var f Findings
	switch {
	case report.speaks():
		report.judge(path, &f)
	case object:
		f.Warn(ReasonEmpty, "%s returned 200 without a health status", path)
	default:
		f.Fail(ReasonInvalid, "%s returned JSON without a health status", path)
	}
	seen.add(report.parts)
	return f.Result("%s is healthy", path)
}

// expected lists the configured components, or the databases that the compose file runs or the application uses.
func (s *httpHealth) expected(p *Pass) []string {
	if s.Components != nil {
		return s.Components
	}
	var all []string
	if usesDatabase(p) {
		all = append(all, "database")
	}
	if usesRedis(p) {
		all = append(all, "redis")
	}
	return all
}

func usesDatabase(p *Pass) bool {
	return runs(p, "postgres", "timescale", "pgvector") || isTold(p, "DB_HOST", "POSTGRES_HOST", "PGHOST", "DATABASE_HOST", "DATABASE_URL", "DB_URL", "POSTGRES_URL", "PBS_DATABASE_URL")
}

func usesRedis(p *Pass) bool {
	return runs(p, "redis", "valkey") || isTold(p, "REDIS_HOST", "REDIS_ADDR", "REDIS_ADDRESS", "REDIS_URL", "PBS_REDIS_URL")
}

// runs reports whether a compose service is one of these servers, by image or name.
func runs(p *Pass, servers ...string) bool {
	c, err := p.View.Compose()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(c.Services(), func(service string) bool {
		image := c.Project.Services[service].Image
		if strings.Contains(image, "exporter") || strings.Contains(service, "backup") || strings.Contains(service, "migrat") {
			return false
		}
		return slices.ContainsFunc(servers, func(server string) bool { return strings.Contains(image, server) || service == server })
	})
}

// isTold reports whether the application is configured with one of the keys, for databases run elsewhere.
func isTold(p *Pass, keys ...string) bool {
	v, err := p.View.Own(keys...)
	return err == nil && (!v.Text.Empty() || v.Ref.Kind != "")
}
