package probe

import (
	"context"
	"fmt"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// env_secret: is a secret of the environment set, replaced, long enough and used once?
//
// It judges the values that the services really get (deployment.View.Values): a database that is started with another password than the one in
// the env file is as open as that other. A reference that leads out of the deployment's files (a secret manager, an external Compose secret)
// cannot be judged from here and is unknown.

func envSecretKind() Kind {
	return Kind{
		Name:     "env_secret",
		Question: "Is the secret set, replaced, hard to guess and used for one purpose?",
		Example:  "{key: REDIS_PASSWORD, min_length: 16}",
		Layer:    LayerDeclared,
		Reads:    "the env file, the compose file and the secret files they name; needs to read them",
		New:      func() any { return &envSecret{MinLength: 16} },
	}
}

type envSecret struct {
	Key       []string `yaml:"key" required:"true" doc:"names of the variable; the application's first that is set must be good, and each other that a service gets"`
	MinLength int      `yaml:"min_length" min:"1" default:"16" doc:"bytes under which the secret is weak"`
	Decoded   bool     `yaml:"decoded" default:"false" doc:"count the bytes that a base64 or hexadecimal value stands for"`
	Alone     bool     `yaml:"alone" default:"false" doc:"fail when another secret of the deployment has the same value"`
}

func (s *envSecret) Validate() []error {
	if len(s.Key) == 0 {
		return []error{fmt.Errorf("key: no variable is named")}
	}
	return nil
}

func (s *envSecret) Probe(_ context.Context, p *Pass) (Result, error) {
	all, err := p.View.Values(s.Key...)
	if err != nil {
		return notLookedUp(s.Key[0], err)
	}
	v, twin := all[0], ""
	if s.Alone && v.Set && !v.Text.Empty() {
		if twin, err = s.twin(p.View, v); err != nil {
			return unreadable("the other secrets cannot be read", err)
		}
	}
	var values []secretValue
	for i, v := range all {
		if v.Ref.Kind != "" || len(v.Unset) > 0 || !v.Set {
			return s.judgeAll(all, twin)
		}
		value := secretValue{v.Text.Reveal(), v.Key, v.Origin, v.Ambiguous, ""}
		if i == 0 {
			value.twin = twin
		}
		values = append(values, value)
	}
	o := unchanged(p, secretOpinionKey{s}, values, func() secretOpinion {
		r, err := s.judgeAll(all, twin)
		return secretOpinion{r, err}
	})
	return o.result, o.err
}

// secretValue is all that the judgement of a value that is set hangs on.
type secretValue struct {
	text      string // the secret itself: compared, never shown
	key       string
	origin    deployment.Origin
	ambiguous bool
	twin      string // of the first value alone
}

type secretOpinionKey struct{ of *envSecret }

type secretOpinion struct {
	result Result
	err    error
}

// judgeAll judges the value that the application gets, and each other that a service gets.
func (s *envSecret) judgeAll(all []deployment.Value, twin string) (Result, error) {
	first, err := s.judge(all[0], twin)
	if err != nil {
		return Result{}, err
	}
	var f Findings
	f.Add(first)
	for _, v := range all[1:] {
		other, err := s.judge(v, "")
		if err != nil {
			return Result{}, err
		}
		f.Add(other)
	}
	return f.Result("%s", first.Detail), nil
}

// judge judges a value; twin names another secret that has the same.
func (s *envSecret) judge(v deployment.Value, twin string) (Result, error) {
	if v.Ref.Kind != "" {
		return Result{}, elsewhere(v)
	}
	if len(v.Unset) > 0 {
		return Failed(ReasonPlaceholder, "%s at %s refers to %s, which has no value", v.Key, v.Origin, strings.Join(v.Unset, ", ")), nil
	}
	if !v.Set || v.Text.Empty() {
		return Failed(ReasonMissing, "%s is %s", s.Key[0], unset(v)), nil
	}
	text := v.Text.Reveal()
	length := len(text)
	if s.Decoded {
		length = decodedLen(text)
	}
	var f Findings
	switch {
	case isPlaceholder(text):
		f.Fail(ReasonPlaceholder, "%s at %s is a placeholder", v.Key, v.Origin)
	case twin != "":
		f.Fail(ReasonReused, "%s at %s is the same as %s", v.Key, v.Origin, twin)
	case length < s.MinLength:
		f.Warn(ReasonWeak, "%s at %s has %d bytes, at least %d are wanted", v.Key, v.Origin, length, s.MinLength)
	case entropyBits(text) < weakEntropy:
		f.Warn(ReasonWeak, "%s at %s is easily guessed: few different characters, a sequence or a repetition", v.Key, v.Origin)
	}
	if v.Ambiguous {
		f.Warn(ReasonWeak, "%s at %s holds a $ that Compose v1 and v2 read differently: quote it with ' or write $$", v.Key, v.Origin)
	}
	return f.Result("%s is set at %s", v.Key, v.Origin), nil
}

// twin returns the name of another secret of the env files that has the same value.
func (s *envSecret) twin(view *deployment.View, v deployment.Value) (string, error) {
	envs, err := view.EnvFiles()
	if err != nil {
		return "", err
	}
	for _, env := range envs {
		for _, e := range env.Entries {
			if e.Key != v.Key && secretName.MatchString(e.Key) && e.Text.Equal(v.Text) {
				return e.Key, nil
			}
		}
	}
	return "", nil
}
