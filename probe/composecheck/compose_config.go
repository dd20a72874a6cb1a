// Package composecheck checks what the compose files declare: syntax, limits, ports, logging, secrets, Redis and
// PostgreSQL.
package composecheck

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// compose_config: would Compose accept these files?
//
// The verdict is that of `docker compose config` with the deployment's env file: the first reason to refuse the files,
// by file and line. Compose reads the env file first, so its errors are reported before those that follow from it. A
// file that is included from outside the deployment's folder is missing from copies and reviews of the folder. Compose
// accepts services that publish the same port of the host, but Docker does not start the second; and commands with a
// comment, which is an argument unless a shell reads it.

func ConfigKind() probe.Kind {
	return probe.Kind{
		Name:       "compose_config",
		Question:   "Does Compose accept the compose files with their env files?",
		Example:    "{}",
		Layer:      probe.LayerDeclared,
		Reads:      "the compose files with what they include and extend, the env file and the services' env files",
		Permission: "read permission",
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*composeConfig).breakages(view) },
		New:        func() any { return &composeConfig{} },
	}
}

type composeConfig struct {
	Outside bool `yaml:"outside" default:"false" doc:"allow files from outside the deployment's folder to be included"`
}

func (s *composeConfig) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := p.View.Compose()
	switch {
	case errors.Is(err, compose.ErrNoFile):
		return probe.NotFound(p, p.View.Place(find.FactCompose), "compose file", "deployment.compose_files")
	case err == nil:
		err = c.ConfigError()
	}
	if _, envErr := p.View.Env(); envErr != nil && err != nil && p.View.Place(find.FactEnvFile).Path() != "" {
		return probe.Unreadable("Compose cannot read the env file", envErr)
	}
	if err != nil {
		return composeError(err)
	}
	return s.judge(p.View, c, p.View.Place(find.FactCompose).Paths), nil
}

// composeError judges Compose's reason to refuse the files.
func composeError(err error) (probe.Result, error) {
	var variable *env.SubstitutionError
	switch {
	case errors.Is(err, fs.ErrPermission):
		return probe.Result{}, probe.PermissionError("the compose files cannot be checked", err)
	case errors.Is(err, fs.ErrNotExist), errors.As(err, &variable) && variable.Required:
		return probe.Failed(probe.ReasonMissing, "%v", err), nil
	}
	return probe.Failed(probe.ReasonInvalid, "%v", err), nil
}

// judge judges files that Compose accepts; named are those that are passed to it.
func (s *composeConfig) judge(view *deployment.View, c *compose.Model, named []string) probe.Result {
	var f probe.ResultBuilder
	d := view.Deployment
	switch {
	case len(c.Services()) > 0:
	case len(c.Project.DisabledServices) > 0:
		f.Warn(probe.ReasonEmpty,
			"every service belongs to an inactive profile. Set COMPOSE_PROFILES in the env file, or deployment.profiles")
	default:
		f.Fail(probe.ReasonEmpty, "%s defines no services", d.Rel(c.Files[0]))
	}
	warnAboutHostPorts(c, &f)
	warnAboutComments(view, c, &f)
	var shown []string
	for _, file := range c.Files {
		shown = append(shown, d.Rel(file))
		if !s.Outside && slices.Contains(c.Outside, file) && !slices.Contains(named, file) {
			f.Warn(probe.ReasonWeak,
				"%s is outside the deployment's folder. Copy it into the folder so that it is kept and reviewed with the rest",
				file)
		}
	}
	return f.Result("Compose accepts %s: %s", strings.Join(shown, ", "), phrase.Count(len(c.Services()), "service"))
}

// warnAboutComments warns about commands with a comment that no shell removes: Compose splits a text at its spaces, in a
// block of several lines too.
func warnAboutComments(view *deployment.View, c *compose.Model, f *probe.ResultBuilder) {
	for _, name := range c.Services() {
		for _, word := range view.Program(c, name).Args {
			if word.Unknown || strings.Trim(word.Text, "#") != "" || word.Text == "" {
				continue
			}
			f.Warn(probe.ReasonInvalid, "%s: %q in the command of service %s starts no comment, since no shell runs the command: "+
				"it is an argument like the words after it. Delete the comment", c.At(name, "command"), word.Text, name)
			f.Offend(offender(c, name, "comment_in_command", "command"))
			break
		}
	}
}
