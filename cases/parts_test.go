// The servers of a case: real ones, started before the deployment is judged.

package cases

import (
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
)

// start is one head line `start: KIND [as NAME] [OPTION=VALUE]...`.
type start struct {
	kind, name string
	options    map[string]string
}

// readStart parses a head line. The options of each kind are listed in starters.
func readStart(text string) (start, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return start{}, errors.New("start: KIND is missing")
	}
	s := start{kind: words[0], name: words[0], options: map[string]string{}}
	words = words[1:]
	if len(words) > 1 && words[0] == "as" {
		s.name, words = words[1], words[2:]
	}
	known, ok := starters()[s.kind]
	if !ok {
		return s, fmt.Errorf("start: unknown part %q", s.kind)
	}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		if !slices.Contains(known.options, key) {
			return s, fmt.Errorf("start: %s has no option %q", s.kind, key)
		}
		s.options[key] = value
	}
	return s, nil
}

// starter starts one kind of part and returns its marks.
type starter struct {
	options []string
	start   func(t *testing.T, e *environment, s start) (marks map[string]string)
}

func starters() map[string]starter {
	return map[string]starter{
		"alertmanager": {nil, startAlertmanager},
		"aws":          {nil, startAWS},
		"certificate":  {[]string{"hosts", "expires", "self-signed"}, startCertificate},
		"dns":          {nil, startDNS},
		"docker":       {nil, startDocker},
		"http":         {[]string{"tls"}, startHTTP},
		"nginx":        {[]string{"tls"}, startNginx},
		"pgbouncer":    {[]string{"of", "mode"}, startPgBouncer},
		"postgres":     {[]string{"tls"}, startPostgres},
		"prometheus":   {[]string{"targets"}, startPrometheus},
		"redis":        {[]string{"tls"}, startRedis},
		"refused":      {nil, startRefused},
	}
}

// environment is what the parts of a case have started so far.
type environment struct {
	files    []txtar.File
	fill     []string
	certs    map[string]*parts.Cert
	postgres map[string]*parts.PostgreSQLServer
	now      time.Time
}

// partFile is the name of a file that belongs to a part and not to the deployment.
func partFile(f txtar.File) bool { return strings.HasPrefix(f.Name, "@") }

// startParts starts the parts of a case in turn and returns all marks with their texts.
func (c *testCase) startParts(t *testing.T, now time.Time) []string {
	e := &environment{files: c.files, fill: c.fill(now), certs: map[string]*parts.Cert{}, postgres: map[string]*parts.PostgreSQLServer{}, now: now}
	for _, s := range c.start {
		for mark, text := range starters()[s.kind].start(t, e, s) {
			name := s.name
			if mark != "" {
				name += " " + mark
			}
			e.fill = append(e.fill, "{{"+name+"}}", text)
		}
	}
	return e.fill
}

// text returns a file of a part with its marks filled, "" if the case has none.
func (e *environment) text(s start, name string) string { return e.below(s)[name] }

// below returns the files of a part by their names within it, with their marks filled.
func (e *environment) below(s start) map[string]string {
	all := map[string]string{}
	fill := strings.NewReplacer(e.fill...)
	for _, f := range e.files {
		if name, ok := strings.CutPrefix(f.Name, "@"+s.name+"/"); ok {
			all[name] = fill.Replace(string(f.Data))
		}
	}
	return all
}

// cert returns the certificate named by the option tls, nil for none.
func (e *environment) cert(t *testing.T, s start) *parts.Cert {
	name, wanted := s.options["tls"]
	if !wanted {
		return nil
	}
	c := e.certs[name]
	if c == nil {
		t.Fatalf("start: %s: no certificate %q was started before", s.kind, name)
	}
	return c
}

// address returns the marks of a server.
func address(hostPort string) map[string]string {
	host, port, _ := net.SplitHostPort(hostPort)
	return map[string]string{"": hostPort, "host": host, "port": port}
}

// lines returns the lines of a text that are neither empty nor comments.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

func startRefused(t *testing.T, _ *environment, _ start) map[string]string {
	return address(parts.Refusing(t))
}

func startCertificate(t *testing.T, e *environment, s start) map[string]string {
	hosts := strings.FieldsFunc(s.options["hosts"], func(r rune) bool { return r == ',' })
	var options []parts.CertOption
	if text, ok := s.options["expires"]; ok {
		left, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("start: certificate: %v", err)
		}
		options = append(options, parts.ValidUntil(e.now.Add(left)))
		if left < 0 {
			options = append(options, parts.ValidFrom(e.now.Add(left-90*24*time.Hour)))
		}
	}
	var c *parts.Cert
	if _, alone := s.options["self-signed"]; alone {
		c = parts.SelfSigned(t, hosts, options...)
	} else {
		c = parts.TLS(t, hosts, options...)
	}
	e.certs[s.name] = c
	return map[string]string{"chain": string(c.ChainPEM()), "leaf": string(c.PEM()), "key": string(c.KeyPEM()), "ca": string(c.Root().PEM())}
}

