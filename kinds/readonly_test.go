package kinds

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/thenexusengine/catalyst_exporter/attest"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest"
	"github.com/thenexusengine/catalyst_exporter/internal/probetest/dockertest"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/secret"
)

// Nothing is written to the checked system. Every kind but the active ones looks at a deployment whose services are all there; what it sends is
// noted on the way, and each service's protocol is read for the verb. A new kind needs a line in asksOf.

// asksOf is what each kind asks beside files; "" for files alone. What a kind is not seen to ask it must not name here, and the other way round.
func asksOf() map[string]string {
	return map[string]string{
		"alertmanager_config": "", "attestation": "", "backup_file": "", "changelog": "", "compose_postgres": "", "compose_redis": "", "compose_config": "", "compose_limits": "", "compose_secrets": "", "compose_logging": "",
		"compose_ports": "", "contacts": "", "diagram": "", "document": "", "env_file": "", "env_flag": "", "env_number": "", "env_placeholders": "",
		"env_secret": "", "env_word": "", "evidence": "", "external_firewall": "", "migrations": "", "nginx_split": "", "release_backup": "",
		"release_record": "", "rollback_backup": "", "tls_files": "", "ufw_rules": "",
		"git_secrets": "git", "git_untracked": "git",
		"container_backup": "docker", "container_env_flag": "docker", "container_env_word": "docker", "container_limits": "docker", "container_ports": "docker",
		"container_state": "docker", "release_logs": "docker", "release_running": "docker", "rollback_image": "docker",
		"app_metrics": "http", "cdn": "dns http", "dns_records": "dns", "grafana": "http", "http_health": "http", "loki_lines": "http", "openapi": "http",
		"prometheus_job": "http", "prometheus_query": "http", "prometheus_rules": "http", "rate_limit_header": "http", "web_page": "http", "tls_endpoint": "tls",
		"postgres_connections": "postgres", "postgres_indexes": "postgres", "postgres_login": "postgres", "postgres_migrations": "postgres", "postgres_tables": "postgres",
		"redis_auth": "redis", "redis_keyspace": "redis",
		"iam_user": "aws", "s3_bucket": "aws", "s3_encryption": "aws", "s3_object": "aws",
		"systemd_timer": "systemd",
		// Netlink is no connection: dumps of the kernel's tables (NFT_MSG_GET…, SOCK_DIAG_BY_FAMILY) are all that nft_rules.go and host_sockets.go send.
		"listening_ports": "",
	}
}

// sent notes what is sent to each address.
type sent struct {
	mu  sync.Mutex
	all map[string][]*bytes.Buffer // by address, one for each connection
}

// listen makes a pass note what it sends.
func (s *sent) listen(p *probe.Pass) {
	dial := p.Dial
	p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		s.mu.Lock()
		said := &bytes.Buffer{}
		if s.all == nil {
			s.all = map[string][]*bytes.Buffer{}
		}
		s.all[address] = append(s.all[address], said)
		s.mu.Unlock()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &noted{Conn: conn, s: s, said: said}, nil
	}
}

type noted struct {
	net.Conn
	s    *sent
	said *bytes.Buffer
}

func (c *noted) Write(data []byte) (int, error) {
	c.s.mu.Lock()
	c.said.Write(data)
	c.s.mu.Unlock()
	return c.Conn.Write(data)
}

