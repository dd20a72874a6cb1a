package envfile

import (
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestAcceptsUnsigned(t *testing.T) {
	for setting, want := range map[[2]string]struct{ unsigned, expired bool }{
		{"JWT_ALGORITHM", "none"}: {unsigned: true}, {"JWT_DEFAULT_ALGORITHM", "NONE"}: {unsigned: true}, {"JWT_ALLOWED_ALGORITHMS", `["HS256","none"]`}: {unsigned: true},
		{"TOKEN_SIGNING_METHOD", "none"}: {unsigned: true}, {"AUTH_JWT_VERIFY", "0"}: {unsigned: true}, {"VERIFY_JWT", "false"}: {unsigned: true},
		{"DISABLE_JWT_VERIFICATION", "yes"}: {unsigned: true}, {"JWT_INSECURE", "true"}: {unsigned: true}, {"JWT_NO_VERIFY", "1"}: {unsigned: true},
		{"ALLOW_UNSIGNED_TOKENS", "true"}: {unsigned: true}, {"REJECT_UNSIGNED_TOKENS", "false"}: {unsigned: true}, {"JWT_CHECK_SIGNATURE", "no"}: {unsigned: true},
		{"JWT_SIGNATURE_VALIDATION", "disabled"}: {unsigned: true}, {"JWT_VERIFICATION", "none"}: {unsigned: true}, {"Jwt__ValidateIssuerSigningKey", "false"}: {unsigned: true},
		{"Jwt__RequireSignedTokens", "False"}: {unsigned: true}, {"JWT_ALLOW_NONE", "on"}: {unsigned: true},
		{"JWT_IGNORE_EXPIRATION", "true"}: {expired: true}, {"Jwt__ValidateLifetime", "false"}: {expired: true}, {"JWT_VERIFY_EXP", "0"}: {expired: true},

		{"JWT_ALGORITHM", "HS256"}: {}, {"JWT_ALGORITHM", "nonesuch"}: {}, {"JWT_FORBIDDEN_ALGORITHMS", "none"}: {}, {"JWT_DISABLED_ALGORITHMS", "none"}: {},
		{"JWT_ENCRYPTION_ALGORITHM", "none"}: {}, {"JWT_VERIFY", "true"}: {}, {"JWT_VERIFY", ""}: {}, {"JWT_VERIFY_RETRIES", "0"}: {}, {"JWT_VALIDATION_LEEWAY", "0"}: {},
		{"JWT_VERIFY_ISSUER", "false"}: {}, {"JWT_VERIFY_AUDIENCE", "false"}: {}, {"JWT_COOKIE_INSECURE", "true"}: {}, {"JWT_ENABLED", "false"}: {}, {"DISABLE_JWT", "true"}: {},
		{"DISALLOW_UNSIGNED_TOKENS", "true"}: {}, {"JWT_SKIP_VERIFICATION", "false"}: {}, {"TOKEN_AUTH_METHOD", "none"}: {}, {"CSRF_TOKEN_CHECK", "false"}: {},
		{"LOG_VERIFY", "false"}: {}, {"JWT_SIGNING_KEY", "0a1b"}: {}, {"JWT_EXPIRES", "0"}: {}, {"TOKEN_EXPIRY", "never"}: {},
	} {
		if unsigned, expired := acceptsUnsigned(setting[0], setting[1]); unsigned != want.unsigned || expired != want.expired {
			t.Errorf("%s: accepts unsigned %v, expired %v", setting, unsigned, expired)
		}
	}
}

func TestEnvSecret_Signs(t *testing.T) {
	for line, want := range map[string]struct {
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"JWT_SIGNATURE_CHECK=false":   {probe.StateFail, probe.ReasonDisabled, "JWT_SIGNATURE_CHECK at .env.production:2 accepts tokens without a valid signature"},
		"JWT_IGNORE_EXPIRATION=true":  {probe.StateWarn, probe.ReasonWeak, "accepts expired tokens"},
		"#JWT_SIGNATURE_CHECK=false":  {probe.StatePass, probe.ReasonNone, "is set"},
		"JWT_IGNORE_EXPIRATION=false": {probe.StatePass, probe.ReasonNone, "is set"},
	} {
		p := probetest.NewPass(t, probetest.Folder{".env.production": "JWT_SECRET=" + probetest.Random(48) + "\n" + line}, deployment.Settings{})
		probetest.Expect(t, probetest.Look(t, p, SecretKind(), "{key: JWT_SECRET, signs: true}"), want.state, want.reason, want.detail)
	}
}
