package gitscan

import (
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/gitscan/gitlog"
)

// TestPasswordRules: each rule finds its true examples, as strong or not, and none of the false ones. PW is replaced by a
// generated password, B64 by base64 of a user and that password, K8S by base64 of
// that password. USR is the flag of a user, which scanners would find here.
func TestPasswordRules(t *testing.T) {
	type example struct{ file, text string }
	for rule, tt := range map[string]struct{ strong, doubtful, false []example }{
		"catalyst-url-password": {
			strong: []example{{"config.yml", "url: postgres://catalyst:PW@db.shop.io:5432/catalyst"}, {"run.sh", "curl https://admin:PW@grafana.shop.io/"}, {"c.py", "R = 'redis://:PW@redis:6379/0'"}},
			doubtful: []example{{"config.yml", "postgres://u:PW@localhost:5432/x"}, {"db_test.go", `"postgres://u:PW@db/x"`}, {".github/workflows/ci.yml", "postgres://u:PW@postgres/x"},
				{"config.yml", "amqp://u:tigerlily@mq/x"}, {"README.md", "postgres://u:PW@db.example.com/x"}},
			false: []example{{"c.yml", "postgres://u:${DB_PASSWORD}@db/x"}, {"c.go", "postgres://%s:%s@%s/x"}, {"c.py", "f'postgres://{user}:{password}@db'"}, {"c.md", "postgres://user:password@db/x"},
				{"c.md", "https://shop.io:8080/a@b"}, {"c.md", "postgres://u:<password>@db/x"}, {"c.md", "postgres://u:CHANGE_ME_NOW@db/x"}},
		},
		"catalyst-netrc-password": {strong: []example{{".netrc", "machine api.shop.io login deploy password PW"}, {"n", "machine a\n  login b\n  password PW\n"}, {".netrc", "default login deploy password PW"}},
			false: []example{{".netrc", "machine a login b password $TOKEN_OF_CI"}, {"a.md", "the machine needs a login and password"}}},
		"catalyst-pgpass-password": {strong: []example{{".pgpass", "db:5432:*:catalyst:PW"}, {"conf/pgpass.conf", "*:*:*:u:PW\n"}, {"prod.pgpass", "db:5432:*:u:a\\:bPW\n"}},
			false: []example{{"other", "db:5432:*:catalyst:PW"}, {".pgpass", "# host:5432:db:user:password"}}},
		"catalyst-redis-requirepass": {strong: []example{{"redis.conf", "requirepass PW"}, {"docker-compose.yml", `command: ["redis-server", "--requirepass", "PW"]`}, {"c.yml", "redis-server --requirepass PW --port 1"},
			{"redis.conf", "masterauth PW"}},
			false: []example{{"c.yml", `["redis-server", "--requirepass", "${REDIS_PASSWORD}"]`}, {"c.yml", "--requirepass $$REDIS_PASSWORD"}, {"redis.conf", "# requirepass foobared"}}},
		"catalyst-redis-cli-password": {strong: []example{{"c.yml", `test: ["CMD", "redis-cli", "-a", "PW", "ping"]`}, {"r.sh", "redis-cli -h redis -a PW ping"}, {"r.sh", "redis-cli --pass PW ping"}},
			false: []example{{"r.sh", `redis-cli -a "$REDIS_PASSWORD" ping`}, {"r.sh", "redis-cli --askpass ping"}}},
		"catalyst-sql-password": {strong: []example{{"init.sql", "CREATE ROLE app LOGIN PASSWORD 'PW';"}, {"init.sql", "alter user app with\n encrypted password 'PW';"}, {"my.sql", "CREATE USER 'a'@'%' IDENTIFIED BY 'PW';"}},
			false: []example{{"init.sql", "CREATE ROLE app PASSWORD :'app_password';"}, {"init.sql", "CREATE ROLE app PASSWORD '${APP_PASSWORD}';"}, {"init.sql", "CREATE ROLE app; -- password later"}, {"init.sql", "CREATE ROLE app PASSWORD 'SCRAM-SHA-256$4096:PW'"}}},
		"catalyst-basic-authorization": {strong: []example{{"c.sh", "curl -H 'Authorization: Basic B64' x"}, {"c.json", `"Authorization": "Basic B64"`}},
			false: []example{{"c.sh", "Authorization: Basic $CREDENTIALS"}, {"a.md", "Authorization: Basic authentication is used"}}},
		"catalyst-docker-auth": {strong: []example{{"config.json", `{"auths": {"r.io": {"auth": "B64"}}}`}}, false: []example{{"config.json", `{"auth": "enabledenabled"}`}}},
		"catalyst-redis-acl": {strong: []example{{"users.acl", "user app on >PW ~* +@all"}, {"init.sh", "redis-cli ACL SETUSER app on '>PW' ~*"}},
			false: []example{{"users.acl", "user app on #PWPW ~*"}, {"a.md", "the user may write > into a file"}, {"r.sh", "ACL SETUSER app on >$APP_PASSWORD"}}},
		"catalyst-command-password": {strong: []example{{"c.yml", `test: ["CMD", "mysqladmin", "ping", "-uroot", "--password=PW"]`}, {"b.sh", "mysqldump -u root -pPW shop"}, {"b.sh", "mongosh -u admin -p PW shop"},
			{"b.sh", "curl -s USR admin:PW https://shop.io/health"}, {"c.yml", `["CMD", "curl", "LONGUSR", "admin:PW", "http://app/"]`}},
			doubtful: []example{{"ci/run.sh", "mysql -pPW"}},
			false:    []example{{"b.sh", `mysqldump --password="$DB_PASSWORD" shop`}, {"b.sh", "curl USR $USER:$PASSWORD https://shop.io"}, {"b.sh", "mysql -p shop"}, {"b.sh", "curl -p https://shop.io/a/long/path"}}},
		"catalyst-compose-secret": {strong: []example{{"docker-compose.yml", "    environment:\n      POSTGRES_PASSWORD: PW\n"}, {"deploy/compose.prod.yaml", "      - JWT_SECRET=PW\n"}, {"compose.yml", "      args:\n        NPM_TOKEN: 'PW'\n"},
			{"compose.yml", "configs:\n  app:\n    content: |\n      api_key = PW\n"}},
			doubtful: []example{{"docker-compose.test.yml", "  DB_PASSWORD: PW\n"}},
			false: []example{{"other.yml", "  POSTGRES_PASSWORD: PW\n"}, {"docker-compose.yml", "  POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?unset}\n"}, {"docker-compose.yml", "  POSTGRES_PASSWORD_FILE: /run/secrets/db_password\n"},
				{"docker-compose.yml", "  STRIPE_PUBLIC_KEY: PW\n"}, {"docker-compose.yml", "secrets:\n  db_password:\n    file: ./db_password.txt\n"}, {"docker-compose.yml", "  API_KEY: /etc/keys/api.pem\n"},
				{"docker-compose.yml", "  DB_PASSWORD: CHANGE_ME_NOW\n"}}},
		"catalyst-kubernetes-secret": {strong: []example{{"k8s/secret.yml", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\nstringData:\n  user: app\n  password: PW\n"}, {"s.yaml", "kind: Secret\ndata:\n  db-password: K8S\n"},
			{"s.yaml", "apiVersion: v1\ndata:\n  api.token: K8S\nkind: Secret\n"}, {"s.yaml", "kind: ConfigMap\ndata:\n  a: b\n---\nkind: Secret\ntype: Opaque\nstringData:\n  url: postgres://u:PW@db/x\n"},
			{"s.json", `{"apiVersion": "v1", "kind": "Secret", "data": {"password": "K8S"}}`}, {"s.json", `{"data": {"user": "app", "password": "K8S"}, "kind": "Secret"}`}},
			doubtful: []example{{"examples/secret.yml", "kind: Secret\nstringData:\n  password: PW\n"}},
			false: []example{{"s.yml", "kind: ConfigMap\ndata:\n  password: PW\n"}, {"s.yml", "kind: SealedSecret\nspec:\n  encryptedData:\n    password: K8S\n"}, {"s.yml", "kind: Secret\nstringData:\n  password: {{ .Values.password }}\n"},
				{"s.yml", "kind: Secret\nmetadata:\n  password: PW\n"}, {"s.yml", "kind: Secret\nstringData:\n  user: PW\n"}, {"s.yml", "kind: Secret\ndata:\n  password: NOW64\n"}}},
		"catalyst-prometheus-basic-auth": {strong: []example{{"prometheus.yml", "basic_auth:\n  username: p\n  password: PW\n"}, {"am.yml", "basic_auth: {username: p, password: PW}"}, {"p.yml", "authorization:\n  type: Bearer\n  credentials: PW\n"}},
			false: []example{{"prometheus.yml", "basic_auth:\n  username: p\n  password_file: /run/secrets/p\n"}}},
		"catalyst-client-password": {strong: []example{{"b.sh", "PGPASSWORD=PW pg_dump x"}, {"c.yml", `REDISCLI_AUTH: "PW"`}}, false: []example{{"b.sh", `PGPASSWORD="$DB_PASSWORD" pg_dump`}}},
	} {
		t.Run(rule, func(t *testing.T) {
			scan := secretScan{findings: newFindings(), key: []byte("k"), rules: ruleSet{detectors: sync.OnceValues(func() (*detectors, error) { return newDetectors(nil, nil) })}}
			search := func(e example) (found, strong bool) {
				t.Helper()
				password := "k7" + probetest.RandomText(20) + "Zq"
				text := strings.NewReplacer("LONGUSR", "--user", "USR", "-u", "NOW64", base64.StdEncoding.EncodeToString([]byte("CHANGE_ME_NOW")), "PW", password, "B64", base64.StdEncoding.EncodeToString([]byte("admin:"+password)),
					"K8S", base64.StdEncoding.EncodeToString([]byte(password))).Replace(e.text)
				scan.findings = newFindings()
				if err := scan.search(t.Context(), gitlog.Addition{File: e.file, Line: 1, Text: text}); err != nil {
					t.Fatal(err)
				}
				for at, p := range scan.passwords {
					if at.rule == rule {
						return true, p.strong
					}
				}
				return false, false
			}
			for _, e := range tt.strong {
				if found, strong := search(e); !found || !strong {
					t.Errorf("%s: %s: found %v, strong %v", e.file, e.text, found, strong)
				}
			}
			for _, e := range tt.doubtful {
				if found, strong := search(e); !found || strong {
					t.Errorf("%s: %s: found %v, strong %v; want a doubtful one", e.file, e.text, found, strong)
				}
			}
			for _, e := range tt.false {
				if found, _ := search(e); found {
					t.Errorf("%s: %s holds no password", e.file, e.text)
				}
			}
		})
	}
	own, err := decodeRules([]byte(passwordRules))
	if err != nil || len(own.Rules) != 14 {
		t.Errorf("%d rules, %v: add examples", len(own.Rules), err)
	}
}

// TestGitSecrets_Passwords: in HEAD they fail, in the past and on the local host they warn, and lists of the repository count.
func TestGitSecrets_Passwords(t *testing.T) {
	password := "k7" + probetest.RandomText(20)
	line := "url: postgres://catalyst:" + password + "@db.shop.io:5432/catalyst\n"
	look := func(r *parts.Repository) probe.Result {
		got := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir}), SecretsKind(), "{}")
		probetest.HasNot(t, got, password)
		return got
	}
	r := parts.GitRepo(t)
	r.Commit(t, "1", map[string]string{"config.yml": line})
	probetest.Expect(t, look(r), probe.StateFail, probe.ReasonCommitted, "catalyst-url-password at config.yml:1 (commit ")
	r.Write(t, map[string]string{ignoreFile: "config.yml:catalyst-url-password:1\n"})
	probetest.Expect(t, look(r), probe.StatePass, probe.ReasonNone, "1 known finding")
	r.Write(t, map[string]string{ignoreFile: "", rulesFile: "[extend]\nuseDefault = true\ndisabledRules = [\"catalyst-url-password\"]\n"})
	probetest.Expect(t, look(r), probe.StatePass, probe.ReasonNone, "")
	r.Write(t, map[string]string{rulesFile: "[extend]\nuseDefault = true\n"})
	probetest.Expect(t, look(r), probe.StateFail, probe.ReasonCommitted, "")
	r.Commit(t, "2", map[string]string{"config.yml": "url: ${DATABASE_URL}\n"})
	probetest.Expect(t, look(r), probe.StateWarn, probe.ReasonCommitted, "passwords of tests or of the past (1): catalyst-url-password at config.yml:1")
	r.Write(t, map[string]string{"config.yml": line})
	probetest.Expect(t, look(r), probe.StateFail, probe.ReasonCommitted, "not committed")

	local := parts.GitRepo(t)
	local.Commit(t, "1", map[string]string{"config.yml": strings.ReplaceAll(line, "db.shop.io", "localhost")})
	probetest.Expect(t, look(local), probe.StateWarn, probe.ReasonCommitted, "config.yml:1")
	allowed := parts.GitRepo(t)
	allowed.Commit(t, "1", map[string]string{"config.yml": strings.TrimSpace(line) + " # " + allowComment + "\n"})
	probetest.Expect(t, look(allowed), probe.StatePass, probe.ReasonNone, "1 finding accepted by gitleaks:allow comments")
}

