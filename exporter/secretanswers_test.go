package exporter

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

// TestOutput_ContainsNoSecretsOfServices plants secrets in the sound responses of services, in the fields that hold them in
// practice. Echoes of what a server received are the subject of TestOutput_ContainsNoSecrets.
func TestOutput_ContainsNoSecretsOfServices(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock")
	var m marks
	aws := probetest.StartAWS(t)
	root, asked := exampleCopy(t), &requested{}
	tellingAWS(&m, aws)
	resolver := probetest.Resolver(t, func(rw dns.ResponseWriter, q *dns.Msg) {
		asked.add("DNS " + dns.TypeToString[q.Question[0].Qtype])
		_ = rw.WriteMsg(tellingRecords(&m, q))
	})
	services := asked.serve(t, tellingServices(&m))
	site := asked.serve(t, tellingSite(&m))
	endpoint, authority := tellingCertificate(t, &m, write0(t, root, "ssl"))
	engine := asked.serve(t, tellingEngine(&m))
	redis := echoTCP(t, func(c net.Conn) { tellingRedis(&m, c, asked) })

	env := fmt.Sprintf("S3_BUCKET=%s\nAWS_REGION=%s\nAWS_ACCESS_KEY_ID=AKIA"+"TEST\nAWS_SECRET_ACCESS_KEY=%s\nREDIS_PASSWORD=%s\nHOST=127.0.0.1\n",
		probetest.AWSTestBucket, aws.Region, m.planted("the AWS key", aws.Secret), m.plant("the password of Redis"))
	write(t, root, ".env.production", env)
	own := write(t, t.TempDir(), "own.yaml", tellingChecklist(t, &m, root, services))
	config := write(t, t.TempDir(), "exporter.yml", fmt.Sprintf(`checklist: %[7]s
deployment:
  api: {url: '%[1]s', timeout: 5s}
  public: {url: '%[2]s', hosts: [ads.tne-exchange.io], cdn: any}
  tls: {endpoint: '%[8]s', ca_file: '%[9]s'}
  prometheus: {url: '%[1]s', timeout: 5s}
  grafana: {url: '%[1]s', timeout: 5s}
  alertmanager: {url: '%[1]s', timeout: 5s}
  loki: {url: '%[1]s', timeout: 5s}
  redis: {address: '%[3]s', user: shop, timeout: 5s}
  dns: {resolvers: ['%[4]s'], expected: [192.0.2.7]}
  aws: {endpoint: '%[5]s'}
  docker: {host: '%[6]s', project: shop}
`, services, site, redis, resolver, aws.URL, strings.Replace(engine, "http", "tcp", 1), own, endpoint, authority))
	s := &secretRun{t: t, marks: &m, root: root, config: config}
	s.commands(false)
	s.serve()
	s.conclude()
	if n := len(m.by); n < 150 {
		t.Errorf("only %d secrets are planted", n)
	}
	for _, path := range []string{"/api/v2/status", "/api/v1/rules", "/api/v1/targets", "/api/health", "/containers/", "ACL", "INFO", "DNS TXT", "/terms"} {
		if !asked.has(path) {
			t.Errorf("nothing requested %s, so its secrets prove nothing: %q", path, asked.all())
		}
	}
	for _, permission := range []string{"s3:ListBucket", "s3:GetLifecycleConfiguration", "iam:GetUserPolicy", "sts:GetCallerIdentity"} {
		if !strings.Contains(strings.Join(aws.Permissions(), " "), permission) {
			t.Errorf("nothing requested %s: %q", permission, aws.Permissions())
		}
	}
}

// requested collects what the servers were asked for.
type requested struct{ log lockedBuffer }

func (r *requested) add(what string)      { _, _ = r.log.Write([]byte(what + "\n")) }
func (r *requested) has(part string) bool { return strings.Contains(r.log.String(), part) }
func (r *requested) all() string          { return r.log.String() }

func (r *requested) serve(t *testing.T, h http.HandlerFunc) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.add(req.URL.Path)
		h(w, req)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// once returns a mark by place: the same for each request, so that the marks stay few.
