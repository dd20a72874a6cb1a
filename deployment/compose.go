package deployment

// The compose model, loaded as "docker compose --env-file ENV -f …" would, with what that command does not tell: positions.
//
// The library logs through a global logger. Nothing is changed there: variables are replaced by our own code, a version attribute is blanked
// before, env files of services are read by our own parser, and what remains (an external.name, a ~ without HOME) warns once per change of a file.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

// ErrNoCompose says that the deployment has no compose file.
var ErrNoCompose = errors.New("no compose file found: set deployment.compose_files")

// Compose is the deployment's compose model. It is shared between callers: nobody changes it.
type Compose struct {
	// Project as Compose resolves it, but without the content of env files (see View.Value) and with required variables that are not set empty.
	// Services of profiles that are not active are in DisabledServices. It holds secrets: nothing of it is printed.
	Project *types.Project
	Files   []string // absolute, in the order they were merged; included and extended files behind
	Outside []string // those of Files that lie outside the deployment's root
	Env     *Env     // the env file that variables were taken from; nil when there is none

	variables []Variable
	configErr error
	files     []*composeFile
	main      int // how many of files are merged, the rest is included or extended
}

// ConfigError is what "docker compose config" would say: the first reason to refuse the files, most often a *ComposeError with a line or an
// *EnvError; nil when it accepts them. The model is there nevertheless.
func (c *Compose) ConfigError() error { return c.configErr }

type composeResult struct {
	compose *Compose
	err     error
}

// Compose is the compose model. The error is ErrNoCompose, or a *ComposeError for files of which no model can be made; a model that
// "docker compose config" would refuse for less (a missing env_file, an undefined network, a required variable) is returned, see ConfigError.
func (v *View) Compose() (*Compose, error) { return v.compose() }

func (v *View) loadCompose() (*Compose, error) {
	place := v.Place(FactCompose)
	if len(place.Paths) == 0 {
		return nil, ErrNoCompose
	}
	env, envErr := v.Env()
	envPath := v.Place(FactEnvFile).Path()
	key := strings.Join(append(slices.Clone(place.Paths), "", envPath), "\x00")
	result := v.Deployment.compose.get(key, func(src sources) composeResult {
		if envPath != "" {
			src.note(envPath)
		}
		l := composeLoader{view: v, src: src, env: env}
		c, err := l.load(place.Paths)
		if c != nil && c.configErr == nil && env == nil && envPath != "" {
			c.configErr = &ComposeError{File: v.Deployment.Rel(envPath), Kind: ComposeEnvFile, Text: fmt.Sprintf("the env file cannot be read: %v", reason(envErr)), Err: envErr}
		}
		return composeResult{c, err}
	})
	return result.compose, result.err
}

// composePlace is the compose files as configured or found, or as COMPOSE_FILE in the env file says, which Compose follows too.
func (v *View) composePlace() Place {
	place := v.places()[FactCompose]
	if place.How == Configured {
		return place
	}
	env, err := v.Env()
	if err != nil {
		return place
	}
	list, _ := env.find(consts.ComposeFilePath)
	if list == "" {
		return place
	}
	separator, _ := env.find(consts.ComposePathSeparator)
	if separator == "" {
		separator = ":"
	}
	chosen := Place{Fact: FactCompose, How: Configured}
	for path := range strings.SplitSeq(list, separator) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(env.Path), path)
		}
		chosen.Paths = append(chosen.Paths, path)
	}
	for _, other := range append(slices.Clone(place.Paths), place.Others...) {
		if !slices.Contains(chosen.Paths, other) {
			chosen.Others = append(chosen.Others, other)
		}
	}
	return chosen
}

// composeLoader makes one model.
type composeLoader struct {
	view *View
	src  sources
	env  *Env
}

func (l *composeLoader) lookup(name string) (string, bool) {
	if l.env == nil {
		return "", false
	}
	return l.env.find(name)
}

