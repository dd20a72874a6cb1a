package packaging_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/exporter"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

const (
	unit     = "catalyst_exporter.service"
	units    = "../examples/systemd"
	binary   = "/usr/bin/catalyst_exporter"
	exposure = 2.0 // limit of the score by systemd-analyze, from 0 (safe) to 10 (exposed)
)

// installUnit installs the unit with a drop-in ("" for none) into a folder and returns the unit's file. The exporter need
// not be installed: another program replaces it.
func installUnit(t testing.TB, dropIn string, change func(string) string) string {
	t.Helper()
	dir := t.TempDir()
	content := read(t, filepath.Join(units, unit))
	if strings.Count(content, "\nExecStart="+binary+" serve ") != 1 {
		t.Fatalf("%s does not start %s once", unit, binary)
	}
	file := filepath.Join(dir, unit)
	write(t, file, change(strings.ReplaceAll(content, "ExecStart="+binary, "ExecStart=/bin/true")))
	if dropIn != "" {
		if err := os.Mkdir(file+".d", 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(file+".d", dropIn), read(t, filepath.Join(units, dropIn)))
	}
	return file
}

func same(content string) string { return content }

var overall = regexp.MustCompile(`Overall exposure level for \S+: ([\d.]+)`)

// exposed returns the exposure score of a unit by systemd-analyze.
func exposed(t testing.TB, analyze, file string) float64 {
	t.Helper()
	output := run(t, filepath.Dir(file), analyze, "--no-pager", "security", "--offline=true", file)
	m := overall.FindStringSubmatch(output)
	if m == nil {
		t.Fatalf("no exposure in %s", output)
	}
	level, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return level
}

func TestUnit(t *testing.T) {
	analyze := parts.Need(t, "systemd-analyze")
	dropIns, err := filepath.Glob(filepath.Join(units, "*.conf"))
	if err != nil || len(dropIns) < 4 {
		t.Fatalf("drop-ins %q, %v", dropIns, err)
	}
	readme := read(t, filepath.Join(units, "README.md"))
	for _, dropIn := range append([]string{""}, dropIns...) {
		name := filepath.Base(dropIn)
		if dropIn == "" {
			name = ""
		}
		t.Run("with "+name, func(t *testing.T) {
			file := installUnit(t, name, same)
			if output := run(t, filepath.Dir(file), analyze, "--no-pager", "--man=no", "verify", file); strings.Contains(output, unit) {
				t.Error(output)
			}
			level := exposed(t, analyze, file)
			if level > exposure {
				t.Errorf("exposure %.1f, want at most %.1f", level, exposure)
			}
			row := "| – |"
			if name != "" {
				row = "| [" + name + "](" + name + ") |"
			}
			_, after, found := strings.Cut(readme, row)
			documented, _, _ := strings.Cut(after, "\n")
			if want := "| " + strconv.FormatFloat(level, 'f', 1, 64) + " |"; !found || !strings.HasSuffix(documented, want) {
				t.Errorf("README.md: row %q ends with %q, want %s", row, documented, want)
			}
		})
	}
	t.Run("without hardening", func(t *testing.T) {
		soft := installUnit(t, "", func(content string) string {
			return regexp.MustCompile(`(?m)^(Protect|Private|Restrict|SystemCall|Capability)\w+=.*\n`).ReplaceAllString(content, "")
		})
		if level := exposed(t, analyze, soft); level <= exposure {
			t.Errorf("exposure without hardening is %.1f", level)
		}
	})
}

// TestUnitConfiguration loads the configuration that uses the unit's credentials.
func TestUnitConfiguration(t *testing.T) {
	config := filepath.Join(units, "config.yml")
	dir := t.TempDir()
	named := regexp.MustCompile(`\$\{CREDENTIALS_DIRECTORY\}/(\w+)`).FindAllStringSubmatch(read(t, config), -1)
	if len(named) < 3 {
		t.Fatalf("credentials in config.yml: %q", named)
	}
	for _, m := range named {
		if !strings.Contains(read(t, filepath.Join(units, "credentials.conf")), "\nLoadCredential="+m[1]+":") {
			t.Errorf("credentials.conf does not load %s", m[1])
		}
		write(t, filepath.Join(dir, m[1]), parts.Secret())
	}
	check := func(credentials string) (int, string) {
		var out bytes.Buffer
		code := exporter.Main([]string{"config", "check", "--config.file=" + config, "--deployment.root=../examples/deployment"}, exporter.System{
			Context: t.Context(), Stdout: &out, Stderr: &out, Now: time.Now,
			Getenv: func(key string) (string, bool) {
				return credentials, key == "CREDENTIALS_DIRECTORY" && credentials != ""
			},
		})
		return code, out.String()
	}
	if code, out := check(dir); code != exporter.ExitReady {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out := check(""); code != exporter.ExitUsage || !strings.Contains(out, "CREDENTIALS_DIRECTORY") {
		t.Errorf("without credentials: exit code %d: %s", code, out)
	}
}

func read(t testing.TB, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t testing.TB, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
