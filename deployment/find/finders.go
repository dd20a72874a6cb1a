package find

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Finds places by rules other than a name: diagrams, the repository, the firewall's files.

// search is a file or folder that is found by its name.
type search struct {
	fact  string
	kind  searchKind
	names []string // the most preferred first
	subs  []string // searched below each of the deployment's folders, too
	// others are names that count only where nothing has one of names.
	others []string
}

type searchKind int

const (
	searchFile searchKind = iota
	searchFolder
	searchDocument  // may have its name in another format
	searchChecklist // by words in its name
)

// searches returns what is found by a name alone.
func searches() []search {
	return []search{
		{fact: FactSSL, kind: searchFolder, names: []string{"ssl", "certs", "tls"}, subs: []string{"nginx"}},
		{fact: FactMigrations, kind: searchFolder, names: []string{"migrations"}, subs: []string{"db", "database", "internal/db", "sql"}},
		{fact: FactRecovery, kind: searchDocument, names: []string{"DISASTER-RECOVERY.md", "DISASTER-RECOVERY-PLAN.md", "DR.md", "DR-PLAN.md"},
			subs: []string{"ops", "operations"}},
		{fact: FactRunbook, kind: searchDocument, names: []string{"RUNBOOK.md", "RUNBOOKS.md"}, subs: []string{"ops", "operations"},
			others: []string{"OPERATIONS.md", "OPS.md", "OPERATIONS-MANUAL.md", "OPERATIONS-GUIDE.md", "OPERATING.md", "PLAYBOOK.md", "PLAYBOOKS.md",
				"ON-CALL.md", "INCIDENTS.md", "INCIDENT-RESPONSE.md", "TROUBLESHOOTING.md", "BETRIEB.md", "BETRIEBSHANDBUCH.md", "NOTFALLHANDBUCH.md",
				"EXPLOITATION.md", "OPERACIONES.md"}},
		{fact: FactChangelog, kind: searchDocument, names: []string{"CHANGELOG.md", "CHANGES.md", "HISTORY.md"}},
		{fact: FactChecklist, kind: searchChecklist},
		{fact: FactAlertmanager, kind: searchFile, names: []string{"alertmanager.yml", "alertmanager.yaml"},
			subs: []string{"prometheus", "alertmanager", "monitoring", "monitoring/prometheus", "monitoring/alertmanager", "config"}},
	}
}

// Named returns the places that are found by a name alone. configured holds the configured path of each fact, or "".
func (p *Folders) Named(configured map[string]string) []Place {
	var places []Place
	for _, s := range searches() {
		switch s.kind {
		case searchFolder:
			places = append(places, p.first(s.fact, configured[s.fact], p.hits(folder(s.names...), s.subs...)))
		case searchDocument:
			places = append(places, p.document(s, configured[s.fact]))
		case searchChecklist:
			places = append(places, p.first(s.fact, configured[s.fact], p.hits(checklistDocument)))
		case searchFile:
			places = append(places, p.first(s.fact, configured[s.fact], p.hits(named(s.names...), s.subs...)))
		}
	}
	return places
}

// Sought says for people which files of a fact would be read if they existed; "" for a fact without names.
func Sought(fact string) string {
	all := append(searches(), search{fact: FactNginx, kind: searchFile, names: []string{"nginx.conf", "nginx*.conf"}, subs: []string{"nginx", "nginx/conf.d", "conf.d"}})
	at := slices.IndexFunc(all, func(s search) bool { return s.fact == fact })
	if at < 0 || len(all[at].names) == 0 {
		return ""
	}
	s := all[at]
	if s.kind == searchFolder {
		s.names = slashed(s.names)
	}
	text := either(s.names) + " would be read, in the deployment's folder, deployment/, deploy/ or docs/"
	if len(s.subs) > 0 {
		text += ", or in " + either(slashed(s.subs)) + " below them"
	}
	return text
}

func slashed(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, name+"/")
	}
	return all
}

