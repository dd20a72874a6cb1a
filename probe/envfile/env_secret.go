package envfile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// env_secret: is a secret of the environment set, not a placeholder, long enough and used once?
//
// It checks the values that services really receive (deployment.View.Values): a database started with a weaker password
// than the one in the env file is as weak as that password. A reference outside the deployment's files (a secret
// manager, an external Compose secret) cannot be checked here: a live probe decides, else the item is unknown.

func SecretKind() probe.Kind {
	return probe.Kind{
		Name:       "env_secret",
		Question:   "Is the secret set, not a placeholder, hard to guess and used for one purpose?",
		Example:    "{key: REDIS_PASSWORD, min_length: 16}",
		Layer:      probe.LayerDeclared,
		Reads:      "the env file, the compose file and the secret files they reference",
		Permission: "read permission",
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*Secret).breakages(view) },
		New:        func() any { return &Secret{MinLength: 16} },
	}
}

type Secret struct {
	Key       []string            `yaml:"key" required:"true" doc:"names of the variable; checked are the first one set for the application and every one passed to another service"`
	URL       []string            `yaml:"url" doc:"names of variables whose value is a URL that may contain the secret as its password; checked in addition to key, or instead when no key is set"`
	MinLength int                 `yaml:"min_length" min:"1" default:"16" doc:"minimum length in bytes; shorter secrets are weak"`
	Decoded   bool                `yaml:"decoded" default:"false" doc:"count the decoded bytes of a base64 or hexadecimal value"`
	Alone     bool                `yaml:"alone" default:"false" doc:"fail when another secret of the deployment has the same value"`
	Off       map[string][]string `yaml:"off" doc:"variables that switch the protection off, with the values that do (none as the algorithm of a token); a value may be one of a list"`
	Signs     bool                `yaml:"signs" default:"false" doc:"the secret signs tokens: fail when a variable (JWT_ALGORITHM=none, JWT_VERIFY=false and the like) makes the service accept tokens without a valid signature"`
	Apart     bool                `yaml:"apart" default:"false" doc:"warn when a secret of another purpose has the same value"`
}

func (s *Secret) Validate() []error {
	if len(s.Key) == 0 {
		return []error{fmt.Errorf("key: no variable given")}
	}
	return nil
}

func (s *Secret) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	all, err := s.values(p.View)
	if err != nil {
		return NotLookedUp(s.Key[0], err)
	}
	others, err := s.others(p.View, all)
	if err != nil {
		return probe.Unreadable("other secrets cannot be read", err)
	}
	names := " " + strings.Join(namesOf(p), " ")
	var values []secretValue
	for i, v := range all {
		others[i].names = names
		input := secretValue{text: v.Text.Reveal(), key: v.Key, origin: v.Origin, ambiguous: v.Ambiguous, others: others[i],
			isSet: v.Set, ref: v.Ref, unset: strings.Join(v.Unset, " "), blocked: v.Blocked}
		if v.Unused != nil {
			input.unused = v.Unused.String()
		}
		values = append(values, input)
	}
	o := probe.Unchanged(p, secretOpinionKey{s}, values, func() secretOpinion {
		r, err := s.judgeAll(all, others)
		return secretOpinion{r, err}
	})
	if o.err != nil {
		return o.result, o.err
	}
	return s.withSwitches(p.View, o.result)
}

// withSwitches adds a failure for every variable that switches the protection off.
func (s *Secret) withSwitches(view *deployment.View, r probe.Result) (probe.Result, error) {
	if len(s.Off) == 0 && !s.Signs {
		return r, nil
	}
	present, err := view.Keys(slices.Sorted(maps.Keys(s.Off))...)
	if err != nil {
		return NotLookedUp(s.Key[0], err)
	}
	var f probe.ResultBuilder
	f.Add(r)
	if s.Signs {
		if key, err := judgeSignatures(&f, view); err != nil {
			return NotLookedUp(cmp.Or(key, s.Key[0]), err)
		}
	}
	for _, key := range present {
		values, err := view.Values(key)
		if err != nil {
			return NotLookedUp(key, err)
		}
		for _, v := range values {
			for _, word := range listOf(v.Text.Reveal()) {
				if slices.ContainsFunc(s.Off[key], func(off string) bool { return strings.EqualFold(off, word) }) {
					f.Fail(probe.ReasonDisabled, "%s at %s switches the protection off", v.Key, v.Origin)
				}
			}
		}
	}
	return f.Result("%s", r.Detail), nil
}

// inURL begins the name of a secret that is the password of a URL.
const inURL = "the password in "

// withoutEncoding removes the prefix base64: or hex:, with which services mark an encoded secret.
func withoutEncoding(text string) (rest string, isEncoded bool) {
	for _, prefix := range []string{"base64:", "hex:"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return rest, true
		}
	}
	return text, false
}

// values returns the values that services receive for the secret: under its own names and as the password of a URL.
func (s *Secret) values(view *deployment.View) ([]deployment.Value, error) {
	all, err := view.Values(s.Key...)
	if err != nil || len(s.URL) == 0 {
		return all, err
	}
	urls, err := view.Values(s.URL...)
	if err != nil {
		return nil, err
	}
	for _, v := range urls {
		password := passwordInURL(v.Text.Reveal())
		if password == "" {
			continue
		}
		v.Key, v.Text = inURL+v.Key, secret.New(password)
		if slices.ContainsFunc(all, func(have deployment.Value) bool { return have.Set && have.Text.Equal(v.Text) }) {
			continue // the URL is built from the variable
		}
		if first := all[0]; !first.Set && first.Ref.Kind == "" && first.Unused == nil {
			all = all[1:]
		}
		all = append(all, v)
	}
	return all, nil
}

