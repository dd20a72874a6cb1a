package exporter

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// plantedFolder writes a deployment with secrets in every file and returns its root. All files are valid.
func plantedFolder(t *testing.T, m *marks, at echoes) string {
	t.Helper()
	root := t.TempDir()
	put := func(name, format string, args ...any) { write(t, root, name, fmt.Sprintf(format, args...)) }
	port := func(address string) string { _, p, _ := net.SplitHostPort(address); return p }

	put(".env.production", `HOST=127.0.0.1
DB_HOST=127.0.0.1
DB_PORT=%s
DB_USER=catalyst
DB_PASSWORD=%s
DATABASE_URL=postgres://catalyst:%s@127.0.0.1:%s/catalyst?sslmode=disable&token=%s
DB_MAX_OPEN_CONNS=%s
REDIS_HOST=127.0.0.1
REDIS_PORT=%s
REDIS_PASSWORD=%s
REDIS_URL=redis://default:%s@127.0.0.1:%s/0?token=%s
REDIS_TTL=%s
REDIS_SESSION_TTL=%ss
RATE_LIMIT_REQUESTS=%s
LOG_LEVEL=%s
PBS_ENFORCE_GDPR=%s
PBS_ANONYMIZE_IP=true
BIDDER_API_KEY=CHANGE_ME-%s
OTHER_API_KEY=<your-%s>
INTERPOLATED=${UNSET_%s:-%s}
TRIPPING=two words %s
DOUBLED=%s
DOUBLED=%s
S3_BUCKET=backups
S3_ENDPOINT=http://%s
AWS_REGION=eu-central-1
AWS_ACCESS_KEY_ID=%s
AWS_SECRET_ACCESS_KEY=%s
AWS_SESSION_TOKEN=%s
TOKEN_FOR_PROMETHEUS=%s
`, port(at.postgres), m.plant("DB_PASSWORD"), m.plant("DATABASE_URL's password"), port(at.postgres), m.plant("DATABASE_URL's query"), m.plant("DB_MAX_OPEN_CONNS"),
		port(at.redis), m.plant("REDIS_PASSWORD"), m.plant("REDIS_URL's password"), port(at.redis), m.plant("REDIS_URL's query"), m.plant("REDIS_TTL"), m.plant("REDIS_SESSION_TTL"),
		m.plant("RATE_LIMIT_REQUESTS"), m.plant("LOG_LEVEL"), m.plant("PBS_ENFORCE_GDPR"), m.plant("a placeholder"), m.plant("another placeholder"),
		"X", m.plant("a default in the env file"), m.plant("a line a shell trips over"), m.plant("a doubled key"), m.plant("a doubled key, again"), at.http,
		m.plant("AWS_ACCESS_KEY_ID"), m.plant("AWS_SECRET_ACCESS_KEY"), m.plant("AWS_SESSION_TOKEN"), m.plant("TOKEN_FOR_PROMETHEUS"))
	put("backup.env", "PGPASSWORD=%s\nENCRYPTION_KEY='%s'\n", m.plant("a second env file"), m.plant("a second env file, quoted"))
	put("secrets/jwt_secret", "%s", m.plant("a compose secret"))
	put("secrets/key.pem", "%s\n", m.plant("KEY_FILE"))
	put("docker-compose.yml", `name: planted
services:
  catalyst:
    image: registry.example/catalyst:1
    build: {context: ., args: {NPM_TOKEN: %s}}
    env_file: .env.production
    environment:
      JWT_SECRET_FILE: /run/secrets/jwt_secret
      SESSION_KEY_FILE: %s
      PBS_GEO_ENFORCEMENT: %s
      PBS_ENFORCE_CCPA: "%s"
      INLINE_SECRET: %s
    secrets: [jwt_secret]
    command: [serve, --api-key, %s]
    labels: {token: %s}
    healthcheck: {test: [CMD, curl, -H, "Authorization: Bearer %s", http://localhost/]}
    logging: {driver: %s, options: {loki-url: "http://x:%s@loki/"}}
  redis:
    image: redis:7
    command: redis-server --requirepass %s
  backup:
    image: backup:1
    env_file: backup.env
    volumes: ["./%s:/backups"]
secrets:
  jwt_secret: {file: ./secrets/jwt_secret}
`, m.plant("a build argument"), filepath.Join(root, "secrets/key.pem"), m.plant("compose: PBS_GEO_ENFORCEMENT"), m.plant("compose: PBS_ENFORCE_CCPA"), m.plant("compose: environment"),
		m.plant("compose: command"), m.plant("compose: label"), m.plant("compose: healthcheck"), m.plant("compose: logging driver"), m.plant("compose: logging options"),
		m.plant("compose: command line"), "backups")
	put("prometheus/alertmanager.yml", `global:
  smtp_auth_password: %s
  slack_api_url: https://hooks.slack.example/services/%s
route: {receiver: on-call}
receivers:
  - name: on-call
    pagerduty_configs: [{routing_key: CHANGE_ME_%s}]
    slack_configs: [{api_url_file: /run/secrets/%s, channel: '#x'}]
    webhook_configs: [{url: "http://x:%s@127.0.0.1/?token=%s", http_config: {authorization: {credentials: %s}}}]
`, m.plant("alertmanager: password"), m.plant("alertmanager: Slack's URL"), m.plant("alertmanager: a placeholder key"), m.plant("alertmanager: a key in place of a path"),
		m.plant("alertmanager: webhook's password"), m.plant("alertmanager: webhook's token"), m.plant("alertmanager: credentials"))
	put("nginx/nginx.conf", `events {}
http {
  # %s
  split_clients "$remote_addr" $v { %s%% green; * "%s"; }
  map $http_x_key $known { default 0; "%s" 1; }
  server {
    listen 443 ssl; server_name 127.0.0.1;
    ssl_certificate server.crt; ssl_certificate_key server.key; ssl_password_file %s;
    location / { proxy_set_header Authorization "Bearer %s"; proxy_pass http://x:%s@catalyst:8000; }
  }
}
`, m.plant("nginx: comment"), m.plant("nginx: weight"), m.plant("nginx: split_clients"), m.plant("nginx: map"), m.plant("nginx: password file"), m.plant("nginx: header"), m.plant("nginx: upstream"))
	cert := parts.TLS(t, []string{"elsewhere.example"})
	cert.Write(t, root)
	cert.Write(t, write0(t, root, "ssl"))
	m.planted("the certificate's key", strings.Split(string(cert.KeyPEM()), "\n")[2][:40])
	put("migrations/001_first.sql", "CREATE ROLE app PASSWORD '%s';\n", m.plant("migration"))
	put("migrations/003_third.sql", "SELECT 1;\n")
	put("DISASTER-RECOVERY.md", "# Recovery\n\nRTO %s\n\nRPO TBD %s\n", m.plant("recovery plan: RTO"), m.plant("recovery plan: RPO"))
	put("RUNBOOK.md", "# Runbook\n\n## TODO %s\n\n    psql postgres://x:%s@db/\n", m.plant("runbook: heading"), m.plant("runbook: command"))
	put("CHANGELOG.md", "# Changelog\n\n## [%s] - TBD\n\n- token %s\n", m.plant("changelog: version"), m.plant("changelog: entry"))
	put("docs/production-checklist.md", "# Checklist\n\n## Emergency Contacts\n\n| Role | Contact | Escalation |\n|---|---|---|\n| Lead | TBD, PIN %s | %s |\n", m.plant("contacts: TBD"), m.plant("contacts"))
	put("docs/architecture.mmd", "flowchart LR\n  a[\"%s\"] --> b\n", m.plant("diagram"))
	const commit = "0123456789abcdef0123456789abcdef01234567"
	evidence := ".catalyst/evidence/" + commit + "/"
	put(evidence+"tests.json", `{"Action":"run","Package":"p","Test":"T"}`+"\n"+`{"Action":"output","Package":"p","Test":"T","Output":"%s"}`+"\n"+`{"Action":"fail","Package":"p","Test":"T"}`+"\n", m.plant("evidence: test output"))
	put(evidence+"lint.json", `{"Issues":[{"FromLinter":"l","Text":"%s","SourceLines":["%s"]}],"Report":{}}`, m.plant("evidence: lint's text"), m.plant("evidence: lint's source"))
	put(evidence+"coverage.out", "mode: set\n%s\n", m.plant("evidence: coverage"))
	put(evidence+"security.json", `{"Issues":[{"severity":"HIGH","rule_id":"G101","details":"%s","code":"%s","file":"x.go","line":"1"}],"Golang errors":{},"Stats":{"files":1,"lines":1,"nosec":0,"found":1}}`, m.plant("evidence: gosec's details"), m.plant("evidence: gosec's code"))
	put(evidence+"load.json", `{"metrics":{"http_req_duration":{"thresholds":{"%s":true}}}}`, m.plant("evidence: load"))
	put(".catalyst/attestations/restore.yml", "item: backup/restore_tested\nby: ops\nat: 2026-11-01T00:00:00Z\nvalid_for: 90d\nevidence: https://x:%s@wiki.example/\nnote: |\n  the password was %s\n", m.plant("attestation: evidence"), m.plant("attestation: note"))
	put(".catalyst/attestations/broken.yml", "item: backup/disaster_recovery_plan\nby: [%s]\nat: %s\nnote: {%s: x}\nodd: %s\n", m.plant("attestation: list"), m.plant("attestation: time"), m.plant("attestation: key"), m.plant("attestation: unknown key's value"))
	put("backups/daily/db.sql", "-- PostgreSQL database dump\nCOPY users FROM stdin;\n%s\n", m.plant("backup"))
	put("logs/app.log", "panic: %s\n", m.plant("log"))
	return root
}

