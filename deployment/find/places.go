// Package find selects the files and folders of a deployment among those that exist, by fixed rules, and caches the choice.
package find

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/files"
)

// Selects the deployment's files among those found. Fixed rules decide between several candidates; the findings list
// the others.

// Facts that are files or folders.
const (
	FactEnvFile      = "env file"
	FactCompose      = "compose files"
	FactNginx        = "nginx configuration"
	FactSSL          = "certificates"
	FactMigrations   = "migrations"
	FactRecovery     = "disaster recovery plan"
	FactRunbook      = "runbook"
	FactChangelog    = "changelog"
	FactChecklist    = "checklist document"
	FactDiagrams     = "architecture diagrams"
	FactAlertmanager = "alertmanager configuration"
	FactRepository   = "git repository"
	FactFirewall     = "ufw files"
)

// How a fact was determined.
const (
	Configured = "configured" // set in the configuration; kept even if it does not exist
	Found      = "found"      // found in the deployment's folder
	Default    = "default"    // neither configured nor found
)

// Place is where a fact's file or folder is. A configured one may not exist.
type Place struct {
	Fact   string
	Paths  []string // absolute, the main one first; empty when nothing is configured or found
	How    string   // Configured, Found or Default
	Others []string // candidates that were not chosen, absolute
	// OtherFormats lists files that are named like the document and are not Markdown. It is set only when nothing is
	// configured or found.
	OtherFormats []string
	// Documents lists Markdown documents whose content may be what is wanted. It is set only when nothing is configured or
	// found.
	Documents []string
	// Unseen lists folders that could not be listed completely and may contain the file. It is set only when nothing is
	// configured or found.
	Unseen []string
}

// Path returns the main path, "" when there is none.
func (p Place) Path() string {
	if len(p.Paths) == 0 {
		return ""
	}
	return p.Paths[0]
}

// match ranks a name: 0 for the most preferred, negative for no match.
type match func(name string, dir bool) (rank int)

// hit is one candidate.
type hit struct {
	path      string
	dir, rank int
}

// Folders selects among the files that exist at one moment. Configured paths are absolute.
type Folders struct {
	index *source.Index
	dirs  []string // searched, in order of preference

	mu    sync.Mutex
	lists map[string]seenDir // listings made so far
	order []string           // their names, in order of listing
	blind []string           // directories that could not be listed completely
}

// Search lists the folders of a deployment in which files are found.
func Search(root string, x *source.Index) *Folders {
	p := &Folders{index: x, lists: make(map[string]seenDir, 8)}
	p.dirs = p.search(root)
	return p
}

const (
	maxDirs  = 100 // below docs/
	maxDepth = 4   // below docs/
)

// search returns the directories to search, in order of preference: the root, deployment/, deploy/, and docs/ with its
// subdirectories, except links and hidden ones.
func (p *Folders) search(root string) []string {
	p.see(root) // lets missing skip directories that the root does not contain
	dirs := []string{root, filepath.Join(root, "deployment"), filepath.Join(root, "deploy")}
	budget := maxDirs
	var walk func(dir string, depth int)
	walk = func(dir string, depth int) {
		if budget--; budget < 0 {
			return
		}
		dirs = append(dirs, dir)
		if depth >= maxDepth {
			return
		}
		for _, e := range p.list(dir) {
			if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && e.Name() != "node_modules" {
				walk(filepath.Join(dir, e.Name()), depth+1)
			}
		}
	}
	walk(filepath.Join(root, "docs"), 1)
	return dirs
}

// seenDir is the listing of a directory.
type seenDir struct {
	names []fs.DirEntry
	whole bool
}

// list returns the entries of a directory. Repeated calls return the same entries.
func (p *Folders) list(dir string) []fs.DirEntry { return p.see(dir).names }

func (p *Folders) see(dir string) seenDir {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.lists[dir]
	switch {
	case ok:
		return known
	case p.missing(dir):
		return seenDir{whole: true}
	}
	known.names, known.whole = p.index.List(dir)
	p.lists[dir], p.order = known, append(p.order, dir)
	below := func(closed string) bool { return strings.HasPrefix(dir, closed+"/") }
	if !known.whole && !slices.ContainsFunc(p.blind, below) {
		p.blind = append(p.blind, dir)
	}
	return known
}

