package envfile

import (
	"context"
	"errors"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// env_number: is a variable a number or a duration within its bounds?
//
// Variables are given by name or pattern (RATE_LIMIT*). At least one must be set, and every one that is set is checked.
// What a variable that only matches a pattern is about is in env_number_kind.go: limits are checked, switches among them
// (RATE_LIMIT_ENABLED) must not be off, and the rest is ignored. A limit may name its unit of time: 100/minute.

func NumberKind() probe.Kind {
	return probe.Kind{
		Name:       "env_number",
		Question:   "Is a positive number set and within its bounds?",
		Example:    "{any: [DB_MAX_CONNS, DB_MAX_OPEN_CONNS], not_above: {DB_MAX_IDLE_CONNS: [DB_MAX_CONNS, DB_MAX_OPEN_CONNS]}}",
		Layer:      probe.LayerDeclared,
		Reads:      "the env file and the compose file",
		Permission: "read permission",
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*envNumber).breakages(view) },
		New:        func() any { return newEnvNumber() },
	}
}

func newEnvNumber() *envNumber {
	return &envNumber{
		Min:        1,
		TrueWords:  []string{"true", "1", "yes", "on", "t", "y", "enabled", "enable"},
		FalseWords: []string{"false", "0", "no", "off", "f", "n", "disabled", "disable", "none", "never"},
	}
}

type envNumber struct {
	Any        []string            `yaml:"any" required:"true" doc:"names or patterns (RATE_LIMIT*) of variables; at least one must be set, and each one that is set is checked"`
	Duration   bool                `yaml:"duration" default:"false" doc:"values are durations (90s, 5m or a number of seconds); bounds are in seconds"`
	Min        float64             `yaml:"min" default:"1" doc:"minimum value"`
	Max        float64             `yaml:"max" doc:"maximum value; unlimited when unset"`
	WarnAbove  float64             `yaml:"warn_above" doc:"larger values are a warning: they limit nothing in effect; unlimited when unset"`
	TrueWords  []string            `yaml:"true_words" default:"[\"true\", \"1\", yes, \"on\", t, y, enabled, enable]" doc:"words that switches read as on (case-insensitive)"`
	FalseWords []string            `yaml:"false_words" default:"[\"false\", \"0\", no, \"off\", f, n, disabled, disable, none, never]" doc:"words that switches read as off (case-insensitive); any other word is unknown"`
	NotAbove   map[string][]string `yaml:"not_above" doc:"variables that must not exceed the first set variable of a list"`
}

func (s *envNumber) Validate() []error {
	var errs []error
	if s.Max != 0 && s.Max < s.Min {
		errs = append(errs, errors.New("max is less than min"))
	}
	if s.WarnAbove != 0 && s.WarnAbove < s.Min {
		errs = append(errs, errors.New("warn_above is less than min"))
	}
	for _, pattern := range s.Any {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			errs = append(errs, errors.New("any: malformed pattern"))
		}
	}
	return errs
}

