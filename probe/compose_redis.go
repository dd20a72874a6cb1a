package probe

import (
	"context"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// compose_redis: does the compose file start Redis with the password that the application is given?
//
// A password in the env file protects nothing while the server is started without one. What the server asks for stands in its command
// (--requirepass), in a configuration file that is mounted into it, or in the variables of images that make one. Where none of these can be read
// (an entrypoint of one's own, a file in the image, users of an ACL) the probe has nothing to say, and a live one must.

func composeRedisKind() Kind {
	return Kind{
		Name:     "compose_redis",
		Question: "Does the compose file start Redis with the password that the application is given?",
		Example:  "{key: REDIS_PASSWORD, min_length: 16}",
		Layer:    LayerDeclared,
		Reads:    "the compose files, the env file and a redis.conf that is mounted; needs to read them",
		Alone:    true,
		New:      func() any { return &composeRedis{Key: []string{"REDIS_PASSWORD"}, MinLength: 16} },
	}
}

type composeRedis struct {
	Key       []string `yaml:"key" default:"[REDIS_PASSWORD]" doc:"names of the variable that gives the application the password; the first that is set counts"`
	MinLength int      `yaml:"min_length" min:"1" default:"16" doc:"bytes under which the password is weak"`
}

// redisStart is what the compose file says of one Redis.
type redisStart struct {
	service  string
	password deployment.Value // what the server asks for; not set when it asks for none
	untold   string           // why that cannot be told; "" when it can
}

func (s *composeRedis) Probe(_ context.Context, p *Pass) (Result, error) {
	c, err := composeModel(p)
	if err != nil {
		return Result{}, err
	}
	given, err := p.View.Value(s.Key...)
	if err != nil {
		return notLookedUp(s.Key[0], err)
	}
	var starts []redisStart
	for _, name := range c.Services() {
		service := c.Project.Services[name]
		if service.Build != nil || !isNamed(service, []string{"redis", "valkey", "keydb"}) {
			continue
		}
		start, err := redisStarted(p.View, c, service)
		if err != nil {
			return notLookedUp("the password of service "+name, err)
		}
		starts = append(starts, start)
	}
	return s.judge(starts, given)
}

// judge judges what the servers ask for; given is what the application has.
func (s *composeRedis) judge(starts []redisStart, given deployment.Value) (Result, error) {
	var f Findings
	var told, untold []string
	for _, start := range starts {
		if start.untold != "" {
			untold = append(untold, start.untold)
			continue
		}
		told = append(told, start.service)
		v := start.password
		if !v.Set || v.Text.Empty() {
			f.Fail(ReasonOpen, "%s starts service %s without a password: give it --requirepass", v.Origin, start.service)
			continue
		}
		secret := envSecret{Key: []string{v.Key}, MinLength: s.MinLength}
		r, err := secret.judge(v, secretOthers{})
		if err != nil {
			return Result{}, err
		}
		f.Add(r)
		// With several servers the one that the application asks is not known.
		if len(starts) == 1 && given.Set && !given.Text.Empty() && !given.Text.Equal(v.Text) {
			f.Fail(ReasonMismatch, "%s starts service %s with another password than %s at %s", v.Origin, start.service, given.Key, given.Origin)
		}
	}
	switch {
	case len(starts) == 0:
		return Result{}, Skip(redisAddressSetting, "no service of the compose file is a Redis")
	case len(told) == 0:
		return Result{}, Skip(redisAddressSetting, "%s", someOf(untold))
	}
	return f.Result("service %s asks for its password", words(told)), nil
}

// redisStarted reads how a service starts Redis.
func redisStarted(view *deployment.View, c *deployment.Compose, service types.ServiceConfig) (redisStart, error) {
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
		case word == "--requirepass" && i+1 < len(args) && !strings.HasPrefix(args[i+1], "--"): // a variable without a value leaves nothing
			v, err := started(view, c, service, args[i+1], at)
			start.password = v
			if v.Ref.Kind != "" {
				start.untold = "the password of service " + service.Name + " is kept in: " + v.Ref.Kind
			}
			return start, err
		case word == "--requirepass":
			start.password = deployment.Value{Key: "requirepass", Origin: at}
			return start, nil
		case word == "--aclfile", word == "--user":
			start.untold = "service " + service.Name + " has users of its own"
		case strings.HasSuffix(word, ".conf") && strings.HasPrefix(word, "/"):
			config = word
		}
	}
	switch {
	case start.untold != "":
	case config != "":
		return start.configured(view, c, config, at)
	case !startsRedis(args):
		start.untold = "service " + service.Name + " is started by a program of its own"
	default:
		start.password = deployment.Value{Key: "requirepass", Origin: at}
	}
	return start, nil
}

// startsRedis reports whether the words of a command start the server plainly, or leave the image to.
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

// bitnami is how images start that take the password from the environment, and none only when they are told to.
func (start redisStart) bitnami(view *deployment.View, c *deployment.Compose) (redisStart, error) {
	v, err := view.ValueIn(start.service, "REDIS_PASSWORD", "VALKEY_PASSWORD")
	switch empty := c.Project.Services[start.service].Environment["ALLOW_EMPTY_PASSWORD"]; {
	case err != nil:
		return start, err
	case v.Ref.Kind != "":
		start.untold = "the password of service " + start.service + " is kept in: " + v.Ref.Kind
	case v.Set && !v.Text.Empty():
		start.password = v
	case empty != nil && (*empty == "yes" || *empty == "true" || *empty == "1"):
		start.password = deployment.Value{Key: "requirepass", Origin: c.At(start.service, "environment.ALLOW_EMPTY_PASSWORD")}
	default:
		start.untold = "service " + start.service + " is given no password, and its image does not start without one"
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
		start.untold = "the configuration of service " + start.service + " is not among the deployment's files"
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
				start.untold = "the password of service " + start.service + " is kept in: " + start.password.Ref.Kind
			}
		case "user", "aclfile", "include":
			if !start.password.Set {
				start.untold = "the configuration of service " + start.service + " has users or files of its own"
			}
		}
	}
	if start.password.Set && start.password.Ref.Kind == "" {
		start.untold = ""
	}
	return start, nil
}

// started is a value of a command: the text itself, or what a shell in the container puts in its place.
func started(view *deployment.View, c *deployment.Compose, service types.ServiceConfig, word string, at deployment.Origin) (deployment.Value, error) {
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

// commandWords are the words that start a service, those of a shell's script too.
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

// unquoted is a word without the quotes around it.
func unquoted(word string) string { return strings.Trim(word, `"'`) }
