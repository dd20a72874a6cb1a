package envfile

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// env_placeholders: has every value of the deployment's env files been replaced?
//
// It checks every value of every env file in use; templates and unused files are skipped. A documentation domain is
// only a warning, because the deployment runs without it.

func PlaceholdersKind() probe.Kind {
	return probe.Kind{
		Name:       "env_placeholders",
		Question:   "Has every value of the env files in use been replaced?",
		Example:    "{}",
		Layer:      probe.LayerDeclared,
		Reads:      "every env file that the deployment uses",
		Permission: "read permission",
		Values:     []*probe.Value{EnvPlaceholders},
		Alone:      true,
		New:        func() any { return &envPlaceholders{} },
	}
}

type envPlaceholders struct {
	Except []string `yaml:"except" doc:"variables whose value may look like a placeholder"`
}

func (s *envPlaceholders) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	envs, err := p.View.EnvFiles()
	blocked := p.View.Blocked()
	if err != nil && (blocked == "" || len(envs) == 0) {
		return probe.Unreadable("an env file cannot be read", err)
	}
	if len(envs) == 0 {
		if _, err := p.View.Env(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return probe.Unreadable("the env file cannot be read", err)
		}
		return probe.Failed(probe.ReasonMissing, "the deployment has no env file"), nil
	}
	of := envs
	template, err := p.View.Template()
	if err != nil {
		template = nil // none, or one that cannot be read, which env_file tells
	} else {
		of = append(slices.Clip(envs), template)
	}
	r := probe.Unchanged(p, placeholdersKey{s}, of, func() probe.Result { return s.judge(envs, template) })
	if blocked != "" && r.State == probe.StatePass {
		r.State, r.Reason, r.Detail = probe.StateWarn, probe.ReasonBlocked, r.Detail+", but "+blocked
	}
	return r, nil
}

type placeholdersKey struct{ of *envPlaceholders }

// judge judges the values of env files; template is what they were copied from, nil for none.
func (s *envPlaceholders) judge(envs []*deployment.Env, template *deployment.Env) probe.Result {
	entries, placeholders := 0, 0
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
			switch text := e.Text.Reveal(); {
			case secretvalue.IsBlankSetting(e.Key, secretvalue.PlaceholderDomain.ReplaceAllString(text, " ")):
				placeholders++
				f.Fail(probe.ReasonPlaceholder, "%s at %s:%d is a placeholder", e.Key, env.File, e.Line)
			case len(e.Unset) > 0:
				placeholders++
				f.Fail(probe.ReasonPlaceholder, "%s at %s:%d refers to %s, which has no value", e.Key, env.File, e.Line, phrase.Words(e.Unset))
			case copied[e.Key+"="+text] > 0:
				placeholders++
				f.Fail(probe.ReasonPlaceholder, "%s at %s:%d is unchanged from %s:%d", e.Key, env.File, e.Line, template.File,
					copied[e.Key+"="+text])
			case secretvalue.HasPlaceholderDomain(text):
				f.Warn(probe.ReasonPlaceholder, "%s at %s:%d contains a documentation domain", e.Key, env.File, e.Line)
			}
		}
	}
	f.Measure(EnvPlaceholders.Of(float64(placeholders)))
	if entries == 0 {
		f.Fail(probe.ReasonEmpty, "env files contain no variables")
	}
	return f.Result("%d values in %d env files, all replaced", entries, len(envs))
}

var EnvPlaceholders = &probe.Value{Name: "catalyst_env_placeholders", Help: "Placeholders left in the deployment's env files.", Labels: nil}
