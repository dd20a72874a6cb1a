package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// container_env_flag, container_env_word: was the service started with what its files now say?
//
// A container keeps the environment that it was started with, whatever is written to the files later. So the running
// value is judged by the rules for the declared one and compared with it. A bad value that the files no longer set is
// drift and fails; a good one is a warning, since the next start changes it. While a release is planned both are
// warnings: the deployment itself fixes them.

const readsContainerEnv = "GET on the Docker Engine (deployment.docker), the env file and the compose file; needs the engine's socket or address"

func containerEnvFlagKind() Kind {
	return Kind{
		Name:     "container_env_flag",
		Question: "Was the running service started with the switches on, as its files say?",
		Example:  "{all: [PBS_ENFORCE_GDPR, PBS_ENFORCE_CCPA], overrides: [PBS_DISABLE_GDPR_ENFORCEMENT]}",
		Layer:    LayerRunning,
		Reads:    readsContainerEnv,
		Timeout:  25 * time.Second,
		New:      func() any { return &containerEnvFlag{envFlag{True: []string{"true", "1"}}} },
	}
}

func containerEnvWordKind() Kind {
	return Kind{
		Name:     "container_env_word",
		Question: "Was the running service started with a good value of the variable, as its files say?",
		Example:  "{key: LOG_LEVEL, good: [info, warn, error], bad: [debug, trace]}",
		Layer:    LayerRunning,
		Reads:    readsContainerEnv,
		Timeout:  25 * time.Second,
		New:      func() any { return &containerEnvWord{} },
	}
}

type containerEnvFlag struct {
	envFlag `inline:"true"`
}

func (s *containerEnvFlag) Probe(ctx context.Context, p *Pass) (Result, error) {
	var f Findings
	for _, key := range s.All {
		if err := startedWith(ctx, p, &f, s.judge, key); err != nil {
			return Result{}, err
		}
	}
	for _, key := range s.Overrides {
		if err := startedWith(ctx, p, &f, s.override, key); err != nil {
			return Result{}, err
		}
	}
	return f.Result("started with %s on", words(s.All)), nil
}

type containerEnvWord struct {
	envWord `inline:"true"`
}

func (s *containerEnvWord) Validate() []error { return s.envWord.Validate() }

func (s *containerEnvWord) Probe(ctx context.Context, p *Pass) (Result, error) {
	var f Findings
	if err := startedWith(ctx, p, &f, s.judge, s.Key...); err != nil {
		return Result{}, err
	}
	return f.Result("started with a good %s", s.Key[0]), nil
}

// startedWith judges what the running containers of the service that gets a variable were started with.
func startedWith(ctx context.Context, p *Pass, f *Findings, judge func(deployment.Value) Result, keys ...string) error {
	declared, err := p.View.Value(keys...)
	known := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist):
		return Unknown(ReasonBlocked, fmt.Errorf("%s cannot be determined: %w", keys[0], err))
	case declared.Ref.Kind == deployment.RefManager, declared.Ref.Kind == deployment.RefContainer:
		return elsewhere(declared) // the container's environment holds the reference, not the value
	case declared.Ref.Kind != "":
		known = false
	case declared.Set && declared.Origin.Service != "" && declared.Origin.Via != deployment.ViaEnvironment && declared.Origin.Via != deployment.ViaServiceFile:
		return Skip("deployment.service", "service %s does not get %s through its environment (%s)",
			declared.Origin.Service, declared.Key, declared.Origin.Via)
	}
	service := declared.Origin.Service
	if service == "" {
		app, err := p.View.AppService()
		if err != nil {
			return Unknown(ReasonBlocked, fmt.Errorf("the application's service is unknown: %w", err))
		}
		if service = app.Name; service == "" {
			service = p.Deployment.Service
		}
	}
	if service == "" {
		return Skip("deployment.service", "the application's service is unknown")
	}
	project, err := dockerProjectOf(ctx, p)
	if err != nil {
		return err
	}
	running := project.runningOf(service)
	if len(running) == 0 {
		return project.noneRuns("service " + service)
	}
	for _, c := range running {
		value := runningValue(c, keys)
		agrees := !known || declared.Text.Equal(value.Text)
		if !agrees && !declared.Set && value.Set {
			// A variable that no file sets may come from the image.
			image, err := dockerImageOf(ctx, p, c.Image)
			if err != nil {
				return err
			}
			text, set := envOf(image.Env, value.Key)
			agrees = set && secret.New(text).Equal(value.Text)
		}
		f.Add(drifted(judge(value), c, declared, agrees, releasePlanned(p)))
	}
	return nil
}

// runningValue returns the first of the keys that a container was started with; an empty one only when no other is set.
func runningValue(c *dockerContainer, keys []string) deployment.Value {
	value := deployment.Value{Key: keys[0], Origin: deployment.Origin{File: "container " + c.Name, Service: c.Service}}
	for _, key := range keys {
		if text, set := envOf(c.Config.Env, key); set && (text != "" || !value.Set) {
			value.Key, value.Text, value.Set = key, secret.New(text), true
			if text != "" {
				break
			}
		}
	}
	return value
}

// drifted adds to the verdict on a running value whether the files say the same.
func drifted(r Result, c *dockerContainer, declared deployment.Value, agrees, planned bool) Result {
	if r.State != StatePass && !strings.Contains(r.Detail, c.Name) {
		r.Detail = "in container " + c.Name + ": " + r.Detail
	}
	if agrees {
		return r
	}
	now := "no file sets anymore"
	if declared.Set {
		now = fmt.Sprintf("differs from the one at %s", declared.Origin)
	}
	told := fmt.Sprintf("container %s was started with a %s that %s. Run docker compose up -d %s",
		c.Name, declared.Key, now, c.Service)
	switch {
	case r.State == StatePass:
		return Warned(ReasonDrift, "%s", told)
	case r.State == StateFail && !planned:
		return Failed(ReasonDrift, "%s; %s", r.Detail, told)
	}
	return Warned(ReasonDrift, "%s; %s", r.Detail, told)
}
