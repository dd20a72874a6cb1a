// Package envfile checks the env file and the values that the service gets from it.
package envfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// env_file: is the env file complete as Compose reads it, and protected from other users?
//
// Complete means that every key required by the checklist, by the template next to the file (.env.example) and by
// variables of the compose file is set. The file is parsed, never executed.

func FileKind() probe.Kind {
	return probe.Kind{
		Name:       "env_file",
		Question:   "Does the env file parse, set every required variable and deny access to other users?",
		Example:    "{required: [DB_PASSWORD]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the env file, its template and the compose file",
		Permission: "read permission",
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*envFile).breakages(view) },
		New:        func() any { return &envFile{Template: true, Compose: true} },
	}
}

type envFile struct {
	Required []string `yaml:"required" doc:"variables that must be set and not empty"`
	Template bool     `yaml:"template" default:"true" doc:"every key of the template next to the file must be present, but may be empty"`
	Compose  bool     `yaml:"compose" default:"true" doc:"every variable that the compose file uses without a default must be set"`
}

func (s *envFile) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	if !p.View.OwnsEnvFile() && p.View.Blocked() == "" {
		if r, ok := s.ownFiles(p); ok {
			return r, nil
		}
	}
	env, err := p.View.Env()
	if err != nil {
		return s.noEnvFile(p, err)
	}
	var f probe.ResultBuilder
	s.judge(env, &f)
	if err := s.template(p.View, env, &f); err != nil {
		return probe.Unreadable("the env file's template cannot be read", err)
	}
	s.variables(p.View, env, &f)
	keys, more := len(env.Entries), 0
	if others, err := p.View.EnvFiles(); err == nil {
		for _, other := range others {
			if other.Path != env.Path {
				(&envFile{}).judge(other, &f)
				keys += len(other.Entries)
				more++
			}
		}
	}
	note := ""
	if more > 0 {
		note = fmt.Sprintf(" and %s of services and includes", phrase.Count(more, "env file"))
	}
	r := f.Result("%s%s: %d keys", env.Name, note, keys)
	if blocked := p.View.Blocked(); blocked != "" && r.State == probe.StatePass {
		return probe.Warned(probe.ReasonBlocked, "%s, but %s", r.Detail, blocked), nil
	}
	return r, nil
}

// ownEnvFiles returns the env files that the deployment uses, and those that stand in for one that is absent or for a broken
// compose file.
func ownEnvFiles(view *deployment.View) ([]*env.File, error) {
	envs, err := view.EnvFiles()
	if view.OwnsEnvFile() || view.Blocked() != "" {
		return envs, err
	}
	found := view.Place(find.FactEnvFile).Path()
	own := slices.DeleteFunc(slices.Clone(envs), func(env *env.File) bool { return env.Path == found })
	return own, err
}

// neededVariables returns the variables of the compose files that have no default, apart from those that a shell or the env
// file of an include sets.
func neededVariables(c *compose.Model) []string {
	var names []string
	for _, v := range c.Variables() {
		if !v.Optional && !c.SetByInclude(v.Name) && !slices.Contains(shellVariables(), v.Name) {
			names = append(names, v.Name)
		}
	}
	return names
}

// ownFiles judges the env files of services and includes. Where no variable of the compose file needs a value, they are
// complete without the deployment's env file.
func (s *envFile) ownFiles(p *probe.Pass) (probe.Result, bool) {
	c, err := p.View.Compose()
	if err != nil || len(neededVariables(c)) > 0 {
		return probe.Result{}, false
	}
	envs, err := ownEnvFiles(p.View)
	if err != nil || len(envs) == 0 {
		return probe.Result{}, false
	}
	var f probe.ResultBuilder
	keys := 0
	own := &envFile{}
	for _, env := range envs {
		own.judge(env, &f)
		keys += len(env.Entries)
	}
	for _, key := range s.Required {
		if !slices.ContainsFunc(envs, func(env *env.File) bool {
			e, ok := env.Get(key)
			return ok && (!e.Text.Empty() || len(e.Unset) > 0)
		}) {
			f.Fail(probe.ReasonMissing, "%s is not set in any env file of a service, but required by the checklist", key)
		}
	}
	return f.Result("%s of services and includes: %d keys; no variable of the compose file needs another",
		phrase.Count(len(envs), "env file"), keys), true
}