func (l *composeLoader) load(paths []string) (*Compose, error) {
	d := l.view.Deployment
	dir := filepath.Dir(paths[0])
	r := &composeReader{root: d.Root, src: l.src, loaded: map[string]*composeFile{}, expand: &expander{find: l.lookup, lenient: true}}
	c := &Compose{Env: l.env, main: len(paths)}
	for _, path := range paths {
		f, err := r.file(path, nil)
		if err != nil {
			return nil, err
		}
		c.files = append(c.files, f)
	}
	for _, f := range c.files[:c.main:c.main] {
		if err := r.follow(f, dir); err != nil {
			return nil, err
		}
	}
	for _, f := range r.ordered {
		if !slices.Contains(c.files, f) {
			c.files = append(c.files, f)
		}
		c.Files = append(c.Files, f.path)
	}
	c.Outside = r.outside
	c.collect()

	project, err := l.project(c, dir, true)
	if err != nil {
		strict := c.explain(err)
		if project, err = l.project(c, dir, false); err != nil {
			return nil, strict
		}
		c.Project = project
		c.configErr = strict
		if first := c.undefined(); strict.Kind != ComposeInterpolation && strict.Kind != ComposeSchema && first != nil {
			c.configErr = first // the library ranges over maps: which of several it tells is chance
		}
	}
	c.Project = project
	if l.env != nil && l.env.Err() != nil {
		c.configErr = l.env.Err()
	}
	if c.configErr == nil {
		c.configErr = l.envFiles(c)
	}
	return c, nil
}

// project has the library make the model. Not strict, it takes what can be used of files that Compose refuses.
func (l *composeLoader) project(c *Compose, dir string, strict bool) (project *types.Project, err error) {
	defer func() {
		if p := recover(); p != nil { // a value of a form that the library asserts not to see
			project, err = nil, errors.New("a value has a form that Compose cannot read")
		}
	}()
	details := types.ConfigDetails{WorkingDir: dir, Environment: types.Mapping{}}
	if l.env != nil {
		for _, e := range l.env.Entries {
			if !e.Inherited {
				details.Environment[e.Key] = e.Text.Reveal()
			}
		}
	}
	for _, f := range c.files[:c.main] {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: f.path, Content: f.withoutVersion()})
	}
	x := &expander{lenient: !strict}
	return loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.SkipResolveEnvironment = true
		o.SkipResolveLabels = true
		o.SkipConsistencyCheck = !strict
		o.SkipValidation = !strict
		o.MaxNodeVisits = maxNodes
		o.Profiles = l.profiles()
		o.Interpolate.Substitute = func(text string, find template.Mapping) (string, error) {
			x.find = lookup(find)
			return x.expand(text)
		}
		o.Interpolate.TypeCastMapping = quietCasts(o.Interpolate.TypeCastMapping)
		l.name(o, c, dir)
	})
}

// name names the project as Compose does: configured, COMPOSE_PROJECT_NAME, the files' name, the folder's.
func (l *composeLoader) name(o *loader.Options, c *Compose, dir string) {
	configured := l.view.Deployment.Docker.Project
	if configured == "" {
		configured, _ = l.lookup(consts.ComposeProjectName)
	}
	if configured != "" {
		o.SetProjectName(configured, true)
		return
	}
	for _, f := range c.files[:c.main] {
		for _, doc := range f.docs {
			if _, name := child(doc, "name"); name != nil && name.Value != "" {
				return
			}
		}
	}
	name := loader.NormalizeProjectName(filepath.Base(dir))
	if name == "" {
		name = "default"
	}
	o.SetProjectName(name, false)
}

func (l *composeLoader) profiles() []string {
	if p := l.view.Deployment.Profiles; len(p) > 0 {
		return p
	}
	list, _ := l.lookup(consts.ComposeProfiles)
	var profiles []string
	for p := range strings.SplitSeq(list, ",") {
		if p = strings.TrimSpace(p); p != "" {
			profiles = append(profiles, p)
		}
	}
	return profiles
}

// quietCasts keeps the library from warning of yes and no, through its global logger, where a boolean is wanted.
func quietCasts(casts map[tree.Path]interpolation.Cast) map[tree.Path]interpolation.Cast {
	quiet := make(map[tree.Path]interpolation.Cast, len(casts))
	for path, cast := range casts {
		quiet[path] = func(value string) (any, error) {
			switch strings.ToLower(value) {
			case "y", "yes", "on":
				value = "true"
			case "n", "no", "off":
				value = "false"
			}
			return cast(value)
		}
	}
	return quiet
}

