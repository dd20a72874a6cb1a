package envfile

import (
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// An unreadable file of a single secret leaves the item to its live probes.
func TestEnvSecret_UnreadableFile(t *testing.T) {
	p := probetest.NewPass(t, probetest.Folder{"k": probetest.Random(20), "docker-compose.yml": "services:\n  catalyst:\n    image: catalyst\n    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {file: ./k}}\n"}, deployment.Settings{})
	if err := os.Chmod(filepath.Join(p.Deployment.Root, "k"), 0); err != nil {
		t.Fatal(err)
	}
	var r probe.Result
	probetest.Unprivileged(t, func() { r = probetest.Look(t, p, SecretKind(), "{key: K}") })
	probetest.Expect(t, r, probe.StateSkip, probe.ReasonPermissionDenied, "file of K")
}

func TestEnvSecret(t *testing.T) {
	long := base64.StdEncoding.EncodeToString([]byte(probetest.Random(24)))
	compose := "services:\n  catalyst:\n    image: catalyst\n    env_file: .env.production\n"
	tests := []struct {
		name   string
		files  probetest.Folder
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"good", probetest.Folder{".env.production": "REDIS_PASSWORD=" + long}, "{key: REDIS_PASSWORD}", probe.StatePass, "", ".env.production:1"},
		{"random with xxx", probetest.Folder{".env.production": "K=" + probetest.Random(28) + "xxx0aA"}, "{key: K}", probe.StatePass, "", ""},
		{"placeholder", probetest.Folder{".env.production": "A=1\nK=CHANGE_ME_STRONG_PASSWORD_HERE"}, "{key: K}", probe.StateFail, probe.ReasonPlaceholder, "K at .env.production:2 is a placeholder"},
		{"changeme", probetest.Folder{".env.production": "K=changeme"}, "{key: K}", probe.StateFail, probe.ReasonPlaceholder, ""},
		{"your-secret", probetest.Folder{".env.production": "K=your-secret"}, "{key: K}", probe.StateFail, probe.ReasonPlaceholder, ""},
		{"angle brackets", probetest.Folder{".env.production": "K=<password>"}, "{key: K}", probe.StateFail, probe.ReasonPlaceholder, ""},
		{"unexpanded", probetest.Folder{".env.production": "K=${DB_PASSWORD}"}, "{key: K}", probe.StateFail, probe.ReasonMissing, "refers to DB_PASSWORD"},
		{"unexpanded, quoted", probetest.Folder{".env.production": "K='${DB_PASSWORD}'"}, "{key: K}", probe.StateFail, probe.ReasonPlaceholder, ""},
		{"empty", probetest.Folder{".env.production": "K="}, "{key: K}", probe.StateFail, probe.ReasonMissing, "empty at .env.production:1"},
		{"not set", probetest.Folder{".env.production": "A=1"}, "{key: K}", probe.StateFail, probe.ReasonMissing, "K is not set"},
		{"second key", probetest.Folder{".env.production": "L=" + long}, "{key: [K, L]}", probe.StatePass, "", "L is set"},
		{"short", probetest.Folder{".env.production": "K=k3v9Qz"}, "{key: K}", probe.StateFail, probe.ReasonWeak, "6 bytes, expected at least 16"},
		{"sequence", probetest.Folder{".env.production": "K=abcdefghijklmnopqrst"}, "{key: K}", probe.StateFail, probe.ReasonWeak, "easily guessed"},
		{"decoded too short", probetest.Folder{".env.production": "K=" + base64.StdEncoding.EncodeToString([]byte(probetest.Random(12)[:24]))}, "{key: K, min_length: 32, decoded: true}", probe.StateWarn, probe.ReasonWeak, "24 bytes"},
		{"reused", probetest.Folder{".env.production": "DB_PASSWORD=" + long + "\nJWT_SECRET=" + long}, "{key: JWT_SECRET, alone: true}", probe.StateFail, probe.ReasonReused, "same as DB_PASSWORD"},
		{"reused, not checked", probetest.Folder{".env.production": "DB_PASSWORD=" + long + "\nJWT_SECRET=" + long},
			"{key: JWT_SECRET}", probe.StatePass, "", ""},
		{"not a secret with the value", probetest.Folder{".env.production": "BUILD_ID=" + long + "\nJWT_SECRET=" + long}, "{key: JWT_SECRET, alone: true}", probe.StatePass, "", ""},
		{"ambiguous dollar", probetest.Folder{".env.production": "K=" + long + "a$b1"}, "{key: K}", probe.StateFail, probe.ReasonPlaceholder, ""},
		{"secret manager", probetest.Folder{".env.production": "K=vault:secret/data/catalyst"}, "{key: K}", probe.StateUnknown, probe.ReasonNotConfigured, "secret manager"},
		{"no env file", probetest.Folder{}, "{key: K}", probe.StateFail, probe.ReasonMissing, ".env.production"},
		{"key file followed", probetest.Folder{".env.production": "A=1", "docker-compose.yml": compose + "    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {file: ./k}}\n", "k": long + "\n"}, "{key: K}", probe.StatePass, "", ""},
		{"key file with a placeholder", probetest.Folder{".env.production": "A=1", "docker-compose.yml": compose + "    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {file: ./k}}\n", "k": "changeme\n"}, "{key: K}", probe.StateFail, probe.ReasonPlaceholder, ""},
		{"key file missing", probetest.Folder{".env.production": "A=1", "docker-compose.yml": compose + "    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {file: ./k}}\n"}, "{key: K}", probe.StateFail, probe.ReasonMissing, ""},
		{"external secret", probetest.Folder{".env.production": "A=1", "docker-compose.yml": compose + "    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {external: true}}\n"}, "{key: K}", probe.StateUnknown, probe.ReasonNotConfigured, "external secret"},
		{"environment wins", probetest.Folder{".env.production": "K=" + long, "docker-compose.yml": compose + "    environment: {K: changeme}\n"}, "{key: K}", probe.StateFail, probe.ReasonPlaceholder, "docker-compose.yml:5"},
		{"placeholder in another service", probetest.Folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  postgres: {image: 'postgres:16', environment: {PG: changeme}}\n"},
			"{key: [DB, PG]}", probe.StateFail, probe.ReasonPlaceholder, "PG at docker-compose.yml:5"},
		{"weak value in another service", probetest.Folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  postgres: {image: 'postgres:16', environment: {PG: k3v9Qz}}\n"},
			"{key: [DB, PG]}", probe.StateFail, probe.ReasonWeak, "PG at docker-compose.yml:5"},
		{"same value in another service", probetest.Folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  postgres: {image: 'postgres:16', environment: {PG: '${DB}'}}\n"},
			"{key: [DB, PG]}", probe.StatePass, "", "DB is set at .env.production:1"},
		{"env file of another service missing", probetest.Folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  grafana: {image: 'grafana:1', env_file: grafana.env}\n"}, "{key: [DB, PG]}",
			probe.StatePass, "", ""},
		{"key file of another service missing", probetest.Folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  postgres: {image: 'postgres:16', environment: {PG_FILE: /run/secrets/pg}, " +
				"secrets: [pg]}\nsecrets: {pg: {file: ./pg}}\n"}, "{key: [DB, PG]}", probe.StateFail, probe.ReasonMissing, "file of PG"},
		{"second key only in the env file", probetest.Folder{".env.production": "DB=" + long + "\nPG=changeme"}, "{key: [DB, PG]}",
			probe.StateFail, probe.ReasonPlaceholder, "PG at .env.production:2"},
		{"template words", probetest.Folder{".env.production": "K=SuperSecretPassword"}, "{key: K}", probe.StateFail, probe.ReasonPlaceholder, "K at .env.production:1"},
		{"unchanged from the template, not a secret", probetest.Folder{".env.example": "A=1\nK=" + long, ".env.production": "K=" + long}, "{key: K}", probe.StatePass, "", ""}, // K is not a secret's name
		{"secret unchanged from the template", probetest.Folder{".env.example": "A=1\nX_TOKEN=" + long,
			".env.production": "X_TOKEN=" + long}, "{key: X_TOKEN}", probe.StateFail, probe.ReasonPlaceholder,
			"X_TOKEN at .env.production:1 is unchanged from .env.example:2"},
		{"default", probetest.Folder{".env.production": "K=postgres"}, "{key: K}", probe.StateFail, probe.ReasonWeak, "K at .env.production:1 is a default password"},
		{"encoded words", probetest.Folder{".env.production": "K=" + base64.StdEncoding.EncodeToString([]byte("secretpassword"))}, "{key: K}", probe.StateFail, probe.ReasonWeak, "easily guessed"},
		{"words of the deployment", probetest.Folder{".env.production": "HOST=ads.nordlicht-media.io\nK=NordlichtMedia2026!"}, "{key: K}", probe.StateFail, probe.ReasonWeak, "names of this deployment"},
		{"name of the user", probetest.Folder{".env.production": "DB_USER=zwiebelkuchen\nK=Zwiebelkuchen2026!!"}, "{key: K}", probe.StateFail, probe.ReasonWeak, "names of this deployment"},
		{"same text without the user", probetest.Folder{".env.production": "K=Zwiebelkuchen2026!!"}, "{key: K}", probe.StateWarn, probe.ReasonWeak, "64 bits"},
		{"published", probetest.Folder{".env.production": "K=SW2YcwTIb9zpOO" + "hoPsMm"}, "{key: K}", probe.StateFail, probe.ReasonWeak, "is published"},
		{"medium", probetest.Folder{".env.production": "K=September-October-2026"}, "{key: K}", probe.StateWarn, probe.ReasonWeak, "less than 64 bits"},
		{"two purposes", probetest.Folder{".env.production": "DB_PASSWORD=" + long + "\nREDIS_PASSWORD=" + long},
			"{key: REDIS_PASSWORD, apart: true}", probe.StateWarn, probe.ReasonReused, "same as DB_PASSWORD. Use separate secrets"},
		{"one purpose", probetest.Folder{".env.production": "DB_PASSWORD=" + long + "\nPGPASSWORD=" + long}, "{key: DB_PASSWORD, apart: true}", probe.StatePass, "", ""},
		{"reused by a path", probetest.Folder{".env.production": "KEY_PATH=" + long + "\nJWT_SECRET=" + long}, "{key: JWT_SECRET, alone: true}", probe.StatePass, "", ""},
		{"only in a URL", probetest.Folder{".env.production": "U=postgres://u:" + long + "@db/x"}, "{key: K, url: [U]}", probe.StatePass,
			"", "the password in U is set at .env.production:1"},
		{"default password in a URL", probetest.Folder{".env.production": "U=postgres://u:postgres@db/x"}, "{key: K, url: [U]}",
			probe.StateFail, probe.ReasonWeak, "the password in U at .env.production:1"},
		{"placeholder in a URL", probetest.Folder{".env.production": "K=" + long + "\nU=postgres://u:changeme@db/x"},
			"{key: K, url: [U]}", probe.StateFail, probe.ReasonPlaceholder, "the password in U at .env.production:2"},
		{"escaped in a URL", probetest.Folder{".env.production": "U=postgres://u:change%5Fme@db/x"}, "{key: K, url: [U]}", probe.StateFail, probe.ReasonPlaceholder, "the password in U"},
		{"URL built from the variable", probetest.Folder{".env.production": "K=" + long + "\nU=postgres://u:${K}@db/x"},
			"{key: K, url: [U]}", probe.StatePass, "", "K is set"},
		{"URL without a password", probetest.Folder{".env.production": "U=postgres://db/x"}, "{key: K, url: [U]}", probe.StateFail,
			probe.ReasonMissing, "K is not set"},
		{"URL and empty variable", probetest.Folder{".env.production": "K=\nU=postgres://u:" + long + "@db/x"},
			"{key: K, url: [U]}", probe.StateFail, probe.ReasonMissing, "K is empty"},
		{"placeholder only in the template", probetest.Folder{".env.production.example": "K=CHANGE_ME", ".env.production": "K=" + long},
			"{key: K}", probe.StatePass, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, tt.files, deployment.Settings{}), SecretKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if strings.Contains(r.Detail, long) {
				t.Error("the detail shows the secret")
			}
		})
	}
}

