package envfile

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// env_placeholders: has every value of the deployment's env files been replaced?
//
// It checks every value of every env file in use and of the services' environment in the compose files; templates and
// unused files are skipped. A documentation domain is only a warning, because the deployment runs without it.

func PlaceholdersKind() probe.Kind {
	return probe.Kind{
		Name:       "env_placeholders",
		Question:   "Has every value of the env files in use been replaced?",
		Example:    "{}",
		Layer:      probe.LayerDeclared,
		Reads:      "every env file that the deployment uses, and the compose file",
		Permission: "read permission",
		Values:     []*probe.Value{EnvPlaceholders},
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*envPlaceholders).breakages(view) },
		New:        func() any { return &envPlaceholders{} },
	}
}

type envPlaceholders struct {
	Except []string `yaml:"except" doc:"variables whose value may look like a placeholder"`
}

func (s *envPlaceholders) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	envs, err := ownEnvFiles(p.View)
	blocked := p.View.Blocked()
	if err != nil && (blocked == "" || len(envs) == 0) {
		return probe.Unreadable("an env file cannot be read", err)
	}
	inline := inlineValues(p.View)
	if len(envs) == 0 && len(inline) == 0 {
		if _, err := p.View.Env(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return probe.Unreadable("the env file cannot be read", err)
		}
		return s.withoutFile(p, blocked)
	}
	of := make([]any, 0, len(envs)+2)
	for _, env := range envs {
		of = append(of, env)
	}
	template, err := p.View.Template()
	if err != nil {
		template = nil // none, or one that cannot be read, which env_file tells
	} else {
		of = append(of, template)
	}
	if c, err := p.View.Compose(); err == nil {
		of = append(of, c)
	}
	r := probe.Unchanged(p, placeholdersKey{s}, of, func() probe.Result { return s.judge(envs, inline, template) })
	if blocked != "" && r.State == probe.StatePass {
		r.State, r.Reason, r.Detail = probe.StateWarn, probe.ReasonBlocked, r.Detail+", but "+blocked
	}
	return r, nil
}

// inlineValues returns the values that the compose files set for active services themselves: literally, or as the default of
// a variable that is not set.
func inlineValues(view *deployment.View) []compose.Literal {
	c, err := view.Compose()
	if err != nil {
		return nil // compose_config reports it
	}
	return slices.DeleteFunc(c.Literals(), func(l compose.Literal) bool {
		return !slices.Contains(c.Services(), l.Origin.Service) || !l.Written.Equal(l.Text)
	})
}

type placeholdersKey struct{ of *envPlaceholders }

// withoutFile judges a deployment without an env file: none is expected where no variable of the compose file needs one.
func (s *envPlaceholders) withoutFile(p *probe.Pass, blocked string) (probe.Result, error) {
	switch c, err := p.View.Compose(); {
	case blocked != "":
		return probe.Failed(probe.ReasonMissing, "%s. No other env file stands in for it", blocked), nil
	case err != nil:
		return probe.Failed(probe.ReasonMissing, "the deployment has no env file: .env.production and .env were not found"), nil
	case len(neededVariables(c)) > 0:
		return probe.Failed(probe.ReasonMissing, "the deployment has no env file, but the compose file needs %s",
			phrase.List(neededVariables(c))), nil
	}
	return probe.Result{}, probe.Skip("deployment.env_file", "no service or variable of the compose file uses an env file")
}

// judge judges the values of env files and those that stand in the compose files; template is what they were copied from, nil for none.
func (s *envPlaceholders) judge(envs []*env.File, inline []compose.Literal, template *env.File) probe.Result {
	entries, placeholders, empty := 0, 0, 0
	copied := map[string]int{} // lines of the template's secrets
	if template != nil {
		for _, e := range template.Entries {
			if text := e.Text.Reveal(); secretvalue.HoldsSecret(e.Key) && len(text) >= secretvalue.MinSecret {
				copied[e.Key+"="+text] = e.Line
			}
		}
	}
	var f probe.ResultBuilder
	for _, env := range envs {
		if err := env.Err(); err != nil {
			f.Fail(probe.ReasonInvalid, "%v: variables after it were not checked", err)
		}
		for _, e := range env.Entries {
			if e.Inherited || slices.Contains(s.Except, e.Key) {
				continue
			}
			entries++
			if e.Text.Empty() && len(e.Unset) == 0 {
				empty++
			}
			switch text := e.Text.Reveal(); {
			case secretvalue.IsBlankSetting(e.Key, secretvalue.PlaceholderDomain.ReplaceAllString(text, " ")):
				placeholders++
				f.Fail(probe.ReasonPlaceholder, "%s at %s:%d is a placeholder", e.Key, env.Name, e.Line)
			case len(e.Unset) > 0:
				placeholders++
				f.Fail(probe.ReasonPlaceholder, "%s at %s:%d refers to %s, which has no value", e.Key, env.Name, e.Line, phrase.Words(e.Unset))
			case copied[e.Key+"="+text] > 0:
				placeholders++
				f.Fail(probe.ReasonPlaceholder, "%s at %s:%d is unchanged from %s:%d", e.Key, env.Name, e.Line, template.Name,
					copied[e.Key+"="+text])
			case secretvalue.HasPlaceholderDomain(text):
				f.Warn(probe.ReasonPlaceholder, "%s at %s:%d contains a documentation domain", e.Key, env.Name, e.Line)
			}
		}
	}
	for _, l := range inline {
		if slices.Contains(s.Except, l.Key) {
			continue
		}
		entries++
		switch text := l.Text.Reveal(); {
		case secretvalue.IsBlankSetting(l.Key, secretvalue.PlaceholderDomain.ReplaceAllString(text, " ")):
			placeholders++
			f.Fail(probe.ReasonPlaceholder, "%s at %s is a placeholder", l.Key, l.Origin)
		case secretvalue.HasPlaceholderDomain(text):
			f.Warn(probe.ReasonPlaceholder, "%s at %s contains a documentation domain", l.Key, l.Origin)
		}
	}
	f.Measure(EnvPlaceholders.Of(float64(placeholders)))
	if entries == 0 {
		f.Fail(probe.ReasonEmpty, "env files contain no variables")
	}
	where := phrase.Count(len(envs), "env file")
	if len(inline) > 0 {
		where += " and the compose file"
	}
	if empty > 0 {
		return f.Result("%d values in %s: %d empty, the others replaced", entries, where, empty)
	}
	return f.Result("%d values in %s, all replaced", entries, where)
}

var EnvPlaceholders = &probe.Value{Name: "catalyst_env_placeholders", Help: "Placeholders left in the deployment's env files.", Labels: nil}
