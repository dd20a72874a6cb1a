package probe

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// env_word: is a variable set to an accepted word?
//
// A word from the bad list fails. An unset variable or any other word is a warning: its effect is unknown.

func envWordKind() Kind {
	return Kind{
		Name:     "env_word",
		Question: "Is the variable set to a word accepted in production?",
		Example:  "{key: LOG_LEVEL, good: [info, warn, error], bad: [debug, trace]}",
		Layer:    LayerDeclared,
		Reads:    "the env file and the compose file; needs read permission",
		New:      func() any { return &envWord{} },
	}
}

type envWord struct {
	Key  []string `yaml:"key" required:"true" doc:"names of the variable; the first that is set counts"`
	Good []string `yaml:"good" required:"true" doc:"words that pass (case-insensitive)"`
	Bad  []string `yaml:"bad" doc:"words that fail (case-insensitive)"`
}

func (s *envWord) Validate() []error {
	for _, w := range s.Good {
		if known(w, s.Bad...) != "another value" {
			return []error{errors.New("the same word is listed as good and bad")}
		}
	}
	return nil
}

func (s *envWord) Probe(_ context.Context, p *Pass) (Result, error) {
	values, err := p.View.OwnEach(s.Key...)
	if err != nil {
		return unreadable(s.Key[0]+" cannot be looked up", err)
	}
	var f Findings
	for _, v := range values {
		if v.Ref.Kind != "" {
			return Result{}, elsewhere(v)
		}
		f.Add(s.judge(v))
	}
	return f.Result("%s", s.judge(values[0]).Detail), nil
}

func (s *envWord) judge(v deployment.Value) Result {
	word := strings.TrimSpace(v.Text.Reveal())
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(w string) bool { return strings.EqualFold(w, word) })
	}
	switch {
	case word == "":
		return Warned(ReasonMissing, "%s is %s; expected one of %s", s.Key[0], unset(v), words(s.Good))
	case has(s.Good):
		return Passed("%s is %s at %s", v.Key, known(word, s.Good...), v.Origin)
	case has(s.Bad):
		return Failed(ReasonWeak, "%s is %s at %s; expected one of %s", v.Key, known(word, s.Bad...), v.Origin, words(s.Good))
	case isBlankWord(word):
		return Failed(ReasonPlaceholder, "%s at %s is a placeholder; expected one of %s", v.Key, v.Origin, words(s.Good))
	}
	return Warned(ReasonInvalid, "%s at %s is an unknown word; expected one of %s", v.Key, v.Origin, words(s.Good))
}
