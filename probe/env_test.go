package probe

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
)

// An unreadable file of a single secret leaves the item to its live probes.
func TestEnvSecret_UnreadableFile(t *testing.T) {
	p := newPass(t, folder{"k": random(20), "docker-compose.yml": "services:\n  catalyst:\n    image: catalyst\n    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {file: ./k}}\n"}, deployment.Settings{})
	if err := os.Chmod(filepath.Join(p.Deployment.Root, "k"), 0); err != nil {
		t.Fatal(err)
	}
	var r Result
	unprivileged(t, func() { r = look(t, p, envSecretKind(), "{key: K}") })
	expect(t, r, StateSkip, ReasonPermissionDenied, "file of K")
}

// random returns a generated secret.
func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func TestEnvSecret(t *testing.T) {
	long := base64.StdEncoding.EncodeToString([]byte(random(24)))
	compose := "services:\n  catalyst:\n    image: catalyst\n    env_file: .env.production\n"
	tests := []struct {
		name   string
		files  folder
		spec   string
		state  State
		reason Reason
		detail string
	}{
		{"good", folder{".env.production": "REDIS_PASSWORD=" + long}, "{key: REDIS_PASSWORD}", StatePass, "", ".env.production:1"},
		{"random with xxx", folder{".env.production": "K=" + random(28) + "xxx0aA"}, "{key: K}", StatePass, "", ""},
		{"placeholder", folder{".env.production": "A=1\nK=CHANGE_ME_STRONG_PASSWORD_HERE"}, "{key: K}", StateFail, ReasonPlaceholder, "K at .env.production:2 is a placeholder"},
		{"changeme", folder{".env.production": "K=changeme"}, "{key: K}", StateFail, ReasonPlaceholder, ""},
		{"your-secret", folder{".env.production": "K=your-secret"}, "{key: K}", StateFail, ReasonPlaceholder, ""},
		{"angle brackets", folder{".env.production": "K=<password>"}, "{key: K}", StateFail, ReasonPlaceholder, ""},
		{"unexpanded", folder{".env.production": "K=${DB_PASSWORD}"}, "{key: K}", StateFail, ReasonPlaceholder, "refers to DB_PASSWORD"},
		{"unexpanded, quoted", folder{".env.production": "K='${DB_PASSWORD}'"}, "{key: K}", StateFail, ReasonPlaceholder, ""},
		{"empty", folder{".env.production": "K="}, "{key: K}", StateFail, ReasonMissing, "empty at .env.production:1"},
		{"not set", folder{".env.production": "A=1"}, "{key: K}", StateFail, ReasonMissing, "K is not set"},
		{"second key", folder{".env.production": "L=" + long}, "{key: [K, L]}", StatePass, "", "L is set"},
		{"short", folder{".env.production": "K=k3v9Qz"}, "{key: K}", StateWarn, ReasonWeak, "6 bytes, expected at least 16"},
		{"sequence", folder{".env.production": "K=abcdefghijklmnopqrst"}, "{key: K}", StateWarn, ReasonWeak, "easily guessed"},
		{"decoded too short", folder{".env.production": "K=" + base64.StdEncoding.EncodeToString([]byte(random(12)[:24]))}, "{key: K, min_length: 32, decoded: true}", StateWarn, ReasonWeak, "24 bytes"},
		{"reused", folder{".env.production": "DB_PASSWORD=" + long + "\nJWT_SECRET=" + long}, "{key: JWT_SECRET, alone: true}", StateFail, ReasonReused, "same as DB_PASSWORD"},
		{"reused, not checked", folder{".env.production": "DB_PASSWORD=" + long + "\nJWT_SECRET=" + long},
			"{key: JWT_SECRET}", StatePass, "", ""},
		{"not a secret with the value", folder{".env.production": "BUILD_ID=" + long + "\nJWT_SECRET=" + long}, "{key: JWT_SECRET, alone: true}", StatePass, "", ""},
		{"ambiguous dollar", folder{".env.production": "K=" + long + "a$b1"}, "{key: K}", StateFail, ReasonPlaceholder, ""},
		{"secret manager", folder{".env.production": "K=vault:secret/data/catalyst"}, "{key: K}", StateSkip, ReasonNotConfigured, "secret manager"},
		{"no env file", folder{}, "{key: K}", StateFail, ReasonMissing, ".env.production"},
		{"key file followed", folder{".env.production": "A=1", "docker-compose.yml": compose + "    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {file: ./k}}\n", "k": long + "\n"}, "{key: K}", StatePass, "", ""},
		{"key file with a placeholder", folder{".env.production": "A=1", "docker-compose.yml": compose + "    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {file: ./k}}\n", "k": "changeme\n"}, "{key: K}", StateFail, ReasonPlaceholder, ""},
		{"key file missing", folder{".env.production": "A=1", "docker-compose.yml": compose + "    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {file: ./k}}\n"}, "{key: K}", StateFail, ReasonMissing, ""},
		{"external secret", folder{".env.production": "A=1", "docker-compose.yml": compose + "    environment: {K_FILE: /run/secrets/k}\n    secrets: [k]\nsecrets: {k: {external: true}}\n"}, "{key: K}", StateSkip, ReasonNotConfigured, "external secret"},
		{"environment wins", folder{".env.production": "K=" + long, "docker-compose.yml": compose + "    environment: {K: changeme}\n"}, "{key: K}", StateFail, ReasonPlaceholder, "docker-compose.yml:5"},
		{"placeholder in another service", folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  postgres: {image: 'postgres:16', environment: {PG: changeme}}\n"},
			"{key: [DB, PG]}", StateFail, ReasonPlaceholder, "PG at docker-compose.yml:5"},
		{"weak value in another service", folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  postgres: {image: 'postgres:16', environment: {PG: k3v9Qz}}\n"},
			"{key: [DB, PG]}", StateWarn, ReasonWeak, "PG at docker-compose.yml:5"},
		{"same value in another service", folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  postgres: {image: 'postgres:16', environment: {PG: '${DB}'}}\n"},
			"{key: [DB, PG]}", StatePass, "", "DB is set at .env.production:1"},
		{"env file of another service missing", folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  grafana: {image: 'grafana:1', env_file: grafana.env}\n"}, "{key: [DB, PG]}",
			StatePass, "", ""},
		{"key file of another service missing", folder{".env.production": "DB=" + long,
			"docker-compose.yml": compose + "  postgres: {image: 'postgres:16', environment: {PG_FILE: /run/secrets/pg}, " +
				"secrets: [pg]}\nsecrets: {pg: {file: ./pg}}\n"}, "{key: [DB, PG]}", StateFail, ReasonMissing, "file of PG"},
		{"second key only in the env file", folder{".env.production": "DB=" + long + "\nPG=changeme"}, "{key: [DB, PG]}",
			StateFail, ReasonPlaceholder, "PG at .env.production:2"},
		{"common words", folder{".env.production": "K=SuperSecretPassword"}, "{key: K}", StateWarn, ReasonWeak, "easily guessed"},
		{"unchanged from the template, not a secret", folder{".env.example": "A=1\nK=" + long, ".env.production": "K=" + long}, "{key: K}", StatePass, "", ""}, // K is not a secret's name
		{"secret unchanged from the template", folder{".env.example": "A=1\nX_TOKEN=" + long,
			".env.production": "X_TOKEN=" + long}, "{key: X_TOKEN}", StateFail, ReasonPlaceholder,
			"X_TOKEN at .env.production:1 is unchanged from .env.example:2"},
		{"default", folder{".env.production": "K=postgres"}, "{key: K}", StateFail, ReasonWeak, "K at .env.production:1 is a default password"},
		{"encoded words", folder{".env.production": "K=" + base64.StdEncoding.EncodeToString([]byte("secretpassword"))}, "{key: K}", StateWarn, ReasonWeak, "easily guessed"},
		{"two purposes", folder{".env.production": "DB_PASSWORD=" + long + "\nREDIS_PASSWORD=" + long},
			"{key: REDIS_PASSWORD, apart: true}", StateWarn, ReasonReused, "same as DB_PASSWORD. Use separate secrets"},
		{"one purpose", folder{".env.production": "DB_PASSWORD=" + long + "\nPGPASSWORD=" + long}, "{key: DB_PASSWORD, apart: true}", StatePass, "", ""},
		{"reused by a path", folder{".env.production": "KEY_PATH=" + long + "\nJWT_SECRET=" + long}, "{key: JWT_SECRET, alone: true}", StatePass, "", ""},
		{"only in a URL", folder{".env.production": "U=postgres://u:" + long[:32] + "@db/x"}, "{key: K, url: [U]}", StatePass,
			"", "the password in U is set at .env.production:1"},
		{"default password in a URL", folder{".env.production": "U=postgres://u:postgres@db/x"}, "{key: K, url: [U]}",
			StateFail, ReasonWeak, "the password in U at .env.production:1"},
		{"placeholder in a URL", folder{".env.production": "K=" + long + "\nU=postgres://u:changeme@db/x"},
			"{key: K, url: [U]}", StateFail, ReasonPlaceholder, "the password in U at .env.production:2"},
		{"escaped in a URL", folder{".env.production": "U=postgres://u:change%5Fme@db/x"}, "{key: K, url: [U]}", StateFail, ReasonPlaceholder, "the password in U"},
		{"URL built from the variable", folder{".env.production": "K=" + long[:32] + "\nU=postgres://u:${K}@db/x"},
			"{key: K, url: [U]}", StatePass, "", "K is set"},
		{"URL without a password", folder{".env.production": "U=postgres://db/x"}, "{key: K, url: [U]}", StateFail,
			ReasonMissing, "K is not set"},
		{"URL and empty variable", folder{".env.production": "K=\nU=postgres://u:" + long[:32] + "@db/x"},
			"{key: K, url: [U]}", StateFail, ReasonMissing, "K is empty"},
		{"placeholder only in the template", folder{".env.production.example": "K=CHANGE_ME", ".env.production": "K=" + long},
			"{key: K}", StatePass, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := look(t, newPass(t, tt.files, deployment.Settings{}), envSecretKind(), tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
			if strings.Contains(r.Detail, long) {
				t.Error("the detail shows the secret")
			}
		})
	}
}