// A URL built from the variable is not checked twice.
func TestEnvSecret_URLBuiltFromVariable(t *testing.T) {
	r := probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env.production": "K=changeme\nU=postgres://u:${K}@db/x"}, deployment.Settings{}), SecretKind(), "{key: K, url: [U]}")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonPlaceholder, "K at .env.production:1 is a placeholder")
	probetest.HasNot(t, r, "the password in")
}

func TestEnvWord(t *testing.T) {
	spec := "{key: LOG_LEVEL, good: [info, warn, error], bad: [debug, trace]}"
	for text, want := range map[string]struct {
		probe.State
		probe.Reason
		detail string
	}{
		"LOG_LEVEL=info":      {probe.StatePass, "", `"info"`},
		"LOG_LEVEL=WARN":      {probe.StatePass, "", `"warn"`},
		"LOG_LEVEL=Debug":     {probe.StateFail, probe.ReasonWeak, `is "debug" at .env.production:1`},
		"LOG_LEVEL=trace":     {probe.StateFail, probe.ReasonWeak, `"trace"`},
		"LOG_LEVEL=loud-mark": {probe.StateWarn, probe.ReasonInvalid, "an unknown word"},
		"LOG_LEVEL=":          {probe.StateWarn, probe.ReasonMissing, "empty"},
		"X=1":                 {probe.StateWarn, probe.ReasonMissing, "not set"},
		"LOG_LEVEL=CHANGE_ME": {probe.StateFail, probe.ReasonPlaceholder, ""},
	} {
		t.Run(text, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env.production": text}, deployment.Settings{}), WordKind(), spec)
			probetest.Expect(t, r, want.State, want.Reason, want.detail)
			if strings.Contains(r.Detail, "loud-mark") {
				t.Error("unknown word shown")
			}
		})
	}
	if _, ps := probetest.Decode(WordKind(), "{key: A, good: [x, y], bad: [Y]}"); len(ps) == 0 {
		t.Error("word accepted as good and bad")
	}
}

