package composecheck

import (
	"context"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/access"
	"github.com/thenexusengine/catalyst_exporter/probe/envfile"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// compose_redis: does the compose file start Redis with the application's password?
//
// A password in the env file protects nothing while the server is started without one. The server's password is in its
// command (--requirepass), in a mounted configuration file, or in a variable of images that set one. When none of these
// can be read (a custom entrypoint, a file in the image, ACL users), the probe is skipped and a live one must decide.

func RedisKind() probe.Kind {
	return probe.Kind{
		Name:     "compose_redis",
		Question: "Does the compose file start Redis with the application's password?",
		Example:  "{key: REDIS_PASSWORD, min_length: 16}",
		Layer:    probe.LayerDeclared,
		Reads:    "the compose files, the env file and a mounted redis.conf; needs to read them",
		Alone:    true,
		New:      func() any { return &composeRedis{Key: []string{"REDIS_PASSWORD"}, MinLength: 16} },
	}
}

type composeRedis struct {
	Key       []string `yaml:"key" default:"[REDIS_PASSWORD]" doc:"names of the variable that gives the application the password; the first that is set counts"`
	MinLength int      `yaml:"min_length" min:"1" default:"16" doc:"length in bytes below which the password is weak"`
}

// redisStart is what the compose file says about one Redis.
type redisStart struct {
	service       string
	password      deployment.Value // required by the server; not set when it requires none
	unknownReason string           // why that is unknown; "" when it is known
}

func (s *composeRedis) Probe(_ context.Context, p *probe.Pass) (probe.Result, error) {
	c, err := probe.ComposeModel(p)
	if err != nil {
		return probe.Result{}, err
	}
	given, err := p.View.Value(s.Key...)
	if err != nil {
		return envfile.NotLookedUp(s.Key[0], err)
	}
	var starts []redisStart
	for _, name := range c.Services() {
		service := c.Project.Services[name]
		if service.Build != nil || !deployment.RunsImage(service, []string{"redis", "valkey", "keydb"}) {
			continue
		}
		start, err := redisStartOf(p.View, c, service)
		if err != nil {
			return envfile.NotLookedUp("the password of service "+name, err)
		}
		starts = append(starts, start)
	}
	return s.judge(starts, given)
}

// judge judges the passwords that servers require; given is the application's.
func (s *composeRedis) judge(starts []redisStart, given deployment.Value) (probe.Result, error) {
	var f probe.ResultBuilder
	var told, untold []string
	for _, start := range starts {
		if start.unknownReason != "" {
			untold = append(untold, start.unknownReason)
			continue
		}
		told = append(told, start.service)
		v := start.password
		if !v.Set || v.Text.Empty() {
			f.Fail(probe.ReasonOpen, "%s starts service %s without a password. Add --requirepass", v.Origin, start.service)
			continue
		}
		secret := envfile.Secret{Key: []string{v.Key}, MinLength: s.MinLength}
		r, err := secret.Judge(v, envfile.SecretOthers{})
		if err != nil {
			return probe.Result{}, err
		}
		f.Add(r)
		// With several servers it is unknown which one the application uses.
		if len(starts) == 1 && given.Set && !given.Text.Empty() && !given.Text.Equal(v.Text) {
			f.Fail(probe.ReasonMismatch, "%s starts service %s with another password than %s at %s",
				v.Origin, start.service, given.Key, given.Origin)
		}
	}
	switch {
	case len(starts) == 0:
		return probe.Result{}, probe.Skip(access.RedisAddressSetting, "no service of the compose file runs Redis")
	case len(told) == 0:
		return probe.Result{}, probe.Skip(access.RedisAddressSetting, "%s", phrase.List(untold))
	}
	return f.Result("service %s requires its password", phrase.Words(told)), nil
}

// redisStartOf reads how a service starts Redis.
func redisStartOf(view *deployment.View, c *deployment.Compose, service types.ServiceConfig) (redisStart, error) {
	start := redisStart{service: service.Name}
	if strings.Contains(service.Image, "bitnami") {
		return start.bitnami(view, c)
	}
	args := commandWords(service)
	if extra := service.Environment["REDIS_ARGS"]; extra != nil { // of redis-stack
		args = append(args, strings.Fields(*extra)...)
	}
	at := c.At(service.Name, "command")
	config := ""
	for i, word := range args {
		switch {
		case word == "--requirepass" && i+1 < len(args) && !strings.HasPrefix(args[i+1], "--"): // not so for an unset variable
			v, err := commandValue(view, c, service, args[i+1], at)
			start.password = v
			if v.Ref.Kind != "" {
				start.unknownReason = "service " + service.Name + "'s password is stored in: " + v.Ref.Kind
			}
			return start, err
		case word == "--requirepass":
			start.password = deployment.Value{Key: "requirepass", Origin: at}
			return start, nil
		case word == "--aclfile", word == "--user":
			start.unknownReason = "service " + service.Name + " has its own ACL users"
		case strings.HasSuffix(word, ".conf") && strings.HasPrefix(word, "/"):
			config = word
		}
	}
	switch {
	case start.unknownReason != "":
	case config != "":
		return start.configured(view, c, config, at)
	case !startsRedis(args):
		start.unknownReason = "service " + service.Name + " is started by a custom program"
	default:
		start.password = deployment.Value{Key: "requirepass", Origin: at}
	}
	return start, nil
}

// startsRedis reports whether a command starts the server directly, or leaves that to the image.
func startsRedis(args []string) bool {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return true
	}
	for _, word := range args {
		if base := word[strings.LastIndexByte(word, '/')+1:]; base == "redis-server" || base == "valkey-server" || base == "keydb-server" {
			return true
		}
	}
	return false
}

