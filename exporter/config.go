package exporter

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/version"
	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/exporter/metricspage"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// maxConfig is the size limit of configuration and checklist files.
const maxConfig = 1 << 20

// Config is the configuration file.
type Config struct {
	Deployment   *schema.Node            `yaml:"deployment" doc:"the deployment to check; every setting has a default or is discovered from --deployment.root"`
	Targets      map[string]*schema.Node `yaml:"targets" doc:"several deployments by name; each is scraped at /probe?target=NAME"`
	Checklist    string                  `yaml:"checklist" doc:"your own checklist file, relative to this file; with extends it adds to the embedded checklist"`
	Overrides    map[string]*schema.Node `yaml:"overrides" doc:"changes to items of the checklist, by item or category/item"`
	Attestations probe.Trust             `yaml:"attestations" doc:"who may attest items that cannot be checked automatically"`
	Waivers      []*schema.Node          `yaml:"waivers" doc:"items that are allowed to fail until a date"`
	MaxWaiver    *schema.Duration        `yaml:"max_waiver" min:"1d" doc:"how long an item of severity critical may be waived; config check warns about longer waivers; default: 90d"`
}

// target is one configured deployment with its collector.
type target struct {
	name      string // "" for a single deployment
	collector *collector.Collector
	deploy    *deployment.Deployment
	digest    string // of its settings
	freezing  freezing
	pageCache *metricspage.Cache // nil disables caching
}

// setup is a loaded configuration.
type setup struct {
	targets []*target
	list    *checklist.Checklist
	own     bool   // the checklist is the team's own
	digest  string // SHA-256 of the configuration file, in hexadecimal

	maxWaiver time.Duration
}

// single reports whether there is one deployment without a name. Its metrics are at the exporter's own path.
func (s *setup) single() bool { return len(s.targets) == 1 && s.targets[0].name == "" }

