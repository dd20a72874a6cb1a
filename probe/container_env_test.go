package probe

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

func TestContainerEnv_Drift(t *testing.T) {
	c := &dockerContainer{Service: "api", Name: "app-api-1"}
	word := &envWord{Key: []string{"LOG_LEVEL"}, Good: []string{"info", "warn"}, Bad: []string{"debug"}}
	value := func(text, file string) deployment.Value {
		return deployment.Value{Key: "LOG_LEVEL", Text: secret.New(text), Set: text != "", Origin: deployment.Origin{File: file}}
	}
	for name, tt := range map[string]struct {
		declared, running string
		planned           bool
		state             State
		reason            Reason
		detail            string
	}{
		"same and good":            {"info", "info", false, StatePass, ReasonNone, ""},
		"same and bad":             {"debug", "debug", false, StateFail, ReasonWeak, `LOG_LEVEL is "debug" at container app-api-1`},
		"fixed in the file":        {"info", "debug", false, StateFail, ReasonDrift, "differs from the one at .env. Run docker compose up -d api"},
		"fixed, a release planned": {"info", "debug", true, StateWarn, ReasonDrift, "docker compose up -d api"},
		"broken in the file":       {"debug", "info", false, StateWarn, ReasonDrift, "differs from the one at .env"},
		"another good one":         {"warn", "info", false, StateWarn, ReasonDrift, ""},
		"no longer in the file":    {"", "info", false, StateWarn, ReasonDrift, "no file sets anymore"},
		"new in the file":          {"info", "", false, StateWarn, ReasonDrift, "in container app-api-1: LOG_LEVEL is not set"},
		"unset everywhere":         {"", "", false, StateWarn, ReasonMissing, "in container app-api-1: LOG_LEVEL is not set"},
		"bad and not in the file":  {"", "debug", false, StateFail, ReasonDrift, "no file sets anymore"},
		"unknown value in both":    {"loud", "loud", false, StateWarn, ReasonInvalid, "app-api-1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := drifted(word.judge(value(tt.running, "container app-api-1")), c, value(tt.declared, ".env"), tt.declared == tt.running, tt.planned)
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, "loud")
		})
	}
}