func (m *marks) once(place string) string {
	m.mu.Lock()
	mark, ok := m.by[place]
	m.mu.Unlock()
	if ok {
		return mark
	}
	return m.plant(place)
}

// fillWith replaces every @ in a text by a mark of its own.
func (m *marks) fillWith(place, text string) string {
	var out strings.Builder
	for i, part := range strings.Split(text, "@") {
		if i > 0 {
			out.WriteString(m.once(fmt.Sprintf("%s, no. %d", place, i)))
		}
		out.WriteString(part)
	}
	return out.String()
}

// tellingServices responds as Prometheus, Alertmanager, Grafana, Loki and the API.
func tellingServices(m *marks) http.HandlerFunc {
	now := time.Now().UTC().Format(time.RFC3339)
	alertmanager := `global: {smtp_auth_password: @, slack_api_url: 'https://hooks.slack.example/services/@'}
route: {receiver: on-call, routes: [{receiver: hook, matchers: ['team="@"']}]}
receivers:
- name: on-call
  pagerduty_configs: [{routing_key: @, details: {token: @}}]
- name: hook
  webhook_configs: [{url: 'https://u:@hook.example/@?k=@', http_config: {authorization: {credentials: @}}}]
`
	bodies := map[string]string{
		"/api/v2/status":   `{"cluster":{"name":"@","status":"ready","peers":[{"name":"@","address":"@"}]},"uptime":"` + now + `","versionInfo":{"version":"0.27.0","revision":"@"},"config":{"original":ORIGINAL}}`,
		"/api/v2/silences": `[{"id":"@","status":{"state":"active"},"comment":"@","createdBy":"@","startsAt":"` + now + `","endsAt":"2099-01-01T00:00:00Z","updatedAt":"` + now + `","matchers":[{"name":"token","value":"@","isRegex":false,"isEqual":true}]}]`,
		"/api/v2/alerts":   `[{"labels":{"alertname":"Watchdog","token":"@"},"annotations":{"summary":"@"},"generatorURL":"http://u:@prom.example/","fingerprint":"@","status":{"state":"active"}}]`,
		"/api/v1/targets": `{"status":"success","data":{"activeTargets":[{"labels":{"job":"catalyst","instance":"a:1","token":"@"},"discoveredLabels":{"__param_token":"@"},"scrapePool":"catalyst",` +
			`"scrapeUrl":"http://u:@a:1/?t=@","globalUrl":"http://u:@a:1/","lastError":"@","health":"down"}]}}`,
		"/api/v1/rules": `{"status":"success","data":{"groups":[{"name":"g","file":"/@","interval":60,"lastEvaluation":"` + now + `","rules":[{"type":"alerting","name":"A","query":"up{token=\"@\"}","health":"err","lastError":"@",` +
			`"labels":{"severity":"critical","token":"@"},"annotations":{"summary":"@"},"alerts":[{"labels":{"k":"@"},"annotations":{"x":"@"},"state":"firing"}]}]}]}}`,
		"/api/v1/alertmanagers":      `{"status":"success","data":{"activeAlertmanagers":[{"url":"http://u:@127.0.0.1:1/api/v2/alerts?token=@"}],"droppedAlertmanagers":[]}}`,
		"/api/v1/status/runtimeinfo": `{"status":"success","data":{"startTime":"` + now + `","lastConfigTime":"` + now + `","CWD":"/@","serverName":"@"}}`,
		"/api/v1/query":              `{"status":"success","warnings":["@"],"infos":["@"],"data":{"resultType":"vector","result":[{"metric":{"token":"@","path":"/?k=@"},"value":[1,"1"]}]}}`,
		"/api/v1/query_range":        `{"status":"success","warnings":["@"],"data":{"resultType":"matrix","result":[{"metric":{"token":"@"},"values":[[1,"1"]]}]}}`,
		"/api/v1/series":             `{"status":"success","data":[{"__name__":"up","token":"@"}]}`,
		"/api/health":                `{"database":"ok","version":"11.0.0","commit":"@"}`,
		"/api/datasources":           `[{"uid":"p1","name":"Prometheus","type":"prometheus","url":"http://u:@prom.example/?k=@","basicAuthUser":"@","jsonData":{"httpHeaderName1":"@"},"isDefault":true}]`,
		"/api/search":                `[{"uid":"d1","title":"Catalyst","url":"/d/@","tags":["@"]}]`,
		"/loki/api/v1/query":         `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"token":"@"},"value":[1,"5"]}],"stats":{"x":"@"}}}`,
		"/health":                    `{"status":"ok","version":"1.0.0","token":"@","components":{"database":{"status":"down","error":"dial postgres://u:@db/x: @"},"redis":"down: AUTH @"}}`,
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Token", m.once("a header of the services"))
		w.Header().Set("Set-Cookie", "session="+m.once("a cookie of the services"))
		w.Header().Set("Link", "<https://u:"+m.once("a link of the services")+"@next.example/>")
		body, known := bodies[r.URL.Path]
		if strings.HasPrefix(r.URL.Path, "/-/") {
			_, _ = w.Write([]byte("OK"))
			return
		}
		if !known {
			body = `{"status":"ok","message":"@","data":{"token":"@"}}`
		}
		original := strconv.Quote(m.fillWith("the running Alertmanager file", alertmanager))
		body = strings.ReplaceAll(m.fillWith(r.URL.Path, body), "ORIGINAL", original)
		_, _ = w.Write([]byte(body))
	}
}