// missing reports whether a path is known not to exist: the nearest listed directory above it is complete and does not
// contain the next name. Names are compared without case, because some file systems ignore it. The caller holds the
// lock.
func (p *Folders) missing(path string) bool {
	above, name := filepath.Dir(path), filepath.Base(path)
	if dir, ok := p.lists[above]; ok {
		return dir.whole && !slices.ContainsFunc(dir.names, func(e fs.DirEntry) bool { return strings.EqualFold(e.Name(), name) })
	}
	return above != path && p.missing(above)
}

// lacks reports whether a path is known not to exist, without accessing the file system.
func (p *Folders) lacks(path string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.missing(path)
}

// Unseen returns the directories that could not be listed completely so far.
func (p *Folders) Unseen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.blind)
}

// hits returns all matches, ordered by directory first. subs are names below each directory that are searched as well.
func (p *Folders) hits(m match, subs ...string) []hit {
	var hits []hit
	for i, dir := range p.dirs {
		for _, sub := range append([]string{""}, subs...) {
			in := filepath.Join(dir, sub)
			if sub != "" && slices.Contains(p.dirs, in) {
				continue
			}
			for _, e := range p.list(in) {
				if rank := m(e.Name(), source.IsDirEntry(in, e)); rank >= 0 {
					hits = append(hits, hit{filepath.Join(in, e.Name()), i, rank})
				}
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		if a.dir != b.dir {
			return a.dir - b.dir
		}
		return a.rank - b.rank
	})
	return hits
}

// first returns the place of a fact with one path: the configured one, else the first hit.
func (p *Folders) first(fact, configured string, hits []hit) Place {
	place := Place{Fact: fact, How: Default}
	for _, h := range hits {
		place.Others = append(place.Others, h.path)
	}
	switch {
	case configured != "":
		place.Paths, place.How = []string{configured}, Configured
		place.Others = slices.DeleteFunc(place.Others, func(o string) bool { return o == configured })
	case len(hits) > 0:
		place.Paths, place.How, place.Others = place.Others[:1:1], Found, place.Others[1:]
	}
	return place
}

// IsTemplate reports whether a file is a template by its name: .env.example, env.sample, .env.production.dist, …
func IsTemplate(path string) bool {
	for _, part := range strings.FieldsFunc(strings.ToLower(filepath.Base(path)), func(r rune) bool { return r == '.' || r == '-' || r == '_' }) {
		switch part {
		case "example", "sample", "template", "dist", "tmpl", "tpl":
			return true
		}
	}
	return false
}

// EnvFile prefers .env.production to .env in any directory, and the nearer directory for equal names.
func (p *Folders) EnvFile(configured string) Place {
	hits := p.hits(func(name string, _ bool) int {
		switch {
		case name == ".env.production":
			return 0
		case name == ".env":
			return 1
		case (strings.HasPrefix(name, ".env.") || strings.HasSuffix(name, ".env")) && !IsTemplate(name):
			return 2
		}
		return -1
	})
	slices.SortStableFunc(hits, func(a, b hit) int { return a.rank - b.rank })
	place := p.first(FactEnvFile, configured, hits)
	if place.How == Found && hits[0].rank == 2 { // other env files are only reported, never chosen
		place.Others, place.Paths, place.How = append(place.Paths, place.Others...), nil, Default
	}
	return place
}

// templateEndings are the usual endings of env file templates.
func templateEndings() []string { return []string{".example", ".sample", ".template", ".dist"} }

// Template returns the template next to an env file; "" for none.
func (p *Folders) Template(env string) string {
	if env == "" {
		return ""
	}
	for _, base := range []string{env, filepath.Join(filepath.Dir(env), ".env")} {
		for _, ending := range templateEndings() {
			if file := base + ending; !p.lacks(file) && source.IsFile(file) {
				return file
			}
		}
	}
	return ""
}

// named matches files by name, ignoring case, - and _. An exact match ranks first.
func named(names ...string) match {
	plain := func(s string) string { return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s)) }
	return func(name string, dir bool) int {
		if dir {
			return -1
		}
		for i, n := range names {
			switch {
			case name == n:
				return 2 * i
			case plain(name) == plain(n):
				return 2*i + 1
			}
		}
		return -1
	}
}

// folder matches a directory by name.
func folder(names ...string) match {
	return func(name string, dir bool) int {
		if !dir {
			return -1
		}
		return slices.Index(names, name)
	}
}

func deviceOf(path string) (uint64, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return files.Identify(info).Device, true
}