func TestEnvFlag(t *testing.T) {
	spec := "{all: [GDPR, CCPA], overrides: [DISABLE_GDPR]}"
	for text, want := range map[string]struct {
		probe.State
		probe.Reason
		detail string
	}{
		"GDPR=true\nCCPA=1":          {probe.StatePass, "", "GDPR, CCPA: on"},
		"GDPR=yes\nCCPA=true":        {probe.StateFail, probe.ReasonInvalid, `GDPR is "yes" at .env.production:1, which the service does not accept as true`},
		"GDPR=TRUE\nCCPA=true":       {probe.StateFail, probe.ReasonInvalid, `GDPR is "true"`},
		"GDPR=true\nCCPA=false":      {probe.StateFail, probe.ReasonDisabled, `CCPA is "false"`},
		"GDPR=0\nCCPA=true":          {probe.StateFail, probe.ReasonDisabled, `GDPR is "0"`},
		"GDPR=true":                  {probe.StateFail, probe.ReasonMissing, "CCPA is not set"},
		"GDPR=true\nCCPA=":           {probe.StateFail, probe.ReasonMissing, "CCPA is empty"},
		"GDPR=mark-value\nCCPA=true": {probe.StateFail, probe.ReasonInvalid, "GDPR is another value"},
		"GDPR=CHANGE_ME\nCCPA=true":  {probe.StateFail, probe.ReasonPlaceholder, "GDPR"},
		"GDPR=true\nCCPA=1\nDISABLE_GDPR=true": {probe.StateFail, probe.ReasonDisabled,
			"DISABLE_GDPR at .env.production:3 disables it"},
		"GDPR=true\nCCPA=1\nDISABLE_GDPR=whatnot": {probe.StateFail, probe.ReasonDisabled, "DISABLE_GDPR"},
		"GDPR=true\nCCPA=1\nDISABLE_GDPR=false":   {probe.StatePass, "", ""},
		"GDPR=true\nCCPA=1\nDISABLE_GDPR=":        {probe.StatePass, "", ""},
	} {
		t.Run(text, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env.production": text}, deployment.Settings{}), FlagKind(), spec)
			probetest.Expect(t, r, want.State, want.Reason, want.detail)
			if strings.Contains(r.Detail, "mark-value") {
				t.Error("unknown word shown")
			}
		})
	}
}

