package deployment

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// AppService is the application's compose service.
type AppService struct {
	Name   string // "" when there is no compose file, or none of its services looks like the application
	How    string // Configured, Found or Default
	Why    string // what told it, for people
	Others []string
}

// AppService is the application's service: the configured one, else catalyst, else the one that most looks like it: it uses the deployment's env
// file, is built here, publishes port 8000, and is no known database, proxy or monitor. Among equals the first by name.
func (v *View) AppService() (AppService, error) { return v.app() }

func (v *View) findApp() (AppService, error) {
	c, err := v.Compose()
	if errors.Is(err, ErrNoCompose) {
		return AppService{How: Default}, nil
	}
	if err != nil {
		return AppService{}, err
	}
	return v.appService(c)
}

func (v *View) appService(c *Compose) (AppService, error) {
	names := c.Services()
	others := func(chosen string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == chosen })
	}
	if configured := v.Deployment.Service; configured != "" {
		if !slices.Contains(names, configured) {
			return AppService{}, fmt.Errorf("deployment.service: no active service %s in %s: it has %s", configured, c.files[0].shown, strings.Join(names, ", "))
		}
		return AppService{configured, Configured, "configured", others(configured)}, nil
	}
	if slices.Contains(names, "catalyst") {
		return AppService{"catalyst", Found, "its name", others("catalyst")}, nil
	}
	best, score, why := "", 0, ""
	for _, name := range names {
		if s, w := v.looksLikeApp(c, c.Project.Services[name]); s > score {
			best, score, why = name, s, w
		}
	}
	if best == "" {
		return AppService{How: Default, Others: names}, nil
	}
	return AppService{best, Found, why, others(best)}, nil
}

// looksLikeApp weighs what speaks for a service being the application.
func (v *View) looksLikeApp(c *Compose, s types.ServiceConfig) (score int, why string) {
	image := s.Image[strings.LastIndex(s.Image, "/")+1:]
	image, _, _ = strings.Cut(image, ":")
	for _, known := range []string{
		"postgres", "redis", "valkey", "nginx", "traefik", "caddy", "haproxy", "prometheus", "alertmanager", "grafana", "loki", "promtail", "fluent", "vector",
		"exporter", "cadvisor", "backup", "mysql", "mariadb", "memcached", "certbot", "watchtower", "kafka", "zookeeper", "migrate", "pgbouncer", "jaeger",
	} {
		if strings.Contains(s.Name, known) || s.Build == nil && strings.Contains(image, known) {
			return 0, ""
		}
	}
	var reasons []string
	say := func(weight int, what string) {
		score += weight
		reasons = append(reasons, what)
	}
	if s.Build != nil {
		say(2, "it is built here")
	}
	if slices.ContainsFunc(s.Ports, func(p types.ServicePortConfig) bool { return p.Target == 8000 || p.Published == "8000" }) {
		say(4, "it publishes port 8000")
	}
	path := v.Place(FactEnvFile).Path()
	if slices.ContainsFunc(s.EnvFiles, func(f types.EnvFile) bool { return path != "" && f.Path == path }) {
		say(4, "it uses the env file")
	}
	if len(s.Environment) > 0 {
		say(1, "it has an environment")
	}
	return score, strings.Join(reasons, ", ")
}
