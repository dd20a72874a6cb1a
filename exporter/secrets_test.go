package exporter

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestOutput_ContainsNoSecrets runs every command and requests every path for deployments full of secrets, with servers that
// echo what they receive, and searches all output.
func TestOutput_ContainsNoSecrets(t *testing.T) {
	for _, key := range []string{"DOCKER_HOST", "AWS_PROFILE"} {
		t.Setenv(key, "")
	}
	t.Setenv("DOCKER_HOST", "unix:///nonexistent.sock") // not the machine's own
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, how := range []manner{refuses, denies, babbles, accepts} {
		t.Run(string(how), func(t *testing.T) {
			var m marks
			at := startEchoes(t, how, m.plant("a server's own"))
			root := plantedFolder(t, &m, at)
			if how == accepts || how == denies {
				plantMore(t, &m, root)
			}
			s := &secretRun{t: t, marks: &m, config: plantedConfig(t, &m, root, at), root: root, environment: map[string]string{"REDIS_VARIABLE": m.plant("the exporter's environment")}}
			s.commands(how == accepts)
			if how == accepts {
				s.processList()
				if said := s.out.all["check --format=json"]; !strings.Contains(said, "planted-catalyst-1") {
					t.Error("the containers were not checked")
				}
			}
			s.serve()
			s.conclude()
			if n := len(m.by); how == accepts && n < wantedMarks {
				t.Errorf("only %d secrets are planted", n)
			}
			if how != refuses {
				wasGiven(t, at, &m, how)
			}
		})
	}
	for variant := range 4 {
		t.Run(fmt.Sprintf("broken %d", variant), func(t *testing.T) {
			var m marks
			at := startEchoes(t, refuses, "")
			root := plantedFolder(t, &m, at)
			breakFolder(t, &m, root, variant)
			s := &secretRun{t: t, marks: &m, root: root}
			s.commands(variant == 0)
			s.serve()
			s.conclude()
		})
	}
}

// wasGiven checks that the servers received secrets, because otherwise their echo proves nothing.
func wasGiven(t *testing.T, at echoes, m *marks, how manner) {
	t.Helper()
	var s surfaces
	s.add("the servers", at.given.String())
	got := strings.Join(s.leaks(m), "\n")
	places := []string{"the exporter's token", "the exporter's password", "the exporter's grafana token", "the exporter's loki token", "the exporter's environment"}
	switch how {
	case denies:
		places = append(places, "DATABASE_URL's password", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")
	case accepts:
		places = append(places, "DATABASE_URL's password")
	}
	for _, place := range places {
		if !strings.Contains(got, "the secret of "+place+" (") {
			t.Errorf("no server received the secret of %s", place)
		}
	}
}

// plantedConfig writes a valid configuration that uses secrets in every possible way.
func plantedConfig(t *testing.T, m *marks, root string, at echoes) string {
	t.Helper()
	secretFile := func(name string) string {
		return write(t, root, filepath.Join("exporter", name), m.plant("the exporter's "+name)+"\n")
	}
	return write(t, root, "exporter.yml", fmt.Sprintf(`deployment:
  api: {url: 'http://%s', bearer_token_file: %s, timeout: 1s}
  public: {url: 'http://%s', hosts: [127.0.0.1], cdn: any}
  prometheus: {url: 'http://%s', username: exporter, password_file: %s, timeout: 1s}
  grafana: {url: 'http://%s', token_file: %s, timeout: 1s}
  alertmanager: {url: 'http://%s', username: '${env.TOKEN_FOR_PROMETHEUS}', password_file: %s, timeout: 1s}
  loki: {url: 'http://%s', tenant: '${env.TOKEN_FOR_PROMETHEUS}', bearer_token_file: %s, timeout: 1s}
  database: {host: 127.0.0.1, timeout: 1s, sslmode: disable}
  redis: {address: '%s', password: '${REDIS_VARIABLE}', timeout: 1s}
  backup: {directory: backups/daily}
  aws: {endpoint: 'http://%s'}
  docker: {host: 'tcp://%s', project: planted}
  repository: {path: %s}
overrides:
  postgres_password: {probes: {postgres_default_login: {enabled: true}}}
  privacy_middleware: {probes: {gdpr_refusal: {enabled: true}}}
`, at.http, secretFile("token"), at.http, at.http, secretFile("password"), at.http, secretFile("grafana token"), at.http, secretFile("alertmanager password"), at.http, secretFile("loki token"), at.redis, at.http, at.http, committedSecrets(t, m)))
}

// history creates a git repository with a secret in an earlier commit.
func committedSecrets(t *testing.T, m *marks) string {
	t.Helper()
	r := parts.GitRepo(t)
	key := m.planted("an earlier commit", "AKIA"+rand.Text()[:16])
	r.Commit(t, "Add "+m.plant("a commit's message"), map[string]string{"deploy.sh": "export AWS_ACCESS_KEY_ID=" + key + "\n"})
	r.Commit(t, "Remove it", map[string]string{"deploy.sh": "true\n"})
	return r.Dir
}

// spyOn puts a wrapper of git into the PATH that records its arguments and environment, and returns the file with the record.
func spyOn(t *testing.T) (told string) {
	t.Helper()
	git := parts.Need(t, "git")
	dir := t.TempDir()
	told = filepath.Join(dir, "told")
	write(t, dir, "git", fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$@\" >>%s\ntr '\\000' '\\n' </proc/$$/environ >>%s\nexec %s \"$@\"\n", told, told, git))
	if err := os.Chmod(filepath.Join(dir, "git"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return told
}

// processList records what other users can see of the program and its child processes during a check.
func (s *secretRun) processList() {
	s.t.Helper()
	told := spyOn(s.t)
	ctx, cancel := context.WithTimeout(s.t.Context(), parts.Patience)
	defer cancel()
	command := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"check"}, s.flags()...)...)
	command.Env = append(os.Environ(), asProgram+"=1")
	for key, value := range s.environment {
		command.Env = append(command.Env, key+"="+value)
	}
	var out, errs lockedBuffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = command.Wait() }()
	seen := 0
	for running := true; running; {
		for _, file := range []string{"cmdline", "comm", "status"} {
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", command.Process.Pid, file)); err == nil && len(text) > 0 {
				s.out.add("the process list", string(text))
				seen++
			}
		}
		select {
		case <-ended:
			running = false
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.out.add("the process's output", out.String()+errs.String())
	text, err := os.ReadFile(told)
	if err != nil || seen == 0 || !strings.Contains(string(text), "GIT_CONFIG_NOSYSTEM") {
		s.t.Errorf("too little recorded of the processes: %d, %v", seen, err)
	}
	s.out.add("what git is started with", string(text))
	if !strings.Contains(out.String(), "hardcoded_secrets") || !strings.Contains(out.String(), "deploy.sh") {
		s.t.Error("git_secrets did not find the secret in the history, so the test proves nothing")
	}
}

