package probe

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

func TestComposeSecrets_Verdicts(t *testing.T) {
	// As if made up by a person: no scanner recognizes it by its form.
	secret := "Summer" + randomText(4) + "!x"
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
			untracked := look(t, newPass(t, nil, deployment.Settings{Root: r.Dir}), composeSecretsKind(), "{}")
			r.Commit(t, "all", nil)
			tracked := look(t, newPass(t, nil, deployment.Settings{Root: r.Dir}), composeSecretsKind(), "{}")
			nowhere := look(t, newPass(t, folder{".env.production": tt.env, "docker-compose.yml": tt.compose}, deployment.Settings{}), composeSecretsKind(), "{}")
			if tt.typed {
				expect(t, untracked, StateWarn, ReasonExposed, "docker-compose.yml")
				expect(t, tracked, StateFail, ReasonCommitted, "git tracks docker-compose.yml")
				expect(t, nowhere, StateWarn, ReasonExposed, "docker-compose.yml")
			} else {
				expect(t, untracked, StatePass, ReasonNone, "no service")
				expect(t, tracked, StatePass, ReasonNone, "no service")
				expect(t, nowhere, StateSkip, ReasonNotConfigured, "not in a git repository")
			}
			for _, got := range []Result{untracked, tracked, nowhere} {
				hasNot(t, got, secret)
			}
		})
	}
	expect(t, look(t, newPass(t, folder{".env.production": "A=1\n"}, deployment.Settings{}), composeSecretsKind(), "{}"), StateSkip, ReasonNotConfigured, "no compose file")
	broken := folder{"docker-compose.yml": "services: [\n"}
	expect(t, look(t, newPass(t, broken, deployment.Settings{}), composeSecretsKind(), "{}"), StateUnknown, ReasonBlocked, "compose_syntax")
}

// Each file is named with its keys, and the key of the probe changes when a file is committed.
func TestComposeSecrets_SeveralFiles(t *testing.T) {
	secret := "Winter" + randomText(4) + "!x"
	r := parts.GitRepo(t)
	r.Commit(t, "begin", map[string]string{"docker-compose.yml": "services:\n  app:\n    image: x\n"})
	r.Write(t, map[string]string{"docker-compose.override.yml": "services:\n  app:\n    environment:\n      A: b\n      DB_PASSWORD: " + secret + "\n"})
	p := newPass(t, nil, deployment.Settings{Root: r.Dir})
	expect(t, look(t, p, composeSecretsKind(), "{}"), StateWarn, ReasonExposed, "DB_PASSWORD (line 5) from the text of docker-compose.override.yml")
	k := load(t, composeSecretsKind(), "{}").(*composeSecrets)
	before := k.Key(again(p))
	r.Git(t, "add", "docker-compose.override.yml")
	if after := k.Key(again(p)); before == "" || after == before {
		t.Errorf("the key is %q, then %q", before, after)
	}
	expect(t, look(t, newPass(t, nil, deployment.Settings{Root: r.Dir}), composeSecretsKind(), "{}"), StateFail, ReasonCommitted, "git tracks docker-compose.override.yml")
}
