package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/exporter"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// TestDist builds a release for this machine, installs each of its packages into an empty root, and unpacks its archive. Each
// exporter is of the version, and the files are where the documentation says.
func TestDist(t *testing.T) {
	rpm, dpkg := parts.Need(t, "rpm"), parts.Need(t, "dpkg")
	parts.Need(t, "jq")
	if os.Getuid() != 0 {
		parts.Missing(t, "installing a package needs root")
	}
	dist := t.TempDir()
	run(t, "..", "packaging/dist", dist, "1.2.3", runtime.GOARCH)
	base := "catalyst_exporter-1.2.3.linux-" + runtime.GOARCH
	if out := run(t, dist, "sha256sum", "--check", "sha256sums.txt"); strings.Count(out, ": OK\n") != 4 {
		t.Errorf("checksums of other files:\n%s", out)
	}

	roots := map[string]string{"deb": t.TempDir(), "rpm": t.TempDir(), "tar.gz": t.TempDir()}
	for _, folder := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(roots["deb"], "var/lib/dpkg", folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(roots["deb"], "var/lib/dpkg/status"), "")
	run(t, dist, dpkg, "--root="+roots["deb"], "--log=/dev/null", "--install", base+".deb")
	run(t, dist, rpm, "--root="+roots["rpm"], "--nodeps", "--install", base+".rpm")
	run(t, dist, "tar", "-xzf", base+".tar.gz", "--strip-components=1", "-C", roots["tar.gz"])

	packaged := []string{
		"/usr/lib/systemd/system/catalyst_exporter.service", "/etc/default/catalyst_exporter",
		"/usr/share/bash-completion/completions/catalyst_exporter", "/usr/share/man/man1/catalyst_exporter.1",
		"/usr/share/doc/catalyst-exporter/systemd/docker.conf", "/usr/share/doc/catalyst-exporter/alerts/catalyst.rules.yml",
	}
	for format, want := range map[string][]string{
		"deb":    append([]string{binary, "/usr/share/zsh/vendor-completions/_catalyst_exporter"}, packaged...),
		"rpm":    append([]string{binary, "/usr/share/zsh/site-functions/_catalyst_exporter"}, packaged...),
		"tar.gz": {"/catalyst_exporter", "/README.md", "/docs/release.md", "/examples/deployment/docker-compose.yml", "/man/catalyst_exporter.1"},
	} {
		for _, name := range want {
			if info, err := os.Stat(roots[format] + name); err != nil || info.Mode().Perm()&0o444 != 0o444 {
				t.Errorf("%s: %s: %v", format, name, err)
			}
		}
		if out := run(t, "/", roots[format]+want[0], "version"); !strings.Contains(out, "version 1.2.3") {
			t.Errorf("%s: %s", format, out)
		}
	}

	// The README's command works in the archive, without a build.
	check := exec.CommandContext(t.Context(), "./catalyst_exporter", "check", "--deployment.root=examples/deployment", "--quiet")
	check.Dir = roots["tar.gz"]
	if out, err := check.CombinedOutput(); check.ProcessState.ExitCode() != exporter.ExitFailing {
		t.Errorf("check of the example: %v: %s", err, out)
	}

	// A configuration file that was edited survives the next version; removing the package leaves nothing else.
	edited := filepath.Join(roots["deb"], "etc/default/catalyst_exporter")
	write(t, edited, "ARGS=--deployment.root=/srv/shop\n")
	run(t, dist, dpkg, "--root="+roots["deb"], "--log=/dev/null", "--remove", "catalyst-exporter")
	if read(t, edited) != "ARGS=--deployment.root=/srv/shop\n" {
		t.Error("removing the package changed its configuration")
	}
	if _, err := os.Stat(roots["deb"] + binary); !os.IsNotExist(err) {
		t.Errorf("removing the package left %s: %v", binary, err)
	}
}
