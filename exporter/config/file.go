package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/attest/waiver"
	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// File is the configuration file.
type File struct {
	Deployment   *schema.Node            `yaml:"deployment" doc:"the deployment to check; every setting has a default or is discovered from --deployment.root"`
	Targets      map[string]*schema.Node `yaml:"targets" doc:"several deployments by name; each is scraped at /probe?target=NAME"`
	Checklist    string                  `yaml:"checklist" doc:"your own checklist file, relative to this file; with extends it adds to the embedded checklist"`
	Overrides    map[string]*schema.Node `yaml:"overrides" doc:"changes to items of the checklist, by item or category/item"`
	Attestations probe.Trust             `yaml:"attestations" doc:"who may attest items that cannot be checked automatically"`
	Waivers      Waivers                 `yaml:"waivers" doc:"items that are allowed to fail until a date; or a mapping with require_approval and the list under accepted"`
	Parameters   map[string]*schema.Node `yaml:"parameters" doc:"values of the checklist's parameters, by name"`
	MaxWaiver    *schema.Duration        `yaml:"max_waiver" min:"1d" doc:"how long an item of severity critical may be waived; config check warns about longer waivers; default: 90d"`
}

// checklist reads the team's own checklist; nil without one.
func (s Source) checklist(f File) (*checklist.Source, error) {
	if f.Checklist == "" {
		return nil, nil
	}
	path := s.beside(f.Checklist)
	text, _, err := files.Read(path, MaxFile)
	if err != nil {
		return nil, fmt.Errorf("checklist: %w", err)
	}
	return &checklist.Source{File: path, Data: text, Open: openFragment}, nil
}

// openFragment reads a file that another one includes. It must be inside the folder of that file, whatever the links.
func openFragment(from, path string) ([]byte, error) {
	root, err := os.OpenRoot(filepath.Dir(from))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a named pipe must not block
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s: %w", path, files.ErrNotRegular))
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%s: %w of %d bytes", path, files.ErrTooLarge, MaxFile)
	}
	return data, err
}

// checklists loads the checklist once, or once for each environment if its probes depend on that.
type checklists struct {
	own    *checklist.Source
	file   string
	from   File
	loaded map[string]*checklist.Checklist
}

// A deployment with requested waivers has a checklist of its own.
func (c *checklists) of(environment string, requested []waiver.Waiver) (*checklist.Checklist, error) {
	for known, list := range c.loaded {
		if len(requested) == 0 && (known == environment || !list.Parametric) {
			return list, nil
		}
	}
	list, err := checklist.Load(c.own, checklist.Changes{
		File: c.file, Overrides: c.from.Overrides, Waivers: c.from.Waivers.Accepted, RequireApproval: c.from.Waivers.RequireApproval,
		Requested: requested, Parameters: c.from.Parameters, Environment: environment,
	})
	if err == nil && len(requested) == 0 {
		c.loaded[environment] = list
	}
	return list, err
}

// nodeOf returns the YAML node of a deployment's settings.
func (f *File) nodeOf(name string) *schema.Node {
	if len(f.Targets) == 0 {
		return f.Deployment
	}
	return f.Targets[name]
}

// digestOf identifies a deployment's settings. It returns "", which inherit never treats as equal, if they cannot be encoded.
func digestOf(node *schema.Node) string {
	text, err := yaml.Marshal(node)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// settings returns the settings of all targets or of the single deployment.
func (s Source) settings(f File) ([]deployment.Settings, schema.Problems) {
	var all []deployment.Settings
	var problems schema.Problems
	if len(f.Targets) > 0 && f.Deployment != nil {
		problems = append(problems, schema.Problemf(s.File, "deployment", f.Deployment, "`deployment` cannot be combined with `targets`"))
	}
	for _, name := range f.names() {
		node, path := f.nodeOf(name), "deployment"
		if name != "" {
			path = schema.Field("targets", name)
		}
		set := deployment.Settings{}
		problems = append(problems, schema.Expand(s.File, node, s.variables(node, name))...)
		problems = append(problems, schema.DecodeAt(s.File, path, node, &set)...)
		set.Name, set.Root = name, s.rootOf(set.Root, name)
		if set.Root == "" {
			problems = append(problems, schema.Problemf(s.File, path, node, "`root` is required: set it to the deployment's folder"))
		}
		all = append(all, set)
	}
	return all, problems
}

// names lists the deployments; the name of a single deployment is "".
func (f *File) names() []string {
	if len(f.Targets) == 0 {
		return []string{""}
	}
	return slices.Sorted(maps.Keys(f.Targets))
}

// rootOf returns a deployment's folder: the configured one, else --deployment.root for a single deployment.
func (s Source) rootOf(configured, name string) string {
	switch {
	case configured != "":
		return s.beside(configured)
	case name == "":
		return s.Root
	}
	return ""
}

// variables resolves the variables in a deployment's settings: ${NAME} from the exporter's environment, ${env.NAME} from
// the deployment's env file. The env file is located before expansion, so its path cannot contain variables.
func (s Source) variables(node *schema.Node, name string) func(string) (string, bool) {
	env := sync.OnceValue(func() *env.File {
		early := map[string]string{}
		if node != nil {
			for key, value := range schema.Pairs(node) {
				early[key.Value] = value.Value
			}
		}
		d, err := deployment.Discover(deployment.Settings{Root: s.rootOf(early["root"], name), EnvFile: early["env_file"]})
		if err != nil {
			return nil
		}
		env, err := d.View(nil).Env()
		if err != nil {
			return nil
		}
		return env
	})
	return func(variable string) (string, bool) {
		key, inFile := strings.CutPrefix(variable, "env.")
		if !inFile {
			return s.Getenv(variable)
		}
		if env() == nil {
			return "", false
		}
		e, ok := env().Get(key)
		return e.Text.Reveal(), ok
	}
}

// beside resolves a path in the configuration file relative to the file's folder.
func (s Source) beside(path string) string {
	if filepath.IsAbs(path) || s.File == "" {
		return path
	}
	return filepath.Join(filepath.Dir(s.File), path)
}
