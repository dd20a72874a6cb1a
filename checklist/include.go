package checklist

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Fragments of a checklist: files that a checklist includes, each with categories of its own. Their order is that of the
// files, the including one first. Nothing replaces anything: an item or a gate that is there twice is refused.

const (
	maxIncludeDepth = 4
	maxIncluded     = 100 // files of one checklist
)

// Fragment is a file that a checklist includes.
type Fragment struct {
	Checklist  string                       `yaml:"checklist" doc:"name of the fragment, for readers"`
	Include    []string                     `yaml:"include" doc:"more fragments, relative to this file and inside its folder"`
	Parameters map[string]ParameterDocument `yaml:"parameters" doc:"values that the probes refer to as ${param.NAME}"`
	Gates      map[string]GateDocument      `yaml:"gates" doc:"release gates by name"`
	Categories []CategoryDocument           `yaml:"categories" doc:"groups of items; a category may be in several files; required without include"`
}

// Validate refuses a file without any item.
func (f *Fragment) Validate() []error { return hasItems(f.Categories, f.Include) }

var urlStart = lazyregexp.New(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// include reads the fragments of a document, depth first. around are the files that include it, the checklist first.
func (l *loader) include(p parsed, around []string) []parsed {
	var all []parsed
	around = append(slices.Clone(around), p.file)
	for i, path := range p.doc.Include {
		at := element(child(p.root, "include"), i)
		where := fmt.Sprintf("include[%d]", i)
		file := filepath.Join(filepath.Dir(p.file), path)
		first, again := l.included[file]
		switch {
		case urlStart.MatchString(path):
			l.wrong(p.file, where, at, "copy the file next to the checklist", "only files are included, no URLs")
		case !filepath.IsLocal(path):
			l.wrong(p.file, where, at, "", "the path must be relative to the file and stay inside its folder")
		case slices.Contains(around, file):
			l.wrong(p.file, where, at, "", "circle: %s", strings.Join(append(around, file), " includes "))
		case again:
			l.wrong(p.file, where, at, "", "%s is already included at %s", file, first)
		case len(around) > maxIncludeDepth:
			l.wrong(p.file, where, at, "", "more than %d levels of fragments", maxIncludeDepth)
		case len(l.included) == maxIncluded:
			l.wrong(p.file, where, at, "", "more than %d fragments", maxIncluded)
		case l.open == nil:
			l.wrong(p.file, where, at, "", "fragments cannot be read here")
		default:
			l.included[file] = position(p.file, at)
			data, err := l.open(p.file, path)
			if err != nil {
				l.wrong(p.file, where, at, "", "%v", err)
				continue
			}
			f := l.fragment(Source{File: file, Data: data})
			all = append(append(all, f), l.include(f, around)...)
		}
	}
	return all
}

// fragment decodes a fragment as a document.
func (l *loader) fragment(s Source) parsed {
	_, _ = l.digest.Write([]byte("\x00" + filepath.Base(s.File) + "\x00"))
	_, _ = l.digest.Write(s.Data)
	p := parsed{file: s.File}
	root, err := schema.Parse(s.File, s.Data)
	if err != nil {
		l.add(err)
		return p
	}
	var f Fragment
	p.root = root
	l.problems = append(l.problems, schema.Decode(s.File, root, &f)...)
	p.doc = Document{Include: f.Include, Parameters: f.Parameters, Gates: f.Gates, Categories: f.Categories}
	return p
}

// position returns file:line of a node.
func position(file string, at *schema.Node) string {
	if at == nil {
		return file
	}
	return fmt.Sprintf("%s:%d", file, at.Line)
}