func (s *setup) find(name string) *target {
	i := slices.IndexFunc(s.targets, func(t *target) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return s.targets[i]
}

func (s *setup) names() []string {
	var names []string
	for _, t := range s.targets {
		names = append(names, t.name)
	}
	return names
}

// Close stops all probes.
func (s *setup) Close() {
	for _, t := range s.targets {
		t.collector.Close()
	}
}

// load reads the configuration and creates the collectors. It returns a usage error that lists all problems.
func (a *app) load(limits *collector.Limits) (*setup, error) {
	s, err := a.loadWith(limits)
	if err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

func (a *app) loadWith(limits *collector.Limits) (*setup, error) {
	var c Config
	var data []byte
	var problems schema.Problems
	if a.configFile != "" {
		var err error
		if data, _, err = files.Read(a.configFile, maxConfig); err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		node, err := schema.Parse(a.configFile, data)
		if err != nil {
			return nil, err
		}
		problems = schema.Decode(a.configFile, node, &c) // continue with the valid parts, to report all problems at once
	}
	var own *checklist.Source
	if c.Checklist != "" {
		path := a.beside(c.Checklist)
		text, _, err := files.Read(path, maxConfig)
		if err != nil {
			return nil, fmt.Errorf("checklist: %w", err)
		}
		own = &checklist.Source{File: path, Data: text}
	}
	digests := map[string]string{} // before expansion, because an expanded value may be a secret
	for _, name := range c.names() {
		digests[name] = digestOf(c.nodeOf(name))
	}
	settings, more := a.settings(c)
	problems = append(problems, more...)
	list, err := checklist.Load(own, checklist.Changes{File: a.configFile, Overrides: c.Overrides, Waivers: c.Waivers})
	if err := errors.Join(problems.Err(), err); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	s := &setup{list: list, own: c.Checklist != "", digest: hex.EncodeToString(sum[:]), maxWaiver: checklist.DefaultMaxWaiver}
	if c.MaxWaiver != nil {
		s.maxWaiver = c.MaxWaiver.Std()
	}
	for _, set := range settings {
		d, err := deployment.Discover(set)
		if err != nil {
			s.Close()
			return nil, err
		}
		deps := probe.NewDeps(a.log, "catalyst_exporter/"+version.Version)
		deps.Now, deps.Trust = a.Now, c.Attestations
		t := &target{name: set.Name, collector: collector.New(list, d, deps, limits), deploy: d, digest: digests[set.Name]}
		if len(settings) < manyTargets {
			t.pageCache = metricspage.NewCache()
		} else {
			t.collector.DisableCaching()
		}
		s.targets = append(s.targets, t)
	}
	return s, nil
}

// inherit reuses the verdicts of the previous configuration for deployments with unchanged settings.
func (s *setup) inherit(old *setup) {
	for _, t := range s.targets {
		if o := old.find(t.name); o != nil && t.digest != "" && o.digest == t.digest {
			t.collector.Inherit(o.collector)
		}
	}
}

// nodeOf returns the YAML node of a deployment's settings.
func (c *Config) nodeOf(name string) *schema.Node {
	if len(c.Targets) == 0 {
		return c.Deployment
	}
	return c.Targets[name]
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
func (a *app) settings(c Config) ([]deployment.Settings, schema.Problems) {
	var all []deployment.Settings
	var problems schema.Problems
	if len(c.Targets) > 0 && c.Deployment != nil {
		problems = append(problems, schema.Problemf(a.configFile, "deployment", c.Deployment, "`deployment` cannot be combined with `targets`"))
	}
	for _, name := range c.names() {
		node, path := c.nodeOf(name), "deployment"
		if name != "" {
			path = schema.Field("targets", name)
		}
		set := deployment.Settings{}
		problems = append(problems, schema.Expand(a.configFile, node, a.variables(node, name))...)
		problems = append(problems, schema.DecodeAt(a.configFile, path, node, &set)...)
		set.Name, set.Root = name, a.rootOf(set.Root, name)
		if set.Root == "" {
			problems = append(problems, schema.Problemf(a.configFile, path, node, "`root` is required: set it to the deployment's folder"))
		}
		all = append(all, set)
	}
	return all, problems
}

// names lists the deployments; the name of a single deployment is "".
func (c *Config) names() []string {
	if len(c.Targets) == 0 {
		return []string{""}
	}
	return slices.Sorted(maps.Keys(c.Targets))
}

// rootOf returns a deployment's folder: the configured one, else --deployment.root for a single deployment.
func (a *app) rootOf(configured, name string) string {
	switch {
	case configured != "":
		return a.beside(configured)
	case name == "":
		return a.root
	}
	return ""
}

// variables resolves the variables in a deployment's settings: ${NAME} from the exporter's environment, ${env.NAME} from
// the deployment's env file. The env file is located before expansion, so its path cannot contain variables.
func (a *app) variables(node *schema.Node, name string) func(string) (string, bool) {
	env := sync.OnceValue(func() *env.File {
		early := map[string]string{}
		if node != nil {
			for key, value := range schema.Pairs(node) {
				early[key.Value] = value.Value
			}
		}
		d, err := deployment.Discover(deployment.Settings{Root: a.rootOf(early["root"], name), EnvFile: early["env_file"]})
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
			return a.Getenv(variable)
		}
		if env() == nil {
			return "", false
		}
		e, ok := env().Get(key)
		return e.Text.Reveal(), ok
	}
}

// beside resolves a path in the configuration file relative to the file's folder.
func (a *app) beside(path string) string {
	if filepath.IsAbs(path) || a.configFile == "" {
		return path
	}
	return filepath.Join(filepath.Dir(a.configFile), path)
}

// pick returns the target that a command runs for.
func (a *app) pick(s *setup) (*target, error) {
	if s.single() {
		if a.target != "" {
			return nil, usagef("--target=%s: the configuration has no targets", a.target)
		}
		return s.targets[0], nil
	}
	if t := s.find(a.target); t != nil {
		return t, nil
	}
	if a.target == "" {
		return nil, usagef("--target is required with several targets: one of %s", strings.Join(s.names(), ", "))
	}
	return nil, usagef("unknown target %q; configured targets: %s", a.target, strings.Join(s.names(), ", "))
}