// secretRun is a deployment with the output of all commands and requests.
type secretRun struct {
	t           *testing.T
	marks       *marks
	out         surfaces
	root        string
	config      string // "" for none
	environment map[string]string
}

func (s *secretRun) flags() []string {
	flags := []string{"--deployment.root=" + s.root, "--log.level=debug"}
	if s.config != "" {
		flags = append(flags, "--config.file="+s.config)
	}
	return flags
}

// run runs a command and records its output.
func (s *secretRun) run(name string, args ...string) int {
	s.t.Helper()
	var out, errs lockedBuffer
	ctx, cancel := context.WithTimeout(s.t.Context(), parts.Patience)
	defer cancel()
	code := Main(args, System{Context: ctx, Stdout: &out, Stderr: &errs, Now: time.Now, Getenv: func(key string) (string, bool) {
		v, ok := s.environment[key]
		return v, ok
	}})
	if ctx.Err() != nil {
		s.t.Errorf("%s did not end", name)
	}
	if out.String() == "" && errs.String() == "" {
		s.t.Errorf("%s prints nothing", name)
	}
	s.out.add(name, out.String())
	s.out.add(name+", its errors", errs.String())
	return code
}

func (s *secretRun) commands(explain bool) {
	s.t.Helper()
	with := func(args ...string) []string { return append(args, s.flags()...) }
	for _, format := range []string{"table", "json", "prometheus"} {
		if code := s.run("check --format="+format, with("check", "--format="+format)...); code != ExitFailing {
			s.t.Errorf("check --format=%s: exit code %d", format, code)
		}
	}
	s.run("list", with("list")...)
	s.run("list --format=json", with("list", "--format=json")...)
	for _, command := range []string{"check", "discover", "schema"} {
		if code := s.run("config "+command, with("config", command)...); code != ExitReady {
			s.t.Errorf("config %s: exit code %d: %s", command, code, s.out.all["config "+command+", its errors"])
		}
	}
	if explain {
		for _, name := range itemNames(s.t) {
			s.run("explain "+name, with("explain", name)...)
		}
	}
}

// itemNames returns category/item of all items in the embedded checklist.
func itemNames(t *testing.T) []string {
	t.Helper()
	a := &app{System: System{Now: time.Now, Getenv: os.LookupEnv}, root: t.TempDir()}
	set, err := a.source().Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	return set.Checklist.Names()
}

