package envfile

import (
	"context"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// env_flag: are switches set to a word that the service reads as true, and not overridden?
//
// Services differ in what they accept: where only `true` and `1` count, `yes` means off. The accepted words are
// therefore part of the rule and compared case-sensitively.

func FlagKind() probe.Kind {
	return probe.Kind{
		Name:       "env_flag",
		Question:   "Are the switches set to a word that the service accepts as true, and not overridden?",
		Example:    "{all: [PBS_ENFORCE_GDPR, PBS_ENFORCE_CCPA], overrides: [PBS_DISABLE_GDPR_ENFORCEMENT]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the env file and the compose file",
		Permission: "read permission",
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*Flag).breakages(view) },
		New:        func() any { return &Flag{True: []string{"true", "1"}} },
	}
}

type Flag struct {
	All       []string `yaml:"all" required:"true" doc:"variables that must all be on"`
	True      []string `yaml:"true" default:"[true, 1]" doc:"words that the service accepts as true (case-sensitive)"`
	Overrides []string `yaml:"overrides" doc:"variables that disable the switches; any value other than a word for false fails"`
}

// falseWords are words that no service accepts as true.
func falseWords() []string { return []string{"false", "0", "no", "off", ""} }

func (s *Flag) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	var f probe.ResultBuilder
	for _, rule := range []struct {
		keys  []string
		judge func(deployment.Value) probe.Result
	}{{s.All, s.Judge}, {s.Overrides, s.Override}} {
		for _, key := range rule.keys {
			values, err := p.View.OwnEach(key)
			if err != nil {
				return probe.Unreadable(key+" cannot be looked up", err)
			}
			for _, v := range values {
				if v.Ref.Kind != "" {
					return probe.Result{}, Elsewhere(v)
				}
				f.Add(standIn(v, rule.judge(v)))
			}
		}
	}
	return f.Result("%s: on", phrase.Words(s.All)), nil
}

// Override evaluates a variable that would disable the switches.
func (s *Flag) Override(v deployment.Value) probe.Result {
	if v.Set && !slices.Contains(falseWords(), strings.ToLower(strings.TrimSpace(v.Text.Reveal()))) {
		return probe.Failed(probe.ReasonDisabled, "%s at %s disables it", v.Key, v.Origin)
	}
	return probe.Passed("%s does not disable it", v.Key)
}

func (s *Flag) Judge(v deployment.Value) probe.Result {
	word := v.Text.Reveal()
	switch {
	case !v.Set || word == "":
		return probe.Failed(probe.ReasonMissing, "%s is %s; expected one of %s", v.Key, unset(v), phrase.Words(s.True))
	case slices.Contains(s.True, word):
		return probe.Passed("%s is %q", v.Key, word)
	case slices.Contains(falseWords(), strings.ToLower(word)):
		return probe.Failed(probe.ReasonDisabled, "%s is %q at %s; expected one of %s", v.Key, strings.ToLower(word), v.Origin,
			phrase.Words(s.True))
	case secretvalue.IsBlankWord(word):
		return probe.Failed(probe.ReasonPlaceholder, "%s at %s is a placeholder; expected one of %s", v.Key, v.Origin, phrase.Words(s.True))
	}
	return probe.Failed(probe.ReasonInvalid, "%s is %s at %s, which the service does not accept as true; expected one of %s", v.Key,
		phrase.Known(word, "yes", "on", "y", "t", "true", "enabled", "enable"), v.Origin, phrase.Words(s.True))
}
