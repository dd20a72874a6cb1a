package exporter

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// evidenceLine is a line that report writes under an item.
var evidenceLine = regexp.MustCompile(`^\s*> .* <!-- catalyst: [a-z0-9_]+/[a-z0-9_]+ -->\r?\n$`)

// TestReportKeepsTheDocument fills in the whole document that the checklist comes from, as it is and changed, and takes away what may be there:
// lines of evidence, ticks and the closing report. The rest must be the document, byte by byte.
func TestReportKeepsTheDocument(t *testing.T) {
	original, err := os.ReadFile("testdata/production-deployment-checklist.md")
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(old, new string) string {
		t.Helper()
		if strings.Count(string(original), old) != 1 {
			t.Fatalf("the document does not hold %q once", old)
		}
		return strings.Replace(string(original), old, new, 1)
	}
	root := filepath.Join(t.TempDir(), "deployment") // outside of the repository, whose history takes its time
	if err := os.CopyFS(root, os.DirFS("../examples/deployment")); err != nil {
		t.Fatal(err)
	}
	const redis = "- [ ] **Redis password configured** (REDIS_PASSWORD in .env.production)\n"
	lacks := []string{`the document lacks rollback/rollback_image`, `the document lacks rollback/rollback_backup`}
	for name, tt := range map[string]struct {
		document string
		told     []string
		items    int
	}{
		"as it is": {string(original), lacks, 73},
		"CRLF":     {strings.ReplaceAll(string(original), "\n", "\r\n"), lacks, 73},
		"renamed":  {replaced("**Redis password configured**", "**Password of Redis configured**"), append([]string{`no probe covers "Password of Redis configured"`, `<!-- catalyst: security/redis_password -->`, `the document lacks security/redis_password`}, lacks...), 72},
		"dropped":  {replaced(redis, ""), append([]string{`the document lacks security/redis_password`}, lacks...), 72},
		"nested":   {replaced(redis, "- Secrets\n  1. of the cache\n     "+redis), lacks, 73},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, t.TempDir(), "list.md", tt.document)
			var out, errs bytes.Buffer
			sys := System{Context: t.Context(), Stdout: &out, Stderr: &errs, Getenv: func(string) (string, bool) { return "", false }, Now: time.Now}
			if code := Main([]string{"report", "--deployment.root=" + root, "--document=" + file}, sys); code != ExitReady {
				t.Fatalf("exit code %d: %s", code, errs.String())
			}
			filled, _, closed := strings.Cut(out.String(), "<!-- catalyst: begin of the report -->")
			if !closed {
				t.Fatal("no closing report")
			}
			var kept []string
			evidence := 0
			for line := range strings.Lines(filled) {
				if evidenceLine.MatchString(line) {
					evidence++
				} else {
					kept = append(kept, line)
				}
			}
			ticked, n := 0, 0
			for line := range strings.Lines(tt.document) {
				if n < len(kept) && kept[n] != line && kept[n] == strings.Replace(line, "[ ]", "[x]", 1) {
					ticked++
				} else if n >= len(kept) || kept[n] != line {
					t.Fatalf("line %d is %q, was %q", n+1, kept[min(n, len(kept)-1)], line)
				}
				n++
			}
			if rest := strings.TrimSpace(strings.Join(kept[n:], "")); rest != "" {
				t.Errorf("added: %q", rest)
			}
			if evidence != tt.items || ticked < 5 {
				t.Errorf("%d lines of evidence, want %d; %d ticks", evidence, tt.items, ticked)
			}
			for _, want := range tt.told {
				if !strings.Contains(errs.String(), want) {
					t.Errorf("told: no %q in\n%s", want, errs.String())
				}
			}
			if lines := strings.Count(errs.String(), filepath.Base(file)); lines < len(lacks) || name == "as it is" && lines != len(lacks) {
				t.Errorf("told:\n%s", errs.String())
			}
		})
	}
}