// verbs of what was said to a service in its protocol; an error when it cannot be told.
func verbs(service string, said []byte) ([]string, error) {
	var all []string
	switch service {
	case "http", "docker", "aws":
		in := bufio.NewReader(bytes.NewReader(said))
		for {
			r, err := http.ReadRequest(in)
			if err == io.EOF {
				return all, nil
			}
			if err != nil {
				return all, err
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return all, err
			}
			verb := r.Method
			if action := regexp.MustCompile(`(?:^|&)Action=(\w+)`).FindSubmatch(body); service == "aws" && r.Method == http.MethodPost && action != nil {
				verb = string(action[1]) // of IAM and STS, whose questions are posted too
			}
			all = append(all, verb)
		}
	case "redis":
		words := strings.Split(strings.TrimSuffix(string(said), "\r\n"), "\r\n")
		for len(words) > 0 && words[0] != "" {
			n, err := strconv.Atoi(strings.TrimPrefix(words[0], "*"))
			if err != nil || len(words) < 1+2*n || n < 1 {
				return all, fmt.Errorf("no command: %q", words[0])
			}
			verb := strings.ToUpper(words[2])
			if n > 1 && slices.Contains([]string{"CONFIG", "CLIENT", "ACL"}, verb) {
				verb += " " + strings.ToUpper(words[4])
			}
			all = append(all, verb)
			words = words[1+2*n:]
		}
		return all, nil
	case "postgres":
		for len(said) >= 4 && said[0] == 0 { // what comes before the protocol has no type: a request for TLS, the beginning
			said = said[binary.BigEndian.Uint32(said):]
		}
		for len(said) >= 5 {
			n := int(binary.BigEndian.Uint32(said[1:])) + 1
			if n > len(said) {
				return all, fmt.Errorf("a message of %d bytes is cut", n)
			}
			body := said[5:n]
			switch said[0] {
			case 'Q':
				all = append(all, sqlVerb(string(body)))
			case 'P':
				_, body, _ = bytes.Cut(body, []byte{0})
				all = append(all, sqlVerb(string(body)))
			}
			said = said[n:]
		}
		return all, nil
	case "dns":
		if len(said) > 4 && said[0] == 0 { // over TCP
			said = said[2:]
		}
		if len(said) < 12 {
			return nil, fmt.Errorf("no question")
		}
		return []string{fmt.Sprintf("opcode %d", said[2]>>3&15)}, nil
	case "tls":
		if len(said) == 0 || said[0] != 22 {
			return nil, fmt.Errorf("no handshake")
		}
		return []string{"handshake"}, nil
	}
	return all, nil // systemd tells its calls itself
}

// sqlVerb is a statement's first word, or all of it when it holds several.
func sqlVerb(text string) string {
	text, _, _ = strings.Cut(text, "\x00")
	if strings.Contains(strings.TrimRight(text, "; \n"), ";") {
		return text
	}
	if fields := strings.Fields(text); len(fields) > 0 {
		return strings.ToUpper(fields[0])
	}
	return ""
}

// readingVerbs only read.
func readingVerbs() map[string][]string {
	get := []string{"GET", "HEAD"}
	return map[string][]string{
		"http": get, "docker": get,
		"aws":   append(get, "GetCallerIdentity", "GetUser", "ListUserPolicies", "GetUserPolicy", "ListAttachedUserPolicies", "ListGroupsForUser", "ListAccessKeys"),
		"redis": {"PING", "AUTH", "INFO", "HELLO", "SELECT", "QUIT", "DBSIZE", "RANDOMKEY", "TTL", "PTTL", "SCAN", "CONFIG GET"},
		// The application's name and the time limit are the session's own.
		"postgres": {"SELECT", "SHOW", "BEGIN", "COMMIT", "ROLLBACK", "SET", ""},
		"dns":      {"opcode 0"},
		"tls":      {"handshake"},
		"systemd":  {"Hello", "Get"},
		"git":      {"log", "rev-list", "rev-parse", "for-each-ref", "cat-file", "ls-files", "ls-tree", "check-attr", "config --get-regexp"},
	}
}

// noteGit puts a git in the way that notes its arguments, and returns the commands since the last call.
func noteGit(t *testing.T) func() []string {
	t.Helper()
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	script := fmt.Sprintf("#!/bin/sh\nfor a; do printf '%%s\\n' \"$a\" >>%s; done\necho =end= >>%s\nexec %s \"$@\"\n", calls, calls, real)
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() []string {
		text, _ := os.ReadFile(calls)
		_ = os.Remove(calls)
		var all []string
		for call := range strings.SplitSeq(strings.TrimSuffix(string(text), "=end=\n"), "=end=\n") {
			args := strings.Split(call, "\n")
			for len(args) > 1 && strings.HasPrefix(args[0], "-") {
				if args[0] == "-c" {
					args = args[1:]
				}
				args = args[1:]
			}
			verb := args[0]
			if verb == "config" && slices.Contains(args, "--get-regexp") {
				verb += " --get-regexp"
			}
			if verb != "" {
				all = append(all, verb)
			}
		}
		return all
	}
}

// snapshot is everything in a folder.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = fmt.Sprintf("%x", sha256.Sum256(data))
		}
		all[path] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime().UnixNano(), content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// everything is a deployment whose services are all there.
type everything struct {
	settings deployment.Settings
	services map[string]string // what is spoken at each address
	account  *probetest.AWSServer
	docker   *dockertest.Recorder
	bus      *probetest.FakeSystemd
}