// A URL built from the variable is not checked twice.
func TestEnvSecret_URLBuiltFromVariable(t *testing.T) {
	r := look(t, newPass(t, folder{".env.production": "K=changeme\nU=postgres://u:${K}@db/x"}, deployment.Settings{}), envSecretKind(), "{key: K, url: [U]}")
	expect(t, r, StateFail, ReasonPlaceholder, "K at .env.production:1 is a placeholder")
	hasNot(t, r, "the password in")
}

func TestEnvWord(t *testing.T) {
	spec := "{key: LOG_LEVEL, good: [info, warn, error], bad: [debug, trace]}"
	for text, want := range map[string]struct {
		State
		Reason
		detail string
	}{
		"LOG_LEVEL=info":      {StatePass, "", `"info"`},
		"LOG_LEVEL=WARN":      {StatePass, "", `"warn"`},
		"LOG_LEVEL=Debug":     {StateFail, ReasonWeak, `is "debug" at .env.production:1`},
		"LOG_LEVEL=trace":     {StateFail, ReasonWeak, `"trace"`},
		"LOG_LEVEL=loud-mark": {StateWarn, ReasonInvalid, "an unknown word"},
		"LOG_LEVEL=":          {StateWarn, ReasonMissing, "empty"},
		"X=1":                 {StateWarn, ReasonMissing, "not set"},
		"LOG_LEVEL=CHANGE_ME": {StateFail, ReasonPlaceholder, ""},
	} {
		t.Run(text, func(t *testing.T) {
			r := look(t, newPass(t, folder{".env.production": text}, deployment.Settings{}), envWordKind(), spec)
			expect(t, r, want.State, want.Reason, want.detail)
			if strings.Contains(r.Detail, "loud-mark") {
				t.Error("unknown word shown")
			}
		})
	}
	if _, ps := decode(envWordKind(), "{key: A, good: [x, y], bad: [Y]}"); len(ps) == 0 {
		t.Error("word accepted as good and bad")
	}
}

