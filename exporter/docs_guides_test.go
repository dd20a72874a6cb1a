package exporter

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// What the guides written by hand show and link to is held to what there is: a reader pastes it.

// written are the documents that people write.
func written(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"../README.md", "../docs/*.md", "../examples/*/README.md", "../bench/README.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 10 {
		t.Fatalf("only %v", all)
	}
	return all
}

// block is a fenced piece of a document.
type block struct {
	line           int
	language, text string
}

// taken cuts a document into its text and its fenced blocks.
func taken(document string) (prose string, blocks []block) {
	var text strings.Builder
	var open *block
	for i, line := range strings.Split(document, "\n") {
		switch language, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			open = &block{line: i + 1, language: language}
		case fence:
			blocks, open = append(blocks, *open), nil
		case open != nil:
			open.text += line + "\n"
		default:
			text.WriteString(line + "\n")
		}
	}
	return text.String(), blocks
}

// anchors are the fragments that a Markdown document can be entered at, as GitHub makes them.
func anchors(document string) map[string]bool {
	prose, _ := taken(document)
	all := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(prose, -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all[strings.ReplaceAll(plain, " ", "-")] = true
	}
	return all
}

func TestGuidesLinkToWhatIsThere(t *testing.T) {
	links, known := 0, map[string]map[string]bool{}
	for _, name := range written(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		prose, _ := taken(string(data))
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(prose, -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			links++
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
				continue
			}
			if anchor == "" || !strings.HasSuffix(target, ".md") {
				continue
			}
			if known[target] == nil {
				content, err := os.ReadFile(target)
				if err != nil {
					t.Fatal(err)
				}
				known[target] = anchors(string(content))
			}
			if !known[target][anchor] {
				t.Errorf("%s: %s has no section %s", name, target, anchor)
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links were found", links)
	}
}

// The front page leads to every page: what nothing links to is not found.
func TestReadmeLeadsToEveryPage(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("../docs/*")
	if err != nil || len(pages) < 15 {
		t.Fatalf("%q %v", pages, err)
	}
	for _, page := range pages {
		if !strings.Contains(string(readme), "](docs/"+filepath.Base(page)) {
			t.Errorf("README.md does not link to docs/%s", filepath.Base(page))
		}
	}
}

// The settings that guides show are ones the exporter and Prometheus accept.
func TestGuidesShowWhatIsAccepted(t *testing.T) {
	exporters, prometheuses := 0, 0
	for _, name := range written(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, blocks := taken(string(data))
		for _, b := range blocks {
			if b.language != "yaml" {
				continue
			}
			key, _, _ := strings.Cut(b.text, ":")
			switch key {
			case "deployment", "targets", "overrides", "waivers", "attestations":
				exporters++
				config := filepath.Join(t.TempDir(), "catalyst.yml")
				here := regexp.MustCompile(`(?m)^(\s+root: ).*`).ReplaceAllString(b.text, "${1}"+filepath.Dir(config))
				if err := os.WriteFile(config, []byte(here), 0o600); err != nil {
					t.Fatal(err)
				}
				var out, errs bytes.Buffer
				code := Main([]string{"config", "check", "--config.file=" + config}, System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "/nowhere", true }, Now: time.Now})
				if code != ExitReady {
					t.Errorf("%s:%d: %s%s", name, b.line, out.String(), errs.String())
				}
			case "scrape_configs", "rule_files", "remote_write":
				prometheuses++
				config := filepath.Join(t.TempDir(), "prometheus.yml")
				if err := os.WriteFile(config, []byte(b.text), 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := exec.Command(parts.Need(t, "promtool"), "check", "config", "--syntax-only", config).CombinedOutput(); err != nil {
					t.Errorf("%s:%d: %s", name, b.line, out)
				}
			}
		}
	}
	if exporters < 3 || prometheuses < 4 {
		t.Errorf("only %d and %d blocks were tried", exporters, prometheuses)
	}
}
