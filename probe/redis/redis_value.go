package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
	"github.com/thenexusengine/catalyst_exporter/probe/valuerule"
)

// redis_value: is a value in Redis as it should be?
//
// One command of a fixed list, all of which only read. The value is never shown, and neither is a key that may hold a
// secret, such as that of a session.

// ValueKind is the kind redis_value.
func ValueKind() probe.Kind {
	return probe.Kind{
		Name:       "redis_value",
		Services:   []deployment.Service{deployment.RedisService},
		Question:   "Does Redis return the value that it should?",
		Example:    "{command: LLEN, key: 'queue:dead', at_most: 0}",
		Layer:      probe.LayerLive,
		Reads:      "one reading command at Redis (deployment.redis, or REDIS_HOST and related variables)",
		Permission: "network access to it; for an ACL user, the command, the key and, with database, +select",
		MaxAge:     time.Minute,
		Timeout:    15 * time.Second,
		New:        func() any { return &redisValue{} },
	}
}

type redisValue struct {
	Command  string   `yaml:"command" required:"true" enum:"GET,HGET,LLEN,SCARD,ZCARD,HLEN,XLEN,EXISTS,TTL,STRLEN,DBSIZE,INFO" doc:"command that reads the value; the length of a key that does not exist is 0"`
	Key      string   `yaml:"key" doc:"key, for all commands except DBSIZE and INFO"`
	Field    string   `yaml:"field" doc:"field of the hash for HGET; field of INFO, e.g. connected_slaves"`
	Database int      `yaml:"database" min:"0" max:"65535" default:"0" doc:"number of the database"`
	Equals   *string  `yaml:"equals" doc:"the value as text, e.g. ready or \"20\""`
	OneOf    []string `yaml:"one_of" doc:"the allowed values"`
	Matches  string   `yaml:"matches" doc:"regular expression (RE2) that the value must match"`
	Lacks    string   `yaml:"lacks" doc:"regular expression that the value must not match"`
	Min      *float64 `yaml:"at_least" doc:"minimum of a number"`
	Max      *float64 `yaml:"at_most" doc:"maximum of a number"`
}

func (s *redisValue) rule() valuerule.Rule {
	return valuerule.Rule{At: "value", Equals: s.Equals, OneOf: s.OneOf, Matches: s.Matches, Lacks: s.Lacks, Min: s.Min, Max: s.Max}
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *redisValue) Validate() []error {
	errs := s.rule().Validate()
	if !s.rule().Compares() {
		errs = append(errs, errors.New("one of equals, one_of, matches, lacks, at_least and at_most is required"))
	}
	if keyless := s.Command == "DBSIZE" || s.Command == "INFO"; keyless != (s.Key == "") {
		errs = append(errs, errors.New("key: is required, except for DBSIZE and INFO"))
	}
	if (s.Command == "HGET" || s.Command == "INFO") != (s.Field != "") {
		errs = append(errs, errors.New("field: is for HGET and INFO, and required for them"))
	}
	if s.Command == "INFO" && s.Field != "" && !infoField.MatchString(s.Field) {
		errs = append(errs, fmt.Errorf("field: %q is not a field of INFO", s.Field))
	}
	return errs
}

var infoField = lazyregexp.New(`^[A-Za-z0-9_.\-]+$`)

// words is the command as sent.
func (s *redisValue) words() []string {
	switch s.Command {
	case "DBSIZE":
		return []string{s.Command}
	case "INFO":
		return []string{s.Command, "all"}
	case "HGET":
		return []string{s.Command, s.Key, s.Field}
	}
	return []string{s.Command, s.Key}
}

// what names the command in details.
func (s *redisValue) what() string {
	name := s.Command
	for _, part := range []string{s.Key, s.Field} {
		switch {
		case part == "":
		case mayHoldSecret(part):
			name += " of a key"
		default:
			name += " " + part
		}
	}
	return name
}