// tellingCertificate serves a certificate that holds secrets, and returns the address and the file of the authority.
func tellingCertificate(t *testing.T, m *marks, dir string) (endpoint, authority string) {
	t.Helper()
	secretive := func(c *x509.Certificate, whose string) {
		c.Subject.Organization = []string{m.plant(whose + ": organization")}
		c.Subject.OrganizationalUnit = []string{m.plant(whose + ": unit")}
		c.Subject.Locality, c.Subject.SerialNumber = []string{m.plant(whose + ": place")}, m.plant(whose+": serial number")
	}
	ca := parts.CA(t, parts.Template(func(c *x509.Certificate) { secretive(c, "authority") }))
	cert := ca.Leaf(t, []string{"elsewhere.example"}, parts.Template(func(c *x509.Certificate) {
		secretive(c, "certificate")
		c.EmailAddresses = []string{m.plant("certificate: mail") + "@shop.example"}
		c.URIs = []*url.URL{{Scheme: "https", User: url.UserPassword("u", m.plant("certificate: URI")), Host: "shop.example"}}
		c.OCSPServer = []string{"http://u:" + m.plant("certificate: OCSP") + "@127.0.0.1:1/"}
		c.CRLDistributionPoints = []string{"http://u:" + m.plant("certificate: CRL") + "@127.0.0.1:1/"}
	}))
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert.Server()}} //nolint:gosec // of a test
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	_, _, authority = cert.Write(t, dir)
	return server.Listener.Addr().String(), authority
}

// tellingSite responds as the public site.
func tellingSite(m *marks) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, name := range []string{"Server", "X-Powered-By", "Via", "X-Debug-Token", "ETag", "Content-Security-Policy", "Strict-Transport-Security", "Access-Control-Allow-Origin", "Refresh", "X-RateLimit-Limit", "Retry-After"} {
			h.Set(name, m.once("site: "+name))
		}
		h.Set("Set-Cookie", m.once("site: a cookie's name")+"="+m.once("site: cookie")+"; Path=/"+m.once("site: cookie's path"))
		h.Set("WWW-Authenticate", `Basic realm="`+m.once("site: realm")+`"`)
		if strings.Contains(r.URL.Path, "terms") {
			h.Set("Location", "https://u:"+m.once("site: redirect's password")+"@"+r.Host+"/?token="+m.once("site: redirect's token"))
			w.WriteHeader(http.StatusFound)
			return
		}
		h.Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, m.fillWith("site", "<!DOCTYPE html><html><head><title>@</title><script>key='@'</script><meta name=token content=@></head><body><h1>Privacy @</h1>"+
			"<a href='https://u:@x.example/?k=@'>x</a><!-- @ --></body></html>"))
	}
}

