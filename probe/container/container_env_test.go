package container

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/dockerclient"
	"github.com/thenexusengine/catalyst_exporter/probe/envfile"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

func TestContainerEnv_Drift(t *testing.T) {
	c := &dockerclient.Container{Service: "api", Name: "app-api-1"}
	word := &envfile.Word{Key: []string{"LOG_LEVEL"}, Good: []string{"info", "warn"}, Bad: []string{"debug"}}
	value := func(text, file string) deployment.Value {
		return deployment.Value{Key: "LOG_LEVEL", Text: secret.New(text), Set: text != "", Origin: source.Origin{File: file}}
	}
	for name, tt := range map[string]struct {
		declared, running string
		planned           bool
		state             probe.State
		reason            probe.Reason
		detail            string
	}{
		"same and good":            {"info", "info", false, probe.StatePass, probe.ReasonNone, ""},
		"same and bad":             {"debug", "debug", false, probe.StateFail, probe.ReasonWeak, `LOG_LEVEL is "debug" at container app-api-1`},
		"fixed in the file":        {"info", "debug", false, probe.StateFail, probe.ReasonDrift, "differs from the one at .env. Run docker compose up -d api"},
		"fixed, a release planned": {"info", "debug", true, probe.StateWarn, probe.ReasonDrift, "docker compose up -d api"},
		"broken in the file":       {"debug", "info", false, probe.StateWarn, probe.ReasonDrift, "differs from the one at .env"},
		"another good one":         {"warn", "info", false, probe.StateWarn, probe.ReasonDrift, ""},
		"no longer in the file":    {"", "info", false, probe.StateWarn, probe.ReasonDrift, "no file sets anymore"},
		"new in the file":          {"info", "", false, probe.StateWarn, probe.ReasonDrift, "in container app-api-1: LOG_LEVEL is not set"},
		"unset everywhere":         {"", "", false, probe.StateWarn, probe.ReasonMissing, "in container app-api-1: LOG_LEVEL is not set"},
		"bad and not in the file":  {"", "debug", false, probe.StateFail, probe.ReasonDrift, "no file sets anymore"},
		"unknown value in both":    {"loud", "loud", false, probe.StateWarn, probe.ReasonInvalid, "app-api-1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := drifted(word.Judge(value(tt.running, "container app-api-1")), c, value(tt.declared, ".env"), tt.declared == tt.running, tt.planned)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, "loud")
		})
	}
}

