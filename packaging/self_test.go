package packaging_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/exporter"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestSelf checks this repository against its own checklist. Without the complete history (a shallow clone, or sources
// without git) it requires that the item on secrets is unknown.
func TestSelf(t *testing.T) {
	git := parts.Need(t, "git")
	history, want := "pass", exporter.ExitReady
	answer, err := exec.CommandContext(t.Context(), git, "-c", "safe.directory=*", "rev-parse", "--is-shallow-repository").Output()
	if err != nil || strings.TrimSpace(string(answer)) != "false" {
		history, want = "unknown", exporter.ExitWaiting
	}
	code, verdicts := self(t, build(t), filepath.Join("..", "examples", "self", "catalyst.yml"))
	if code != want {
		t.Errorf("exit code %d, want %d", code, want)
	}
	if len(verdicts) < 6 {
		t.Errorf("%d items", len(verdicts))
	}
	for item, got := range verdicts {
		wanted := "pass"
		if item == "hardcoded_secrets" {
			wanted = history
		}
		if state, _, _ := strings.Cut(got, " "); state != wanted && state != "warn" {
			t.Errorf("%s: %s", item, got)
		}
	}
}

// TestSelf_DetectsFaults applies the checklist to a repository with faults.
func TestSelf_DetectsFaults(t *testing.T) {
	repository := parts.GitRepo(t)
	run(t, ".", "cp", "-R", "../examples", "../docs", repository.Dir)
	compose := filepath.Join(repository.Dir, "examples/stack/compose.yml")
	content := strings.Replace(read(t, compose), `"127.0.0.1:${GRAFANA_PORT`, `"${GRAFANA_PORT`, 1)
	write(t, compose, strings.Replace(content, "deploy: {resources: {limits: {cpus: \"1\", memory: 512M}}}", "", 1))
	repository.Commit(t, "Add a secret", map[string]string{
		"a.go": `package a; const token = "ghp_` + (parts.Secret() + parts.Secret())[:36] + `"` + "\n", "CHANGELOG.md": "", "docs/runbook.md": "# Runbook\n\nTBD\n",
	})
	code, verdicts := self(t, build(t), filepath.Join(repository.Dir, "examples", "self", "catalyst.yml"))
	if code != exporter.ExitFailing {
		t.Errorf("exit code %d", code)
	}
	for item, want := range map[string]string{
		"hardcoded_secrets": "fail committed", "published_ports": "fail exposed", "resource_limits": "fail missing", "runbook": "fail", "changelog": "fail", "compose_syntax": "pass",
	} {
		if !strings.HasPrefix(verdicts[item], want) {
			t.Errorf("%s: %q, want %q", item, verdicts[item], want)
		}
	}
}

// self checks a repository with a release build, because the history is too long for the race detector. It returns the
// exit code and the state, reason and detail of each item.
func self(t *testing.T, program, config string) (int, map[string]string) {
	t.Helper()
	var errs bytes.Buffer
	command := exec.CommandContext(t.Context(), program, "check", "--format=json", "--config.file="+config)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "DOCKER_HOST=unix:///nonexistent.sock"}
	command.Stderr = &errs
	out, err := command.Output()
	var answer struct {
		Items []struct{ Item, State, Reason, Detail string }
	}
	if errJSON := json.Unmarshal(out, &answer); errJSON != nil {
		t.Fatalf("%v, %v: %s", err, errJSON, errs.String())
	}
	verdicts := map[string]string{}
	for _, i := range answer.Items {
		verdicts[i.Item] = strings.TrimSpace(i.State + " " + i.Reason + ": " + i.Detail)
	}
	return command.ProcessState.ExitCode(), verdicts
}