// envFiles is the first reason for which Compose would refuse an env file of an active service.
func (l *composeLoader) envFiles(c *Compose) error {
	var first *ComposeError
	for _, name := range c.Project.ServiceNames() {
		for _, file := range c.Project.Services[name].EnvFiles {
			l.src.note(file.Path)
			env, err := l.view.serviceEnv(file)
			if err == nil && env != nil {
				err = env.Err()
			}
			if err == nil || errors.Is(err, fs.ErrNotExist) && !bool(file.Required) {
				continue
			}
			at := c.envFileAt(name, file.Path)
			e := &ComposeError{File: at.File, Line: at.Line, Kind: ComposeEnvFile, Service: name, Key: l.view.Deployment.Rel(file.Path), Err: err}
			e.Text = fmt.Sprintf("env file %s of service %s: %v", e.Key, name, reason(err))
			if first == nil || e.File == first.File && e.Line < first.Line {
				first = e
			}
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// envFileAt is the place that names an env file of a service: the last one whose path ends in the same name.
func (c *Compose) envFileAt(service, path string) Origin {
	for _, f := range slices.Backward(c.files) {
		for _, doc := range f.docs {
			_, list := descend(doc, "services", service, "env_file")
			if list == nil {
				continue
			}
			line := list.Line
			scalars(list, true, func(n *yaml.Node) {
				if filepath.Base(n.Value) == filepath.Base(path) {
					line = n.Line
				}
			})
			return Origin{File: f.shown, Line: line, Service: service, Via: ViaServiceFile}
		}
	}
	return Origin{File: c.files[0].shown, Service: service, Via: ViaServiceFile}
}

// defines reports whether any of the files has the service.
func (c *Compose) defines(service string) bool {
	for _, f := range c.files {
		for _, doc := range f.docs {
			if k, _ := descend(doc, "services", service); k != nil {
				return true
			}
		}
	}
	return false
}

// undefined is the first name, by file and line, that a service uses and nobody defines.
func (c *Compose) undefined() *ComposeError {
	var all []*ComposeError
	p := c.Project
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		miss := func(kind, what string, known bool, attribute string) {
			if known {
				return
			}
			e := c.at("services."+name+"."+attribute, &ComposeError{Kind: ComposeUndefined, Service: name, Key: what})
			e.Text = fmt.Sprintf("service %s refers to an undefined %s: %s", name, kind, shortKey(what))
			c.within(e, name, attribute, what)
			all = append(all, e)
		}
		for n := range s.Networks {
			_, ok := p.Networks[n]
			miss("network", n, ok, "networks")
		}
		for _, m := range s.Volumes {
			_, ok := p.Volumes[m.Source]
			miss("volume", m.Source, ok || m.Type != types.VolumeTypeVolume || m.Source == "", "volumes")
		}
		for _, x := range s.Secrets {
			_, ok := p.Secrets[x.Source]
			miss("secret", x.Source, ok, "secrets")
		}
		for _, x := range s.Configs {
			_, ok := p.Configs[x.Source]
			miss("config", x.Source, ok, "configs")
		}
		for d, how := range s.DependsOn {
			_, ok := p.Services[d]
			_, disabled := p.DisabledServices[d]
			miss("service", d, ok || disabled && !how.Required, "depends_on")
		}
		if s.Build == nil && s.Image == "" && s.Provider == nil {
			e := c.at("services."+name, &ComposeError{Kind: ComposeInconsistent, Service: name, Key: "image"})
			e.Text = "service " + name + " has neither an image nor a build"
			all = append(all, e)
		}
	}
	if len(all) == 0 {
		return nil
	}
	order := map[string]int{}
	for i, f := range c.files {
		order[f.shown] = i
	}
	return slices.MinFunc(all, func(a, b *ComposeError) int {
		if a.File != b.File {
			return order[a.File] - order[b.File]
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Text, b.Text)
	})
}

// within moves e to the line below a service's attribute that names what.
func (c *Compose) within(e *ComposeError, service, attribute, what string) {
	for _, f := range c.files {
		for _, doc := range f.docs {
			_, n := descend(doc, "services", service, attribute)
			if n == nil {
				continue
			}
			if k, _ := child(n, what); k != nil {
				e.File, e.Line = f.shown, k.Line
				return
			}
			found := false
			scalars(n, true, func(s *yaml.Node) {
				if !found && (s.Value == what || strings.HasPrefix(s.Value, what+":")) {
					e.File, e.Line, found = f.shown, s.Line, true
				}
			})
			if found {
				return
			}
		}
	}
}

// lookup finds a variable as the files' interpolation does.
func (c *Compose) lookup(name string) (string, bool) {
	if c.Env == nil {
		return "", false
	}
	return c.Env.find(name)
}

// Services are the names of the services that are started, sorted.
func (c *Compose) Services() []string { return slices.Sorted(maps.Keys(c.Project.Services)) }
