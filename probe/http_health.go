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

// http_health: do the health endpoints answer in time that all is well, component by component?
//
// A status of 200 alone is not enough: services answer it with a component `disabled` or `degraded` in the body. Every component that is
// expected must be named as healthy by one of the endpoints, and by none as anything else; how a body is read is in health_body.go.

func httpHealthKind() Kind {
	return Kind{
		Name:     "http_health",
		Question: "Do the health endpoints answer 200 in time, with every expected component healthy in the body?",
		Example:  "{paths: [/health, /health/ready], components: [database, redis]}",
		Layer:    LayerLive,
		Reads:    "GET on the application's address (deployment.api); needs to reach it",
		Timeout:  15 * time.Second,
		Alone:    true,
		New: func() any {
			return &httpHealth{Paths: []string{"/health", "/health/ready"}, Within: schema.Duration(5 * time.Second)}
		},
	}
}

type httpHealth struct {
	Paths      []string        `yaml:"paths" default:"[/health, /health/ready]" doc:"paths below the application's address"`
	Within     schema.Duration `yaml:"within" default:"5s" min:"1ms" doc:"how long one answer may take"`
	Components []string        `yaml:"components" doc:"components that must be healthy in the body; database and redis when not set, where the compose file runs them or the application is told of them"`
}

func (s *httpHealth) Validate() []error {
	if len(s.Paths) == 0 {
		return []error{errors.New("paths: none is named")}
	}
	for _, p := range s.Paths {
		if !strings.HasPrefix(p, "/") {
			return []error{errors.New("paths: a path starts with /")}
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
	var away error // the first answer that says nothing, since we may not ask
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
			f.Fail(ReasonMissing, "no endpoint names %s", c)
		case !healthy(found.word):
			f.Fail(ReasonUnhealthy, "%s is %s", c, shownHealth(found.word))
		}
	}
	for _, told := range seen.unwell(expected) {
		f.Warn(ReasonUnhealthy, "%s", told)
	}
	r := f.Result("%s answer in time, all healthy", words(s.Paths))
	if away != nil && r.State != StateFail {
		return Result{}, away
	}
	return r, nil
}

// judge judges one answer and notes the components it names.
func (s *httpHealth) judge(path string, a answer, seen components) Result {
	text := strings.TrimSpace(strings.TrimPrefix(string(a.Body), "\ufeff"))
	switch {
	case a.OffSite != "":
		return Failed(ReasonMismatch, "%s redirects to another host", path)
	case a.Status == 204:
		return Warned(ReasonEmpty, "%s answers 204: nothing says how it is", path)
	case a.Status != 200:
		return Failed(ReasonUnhealthy, "%s answers %d", path, a.Status)
	case loginPath.MatchString(a.URL.Path) && !loginPath.MatchString(path):
		return Failed(ReasonMismatch, "%s leads to a log-in page", path)
	case a.Took > s.Within.Std():
		return Failed(ReasonTimeout, "%s took longer than %v", path, s.Within.Std())
	case text == "":
		return Warned(ReasonEmpty, "%s answers 200 and nothing else", path)
	case strings.HasPrefix(text, "<"):
		return Failed(ReasonInvalid, "%s answers 200 with a page, not with a word for health", path)
	}
	report := healthReport{parts: components{}}
	var body any
	if err := json.Unmarshal([]byte(text), &body); err == nil {
		report.read(body)
	} else if !report.readText(text) {
		return Failed(ReasonInvalid, "%s answers 200 with something else than JSON or a word for health", path)
	}
	_, object := body.(map[string]any)
	var f Findings
	switch {
	case report.speaks():
		report.judge(path, &f)
	case object:
		f.Warn(ReasonEmpty, "%s answers 200 with nothing that says how it is", path)
	default:
		f.Fail(ReasonInvalid, "%s answers JSON that says nothing about health", path)
	}
	seen.add(report.parts)
	return f.Result("%s is healthy", path)
}

// expected lists the components: as configured, else the databases that the compose file runs or the application is told to use.
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

// runs reports whether a service of the compose file is one of these servers, by its image or name.
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

// isTold reports whether the application is given one of the keys: a database that others run is its component all the same.
func isTold(p *Pass, keys ...string) bool {
	v, err := p.View.Own(keys...)
	return err == nil && (!v.Text.Empty() || v.Ref.Kind != "")
}
