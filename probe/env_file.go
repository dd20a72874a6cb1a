package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// env_file: is the deployment's env file complete, as Compose reads it, and out of others' reach?
//
// Complete means: every key that the checklist, a template beside the file (.env.example) and the compose file's variables ask for is set. The
// file is parsed, never executed.

func envFileKind() Kind {
	return Kind{
		Name:     "env_file",
		Question: "Does the env file parse, set everything that is asked for, and keep others out?",
		Example:  "{required: [DB_PASSWORD]}",
		Layer:    LayerDeclared,
		Reads:    "the env file, its template and the compose file; needs to read them",
		Alone:    true,
		New:      func() any { return &envFile{Template: true, Compose: true} },
	}
}

type envFile struct {
	Required []string `yaml:"required" doc:"variables that must be set to something"`
	Template bool     `yaml:"template" default:"true" doc:"every key of the template beside the file must be there, be it empty"`
	Compose  bool     `yaml:"compose" default:"true" doc:"every variable that the compose file refers to without a default must be set"`
}

func (s *envFile) Probe(_ context.Context, p *Pass) (Result, error) {
	env, err := p.View.Env()
	if err != nil {
		return noEnvFile(p, err)
	}
	var f Findings
	s.judge(env, &f)
	if err := s.template(p.View, env, &f); err != nil {
		return unreadable("the env file's template cannot be read", err)
	}
	s.variables(p.View, env, &f)
	return f.Result("%s: %d keys", env.File, len(env.Entries)), nil
}

// noEnvFile judges that the env file cannot be read. Where none was found, those that lie around under other names are told.
func noEnvFile(p *Pass, err error) (Result, error) {
	place := p.View.Place(deployment.FactEnvFile)
	if place.Path() != "" || len(place.Others) == 0 || !errors.Is(err, fs.ErrNotExist) {
		return unreadable("the env file cannot be read", err)
	}
	var names []string
	for _, other := range place.Others {
		names = append(names, p.Deployment.Rel(other))
	}
	return Failed(ReasonMissing, "there is neither .env.production nor .env; where Compose is started with another (%s), name it in deployment.env_file", someOf(names)), nil
}

// judge judges the file by itself.
func (s *envFile) judge(env *deployment.Env, f *Findings) {
	if len(env.Entries) == 0 && env.Err() == nil {
		f.Fail(ReasonEmpty, "%s sets nothing", env.File)
	}
	for _, pr := range env.Problems {
		where := fmt.Sprintf("%s:%d", env.File, pr.Line)
		if pr.Key != "" {
			where += " (" + pr.Key + ")"
		}
		switch {
		case pr.Fatal || pr.Kind == deployment.ProblemDuplicate:
			f.Fail(ReasonInvalid, "%s: %s", where, pr.Text)
		default:
			f.Warn(ReasonInvalid, "%s: %s", where, pr.Text)
		}
	}
	for _, key := range s.Required {
		missingKey(env, key, "the checklist", f)
	}
	if env.Mode.Perm()&0o007 != 0 {
		f.Warn(ReasonExposed, "%s has mode %04o: others may use it; chmod 600", env.File, env.Mode.Perm())
	} else if env.Mode.Perm()&0o020 != 0 {
		f.Warn(ReasonExposed, "%s has mode %04o: its group may change it; chmod 600", env.File, env.Mode.Perm())
	}
}

// missingKey notes a key that is not set to anything.
func missingKey(env *deployment.Env, key, who string, f *Findings) {
	if e, ok := env.Get(key); !ok || e.Text.Empty() && len(e.Unset) == 0 {
		f.Fail(ReasonMissing, "%s asks for %s, which is not set in %s", who, key, env.File)
	}
}

// template holds the file to the template beside it. A key that is there and empty was left so by somebody who saw it.
func (s *envFile) template(view *deployment.View, env *deployment.Env, f *Findings) error {
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
		if !slices.ContainsFunc(env.Entries, func(have deployment.Entry) bool { return have.Key == e.Key }) {
			f.Fail(ReasonMissing, "%s lists %s, which %s does not have", template.File, e.Key, env.File)
		}
	}
	return nil
}

// variables holds the file to the variables that the compose file refers to. A compose file that cannot be read is compose_syntax's matter.
func (s *envFile) variables(view *deployment.View, env *deployment.Env, f *Findings) {
	if !s.Compose {
		return
	}
	c, err := view.Compose()
	if err != nil {
		return
	}
	for _, v := range c.Variables() {
		e, ok := env.Get(v.Name)
		switch {
		case v.Optional || ok && !e.Text.Empty() || slices.Contains(shellVariables(), v.Name):
		case v.Required:
			f.Fail(ReasonMissing, "%s:%d requires %s, which is not set in %s", v.File, v.Line, v.Name, env.File)
		case !ok:
			f.Fail(ReasonMissing, "%s:%d refers to %s without a default, and it is not set in %s", v.File, v.Line, v.Name, env.File)
		case secretName.MatchString(v.Name) && len(e.Unset) == 0:
			f.Warn(ReasonMissing, "%s:%d refers to %s without a default, and it is empty at %s:%d", v.File, v.Line, v.Name, env.File, e.Line)
		}
	}
}

// shellVariables are set by whoever starts Compose, and stand in no env file.
func shellVariables() []string { return []string{"HOME", "HOSTNAME", "PWD", "USER", "UID", "GID"} }
