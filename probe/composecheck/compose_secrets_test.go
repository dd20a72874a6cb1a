package composecheck

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestComposeSecrets_Verdicts(t *testing.T) {
	// As if made up by a person: no scanner recognizes it by its form.
	secret := "Summer" + probetest.RandomText(4) + "!x"
	service := func(environment string) string {
		return "services:\n  app:\n    image: x\n    environment:\n" + environment
	}
	for _, tt := range []struct {
		name, compose, env string
		typed              bool
	}{
		{"a password", service("      POSTGRES_PASSWORD: " + secret + "\n"), "", true},
		{"in a list", service("      - JWT_SECRET=" + secret + "\n"), "", true},
		{"in an address", service("      DATABASE_URL: postgres://app:" + secret + "@db:5432/app\n"), "", true},
		{"in an address with variables", service("      DATABASE_URL: postgres://app:" + secret + "@${DB_HOST}/app\n"), "DB_HOST=db\n", true},
		{"a default that is used", service("      REDIS_PASSWORD: ${REDIS_PASSWORD:-" + secret + "}\n"), "", true},
		{"a default that is replaced", service("      REDIS_PASSWORD: ${REDIS_PASSWORD:-" + secret + "}\n"), "REDIS_PASSWORD=another\n", false},
		{"with a dollar sign", service("      API_TOKEN: $$" + secret + "\n"), "", true},
		{"a default password", service("      POSTGRES_PASSWORD: postgres\n"), "", true},
		{"by an anchor", "x-env: &env\n  SMTP_PASSWORD: " + secret + "\nservices:\n  app:\n    image: x\n    environment: *env\n", "", true},
		{"merged", "x-env: &env\n  SMTP_PASSWORD: " + secret + "\nservices:\n  app:\n    image: x\n    environment:\n      <<: *env\n      A: b\n", "", true},
		{"on one line with others", "services:\n  app:\n    image: x\n    environment: {A: b, DB_PASSWORD: " + secret + "}\n", "", true},
		{"in an inactive profile", "services:\n  app:\n    image: x\n  tool:\n    image: x\n    profiles: [tools]\n    environment:\n      DB_PASSWORD: " + secret + "\n", "", true},
		{"a variable", service("      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}\n"), "POSTGRES_PASSWORD=" + secret + "\n", false},
		{"an address of variables", service("      DATABASE_URL: postgres://app:${P}@db/app\n"), "P=" + secret + "\n", false},
		{"inherited", service("      - POSTGRES_PASSWORD\n"), "POSTGRES_PASSWORD=" + secret + "\n", false},
		{"a file", service("      POSTGRES_PASSWORD_FILE: /run/secrets/x\n      TLS_PRIVATE_KEY: /etc/ssl/key.pem\n"), "", false},
		{"a secret manager", service("      API_TOKEN: op://production/app/token\n"), "", false},
		{"a placeholder, reported by another probe", service("      POSTGRES_PASSWORD: CHANGE_ME\n"), "", false},
		{"names similar to secrets", service("      MAX_TOKENS: 4096\n      PASSWORD_LOGIN_ENABLED: 'true'\n      TOKEN_TTL: 15m\n      ALLOW_EMPTY_PASSWORD: 'no'\n      SITE_KEY: " + secret + "\n"), "", false},
		{"nothing", service("      LOG_LEVEL: info\n"), "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Commit(t, "begin", map[string]string{".gitignore": ".env.production\n"})
			r.Write(t, map[string]string{".env.production": tt.env, "docker-compose.yml": tt.compose})
			untracked := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir}), SecretsKind(), "{}")
			r.Commit(t, "all", nil)
			tracked := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir}), SecretsKind(), "{}")
			nowhere := probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env.production": tt.env, "docker-compose.yml": tt.compose}, deployment.Settings{}), SecretsKind(), "{}")
			if tt.typed {
				probetest.Expect(t, untracked, probe.StateWarn, probe.ReasonExposed, "docker-compose.yml")
				probetest.Expect(t, tracked, probe.StateFail, probe.ReasonCommitted, "git tracks docker-compose.yml")
				probetest.Expect(t, nowhere, probe.StateWarn, probe.ReasonExposed, "docker-compose.yml")
			} else {
				probetest.Expect(t, untracked, probe.StatePass, probe.ReasonNone, "no service")
				probetest.Expect(t, tracked, probe.StatePass, probe.ReasonNone, "no service")
				probetest.Expect(t, nowhere, probe.StateSkip, probe.ReasonNotConfigured, "not in a git repository")
			}
			for _, got := range []probe.Result{untracked, tracked, nowhere} {
				probetest.HasNot(t, got, secret)
			}
		})
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env.production": "A=1\n"}, deployment.Settings{}), SecretsKind(), "{}"), probe.StateSkip, probe.ReasonNotConfigured, "no compose file")
	broken := probetest.Folder{"docker-compose.yml": "services: [\n"}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, broken, deployment.Settings{}), SecretsKind(), "{}"), probe.StateUnknown, probe.ReasonBlocked, "compose_syntax")
}

// Each file is named with its keys, and the key of the probe changes when a file is committed.
func TestComposeSecrets_SeveralFiles(t *testing.T) {
	secret := "Winter" + probetest.RandomText(4) + "!x"
	r := parts.GitRepo(t)
	r.Commit(t, "begin", map[string]string{"docker-compose.yml": "services:\n  app:\n    image: x\n"})
	r.Write(t, map[string]string{"docker-compose.override.yml": "services:\n  app:\n    environment:\n      A: b\n      DB_PASSWORD: " + secret + "\n"})
	p := probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir})
	probetest.Expect(t, probetest.Look(t, p, SecretsKind(), "{}"), probe.StateWarn, probe.ReasonExposed, "DB_PASSWORD (line 5) from the text of docker-compose.override.yml")
	k := probetest.Load(t, SecretsKind(), "{}").(*composeSecrets)
	before := k.Key(probetest.Again(p))
	r.Git(t, "add", "docker-compose.override.yml")
	if after := k.Key(probetest.Again(p)); before == "" || after == before {
		t.Errorf("the key is %q, then %q", before, after)
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir}), SecretsKind(), "{}"), probe.StateFail, probe.ReasonCommitted, "git tracks docker-compose.override.yml")
}
