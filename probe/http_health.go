package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// http_health: do the health endpoints answer in time that all is well, component by component?
//
// A status of 200 alone is not enough: services answer it with a component `disabled` or `degraded` in the body. Every component that is
// expected must be named as healthy by one of the endpoints, and by none as anything else.

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
	Components []string        `yaml:"components" doc:"components that must be healthy in the body; those of the compose file (database, redis) when not set"`
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
	seen := map[string]string{} // component → word
	for _, path := range s.Paths {
		a, err := w.get(ctx, at.URL+path)
		if err != nil {
			return unasked(path, err, at, setting, true)
		}
		f.Add(s.judge(path, a, seen))
	}
	for _, c := range s.expected(p) {
		word, named := lookupComponent(seen, c)
		switch {
		case !named:
			f.Fail(ReasonMissing, "no endpoint names %s", c)
		case !healthy(word):
			f.Fail(ReasonUnhealthy, "%s is %s", c, shownHealth(word))
		}
	}
	return f.Result("%s answer in time, all healthy", words(s.Paths)), nil
}

// judge judges one answer and notes the components it names, the worst word of each.
func (s *httpHealth) judge(path string, a answer, seen map[string]string) Result {
	switch {
	case a.OffSite != "":
		return Failed(ReasonMismatch, "%s redirects to another host", path)
	case a.Status != 200:
		return Failed(ReasonUnhealthy, "%s answers %d", path, a.Status)
	case a.Took > s.Within.Std():
		return Failed(ReasonTimeout, "%s took longer than %v", path, s.Within.Std())
	case len(strings.TrimSpace(string(a.Body))) == 0:
		return Warned(ReasonEmpty, "%s answers 200 and nothing else", path)
	}
	var body any
	if err := json.Unmarshal(a.Body, &body); err != nil {
		if word := strings.TrimSpace(string(a.Body)); healthy(word) {
			return Passed("%s answers %s", path, shownHealth(word))
		}
		return Failed(ReasonInvalid, "%s answers 200 with something else than JSON or a word for health", path)
	}
	var f Findings
	overall(body, path, &f)
	components(body, "", seen, 0)
	return f.Result("%s is healthy", path)
}

// overall judges what a body says of the whole.
func overall(body any, path string, f *Findings) {
	switch v := body.(type) {
	case map[string]any:
		for _, key := range []string{"status", "state", "health"} {
			if word, ok := v[key].(string); ok && !healthy(word) {
				f.Fail(ReasonUnhealthy, "%s says it is %s", path, shownHealth(word))
			}
		}
		for _, key := range []string{"ready", "healthy", "ok", "alive"} {
			if yes, ok := v[key].(bool); ok && !yes {
				f.Fail(ReasonUnhealthy, "%s says %s is false", path, key)
			}
		}
		if len(v) == 0 {
			f.Warn(ReasonEmpty, "%s answers an empty object", path)
		}
	case string:
		if !healthy(v) {
			f.Fail(ReasonUnhealthy, "%s says it is %s", path, shownHealth(v))
		}
	case bool:
		if !v {
			f.Fail(ReasonUnhealthy, "%s says false", path)
		}
	default:
		f.Fail(ReasonInvalid, "%s answers JSON that says nothing about health", path)
	}
}

// components notes what a body says of its parts: {"database": "ok"}, {"checks": {"database": {"status": "ok"}}}, [{"name": "database", "status": "ok"}].
func components(body any, name string, seen map[string]string, depth int) {
	if depth > 8 {
		return
	}
	note := func(word string) {
		if name != "" && (seen[name] == "" || healthy(seen[name])) {
			seen[name] = word
		}
	}
	switch v := body.(type) {
	case string:
		note(v)
	case bool:
		note(fmt.Sprint(v))
	case []any:
		for _, e := range v {
			m, _ := e.(map[string]any)
			part, _ := m["name"].(string)
			if part == "" {
				part, _ = m["component"].(string)
			}
			components(e, strings.ToLower(part), seen, depth+1)
		}
	case map[string]any:
		for _, key := range []string{"status", "state", "health", "healthy", "ok", "up"} {
			switch w := v[key].(type) {
			case string:
				note(w)
			case bool:
				note(fmt.Sprint(w))
			}
		}
		for key, value := range v {
			components(value, strings.ToLower(key), seen, depth+1)
		}
	}
}

// healthy reports whether a word says that all is well.
func healthy(word string) bool { return slices.Contains(healthWords(), strings.ToLower(word)) }

func healthWords() []string {
	return []string{"healthy", "ok", "up", "pass", "passing", "ready", "true", "alive", "connected", "green", "available", "running", "operational"}
}

// shownHealth shows a word when it is one that health endpoints use.
func shownHealth(word string) string {
	return known(word, append(healthWords(), "disabled", "degraded", "unhealthy", "down", "error", "fail", "failed", "failing", "false", "unavailable", "not_ready",
		"not ready", "disconnected", "red", "yellow", "warn", "warning", "unknown", "starting", "stopped", "timeout", "not_configured")...)
}

// componentNames are what one component is called.
func componentNames(name string) []string {
	for _, same := range [][]string{{"database", "postgres", "postgresql", "db", "pg"}, {"redis", "cache", "valkey"}} {
		if slices.Contains(same, strings.ToLower(name)) {
			return same
		}
	}
	return []string{strings.ToLower(name)}
}

// lookupComponent finds a component under any of its names; of several the one that is not well.
func lookupComponent(seen map[string]string, name string) (word string, named bool) {
	for _, n := range componentNames(name) {
		if w, ok := seen[n]; ok && (!named || healthy(word)) {
			word, named = w, true
		}
	}
	return word, named
}

// expected lists the components: as configured, else those that the compose file runs.
func (s *httpHealth) expected(p *Pass) []string {
	if s.Components != nil {
		return s.Components
	}
	c, err := p.View.Compose()
	if err != nil {
		return nil
	}
	var all []string
	for _, service := range c.Services() {
		image := c.Project.Services[service].Image
		for component, marks := range map[string][]string{"database": {"postgres", "timescale", "pgvector"}, "redis": {"redis", "valkey"}} {
			if slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(image, m) || service == m }) && !strings.Contains(image, "exporter") &&
				!strings.Contains(service, "backup") && !strings.Contains(service, "migrat") && !slices.Contains(all, component) {
				all = append(all, component)
			}
		}
	}
	slices.Sort(all)
	return all
}