// secretValue holds every input of the verdict on a value.
type secretValue struct {
	text      string // the secret: compared, never shown
	key       string
	origin    source.Origin
	ambiguous bool
	others    SecretOthers
	isSet     bool
	ref       deployment.Ref
	unset     string // variables without a value
	unused    string // where the key is set without effect
	blocked   string // see deployment.Value
}

type secretOpinionKey struct{ of *Secret }

type secretOpinion struct {
	result probe.Result
	err    error
}

// judgeAll evaluates the value of the application and those of other services. One that cannot be read here does not hide
// that another is bad.
func (s *Secret) judgeAll(all []deployment.Value, others []SecretOthers) (probe.Result, error) {
	var f probe.ResultBuilder
	var unread error
	detail := ""
	for i, v := range all {
		r, err := s.Judge(v, others[i])
		if err != nil {
			unread = cmp.Or(unread, err)
			continue
		}
		if i == 0 {
			detail = r.Detail
		}
		f.Add(standIn(v, r))
	}
	if unread != nil && f.Worst.State != probe.StateFail {
		return probe.Result{}, unread
	}
	return f.Result("%s", detail), nil
}

// Judge evaluates a value and its duplicates.
func (s *Secret) Judge(v deployment.Value, others SecretOthers) (probe.Result, error) {
	if v.Ref.Kind != "" {
		return probe.Result{}, probe.Yielding(Elsewhere(v))
	}
	if len(v.Unset) > 0 && v.Text.Empty() {
		return probe.Failed(probe.ReasonMissing, "%s at %s refers to %s, which has no value. If the deploying shell gives it, set "+
			"deployment.env.external", v.Key, v.Origin, strings.Join(v.Unset, ", ")), nil
	}
	if len(v.Unset) > 0 {
		return probe.Failed(probe.ReasonPlaceholder, "%s at %s refers to %s, which has no value", v.Key, v.Origin, strings.Join(v.Unset, ", ")), nil
	}
	if !v.Set || v.Text.Empty() {
		return probe.Failed(probe.ReasonMissing, "%s is %s", v.Key, unset(v)), nil
	}
	text := v.Text.Reveal()
	text, isEncoded := withoutEncoding(text)
	length := len(text)
	if s.Decoded || isEncoded {
		length = secretvalue.DecodedLen(text)
	}
	strength := secretvalue.Strong
	if others.names != "" { // Unchanged keeps the verdict; the estimate is too slow for every pass
		strength = secretvalue.StrengthOf(text, strings.Fields(others.names))
	}
	var f probe.ResultBuilder
	switch {
	case secretvalue.IsPlaceholder(text):
		f.Fail(probe.ReasonPlaceholder, "%s at %s is a placeholder", v.Key, v.Origin)
	case strength == secretvalue.Published:
		f.Fail(probe.ReasonWeak, "%s at %s is published: it is the default of an image or the secret of a tutorial", v.Key, v.Origin)
	case others.template != "":
		f.Fail(probe.ReasonPlaceholder, "%s at %s is unchanged from %s, which anyone with access to the repository can read", v.Key,
			v.Origin, others.template)
	case others.twin != "" && s.Alone:
		f.Fail(probe.ReasonReused, "%s at %s is the same as %s", v.Key, v.Origin, others.twin)
	case secretvalue.IsTriedFirst(text):
		f.Fail(probe.ReasonWeak, "%s at %s is a default password, which attackers try first", v.Key, v.Origin)
	case strength == secretvalue.Guessable && length < s.MinLength:
		f.Fail(probe.ReasonWeak, "%s at %s is easily guessed: it has %d bytes, expected at least %d", v.Key, v.Origin, length, s.MinLength)
	case strength == secretvalue.Guessable:
		f.Fail(probe.ReasonWeak, "%s at %s is easily guessed: it consists of common words, names of this deployment, keyboard "+
			"patterns or their digest", v.Key, v.Origin)
	case length < s.MinLength:
		f.Warn(probe.ReasonWeak, "%s at %s has %d bytes, expected at least %d", v.Key, v.Origin, length, s.MinLength)
	case strength == secretvalue.Moderate:
		f.Warn(probe.ReasonWeak, "%s at %s can be guessed offline: it has less than 64 bits. Generate it", v.Key, v.Origin)
	case secretvalue.EntropyBits(cmp.Or(secretvalue.EncodedText(text), text)) < secretvalue.WeakEntropy:
		f.Warn(probe.ReasonWeak, "%s at %s is easily guessed: it has few different characters, a sequence or a repetition", v.Key,
			v.Origin)
	}
	if others.twin != "" && !s.Alone {
		f.Warn(probe.ReasonReused, "%s at %s is the same as %s. Use separate secrets", v.Key, v.Origin, others.twin)
	}
	if v.Ambiguous {
		f.Warn(probe.ReasonWeak, "%s at %s contains a $ that Compose v1 and v2 interpret differently. Quote it with ' or write $$",
			v.Key, v.Origin)
	}
	return f.Result("%s is set at %s", v.Key, v.Origin), nil
}