// tellingChecklist adds items of the kinds that judge single values. Each fails on a value that is a secret.
func tellingChecklist(t *testing.T, m *marks, root, services string) string {
	t.Helper()
	write(t, root, "settings/app.json", m.fillWith("settings/app.json", `{"password":"@","list":["@","@"],"nested":{"a@":1}}`))
	write(t, root, "settings/app.ini", m.fillWith("settings/app.ini", "[main]\npassword=@\n; @\nUSER @\n"))
	write(t, root, "on-call.ics", m.fillWith("on-call.ics", "BEGIN:VCALENDAR\nX-WR-CALNAME:@\nBEGIN:VEVENT\nUID:@\nSUMMARY:PIN @\nDESCRIPTION:@\nDTSTART:20200101T000000Z\nDTEND:20200102T000000Z\nEND:VEVENT\nEND:VCALENDAR\n"))
	var items strings.Builder
	for i, probe := range []string{
		"dns_record: {name: ads.tne-exchange.io, type: TXT, equals: wanted}", "dns_record: {name: ads.tne-exchange.io, type: TXT, each_matches: '^wanted'}",
		"dns_record: {name: ads.tne-exchange.io, type: TXT, absent: true}", "dns_record: {name: ads.tne-exchange.io, type: CNAME, equals: wanted.example}",
		"dns_record: {name: ads.tne-exchange.io, type: TXT, lacks: 'key='}", "dns_record: {name: ads.tne-exchange.io, type: MX, equals: '10 mail.example'}",
		"http_response: {path: /, headers: [{name: Server, matches: wanted}, {name: X-Powered-By, absent: true}, {name: Via, lacks: '.'}]}",
		"http_response: {path: /, cookies: [secure, http_only, same_site], matches: [wanted], lacks: [Privacy]}", "http_response: {path: /terms, redirects_to: 'https://{host}/wanted'}",
		"http_response: {path: /terms, follow: true, matches: [wanted]}", "http_response: {path: /, values: [{at: a.b, absent: true}]}",
		"json_api: {url: '%s/api/health', at: commit, equals: wanted}", "json_api: {url: '%s/api/v2/alerts', at: '*.fingerprint', one_of: [wanted]}", "json_api: {url: '%s/health', at: '$', matches: wanted}",
		"json_api: {url: '%s/health', at: token, absent: true}", "json_api: {url: '%s/health', at: token, at_most: 3}", "json_api: {url: '%s/health', at: token, length: 3}",
		"redis_value: {command: GET, key: k, equals: wanted}", "redis_value: {command: INFO, field: maxmemory_policy, one_of: [wanted]}", "redis_value: {command: HGET, key: k, field: f, at_most: 3}",
		"redis_value: {command: TTL, key: k, at_least: 3}", "prometheus_query: {queries: [up], below: 0}", "prometheus_query: {queries: ['up{token=\"x\"}'], at_most: 0, for: 5m}",
		"file_content: {path: settings/app.json, values: [{at: password, equals: wanted}, {at: 'list[*]', matches: '^wanted'}, {at: nested, absent: true}]}",
		"file_content: {path: settings/app.ini, matches: [wanted], lacks: [USER], last: [{line: '^USER', matches: wanted}], values: [{at: main.password, absent: true}]}",
		"file_content: {path: 'settings/*', sha256: " + strings.Repeat("0", 64) + "}", "on_call: {path: on-call.ics, days: 3}", "redis_random_login: {}, enabled: true",
		"openapi: {}", "app_metrics: {path: /health}", "web_page: {path: /, mentions: [wanted]}",
	} {
		if strings.Contains(probe, "%s") {
			probe = fmt.Sprintf(probe, services)
		}
		_, _ = fmt.Fprintf(&items, "      - {item: number_%d, title: Number %d, severity: critical, scope: standing, fix: x, probes: [{%s}]}\n", i, i, probe)
	}
	return "checklist: own\nextends: catalyst\ncategories:\n  - category: own\n    title: Own\n    items:\n" + items.String()
}