func TestContainerEnv_OnDocker(t *testing.T) {
	d := newDocker(t, "ENV BUILT_IN=info")
	marked := parts.Secret()
	d.run(t, "api", client.ContainerCreateOptions{Config: &container.Config{Env: []string{
		"LOG_LEVEL=debug", "PBS_ANONYMIZE_IP=true", "PBS_GEO_ENFORCEMENT=" + marked, "PBS_ENFORCE_GDPR=1", "PBS_ENFORCE_CCPA=true",
		"PBS_DISABLE_GDPR_ENFORCEMENT=1", "DB_PASSWORD=" + marked, "EMPTY=", "MODE=info"}}})
	d.run(t, "worker", client.ContainerCreateOptions{}, "crash")
	pass := func(env string, s deployment.Settings) *Pass {
		s.Service = "api"
		return d.pass(t, folder{"docker-compose.yml": "services:\n  api:\n    image: x\n    environment:\n" + env, ".env": "A=1\n"}, s)
	}
	word := func(key string) string { return "{key: " + key + ", good: [info, warn], bad: [debug]}" }
	for _, tt := range []struct {
		name, env, kind, spec string
		state                 State
		reason                Reason
		detail                string
	}{
		{"bad, as declared", "      LOG_LEVEL: debug\n", "container_env_word", word("LOG_LEVEL"), StateFail, ReasonWeak, `"debug" at container`},
		{"fixed in the file", "      LOG_LEVEL: info\n", "container_env_word", word("LOG_LEVEL"), StateFail, ReasonDrift, "docker-compose.yml:5. Run docker compose up -d api"},
		{"good", "      MODE: info\n", "container_env_word", word("MODE"), StatePass, ReasonNone, "started with a good MODE"},
		{"another good one", "      MODE: warn\n", "container_env_word", word("MODE"), StateWarn, ReasonDrift, "docker-compose.yml:5"},
		{"no longer declared", "      X: y\n", "container_env_word", word("MODE"), StateWarn, ReasonDrift, "no file sets anymore"},
		{"the image's own", "      X: y\n", "container_env_word", word("BUILT_IN"), StatePass, ReasonNone, ""},
		{"the first of two", "      MODE: info\n", "container_env_word", word("[EMPTY, MODE]"), StatePass, ReasonNone, ""},
		{"unset", "      LEVEL: info\n", "container_env_word", word("LEVEL"), StateWarn, ReasonDrift, "LEVEL is not set"},
		{"from the caller's environment", "      MODE:\n", "container_env_word", word("MODE"), StatePass, ReasonNone, ""},
		{"from a secret manager", "      MODE: vault:secret/mode\n", "container_env_word", word("MODE"), StateSkip, ReasonNotConfigured, "secret manager"},
		{"switch on", "      PBS_ANONYMIZE_IP: 'true'\n", "container_env_flag", "{all: [PBS_ANONYMIZE_IP]}", StatePass, ReasonNone, "started with PBS_ANONYMIZE_IP on"},
		{"switch with another value", "      PBS_GEO_ENFORCEMENT: 'true'\n", "container_env_flag", "{all: [PBS_GEO_ENFORCEMENT]}", StateFail, ReasonDrift, "another value"},
		{"unset switch", "      PBS_NEW: 'true'\n", "container_env_flag", "{all: [PBS_NEW]}", StateFail, ReasonDrift, "PBS_NEW is not set"},
		{"overridden", "      PBS_ENFORCE_GDPR: '1'\n      PBS_ENFORCE_CCPA: 'true'\n      PBS_DISABLE_GDPR_ENFORCEMENT: '1'\n", "container_env_flag",
			"{all: [PBS_ENFORCE_GDPR, PBS_ENFORCE_CCPA], overrides: [PBS_DISABLE_GDPR_ENFORCEMENT]}", StateFail, ReasonDisabled, "disables it"},
		{"override removed from the file", "      PBS_ENFORCE_GDPR: '1'\n      PBS_ENFORCE_CCPA: 'true'\n", "container_env_flag",
			"{all: [PBS_ENFORCE_GDPR, PBS_ENFORCE_CCPA], overrides: [PBS_DISABLE_GDPR_ENFORCEMENT]}", StateFail, ReasonDrift, "disables it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := look(t, pass(tt.env, deployment.Settings{}), containerKindNamed(tt.kind), tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
			hasNot(t, r, marked)
		})
	}
	t.Run("not running", func(t *testing.T) {
		p := pass("      LOG_LEVEL: info\n", deployment.Settings{Docker: deployment.Docker{Project: "no-such-project"}})
		expect(t, look(t, p, containerEnvWordKind(), word("LOG_LEVEL")), StateSkip, ReasonNotConfigured, "no running container of service api")
	})
	t.Run("a removed image", func(t *testing.T) {
		_, err := dockerImageOf(t.Context(), pass("      X: y\n", deployment.Settings{}), "sha256:"+sixtyFour)
		if reasonOf(err) != ReasonMissing {
			t.Errorf("%v", err)
		}
	})
}

func TestDockerImage_Fields(t *testing.T) {
	d := newDocker(t, "LABEL org.opencontainers.image.revision=abc123", "ENV A=1")
	i, err := dockerImageOf(t.Context(), d.pass(t, nil, deployment.Settings{}), d.image)
	if err != nil {
		t.Fatal(err)
	}
	if i.commit() != "abc123" || !strings.HasPrefix(i.ID, "sha256:") || len(i.Tags) != 1 || i.Tags[0] != d.image {
		t.Errorf("%+v", i)
	}
	if v, ok := envOf(i.Env, "A"); v != "1" || !ok {
		t.Errorf("env %q", i.Env)
	}
	if (dockerImage{}).commit() != "" {
		t.Error("an empty image has a commit")
	}
	for _, tt := range []struct {
		env  []string
		want string
		set  bool
	}{{nil, "", false}, {[]string{"A"}, "", false}, {[]string{"A="}, "", true}, {[]string{"A=1", "A=2"}, "2", true}, {[]string{"AB=1"}, "", false}, {[]string{"A=b=c"}, "b=c", true}} {
		if text, set := envOf(tt.env, "A"); text != tt.want || set != tt.set {
			t.Errorf("%q: %q %v", tt.env, text, set)
		}
	}
}

// containerKindNamed is the kind of that name among those that these tests run.
func containerKindNamed(name string) Kind {
	return map[string]Kind{
		"container_env_flag": containerEnvFlagKind(),
		"container_env_word": containerEnvWordKind(),
	}[name]
}