// bitnami reads how images start that take the password from the environment. They start without one only when told to.
func (start redisStart) bitnami(view *deployment.View, c *deployment.Compose) (redisStart, error) {
	v, err := view.ValueIn(start.service, "REDIS_PASSWORD", "VALKEY_PASSWORD")
	switch empty := c.Project.Services[start.service].Environment["ALLOW_EMPTY_PASSWORD"]; {
	case err != nil:
		return start, err
	case v.Ref.Kind != "":
		start.unknownReason = "service " + start.service + "'s password is stored in: " + v.Ref.Kind
	case v.Set && !v.Text.Empty():
		start.password = v
	case empty != nil && (*empty == "yes" || *empty == "true" || *empty == "1"):
		start.password = deployment.Value{Key: "requirepass", Origin: c.At(start.service, "environment.ALLOW_EMPTY_PASSWORD")}
	default:
		start.unknownReason = "service " + start.service + " has no password, and its image does not start without one"
	}
	return start, nil
}

// configured reads the configuration file that the command names.
func (start redisStart) configured(view *deployment.View, c *deployment.Compose, inside string, at deployment.Origin) (redisStart, error) {
	file, err := view.FileIn(c, start.service, inside, "the configuration of service "+start.service, at)
	if err != nil {
		return start, err
	}
	if !file.Set {
		start.unknownReason = "the configuration of service " + start.service + " is not among the deployment's files"
		return start, nil
	}
	start.password = deployment.Value{Key: "requirepass", Origin: file.Origin}
	for i, line := range strings.Split(file.Text.Reveal(), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch strings.ToLower(fields[0]) {
		case "requirepass":
			at := file.Origin
			at.Line = i + 1
			start.password = deployment.Written("requirepass", unquoted(fields[1]), at)
			if start.password.Ref.Kind != "" {
				start.unknownReason = "service " + start.service + "'s password is stored in: " + start.password.Ref.Kind
			}
		case "user", "aclfile", "include":
			if !start.password.Set {
				start.unknownReason = "the configuration of service " + start.service + " has ACL users or includes files"
			}
		}
	}
	if start.password.Set && start.password.Ref.Kind == "" {
		start.unknownReason = ""
	}
	return start, nil
}

// commandValue returns the value of a word of a command: its text, or what a shell in the container replaces it with.
func commandValue(view *deployment.View, c *deployment.Compose, service types.ServiceConfig, word string, at deployment.Origin) (deployment.Value, error) {
	name, shell := strings.CutPrefix(word, "$")
	if !shell {
		return deployment.Written("requirepass", word, at), nil
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}")
	v, err := view.ValueIn(service.Name, name)
	if err == nil && !v.Set && v.Ref.Kind == "" {
		v.Origin = at
	}
	return v, err
}

// commandWords returns the words of the command that starts a service, including those of a shell script.
func commandWords(service types.ServiceConfig) []string {
	var all []string
	for _, part := range append(append([]string{}, service.Entrypoint...), service.Command...) {
		if part == "" {
			all = append(all, part)
		}
		for _, word := range strings.Fields(part) {
			all = append(all, unquoted(word))
		}
	}
	return all
}

// unquoted returns a word without its quotes.
func unquoted(word string) string { return strings.Trim(word, `"'`) }
