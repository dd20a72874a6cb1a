// Package httpcheck checks what the application and the public site return over HTTP.
package httpcheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/httpcheck/healthbody"
	"github.com/thenexusengine/catalyst_exporter/probe/httpclient"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// http_health: do the health endpoints report in time that every component is healthy?
//
// Status 200 is not enough: services return it with a component `disabled` or `degraded` in the body. Every expected
// component must be reported as healthy by one of the endpoints and as nothing else by any. Package healthbody parses
// bodies.

func HealthKind() probe.Kind {
	return probe.Kind{
		Name:       "http_health",
		Services:   []deployment.Service{deployment.APIService},
		Question:   "Do the health endpoints return 200 in time, with every expected component healthy in the body?",
		Example:    "{paths: [/health, /health/ready], components: [database, redis]}",
		Layer:      probe.LayerLive,
		Reads:      "GET on the application's address (deployment.api)",
		Permission: "network access to it",
		Timeout:    15 * time.Second,
		Alone:      true,
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

func (s *httpHealth) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	setting := deployment.APIService.Setting("url")
	api := p.Deployment.API
	w, err := httpclient.For(p, "api", api.HTTP)
	if err != nil {
		return probe.Result{}, err
	}
	at := api.Address()
	var f probe.ResultBuilder
	var away error // the first response that denies access
	seen := healthbody.Components{}
	var figures []string // not judged
	for _, path := range s.Paths {
		a, err := w.Get(ctx, at.URL+path)
		if err != nil {
			return httpclient.JudgeError(path, err, at, setting, true)
		}
		if err := httpclient.Rejected(path, a, deployment.APIService.Setting("bearer_token_file")); err != nil {
			away = cmp.Or(away, err)
			continue
		}
		f.Add(s.judge(path, a, seen, &figures))
	}
	expected := s.expected(p)
	for _, c := range expected {
		found, named := seen.Named(c)
		switch {
		case !named && away != nil:
		case !named:
			f.Fail(probe.ReasonMissing, "no endpoint reports %s", c)
		default:
			switch state, shown := found.State(); state {
			case probe.StateWarn:
				f.Warn(probe.ReasonUnhealthy, "%s is %s", c, shown)
			case probe.StateFail:
				f.Fail(probe.ReasonUnhealthy, "%s is %s", c, shown)
			}
		}
	}
	for _, unexpected := range seen.UnexpectedDown(expected) {
		f.Warn(probe.ReasonUnhealthy, "%s", unexpected)
	}
	detail := fmt.Sprintf("%s respond in time, all healthy", phrase.Words(s.Paths))
	if len(figures) > 0 {
		detail += ". Not judged, since the bodies state no limit: " + phrase.List(figures)
	}
	r := f.Result("%s", detail)
	if away != nil && r.State != probe.StateFail {
		return probe.Result{}, away
	}
	return r, nil
}

// awayPath matches where servers and proxies send visitors while the application does not respond.
var awayPath = lazyregexp.New(`(?i)^/?$|/(maintenance|maintenance-mode|wartung|wartungsarbeiten|entretien|mantenimiento|manutenzione|unavailable|` +
	`service-unavailable|sorry|coming-soon|offline|down|errors?|50x|5\d\d)(/|$|\.)`)

// judge evaluates one response and collects its components, and the figures that were not judged.
func (s *httpHealth) judge(path string, a httpclient.Response, seen healthbody.Components, figures *[]string) probe.Result {
	text := strings.TrimSpace(strings.TrimPrefix(string(a.Body), "\ufeff"))
	switch {
	case a.OffSite != "":
		return probe.Failed(probe.ReasonMismatch, "%s redirects to another host", path)
	case a.Status == 204:
		return probe.Warned(probe.ReasonEmpty, "%s returned 204 without a health status", path)
	case a.Status != 200:
		return probe.Failed(probe.ReasonUnhealthy, "%s returned %d", path, a.Status)
	case loginPath.MatchString(a.URL.Path) && !loginPath.MatchString(path):
		return probe.Failed(probe.ReasonMismatch, "%s redirects to a login page", path)
	case awayPath.MatchString(a.URL.Path) && !awayPath.MatchString(path):
		return probe.Failed(probe.ReasonMismatch, "%s redirects to the start page, or to one for maintenance or errors", path)
	case a.Took > s.Within.Std():
		return probe.Failed(probe.ReasonTimeout, "%s took longer than %v", path, s.Within.Std())
	case text == "":
		return probe.Warned(probe.ReasonEmpty, "%s returned 200 with an empty body", path)
	case strings.HasPrefix(text, "<"):
		return probe.Failed(probe.ReasonInvalid, "%s returned an HTML page instead of a health status", path)
	}
	report, isObject, ok := healthbody.Parse(text)
	if !ok {
		return probe.Failed(probe.ReasonInvalid, "%s returned 200 with neither JSON nor a health status", path)
	}
	var f probe.ResultBuilder
	if cached := httpclient.Cached(a.Header); cached != "" {
		f.Warn(probe.ReasonStale, "%s was returned by a cache (%s) and may be older than a failure. Exclude it from caching", path, cached)
	}
	report.Judge(path, &f)
	switch {
	case report.HasStatus():
	case isObject:
		f.Warn(probe.ReasonEmpty, "%s returned 200 without a health status", path)
	default:
		f.Fail(probe.ReasonInvalid, "%s returned JSON without a health status", path)
	}
	seen.Add(report.Components())
	for _, figure := range report.Unlimited() {
		if !slices.Contains(*figures, figure) {
			*figures = append(*figures, figure)
		}
	}
	return f.Result("%s is healthy", path)
}

// expected lists the configured components, or the databases that the compose file runs or the application uses.
func (s *httpHealth) expected(p *probe.Pass) []string {
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

func usesDatabase(p *probe.Pass) bool {
	return composeRuns(p, "postgres", "timescale", "pgvector") || appHasKey(p, "DB_HOST", "POSTGRES_HOST", "PGHOST", "DATABASE_HOST", "DATABASE_URL", "DB_URL", "POSTGRES_URL", "PBS_DATABASE_URL", "DATABASE_DSN", "POSTGRES_DSN", "PG_DSN", "POSTGRES_URI")
}

func usesRedis(p *probe.Pass) bool {
	return composeRuns(p, "redis", "valkey") || appHasKey(p, "REDIS_HOST", "REDIS_ADDR", "REDIS_ADDRESS", "REDIS_URL", "PBS_REDIS_URL")
}

// composeRuns reports whether a compose service is one of these servers, by image or name.
func composeRuns(p *probe.Pass, servers ...string) bool {
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

// appHasKey reports whether the application is configured with one of the keys, for databases run elsewhere.
func appHasKey(p *probe.Pass, keys ...string) bool {
	v, err := p.View.Own(keys...)
	return err == nil && (!v.Text.Empty() || v.Ref.Kind != "")
}