// mayHoldSecret reports whether a key is not to be shown: a part of it looks like an identifier or a token rather than a
// word, or follows the name of a secret.
func mayHoldSecret(key string) bool {
	parts := strings.FieldsFunc(key, func(r rune) bool { return strings.ContainsRune(":._-/{}|", r) })
	for i, part := range parts {
		owned := i > 0 && (secretvalue.HoldsSecret(parts[i-1]) || slices.Contains([]string{"session", "sessions", "sess", "sid", "auth", "user", "users"}, strings.ToLower(parts[i-1])))
		if owned || len(part) >= 20 || len(part) >= 8 && strings.ContainsAny(part, "0123456789+=") {
			return true
		}
	}
	return len(key) > 64 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
}

func (s *redisValue) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	t, err := redisAt(p)
	if err != nil {
		return probe.Result{}, err
	}
	if !t.Password.Text.Empty() || t.Password.Ref.Kind != "" {
		if err := t.credential(); err != nil {
			return probe.Result{}, err
		}
	}
	var found any
	err = t.with(ctx, func(c *redisConn) error {
		if !t.Password.Text.Empty() {
			// ERR: the server has no password; redis_auth checks that.
			if err := t.login(c); err != nil && access.Code(err) != "ERR" {
				return err
			}
		}
		if s.Database > 0 {
			if _, err := c.do("SELECT", strconv.Itoa(s.Database)); err != nil {
				return err
			}
		}
		found, err = send(c, c.value, s.words())
		return err
	})
	if err != nil {
		return s.refused(t, err)
	}
	return s.judge(found)
}

// value reads a text, a number, or nil for a value that does not exist.
func (c *redisConn) value() (any, error) {
	first, err := c.in.Peek(2)
	switch {
	case err != nil && len(first) == 0:
		return nil, err
	case err == nil && string(first) == "$-":
		line, err := c.line()
		if err == nil && line != "$-1" {
			err = errNotRedis
		}
		return nil, err
	case first[0] != ':':
		return c.answer()
	}
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	if _, err := strconv.ParseInt(line[1:], 10, 64); err != nil {
		return nil, errNotRedis
	}
	return json.Number(line[1:]), nil
}

// refused classifies an error of the connection or of the command.
func (s *redisValue) refused(t redisTarget, err error) (probe.Result, error) {
	switch access.Code(err) {
	case "NOPERM":
		needed := "+" + strings.ToLower(s.Command)
		if s.Key != "" {
			needed += " and read access to the key (%R~)"
		}
		if s.Database > 0 {
			needed += ", +select"
		}
		return probe.Result{}, probe.Needs(needed+" for the ACL user of the exporter",
			probe.Unknownf(probe.ReasonPermissionDenied, "Redis at %s denies %s", t.Address(), s.what()))
	case "WRONGTYPE":
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "%s: the key has another type", s.what())
	case "MOVED", "ASK":
		return probe.Result{}, probe.Needs(deployment.RedisService.Setting("address")+" of the node that has the key",
			probe.Unknownf(probe.ReasonNotConfigured, "%s: the key is stored on another node of the cluster than %s", s.what(), t.Address()))
	}
	return t.unasked(err)
}

func (s *redisValue) judge(found any) (probe.Result, error) {
	what := s.what()
	if text, ok := found.(string); ok && s.Command == "INFO" {
		found = nil
		for line := range strings.SplitSeq(text, "\n") {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == s.Field {
				found = value
			}
		}
	}
	// A text where a number is due, and the reverse, is not an answer to the command.
	_, isNumber := found.(json.Number)
	ofText := slices.Contains([]string{"GET", "HGET", "INFO"}, s.Command)
	switch {
	case found == nil && ofText:
		return probe.Failed(probe.ReasonMissing, "%s: there is no value", what), nil
	case isNumber == ofText:
		return probe.Result{}, probe.Unknownf(probe.ReasonInvalid, "%s: the response is not one to this command", what)
	case s.Command == "TTL" && found == json.Number("-2"):
		return probe.Failed(probe.ReasonMissing, "%s: the key does not exist", what), nil
	}
	var f probe.ResultBuilder
	s.rule().Judge(&f, what, map[string]any{"value": found})
	if found == json.Number("0") && s.Key != "" && s.Command != "TTL" && s.Command != "EXISTS" {
		return f.Result("%s is as required; the key does not exist or is empty", what), nil
	}
	return f.Result("%s is as required", what), nil
}
