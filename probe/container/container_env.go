package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/envfile"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/probe/release"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// container_env_flag, container_env_word: was the service started with what its files now say?
//
// A container keeps the environment that it was started with, whatever is written to the files later. So the running
// value is judged by the rules for the declared one and compared with it. A bad value that the files no longer set is
// drift and fails; a good one is a warning, since the next start changes it. While a release is planned both are
// warnings: the deployment itself fixes them.

const containerEnvReads = "GET on the Docker Engine (deployment.docker), the env file and the compose file"

func EnvFlagKind() probe.Kind {
	return probe.Kind{
		Name:       "container_env_flag",
		Services:   []deployment.Service{deployment.DockerService},
		Question:   "Was the running service started with the switches on, as its files say?",
		Example:    "{all: [PBS_ENFORCE_GDPR, PBS_ENFORCE_CCPA], overrides: [PBS_DISABLE_GDPR_ENFORCEMENT]}",
		Layer:      probe.LayerRunning,
		Reads:      containerEnvReads,
		Permission: "the engine's socket or address",
		Timeout:    25 * time.Second,
		New:        func() any { return &containerEnvFlag{envfile.Flag{True: []string{"true", "1"}}} },
	}
}

func EnvWordKind() probe.Kind {
	return probe.Kind{
		Name:       "container_env_word",
		Services:   []deployment.Service{deployment.DockerService},
		Question:   "Was the running service started with a good value of the variable, as its files say?",
		Example:    "{key: LOG_LEVEL, good: [info, warn, error], bad: [debug, trace]}",
		Layer:      probe.LayerRunning,
		Reads:      containerEnvReads,
		Permission: "the engine's socket or address",
		Timeout:    25 * time.Second,
		New:        func() any { return &containerEnvWord{} },
	}
}

type containerEnvFlag struct {
	envfile.Flag `inline:"true"`
}

func (s *containerEnvFlag) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	var f probe.ResultBuilder
	for _, key := range s.All {
		if err := judgeRunningValue(ctx, p, &f, s.Judge, key); err != nil {
			return probe.Result{}, err
		}
	}
	for _, key := range s.Overrides {
		if err := judgeRunningValue(ctx, p, &f, s.Override, key); err != nil {
			return probe.Result{}, err
		}
	}
	return f.Result("started with %s on", phrase.Words(s.All)), nil
}

type containerEnvWord struct {
	envfile.Word `inline:"true"`
}

func (s *containerEnvWord) Validate() []error { return s.Word.Validate() }

func (s *containerEnvWord) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	var f probe.ResultBuilder
	if err := judgeRunningValue(ctx, p, &f, s.Judge, s.Key...); err != nil {
		return probe.Result{}, err
	}
	return f.Result("started with a good %s", s.Key[0]), nil
}

// judgeRunningValue judges what the running containers of the service that gets a variable were started with.
func judgeRunningValue(ctx context.Context, p *probe.Pass, f *probe.ResultBuilder, judge func(deployment.Value) probe.Result, keys ...string) error {
	declared, err := p.View.Value(keys...)
	known := err == nil && declared.Blocked == ""
	switch {
	case err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist):
		return probe.Unknown(probe.ReasonBlocked, fmt.Errorf("%s cannot be determined: %w", keys[0], err))
	case declared.Ref.Kind == deployment.RefManager, declared.Ref.Kind == deployment.RefContainer, declared.Ref.Kind == deployment.RefCommand:
		return envfile.Elsewhere(declared) // the container's environment holds the reference, not the value
	case declared.Ref.Kind != "":
		known = false
	case declared.Set && declared.Origin.Service != "" && declared.Origin.Via != source.ViaEnvironment && declared.Origin.Via != source.ViaServiceFile:
		return probe.Skip("deployment.service", "service %s does not get %s through its environment (%s)",
			declared.Origin.Service, declared.Key, declared.Origin.Via)
	}
	service := declared.Origin.Service
	if service == "" {
		app, err := p.View.AppService()
		if err != nil {
			return probe.Unknown(probe.ReasonBlocked, fmt.Errorf("the application's service is unknown: %w", err))
		}
		if service = app.Name; service == "" {
			service = p.Deployment.Service
		}
	}
	if service == "" {
		return probe.Skip("deployment.service", "the application's service is unknown")
	}
	project, err := dockerclient.ProjectOf(ctx, p)
	if err != nil {
		return err
	}
	running := project.RunningOf(service)
	if len(running) == 0 {
		return project.NoRunningContainer("service " + service)
	}
	for _, c := range running {
		value := runningValue(c, keys)
		agrees := !known || declared.Text.Equal(value.Text)
		if !agrees && !declared.Set && value.Set {
			// A variable that no file sets may come from the image.
			image, err := dockerclient.ImageOf(ctx, p, c.Image)
			if err != nil {
				return err
			}
			text, set := dockerclient.EnvOf(image.Env, value.Key)
			agrees = set && secret.New(text).Equal(value.Text)
		}
		f.Add(drifted(judge(value), c, declared, agrees, release.Planned(p)))
	}
	return nil
}

// runningValue returns the first of the keys that a container was started with; an empty one only when no other is set.
func runningValue(c *dockerclient.Container, keys []string) deployment.Value {
	value := deployment.Value{Key: keys[0], Origin: source.Origin{File: "container " + c.Name, Service: c.Service}}
	for _, key := range keys {
		if text, set := dockerclient.EnvOf(c.Config.Env, key); set && (text != "" || !value.Set) {
			value.Key, value.Text, value.Set = key, secret.New(text), true
			if text != "" {
				break
			}
		}
	}
	return value
}

// drifted adds to the verdict on a running value whether the files say the same.
func drifted(r probe.Result, c *dockerclient.Container, declared deployment.Value, agrees, planned bool) probe.Result {
	if r.State != probe.StatePass && !strings.Contains(r.Detail, c.Name) {
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
	case r.State == probe.StatePass:
		return probe.Warned(probe.ReasonDrift, "%s", told)
	case r.State == probe.StateFail && !planned:
		return probe.Failed(probe.ReasonDrift, "%s; %s", r.Detail, told)
	}
	return probe.Warned(probe.ReasonDrift, "%s; %s", r.Detail, told)
}