// noEnvFile returns the result for an unreadable env file. If none was found, it lists files with similar names, or the
// file of a service that is absent.
func (s *envFile) noEnvFile(p *probe.Pass, err error) (probe.Result, error) {
	place := p.View.Place(find.FactEnvFile)
	if place.Path() != "" || !errors.Is(err, fs.ErrNotExist) {
		return probe.Unreadable("the env file cannot be read", err)
	}
	var names []string
	for _, other := range place.Others {
		names = append(names, p.Deployment.Rel(other))
	}
	c, broken := p.View.Compose()
	blocked := p.View.Blocked()
	_, templateErr := p.View.Template()
	switch {
	case broken == nil && blocked != "":
		var f probe.ResultBuilder
		f.Fail(probe.ReasonMissing, "%s", blocked)
		if envs, err := p.View.EnvFiles(); err == nil {
			for _, env := range envs {
				(&envFile{}).judge(env, &f)
			}
		}
		return f.Result(""), nil
	case len(names) > 0:
		return probe.Failed(probe.ReasonMissing,
			"no .env.production or .env found. If Compose uses another file (%s), set deployment.env_file", phrase.List(names)), nil
	case broken == nil && len(neededVariables(c)) == 0 && len(s.Required) == 0 && errors.Is(templateErr, fs.ErrNotExist):
		return probe.Result{}, probe.Skip("deployment.env_file", "no service or variable of the compose file uses an env file")
	}
	return probe.Unreadable("the env file cannot be read", err)
}

// judge evaluates the file on its own.
func (s *envFile) judge(file *env.File, f *probe.ResultBuilder) {
	if len(file.Entries) == 0 && file.Err() == nil {
		f.Fail(probe.ReasonEmpty, "%s contains no variables", file.Name)
	}
	for _, pr := range file.Problems {
		where := fmt.Sprintf("%s:%d", file.Name, pr.Line)
		if pr.Key != "" {
			where += " (" + pr.Key + ")"
		}
		switch {
		case pr.Fatal || pr.Kind == env.ProblemDuplicate:
			f.Fail(probe.ReasonInvalid, "%s: %s", where, pr.Text)
		default:
			f.Warn(probe.ReasonInvalid, "%s: %s", where, pr.Text)
		}
	}
	for _, key := range s.Required {
		missingKey(file, key, "the checklist", f)
	}
	if file.Mode.Perm()&0o007 != 0 {
		f.Warn(probe.ReasonExposed, "%s has mode %04o: other users can access it. Run chmod 600", file.Name, file.Mode.Perm())
	} else if file.Mode.Perm()&0o020 != 0 {
		f.Warn(probe.ReasonExposed, "%s has mode %04o: its group can modify it. Run chmod 600", file.Name, file.Mode.Perm())
	}
}

// missingKey reports a key that is unset or empty.
func missingKey(file *env.File, key, who string, f *probe.ResultBuilder) {
	if e, ok := file.Get(key); !ok || e.Text.Empty() && len(e.Unset) == 0 {
		f.Fail(probe.ReasonMissing, "%s is not set in %s, but required by %s", key, file.Name, who)
	}
}

// template reports keys of the template that the file lacks. An empty key counts as present: it was left empty on
// purpose.
func (s *envFile) template(view *deployment.View, file *env.File, f *probe.ResultBuilder) error {
	if !s.Template {
		return nil
	}
	template, err := view.Template()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	for _, e := range template.Entries {
		if !slices.ContainsFunc(file.Entries, func(have env.Entry) bool { return have.Key == e.Key }) {
			f.Fail(probe.ReasonMissing, "%s is missing in %s, but listed in %s", e.Key, file.Name, template.Name)
		}
	}
	return nil
}

// variables reports variables of the compose file that the env file does not set. An unreadable compose file is
// reported by compose_syntax.
func (s *envFile) variables(view *deployment.View, file *env.File, f *probe.ResultBuilder) {
	if !s.Compose {
		return
	}
	c, err := view.Compose()
	if err != nil {
		return
	}
	for _, v := range c.Variables() {
		e, ok := file.Get(v.Name)
		switch {
		case v.Optional || ok && !e.Text.Empty() || c.SetByInclude(v.Name) || slices.Contains(shellVariables(), v.Name):
		case v.Required:
			f.Fail(probe.ReasonMissing, "%s is not set in %s, but %s:%d requires it", v.Name, file.Name, v.File, v.Line)
		case !ok:
			f.Fail(probe.ReasonMissing, "%s is not set in %s, but %s:%d uses it without a default", v.Name, file.Name, v.File, v.Line)
		case secretvalue.SecretName.MatchString(v.Name) && len(e.Unset) == 0:
			f.Warn(probe.ReasonMissing, "%s is empty at %s:%d, but %s:%d uses it without a default", v.Name, file.Name, e.Line, v.File,
				v.Line)
		}
	}
}

// shellVariables are set by the shell that starts Compose, not by env files.
func shellVariables() []string { return []string{"HOME", "HOSTNAME", "PWD", "USER", "UID", "GID"} }