// Every service that runs the application is checked.
func TestEnv_ApplicationCopies(t *testing.T) {
	const app = "services:\n  catalyst:\n    image: catalyst:1\n    environment: {GDPR: 'true', LOG_LEVEL: info, POOL: 5}\n  green:\n    image: catalyst:2\n    environment: "
	for _, tt := range []struct {
		kind, spec, green string
		state             probe.State
		reason            probe.Reason
		detail            string
	}{
		{"env_flag", "{all: [GDPR]}", "{GDPR: 'true'}", probe.StatePass, "", "GDPR: on"},
		{"env_flag", "{all: [GDPR]}", "{GDPR: 'false'}", probe.StateFail, probe.ReasonDisabled, "docker-compose.yml:7"},
		{"env_flag", "{all: [GDPR]}", "{A: b}", probe.StateFail, probe.ReasonMissing, "GDPR is not set for service green"},
		{"env_flag", "{all: [GDPR], overrides: [OFF]}", "{GDPR: '1', OFF: 'yes'}", probe.StateFail, probe.ReasonDisabled,
			"OFF at docker-compose.yml:7 disables it"},
		{"env_flag", "{all: [GDPR]}", "{GDPR: 'vault:x/y'}", probe.StateSkip, probe.ReasonNotConfigured, "secret manager"},
		{"env_word", "{key: LOG_LEVEL, good: [info], bad: [debug]}", "{LOG_LEVEL: debug}", probe.StateFail, probe.ReasonWeak, "docker-compose.yml:7"},
		{"env_word", "{key: LOG_LEVEL, good: [info], bad: [debug]}", "{A: b}", probe.StateWarn, probe.ReasonMissing, "not set for service green"},
		{"env_number", "{any: [POOL]}", "{POOL: 0}", probe.StateFail, probe.ReasonThreshold, "docker-compose.yml:7"},
		{"env_number", "{any: [POOL]}", "{A: b}", probe.StatePass, "", "POOL"},
	} {
		t.Run(tt.kind+" "+tt.green, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, probetest.Folder{"docker-compose.yml": app + tt.green + "\n"}, deployment.Settings{}), envKindNamed(tt.kind), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
}

func TestEnvNumber(t *testing.T) {
	pool := "{any: [DB_MAX_CONNS, DB_MAX_OPEN_CONNS], not_above: {DB_MAX_IDLE_CONNS: [DB_MAX_CONNS, DB_MAX_OPEN_CONNS]}}"
	rate := "{any: ['RATE_LIMIT*']}"
	ttl := "{any: [REDIS_TTL, 'REDIS_*_TTL'], duration: true, max: 604800}"
	tests := []struct {
		text, spec string
		state      probe.State
		reason     probe.Reason
		detail     string
	}{
		{"DB_MAX_CONNS=50", pool, probe.StatePass, "", "DB_MAX_CONNS"},
		{"DB_MAX_OPEN_CONNS=50", pool, probe.StatePass, "", "DB_MAX_OPEN_CONNS"},
		{"DB_MAX_OPEN_CONNS=0", pool, probe.StateFail, probe.ReasonThreshold, "less than 1"},
		{"DB_MAX_OPEN_CONNS=-5", pool, probe.StateFail, probe.ReasonThreshold, ""},
		{"DB_MAX_OPEN_CONNS=many", pool, probe.StateFail, probe.ReasonInvalid, "not a whole number"},
		{"DB_MAX_OPEN_CONNS=5.5", pool, probe.StateFail, probe.ReasonInvalid, "not a whole number"},
		{"DB_MAX_OPEN_CONNS=<n>", pool, probe.StateFail, probe.ReasonPlaceholder, ""},
		{"DB_MAX_OPEN_CONNS=", pool, probe.StateFail, probe.ReasonMissing, ""},
		{"X=1", pool, probe.StateFail, probe.ReasonMissing, "no valid value for any of DB_MAX_CONNS, DB_MAX_OPEN_CONNS"},
		{"DB_MAX_CONNS=50\nDB_MAX_IDLE_CONNS=60", pool, probe.StateFail, probe.ReasonMismatch, "DB_MAX_IDLE_CONNS at .env.production:2 is more than DB_MAX_CONNS"},
		{"DB_MAX_CONNS=50\nDB_MAX_IDLE_CONNS=50", pool, probe.StatePass, "", ""},
		{"DB_MAX_CONNS=50\nDB_MAX_IDLE_CONNS=x", pool, probe.StateFail, probe.ReasonInvalid, ""},
		{"RATE_LIMIT_REQUESTS=1000\nRATE_LIMIT_STRATEGY=sliding", rate, probe.StatePass, "", "RATE_LIMIT_REQUESTS: within"},
		{"RATE_LIMIT_REQUESTS=1000\nRATE_LIMIT_ENABLED=false", rate, probe.StateFail, probe.ReasonDisabled, `RATE_LIMIT_ENABLED is "false"`},
		{"RATE_LIMIT_ENABLED=true", rate, probe.StateFail, probe.ReasonMissing, ""},
		{"RATE_LIMIT_STRATEGY=sliding", rate, probe.StateFail, probe.ReasonMissing, "no whole number in RATE_LIMIT_STRATEGY (.env.production:1)"},
		{"RATE_LIMIT_RPS=0", rate, probe.StateFail, probe.ReasonThreshold, ""},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_REDIS_DB=0\nRATE_LIMIT_TRUST_PROXY=false\nRATE_LIMIT_DRY_RUN=false\nRATE_LIMIT_DISABLED=0", rate, probe.StatePass, "", "RATE_LIMIT_REQUESTS: within"},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_DISABLED=true", rate, probe.StateFail, probe.ReasonDisabled, `RATE_LIMIT_DISABLED is "true" at .env.production:2`},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_DRY_RUN=1", rate, probe.StateFail, probe.ReasonDisabled, "RATE_LIMIT_DRY_RUN"},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_ENABLED=0", rate, probe.StateFail, probe.ReasonDisabled, "RATE_LIMIT_ENABLED"},
		{"RATE_LIMIT_ENABLED=1", rate, probe.StateFail, probe.ReasonMissing, "no whole number in RATE_LIMIT_ENABLED"},
		{"RATE_LIMIT_WINDOW=60", rate, probe.StateFail, probe.ReasonMissing, "no whole number in RATE_LIMIT_WINDOW"},
		{"RATE_LIMIT=100/minute", rate, probe.StatePass, "", ""},
		{"RATE_LIMIT=20r/s", rate, probe.StatePass, "", ""},
		{"RATE_LIMIT=0/s", rate, probe.StateFail, probe.ReasonThreshold, ""},
		{"RATE_LIMIT=100/forever", rate, probe.StateFail, probe.ReasonInvalid, "not a whole number"},
		{"RATE_LIMIT_REQUESTS=1000 per hour", rate, probe.StatePass, "", ""},
		{"RATE_LIMIT_REQUESTS=10-M", rate, probe.StatePass, "", ""},
		{"RATE_LIMIT_REQUESTS=100/15m", rate, probe.StatePass, "", ""},
		{"RATE_LIMIT_GENERAL=1000", rate, probe.StatePass, "", "RATE_LIMIT_GENERAL"},
		{"RATE_LIMIT_RPS=0.5", rate, probe.StatePass, "", ""},
		{"RATE_LIMIT_RPS=-1", rate, probe.StateFail, probe.ReasonThreshold, ""},
		{"RATE_LIMIT_REQUESTS=many\nRATE_LIMIT_BURST=100", rate, probe.StateFail, probe.ReasonInvalid, "RATE_LIMIT_REQUESTS at .env.production:1"},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_BURST=unlimited", rate, probe.StateFail, probe.ReasonInvalid, "RATE_LIMIT_BURST"},
		{"RATE_LIMIT_REQUESTS=true", rate, probe.StateFail, probe.ReasonInvalid, ""},
		{"RATE_LIMIT_CACHE_SIZE=10000", rate, probe.StateFail, probe.ReasonMissing, "no whole number in RATE_LIMIT_CACHE_SIZE"},
		{"RATE_LIMIT_WORKERS=4", rate, probe.StateFail, probe.ReasonMissing, ""},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_WORKERS=4\nRATE_LIMIT_STORE=redis", rate, probe.StatePass, "", ""},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_ENABLED=f", rate, probe.StateFail, probe.ReasonDisabled, ""},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_ENABLED=Disabled", rate, probe.StateFail, probe.ReasonDisabled, ""},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_ENABLED=T", rate, probe.StatePass, "", ""},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_ENABLED=maybe", rate, probe.StateUnknown, probe.ReasonInvalid, "neither a word for on nor one for off"},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_ENABLED=enforce", "{any: ['RATE_LIMIT*'], true_words: [enforce]}", probe.StatePass, "", ""},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_MODE=off", rate, probe.StateFail, probe.ReasonDisabled, "RATE_LIMIT_MODE"},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_MODE=enforce", rate, probe.StatePass, "", ""},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT=off", rate, probe.StateFail, probe.ReasonDisabled, ""},
		{"RATE_LIMIT_REQUESTS=9223372036854775807", "{any: ['RATE_LIMIT*'], warn_above: 100000000}", probe.StateWarn, probe.ReasonThreshold, "limits nothing"},
		{"RATE_LIMIT_REQUESTS=99999999999999999999", "{any: ['RATE_LIMIT*'], warn_above: 100000000}", probe.StateWarn, probe.ReasonThreshold, "limits nothing"},
		{"RATE_LIMIT_REQUESTS=1000000", "{any: ['RATE_LIMIT*'], warn_above: 100000000}", probe.StatePass, "", ""},
		{"DB_MAX_CONNS=true", pool, probe.StateFail, probe.ReasonInvalid, ""},
		{"DB_MAX_CONNS=50\nDB_MAX_IDLE_CONNS=-5", pool, probe.StateWarn, probe.ReasonThreshold, "DB_MAX_IDLE_CONNS at .env.production:2 is negative"},
		{"DB_MAX_CONNS=50\nDB_MAX_IDLE_CONNS=0", pool, probe.StatePass, "", ""},
		{"REDIS_TTL=300\nREDIS_SESSION_TTL=true", ttl, probe.StateFail, probe.ReasonInvalid, "REDIS_SESSION_TTL"},
		{"REDIS_TTL=true", ttl, probe.StateFail, probe.ReasonInvalid, ""},
		{"REDIS_TTL=300000", ttl, probe.StateWarn, probe.ReasonThreshold, "milliseconds"},
		{"REDIS_TTL=172800", ttl, probe.StatePass, "", ""},
		{"REDIS_TTL=604800", ttl, probe.StatePass, "", ""},
		{"REDIS_TTL=100h", ttl, probe.StatePass, "", ""},
		{"REDIS_TTL=1000h", "{any: [REDIS_TTL], duration: true, warn_above: 2592000}", probe.StateWarn, probe.ReasonThreshold, "REDIS_TTL"},
		{"RATE_LIMIT_RPS=1000\nRATE_LIMIT_BURST=0", rate, probe.StateFail, probe.ReasonThreshold, "RATE_LIMIT_BURST"},
		{"DB_MAX_CONNS=false", pool, probe.StateFail, probe.ReasonDisabled, ""},
		{"REDIS_TTL=300", ttl, probe.StatePass, "", ""},
		{"REDIS_SESSION_TTL=5m", ttl, probe.StatePass, "", "REDIS_SESSION_TTL"},
		{"REDIS_TTL=0", ttl, probe.StateFail, probe.ReasonThreshold, ""},
		{"REDIS_TTL=300\nREDIS_BID_TTL=30000h", ttl, probe.StateFail, probe.ReasonThreshold, "REDIS_BID_TTL at .env.production:2 is more than 1w"},
		{"REDIS_BID_TTL=soon", ttl, probe.StateFail, probe.ReasonInvalid, "not a duration"},
		{"REDIS_TTL=soon", ttl, probe.StateFail, probe.ReasonInvalid, "not a duration"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env.production": tt.text}, deployment.Settings{}), NumberKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
	for _, bad := range []string{"{any: [A], min: 5, max: 4}", "{any: ['[']}", "{any: []}"} {
		if _, ps := probetest.Decode(NumberKind(), bad); len(ps) == 0 {
			t.Errorf("%s loads", bad)
		}
	}
}

