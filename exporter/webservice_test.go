package exporter

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestWebServiceExample compares the verdicts on the second example with its README. A fixed copy with a running service
// must be ready.
func TestWebServiceExample(t *testing.T) {
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("../examples/web-service")); err != nil {
		t.Fatal(err)
	}
	config := "--config.file=" + filepath.Join(root, "catalyst.yml")
	replace := func(name, old, new string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Contains(text, []byte(old)) {
			t.Fatalf("%s does not contain %q: %v", name, old, err)
		}
		write(t, root, name, strings.Replace(string(text), old, new, 1))
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	}))
	replace("catalyst.yml", "http://127.0.0.1:8080", service.URL)
	expect := func(want map[string]string) {
		t.Helper()
		got := verdicts(t, config)
		for item, state := range want {
			if got[item] != state {
				t.Errorf("%s: %q, want %q", item, got[item], state)
			}
		}
		if len(got) != 9 {
			t.Errorf("%d items", len(got))
		}
	}
	expect(map[string]string{
		"session_secret": "fail placeholder", "no_placeholders": "fail placeholder", "log_level": "pass", "healthy": "pass", "tls": "skip not_configured",
		"privacy": "skip not_configured", "runbook": "pass", "contacts": "pass", "release_recorded": "skip no_release",
	})
	replace("web.env", "CHANGE_ME", parts.Secret()+parts.Secret())
	run := func(code int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
		if got := Main(append(args, config), sys); got != code {
			t.Errorf("%v: exit code %d, want %d\n%s%s", args, got, code, out.String(), errs.String())
		}
		return out.String() + errs.String()
	}
	run(ExitReady, "check")
	run(ExitReady, "check", "--gate=pre")
	run(ExitWaiting, "check", "--gate=post")
	told := run(ExitReady, "report")
	for _, want := range []string{"- [x] **Session secret set** (web.env)\n  > ✅ pass", "- [ ] **Certificate valid**\n  > ➖ skip (not_configured)", `no probe covers "Cake ordered"`, "- Date/Time: ____________\n"} {
		if !strings.Contains(told, want) {
			t.Errorf("no %q in\n%s", want, told)
		}
	}
	run(ExitReady, "deploy", "plan", "--version=1.0.0", "--commit=0a1b2c3", "--by=on-call@example.org")
	run(ExitReady, "deploy", "record", "--by=on-call@example.org")
	run(ExitReady, "check", "--gate=post")
	if told := run(ExitReady, "report"); !strings.Contains(told, "- Deployed By: on-call@example.org <!-- catalyst: was: ") || !strings.Contains(told, "- Version/Commit: 1.0.0 (0a1b2c3) ") {
		t.Error(told)
	}
	service.Close()
	expect(map[string]string{"healthy": "fail unreachable"})
}

// TestExampleReadme_TurnsCopyGreen runs the commands in the README of the first example that turn a copy green.
func TestExampleReadme_TurnsCopyGreen(t *testing.T) {
	openssl := regexp.MustCompile(`openssl rand -hex [0-9]+`)
	readme, err := os.ReadFile("../examples/deployment/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, blocks := taken(string(readme))
	i := slices.IndexFunc(blocks, func(b block) bool { return strings.HasPrefix(b.text, "cp -rp examples/deployment /tmp/shop\n") })
	if i < 0 {
		t.Fatal("no block copies the example")
	}
	var codes []int
	var out bytes.Buffer
	folder := filepath.Join(t.TempDir(), "shop")
	for line := range strings.Lines(blocks[i].text) {
		line = strings.ReplaceAll(strings.TrimSpace(line), "/tmp/shop", folder)
		if args, ok := strings.CutPrefix(line, "go run . "); ok {
			codes = append(codes, Main(strings.Fields(args), quiet(t, &out)))
			continue
		}
		line = openssl.ReplaceAllString(line, "echo "+parts.Secret()+parts.Secret()) // openssl may not be installed
		command := exec.CommandContext(t.Context(), "sh", "-c", line)
		command.Dir = ".."
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
	if !slices.Equal(codes, []int{ExitReady}) {
		t.Errorf("exit codes %v:\n%s", codes, out.String())
	}
}
