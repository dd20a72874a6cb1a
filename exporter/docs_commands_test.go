package exporter

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// Every command line that the documents print with this program is run as it is printed, by a shell, in a process of its
// own: the table is in docs_commands_table_test.go. A document and its rows must hold the same lines in the same order.

// printedLine is a command line of a document, without its comment.
type printedLine struct {
	text   string
	exit   int
	item   string // what ITEM stands for
	before string // shell commands, run first
	serves bool   // it runs until it is stopped
	notRun string // why it is only parsed
}

// printedDocument is a document, with the folder and the preparations that its lines need.
type printedDocument struct {
	name  string // below the repository's root
	in    string // folder of the world that the lines are run in
	setup string // shell commands, run there first
	lines []printedLine
}

// printedLines lists the command lines of a document: those of its shell blocks, then those that only its prose holds.
func printedLines(document string) []string {
	program := regexp.MustCompile(`^(go run \.|catalyst_exporter|docker run .* catalyst_exporter)( |$)`)
	comment := regexp.MustCompile(`\s+# .*$`)
	prose, blocks := taken(document)
	var lines []string
	for _, b := range blocks {
		if b.language != "sh" {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(b.text, "\\\n", " ")) {
			line = strings.Join(strings.Fields(comment.ReplaceAllString(strings.TrimSuffix(line, "\n"), "")), " ")
			if program.MatchString(line) {
				lines = append(lines, line)
			}
		}
	}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(prose, -1) {
		if strings.HasPrefix(m[1], "catalyst_exporter ") && !slices.Contains(lines, m[1]) {
			lines = append(lines, m[1])
		}
	}
	return lines
}