func startEverything(t *testing.T) everything {
	t.Helper()
	// The services.
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`)
	}))
	t.Cleanup(web.Close)
	database := parts.PostgreSQL(t)
	password := parts.Secret()
	cache := parts.Redis(t, parts.RedisPassword(password))
	account := probetest.NewAWSServer(t)
	engine := dockertest.NewDocker(t)
	engine.RunService(t, "catalyst", client.ContainerCreateOptions{Config: &container.Config{Env: []string{"LOG_LEVEL=info"}}})
	engine.RunService(t, "backup", client.ContainerCreateOptions{}, "write=/backups/latest.sql=x")
	var docker dockertest.Recorder
	engineAddress := docker.Serve(t, engine.Host, func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	})
	bus := &probetest.FakeSystemd{Units: probetest.WellTimed(time.Now())}
	bus.Serve(t)
	endpoint := httptest.NewTLSServer(http.NotFoundHandler())
	endpoint.Config.ErrorLog = nil
	t.Cleanup(endpoint.Close)
	resolver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := resolver.ReadFrom(buf)
			if err != nil {
				return
			}
			if n > 3 {
				buf[2], buf[3] = buf[2]|0x80, 3 // there is no such name
				_, _ = resolver.WriteTo(buf[:n], from)
			}
		}
	}()
	t.Cleanup(func() { _ = resolver.Close() })

	// The deployment.
	repository := parts.GitRepo(t)
	repository.Commit(t, "begin", map[string]string{"CHANGELOG.md": "# Changelog\n\n## [1.0.0] - 2026-01-01\n\n- x\n", "docker-compose.yml": "services:\n  catalyst:\n    image: x\n    env_file: .env.production\n  backup:\n    image: x\n    env_file: .env.production\n",
		"migrations/001_begin.sql": "CREATE TABLE publishers (id int);\n"})
	repository.Write(t, map[string]string{".env.production": "LOG_LEVEL=info\nPBS_ANONYMIZE_IP=true\nDB_MAX_OPEN_CONNS=5\nRATE_LIMIT_REQUESTS=5\nS3_BUCKET=" + probetest.AWSTestBucket + "\nAWS_REGION=" + account.Region +
		"\nAWS_ACCESS_KEY_ID=AKIA" + "TEST\nAWS_SECRET_ACCESS_KEY=" + account.Secret + "\n"})
	root := repository.Dir
	chain, err := attest.OpenChain(filepath.Join(root, ".catalyst", "releases"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []attest.Record{probetest.Planned("1", probetest.CommitOne, engine.Image), probetest.Recorded("1", probetest.CommitOne, engine.Image), probetest.Planned("2", probetest.CommitTwo, engine.Image), probetest.Recorded("2", probetest.CommitTwo, engine.Image)} {
		r.By, r.At = "somebody", time.Now()
		if _, err := chain.Append(r, false); err != nil {
			t.Fatal(err)
		}
	}
	settings := probetest.DatabaseOf(database)
	settings.Database.SSLMode = "disable" // so that it can be read on the way
	settings.Root = root
	settings.Redis = deployment.Redis{Address: cache.Addr(), Password: secret.New(password)}
	settings.API.URL, settings.Public.URL, settings.Prometheus.URL, settings.Grafana.URL, settings.Loki.URL, settings.Alertmanager.URL = web.URL, web.URL, web.URL, web.URL, web.URL, web.URL
	settings.Public.Hosts, settings.Public.CDN = []string{"bid.exchange.test"}, "any"
	settings.DNS.Resolvers = []string{resolver.LocalAddr().String()}
	settings.TLS.Endpoint = endpoint.Listener.Addr().String()
	settings.Docker = deployment.Docker{Host: "tcp://" + engineAddress, Project: engine.Project}
	settings.AWS.Endpoint = account.URL
	settings.Systemd.Bus = bus.Path
	services := map[string]string{web.Listener.Addr().String(): "http", engineAddress: "docker", account.Listener.Addr().String(): "aws", cache.Addr(): "redis",
		net.JoinHostPort(database.Host, strconv.Itoa(database.Port)): "postgres", resolver.LocalAddr().String(): "dns", settings.TLS.Endpoint: "tls", bus.Path: "systemd"}
	return everything{settings: settings, services: services, account: account, docker: &docker, bus: bus}
}

func TestNothingIsWritten(t *testing.T) {
	whole := startEverything(t)
	settings, services, account, docker, bus, root := whole.settings, whole.services, whole.account, whole.docker, whole.bus, whole.settings.Root

	t.Setenv("TMPDIR", t.TempDir())
	git := noteGit(t)
	before := snapshot(t, root)
	asks, may := asksOf(), readingVerbs()
	for _, k := range All() {
		if k.Active {
			continue // more than reading, as it says
		}
		made, _ := probetest.Decode(k, k.Example)
		pr, ok := made.(probe.Probe)
		if !ok {
			continue // judges from the verdicts of others
		}
		want, known := asks[k.Name]
		delete(asks, k.Name)
		if !known {
			t.Errorf("%s is not in asksOf: say what it asks", k.Name)
		}
		s := settings
		if k.Name == "systemd_timer" {
			s.Backup.Timer = "nightly-backup@a.timer"
		}
		p := probetest.NewPass(t, nil, s)
		var said sent
		said.listen(p)
		git()
		bus.Calls = nil
		r := probe.Run(t.Context(), pr, p)
		if keyed, ok := pr.(probe.Keyed); ok {
			keyed.Key(probetest.Again(p))
		}
		asked := map[string]bool{}
		check := func(service, verb string) {
			asked[service] = true
			if !slices.Contains(may[service], verb) {
				t.Errorf("%s: %q is said to %s, which does not only read", k.Name, verb, service)
			}
		}
		for _, verb := range git() {
			check("git", verb)
		}
		for _, call := range bus.Calls {
			verb, _, _ := strings.Cut(call, " ")
			check("systemd", verb)
		}
		said.mu.Lock()
		for address, connections := range said.all {
			service := services[address]
			if service == "" {
				t.Errorf("%s: talks to %s, which nobody configured", k.Name, address)
			}
			for _, c := range connections {
				if c.Len() > 0 {
					asked[service] = true
				}
				all, err := verbs(service, c.Bytes())
				if err != nil {
					t.Errorf("%s: what it says to %s cannot be told: %v", k.Name, service, err)
				}
				for _, verb := range all {
					check(service, verb)
				}
			}
		}
		said.mu.Unlock()
		if got := strings.Join(slices.Sorted(maps.Keys(asked)), " "); got != want {
			t.Errorf("%s asks %q, expected %q; it said %v (%s) %s", k.Name, got, want, r.State, r.Reason, r.Detail)
		}
	}
	for name := range asks {
		t.Errorf("there is no kind %s that only reads", name)
	}
	if len(docker.Refused) > 0 {
		t.Errorf("said to the engine: %q", docker.Refused)
	}
	for _, action := range account.Permissions() {
		if _, verb, _ := strings.Cut(action, ":"); !strings.HasPrefix(verb, "Get") && !strings.HasPrefix(verb, "List") {
			t.Errorf("asked AWS for %s", action)
		}
	}
	if after := snapshot(t, root); !maps.Equal(after, before) {
		for path := range after {
			if before[path] != after[path] {
				t.Errorf("written: %s", path)
			}
		}
		for path := range before {
			if after[path] == "" {
				t.Errorf("removed: %s", path)
			}
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left among the temporary files: %v, %v", left, err)
	}
}

// TestVerbs: the test's own reading notices what writes.
func TestVerbs(t *testing.T) {
	query := func(kind byte, text string) []byte {
		return []byte("\x00\x00\x00\x08abcd" + probetest.Message(kind, text+"\x00"))
	}
	for _, tt := range []struct {
		service string
		said    []byte
		want    []string
	}{
		{"http", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"), []string{"GET", "POST"}},
		{"aws", []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\nAction=DeleteUser&Version=2010-05"), []string{"DeleteUser"}},
		{"redis", []byte("*1\r\n$4\r\nPING\r\n*3\r\n$6\r\nconfig\r\n$3\r\nset\r\n$1\r\nx\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n"), []string{"PING", "CONFIG SET", "DEL"}},
		{"postgres", query('Q', "delete from x"), []string{"DELETE"}},
		{"postgres", query('P', "\x00insert into x values (1)"), []string{"INSERT"}},
		{"postgres", query('Q', "select 1; drop table x"), []string{"select 1; drop table x"}},
		{"dns", []byte("\x12\x34\x28\x00........"), []string{"opcode 5"}},
	} {
		got, err := verbs(tt.service, tt.said)
		if err != nil && tt.service != "aws" || !slices.Equal(got, tt.want) {
			t.Errorf("%s %q: %q, %v; want %q", tt.service, tt.said, got, err, tt.want)
		}
		if verb := got[len(got)-1]; slices.Contains(readingVerbs()[tt.service], verb) {
			t.Errorf("%s: %q counts as reading", tt.service, verb)
		}
	}
}
