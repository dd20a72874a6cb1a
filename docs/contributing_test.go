// Package docs holds the documentation and the test that executes the recipe of the contributing guide.
package docs

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// TestContributing_Recipe adds the kind of the guide to a copy of the module and runs the guide's commands there.
func TestContributing_Recipe(t *testing.T) {
	guide, err := os.ReadFile("contributing.md")
	if err != nil {
		t.Fatal(err)
	}
	root := copyModule(t)
	var commands []string
	for _, block := range fence.FindAllStringSubmatch(string(guide), -1) {
		info, text := block[1], block[2]
		switch file, isGo := strings.CutPrefix(info, "go "); {
		case info == "sh run":
			commands = append(commands, strings.Split(strings.TrimSpace(text), "\n")...)
		case isGo && file == "kinds/kinds.go":
			register(t, filepath.Join(root, file), text)
		case isGo:
			write(t, filepath.Join(root, file), text)
		}
	}
	if len(commands) == 0 {
		t.Fatal("the guide runs no commands")
	}
	for _, command := range commands {
		run := exec.Command("sh", "-c", command)
		run.Dir = root
		run.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false -trimpath", "GOWORK=off")
		if output, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, output)
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "docs/probes.md")); err != nil || !strings.Contains(string(text), "tcp_accepts") {
		t.Errorf("the reference of probes lacks the new kind: %v", err)
	}
}

// register adds imports after "import (", and other lines at the beginning of the list of kinds.
func register(t *testing.T, file, lines string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for line := range strings.Lines(lines) {
		after := "return []probe.Kind{\n"
		if strings.HasPrefix(strings.TrimSpace(line), `"`) {
			after = "import (\n"
		}
		if !strings.Contains(text, after) {
			t.Fatalf("%s has no %q", file, after)
		}
		text = strings.Replace(text, after, after+line, 1)
	}
	write(t, file, text)
}

// copyModule copies what the module is built from, without other modules and the repository.
func copyModule(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != ".." && (strings.HasPrefix(base, ".git") || base == "node_modules" || base == "bench") {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel("..", name)
		if err != nil {
			return err
		}
		write(t, filepath.Join(root, relative), string(data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func write(t *testing.T, file, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