// tellingRecords responds with an address and with texts.
func tellingRecords(m *marks, q *dns.Msg) *dns.Msg {
	reply := probetest.Records(q, "192.0.2.7")
	head := dns.RR_Header{Name: q.Question[0].Name, Class: dns.ClassINET, Ttl: 60, Rrtype: dns.TypeTXT}
	text := &dns.TXT{Hdr: head, Txt: []string{"v=spf1 include:" + m.once("DNS: SPF") + ".example ~all", "key=" + m.once("DNS: TXT")}}
	reply.Extra = append(reply.Extra, text)
	switch q.Question[0].Qtype {
	case dns.TypeTXT:
		reply.Answer = append(reply.Answer, text)
	case dns.TypeCNAME:
		head.Rrtype = dns.TypeCNAME
		reply.Answer = append(reply.Answer, &dns.CNAME{Hdr: head, Target: m.once("DNS: CNAME") + ".example."})
	}
	return reply
}

// tellingEngine responds as a Docker Engine.
func tellingEngine(m *marks) http.HandlerFunc {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	labels := `{"com.docker.compose.project":"shop","com.docker.compose.service":"catalyst","com.docker.compose.oneoff":"False","token":"@","org.opencontainers.image.source":"https://u:@git.example/x","traefik.basicauth":"u:@"}`
	bodies := map[string]string{
		"/containers/json": `[{"Id":"` + id + `","Names":["/shop-catalyst-1"],"Image":"catalyst:1","ImageID":"sha256:` + id + `","Command":"serve --key @","State":"running","Status":"Up (@)","Labels":` + labels + `,"Ports":[],"Mounts":[]}]`,
		"/containers/" + id + "/json": `{"Id":"` + id + `","Name":"/shop-catalyst-1","Path":"serve","Args":["--key","@"],"State":{"Status":"running","Running":true,"Error":"@","StartedAt":"2026-01-01T00:00:00Z","Health":{"Status":"unhealthy","FailingStreak":9,"Log":[{"ExitCode":1,"Output":"curl: @"}]}},
"Image":"sha256:` + id + `","RestartCount":9,"Config":{"Image":"catalyst:1","Tty":true,"User":"","Hostname":"@","Env":["DB_PASSWORD=@","LOG_LEVEL=@","DATABASE_URL=postgres://u:@db/x?sslmode=@","PBS_ENFORCE_GDPR=@"],"Cmd":["--token=@"],"Entrypoint":["/x","@"],"Healthcheck":{"Test":["CMD-SHELL","curl -H 'X: @' http://u:@x/"]},"Labels":` + labels + `},
"HostConfig":{"Memory":0,"LogConfig":{"Type":"loki","Config":{"loki-url":"http://u:@loki/"}},"Binds":["/@:/data"],"ExtraHosts":["@:127.0.0.1"]},"NetworkSettings":{"Ports":{},"Networks":{}},"Mounts":[{"Type":"volume","Name":"@","Source":"/@","Destination":"/data","DriverOpts":{"o":"password=@"}}]}`,
		"/containers/" + id + "/logs": "panic: @\nlevel=error msg=\"login with @\"\nfatal: postgres://u:@db/x\n",
		"/images/":                    `{"Id":"sha256:` + id + `","RepoDigests":[],"RepoTags":["catalyst:1"],"Author":"@","Comment":"@","Config":{"Env":["BAKED=@"],"Labels":{"org.opencontainers.image.revision":"@","token":"@"}},"History":[{"CreatedBy":"RUN echo @"}]}`,
		"/info":                       `{"ID":"@","Name":"@","SecurityOptions":["name=@"],"HttpProxy":"http://u:@proxy/","Labels":["k=@"],"Warnings":["@"]}`,
		"/version":                    `{"Version":"27.0","ApiVersion":"1.41","Components":[{"Details":{"x":"@"}}]}`,
		"/networks":                   `[{"Name":"shop_default","Id":"@","Options":{"token":"@"},"Labels":{"k":"@"}}]`,
		"/volumes":                    `{"Volumes":[{"Name":"data","Options":{"o":"username=u,password=@"},"Labels":{"k":"@"},"Mountpoint":"/@"}]}`,
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Server", m.once("the engine's header"))
		for suffix, body := range bodies {
			if strings.HasSuffix(r.URL.Path, suffix) || suffix == "/images/" && strings.Contains(r.URL.Path, suffix) {
				_, _ = fmt.Fprint(w, m.fillWith("engine "+suffix, body))
				return
			}
		}
		if !strings.HasSuffix(r.URL.Path, "/_ping") {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = fmt.Fprint(w, m.fillWith("engine", `{"message":"no such thing: @"}`))
	}
}

// tellingRedis responds as a Redis that lets everybody in, with secrets in lists and sections.
func tellingRedis(m *marks, c net.Conn, asked *requested) {
	bulk := func(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }
	list := func(all ...string) string {
		out := fmt.Sprintf("*%d\r\n", len(all))
		for _, s := range all {
			out += bulk(s)
		}
		return out
	}
	readRedis(c, func(words []string) string {
		said := strings.ToUpper(strings.Join(words, " "))
		asked.add(said)
		switch {
		case strings.HasPrefix(said, "AUTH"), strings.HasPrefix(said, "SELECT"), strings.HasPrefix(said, "CLIENT"):
			return "+OK\r\n"
		case strings.HasPrefix(said, "PING"):
			return "-NOAUTH " + m.once("an error before the login") + "\r\n"
		case strings.HasPrefix(said, "ACL LIST"):
			return list(m.fillWith("ACL LIST", "user default on #@ ~* +@all"), m.fillWith("ACL LIST 2", "user other on nopass >@ ~@ +get"))
		case strings.HasPrefix(said, "ACL GETUSER"):
			return "*4\r\n" + bulk("flags") + list("on", "nopass") + bulk("passwords") + list(m.once("ACL GETUSER"))
		case strings.HasPrefix(said, "INFO"):
			return bulk(m.fillWith("INFO", "# Server\r\nredis_version:7.2.0\r\nexecutable:/@\r\nconfig_file:/@\r\nrole:slave\r\nmaster_host:@\r\nmaster_link_status:down\r\ndb0:keys=@,expires=0\r\nmaxmemory_policy:@\r\n"))
		case strings.HasPrefix(said, "GET"), strings.HasPrefix(said, "HGET"):
			return bulk(m.once("a value in Redis"))
		case strings.HasPrefix(said, "CONFIG"):
			return list("requirepass", m.once("CONFIG GET"))
		}
		return "-ERR " + m.once("an error of Redis") + "\r\n"
	})
}

// tellingAWS responds with secrets in names, rules and policies.
func tellingAWS(m *marks, aws *probetest.AWSServer) {
	aws.Listing(probetest.Object("backups/daily.sql.gz", 2048, time.Now().Add(-2*time.Hour)), probetest.Object(m.plant("S3: another object")+".txt", 9, time.Now()),
		probetest.Object("backups/"+m.plant("S3: an older backup")+".sql.gz", 2048, time.Now().Add(-72*time.Hour)), probetest.Object("backups/x?token="+m.plant("S3: a query in a name"), 1, time.Now()))
	aws.Say("s3:GetLifecycleConfiguration", probetest.AWSReply{Body: "<LifecycleConfiguration" + probetest.AWSNS + "><Rule><ID>" + m.plant("S3: a rule's name") + "</ID><Status>Enabled</Status><Filter><Tag><Key>k</Key><Value>" +
		m.plant("S3: a rule's tag") + "</Value></Tag></Filter><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>"})
	aws.Say("s3:GetObject", probetest.AWSReply{Header: map[string]string{"X-Amz-Meta-Token": m.plant("S3: metadata"), "X-Amz-Server-Side-Encryption": m.plant("S3: encryption"), "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": m.plant("S3: key id"), "ETag": m.plant("S3: ETag")}})
	aws.Inline(`{"Version":"2012-10-17","Statement":[{"Sid":"` + m.plant("IAM: Sid") + `","Effect":"Allow","Action":["s3:*","` + m.plant("IAM: action") + `"],"Resource":"*","Condition":{"StringEquals":{"aws:Referer":"` + m.plant("IAM: referer") + `"}}}]}`)
}
