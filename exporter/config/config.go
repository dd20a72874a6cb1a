// Package config loads the configuration: which deployments are checked, and against which checklist.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/version"

	"github.com/thenexusengine/catalyst_exporter/checklist"
	"github.com/thenexusengine/catalyst_exporter/collector"
	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/exporter/history"
	"github.com/thenexusengine/catalyst_exporter/exporter/metricspage"
	"github.com/thenexusengine/catalyst_exporter/exporter/record"
	"github.com/thenexusengine/catalyst_exporter/exporter/usage"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// MaxFile is the size limit of configuration and checklist files.
const MaxFile = 1 << 20

// ManyTargets is the number of targets from which memory is the main cost: neither reports nor pages are cached.
const ManyTargets = 100

// Source is where the configuration comes from.
type Source struct {
	File   string // the configuration file; "" for none
	Root   string // folder of a single deployment that the file does not name
	Target string // name of the target that a command is for; "" if none is given
	// Draft loads the deployments without the checklist and the changes to it, which a command is about to write.
	Draft bool

	Getenv func(string) (string, bool)
	Now    func() time.Time
	Log    *slog.Logger
	States *history.Store // nil keeps nothing

	Commands string // directory of the programs that probes may run; "" runs none
}

// Target is one configured deployment with its collector.
type Target struct {
	Name       string // "" for a single deployment
	Deployment *deployment.Deployment
	Trust      probe.Trust
	Checklist  *checklist.Checklist // with the parameters of its environment
	Collector  *collector.Collector
	Freezer    *record.Freezer
	History    *history.Keeper    // nil without a state directory
	Chart      *history.Chart     // nil if no Prometheus is configured
	Pages      *metricspage.Cache // nil disables caching

	digest string // of its settings
	deps   *probe.Deps
}

// Pass returns a pass over the deployment, for a command that acts on it.
func (t *Target) Pass() *probe.Pass { return probe.NewPass(t.deps, t.Deployment) }

// Config is a loaded configuration.
type Config struct {
	Targets      []*Target
	Checklist    *checklist.Checklist // of the first target
	OwnChecklist bool                 // the checklist is the team's own
	Digest       string               // SHA-256 of the configuration file, in hexadecimal
	MaxWaiver    time.Duration

	allowedSigners string
}

// Single reports whether there is one deployment without a name. Its metrics are at the exporter's own path.
func (c *Config) Single() bool { return len(c.Targets) == 1 && c.Targets[0].Name == "" }

// Find returns the target of a name, or nil.
func (c *Config) Find(name string) *Target {
	i := slices.IndexFunc(c.Targets, func(t *Target) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return c.Targets[i]
}

// Names returns the names of all targets.
func (c *Config) Names() []string {
	var names []string
	for _, t := range c.Targets {
		names = append(names, t.Name)
	}
	return names
}

// Close stops all probes.
func (c *Config) Close() {
	for _, t := range c.Targets {
		t.Collector.Close()
	}
}

// Load reads the configuration and creates the collectors. It returns a usage error that lists all problems.
func (s Source) Load(limits *collector.Limits) (*Config, error) {
	c, err := s.load(limits)
	if err != nil {
		return nil, usage.Error{Err: err}
	}
	return c, nil
}

func (s Source) load(limits *collector.Limits) (*Config, error) {
	var f File
	var data []byte
	var problems schema.Problems
	if s.File != "" {
		var err error
		if data, _, err = files.Read(s.File, MaxFile); err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		node, err := schema.Parse(s.File, data)
		if err != nil {
			return nil, err
		}
		problems = schema.Decode(s.File, node, &f) // continue with the valid parts, to report all problems at once
	}
	if s.Draft {
		f.Checklist, f.Overrides, f.Waivers, f.Parameters = "", nil, Waivers{}, nil
	}
	own, err := s.checklist(f)
	if err != nil {
		return nil, err
	}
	digests := map[string]string{} // before expansion, because an expanded value may be a secret
	for _, name := range f.names() {
		digests[name] = digestOf(f.nodeOf(name))
	}
	settings, more := s.settings(f)
	problems = append(problems, more...)
	lists := checklists{own, s.File, f, map[string]*checklist.Checklist{}}
	list, err := lists.of(settings[0].Environment, nil)
	if err := errors.Join(problems.Err(), err); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	c := &Config{Checklist: list, OwnChecklist: own != nil, Digest: hex.EncodeToString(sum[:]), MaxWaiver: checklist.DefaultMaxWaiver,
		allowedSigners: f.Attestations.AllowedSigners}
	if f.MaxWaiver != nil {
		c.MaxWaiver = f.MaxWaiver.Std()
	}
	for _, set := range settings {
		d, err := deployment.Discover(set)
		if err != nil {
			c.Close()
			return nil, err
		}
		deps := probe.NewDeps(s.Log, "catalyst_exporter/"+version.Version)
		deps.Now, deps.Trust, deps.Commands = s.Now, f.Attestations, s.Commands
		keeper, err := s.States.Keeper(set.Name, d.Root)
		if err != nil {
			c.Close()
			return nil, err
		}
		if keeper != nil {
			deps.Marks = keeper
		}
		list, err := lists.of(set.Environment, s.requested(c, d, set.Name))
		if err != nil {
			c.Close()
			return nil, err
		}
		t := &Target{
			Name: set.Name, Deployment: d, Trust: f.Attestations, Checklist: list, Collector: collector.New(list, d, deps, limits),
			Freezer: record.NewFreezer(d.ReleasesDir(), s.Log), History: keeper,
			Chart: history.NewChart(deps, d, set.Name), digest: digests[set.Name], deps: deps,
		}
		if len(settings) < ManyTargets {
			t.Pages = metricspage.NewCache()
		} else {
			t.Collector.DisableCaching()
		}
		c.Targets = append(c.Targets, t)
	}
	c.Checklist = c.Targets[0].Checklist
	return c, nil
}

// Inherit reuses the verdicts of the previous configuration for deployments with unchanged settings.
func (c *Config) Inherit(old *Config) {
	for _, t := range c.Targets {
		if o := old.Find(t.Name); o != nil && t.digest != "" && o.digest == t.digest {
			t.Collector.Inherit(o.Collector)
		}
	}
}

// Pick returns the target that a command runs for.
func (s Source) Pick(c *Config) (*Target, error) {
	if c.Single() {
		if s.Target != "" {
			return nil, usage.Errorf("--target=%s: the configuration has no targets", s.Target)
		}
		return c.Targets[0], nil
	}
	if t := c.Find(s.Target); t != nil {
		return t, nil
	}
	if s.Target == "" {
		return nil, usage.Errorf("--target is required with several targets: one of %s", strings.Join(c.Names(), ", "))
	}
	return nil, usage.Errorf("unknown target %q; configured targets: %s", s.Target, strings.Join(c.Names(), ", "))
}
