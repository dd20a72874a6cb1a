package deployment

// Builds the compose model.
//
// The library logs through a global logger, which stays untouched. To keep it quiet, variables are expanded by our own
// code, a version attribute is blanked first, and env files of services are read by our own parser. The remaining
// warnings (an external.name, a ~ without HOME) appear once per change of a file.

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/compose-spec/compose-go/v2/types"
)

// composeLoader builds one model.
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
			c.configErr = first // the library iterates over maps and returns a random one of several errors
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

// project builds the model with the library. If strict is false, it uses what it can of files that Compose rejects.
func (l *composeLoader) project(c *Compose, dir string, strict bool) (project *types.Project, err error) {
	defer func() {
		if p := recover(); p != nil { // the library asserts types that it does not check
			project, err = nil, errors.New("a value has a type that Compose cannot read")
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

// name sets the project name in Compose's order: configured, COMPOSE_PROJECT_NAME, the files' name, the folder's name.
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

// quietCasts accepts yes and no as booleans, because the library would log a warning through its global logger.
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