func TestEnvPlaceholders(t *testing.T) {
	compose := "services: {catalyst: {image: x, env_file: [.env.production, extra.env]}}"
	tests := []struct {
		name   string
		files  probetest.Folder
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
		Count  float64
	}{
		{"none", probetest.Folder{".env.production": "A=1\nB=two"}, "{}", probe.StatePass, "", "2 values in 1 env file, all replaced", 0},
		{"two", probetest.Folder{".env.production": "A=CHANGE_ME\nB=x\nC=<key>"}, "{}", probe.StateFail, probe.ReasonPlaceholder, "A at .env.production:1 is a placeholder; C at .env.production:3", 2},
		{"domain", probetest.Folder{".env.production": "HOST=ads.yourdomain.com"}, "{}", probe.StateWarn, probe.ReasonPlaceholder,
			"HOST at .env.production:1 contains a documentation domain", 0},
		{"domain with the word example", probetest.Folder{".env.production": "HOST=https://example.com/x"}, "{}", probe.StateWarn,
			probe.ReasonPlaceholder, "HOST at .env.production:1 contains a documentation domain", 0},
		{"secret unchanged from the template", probetest.Folder{".env.production": "A=1\nSMTP_PASSWORD=" + strings.Repeat("q7", 9),
			".env.example": "A=1\nSMTP_PASSWORD=" + strings.Repeat("q7", 9)}, "{}", probe.StateFail, probe.ReasonPlaceholder,
			"SMTP_PASSWORD at .env.production:2 is unchanged from .env.example:2", 1},
		{"other value unchanged from the template", probetest.Folder{".env.production": "A=longer-than-eight",
			".env.example": "A=longer-than-eight"}, "{}", probe.StatePass, "", "", 0},
		{"excepted", probetest.Folder{".env.production": "A=CHANGE_ME\nB=x"}, "{except: [A]}", probe.StatePass, "", "", 0},
		{"env file of a service", probetest.Folder{".env.production": "A=1", "extra.env": "B=changeme", "docker-compose.yml": compose},
			"{}", probe.StateFail, probe.ReasonPlaceholder, "extra.env:1", 1},
		{"unused and template files", probetest.Folder{".env.production": "A=1", "old.env": "B=changeme", ".env.example": "C=changeme"}, "{}", probe.StatePass, "", "", 0},
		{"syntax error", probetest.Folder{".env.production": "A=1\nB=\"open\n"}, "{}", probe.StateFail, probe.ReasonInvalid, ".env.production:2",
			0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := probetest.Look(t, probetest.NewPass(t, tt.files, deployment.Settings{}), PlaceholdersKind(), tt.spec)
			probetest.Expect(t, r, tt.state, tt.reason, tt.detail)
			if n, ok := probetest.Measured(r, EnvPlaceholders); !ok || n != tt.Count {
				t.Errorf("measured %v, %v; want %v", n, ok, tt.Count)
			}
		})
	}
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{}), PlaceholdersKind(), "{}"), probe.StateFail, probe.ReasonMissing, "no env file")
	probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, probetest.Folder{".env.production": "# nothing\n"}, deployment.Settings{}), PlaceholdersKind(), "{}"), probe.StateFail, probe.ReasonEmpty, "")
}