// write0 creates a subfolder.
func write0(t *testing.T, root, name string) string {
	t.Helper()
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// breakFolder replaces files with invalid ones that contain secrets where an error message could quote them.
func breakFolder(t *testing.T, m *marks, root string, variant int) {
	t.Helper()
	put := func(name, format string, args ...any) { write(t, root, name, fmt.Sprintf(format, args...)) }
	switch variant {
	case 0:
		put(".env.production", "GOOD=1\nBAD LINE %s\nQUOTED=\"%s\n", m.plant("broken env: line"), m.plant("broken env: open quote"))
		put("docker-compose.yml", "services:\n  a: {image: x, ports: ['%s'], environment: {X: [%s]}}\n", m.plant("broken compose: port"), m.plant("broken compose: environment"))
		put("prometheus/alertmanager.yml", "global: {slack_api_url: '%s\nroute: [%s\n", m.plant("broken alertmanager: open quote"), m.plant("broken alertmanager: open list"))
		put("nginx/nginx.conf", "http { server { listen '%s; } %s", m.plant("broken nginx: open quote"), m.plant("broken nginx: open block"))
		put("ssl/server.key", "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", m.plant("broken key"))
		put("server.key", "-----BEGIN %s-----\nAAAA\n-----END %s-----\n", m.plant("broken key: type"), m.plant("broken key: type's end"))
	case 1:
		doubled := m.plant("broken env: a line that comes twice")
		put(".env.production", "A=${%s\nB=${X:?%s}\n%s\nexport %s\n=%s\n%s-_==\nD=1\nD=2\n%s.x=1\n%s.x=2\n", m.plant("broken env: open brace"), m.plant("broken env: demanded"), m.plant("broken env: word"), m.plant("broken env: export"), m.plant("broken env: no key"),
			m.plant("broken env: a line of base64"), doubled, doubled)
		put("docker-compose.yml", "services:\n  a:\n    image: x\n    deploy: {resources: {limits: {memory: '%s', cpus: '%s'}}}\n    secrets: [{source: '%s'}]\n    network_mode: 'service:%s'\n",
			m.plant("broken compose: memory"), m.plant("broken compose: cpus"), m.plant("broken compose: secret"), m.plant("broken compose: network"))
	case 2:
		put(".env.production", "A=1\n")
		put("docker-compose.yml", "services:\n  a:\n    image: '${IMG:?%s}'\n    environment: ['%s=x', '%s']\n    command: ${X:?%s}\n", m.plant("broken compose: demanded"), m.plant("compose: list"), m.plant("compose: list, no value"), m.plant("broken compose: demanded, too"))
	case 3:
		put("docker-compose.yml", "services:\n  a: {image: x, environment: {A: 1}}\n %s\n\t%s: x\n", m.plant("broken compose: indentation"), m.plant("broken compose: tab"))
		put(".catalyst/releases/000001.yml", "number: %s\nphase: %s\nby: %s\n", m.plant("broken record: number"), m.plant("broken record: phase"), m.plant("broken record: by"))
	}
}
