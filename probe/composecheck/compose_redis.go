package composecheck

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/shell"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/envfile"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// compose_redis: does the compose file start Redis with the application's password?
//
// A password in the env file protects nothing while the server is started without one. The server's password is in its
// command (--requirepass: the last one counts), in a mounted configuration file or ACL file, or in a variable of images
// that set one. A shell expands variables, a command without a shell does not. When none of these can be read (a custom
// entrypoint, a file in the image, a script with branches), a live probe must decide, else the item is unknown.

func RedisKind() probe.Kind {
	return probe.Kind{
		Name:       "compose_redis",
		Question:   "Does the compose file start Redis with the application's password?",
		Example:    "{key: REDIS_PASSWORD, min_length: 16}",
		Layer:      probe.LayerDeclared,
		Reads:      "the compose files, the env file and a mounted redis.conf",
		Permission: "read permission",
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*composeRedis).breakages(view) },
		New:        func() any { return &composeRedis{Key: []string{"REDIS_PASSWORD"}, MinLength: 16} },
	}
}

type composeRedis struct {
	Key       []string `yaml:"key" default:"[REDIS_PASSWORD]" doc:"names of the variable that gives the application the password; the first that is set counts"`
	MinLength int      `yaml:"min_length" min:"1" default:"16" doc:"length in bytes below which the password is weak"`
}

