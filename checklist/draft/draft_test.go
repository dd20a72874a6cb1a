package draft

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/checklist/paper"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/internal/parts"
)

// drafted drafts a document and loads the result.
func drafted(t *testing.T, document string, facts Facts) (*Draft, string, *checklist.Checklist) {
	t.Helper()
	d, err := New("list.md", []byte(document), table(t), facts)
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.YAML()
	if err != nil {
		t.Fatal(err)
	}
	list, err := checklist.Load(&checklist.Source{File: "draft.yml", Data: text}, checklist.Changes{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return d, string(text), list
}

// The parameters come from the deployment's files and from the line; what they do not confirm is marked.
func TestDraft_Facts(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"compose.yml": "services:\n  web:\n    build: .\n    env_file: .env\n    ports: ['8080:8080']\n    healthcheck: {test: [CMD, wget, -q, 'http://localhost:8080/internal/up']}\n" +
			"  db: {image: 'postgres:16'}\n  cache: {image: 'valkey/valkey:8'}\n",
		".env":                     "APP_SIGNING_TOKEN=" + parts.Secret() + "\nAPP_LOG_LEVEL=info\nAPP_SENTRY_DSN=x\nPUBLIC_URL=https://shop.example-shop.org\n",
		"deploy/Dockerfile":        "FROM scratch\n",
		".github/workflows/ci.yml": "on: push\n", "README.md": "# x\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "LICENSE")); err != nil {
		t.Fatal(err)
	}
	found, err := deployment.Discover(deployment.Settings{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	facts := FactsOf(found.View(nil), table(t))
	_, text, _ := drafted(t, `# Web
- [ ] Health endpoint responds
- [ ] Health endpoint responds at /other
- [ ] Log level is info
- [ ] All secrets are strong and random
- [ ] Errors go to Sentry
- [ ] HTTP redirects to HTTPS
- [ ] Base image is pinned
- [ ] All tests pass
- [ ] License file present
- [ ] Grafana dashboards exist
- [ ] The cat is fed
`, facts)
	for _, want := range []string{
		"http_health: {paths: [/internal/up]}\n", "http_health: {paths: [/other]}\n", "env_word: {key: APP_LOG_LEVEL, good:", "- env_secret: {key: APP_SIGNING_TOKEN, min_length: 16}\n            name: secret_app_signing_token\n",
		"env_file: {required: [APP_SENTRY_DSN]}", "path: deploy/Dockerfile\n", "          - evidence: {report: tests}\n", "file_content: {path: LICENSE}",
		"          # check: chosen by words alone; not found here: Grafana\n          - grafana: {}\n", "          # check: chosen by words alone; not found here: license\n",
		"      - item: cat_fed # line 12\n", "          - attestation: {}\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Count(text, "# check:") != 2 || strings.Contains(text, "SENTRY_DSN=x") {
		t.Errorf("marks: %d", strings.Count(text, "# check:"))
	}
	if t.Failed() {
		t.Log(text)
	}
}

// Names are ASCII, unique and independent of the place; titles are those that report matches.
func TestDraft_NamesAndTitles(t *testing.T) {
	const document = "# Größe\n\n- [ ] **Prüfung der Öffnung** (ausführlich)\n- [ ] Prüfung der Öffnung!\n- [ ] 2 Räume\n- [ ] 監視\n- [ ] `--flag`: \"quoted\" # no comment\n- [ ] 'single' & *emphasis* [link](https://x.example)\n" +
		"- [ ] Same\n- [ ] Same\n- [ ] over\n  two lines\n- [ ] yes\n- [ ] null\n- [ ] a: b\n\n## Groesse\n\n- [ ] Same\n- [x] Ticked: all of it\n\n| Item | Status |\n|---|---|\n| Of a \\| table | ☐ |\n"
	d, text, list := drafted(t, document, nil)
	valid, seen := regexp.MustCompile(`^[a-z][a-z0-9_]*$`), map[string]bool{}
	for _, it := range d.Items {
		if id := it.Category + "/" + it.Name; !valid.MatchString(it.Name) || !valid.MatchString(it.Category) || seen[id] || len(it.Name) > maxName+10 {
			t.Errorf("name %q", id)
		} else {
			seen[id] = true
		}
	}
	for _, want := range []string{"groesse/pruefung_oeffnung", "groesse/pruefung_oeffnung_2", "groesse/item_2_raeume", "groesse/same", "groesse/same_2"} {
		if !seen[want] {
			t.Errorf("no item %s in %v", want, seen)
		}
	}
	if d.Repeated != 1 {
		t.Errorf("%d repeated", d.Repeated)
	}
	// report finds every line in the checklist again, but for the one that is in two sections of one category.
	p, err := paper.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	p.Match(list)
	for _, e := range p.Unmatched() {
		if e.Title != "Same" && !strings.HasPrefix(e.Title, "Prüfung") {
			t.Errorf("report does not find %q\n%s", e.Title, text)
		}
	}
	again, _, _ := drafted(t, "# Größe\n\n- [ ] New first\n"+strings.TrimPrefix(document, "# Größe\n"), nil)
	names := map[string]string{}
	for _, it := range again.Items {
		names[it.Title] = it.Name
	}
	for _, it := range d.Items {
		if it.Title != "Same" && names[it.Title] != it.Name {
			t.Errorf("%q was %s, is %s after a new line above", it.Title, it.Name, names[it.Title])
		}
	}
}

// What looks like a secret in a document reaches neither titles nor names.
func TestDraft_Secrets(t *testing.T) {
	token := parts.Secret() + "aB3"
	for _, line := range []string{"password: " + token, "Use " + token + " as the key", "DB at postgres://user:" + token + "@db/app works", "Passwort ist " + token, "See https://x.example/?t=" + token} {
		d, text, _ := drafted(t, "# "+line+"\n- [ ] "+line+"\n", nil)
		if strings.Contains(strings.ToLower(text), strings.ToLower(token)) {
			t.Errorf("%q: the draft contains it:\n%s", strings.ReplaceAll(line, token, "SECRET"), strings.ReplaceAll(text, token, "SECRET"))
		}
		if d.Masked == 0 {
			t.Errorf("%q is not counted", strings.ReplaceAll(line, token, "SECRET"))
		}
	}
	if title, masked := mask("Set REDIS_MAXMEMORY_POLICY, read docs/production-checklist-2026.md and kubernetes-deployment/manifests"); masked {
		t.Errorf("masked: %q", title)
	}
}

func TestDraft_Refusals(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty": {"", "no checklist found"}, "prose": {"# A\n\nText.\n", "no checklist found"}, "contacts": {"| Role | Contact |\n|---|---|\n| a | b |\n", "no checklist found"},
		"binary": {"\x00\x01", "not UTF-8 text"}, "many": {"# A\n" + strings.Repeat("- [ ] x\n", MaxLines+1), "more than 1000"}, "code": {"```\n- [ ] x\n```\n", "no checklist found"},
		"nested": {strings.Repeat("- ", 1000) + "[ ] x\n", "nested"},
	} {
		if d, err := New("x.md", []byte(test.text), table(t), nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v %+v", name, err, d)
		}
	}
}

// The largest documents stay below the loader's limits, in bounded time.
func TestDraft_Large(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Large\n")
	for i := range MaxLines {
		fmt.Fprintf(&b, "- [ ] %d security headers backups certificates secrets %s\n", i, strings.Repeat("'ä ", 200))
	}
	began := time.Now()
	d, text, _ := drafted(t, b.String(), nil)
	if len(d.Items) != MaxLines || len(text) > 1<<20 {
		t.Errorf("%d items, %d bytes", len(d.Items), len(text))
	}
	if took := time.Since(began); took > parts.Patience {
		t.Errorf("took %v", took)
	}
}

// FuzzDraft: whatever the document, its draft loads.
func FuzzDraft(f *testing.F) {
	f.Add("# A\n- [ ] Backups: `x`\n- [ ] \u0085 & *a !b %c @d\n")
	f.Add("| Status | Item |\n|--|--|\n| ☐ | ? : - # |\n")
	f.Add("# -\n- [ ] ---\n- [ ] ...\n- [ ] ~\n- [ ] \u2028\n")
	words, err := Words()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document string) {
		d, err := New("fuzz.md", []byte(document), words, nil)
		if err != nil {
			return
		}
		text, err := d.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := checklist.Load(&checklist.Source{File: "draft.yml", Data: text}, checklist.Changes{}); err != nil {
			t.Fatalf("%q: %v\n%s", document, err, text)
		}
	})
}
