package exporter

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/thenexusengine/catalyst_exporter/exporter/format"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// tmpfs returns a new folder on tmpfs.
func tmpfs(t *testing.T) string {
	t.Helper()
	var st unix.Statfs_t
	const shm = "/dev/shm"
	if err := unix.Statfs(shm, &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		parts.Missing(t, shm+" is not a tmpfs")
	}
	dir, err := os.MkdirTemp(shm, "challenge-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// challenged runs the command and requires that it leaves nothing in its scratch folder.
func challenged(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	scratch := tmpfs(t)
	var out, errs bytes.Buffer
	sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(key string) (string, bool) { return scratch, key == "XDG_RUNTIME_DIR" }, Now: time.Now}
	if code := Main(append([]string{"challenge"}, args...), sys); code != want {
		t.Errorf("challenge %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out.String(), errs.String())
	}
	if left, _ := os.ReadDir(scratch); len(left) > 0 {
		t.Errorf("challenge left %s behind", left[0].Name())
	}
	return out.String(), errs.String()
}

// soundExample is the example deployment with what its README says is wrong fixed.
func soundExample(t *testing.T) (root string, secrets []string) {
	t.Helper()
	root = t.TempDir()
	if err := os.CopyFS(root, os.DirFS("../examples/deployment")); err != nil {
		t.Fatal(err)
	}
	change := func(name string, pairs ...string) {
		t.Helper()
		path := filepath.Join(root, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		secrets = append(secrets, parts.Secret())
	}
	env, err := os.ReadFile(filepath.Join(root, ".env.production"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(env)) {
		key, _, _ := strings.Cut(line, "=")
		switch key {
		case "DB_PASSWORD":
			line = key + "=" + secrets[0] + "\n"
		case "BIDDER_API_KEY":
			line = key + "=" + secrets[1] + "\n"
		case "HOST":
			line = "HOST=localhost\n"
		case "PBS_ENFORCE_GDPR":
			line = key + "=true\n"
		case "BACKUP_CRON":
			line = key + "='0 2 * * *'\n"
		}
		lines = append(lines, line)
	}
	change(".env.production", string(env), strings.Join(lines, ""))
	change("docker-compose.yml", "backup: # no limits", "backup:\n    deploy: {resources: {limits: {cpus: '1', memory: 1G}}}", `"5432:5432"`, `"127.0.0.1:5432:5432"`)
	change("docs/checklist.md", "TBD", "ops@your.org")
	if err := os.Mkdir(filepath.Join(root, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "secrets/jwt_secret"), []byte(secrets[2]+secrets[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	return root, secrets
}

// The embedded checklist notices every declared breakage of the example deployment.
func TestChallenge_Embedded(t *testing.T) {
	root, secrets := soundExample(t)
	stdout, _ := challenged(t, ExitReady, "--deployment.root="+root, "--format=json")
	var report struct {
		Noticed, Unnoticed, Blinded, Challenged int
		Items                                   []struct{ Category, Item, NotChallenged string }
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatal(err)
	}
	if report.Challenged < 20 || report.Noticed < 200 || report.Unnoticed+report.Blinded > 0 {
		t.Errorf("%+v", report)
	}
	for _, s := range secrets {
		if strings.Contains(stdout, s) {
			t.Error("the output contains a secret")
		}
	}
	for _, config := range []string{"../examples/web-service/catalyst.yml", "../examples/self/catalyst.yml"} {
		challenged(t, ExitReady, "--config.file="+config)
	}
	// The stack has no env file, so that no placeholder could be left in it.
	if stdout, _ := challenged(t, ExitFailing, "--deployment.root=../examples/stack"); !strings.Contains(stdout, "security/api_keys_rotated                0 noticed, 1 unnoticed") ||
		strings.Count(stdout, "✗") != 1 {
		t.Error(stdout)
	}
	stdout, _ = challenged(t, ExitReady, "--deployment.root="+root, "--item=log_level", "--format=junit")
	var junit format.JunitSuites
	if err := xml.Unmarshal([]byte(stdout), &junit); err != nil || junit.Tests == 0 || junit.Failures > 0 {
		t.Errorf("%v: %s", err, stdout)
	}
}

// The checklists of the gallery notice every declared breakage of the example deployment, as far as they are about it.
func TestChallenge_Gallery(t *testing.T) {
	root, _ := soundExample(t)
	lists, err := filepath.Glob("../examples/checklists/*.yml")
	if err != nil || len(lists) == 0 {
		t.Fatal("no checklists", err)
	}
	broken := 0
	for _, list := range lists {
		absolute, err := filepath.Abs(list)
		if err != nil {
			t.Fatal(err)
		}
		config := filepath.Join(t.TempDir(), "catalyst.yml")
		if err := os.WriteFile(config, []byte("checklist: "+absolute+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		want := ExitReady
		if strings.HasSuffix(list, "static-site.yml") { // it is about what no file of the example contains
			want = ExitWaiting
		}
		stdout, _ := challenged(t, want, "--deployment.root="+root, "--config.file="+config, "--format=json")
		broken += strings.Count(stdout, `"result"`)
	}
	if broken < 100 {
		t.Errorf("only %d breakages", broken)
	}
}

// The exit code says whether anything could be broken, and unknown items are invalid usage.
func TestChallenge_ExitCodes(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"Dockerfile":    "FROM alpine:3.22\n# USER app\nUSER app\n",
		"catalyst.yml":  "checklist: checklist.yml\n",
		"checklist.yml": "checklist: Mine\ncategories:\n  - category: image\n    items:\n      - item: user\n        title: T\n        fix: F\n        probes:\n          - file_content: {path: Dockerfile, comments: [], matches: [\"USER app\"]}\n      - item: nobody\n        title: T\n        fix: F\n        probes:\n          - attestation: {item: image/nobody}\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := []string{"--deployment.root=" + root, "--config.file=" + filepath.Join(root, "catalyst.yml")}
	stdout, _ := challenged(t, ExitReady, append(at, "--item=user")...)
	if !strings.Contains(stdout, "image/user") {
		t.Error(stdout)
	}
	stdout, _ = challenged(t, ExitWaiting, append(at, "--item=nobody")...)
	if !strings.Contains(stdout, "none of its probes reads files of the deployment alone: image/nobody") {
		t.Error(stdout)
	}
	_, stderr := challenged(t, ExitUsage, append(at, "--item=usr")...)
	if !strings.Contains(stderr, `unknown item "usr"`) {
		t.Error(stderr)
	}
}

// The copy is never made on a disk, and never without being told where.
func TestChallenge_Scratch(t *testing.T) {
	var st unix.Statfs_t
	disk := t.TempDir()
	if err := unix.Statfs(disk, &st); err != nil || st.Type == unix.TMPFS_MAGIC {
		parts.Missing(t, "a folder of tests that is not on tmpfs (TMPDIR)")
	}
	run := func(args ...string) (int, string) {
		var errs bytes.Buffer
		sys := System{Context: t.Context(), Stdout: &bytes.Buffer{}, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
		return Main(append([]string{"challenge", "--deployment.root=../examples/deployment"}, args...), sys), errs.String()
	}
	for _, test := range []struct{ flag, want string }{
		{"--scratch=" + disk, "not on tmpfs"}, {"--scratch=" + disk + "/none", "no such file or directory"}, {"--format=table", "--scratch is required"},
	} {
		if code, errs := run(test.flag); code != ExitUsage || !strings.Contains(errs, test.want) {
			t.Errorf("%s: exit code %d, %s", test.flag, code, errs)
		}
	}
	if left, _ := os.ReadDir(disk); len(left) > 0 {
		t.Error("wrote to a disk")
	}
}

// The guide shows what the command prints.
func TestDocs_Challenge(t *testing.T) {
	const file, mark = "../docs/challenge.md", "<!-- output -->\n```\n"
	stdout, _ := challenged(t, ExitReady, "--config.file=../examples/web-service/catalyst.yml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), mark)
	_, after, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatalf("%s has no block after %q", file, mark)
	}
	want := before + mark + stdout + "```\n" + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("docs/challenge.md is out of date: run go test ./exporter -run Docs -update; the command prints\n%s", stdout)
	}
}