// redisStart is what the compose file says about one Redis.
type redisStart struct {
	service       string
	at            source.Origin // of its command
	access        redisAccess
	unknownReason string // why the access is unknown; "" when it is known
	comment       bool   // its command contains a comment, which is an argument without a shell
	isOther       bool   // its program is known not to be a server, such as redis-cli
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
		if service.Build != nil || !compose.RunsImage(service, []string{"redis", "valkey", "keydb"}) {
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

// literalVariable matches a reference to a variable, which is a password only by mistake.
var literalVariable = lazyregexp.New(`^\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][^{}]*\})$`)

// judge judges the passwords that servers require; given is the application's.
func (s *composeRedis) judge(starts []redisStart, given deployment.Value) (probe.Result, error) {
	starts = slices.DeleteFunc(starts, func(start redisStart) bool { return start.isOther && len(starts) > 1 })
	var f probe.ResultBuilder
	var told, untold []string
	for _, start := range starts {
		if start.unknownReason != "" {
			untold = append(untold, start.unknownReason)
			continue
		}
		told = append(told, start.service)
		if err := s.judgeOne(&f, start); err != nil {
			return probe.Result{}, err
		}
		// With several servers it is unknown which one the application uses.
		if at, ok := start.access.refuses(given.Text); len(starts) == 1 && given.Set && !given.Text.Empty() && ok {
			f.Fail(probe.ReasonMismatch, "%s starts service %s with another password than %s at %s", at, start.service, given.Key, given.Origin)
			f.Offend(probe.Offender{ID: start.service + ":other_password", File: at.File, Line: at.Line})
		}
	}
	switch {
	case len(starts) == 0:
		return probe.Result{}, probe.Skip(deployment.RedisService.Setting("address"), "no service of the compose file runs Redis")
	case len(untold) > 0 && f.Worst.State != probe.StateFail:
		return probe.Result{}, probe.Elsewhere(deployment.RedisService.Setting("address"), "%s", phrase.List(untold))
	}
	return f.Result("service %s requires its password", phrase.Words(told)), nil
}

// judgeOne adds what is wrong with the passwords of one server.
func (s *composeRedis) judgeOne(f *probe.ResultBuilder, start redisStart) error {
	if at := start.access.openAt; at != nil {
		f.Fail(probe.ReasonOpen, "%s starts service %s without a password. Add --requirepass", *at, start.service)
		f.Offend(probe.Offender{ID: start.service + ":no_password", File: at.File, Line: at.Line})
	}
	if start.comment {
		f.Warn(probe.ReasonInvalid, "%s has a comment in the command of service %s. No shell removes it, and Redis does not start with # as "+
			"an argument. Delete the comment", start.at, start.service)
		f.Offend(probe.Offender{ID: start.service + ":comment_in_command", File: start.at.File, Line: start.at.Line})
	}
	for _, v := range start.access.passwords {
		if text := v.Text.Reveal(); literalVariable.MatchString(text) {
			f.Fail(probe.ReasonPlaceholder, "%s starts service %s with the text of a variable as the password: no shell expands it. "+
				"Write ${NAME} with one $", v.Origin, start.service)
			f.Offend(probe.Offender{ID: start.service + ":unexpanded_password", File: v.Origin.File, Line: v.Origin.Line})
			continue
		}
		secret := envfile.Secret{Key: []string{v.Key}, MinLength: s.MinLength}
		r, err := secret.Judge(v, envfile.SecretOthers{})
		if err != nil {
			return err
		}
		f.Add(r)
		if r.State == probe.StateWarn || r.State == probe.StateFail {
			f.Offend(probe.Offender{ID: start.service + ":weak_password", File: v.Origin.File, Line: v.Origin.Line})
		}
	}
	return nil
}

// redisStartOf reads how a service starts Redis.
func redisStartOf(view *deployment.View, c *compose.Model, service types.ServiceConfig) (redisStart, error) {
	start := redisStart{service: service.Name, at: c.At(service.Name, "command")}
	if strings.Contains(service.Image, "bitnami") {
		return start.bitnami(view, c)
	}
	program := view.Program(c, service.Name)
	args := program.Args
	if len(args) > 0 && path.Base(args[0].Text) == "docker-entrypoint.sh" { // of the image: it starts its arguments
		args = args[1:]
	}
	switch {
	case program.Unknown != "":
		start.unknownReason = "service " + service.Name + " is started by " + program.Unknown
		return start, nil
	case len(args) == 0 && len(service.Entrypoint)+len(strings.TrimSpace(program.Script)) > 0, !startsRedis(args):
		start.unknownReason = "service " + service.Name + " is started by a custom program"
		start.isOther = len(args) > 0 && !args[0].Unknown && slices.Contains(redisTools, path.Base(args[0].Text))
		return start, nil
	case len(args) > 0 && !strings.HasPrefix(args[0].Text, "-") && !strings.HasSuffix(args[0].Text, ".conf"):
		args = args[1:]
	}
	if extra := service.Environment["REDIS_ARGS"]; extra != nil { // of redis-stack
		for _, text := range strings.Fields(*extra) {
			args = append(slices.Clip(args), shell.Word{Text: unquoted(text)})
		}
	}
	line, known := redisOptions(args)
	if !known {
		start.unknownReason = "service " + service.Name + " gets options that cannot be read here"
		return start, nil
	}
	return start.optioned(view, c, line, program)
}

// optioned reads the options of the command line, and the configuration file that they override.
func (start redisStart) optioned(view *deployment.View, c *compose.Model, line redisLine, program shell.Program) (redisStart, error) {
	read := redisReader{view: view, model: c, service: start.service, at: start.at, configAt: start.at}
	switch {
	case line.config == "":
	case line.config == "-" || strings.Count(program.Script, line.config) > 1:
		read.unread("the configuration of service " + start.service + " is written when it starts")
	default:
		if err := read.file(line.config, start.at, 0); err != nil {
			return start, err
		}
	}
	for _, o := range line.options {
		if err := read.add(redisDirective{name: o.name, args: o.args, at: start.at}, 0); err != nil {
			return start, err
		}
	}
	start.comment = line.comment
	access, why, err := read.access()
	start.access, start.unknownReason = access, why
	return start, err
}

// redisTools are programs of the image that are no servers of data.
var redisTools = []string{"redis-cli", "redis-sentinel", "redis-benchmark", "redis-check-aof", "redis-check-rdb", "valkey-cli", "valkey-sentinel", "valkey-benchmark", "keydb-cli", "sleep"}

// startsRedis reports whether a command starts the server directly, or leaves that to the image.
func startsRedis(args []shell.Word) bool {
	if len(args) == 0 {
		return true
	}
	first := args[0]
	if !first.Unknown && (strings.HasPrefix(first.Text, "-") || strings.HasSuffix(first.Text, ".conf")) {
		return true // the image's entrypoint adds the server's name
	}
	return !first.Unknown && slices.Contains([]string{"redis-server", "valkey-server", "keydb-server", "redis-stack-server"}, path.Base(first.Text))
}

// bitnami reads how images start that take the password from the environment. They start without one only when told to.
func (start redisStart) bitnami(view *deployment.View, c *compose.Model) (redisStart, error) {
	v, err := view.ValueIn(start.service, "REDIS_PASSWORD", "VALKEY_PASSWORD")
	switch empty := c.Project.Services[start.service].Environment["ALLOW_EMPTY_PASSWORD"]; {
	case err != nil:
		return start, err
	case v.Ref.Kind != "":
		start.unknownReason = "service " + start.service + "'s password is stored in: " + v.Ref.Kind
	case v.Set && !v.Text.Empty():
		start.access.passwords = []deployment.Value{v}
	case empty != nil && (*empty == "yes" || *empty == "true" || *empty == "1"):
		at := c.At(start.service, "environment.ALLOW_EMPTY_PASSWORD")
		start.access.openAt = &at
	default:
		start.unknownReason = "service " + start.service + " has no password, and its image does not start without one"
	}
	return start, nil
}

// unquoted returns a word without its quotes.
func unquoted(word string) string { return strings.Trim(word, `"'`) }