func startRedis(t *testing.T, e *environment, s start) map[string]string {
	var options []parts.RedisOption
	for _, line := range lines(e.text(s, "redis.conf")) {
		options = append(options, parts.RedisLine(line))
	}
	if c := e.cert(t, s); c != nil {
		options = append(options, parts.RedisTLS(c))
	}
	server := parts.Redis(t, options...)
	server.Script(t, lines(e.text(s, "commands")))
	return address(server.Addr())
}

func startPostgres(t *testing.T, e *environment, s start) map[string]string {
	var options []parts.PostgreSQLOption
	for _, line := range lines(e.text(s, "postgresql.conf")) {
		name, value, _ := strings.Cut(line, "=")
		options = append(options, parts.PostgreSQLSetting(strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), "'")))
	}
	if c := e.cert(t, s); c != nil {
		options = append(options, parts.PostgreSQLTLS(c))
	}
	server := parts.PostgreSQL(t, options...)
	server.Exec(t, statements(e.text(s, "init.sql"))...)
	if rules := e.text(s, "pg_hba.conf"); rules != "" {
		server.Admit(t, rules+"host all postgres 127.0.0.1/32 scram-sha-256\n")
	}
	e.postgres[s.name] = server
	marks := address(server.Addr())
	marks["password"] = server.Password
	return marks
}

// statements splits SQL at the ends of lines that end a statement outside of a dollar-quoted body.
func statements(text string) []string {
	var all []string
	var current strings.Builder
	for line := range strings.Lines(text) {
		current.WriteString(line)
		if strings.HasSuffix(strings.TrimSpace(line), ";") && strings.Count(current.String(), "$$")%2 == 0 {
			all = append(all, current.String())
			current.Reset()
		}
	}
	if rest := strings.TrimSpace(current.String()); rest != "" {
		all = append(all, rest)
	}
	return all
}

func startPgBouncer(t *testing.T, e *environment, s start) map[string]string {
	of, mode := s.options["of"], s.options["mode"]
	if of == "" {
		of = "postgres"
	}
	if mode == "" {
		mode = "transaction"
	}
	server := e.postgres[of]
	if server == nil {
		t.Fatalf("start: pgbouncer: no postgres %q was started before", of)
	}
	users := map[string]string{}
	for _, line := range lines(e.text(s, "users")) {
		name, password, _ := strings.Cut(line, " ")
		users[name] = password
	}
	return address(parts.PgBouncer(t, server, mode, "scram-sha-256", users).Addr())
}

func startNginx(t *testing.T, e *environment, s start) map[string]string {
	site := parts.NginxSite{Server: e.text(s, "server.conf"), HTTP: e.text(s, "http.conf"), TLS: e.cert(t, s), Files: map[string]string{}}
	for name, text := range e.below(s) {
		if file, ok := strings.CutPrefix(name, "html/"); ok {
			site.Files[file] = text
		}
	}
	server := parts.Nginx(t, site)
	return address(net.JoinHostPort(server.Host, strconv.Itoa(server.Port)))
}

func startPrometheus(t *testing.T, e *environment, s start) map[string]string {
	if series := e.text(s, "series"); series != "" {
		samples, err := openMetrics(series, e.now)
		if err != nil {
			t.Fatalf("start: prometheus: %v", err)
		}
		return address(parts.PrometheusHistory(t, samples).Addr)
	}
	rules := map[string]string{}
	for name, text := range e.below(s) {
		if path.Dir(name) == "rules" {
			rules[path.Base(name)] = text
		}
	}
	server := parts.Prometheus(t, e.text(s, "prometheus.yml"), rules)
	targets, _ := strconv.Atoi(s.options["targets"])
	server.AwaitScrapes(t, targets)
	return address(server.Addr)
}

func startAlertmanager(t *testing.T, e *environment, s start) map[string]string {
	return address(parts.Alertmanager(t, e.text(s, "alertmanager.yml")).Addr)
}

func startAWS(t *testing.T, e *environment, s start) map[string]string {
	server := probetest.StartAWS(t)
	for action, text := range e.below(s) {
		status, header, body, err := response(text)
		if err != nil {
			t.Fatalf("start: aws: %s: %v", action, err)
		}
		reply := probetest.AWSReply{Status: status, Body: body, Header: map[string]string{}}
		for name := range header {
			reply.Header[name] = header.Get(name)
		}
		server.Say(action, reply)
	}
	marks := address(strings.TrimPrefix(server.URL, "http://"))
	marks["secret"] = server.Secret
	return marks
}
