// One case: its head, its folder and its verdict.

package cases

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/thenexusengine/catalyst_exporter/exporter"
)

// caseLimit bounds one case.
const caseLimit = 2 * time.Minute

// verdict is a state with its reason. As a wanted verdict, an empty reason stands for any.
type verdict struct {
	State  string `json:"state"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

func (v verdict) String() string { return strings.TrimSpace(v.State + " " + v.Reason) }

// among reports whether the verdict is one of a list.
func (v verdict) among(list []verdict) bool {
	for _, w := range list {
		if v.State == w.State && (w.Reason == "" || v.Reason == w.Reason) {
			return true
		}
	}
	return false
}

// testCase is one file.
type testCase struct {
	path             string
	item, probe, why string
	want, not        []verdict
	commit           bool // the files are committed first
	history          history
	start            []start
	files            []txtar.File
}

// readCase parses a file and reports everything that is wrong with its head.
func readCase(path string, content []byte) (*testCase, error) {
	archive := txtar.Parse(content)
	c := &testCase{path: path, files: archive.Files}
	var errs []error
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "item":
			c.item = value
		case "probe":
			c.probe = value
		case "why":
			c.why = value
		case "want":
			c.want = verdicts(value)
		case "not":
			c.not = verdicts(value)
		case "start":
			part, err := readStart(value)
			errs = append(errs, err)
			c.start = append(c.start, part)
		case "git":
			if c.commit = value == "commit"; !c.commit {
				errs = append(errs, fmt.Errorf("invalid git: %q, expected commit", value))
			}
		default:
			if ours, err := c.history.head(key, value); err != nil {
				errs = append(errs, err)
			} else if !ours {
				errs = append(errs, fmt.Errorf("unknown head line %q", line))
			}
		}
	}
	if category, item, ok := strings.Cut(c.item, "/"); !ok || category == "" || item == "" {
		errs = append(errs, fmt.Errorf("invalid item: %q, expected CATEGORY/ITEM", c.item))
	}
	if len(c.want)+len(c.not) == 0 {
		errs = append(errs, errors.New("want: and not: are missing"))
	}
	if c.why == "" {
		errs = append(errs, errors.New("why: is missing"))
	}
	if len(c.files) == 0 {
		errs = append(errs, errors.New("no files"))
	}
	return c, errors.Join(errs...)
}

func verdicts(text string) []verdict {
	var list []verdict
	for alternative := range strings.SplitSeq(text, "|") {
		if words := strings.Fields(alternative); len(words) > 0 {
			list = append(list, verdict{State: words[0], Reason: strings.Join(words[1:], " ")})
		}
	}
	return list
}

// right reports whether the case accepts a verdict.
func (c *testCase) right(v verdict) bool {
	return (len(c.want) == 0 || v.among(c.want)) && !v.among(c.not)
}

// expected describes the verdicts that the case accepts.
func (c *testCase) expected() string {
	list := func(before string, verdicts []verdict) string {
		var names []string
		for _, v := range verdicts {
			names = append(names, v.String())
		}
		if len(names) == 0 {
			return ""
		}
		return before + strings.Join(names, " or ")
	}
	return strings.TrimSpace(list("", c.want) + list(" not ", c.not))
}

// judge writes the deployment into a folder and returns the verdict on it.
func (c *testCase) judge(ctx context.Context, t *testing.T, root string, now time.Time) (verdict, error) {
	fill := c.startParts(t, now)
	var early, late, after []txtar.File
	for _, f := range c.files {
		if partFile(f) {
			continue
		}
		if name, ok := strings.CutSuffix(f.Name, "|after"); ok {
			after = append(after, txtar.File{Name: name, Data: f.Data})
		} else if c.commit && (strings.Contains(f.Name, "{{commit}}") || bytes.Contains(f.Data, []byte("{{commit}}"))) {
			late = append(late, f)
		} else {
			early = append(early, f)
		}
	}
	if err := put(root, early, strings.NewReplacer(fill...)); err != nil {
		return verdict{}, err
	}
	if c.commit {
		head, err := commit(ctx, t, root, now)
		if err != nil {
			return verdict{}, err
		}
		fill = append(fill, "{{commit}}", head)
		if err := put(root, late, strings.NewReplacer(fill...)); err != nil {
			return verdict{}, err
		}
	}
	if err := c.history.make(ctx, t, root, now, strings.NewReplacer(fill...)); err != nil {
		return verdict{}, err
	}
	if err := put(root, after, strings.NewReplacer(fill...)); err != nil {
		return verdict{}, err
	}
	// A file that was written a moment ago may be incomplete.
	before := now.Add(-time.Hour)
	if err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 || name == root {
			return err
		}
		return os.Chtimes(name, before, before)
	}); err != nil {
		return verdict{}, err
	}
	return c.check(ctx, root)
}

// fill returns the marks of the files with their texts, in turn.
func (c *testCase) fill(now time.Time) []string {
	fill := []string{"{{now}}", now.UTC().Format("2006-01-02T15:04:05Z"), "{{today}}", now.UTC().Format("20060102")}
	for _, f := range c.files {
		for _, m := range agoMark.FindAllStringSubmatch(string(f.Data), -1) {
			if age, err := time.ParseDuration(m[1]); err == nil {
				fill = append(fill, m[0], now.Add(-age).UTC().Format("2006-01-02T15:04:05Z"))
			}
		}
	}
	for _, f := range c.files {
		for _, m := range secretMark.FindAllStringSubmatch(string(f.Data), -1) {
			fill = append(fill, m[0], secretNamed(m[1], m[2]))
		}
		for _, m := range literalMark.FindAllStringSubmatch(string(f.Data), -1) {
			fill = append(fill, m[0], m[1])
		}
		for _, m := range base64Mark.FindAllStringSubmatch(string(f.Data), -1) {
			fill = append(fill, m[0], base64.StdEncoding.EncodeToString([]byte(m[1]+secretNamed(m[2], m[3]))))
		}
	}
	return fill
}

// agoMark stands for a time in the past: {{ago 36h}}.
var agoMark = regexp.MustCompile(`\{\{ago (\S+?)\}\}`)

// secretMark stands for a secret: {{secret NAME}} or {{secret NAME LENGTH}}. Secrets are made up when a case runs, so that a
// scanner finds none in the repository.
var secretMark = regexp.MustCompile(`\{\{secret (\S+?)(?: (\d+))?\}\}`)

// literalMark stands for the text in it: a well-known value that a scanner would take for a secret.
var literalMark = regexp.MustCompile(`\{\{literal ([^{}]+)\}\}`)

// base64Mark stands for a secret with text before it, in base64: {{base64 BEFORE NAME LENGTH}}.
var base64Mark = regexp.MustCompile(`\{\{base64 (\S+) (\S+) (\d+)\}\}`)

// secretNamed returns random-looking letters and digits, the same for the same name. The default length is 32.
func secretNamed(name, length string) string {
	n, err := strconv.Atoi(length)
	if err != nil {
		n = 32
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var secret []byte
	for sum := sha256.Sum256([]byte(name)); len(secret) < n; sum = sha256.Sum256(sum[:]) {
		for _, b := range sum {
			secret = append(secret, letters[int(b)%len(letters)])
		}
	}
	return string(secret[:n])
}

// check runs the command check for the item alone.
func (c *testCase) check(ctx context.Context, root string) (verdict, error) {
	args := []string{"check", "--format=json", "--deployment.root=" + root, "--item=" + c.item}
	if config := filepath.Join(root, "catalyst.yml"); exists(config) {
		args = append(args, "--config.file="+config)
	}
	var stdout, stderr bytes.Buffer
	exporter.Main(args, exporter.System{
		Context: ctx, Stdout: &stdout, Stderr: &stderr, Now: time.Now,
		Getenv: func(string) (string, bool) { return "", false },
	})
	var report struct {
		Items []struct {
			verdict
			Category, Item string
			Probes         []struct {
				verdict
				Probe string
			}
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		return verdict{}, fmt.Errorf("check: %w: %s", err, stderr.String())
	}
	for _, it := range report.Items {
		if it.Category+"/"+it.Item != c.item {
			continue
		}
		if c.probe == "" {
			return it.verdict, nil
		}
		for _, p := range it.Probes {
			if p.Probe == c.probe {
				return p.verdict, nil
			}
		}
		return verdict{}, fmt.Errorf("item %s has no probe %s", c.item, c.probe)
	}
	return verdict{}, fmt.Errorf("no item %s: %s", c.item, stderr.String())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// put writes files; secrets are readable by their owner only.
func put(root string, files []txtar.File, fill *strings.Replacer) error {
	for _, f := range files {
		name, zip := strings.CutSuffix(fill.Replace(f.Name), "|gzip")
		if !filepath.IsLocal(name) {
			return fmt.Errorf("file %q is outside the case", name)
		}
		target := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		content := []byte(fill.Replace(string(f.Data)))
		if zip {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			if _, err := w.Write(content); err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			content = packed.Bytes()
		}
		mode, base := fs.FileMode(0o644), filepath.Base(target)
		if ext := filepath.Ext(base); strings.HasPrefix(base, ".env") || ext == ".env" || ext == ".key" {
			mode = 0o600
		}
		if err := os.WriteFile(target, content, mode); err != nil {
			return err
		}
	}
	return nil
}

// commit commits everything in the folder, two hours ago, and returns HEAD.
func commit(ctx context.Context, t testing.TB, root string, now time.Time) (string, error) {
	git, at := gitProgram(t), now.Add(-2*time.Hour).Format(time.RFC3339)
	var head string
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-qm", "a"}, {"rev-parse", "HEAD"}} {
		command := exec.CommandContext(ctx, git, append([]string{"-C", root, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		command.Env = []string{
			"HOME=" + root, "PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_DATE=" + at, "GIT_COMMITTER_DATE=" + at,
		}
		out, err := command.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
		head = strings.TrimSpace(string(out))
	}
	return head, nil
}
