package probe

import (
	"context"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// env_flag: are switches set to a word that the service reads as true, and not overridden?
//
// Services differ in what they accept: where only `true` and `1` count, `yes` means off. The accepted words are
// therefore part of the rule and compared case-sensitively.

func envFlagKind() Kind {
	return Kind{
		Name:     "env_flag",
		Question: "Are the switches set to a word that the service accepts as true, and not overridden?",
		Example:  "{all: [PBS_ENFORCE_GDPR, PBS_ENFORCE_CCPA], overrides: [PBS_DISABLE_GDPR_ENFORCEMENT]}",
		Layer:    LayerDeclared,
		Reads:    "the env file and the compose file; needs read permission",
		New:      func() any { return &envFlag{True: []string{"true", "1"}} },
	}
}

type envFlag struct {
	All       []string `yaml:"all" required:"true" doc:"variables that must all be on"`
	True      []string `yaml:"true" default:"[true, 1]" doc:"words that the service accepts as true (case-sensitive)"`
	Overrides []string `yaml:"overrides" doc:"variables that disable the switches; any value other than a word for false fails"`
}

// falseWords are words that no service accepts as true.
func falseWords() []string { return []string{"false", "0", "no", "off", ""} }

func (s *envFlag) Probe(_ context.Context, p *Pass) (Result, error) {
	var f Findings
	for _, rule := range []struct {
		keys  []string
		judge func(deployment.Value) Result
	}{{s.All, s.judge}, {s.Overrides, s.override}} {
		for _, key := range rule.keys {
			values, err := p.View.OwnEach(key)
			if err != nil {
				return unreadable(key+" cannot be looked up", err)
			}
			for _, v := range values {
				if v.Ref.Kind != "" {
					return Result{}, elsewhere(v)
				}
				f.Add(rule.judge(v))
			}
		}
	}
	return f.Result("%s: on", words(s.All)), nil
}

// override evaluates a variable that would disable the switches.
func (s *envFlag) override(v deployment.Value) Result {
	if v.Set && !slices.Contains(falseWords(), strings.ToLower(strings.TrimSpace(v.Text.Reveal()))) {
		return Failed(ReasonDisabled, "%s at %s disables it", v.Key, v.Origin)
	}
	return Passed("%s does not disable it", v.Key)
}

func (s *envFlag) judge(v deployment.Value) Result {
	word := v.Text.Reveal()
	switch {
	case !v.Set || word == "":
		return Failed(ReasonMissing, "%s is %s; expected one of %s", v.Key, unset(v), words(s.True))
	case slices.Contains(s.True, word):
		return Passed("%s is %q", v.Key, word)
	case slices.Contains(falseWords(), strings.ToLower(word)):
		return Failed(ReasonDisabled, "%s is %q at %s; expected one of %s", v.Key, strings.ToLower(word), v.Origin,
			words(s.True))
	case isBlankWord(word):
		return Failed(ReasonPlaceholder, "%s at %s is a placeholder; expected one of %s", v.Key, v.Origin, words(s.True))
	}
	return Failed(ReasonInvalid, "%s is %s at %s, which the service does not accept as true; expected one of %s", v.Key,
		known(word, "yes", "on", "y", "t", "true", "enabled", "enable"), v.Origin, words(s.True))
}
