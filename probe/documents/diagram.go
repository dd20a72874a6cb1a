package documents

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/markdown"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// diagram: does an architecture diagram exist, and does it show what is deployed?
//
// A file counts as a diagram by its content, not its name: an HTML error page saved as .png does not count. Every
// configured diagram must be valid. Of diagrams discovered by name one valid file suffices; invalid ones only lower the
// verdict to a warning. A Markdown document counts when it contains a diagram as a code block or embeds one as an
// image. Diagrams whose text is readable (Mermaid, PlantUML, Graphviz, draw.io) must together name every service of the
// compose file: by service name, container name or image name.

func DiagramKind() probe.Kind {
	return probe.Kind{
		Name:       "diagram",
		Question:   "Does an architecture diagram exist, and does it name every deployed service?",
		Example:    "{ignore: [migrate]}",
		Layer:      probe.LayerDeclared,
		Reads:      "the diagrams (at most 16 MiB each), images embedded in Markdown diagrams, and the compose file",
		Permission: "read permission",
		Alone:      true,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*diagram).breakages(view) },
		New:        func() any { return &diagram{} },
	}
}

const (
	maxDrawing  = 16 << 20 // bytes
	maxDrawings = 40       // files checked per run
)

type diagram struct {
	Ignore []string `yaml:"ignore" doc:"compose services that diagrams may omit"`
}

// drawing is the result of parsing one file.
type drawing struct {
	form   string       // human-readable
	reason probe.Reason // why it is not a diagram; ReasonNone for a valid diagram
	fault  string
	prose  bool             // a document that contains no diagram, valid or broken
	text   bool             // labels are available
	labels string           // text of the diagram, if readable
	images []markdown.Image // embedded in a document
}

// candidate is one file that may be a diagram.
type candidate struct {
	file string
	drawing
	err error // read error
}

func (d *diagram) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	place := p.View.Place(find.FactDiagrams)
	if err := probe.OtherFormat(p, place, "deployment.documents.architecture_diagrams"); err != nil && !d.anyDrawing(ctx, p, place.Paths) {
		return probe.Result{}, err
	}
	if len(place.Paths) == 0 {
		return probe.NotFound(p, place, "diagram (.svg, .png, .jpg, .pdf, .drawio, .mmd, .puml, .dot or .md) with architecture or diagram in its name, and no README.md with one,", "deployment.documents.architecture_diagrams")
	}
	var found []candidate
	for _, path := range place.Paths {
		if ctx.Err() != nil {
			return probe.Result{}, ctx.Err()
		}
		found = append(found, parseDiagram(ctx, p, path, maxDrawings-len(found)))
		if len(found) >= maxDrawings {
			break
		}
	}
	if ctx.Err() != nil {
		return probe.Result{}, ctx.Err()
	}
	services, err := composeServiceNames(p)
	return d.judge(found, place.How == find.Configured, services, err), nil
}

// anyDrawing reports whether a file is a diagram.
func (d *diagram) anyDrawing(ctx context.Context, p *probe.Pass, paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		c := parseDiagram(ctx, p, path, 0)
		return c.err == nil && c.reason == probe.ReasonNone
	})
}

// parseDiagram parses one file and, for a document, the images embedded in it.
func parseDiagram(ctx context.Context, p *probe.Pass, path string, budget int) candidate {
	c := candidate{file: p.Deployment.Rel(path)}
	form := formOf(path)
	if form == nil {
		c.reason, c.fault = probe.ReasonInvalid, "is not a .svg, .png, .jpg, .pdf, .drawio, .mmd, .puml, .dot or .md file"
		return c
	}
	c.drawing, c.err = files.Load(p.Files, path, "diagram", maxDrawing, func(data []byte, _ fs.FileInfo) (drawing, error) {
		return parseDrawing(ctx, form, data)
	})
	if c.err != nil || !c.prose || strings.EqualFold(filepath.Base(path), "README.md") { // a README embeds logos and screenshots
		return c
	}
	for _, image := range c.images {
		target, ok := embeddedImage(p, path, image.Target)
		if !ok || budget <= 0 {
			continue
		}
		budget--
		shown := parseDiagram(ctx, p, target, 0)
		switch {
		case shown.err != nil:
			c.reason, c.fault = probe.ReasonMissing, fmt.Sprintf("embeds an unreadable image at line %d", image.Line)
		case shown.reason != probe.ReasonNone:
			c.reason, c.fault = shown.reason, fmt.Sprintf("embeds an image at line %d that %s", image.Line, shown.fault)
		default:
			shown.file = c.file + " with " + shown.file
			return shown
		}
	}
	return c
}