func TestEnvFlag(t *testing.T) {
	spec := "{all: [GDPR, CCPA], overrides: [DISABLE_GDPR]}"
	for text, want := range map[string]struct {
		State
		Reason
		detail string
	}{
		"GDPR=true\nCCPA=1":          {StatePass, "", "GDPR, CCPA: on"},
		"GDPR=yes\nCCPA=true":        {StateFail, ReasonInvalid, `GDPR is "yes" at .env.production:1, which the service does not accept as true`},
		"GDPR=TRUE\nCCPA=true":       {StateFail, ReasonInvalid, `GDPR is "true"`},
		"GDPR=true\nCCPA=false":      {StateFail, ReasonDisabled, `CCPA is "false"`},
		"GDPR=0\nCCPA=true":          {StateFail, ReasonDisabled, `GDPR is "0"`},
		"GDPR=true":                  {StateFail, ReasonMissing, "CCPA is not set"},
		"GDPR=true\nCCPA=":           {StateFail, ReasonMissing, "CCPA is empty"},
		"GDPR=mark-value\nCCPA=true": {StateFail, ReasonInvalid, "GDPR is another value"},
		"GDPR=CHANGE_ME\nCCPA=true":  {StateFail, ReasonPlaceholder, "GDPR"},
		"GDPR=true\nCCPA=1\nDISABLE_GDPR=true": {StateFail, ReasonDisabled,
			"DISABLE_GDPR at .env.production:3 disables it"},
		"GDPR=true\nCCPA=1\nDISABLE_GDPR=whatnot": {StateFail, ReasonDisabled, "DISABLE_GDPR"},
		"GDPR=true\nCCPA=1\nDISABLE_GDPR=false":   {StatePass, "", ""},
		"GDPR=true\nCCPA=1\nDISABLE_GDPR=":        {StatePass, "", ""},
	} {
		t.Run(text, func(t *testing.T) {
			r := look(t, newPass(t, folder{".env.production": text}, deployment.Settings{}), envFlagKind(), spec)
			expect(t, r, want.State, want.Reason, want.detail)
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
		state             State
		reason            Reason
		detail            string
	}{
		{"env_flag", "{all: [GDPR]}", "{GDPR: 'true'}", StatePass, "", "GDPR: on"},
		{"env_flag", "{all: [GDPR]}", "{GDPR: 'false'}", StateFail, ReasonDisabled, "docker-compose.yml:7"},
		{"env_flag", "{all: [GDPR]}", "{A: b}", StateFail, ReasonMissing, "GDPR is not set for service green"},
		{"env_flag", "{all: [GDPR], overrides: [OFF]}", "{GDPR: '1', OFF: 'yes'}", StateFail, ReasonDisabled,
			"OFF at docker-compose.yml:7 disables it"},
		{"env_flag", "{all: [GDPR]}", "{GDPR: 'vault:x/y'}", StateSkip, ReasonNotConfigured, "secret manager"},
		{"env_word", "{key: LOG_LEVEL, good: [info], bad: [debug]}", "{LOG_LEVEL: debug}", StateFail, ReasonWeak, "docker-compose.yml:7"},
		{"env_word", "{key: LOG_LEVEL, good: [info], bad: [debug]}", "{A: b}", StateWarn, ReasonMissing, "not set for service green"},
		{"env_number", "{any: [POOL]}", "{POOL: 0}", StateFail, ReasonThreshold, "docker-compose.yml:7"},
		{"env_number", "{any: [POOL]}", "{A: b}", StatePass, "", "POOL"},
	} {
		t.Run(tt.kind+" "+tt.green, func(t *testing.T) {
			r := look(t, newPass(t, folder{"docker-compose.yml": app + tt.green + "\n"}, deployment.Settings{}), envKindNamed(tt.kind), tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
		})
	}
}

func TestEnvNumber(t *testing.T) {
	pool := "{any: [DB_MAX_CONNS, DB_MAX_OPEN_CONNS], not_above: {DB_MAX_IDLE_CONNS: [DB_MAX_CONNS, DB_MAX_OPEN_CONNS]}}"
	rate := "{any: ['RATE_LIMIT*']}"
	ttl := "{any: [REDIS_TTL, 'REDIS_*_TTL'], duration: true, max: 604800}"
	tests := []struct {
		text, spec string
		state      State
		reason     Reason
		detail     string
	}{
		{"DB_MAX_CONNS=50", pool, StatePass, "", "DB_MAX_CONNS"},
		{"DB_MAX_OPEN_CONNS=50", pool, StatePass, "", "DB_MAX_OPEN_CONNS"},
		{"DB_MAX_OPEN_CONNS=0", pool, StateFail, ReasonThreshold, "less than 1"},
		{"DB_MAX_OPEN_CONNS=-5", pool, StateFail, ReasonThreshold, ""},
		{"DB_MAX_OPEN_CONNS=many", pool, StateFail, ReasonInvalid, "not a whole number"},
		{"DB_MAX_OPEN_CONNS=5.5", pool, StateFail, ReasonInvalid, "not a whole number"},
		{"DB_MAX_OPEN_CONNS=<n>", pool, StateFail, ReasonPlaceholder, ""},
		{"DB_MAX_OPEN_CONNS=", pool, StateFail, ReasonMissing, ""},
		{"X=1", pool, StateFail, ReasonMissing, "no valid value for any of DB_MAX_CONNS, DB_MAX_OPEN_CONNS"},
		{"DB_MAX_CONNS=50\nDB_MAX_IDLE_CONNS=60", pool, StateFail, ReasonMismatch, "DB_MAX_IDLE_CONNS at .env.production:2 is more than DB_MAX_CONNS"},
		{"DB_MAX_CONNS=50\nDB_MAX_IDLE_CONNS=50", pool, StatePass, "", ""},
		{"DB_MAX_CONNS=50\nDB_MAX_IDLE_CONNS=x", pool, StateFail, ReasonInvalid, ""},
		{"RATE_LIMIT_REQUESTS=1000\nRATE_LIMIT_STRATEGY=sliding", rate, StatePass, "", "RATE_LIMIT_REQUESTS: within"},
		{"RATE_LIMIT_REQUESTS=1000\nRATE_LIMIT_ENABLED=false", rate, StateFail, ReasonDisabled, `RATE_LIMIT_ENABLED is "false"`},
		{"RATE_LIMIT_ENABLED=true", rate, StateFail, ReasonMissing, ""},
		{"RATE_LIMIT_STRATEGY=sliding", rate, StateFail, ReasonMissing, "no whole number in RATE_LIMIT_STRATEGY (.env.production:1)"},
		{"RATE_LIMIT_RPS=0", rate, StateFail, ReasonThreshold, ""},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_REDIS_DB=0\nRATE_LIMIT_TRUST_PROXY=false\nRATE_LIMIT_DRY_RUN=false\nRATE_LIMIT_DISABLED=0", rate, StatePass, "", "RATE_LIMIT_REQUESTS: within"},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_DISABLED=true", rate, StateFail, ReasonDisabled, `RATE_LIMIT_DISABLED is "true" at .env.production:2`},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_DRY_RUN=1", rate, StateFail, ReasonDisabled, "RATE_LIMIT_DRY_RUN"},
		{"RATE_LIMIT_REQUESTS=100\nRATE_LIMIT_ENABLED=0", rate, StateFail, ReasonDisabled, "RATE_LIMIT_ENABLED"},
		{"RATE_LIMIT_ENABLED=1", rate, StateFail, ReasonMissing, "no whole number in RATE_LIMIT_ENABLED"},
		{"RATE_LIMIT_WINDOW=60", rate, StateFail, ReasonMissing, "no whole number in RATE_LIMIT_WINDOW"},
		{"RATE_LIMIT=100/minute", rate, StatePass, "", ""},
		{"RATE_LIMIT=20r/s", rate, StatePass, "", ""},
		{"RATE_LIMIT=0/s", rate, StateFail, ReasonThreshold, ""},
		{"RATE_LIMIT=100/forever", rate, StateFail, ReasonMissing, "no whole number"},
		{"RATE_LIMIT_RPS=1000\nRATE_LIMIT_BURST=0", rate, StateFail, ReasonThreshold, "RATE_LIMIT_BURST"},
		{"DB_MAX_CONNS=false", pool, StateFail, ReasonDisabled, ""},
		{"REDIS_TTL=300", ttl, StatePass, "", ""},
		{"REDIS_SESSION_TTL=5m", ttl, StatePass, "", "REDIS_SESSION_TTL"},
		{"REDIS_TTL=0", ttl, StateFail, ReasonThreshold, ""},
		{"REDIS_TTL=300\nREDIS_BID_TTL=30000h", ttl, StateFail, ReasonThreshold, "REDIS_BID_TTL at .env.production:2 is more than 1w"},
		{"REDIS_BID_TTL=soon", ttl, StateFail, ReasonInvalid, "not a duration"},
		{"REDIS_TTL=soon", ttl, StateFail, ReasonInvalid, "not a duration"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			expect(t, look(t, newPass(t, folder{".env.production": tt.text}, deployment.Settings{}), envNumberKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
	for _, bad := range []string{"{any: [A], min: 5, max: 4}", "{any: ['[']}", "{any: []}"} {
		if _, ps := decode(envNumberKind(), bad); len(ps) == 0 {
			t.Errorf("%s loads", bad)
		}
	}
}

func TestEnvPlaceholders(t *testing.T) {
	compose := "services: {catalyst: {image: x, env_file: [.env.production, extra.env]}}"
	tests := []struct {
		name   string
		files  folder
		spec   string
		state  State
		reason Reason
		detail string
		count  float64
	}{
		{"none", folder{".env.production": "A=1\nB=two"}, "{}", StatePass, "", "2 values in 1 env files", 0},
		{"two", folder{".env.production": "A=CHANGE_ME\nB=x\nC=<key>"}, "{}", StateFail, ReasonPlaceholder, "A at .env.production:1 is a placeholder; C at .env.production:3", 2},
		{"domain", folder{".env.production": "HOST=ads.yourdomain.com"}, "{}", StateWarn, ReasonPlaceholder,
			"HOST at .env.production:1 contains a documentation domain", 0},
		{"domain with the word example", folder{".env.production": "HOST=https://example.com/x"}, "{}", StateWarn,
			ReasonPlaceholder, "HOST at .env.production:1 contains a documentation domain", 0},
		{"secret unchanged from the template", folder{".env.production": "A=1\nSMTP_PASSWORD=" + strings.Repeat("q7", 9),
			".env.example": "A=1\nSMTP_PASSWORD=" + strings.Repeat("q7", 9)}, "{}", StateFail, ReasonPlaceholder,
			"SMTP_PASSWORD at .env.production:2 is unchanged from .env.example:2", 1},
		{"other value unchanged from the template", folder{".env.production": "A=longer-than-eight",
			".env.example": "A=longer-than-eight"}, "{}", StatePass, "", "", 0},
		{"excepted", folder{".env.production": "A=CHANGE_ME\nB=x"}, "{except: [A]}", StatePass, "", "", 0},
		{"env file of a service", folder{".env.production": "A=1", "extra.env": "B=changeme", "docker-compose.yml": compose},
			"{}", StateFail, ReasonPlaceholder, "extra.env:1", 1},
		{"unused and template files", folder{".env.production": "A=1", "old.env": "B=changeme", ".env.example": "C=changeme"}, "{}", StatePass, "", "", 0},
		{"syntax error", folder{".env.production": "A=1\nB=\"open\n"}, "{}", StateFail, ReasonInvalid, ".env.production:2",
			0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := look(t, newPass(t, tt.files, deployment.Settings{}), envPlaceholdersKind(), tt.spec)
			expect(t, r, tt.state, tt.reason, tt.detail)
			if n, ok := measured(r, EnvPlaceholders); !ok || n != tt.count {
				t.Errorf("measured %v, %v; want %v", n, ok, tt.count)
			}
		})
	}
	expect(t, look(t, newPass(t, nil, deployment.Settings{}), envPlaceholdersKind(), "{}"), StateFail, ReasonMissing, "no env file")
	expect(t, look(t, newPass(t, folder{".env.production": "# nothing\n"}, deployment.Settings{}), envPlaceholdersKind(), "{}"), StateFail, ReasonEmpty, "")
}

// An env file with another name is suggested, not used.
func TestEnvFile_OtherName(t *testing.T) {
	r := look(t, newPass(t, folder{"prod.env": "A=1", ".env.staging": "A=1", ".env.example": "A="}, deployment.Settings{}), envFileKind(), "{}")
	expect(t, r, StateFail, ReasonMissing,
		"no .env.production or .env found. If Compose uses another file (.env.staging, prod.env), set deployment.env_file")
}

func TestEnvFile(t *testing.T) {
	tests := []struct {
		name   string
		files  folder
		spec   string
		state  State
		reason Reason
		detail string
	}{
		{"good", folder{".env.production": "A=1\nB='two words'"}, "{required: [A]}", StatePass, "", ".env.production: 2 keys"},
		{"CRLF, BOM and export", folder{".env.production": "\ufeffexport A=1\r\nB=2\r\n"}, "{required: [A, B]}", StateWarn, ReasonInvalid, ""},
		{"required", folder{".env.production": "A=1\nB="}, "{required: [B, C]}", StateFail, ReasonMissing,
			"B is not set in .env.production, but required by the checklist"},
		{"duplicate", folder{".env.production": "A=1\nB=2\nA=3"}, "{}", StateFail, ReasonInvalid, ".env.production:3 (A)"},
		{"line that a shell misreads", folder{".env.production": "BACKUP_CRON=0 2 * * *"}, "{}", StateWarn, ReasonInvalid,
			".env.production:1 (BACKUP_CRON): a shell reads the line differently"},
		{"quote over several lines", folder{".env.production": "A=\"one\ntwo\"\nB=2"}, "{required: [A, B]}", StatePass, "", ""},
		{"open quote", folder{".env.production": "A=\"one\ntwo\nB=2"}, "{}", StateFail, ReasonInvalid, ".env.production:1"},
		{"empty", folder{".env.production": "\n# nothing\n"}, "{}", StateFail, ReasonEmpty, ""},
		{"no file", folder{}, "{}", StateFail, ReasonMissing, ".env.production"},
		{"template's key", folder{".env.production": "A=1", ".env.production.example": "A=\nB=CHANGE_ME"}, "{}", StateFail,
			ReasonMissing, "B is missing in .env.production, but listed in .env.production.example"},
		{"template not checked", folder{".env.production": "A=1", ".env.example": "B="}, "{template: false}", StatePass, "",
			""},
		{"compose requires", folder{".env.production": "A=1",
			"docker-compose.yml": "services: {x: {image: 'x:${TAG:?set it}'}}"}, "{}", StateFail, ReasonMissing,
			"docker-compose.yml:1 requires it"},
		{"compose refers", folder{".env.production": "A=1", "docker-compose.yml": "services:\n  x: {image: 'x:${TAG}'}"},
			"{}", StateFail, ReasonMissing, "docker-compose.yml:2 uses it without a default"},
		{"compose refers to an empty secret", folder{".env.production": "A=1\nAPI_KEY=",
			"docker-compose.yml": "services:\n  x: {image: x, environment: {K: '${API_KEY}'}}"}, "{}", StateWarn, ReasonMissing,
			"API_KEY is empty at .env.production:2"},
		{"compose refers to something empty", folder{".env.production": "A=1\nTRACING=", "docker-compose.yml": "services:\n  x: {image: x, environment: {K: '${TRACING}'}}"}, "{}", StatePass, "", ""},
		{"compose has a default", folder{".env.production": "A=1", "docker-compose.yml": "services:\n  x: {image: 'x:${TAG:-1}', hostname: '${HOSTNAME}'}"}, "{}", StatePass, "", ""},
		{"larger than the limit", folder{".env.production": "A=" + strings.Repeat("x", 2<<20)}, "{}", StateFail, ReasonInvalid, "limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expect(t, look(t, newPass(t, tt.files, deployment.Settings{}), envFileKind(), tt.spec), tt.state, tt.reason, tt.detail)
		})
	}
}

// TestEnvFile_SpecialFiles replaces the env file with directories, pipes and links.
func TestEnvFile_SpecialFiles(t *testing.T) {
	tests := []struct {
		name   string
		make   func(path string) error
		state  State
		reason Reason
	}{
		{"directory", func(p string) error { return os.Mkdir(p, 0o755) }, StateFail, ReasonInvalid},
		{"fifo", func(p string) error { return syscall.Mkfifo(p, 0o600) }, StateFail, ReasonInvalid},
		{"symlink loop", func(p string) error { return os.Symlink(filepath.Base(p), p) }, StateFail, ReasonInvalid},
		{"dangling symlink", func(p string) error { return os.Symlink("nowhere", p) }, StateFail, ReasonMissing},
		{"world readable", func(p string) error { return os.WriteFile(p, []byte("A=1"), 0o644) }, StateWarn, ReasonExposed},
		{"group writable", func(p string) error {
			if err := os.WriteFile(p, []byte("A=1"), 0o600); err != nil {
				return err
			}
			return os.Chmod(p, 0o660)
		}, StateWarn, ReasonExposed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			if err := tt.make(filepath.Join(root, ".env.production")); err != nil {
				t.Fatal(err)
			}
			settings := deployment.Settings{Root: root, EnvFile: ".env.production"}
			expect(t, look(t, newPass(t, nil, settings), envFileKind(), "{}"), tt.state, tt.reason, "")
			if tt.state == StateFail {
				expect(t, look(t, newPass(t, nil, settings), envSecretKind(), "{key: K}"), tt.state, tt.reason, "")
				expect(t, look(t, newPass(t, nil, settings), envPlaceholdersKind(), "{}"), tt.state, tt.reason, "")
			}
		})
	}
}

// envKindNamed is the kind of that name among those that these tests run.
func envKindNamed(name string) Kind {
	return map[string]Kind{
		"env_file":         envFileKind(),
		"env_flag":         envFlagKind(),
		"env_number":       envNumberKind(),
		"env_placeholders": envPlaceholdersKind(),
		"env_secret":       envSecretKind(),
		"env_word":         envWordKind(),
	}[name]
}