func TestContainerEnv_OnDocker(t *testing.T) {
	d := dockertest.NewDocker(t, "ENV BUILT_IN=info")
	marked := parts.Secret()
	d.RunService(t, "api", client.ContainerCreateOptions{Config: &container.Config{Env: []string{
		"LOG_LEVEL=debug", "PBS_ANONYMIZE_IP=true", "PBS_GEO_ENFORCEMENT=" + marked, "PBS_ENFORCE_GDPR=1", "PBS_ENFORCE_CCPA=true",
		"PBS_DISABLE_GDPR_ENFORCEMENT=1", "DB_PASSWORD=" + marked, "EMPTY=", "MODE=info"}}})
	d.RunService(t, "worker", client.ContainerCreateOptions{}, "crash")
	pass := func(env string, s deployment.Settings) *probe.Pass {
		s.Service = "api"
		return d.Pass(t, probetest.Folder{"docker-compose.yml": "services:\n  api:\n    image: x\n    environment:\n" + env, ".env": "A=1\n"}, s)
	}
	word := func(key string) string { return "{key: " + key + ", good: [info, warn], bad: [debug]}" }
	for _, tt := range []struct {
		name, env, kind, spec string
		state                 probe.State
		reason                probe.Reason
		detail                string
	}{
		{"bad, as declared", "      LOG_LEVEL: debug\n", "container_env_word", word("LOG_LEVEL"), probe.StateFail, probe.ReasonWeak, `"debug" at container`},
		{"fixed in the file", "      LOG_LEVEL: info\n", "container_env_word", word("LOG_LEVEL"), probe.StateFail, probe.ReasonDrift, "docker-compose.yml:5. Run docker compose up -d api"},
		{"good", "      MODE: info\n", "container_env_word", word("MODE"), probe.StatePass, probe.ReasonNone, "started with a good MODE"},
		{"another good one", "      MODE: warn\n", "container_env_word", word("MODE"), probe.StateWarn, probe.ReasonDrift, "docker-compose.yml:5"},
		{"no longer declared", "      X: y\n", "container_env_word", word("MODE"), probe.StateWarn, probe.ReasonDrift, "no file sets anymore"},
		{"the image's own", "      X: y\n", "container_env_word", word("BUILT_IN"), probe.StatePass, probe.ReasonNone, ""},
		{"the first of two", "      MODE: info\n", "container_env_word", word("[EMPTY, MODE]"), probe.StatePass, probe.ReasonNone, ""},
		{"unset", "      LEVEL: info\n", "container_env_word", word("LEVEL"), probe.StateWarn, probe.ReasonDrift, "LEVEL is not set"},
		{"from the caller's environment", "      MODE:\n", "container_env_word", word("MODE"), probe.StatePass, probe.ReasonNone, ""},
		{"from a secret manager", "      MODE: vault:secret/mode\n", "container_env_word", word("MODE"), probe.StateSkip, probe.ReasonNotConfigured, "secret manager"},
		{"switch on", "      PBS_ANONYMIZE_IP: 'true'\n", "container_env_flag", "{all: [PBS_ANONYMIZE_IP]}", probe.StatePass, probe.ReasonNone, "started with PBS_ANONYMIZE_IP on"},
		{"switch with another value", "      PBS_GEO_ENFORCEMENT: 'true'\n", "container_env_flag", "{all: [PBS_GEO_ENFORCEMENT]}", probe.StateFail, probe.ReasonDrift, "another value"},
		{"unset switch", "      PBS_NEW: 'true'\n", "container_env_flag", "{all: [PBS_NEW]}", probe.StateFail, probe.ReasonDrift, "PBS_NEW is not set"},
		{"overridden", "      PBS_ENFORCE_GDPR: '1'\n      PBS_ENFORCE_CCPA: 'true'\n      PBS_DISABLE_GDPR_ENFORCEMENT: '1'\n", "container_env_flag",
			"{all: [PBS_ENFORCE_GDPR, PBS_ENFORCE_CCPA], overrides: [PBS_DISABLE_GDPR_ENFORCEMENT]}", probe.StateFail, probe.ReasonDisabled, "disables it"},
		{"override removed from the file", "      PBS_ENFORCE_GDPR: '1'\n      PBS_ENFORCE_CCPA: 'true'\n", "container_env_flag",
			"{all: [PBS_ENFORCE_GDPR, PBS_ENFORCE_CCPA], overrides: [PBS_DISABLE_GDPR_ENFORCEMENT]}", probe.StateFail, probe.ReasonDrift, "disables it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, pass(tt.env, deployment.Settings{}), containerKindNamed(tt.kind), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			probetest.HasNot(t, r, marked)
		})
	}
	t.Run("not running", func(t *testing.T) {
		p := pass("      LOG_LEVEL: info\n", deployment.Settings{Docker: deployment.Docker{Project: "no-such-project"}})
		probetest.Expect(t, probetest.Look(t, p, EnvWordKind(), word("LOG_LEVEL")), probe.StateSkip, probe.ReasonNotConfigured, "no running container of service api")
	})
	t.Run("a removed image", func(t *testing.T) {
		_, err := dockerclient.ImageOf(t.Context(), pass("      X: y\n", deployment.Settings{}), "sha256:"+probetest.SixtyFour)
		if probe.ReasonOf(err) != probe.ReasonMissing {
			t.Errorf("%v", err)
		}
	})
}

func TestDockerImage_Fields(t *testing.T) {
	d := dockertest.NewDocker(t, "LABEL org.opencontainers.image.revision=abc123", "ENV A=1")
	i, err := dockerclient.ImageOf(t.Context(), d.Pass(t, nil, deployment.Settings{}), d.Image)
	if err != nil {
		t.Fatal(err)
	}
	if i.Commit() != "abc123" || !strings.HasPrefix(i.ID, "sha256:") || len(i.Tags) != 1 || i.Tags[0] != d.Image {
		t.Errorf("%+v", i)
	}
	if v, ok := dockerclient.EnvOf(i.Env, "A"); v != "1" || !ok {
		t.Errorf("env %q", i.Env)
	}
	if (dockerclient.Image{}).Commit() != "" {
		t.Error("an empty image has a commit")
	}
	for _, tt := range []struct {
		env  []string
		want string
		set  bool
	}{{nil, "", false}, {[]string{"A"}, "", false}, {[]string{"A="}, "", true}, {[]string{"A=1", "A=2"}, "2", true}, {[]string{"AB=1"}, "", false}, {[]string{"A=b=c"}, "b=c", true}} {
		if text, set := dockerclient.EnvOf(tt.env, "A"); text != tt.want || set != tt.set {
			t.Errorf("%q: %q %v", tt.env, text, set)
		}
	}
}

// containerKindNamed is the kind of that name among those that these tests run.
func containerKindNamed(name string) probe.Kind {
	return map[string]probe.Kind{
		"container_env_flag": EnvFlagKind(),
		"container_env_word": EnvWordKind(),
	}[name]
}
