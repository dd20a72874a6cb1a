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

// evidenceLine matches the lines that report adds under items.
var evidenceLine = regexp.MustCompile(`^\s*> .* <!-- catalyst: [a-z0-9_]+/[a-z0-9_]+ -->\r?\n$`)

// TestReport_KeepsDocument fills in the source document of the checklist, unchanged and with changes, and removes what report
// may add: evidence lines, ticks and the final section. The rest must equal the document byte by byte.
func TestReport_KeepsDocument(t *testing.T) {
	original, err := os.ReadFile("testdata/production-deployment-checklist.md")
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(old, new string) string {
		t.Helper()
		if strings.Count(string(original), old) != 1 {
			t.Fatalf("the document does not contain %q exactly once", old)
		}
		return strings.Replace(string(original), old, new, 1)
	}
	root := filepath.Join(t.TempDir(), "deployment") // outside of the repository, whose history takes long to search
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
		"unchanged": {string(original), lacks, 73},
		"CRLF":      {strings.ReplaceAll(string(original), "\n", "\r\n"), lacks, 73},
		"renamed":   {replaced("**Redis password configured**", "**Password of Redis configured**"), append([]string{`no probe covers "Password of Redis configured"`, `<!-- catalyst: security/redis_password -->`, `the document lacks security/redis_password`}, lacks...), 72},
		"dropped":   {replaced(redis, ""), append([]string{`the document lacks security/redis_password`}, lacks...), 72},
		"nested":    {replaced(redis, "- Secrets\n  1. of the cache\n     "+redis), lacks, 73},
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
				t.Fatal("no final section")
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
					t.Errorf("messages do not contain %q:\n%s", want, errs.String())
				}
			}
			if lines := strings.Count(errs.String(), filepath.Base(file)); lines < len(lacks) || name == "unchanged" && lines != len(lacks) {
				t.Errorf("unexpected messages:\n%s", errs.String())
			}
		})
	}
}