// commandWorld makes the folders that documented lines are run in and returns the environment of a shell in which
// `catalyst_exporter` and `go run .` are this program.
func commandWorld(t *testing.T) (world string, environ []string) {
	t.Helper()
	world = t.TempDir()
	copies := map[string]string{
		"../examples": "examples", "../examples/deployment": "shop", "../examples/web-service": "mine",
	}
	for from, to := range copies {
		if err := os.CopyFS(filepath.Join(world, to), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write(t, world, "bin/go", "#!/bin/sh\n[ \"$1 $2\" = 'run .' ] && shift 2 && exec catalyst_exporter \"$@\"\n")
	if err := os.Chmod(filepath.Join(world, "bin/go"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(world, "bin/catalyst_exporter")); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(world, "home/.ssh/id_ed25519")
	if err := os.MkdirAll(filepath.Dir(key), 0o700); err != nil {
		t.Fatal(err)
	}
	keygen := exec.Command(parts.Need(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key)
	if out, err := keygen.CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	return world, []string{
		asProgram + "=1", "PATH=" + filepath.Join(world, "bin") + ":" + os.Getenv("PATH"),
		"HOME=" + filepath.Join(world, "home"), "WORLD=" + world,
		"SHA=4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192", "NEXT=0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
		"DOCKER_HOST=unix:///nonexistent.sock", "SSH_AUTH_SOCK=" + keyAgent(t, key),
	}
}

// keyAgent runs an agent that holds the key until the test ends and returns its socket.
func keyAgent(t *testing.T, key string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	agent := exec.CommandContext(t.Context(), parts.Need(t, "ssh-agent"), "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	parts.Eventually(t, func() error { _, err := os.Stat(socket); return err })
	add := exec.Command(parts.Need(t, "ssh-add"), "-q", key)
	add.Env = []string{"SSH_AUTH_SOCK=" + socket}
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v %s", err, out)
	}
	return socket
}

func TestDocuments_CommandLinesRun(t *testing.T) {
	for _, d := range printedDocuments {
		if _, err := os.Stat(filepath.Join("..", d.name)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range written(t) {
		name = filepath.ToSlash(strings.TrimPrefix(name, "../"))
		if name == "docs/commands.md" || name == "bench/README.md" {
			continue // the first is made from the code, the second by its own program
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", name))
			if err != nil {
				t.Fatal(err)
			}
			printed, document := printedLines(string(text)), printedDocument{name: name}
			if i := slices.IndexFunc(printedDocuments, func(d printedDocument) bool { return d.name == name }); i >= 0 {
				document = printedDocuments[i]
			}
			rows := make([]string, 0, len(printed))
			for _, l := range document.lines {
				rows = append(rows, l.text)
			}
			if !slices.Equal(printed, rows) {
				t.Fatalf("the table does not hold the lines of %s. The document prints\n%s\nthe table holds\n%s",
					name, strings.Join(printed, "\n"), strings.Join(rows, "\n"))
			}
			runPrinted(t, document)
		})
	}
}

// runPrinted runs the lines of a document one after the other.
func runPrinted(t *testing.T, document printedDocument) {
	t.Helper()
	if len(document.lines) == 0 {
		return
	}
	world, environ := commandWorld(t)
	shell := func(line string) *exec.Cmd {
		command := exec.CommandContext(t.Context(), "sh", "-c", line)
		command.Dir, command.Env = filepath.Join(world, document.in), environ
		return command
	}
	prepare := func(commands string) {
		if out, err := shell("set -e\n" + commands).CombinedOutput(); err != nil {
			t.Fatalf("preparing: %v\n%s", err, out)
		}
	}
	prepare(document.setup)
	for _, l := range document.lines {
		if l.before != "" {
			prepare(l.before)
		}
		line := strings.ReplaceAll(readersChoice().Replace(l.text), "ITEM", cmp.Or(l.item, "redis_password"))
		switch {
		case l.notRun != "":
			parsePrinted(t, line)
		case l.serves:
			servePrinted(t, shell("exec "+line+" --web.listen-address=127.0.0.1:0"))
		default:
			out, err := shell(line).CombinedOutput()
			exit, failed := 0, new(exec.ExitError)
			if errors.As(err, &failed) {
				exit = failed.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if exit != l.exit {
				t.Errorf("%s\nexit code %d, want %d:\n%s", line, exit, l.exit, out)
			}
		}
	}
}

// parsePrinted demands that the program accepts the line's flags and arguments.
func parsePrinted(t *testing.T, line string) {
	t.Helper()
	_, args, _ := strings.Cut(line+" ", "catalyst_exporter ")
	k, _, _ := (&app{}).commandLine()
	if _, err := k.Parse(strings.Fields(args)); err != nil {
		t.Errorf("%s: %v", line, err)
	}
}

// servePrinted runs a line that serves until it listens, then stops it.
func servePrinted(t *testing.T, command *exec.Cmd) {
	t.Helper()
	log := &lockedBuffer{}
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	parts.Eventually(t, func() error {
		if !strings.Contains(log.String(), "Listening on") {
			return errors.New("not listening: " + log.String())
		}
		return nil
	})
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("%s: %v\n%s", command, err, log)
	}
}

// A command that prose names with its flags, such as `deploy record --image`, has these flags.
func TestDocuments_NamedFlagsExist(t *testing.T) {
	k, _, _ := (&app{}).commandLine()
	model, flags := k.Model(), map[string]map[string]bool{}
	for _, c := range model.FlattenedCommands() {
		flags[c.FullCommand] = map[string]bool{}
		for _, f := range slices.Concat(model.Flags, c.Flags) {
			flags[c.FullCommand][f.Name] = true
		}
	}
	command := regexp.MustCompile("`(?:catalyst_exporter )?([a-z]+(?: [a-z]+)?)(?: [^`-][^`]*?)? --([a-z][^`]*)`")
	named := 0
	for _, name := range written(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		prose, _ := taken(string(text))
		for _, m := range command.FindAllStringSubmatch(prose, -1) {
			known, ok := flags[m[1]]
			if !ok {
				continue
			}
			for _, word := range strings.Split(m[2], " --") {
				flag, _, _ := strings.Cut(strings.Fields(word)[0], "=")
				if named++; !known[flag] {
					t.Errorf("%s: %s: %s has no flag --%s", name, m[0], m[1], flag)
				}
			}
		}
	}
	if named < 20 {
		t.Errorf("only %d flags were found", named)
	}
}

// Comments, continued lines, other programs and other blocks.
func TestPrintedLines_ProgramOnly(t *testing.T) {
	document := "`catalyst_exporter list` and `catalyst_exporter` and `ls`\n" +
		"```sh\ngo run . check  # now\ndocker run --rm \\\n  catalyst_exporter check\nls\n```\n" +
		"```\ncatalyst_exporter serve\n```\n"
	want := []string{"go run . check", "docker run --rm catalyst_exporter check", "catalyst_exporter list"}
	if got := printedLines(document); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
