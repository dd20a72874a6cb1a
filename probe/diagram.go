package probe

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
	"github.com/thenexusengine/catalyst_exporter/files"
)

// diagram: is there a diagram of the architecture, and does it show what is deployed?
//
// A file is a diagram by its content, not by its name: a web server's error page saved as .png is none. Configured diagrams must all be one; of those
// found by their names one suffices, and the others only weaken the verdict. A Markdown document is a diagram when it holds one as a code block or
// shows one as an image. Diagrams with text that can be read (Mermaid, PlantUML, Graphviz, draw.io) must name every service of the compose file
// between them: by its name, its container's or its image's.

func diagramKind() Kind {
	return Kind{
		Name:     "diagram",
		Question: "Is there a diagram of the architecture that names what is deployed?",
		Example:  "{ignore: [migrate]}",
		Layer:    LayerDeclared,
		Reads:    "the diagrams, at most 16 MiB each, the images that Markdown documents among them show, and the compose file; needs to read them",
		Alone:    true,
		New:      func() any { return &diagram{} },
	}
}

const (
	maxDrawing  = 16 << 20 // bytes
	maxDrawings = 40       // files looked at in one look
)

type diagram struct {
	Ignore []string `yaml:"ignore" doc:"compose services that a diagram need not name"`
}

// drawing is what a file turned out to be.
type drawing struct {
	form   string // for people
	reason Reason // why it is no diagram; ReasonNone when it is one
	fault  string
	prose  bool      // a document without a diagram in it: no broken one
	text   bool      // its text can be read
	labels string    // that text
	images []mdImage // that a document shows
}

// candidate is one file that may be a diagram.
type candidate struct {
	file string
	drawing
	err error // of reading it
}

func (d *diagram) Probe(ctx context.Context, p *Pass) (Result, error) {
	place := p.View.Place(deployment.FactDiagrams)
	if len(place.Paths) == 0 {
		return notFound(p, place, "diagram (.svg, .png, .drawio, .mmd, .puml, .dot or .md) with architecture or diagram in its name", "deployment.documents.architecture_diagrams")
	}
	var found []candidate
	for _, path := range place.Paths {
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		found = append(found, lookAtDiagram(ctx, p, path, maxDrawings-len(found)))
		if len(found) >= maxDrawings {
			break
		}
	}
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	services, err := servicesToShow(p)
	return d.judge(found, place.How == deployment.Configured, services, err), nil
}

// lookAtDiagram looks at one file and, where it is a document, at the images it shows.
func lookAtDiagram(ctx context.Context, p *Pass, path string, budget int) candidate {
	c := candidate{file: p.Deployment.Rel(path)}
	form := formOf(path)
	if form == nil {
		c.reason, c.fault = ReasonInvalid, "is of none of the kinds .svg, .png, .drawio, .mmd, .puml, .dot and .md"
		return c
	}
	c.drawing, c.err = files.Load(p.Files, path, "diagram", maxDrawing, func(data []byte, _ fs.FileInfo) (drawing, error) {
		return seeDrawing(ctx, form, data)
	})
	if c.err != nil || !c.prose {
		return c
	}
	for _, image := range c.images {
		target, ok := shownFile(p, path, image.target)
		if !ok || budget <= 0 {
			continue
		}
		budget--
		shown := lookAtDiagram(ctx, p, target, 0)
		switch {
		case shown.err != nil:
			c.reason, c.fault = ReasonMissing, fmt.Sprintf("shows an image at line %d that cannot be read", image.line)
		case shown.reason != ReasonNone:
			c.reason, c.fault = shown.reason, fmt.Sprintf("shows an image at line %d that %s", image.line, shown.fault)
		default:
			shown.file = c.file + " with " + shown.file
			return shown
		}
	}
	return c
}

// shownFile is the file of an image that a document shows, where it lies in the deployment's folder or its repository.
func shownFile(p *Pass, document, target string) (string, bool) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Path == "" || formOf(u.Path) == nil || strings.HasSuffix(strings.ToLower(u.Path), ".md") {
		return "", false
	}
	roots := []string{p.View.Place(deployment.FactRepository).Path(), p.Deployment.Root}
	base := filepath.Dir(document)
	if strings.HasPrefix(u.Path, "/") { // as forges read it: from the repository's root
		base = cmp.Or(roots[0], roots[1])
	}
	path := filepath.Join(base, filepath.FromSlash(u.Path))
	return path, slices.ContainsFunc(roots, func(root string) bool {
		rel, err := filepath.Rel(root, path)
		return root != "" && err == nil && filepath.IsLocal(rel)
	})
}

// shownService is a service of the compose file with the names by which a diagram may show it.
type shownService struct {
	name  string
	names []string
}

// servicesToShow are the services of the compose file; none without one.
func servicesToShow(p *Pass) ([]shownService, error) {
	c, err := composeModel(p)
	if err != nil {
		if r := unanswered(err); r.State == StateSkip {
			err = nil
		}
		return nil, err
	}
	var services []shownService
	for _, name := range c.Services() {
		services = append(services, shownService{name, namesOf(name, c.Project.Services[name])})
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
		// A diagram shows redis where the file says redis-prod or redis-1.
		words := strings.Fields(n)
		if last := words[len(words)-1]; len(words) > 1 && (slices.Contains([]string{"prod", "production", "service", "server"}, last) || strings.Trim(last, "0123456789") == "") {
			names = append(names, strings.Join(words[:len(words)-1], " "))
		}
	}
	return names
}

// foldName is a text in lower case with one blank for everything that is neither letter nor digit.
func foldName(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
}

// isNamed reports whether a folded text holds one of the names: as a whole word where it is short, else at the start of one, so that PostgreSQL
// names postgres.
func (s shownService) isNamed(folded string) bool {
	for _, name := range s.names {
		if len(name) <= 3 {
			name += " "
		}
		if strings.Contains(" "+folded+" ", " "+name) {
			return true
		}
	}
	return false
}

// judge judges what was found; servicesErr says why the services are not known.
func (d *diagram) judge(found []candidate, configured bool, services []shownService, servicesErr error) Result {
	var good []string
	var labels strings.Builder
	texts := 0
	var faults, without, f Findings
	for _, c := range found {
		switch {
		case c.err != nil:
			r, err := unreadable(c.file+" cannot be read", c.err)
			if err != nil {
				r = unanswered(err)
			}
			faults.Add(r)
		case c.reason == ReasonNone:
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
	if r := faults.Result(""); r.State != StatePass {
		if !configured {
			r.State = StateWarn
		}
		f.Add(r)
	}
	if texts > 0 {
		d.compare(&f, labels.String(), services, servicesErr)
	}
	return f.Result("%s", someOf(good))
}

// compare tells which services the labels do not name.
func (d *diagram) compare(f *Findings, labels string, services []shownService, servicesErr error) {
	if servicesErr != nil {
		f.Warn(unanswered(servicesErr).Reason, "whether every service is shown is not known: %v", servicesErr)
		return
	}
	var missing []string
	for _, s := range services {
		if !slices.Contains(d.Ignore, s.name) && !s.isNamed(labels) {
			missing = append(missing, s.name)
		}
	}
	if len(missing) > 0 {
		f.Warn(ReasonOutdated, "no diagram names the services %s: draw them, or tell with ignore which need none", someOf(missing))
	}
}
