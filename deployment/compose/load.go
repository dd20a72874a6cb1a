package compose

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// Builds the compose model.
//
// The library logs through a global logger, which stays untouched. To keep it quiet, variables are expanded by our own
// code, a version attribute is blanked first, and env files of services are read by our own parser. The remaining
// warnings (an external.name, a ~ without HOME) appear once per change of a file.

// Options is what a model depends on in addition to its files.
type Options struct {
	Root     string   // of the deployment, for display; files outside it are reported
	Project  string   // configured project name; "" for none
	Profiles []string // configured profiles; those of COMPOSE_PROFILES when empty
	// The env file used for interpolation. Env is nil without one, and when it cannot be read: EnvErr says why.
	EnvPath string
	Env     *env.File
	EnvErr  error
	// ServiceEnv reads an env file of a service.
	ServiceEnv func(types.EnvFile) (*env.File, error)
}

// Load builds the model of the files at paths, the main one first, and records everything that it reads in src.
// The error is an *Error or an *env.Error.
func Load(src source.Set, paths []string, o Options) (*Model, error) {
	if o.EnvPath != "" {
		src.Note(o.EnvPath)
	}
	l := builder{Options: o, src: src}
	c, err := l.load(paths)
	if c != nil && c.configErr == nil && o.Env == nil && o.EnvPath != "" {
		c.configErr = &Error{File: source.Relative(o.Root, o.EnvPath), Kind: KindEnvFile,
			Text: fmt.Sprintf("env file cannot be read: %v", source.Reason(o.EnvErr)), Err: o.EnvErr}
	}
	return c, err
}

// builder builds one model.
type builder struct {
	Options
	src source.Set
}

func (l *builder) lookup(name string) (string, bool) {
	if l.Env == nil {
		return "", false
	}
	return l.Env.Lookup(name)
}

func (l *builder) load(paths []string) (*Model, error) {
	dir := filepath.Dir(paths[0])
	r := &reader{root: l.Root, src: l.src, loaded: map[string]*file{}, expand: &env.Expander{Find: l.lookup, Lenient: true}}
	c := &Model{Env: l.Env, main: len(paths)}
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
	c.Outside, c.Included = r.outside, r.envs
	c.collect()

	project, err := l.project(c, dir, true)
	if err != nil {
		strict := c.explain(err)
		if project, err = l.project(c, dir, false); err != nil {
			return nil, strict
		}
		c.Project = project
		c.configErr = strict
		if first := c.undefined(); strict.Kind != KindInterpolation && strict.Kind != KindSchema && first != nil {
			c.configErr = first // the library iterates over maps and returns a random one of several errors
		}
	}
	c.Project = project
	if l.Env != nil && l.Env.Err() != nil {
		c.configErr = l.Env.Err()
	}
	if c.configErr == nil {
		c.configErr = l.envFiles(c)
	}
	return c, nil
}

// project builds the model with the library. If strict is false, it uses what it can of files that Compose rejects.
func (l *builder) project(c *Model, dir string, strict bool) (project *types.Project, err error) {
	defer func() {
		if p := recover(); p != nil { // the library asserts types that it does not check
			project, err = nil, errors.New("a value has a type that Compose cannot read")
		}
	}()
	details := types.ConfigDetails{WorkingDir: dir, Environment: types.Mapping{}}
	if l.Env != nil {
		for _, e := range l.Env.Entries {
			if !e.Inherited {
				details.Environment[e.Key] = e.Text.Reveal()
			}
		}
	}
	for _, f := range c.files[:c.main] {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: f.path, Content: f.withoutVersion()})
	}
	x := &env.Expander{Lenient: !strict}
	return loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.SkipResolveEnvironment = true
		o.SkipResolveLabels = true
		o.SkipConsistencyCheck = !strict
		o.SkipValidation = !strict
		o.MaxNodeVisits = maxNodes
		o.Profiles = l.profiles()
		o.Interpolate.Substitute = func(text string, find template.Mapping) (string, error) {
			x.Find = env.Lookup(find)
			return x.Expand(text)
		}
		o.Interpolate.TypeCastMapping = quietCasts(o.Interpolate.TypeCastMapping)
		l.name(o, c, dir)
	})
}

// name sets the project name in Compose's order: configured, COMPOSE_PROJECT_NAME, the files' name, the folder's name.
func (l *builder) name(o *loader.Options, c *Model, dir string) {
	configured := l.Project
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

func (l *builder) profiles() []string {
	if len(l.Profiles) > 0 {
		return l.Profiles
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
