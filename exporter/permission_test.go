package exporter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// asProgram is an environment variable that makes the test binary run the program. Another user can always execute the
// test binary, but not necessarily a program that was built elsewhere.
const asProgram = "CATALYST_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(Main(os.Args[1:], OS()))
	}
	parts.Main(m)
}

// seen is an item in the output of check.
type seen struct {
	Item, State, Reason, Detail string
	Probes                      []struct{ Probe, State, Reason, Detail string }
}

// checkAs runs check as another user, without groups and capabilities, and returns the verdicts by item.
func checkAs(t *testing.T, uid uint32, root string) map[string]seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
	defer cancel()
	command := exec.CommandContext(ctx, "/proc/self/exe", "check", "--format=json", "--config.file="+filepath.Join(root, "config.yml"), "--deployment.root="+root)
	command.Env = []string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "DOCKER_HOST=unix:///nonexistent.sock"}
	command.Dir = root
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	var errs bytes.Buffer
	command.Stderr = &errs
	out, err := command.Output()
	if exit := new(exec.ExitError); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != ExitFailing && exit.ExitCode() != ExitWaiting) {
		t.Fatalf("check as %d: %v\n%s", uid, err, errs.String())
	}
	var answer struct{ Items []seen }
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("check as %d: %v", uid, err)
	}
	verdicts := map[string]seen{}
	for _, i := range answer.Items {
		verdicts[i.Item] = i
	}
	if len(verdicts) != 75 {
		t.Fatalf("check as %d: %d items", uid, len(verdicts))
	}
	return verdicts
}

// TestCheck_AsNobody compares the verdicts for the user nobody with those for the owner. An item that nobody has no
// permission to check must be unknown, with the name of the permission.
func TestCheck_AsNobody(t *testing.T) {
	parts.NeedRoot(t, "running as another user")
	const nobody = 65534
	for name, test := range map[string]struct {
		file, folder os.FileMode
		closed       []string // items that must be unknown (permission_denied)
	}{
		"readable by all": {0o644, 0o755, nil},
		"files of the owner": {0o600, 0o755, []string{
			"redis_password", "postgres_password", "jwt_secret", "api_keys_rotated", "tls_certificates", "firewall_rules", "database_schema", "env_file", "compose_syntax",
			"hardcoded_secrets", "log_level", "resource_limits", "alert_rules", "initial_backup", "disaster_recovery_plan", "restore_tested", "connection_pool", "rate_limit",
			"cache_ttl", "privacy_middleware", "ip_anonymization", "geo_enforcement", "runbook", "architecture_diagram", "changelog", "emergency_contacts", "tests_passing",
		}},
		"folders of the owner": {0o600, 0o700, []string{"tls_certificates", "firewall_rules", "hardcoded_secrets", "database_schema", "initial_backup", "disaster_recovery_plan", "runbook"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := healthyFolder(t)
			if err := os.Remove(filepath.Join(root, ".catalyst/releases/000001.yml")); err != nil { // its name is invalid
				t.Fatal(err)
			}
			repository := parts.GitRepo(t)
			repository.Commit(t, "First", map[string]string{"a.txt": "a\n"})
			if err := os.CopyFS(filepath.Join(root, ".git"), os.DirFS(filepath.Join(repository.Dir, ".git"))); err != nil {
				t.Fatal(err)
			}
			// Exclude services of this machine.
			write(t, root, "config.yml", "deployment:\n  prometheus: {url: 'http://127.0.0.1:1'}\n  grafana: {url: 'http://127.0.0.1:1'}\n  api: {url: 'http://127.0.0.1:1'}\n  firewall: {host_root: host}\n")
			write(t, root, "host/etc/ufw/ufw.conf", "ENABLED=yes\n")
			write(t, root, "host/etc/default/ufw", "DEFAULT_INPUT_POLICY=\"DROP\"\n")
			written := time.Now().Add(-time.Hour) // a backup that was just written counts as unfinished
			err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
				if err == nil {
					err = os.Chtimes(path, written, written)
				}
				switch {
				case err != nil:
					return err
				case path == root:
					return nil
				case d.Name() == "config.yml":
					return os.Chmod(path, 0o644)
				case d.IsDir():
					return os.Chmod(path, test.folder|0o700)
				}
				return os.Chmod(path, test.file)
			})
			if err != nil {
				t.Fatal(err)
			}
			for up := root; strings.HasPrefix(up, os.TempDir()+"/"); up = filepath.Dir(up) {
				if err := os.Chmod(up, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			owner, other := checkAs(t, 0, root), checkAs(t, nobody, root)
			for item, saw := range owner {
				got := other[item]
				permission := strings.Contains(got.Detail, "permi") || strings.Contains(got.Detail, "CAP_") || strings.Contains(got.Detail, "cannot be listed")
				switch {
				case got.State == saw.State && (got.Reason == saw.Reason || item == "firewall_rules"): // of several faults, another one can be the worst
				case got.State != "unknown":
					t.Errorf("%s is %s (%s) for nobody, %s (%s) for the owner: %s", item, got.State, got.Reason, saw.State, saw.Reason, got.Detail)
				case got.Reason != "permission_denied" && got.Reason != "blocked" || !permission:
					t.Errorf("%s is unknown (%s) for nobody, without the missing permission: %s", item, got.Reason, got.Detail)
				}
			}
			for _, item := range test.closed {
				if got := other[item]; got.State != "unknown" || got.Reason != "permission_denied" {
					t.Errorf("%s is %s (%s) for nobody: %s", item, got.State, got.Reason, got.Detail)
				}
			}
		})
	}
}