// TestGitSecrets_SwitchedOff: rules of the repository that accept everything are a warning, however they are written.
func TestGitSecrets_SwitchedOff(t *testing.T) {
	for name, tt := range map[string]struct {
		rules  string
		state  probe.State
		detail string
	}{
		"every path":       {"[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['''.*''']\n", probe.StateWarn, "accept every secret in every file"},
		"every character":  {"[extend]\nuseDefault = true\n[[allowlists]]\nregexes = ['''.''']\n", probe.StateWarn, "accept every secret in every file"},
		"old form":         {"[extend]\nuseDefault = true\n[allowlist]\npaths = ['''/|^[^/]+$''']\n", probe.StateWarn, "accept every secret in every file"},
		"no default rules": {"[[rules]]\nid = 'x'\nregex = '''nothing'''\n", probe.StateWarn, "does not extend the default rules"},
		"tests":            {"[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['''^tests/''']\n", probe.StatePass, "switches off 0 of "},
		"one rule":         {"[extend]\nuseDefault = true\ndisabledRules = ['github-pat']\n", probe.StatePass, "switches off 1 of "},
		"one value":        {"[extend]\nuseDefault = true\n[[allowlists]]\nregexes = ['''^known$''']\n", probe.StatePass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := parts.GitRepo(t)
			r.Commit(t, "1", map[string]string{rulesFile: tt.rules, "app.conf": "a=1\n", "tests/x": "1\n"})
			got := probetest.Look(t, probetest.NewPass(t, nil, deployment.Settings{Root: r.Dir}), SecretsKind(), "{}")
			reason := probe.ReasonNone
			if tt.state == probe.StateWarn {
				reason = probe.ReasonWeak
			}
			probetest.Expect(t, got, tt.state, reason, tt.detail)
			if name == "tests" && !strings.Contains(got.Detail, "all rules in 1 of 2 checked files") {
				t.Error(got.Detail)
			}
		})
	}
}
