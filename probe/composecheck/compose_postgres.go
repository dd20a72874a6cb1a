package composecheck

import (
	"context"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/envfile"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// compose_postgres: does the compose file make PostgreSQL require the application's password?
//
// The image creates a server that accepts any password when told to; then no password matters. It sets the password
// once, when the data folder is created. A password other than the application's is only a warning, since it may have
// been changed in the database later: a log-in probe checks that.

func PostgresKind() probe.Kind {
	return probe.Kind{
		Name:       "compose_postgres",
		Question:   "Does the compose file make PostgreSQL require the application's password?",
		Example:    "{key: DB_PASSWORD}",
		Layer:      probe.LayerDeclared,
		Reads:      "the compose files and the env file",
		Permission: "read permission",
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*composePostgres).breakages(view) },
		New: func() any {
			return &composePostgres{Key: []string{"DB_PASSWORD", "POSTGRES_PASSWORD"}, User: []string{"DB_USER", "POSTGRES_USER"}}
		},
	}
}

type composePostgres struct {
	Key  []string `yaml:"key" default:"[DB_PASSWORD, POSTGRES_PASSWORD]" doc:"names of the variable that gives the application the password; the first that is set counts"`
	User []string `yaml:"user" default:"[DB_USER, POSTGRES_USER]" doc:"names of the variable that gives the application its user; the first that is set counts"`
}

func (s *composePostgres) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := probe.ComposeModel(p)
	if err != nil {
		return probe.Result{}, err
	}
	given, err := p.View.Value(s.Key...)
	if err != nil {
		return envfile.NotLookedUp(s.Key[0], err)
	}
	user, err := p.View.Value(s.User...)
	if err != nil {
		return envfile.NotLookedUp(s.User[0], err)
	}
	var f probe.ResultBuilder
	var asking []string
	for _, name := range c.Services() {
		service := c.Project.Services[name]
		if service.Build != nil || !compose.RunsImage(service, []string{"postgres", "postgresql", "postgis", "timescaledb", "pgvector"}) {
			continue
		}
		if at := trustAttribute(service); at != "" {
			f.Fail(probe.ReasonOpen, "%s makes service %s accept any password", c.At(name, at), name)
			f.Offend(offender(c, name, "trust", at))
			continue
		}
		if !compose.RunsImage(service, []string{"postgresql"}) && service.Environment["POSTGRES_PASSWORD"] == nil && service.Environment["POSTGRES_PASSWORD_FILE"] == nil && len(service.EnvFiles) == 0 {
			continue // a client that uses the server's image
		}
		trusting, err := trustLines(p.View, c, name)
		if err != nil {
			return envfile.NotLookedUp("the access rules of service "+name, err)
		}
		for _, at := range trusting {
			f.Warn(probe.ReasonOpen, "%s admits other hosts to service %s without a password (trust). Use scram-sha-256", at, name)
			f.Offend(probe.Offender{ID: name + ":trust_rule", File: at.File, Line: at.Line})
		}
		asked, err := p.View.ValueIn(name, "POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
		if err != nil {
			return envfile.NotLookedUp("POSTGRES_PASSWORD of service "+name, err)
		}
		if asked.Set && !asked.Text.Empty() {
			asking = append(asking, name)
		}
		owner, err := p.View.ValueIn(name, "POSTGRES_USER", "POSTGRESQL_USERNAME")
		if err != nil {
			return envfile.NotLookedUp("POSTGRES_USER of service "+name, err)
		}
		if asked.Set && given.Set && !asked.Text.Equal(given.Text) && owner.Text.Equal(user.Text) {
			f.Warn(probe.ReasonMismatch, "%s at %s, set for service %s, differs from %s at %s",
				asked.Key, asked.Origin, name, given.Key, given.Origin)
			f.Offend(offender(c, name, "other_password", "environment."+asked.Key))
		}
	}
	if f.Worst.State == 0 && len(asking) == 0 {
		return probe.Result{}, probe.Skip(deployment.DatabaseService.Setting("host"),
			"no service of the compose file is a PostgreSQL server with a known password")
	}
	return f.Result("service %s requires its password", phrase.Words(asking)), nil
}

// trustAttribute returns the attribute that makes a service accept any password; "" for none.
func trustAttribute(service types.ServiceConfig) string {
	if method := service.Environment["POSTGRES_HOST_AUTH_METHOD"]; method != nil && strings.EqualFold(strings.TrimSpace(*method), "trust") {
		return "environment.POSTGRES_HOST_AUTH_METHOD"
	}
	if empty := service.Environment["ALLOW_EMPTY_PASSWORD"]; empty != nil && compose.RunsImage(service, []string{"postgresql"}) && (*empty == "yes" || *empty == "true" || *empty == "1") {
		return "environment.ALLOW_EMPTY_PASSWORD"
	}
	if args := service.Environment["POSTGRES_INITDB_ARGS"]; args != nil {
		words := strings.Fields(strings.ReplaceAll(*args, "=", " "))
		for i, word := range words {
			if i+1 < len(words) && words[i+1] == "trust" && (word == "-A" || word == "--auth" || word == "--auth-host") {
				return "environment.POSTGRES_INITDB_ARGS"
			}
		}
	}
	return ""
}
