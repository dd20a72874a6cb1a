package exporter

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// plantMore adds sound files with a secret at every place where deployments write one, to the folder of plantedFolder.
func plantMore(t *testing.T, m *marks, root string) {
	t.Helper()
	// fill replaces every @ by a mark of its own.
	fill := func(name, text string) {
		t.Helper()
		var out strings.Builder
		text = strings.ReplaceAll(text, "USR", "-u") // scanners would take it for a secret here
		for i, part := range strings.Split(text, "@") {
			if i > 0 {
				out.WriteString(m.plant(fmt.Sprintf("%s, no. %d", name, i)))
			}
			out.WriteString(part)
		}
		write(t, root, name, out.String())
	}
	var env strings.Builder
	for _, of := range []string{"STRIPE", "MAILGUN", "SENTRY", "GITHUB", "TWILIO", "DATADOG", "PUSHER", "ALGOLIA"} {
		for _, what := range []string{"API_KEY=@", "SECRET='@'", `TOKEN="@"`, "PASSWORD=@ # rotated", "URL=https://u:@%H/x?key=@", "PRIVATE_KEY=-----BEGIN@"} {
			env.WriteString(of + "_" + strings.ReplaceAll(what, "%H", "\x00h") + "\n")
		}
	}
	fill("deploy/env/services/worker.env", strings.ReplaceAll(env.String(), "\x00h", ".example"))
	fill("docker-compose.override.yml", `x-shared: {token: @, list: [@]}
services:
  worker:
    image: registry.example/worker:1.2.3
    env_file: [deploy/env/services/worker.env]
    environment: [LIST_SECRET=@, "EMPTY_REF=${NOT_SET:-@}", URL=amqp://u:@mq/x, "JSON={\"password\": \"@\"}"]
    entrypoint: ["/entry", "--token=@"]
    command: sh -c 'export PASSWORD=@; exec worker --key @'
    healthcheck: {test: "redis-cli -a @ ping || curl USR admin:@ http://x/", interval: 5s}
    labels: ["traefik.http.middlewares.a.basicauth.users=admin:@", "note=@"]
    annotations: {vault: @}
    extra_hosts: ["h:127.0.0.1"]
    logging: {driver: fluentd, options: {fluentd-address: "127.0.0.1:24224", tag: "@", labels: "@"}}
    configs: [app]
    secrets: [inline]
    deploy: {labels: {key: @}, resources: {limits: {memory: 64M, cpus: "0.5"}}}
    hostname: worker
    sysctls: {kernel.hostname: "@"}
    build: {context: ., args: [TOKEN=@], labels: {x: @}, dockerfile_inline: "FROM scratch\nENV KEY=@\n"}
configs:
  app: {content: "password = @\nnext: ${X:-@}\n"}
secrets:
  inline: {environment: INLINE_@}
`)
	fill("nginx/conf.d/deep/er/and/deeper/site.conf", `
map $cookie_k $ok { "@" 1; default @; }
upstream u { server 127.0.0.1:8000; # @
}
server {
  listen 8443; server_name deep.example;
  set $key "@"; set $other '@';
  auth_basic "@";
  if ($arg_key = "@") { return 403 "@"; }
  location = /@ { return 200; }
  location ~ ^/hook/@/ { proxy_pass http://u/@; proxy_set_header X-Key @; proxy_set_header Authorization "Basic @"; }
  location / { add_header X-Debug "@"; rewrite ^/old/@$ /new/@ last; access_log syslog:server=127.0.0.1,tag=@; }
}
`)
	fill("prometheus/prometheus.yml", `global: {external_labels: {key: @}}
alerting: {alertmanagers: [{basic_auth: {username: a, password: @}, static_configs: [{targets: ["127.0.0.1:9093"]}]}]}
rule_files: [rules/*.yml]
remote_write: [{url: "https://u:@127.0.0.1:1/write?token=@", authorization: {credentials: @}, headers: {X-Key: @}}]
scrape_configs:
  - job_name: catalyst
    basic_auth: {username: p, password: @}
    params: {token: [@]}
    static_configs: [{targets: ["127.0.0.1:8000"], labels: {key: @}}]
  - job_name: oauth
    oauth2: {client_id: c, client_secret: @, token_url: "https://u:@127.0.0.1:1/token"}
    static_configs: [{targets: ["127.0.0.1:8000"]}]
`)
	fill("prometheus/rules/a.yml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'up{key=\"@\"} == 0', labels: {severity: critical, k: @}, annotations: {summary: '@', runbook_url: 'https://u:@wiki.example/'}}\n")
	fill("prometheus/templates/page.tmpl", "{{ define \"x\" }}@{{ end }}\n")
	fill("redis/redis.conf", "requirepass @\nmasterauth @\nuser app on >@ ~* +get\n")
	fill(".netrc", "machine a.example login u password @\n")
	fill(".pgpass", "127.0.0.1:5432:*:u:@\n")
	fill("k8s/secret.yml", "apiVersion: v1\nkind: Secret\nstringData: {password: @, url: 'postgres://u:@db/x'}\n")
	write(t, root, "k8s/data.yml", "kind: Secret\ndata:\n  password: "+base64.StdEncoding.EncodeToString([]byte(m.plant("k8s/data.yml")))+"\n")
	fill("docs/how/to/operate/secrets.md", "# Operate\n\n`PGPASSWORD=@ psql` or\n\n```sh\nredis-cli -a @ ping\n```\n\n| key | value |\n|---|---|\n| token | @ |\n\n[link](https://u:@wiki.example/) <!-- @ -->\n")
	fill("scripts/backup.sh", "#!/bin/sh\nexport PGPASSWORD=@\npg_dump postgres://u:@db/x | openssl enc -pass pass:@ >/tmp/x\n")
	fill("config/app.json", `{"password": "@", "nested": {"token": "@", "list": ["@"]}}`)
}

// wantedMarks is how many secrets are planted at least.
const wantedMarks = 200