// embeddedImage resolves an image embedded in a document. The file must be inside the deployment root or its repository.
func embeddedImage(p *probe.Pass, document, target string) (string, bool) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Path == "" || formOf(u.Path) == nil || strings.HasSuffix(strings.ToLower(u.Path), ".md") {
		return "", false
	}
	roots := []string{p.View.Place(find.FactRepository).Path(), p.Deployment.Root}
	base := filepath.Dir(document)
	if strings.HasPrefix(u.Path, "/") { // relative to the repository root, as forges render it
		base = cmp.Or(roots[0], roots[1])
	}
	path := filepath.Join(base, filepath.FromSlash(u.Path))
	return path, slices.ContainsFunc(roots, func(root string) bool {
		rel, err := filepath.Rel(root, path)
		return root != "" && err == nil && filepath.IsLocal(rel)
	})
}

// serviceNames is a compose service and the names a diagram may use for it.
type serviceNames struct {
	name  string
	names []string
}

// composeServiceNames returns the services of the compose file, or none without a compose file.
func composeServiceNames(p *probe.Pass) ([]serviceNames, error) {
	c, err := probe.ComposeModel(p)
	if err != nil {
		if r := probe.NotChecked(err); r.State == probe.StateSkip {
			err = nil
		}
		return nil, err
	}
	var services []serviceNames
	for _, name := range c.Services() {
		services = append(services, serviceNames{name, namesOf(name, c.Project.Services[name])})
	}
	return services, nil
}

func namesOf(name string, s types.ServiceConfig) []string {
	image, _, _ := strings.Cut(s.Image[strings.LastIndexByte(s.Image, '/')+1:], ":")
	image, _, _ = strings.Cut(image, "@")
	var names []string
	for _, n := range []string{name, s.ContainerName, image} {
		n = foldName(n)
		if n == "" {
			continue
		}
		names = append(names, n)
		// Diagrams usually say redis for redis-prod or redis-1.
		words := strings.Fields(n)
		if last := words[len(words)-1]; len(words) > 1 && (slices.Contains([]string{"prod", "production", "service", "server"}, last) || strings.Trim(last, "0123456789") == "") {
			names = append(names, strings.Join(words[:len(words)-1], " "))
		}
	}
	return names
}

// foldName lowercases a text and replaces each run of characters other than letters and digits with one space.
func foldName(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
}

// isNamed reports whether a folded text contains one of the names as whole words. PostgreSQL names postgres.
func (s serviceNames) isNamed(folded string) bool {
	for _, name := range s.names {
		for _, ending := range []string{"", "s", "ql", "sql", "db"} {
			if ending != "" && len(name) <= 3 || ending == "s" && strings.HasSuffix(name, "s") {
				continue
			}
			if strings.Contains(" "+folded+" ", " "+name+ending+" ") {
				return true
			}
		}
	}
	return false
}

// judge evaluates the candidates. servicesErr is the reason why the services are unknown.
func (d *diagram) judge(found []candidate, configured bool, services []serviceNames, servicesErr error) probe.Result {
	var good []string
	var labels strings.Builder
	texts := 0
	var faults, without, f probe.ResultBuilder
	for _, c := range found {
		switch {
		case c.err != nil:
			r, err := probe.Unreadable(c.file+" cannot be read", c.err)
			if err != nil {
				r = probe.NotChecked(err)
			}
			faults.Add(r)
		case c.reason == probe.ReasonNone:
			good = append(good, fmt.Sprintf("%s (%s)", c.file, c.form))
			if c.text {
				texts++
				labels.WriteString(" " + foldName(c.labels))
			}
		case c.prose && !configured:
			without.Fail(c.reason, "%s %s", c.file, c.fault)
		default:
			faults.Fail(c.reason, "%s %s", c.file, c.fault)
		}
	}
	if len(good) == 0 {
		f.Add(faults.Result(""))
		f.Add(without.Result(""))
		return f.Result("")
	}
	if r := faults.Result(""); r.State != probe.StatePass {
		if !configured {
			r.State = probe.StateWarn
		}
		f.Add(r)
	}
	if texts > 0 {
		d.compare(&f, labels.String(), services, servicesErr)
	}
	return f.Result("%s", phrase.List(good))
}

// compare reports services missing from the labels.
func (d *diagram) compare(f *probe.ResultBuilder, labels string, services []serviceNames, servicesErr error) {
	if servicesErr != nil {
		f.Warn(probe.NotChecked(servicesErr).Reason, "services of the diagram were not checked: %v", servicesErr)
		return
	}
	var missing []string
	for _, s := range services {
		if !slices.Contains(d.Ignore, s.name) && !s.isNamed(labels) {
			missing = append(missing, s.name)
		}
	}
	if len(missing) > 0 {
		f.Warn(probe.ReasonOutdated, "no diagram shows services %s. Add them, or list them under ignore", phrase.List(missing))
	}
}