func either(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// document returns the place of a Markdown document, or what has its name in another format, and other documents.
func (p *Folders) document(s search, configured string) Place {
	place := p.first(s.fact, configured, p.hits(named(s.names...), s.subs...))
	if place.How == Default && len(s.others) > 0 {
		place = p.first(s.fact, configured, p.hits(named(s.others...), s.subs...))
	}
	if place.How != Default {
		return place
	}
	for _, h := range p.hits(anyDocument, s.subs...) {
		place.Documents = append(place.Documents, h.path)
	}
	stem := func(name string) string {
		name = strings.TrimSuffix(name, filepath.Ext(name))
		return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
	}
	for _, h := range p.hits(func(name string, dir bool) int {
		if dir && s.fact != FactRunbook || !dir && filepath.Ext(name) != "" && !IsOtherFormat(name) && !strings.EqualFold(filepath.Ext(name), ".txt") {
			return -1
		}
		return slices.IndexFunc(s.names, func(n string) bool { return stem(n) == stem(name) })
	}, s.subs...) {
		place.OtherFormats = append(place.OtherFormats, h.path)
	}
	return place
}

// anyDocument matches Markdown documents that have no other purpose by their name.
func anyDocument(name string, dir bool) int {
	lower := strings.ToLower(name)
	if dir || filepath.Ext(lower) != ".md" || slices.Contains([]string{"readme.md", "changelog.md", "license.md", "contributing.md", "security.md"}, lower) {
		return -1
	}
	return 0
}

// IsOtherFormat reports whether a document is certainly not Markdown, by its name.
func IsOtherFormat(path string) bool {
	return slices.Contains([]string{".adoc", ".asciidoc", ".asc", ".rst", ".org", ".html", ".htm", ".textile", ".mediawiki", ".docx", ".odt", ".rtf", ".pdf", ".tex"},
		strings.ToLower(filepath.Ext(path)))
}

// otherDiagram matches architecture diagrams in formats that are not read.
func otherDiagram(name string, dir bool) int {
	lower := strings.ToLower(name)
	switch ext := filepath.Ext(lower); {
	case dir:
	case lower == "workspace.dsl":
		return 0
	case strings.Contains(lower, "architecture") || strings.Contains(lower, "diagram"):
		return slices.Index([]string{".d2", ".dsl", ".c4", ".excalidraw", ".vsdx", ".webp", ".gif", ".graphml", ".html", ".adoc", ".rst", ".org", ".py"}, ext)
	}
	return -1
}

// Diagrams returns the configured diagrams, else all that are found.
func (p *Folders) Diagrams(configured []string) Place {
	if len(configured) > 0 {
		return Place{Fact: FactDiagrams, How: Configured, Paths: configured}
	}
	place := Place{Fact: FactDiagrams, How: Default}
	for _, h := range p.hits(diagram, "diagrams", "architecture") {
		place.How, place.Paths = Found, append(place.Paths, h.path)
	}
	if readme := func(path string) bool { return strings.EqualFold(filepath.Base(path), "README.md") }; !slices.ContainsFunc(place.Paths, func(path string) bool { return !readme(path) }) {
		for _, h := range p.hits(otherDiagram, "diagrams", "architecture") {
			place.OtherFormats = append(place.OtherFormats, h.path)
		}
	}
	if len(place.Paths) > 20 {
		place.Paths, place.Others = place.Paths[:20], place.Paths[20:]
	}
	return place
}

// diagram matches architecture diagrams by name and file type; drawings rank before texts.
func diagram(name string, dir bool) int {
	lower := strings.ToLower(name)
	if !dir && lower == "readme.md" {
		return 20 // counts if it holds a diagram
	}
	if dir || !strings.Contains(lower, "architecture") && !strings.Contains(lower, "diagram") {
		return -1
	}
	return slices.Index([]string{".drawio", ".svg", ".png", ".jpg", ".jpeg", ".pdf", ".mmd", ".mermaid", ".puml", ".plantuml", ".dot", ".md"}, filepath.Ext(lower))
}

func checklistDocument(name string, dir bool) int {
	lower := strings.ToLower(name)
	switch {
	case dir || filepath.Ext(lower) != ".md" || !strings.Contains(lower, "checklist"):
		return -1
	case strings.Contains(lower, "production") || strings.Contains(lower, "deployment"):
		return 0
	}
	return 1
}

// Repository returns the configured repository, else the nearest folder at or above the root that holds a .git. Like
// git, it does not cross a file system boundary on the way up: a folder above a mount belongs to something else.
func Repository(root, configured string) Place {
	place := Place{Fact: FactRepository, How: Default}
	if configured != "" {
		place.Paths, place.How = []string{configured}, Configured
		return place
	}
	dir := root
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	device, ok := deviceOf(dir)
	for range 64 {
		if info, err := os.Lstat(filepath.Join(dir, ".git")); err == nil && (info.IsDir() && hasHead(filepath.Join(dir, ".git")) || info.Mode().IsRegular()) {
			place.Paths, place.How = []string{dir}, Found
			return place
		}
		parent := filepath.Dir(dir)
		above, same := deviceOf(parent)
		if parent == dir || !ok || !same || above != device {
			break
		}
		dir = parent
	}
	return place
}

// hasHead reports whether a folder named .git belongs to a repository. An unreadable folder counts as one; the error is
// reported when it is read.
func hasHead(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "HEAD"))
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// UFW returns the folder of ufw's rules below the host's root.
func UFW(hostRoot string) Place {
	dir := filepath.Join(hostRoot, "etc/ufw")
	place := Place{Fact: FactFirewall, How: Default}
	if source.Exists(dir) {
		place.How, place.Paths = Found, []string{dir, filepath.Join(hostRoot, "etc/default/ufw")}
	}
	return place
}