// An env file with another name is suggested, not used.
func TestEnvFile_OtherName(t *testing.T) {
	r := probetest.Look(t, probetest.NewPass(t, probetest.Folder{"prod.env": "A=1", ".env.staging": "A=1", ".env.example": "A="}, deployment.Settings{}), FileKind(), "{}")
	probetest.Expect(t, r, probe.StateFail, probe.ReasonMissing,
		"no .env.production or .env found. If Compose uses another file (.env.staging, prod.env), set deployment.env_file")
}

func TestEnvFile(t *testing.T) {
	tests := []struct {
		name   string
		files  probetest.Folder
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		{"good", probetest.Folder{".env.production": "A=1\nB='two words'"}, "{required: [A]}", probe.StatePass, "", ".env.production: 2 keys"},
		{"CRLF, BOM and export", probetest.Folder{".env.production": "\ufeffexport A=1\r\nB=2\r\n"}, "{required: [A, B]}", probe.StateWarn, probe.ReasonInvalid, ""},
		{"required", probetest.Folder{".env.production": "A=1\nB="}, "{required: [B, C]}", probe.StateFail, probe.ReasonMissing,
			"B is not set in .env.production, but required by the checklist"},
		{"duplicate", probetest.Folder{".env.production": "A=1\nB=2\nA=3"}, "{}", probe.StateFail, probe.ReasonInvalid, ".env.production:3 (A)"},
		{"line that a shell misreads", probetest.Folder{".env.production": "BACKUP_CRON=0 2 * * *"}, "{}", probe.StateWarn, probe.ReasonInvalid,
			".env.production:1 (BACKUP_CRON): a shell reads the line differently"},
		{"quote over several lines", probetest.Folder{".env.production": "A=\"one\ntwo\"\nB=2"}, "{required: [A, B]}", probe.StatePass, "", ""},
		{"open quote", probetest.Folder{".env.production": "A=\"one\ntwo\nB=2"}, "{}", probe.StateFail, probe.ReasonInvalid, ".env.production:1"},
		{"empty", probetest.Folder{".env.production": "\n# nothing\n"}, "{}", probe.StateFail, probe.ReasonEmpty, ""},
		{"no file", probetest.Folder{}, "{}", probe.StateFail, probe.ReasonMissing, ".env.production"},
		{"template's key", probetest.Folder{".env.production": "A=1", ".env.production.example": "A=\nB=CHANGE_ME"}, "{}", probe.StateFail,
			probe.ReasonMissing, "B is missing in .env.production, but listed in .env.production.example"},
		{"template not checked", probetest.Folder{".env.production": "A=1", ".env.example": "B="}, "{template: false}", probe.StatePass, "",
			""},
		{"compose requires", probetest.Folder{".env.production": "A=1",
			"docker-compose.yml": "services: {x: {image: 'x:${TAG:?set it}'}}"}, "{}", probe.StateFail, probe.ReasonMissing,
			"docker-compose.yml:1 requires it"},
		{"compose refers", probetest.Folder{".env.production": "A=1", "docker-compose.yml": "services:\n  x: {image: 'x:${TAG}'}"},
			"{}", probe.StateFail, probe.ReasonMissing, "docker-compose.yml:2 uses it without a default"},
		{"compose refers to an empty secret", probetest.Folder{".env.production": "A=1\nAPI_KEY=",
			"docker-compose.yml": "services:\n  x: {image: x, environment: {K: '${API_KEY}'}}"}, "{}", probe.StateWarn, probe.ReasonMissing,
			"API_KEY is empty at .env.production:2"},
		{"compose refers to something empty", probetest.Folder{".env.production": "A=1\nTRACING=", "docker-compose.yml": "services:\n  x: {image: x, environment: {K: '${TRACING}'}}"}, "{}", probe.StatePass, "", ""},
		{"compose has a default", probetest.Folder{".env.production": "A=1", "docker-compose.yml": "services:\n  x: {image: 'x:${TAG:-1}', hostname: '${HOSTNAME}'}"}, "{}", probe.StatePass, "", ""},
		{"larger than the limit", probetest.Folder{".env.production": "A=" + strings.Repeat("x", 2<<20)}, "{}", probe.StateFail, probe.ReasonInvalid, "limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, tt.files, deployment.Settings{}), FileKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

// Without a variable to fill in, the env files of services need no other.
func TestEnvFile_ServicesOwn(t *testing.T) {
	const compose = "services:\n  web: {image: 'shop/web:1', env_file: env/web.env}\n  db: {image: 'postgres:16', env_file: env/db.env}\n"
	good := probetest.Folder{"docker-compose.yml": compose, "env/web.env": "A=1\nB=2", "env/db.env": "C=3"}
	with := func(name, text string) probetest.Folder {
		folder := maps.Clone(good)
		folder[name] = text
		return folder
	}
	for name, tt := range map[string]struct {
		files  probetest.Folder
		spec   string
		state  probe.State
		reason probe.Reason
		detail string
	}{
		"complete":           {good, "{}", probe.StatePass, "", "2 env files of services and includes: 3 keys"},
		"required":           {good, "{required: [A, C]}", probe.StatePass, "", ""},
		"required, missing":  {good, "{required: [D]}", probe.StateFail, probe.ReasonMissing, "D is not set in any env file"},
		"default":            {with("docker-compose.yml", compose+"  x: {image: 'x:${TAG:-1}'}\n"), "{}", probe.StatePass, "", ""},
		"variable":           {with("docker-compose.yml", compose+"  x: {image: 'x:${TAG}'}\n"), "{}", probe.StateFail, probe.ReasonMissing, ".env.production"},
		"one file is absent": {with("docker-compose.yml", compose+"  x: {image: x, env_file: x.env}\n"), "{}", probe.StateFail, probe.ReasonMissing, ""},
		"duplicate":          {with("env/db.env", "C=3\nC=4"), "{}", probe.StateFail, probe.ReasonInvalid, "env/db.env:2"},
	} {
		t.Run(name, func(t *testing.T) {
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, tt.files, deployment.Settings{}), FileKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

// TestEnvFile_SpecialFiles replaces the env file with directories, pipes and links.
func TestEnvFile_SpecialFiles(t *testing.T) {
	tests := []struct {
		name   string
		make   func(path string) error
		state  probe.State
		reason probe.Reason
	}{
		{"directory", func(p string) error { return os.Mkdir(p, 0o755) }, probe.StateFail, probe.ReasonInvalid},
		{"fifo", func(p string) error { return syscall.Mkfifo(p, 0o600) }, probe.StateFail, probe.ReasonInvalid},
		{"symlink loop", func(p string) error { return os.Symlink(filepath.Base(p), p) }, probe.StateFail, probe.ReasonInvalid},
		{"dangling symlink", func(p string) error { return os.Symlink("nowhere", p) }, probe.StateFail, probe.ReasonMissing},
		{"world readable", func(p string) error { return os.WriteFile(p, []byte("A=1"), 0o644) }, probe.StateWarn, probe.ReasonExposed},
		{"group writable", func(p string) error {
			if err := os.WriteFile(p, []byte("A=1"), 0o600); err != nil {
				return err
			}
			return os.Chmod(p, 0o660)
		}, probe.StateWarn, probe.ReasonExposed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			if err := tt.make(filepath.Join(root, ".env.production")); err != nil {
				t.Fatal(err)
			}
			settings := deployment.Settings{Root: root, EnvFile: ".env.production"}
			probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), FileKind(), "{}"), tt.state, tt.reason, "")
			if tt.state == probe.StateFail {
				probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), SecretKind(), "{key: K}"), tt.state, tt.reason, "")
				probetest.Expect(t, probetest.Look(t, probetest.NewPass(t, nil, settings), PlaceholdersKind(), "{}"), tt.state, tt.reason, "")
			}
		})
	}
}

// envKindNamed is the kind of that name among those that these tests run.
func envKindNamed(name string) probe.Kind {
	return map[string]probe.Kind{
		"env_file":         FileKind(),
		"env_flag":         FlagKind(),
		"env_number":       NumberKind(),
		"env_placeholders": PlaceholdersKind(),
		"env_secret":       SecretKind(),
		"env_word":         WordKind(),
	}[name]
}
