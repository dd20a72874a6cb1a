package envfile

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// env_word: is a variable set to an accepted word?
//
// A word from the bad list fails. An unset variable or any other word is a warning: its effect is unknown. Other variables
// that enable debug output (DEBUG, NODE_ENV, RUST_LOG, …) are a warning with debug: true.

func WordKind() probe.Kind {
	return probe.Kind{
		Name:       "env_word",
		Question:   "Is the variable set to a word accepted in production?",
		Example:    "{key: LOG_LEVEL, good: [info, warn, error], bad: [debug, trace]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the env file and the compose file",
		Permission: "read permission",
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*envWord).breakages(view) },
		New:        func() any { return &envWord{} },
	}
}

type Word struct {
	Key  []string `yaml:"key" required:"true" doc:"names of the variable; the first that is set counts"`
	Good []string `yaml:"good" required:"true" doc:"words that pass (case-insensitive)"`
	Bad  []string `yaml:"bad" doc:"words that fail (case-insensitive)"`
}

type envWord struct {
	Word  `inline:"true"`
	Debug bool `yaml:"debug" default:"false" doc:"warn of other variables that enable debug output: DEBUG, GIN_MODE, NODE_ENV, RUST_LOG and similar ones"`
}

func (s *Word) Validate() []error {
	for _, w := range s.Good {
		if phrase.Known(w, s.Bad...) != "another value" {
			return []error{errors.New("the same word is listed as good and bad")}
		}
	}
	return nil
}

func (s *envWord) Validate() []error { return s.Word.Validate() }

func (s *envWord) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	values, err := p.View.OwnEach(s.Key...)
	if err != nil {
		return probe.Unreadable(s.Key[0]+" cannot be looked up", err)
	}
	var f probe.ResultBuilder
	for _, v := range values {
		if v.Ref.Kind != "" {
			return probe.Result{}, Elsewhere(v)
		}
		f.Add(standIn(v, s.Judge(v)))
	}
	if s.Debug {
		if err := s.debugNeighbours(p, &f); err != nil {
			return probe.Unreadable("variables that enable debug output cannot be looked up", err)
		}
	}
	return f.Result("%s", s.Judge(values[0]).Detail), nil
}

func (s *Word) Judge(v deployment.Value) probe.Result {
	word := strings.TrimSpace(v.Text.Reveal())
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(w string) bool { return strings.EqualFold(w, word) })
	}
	switch {
	case word == "":
		return probe.Warned(probe.ReasonMissing, "%s is %s; expected one of %s", v.Key, unset(v), phrase.Words(s.Good))
	case has(s.Good):
		return probe.Passed("%s is %s at %s", v.Key, phrase.Known(word, s.Good...), v.Origin)
	case has(s.Bad):
		return probe.Failed(probe.ReasonWeak, "%s is %s at %s; expected one of %s", v.Key, phrase.Known(word, s.Bad...), v.Origin, phrase.Words(s.Good))
	case secretvalue.IsBlankWord(word):
		return probe.Failed(probe.ReasonPlaceholder, "%s at %s is a placeholder; expected one of %s", v.Key, v.Origin, phrase.Words(s.Good))
	}
	return probe.Warned(probe.ReasonInvalid, "%s at %s is an unknown word; expected one of %s", v.Key, v.Origin, phrase.Words(s.Good))
}