func (s *envNumber) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	keys, err := p.View.Keys(s.Any...)
	if err != nil {
		return probe.Unreadable(s.Any[0]+" cannot be looked up", err)
	}
	for _, plain := range s.Any { // Keys omits variables set from a secret or a file
		if !strings.ContainsAny(plain, `*?[\`) && !slices.Contains(keys, plain) {
			keys = append(keys, plain)
		}
	}
	var f probe.ResultBuilder
	var good, neighbours []string
	for _, key := range keys {
		values, err := p.View.OwnEach(key)
		if err != nil {
			return probe.Unreadable(key+" cannot be looked up", err)
		}
		for i, v := range values {
			if v.Ref.Kind != "" {
				return probe.Result{}, Elsewhere(v)
			}
			if !v.Set && v.Unused == nil {
				continue
			}
			r, counts := s.judge(v)
			f.Add(standIn(v, r))
			switch {
			case i > 0 || r.State != probe.StatePass && !(counts && r.State == probe.StateWarn):
			case counts:
				good = append(good, key)
			default:
				neighbours = append(neighbours, key+" ("+v.Origin.String()+")")
			}
		}
	}
	if err := s.compare(p.View, &f); err != nil {
		return probe.Unreadable(s.Any[0]+" cannot be looked up", err)
	}
	if len(good) == 0 && len(neighbours) > 0 {
		f.Fail(probe.ReasonMissing, "no valid value for any of %s: %s in %s", phrase.Words(s.Any), s.what("no"), phrase.List(neighbours))
	} else if len(good) == 0 {
		f.Fail(probe.ReasonMissing, "no valid value for any of %s", phrase.Words(s.Any))
	}
	return f.Result("%s: within bounds", phrase.Words(good)), nil
}

// judge evaluates one variable; counts is false for switches and other variables that are not limits.
func (s *envNumber) judge(v deployment.Value) (r probe.Result, counts bool) {
	text := strings.TrimSpace(v.Text.Reveal())
	subject := s.subject(v.Key, text)
	switch {
	case text == "" && subject != aboutOther:
		return probe.Warned(probe.ReasonMissing, "%s is %s", v.Key, unset(v)), false
	case secretvalue.IsBlankWord(text) && subject != aboutOther:
		return probe.Failed(probe.ReasonPlaceholder, "%s at %s is a placeholder", v.Key, v.Origin), true
	case subject == aboutOther && windowKey.MatchString(v.Key) && zeroTime.MatchString(text):
		return probe.Warned(probe.ReasonThreshold, "%s at %s is zero: the limit counts over no time", v.Key, v.Origin), false
	case subject == aboutOther:
		return probe.Passed("%s is not a limit", v.Key), false
	case subject == aboutNumber:
		return s.judgeNumber(v, text)
	}
	on, off := hasWord(s.TrueWords, text), hasWord(s.FalseWords, text)
	switch {
	case subject == aboutOffSwitch && on, subject == aboutSwitch && off:
		return probe.Failed(probe.ReasonDisabled, "%s is %q at %s", v.Key, strings.ToLower(text), v.Origin), false
	case on || off:
		return probe.Passed("%s does not disable the limits", v.Key), false
	}
	return probe.NotChecked(probe.Unknownf(probe.ReasonInvalid, "%s at %s is neither a word for on nor one for off. "+
		"Use one of %s, or name the word in the probe's true_words or false_words", v.Key, v.Origin,
		phrase.Words(append(slices.Clone(s.TrueWords[:min(2, len(s.TrueWords))]), s.FalseWords[:min(2, len(s.FalseWords))]...)))), false
}

func hasWord(words []string, text string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, text) })
}

func (s *envNumber) judgeNumber(v deployment.Value, text string) (r probe.Result, counts bool) {
	number, err := s.number(text)
	if plain, errFloat := strconv.ParseFloat(text, 64); err != nil && errFloat == nil && !s.Duration && !slices.Contains(s.Any, v.Key) &&
		plain > 0 && !math.IsInf(plain, 0) {
		number, err = max(plain, s.Min), nil // half a request per second is a limit
	}
	switch {
	case err != nil && slices.Contains(s.Any, v.Key) && hasWord([]string{"false", "no", "off"}, text):
		return probe.Failed(probe.ReasonDisabled, "%s is %q at %s", v.Key, strings.ToLower(text), v.Origin), true
	case err != nil:
		return probe.Failed(probe.ReasonInvalid, "%s at %s is %s", v.Key, v.Origin, s.what("not a")), true
	case number < s.Min:
		return probe.Failed(probe.ReasonThreshold, "%s at %s is less than %s", v.Key, v.Origin, s.shown(s.Min)), true
	case s.Max != 0 && number > s.Max:
		return probe.Failed(probe.ReasonThreshold, "%s at %s is more than %s", v.Key, v.Origin, s.shown(s.Max)), true
	case s.WarnAbove != 0 && number > s.WarnAbove:
		return probe.Warned(probe.ReasonThreshold, "%s at %s is more than %s, which limits nothing in effect", v.Key, v.Origin,
			s.shown(s.WarnAbove)), true
	case s.Duration && seemsMilliseconds(text):
		return probe.Warned(probe.ReasonThreshold, "%s at %s is read in seconds but seems to be in milliseconds. "+
			"Write the unit if the service reads one", v.Key, v.Origin), true
	}
	return probe.Passed("%s is within bounds", v.Key), true
}

// seemsMilliseconds reports whether a number without a unit is more than a day in seconds, but not whole days, and whole
// seconds in milliseconds.
func seemsMilliseconds(text string) bool {
	const day = 24 * 60 * 60
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && n > day && n%day != 0 && n%1000 == 0
}

// shown formats a bound for messages.
func (s *envNumber) shown(bound float64) string {
	if s.Duration {
		return schema.Duration(bound * float64(time.Second)).String()
	}
	return strconv.FormatFloat(bound, 'f', -1, 64)
}

// compare checks the variables of not_above.
func (s *envNumber) compare(view *deployment.View, f *probe.ResultBuilder) error {
	low := make([]string, 0, len(s.NotAbove))
	for key := range s.NotAbove {
		low = append(low, key)
	}
	slices.Sort(low)
	for _, key := range low {
		a, err := view.Own(key)
		if err != nil {
			return err
		}
		b, err := view.Own(s.NotAbove[key]...)
		if err != nil {
			return err
		}
		if !a.Set || !b.Set {
			continue
		}
		x, errX := s.number(strings.TrimSpace(a.Text.Reveal()))
		y, errY := s.number(strings.TrimSpace(b.Text.Reveal()))
		switch {
		case errX != nil:
			f.Fail(probe.ReasonInvalid, "%s at %s is %s", a.Key, a.Origin, s.what("not a"))
		case x < 0:
			f.Warn(probe.ReasonThreshold, "%s at %s is negative: services read it as none, as unlimited or as an error", a.Key, a.Origin)
		case errY == nil && x > y:
			f.Fail(probe.ReasonMismatch, "%s at %s is more than %s at %s", a.Key, a.Origin, b.Key, b.Origin)
		}
	}
	return nil
}

// number parses an integer, or a duration in seconds.
func (s *envNumber) number(text string) (float64, error) {
	if number, ok := leastPerTime(text); ok && !s.Duration {
		text = number
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) && s.WarnAbove != 0 {
		return math.Copysign(math.MaxFloat64, float64(n)), nil
	}
	if err == nil || !s.Duration {
		return float64(n), err
	}
	d, err := time.ParseDuration(text)
	return d.Seconds(), err
}

func (s *envNumber) what(article string) string {
	if s.Duration {
		return article + " duration"
	}
	return article + " whole number"
}
