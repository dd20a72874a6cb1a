package envfile

import (
	"context"
	"errors"
	"path"
	"regexp"
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
// Switches among them (RATE_LIMIT_ENABLED) must not be off. A pattern also matches variables that are not limits, such
// as a database number or the window of the limit: their last word identifies them, and they are ignored. A limit may
// name its unit of time: 100/minute.

func NumberKind() probe.Kind {
	return probe.Kind{
		Name:     "env_number",
		Question: "Is a positive number set and within its bounds?",
		Example:  "{any: [DB_MAX_CONNS, DB_MAX_OPEN_CONNS], not_above: {DB_MAX_IDLE_CONNS: [DB_MAX_CONNS, DB_MAX_OPEN_CONNS]}}",
		Layer:    probe.LayerDeclared,
		Reads:    "the env file and the compose file; needs read permission",
		New:      func() any { return &envNumber{Min: 1} },
	}
}

type envNumber struct {
	Any      []string            `yaml:"any" required:"true" doc:"names or patterns (RATE_LIMIT*) of variables; at least one must be set, and each one that is set is checked"`
	Duration bool                `yaml:"duration" default:"false" doc:"values are durations (90s, 5m or a number of seconds); bounds are in seconds"`
	Min      float64             `yaml:"min" default:"1" doc:"minimum value"`
	Max      float64             `yaml:"max" doc:"maximum value; unlimited when unset"`
	NotAbove map[string][]string `yaml:"not_above" doc:"variables that must not exceed the first set variable of a list"`
}

func (s *envNumber) Validate() []error {
	var errs []error
	if s.Max != 0 && s.Max < s.Min {
		errs = append(errs, errors.New("max is less than min"))
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
			f.Add(r)
			switch {
			case i > 0 || r.State != probe.StatePass:
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

var (
	// isSwitch matches keys that enable the limits; offSwitch those that disable them.
	isSwitch  = regexp.MustCompile(`(?i)(^|_)(ENABLED?|ACTIVE|ON)$`)
	offSwitch = regexp.MustCompile(`(?i)(^|_)(DISABLED?|OFF|BYPASS|DRY_?RUN|SHADOW|LOG_ONLY|REPORT_ONLY)$`)
	// notLimit matches keys whose number is not a limit.
	notLimit = regexp.MustCompile(`(?i)_(DB|DATABASE|PORT|WINDOW|PERIOD|INTERVAL|DURATION|SECONDS|SECS|MS|MINUTES|TTL|TIMEOUT|DELAY|STATUS|STATUS_CODE|CODE|PREFIX|HOPS|VERSION)$`)
	// limitPerTime matches a limit with its unit of time.
	limitPerTime = regexp.MustCompile(`(?i)^(\d+)\s*(?:r|req|reqs|requests)?\s*(?:/|-| per )\s*(?:s|sec|second|m|min|minute|h|hr|hour|d|day)s?$`)
)

// judge evaluates one variable; counts is false for switches and other variables that are not limits.
func (s *envNumber) judge(v deployment.Value) (r probe.Result, counts bool) {
	text := strings.TrimSpace(v.Text.Reveal())
	byPattern := !slices.Contains(s.Any, v.Key)
	lower := strings.ToLower(text)
	on, off := slices.Contains([]string{"true", "yes", "on"}, lower), slices.Contains([]string{"false", "no", "off"}, lower)
	switch {
	case byPattern && offSwitch.MatchString(v.Key):
		if on || text == "1" {
			return probe.Failed(probe.ReasonDisabled, "%s is %q at %s", v.Key, lower, v.Origin), false
		}
		return probe.Passed("%s is off", v.Key), false
	case byPattern && isSwitch.MatchString(v.Key):
		off = off || text == "0"
		on = on || text == "1"
	case byPattern && (off || on), byPattern && !s.Duration && notLimit.MatchString(v.Key):
		return probe.Passed("%s is not a limit", v.Key), false
	}
	switch {
	case text == "":
		return probe.Warned(probe.ReasonMissing, "%s is %s", v.Key, unset(v)), false
	case secretvalue.IsBlankWord(text):
		return probe.Failed(probe.ReasonPlaceholder, "%s at %s is a placeholder", v.Key, v.Origin), true
	case on:
		return probe.Passed("%s is on", v.Key), false
	case off:
		return probe.Failed(probe.ReasonDisabled, "%s is %q at %s", v.Key, lower, v.Origin), false
	}
	number, err := s.number(text)
	switch {
	case err != nil && !s.Duration && byPattern:
		return probe.Passed("%s is not a number", v.Key), false // a pattern also matches text: RATE_LIMIT_STRATEGY
	case err != nil:
		return probe.Failed(probe.ReasonInvalid, "%s at %s is %s", v.Key, v.Origin, s.what("not a")), true
	case number < s.Min:
		return probe.Failed(probe.ReasonThreshold, "%s at %s is less than %s", v.Key, v.Origin, s.shown(s.Min)), true
	case s.Max != 0 && number > s.Max:
		return probe.Failed(probe.ReasonThreshold, "%s at %s is more than %s", v.Key, v.Origin, s.shown(s.Max)), true
	}
	return probe.Passed("%s is within bounds", v.Key), true
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
			f.Fail(probe.ReasonInvalid, "%s at %s is %s", a.Key, a.Origin, s.what("no"))
		case errY == nil && x > y:
			f.Fail(probe.ReasonMismatch, "%s at %s is more than %s at %s", a.Key, a.Origin, b.Key, b.Origin)
		}
	}
	return nil
}

// number parses an integer, or a duration in seconds.
func (s *envNumber) number(text string) (float64, error) {
	if m := limitPerTime.FindStringSubmatch(text); m != nil && !s.Duration {
		text = m[1]
	}
	n, err := strconv.ParseInt(text, 10, 64)
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
