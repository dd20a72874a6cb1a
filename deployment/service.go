package deployment

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
)

// AppService is the application's compose service.
type AppService struct {
	Name   string // "" without a compose file, or when no service resembles the application
	How    string // Configured, Found or Default
	Why    string // the reason for the choice, for display
	Others []string
	// Copies are other services that run the same program, such as a second replica or the green service of blue-green.
	// Checks of the application's settings also apply to them.
	Copies []string
}

// AppService returns the application's service: the configured one, else catalyst, else the best match. A service
// matches if it uses the deployment's env file, is built here, publishes port 8000, and is not a known database, proxy
// or monitoring system. Among equals, the first by name wins.
func (v *View) AppService() (AppService, error) { return v.app() }

func (v *View) findApp() (AppService, error) {
	c, err := v.Compose()
	if errors.Is(err, compose.ErrNoFile) {
		return AppService{How: find.Default}, nil
	}
	if err != nil {
		return AppService{}, err
	}
	return v.appService(c)
}

// appService selects the service and finds its copies.
func (v *View) appService(c *compose.Model) (AppService, error) {
	app, err := v.chooseApp(c)
	if app.Name != "" {
		for _, name := range app.Others {
			if sameProgram(c.Project.Services[app.Name], c.Project.Services[name]) {
				app.Copies = append(app.Copies, name)
			}
		}
	}
	return app, err
}

// sameProgram reports whether two services use the same image (in any version) or build, and the same command.
func sameProgram(a, b types.ServiceConfig) bool {
	if !slices.Equal(a.Command, b.Command) || !slices.Equal(a.Entrypoint, b.Entrypoint) {
		return false
	}
	if a.Build != nil && b.Build != nil {
		return a.Build.Context == b.Build.Context && a.Build.Dockerfile == b.Build.Dockerfile && a.Build.Target == b.Build.Target
	}
	return a.Image != "" && compose.ImageName(a.Image) == compose.ImageName(b.Image)
}

func (v *View) chooseApp(c *compose.Model) (AppService, error) {
	names := c.Services()
	others := func(chosen string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == chosen })
	}
	if configured := v.Deployment.Service; configured != "" {
		if !slices.Contains(names, configured) {
			return AppService{}, fmt.Errorf("deployment.service: no active service %s in %s: available services are %s",
				configured, v.Deployment.Rel(c.Files[0]), strings.Join(names, ", "))
		}
		return AppService{Name: configured, How: find.Configured, Why: "configured", Others: others(configured)}, nil
	}
	if slices.Contains(names, "catalyst") {
		return AppService{Name: "catalyst", How: find.Found, Why: "its name", Others: others("catalyst")}, nil
	}
	best, score, why, equals := "", 0, "", []string(nil)
	for _, name := range names {
		switch s, w := v.looksLikeApp(c, c.Project.Services[name]); {
		case s > score:
			best, score, why, equals = name, s, w, nil
		case s == score && s > 0:
			equals = append(equals, name)
		}
	}
	if len(equals) > 0 {
		why += ", before its equals by name: " + strings.Join(equals[:min(3, len(equals))], ", ")
	}
	if best == "" {
		return AppService{How: find.Default, Others: names}, nil
	}
	return AppService{Name: best, How: find.Found, Why: why, Others: others(best)}, nil
}

// dependants returns a proxy that depends on a service; "" for none.
func dependants(c *compose.Model, service string) string {
	for _, name := range c.Services() {
		s := c.Project.Services[name]
		if _, depends := s.DependsOn[service]; depends && compose.RunsImage(s, []string{"nginx", "traefik", "caddy", "haproxy", "envoy", "openresty"}) {
			return name
		}
	}
	return ""
}

// looksLikeApp scores how likely a service is the application.
func (v *View) looksLikeApp(c *compose.Model, s types.ServiceConfig) (score int, why string) {
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
		say(2, "a local build")
	}
	if slices.ContainsFunc(s.Ports, func(p types.ServicePortConfig) bool { return p.Target == 8000 || p.Published == "8000" }) {
		say(4, "its published port 8000")
	}
	path := v.Place(find.FactEnvFile).Path()
	if slices.ContainsFunc(s.EnvFiles, func(f types.EnvFile) bool { return path != "" && f.Path == path }) {
		say(4, "its use of the env file")
	}
	if len(s.Environment) > 0 {
		say(1, "its environment variables")
	}
	if by := dependants(c, s.Name); by != "" {
		say(2, "the proxy "+by+", which depends on it")
	}
	return score, strings.Join(reasons, ", ")
}