func (s *secretRun) serve() {
	s.t.Helper()
	config := s.config
	if config == "" {
		config = write(s.t, s.root, "none.yml", "{}\n")
	}
	for key, value := range s.environment {
		s.t.Setenv(key, value)
	}
	good, err := os.ReadFile(config)
	if err != nil {
		s.t.Fatal(err)
	}
	r := serve(s.t, "--deployment.root="+s.root, "--config.file="+config, "--log.level=debug", "--web.enable-lifecycle")
	for _, path := range []string{"/metrics", "/metrics?collect[]=security", "/", "/?state=fail", "/api/v1/checks", "/api/v1/ready", "/api/v1/ready?gate=pre", "/sd", "/api/v1/openapi.json", "/probe?target=x", "/-/healthy", "/-/ready", "/nope"} {
		_, body := r.get(s.t, path)
		s.out.add("GET "+path, body)
	}
	bad := badConfigurations(s.marks)
	for name, text := range bad {
		write(s.t, filepath.Dir(config), filepath.Base(config), text)
		status, body := post(s.t, r.url+"/-/reload")
		if status != http.StatusInternalServerError {
			s.t.Errorf("%s: reload: %d %s", name, status, body)
		}
		s.out.add("POST /-/reload, "+name, body)
		if code := s.run("config check, "+name, append([]string{"config", "check", "--config.file=" + config}, s.flags()[:2]...)...); code != ExitUsage {
			s.t.Errorf("config check, %s: exit code %d", name, code)
		}
	}
	write(s.t, filepath.Dir(config), filepath.Base(config), string(good))
	_, metrics := r.get(s.t, "/metrics")
	s.out.add("GET /metrics after bad reloads", metrics)
	if code := r.stop(); code != ExitReady {
		s.t.Errorf("serve: exit code %d", code)
	}
	log := r.stderr.String()
	if n := strings.Count(log, "the configuration was not reloaded"); n != len(bad) {
		s.t.Errorf("the log reports %d of %d failed reloads", n, len(bad))
	}
	s.out.add("the log", log)
}

// badConfigurations returns invalid configurations with secrets where an error message could quote them.
func badConfigurations(m *marks) map[string]string {
	env := func(key string) string { return "${env." + key + "}" }
	return map[string]string{
		"a secret that is a list":      fmt.Sprintf("deployment: {redis: {password: [%s]}}\n", m.plant("bad configuration: a list")),
		"a secret that is a map":       fmt.Sprintf("deployment: {database: {password: {%s: x, y: %s}}}\n", m.plant("bad configuration: a key"), m.plant("bad configuration: a value")),
		"a number from the env file":   "deployment: {database: {port: '" + env("DB_PASSWORD") + "'}}\n",
		"a word from the env file":     "deployment: {database: {sslmode: 'x" + env("REDIS_PASSWORD") + "'}}\n",
		"a duration from the env file": "deployment: {api: {timeout: '" + env("AWS_SECRET_ACCESS_KEY") + "'}}\n",
		"a truth from the env file":    "deployment: {redis: {tls: '" + env("AWS_SESSION_TOKEN") + "'}}\n",
		"a list from the env file":     "deployment: {firewall: {allowed: ['" + env("DB_PASSWORD") + "']}}\n",
		"a password in a URL":          fmt.Sprintf("deployment: {public: {url: 'http://exporter:%s@127.0.0.1/'}}\n", m.plant("bad configuration: password in a URL")),
		"a password in a broken URL":   fmt.Sprintf("deployment: {api: {url: 'http://exporter:%s@127.0.0.1:port/'}}\n", m.plant("bad configuration: password in a broken URL")),
		"an unknown key":               fmt.Sprintf("deployment: {redis: {pasword: %s}}\n", m.plant("bad configuration: misspelt key's value")),
		"a key twice":                  fmt.Sprintf("deployment: {redis: {password: %s, password: %s}}\n", m.plant("bad configuration: twice"), m.plant("bad configuration: twice, again")),
		"an open quote":                fmt.Sprintf("deployment: {redis: {password: '%s}}\n", m.plant("bad configuration: open quote")),
		"an indentation":               fmt.Sprintf("deployment:\n  redis:\n    password: %s\n   tls: true\n", m.plant("bad configuration: indentation")),
		"an anchor":                    fmt.Sprintf("deployment: {redis: {password: *%s}}\n", m.plant("bad configuration: alias")),
		"a tag":                        fmt.Sprintf("deployment: {redis: {password: !%s x}}\n", m.plant("bad configuration: tag")),
		"a variable that is not set":   "deployment: {redis: {password: '${NOT_SET_ANYWHERE}'}}\n",
	}
}

func post(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Post(url, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

// conclude searches all output for secrets.
func (s *secretRun) conclude() {
	s.t.Helper()
	size := 0
	for text := range maps.Values(s.out.all) {
		size += len(text)
	}
	if len(s.out.all) < 30 || size < 100_000 || len(s.marks.by) < 60 {
		s.t.Errorf("too little searched: %d surfaces, %d bytes, %d marks", len(s.out.all), size, len(s.marks.by))
	}
	for _, leak := range s.out.leaks(s.marks) {
		s.t.Error(leak)
	}
}
