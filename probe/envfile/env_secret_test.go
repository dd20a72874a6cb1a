package envfile

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

func TestSharePurpose(t *testing.T) {
	for key, want := range map[string]bool{
		"PGPASSWORD": true, "POSTGRES_PASSWORD": true, "DATABASE_PASSWORD": true, "APP_DB_PASSWORD": true, "REDIS_PASSWORD": false, "GRAFANA_ADMIN_PASSWORD": false, "JWT_SECRET": false, "DATABASE_URL": true, "MYSQL_PASSWORD": true, "postgresql": true, "redis": false,
	} {
		if got := sharePurpose(key, []string{"DB_PASSWORD"}); got != want {
			t.Errorf("%s for the database: %v", key, got)
		}
	}
}

// The estimate of a secret's strength takes up to a second, so it is made once per change of the value.
func TestEnvSecret_JudgedOncePerChange(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{".env.production": "K=" + strings.Repeat("4@8([<6931!|70$5+7%2z", 2)}, deployment.Settings{})
	s := &Secret{Key: []string{"K"}, MinLength: 16}
	took := func() time.Duration {
		start := time.Now()
		if r, err := s.Probe(t.Context(), p); err != nil || r.State != probe.StatePass {
			t.Fatal(r, err)
		}
		return time.Since(start)
	}
	if first, second := took(), took(); second > first/5 {
		t.Errorf("first %v, then %v", first, second)
	}
}

// One secret under several names is sound; secrets of two purposes are not.
func TestEnvSecret_Reused(t *testing.T) {
	long := base64.RawURLEncoding.EncodeToString([]byte(probetest.Random(24)))
	jwt, redis, db := "{key: JWT_SECRET, alone: true}", "{key: REDIS_PASSWORD, apart: true}", "{key: DB_PASSWORD, url: [DATABASE_URL], apart: true}"
	for _, tt := range []struct {
		spec, env string
		state     probe.State
		detail    string
	}{
		{jwt, "JWT_SECRET=X\nDATABASE_URL=postgres://u:X@db/x", probe.StateFail, "same as the password in DATABASE_URL"},
		{jwt, "JWT_SECRET=X\nBROKER=amqp://u:X@mq", probe.StateFail, "same as the password in BROKER"},
		{jwt, "JWT_SECRET=X\nJWT_REFRESH_SECRET=X", probe.StateFail, "same as JWT_REFRESH_SECRET"},
		{jwt, "JWT_SECRET=X\nSTRIPE_API_KEY=X", probe.StateFail, "same as STRIPE_API_KEY"},
		{jwt, "JWT_SECRET=X\nPBS_JWT_SECRET=X\nAUTH_SECRET=X\nTOKEN_SECRET=X", probe.StatePass, ""},
		{jwt, "JWT_SECRET=X\nDATABASE_URL=postgres://u:other@db/x", probe.StatePass, ""},
		{redis, "REDIS_PASSWORD=X\nADMIN_PASSWORD=X", probe.StateWarn, "same as ADMIN_PASSWORD"},
		{redis, "REDIS_PASSWORD=X\nDATABASE_URL=postgres://u:X@db/x", probe.StateWarn, "same as the password in DATABASE_URL"},
		{redis, "REDIS_PASSWORD=X\nREDIS_URL=redis://:X@redis\nCELERY_BROKER_URL=rediss://:X@redis", probe.StatePass, ""},
		{db, "DB_PASSWORD=X\nPGPASSWORD=X\nDATABASE_URL=postgres://u:X@db/x\nSQLALCHEMY_URI=postgresql+asyncpg://u:X@db/x", probe.StatePass, ""},
		{db, "DATABASE_URL=postgres://u:X@db/x\nSMTP_URL=smtp://u:X@mail", probe.StateWarn, "same as the password in SMTP_URL"},
	} {
		t.Run(tt.env, func(t *testing.T) {
			p := probetest.NewPass(t, probetest.Folder{".env.production": strings.ReplaceAll(tt.env, "X", long)}, deployment.Settings{})
			reason := probe.ReasonReused
			if tt.state == probe.StatePass {
				reason = ""
			}
			probetest.Expect(t, probetest.Look(t, p, SecretKind(), tt.spec), tt.state, reason, tt.detail)
		})
	}
}

// A switch that turns signatures off makes the secret worthless.
func TestEnvSecret_Off(t *testing.T) {
	long := base64.RawURLEncoding.EncodeToString([]byte(probetest.Random(24)))
	const spec = "{key: JWT_SECRET, min_length: 32, off: {JWT_ALGORITHM: [none], JWT_VERIFY: ['false', '0']}}"
	for env, want := range map[string]probe.State{
		"JWT_ALGORITHM=none": probe.StateFail, "JWT_ALGORITHM=None": probe.StateFail, "JWT_ALGORITHM=HS256,none": probe.StateFail, "JWT_VERIFY=False": probe.StateFail,
		"JWT_ALGORITHM=HS256": probe.StatePass, "JWT_VERIFY=true": probe.StatePass, "JWT_VERIFY=": probe.StatePass, "OTHER=none": probe.StatePass,
	} {
		p := probetest.NewPass(t, probetest.Folder{".env.production": "JWT_SECRET=" + long + "\n" + env}, deployment.Settings{})
		reason, detail := probe.ReasonDisabled, "switches the protection off"
		if want == probe.StatePass {
			reason, detail = "", "JWT_SECRET is set"
		}
		t.Run(env, func(t *testing.T) {
			probetest.Expect(t, probetest.Look(t, p, SecretKind(), spec), want, reason, detail)
		})
	}
}

// The length is that of the text unless a prefix or decoded says that it is encoded.
func TestEnvSecret_Length(t *testing.T) {
	for name, tt := range map[string]struct {
		text  string
		state probe.State
	}{
		"alphanumeric that happens to decode": {"u8Jt0Vb3Qm6Xc9Za2Ns5Df7G" + "h1Kl4PoIwErTyUvB3n", probe.StatePass},
		"base64 prefix, short":                {"base64:" + base64.StdEncoding.EncodeToString([]byte(probetest.Random(24))[:24]), probe.StateWarn},
		"base64 prefix":                       {"base64:" + base64.StdEncoding.EncodeToString([]byte(probetest.Random(40))), probe.StatePass},
		"hex prefix, short":                   {"hex:" + strings.Repeat("9f3ac1d07be24586", 2), probe.StateWarn},
	} {
		p := probetest.NewPass(t, probetest.Folder{".env.production": "K=" + tt.text}, deployment.Settings{})
		t.Run(name, func(t *testing.T) {
			if r := probetest.Look(t, p, SecretKind(), "{key: K, min_length: 32}"); r.State != tt.state {
				t.Errorf("%v", r)
			}
		})
	}
}
