// Package promconfig judges configuration files of Prometheus.
package promconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// prometheus_config: does the configuration scrape the jobs, load rules, send alerts, and keep samples for long enough?
//
// The files that a configuration names are paths in Prometheus's container. A relative one is searched next to the
// configuration, and an absolute one by its last elements. If nothing is found for an absolute one, it is unknown.

// ConfigKind is the kind prometheus_config.
func ConfigKind() probe.Kind {
	return probe.Kind{
		Name:       "prometheus_config",
		Question:   "Does the configuration of Prometheus scrape the jobs, load rules and send alerts?",
		Example:    "{path: prometheus/prometheus.yml, jobs: [api], require: [rule_files, alerting, external_labels], min_retention: 30d}",
		Layer:      probe.LayerDeclared,
		Reads:      "the configuration at `path`, the rule files, scrape configurations and target files that it names, and the command of Prometheus in the compose file",
		Permission: "read permission",
		MaxAge:     30 * time.Second,
		Breakages:  func(spec any, view *deployment.View) []probe.Breakage { return spec.(*config).breakages(view) },
		New:        func() any { return &config{} },
	}
}

type config struct {
	Path         string           `yaml:"path" required:"true" doc:"configuration file, relative to the deployment root; with a pattern, each file that matches"`
	Jobs         []string         `yaml:"jobs" doc:"scrape jobs that must exist and have targets"`
	Require      []string         `yaml:"require" enum:"rule_files,alerting,external_labels,targets" doc:"rule_files: rule files exist and contain rules; alerting: an Alertmanager is configured; external_labels: at least one; targets: every scrape job has targets"`
	MinRetention *schema.Duration `yaml:"min_retention" min:"1h" doc:"minimum time for which samples are kept, by the command in the compose file or storage.tsdb in the configuration; Prometheus keeps them for 15d by default"`
}

// Validate reports faults of the parameters when the checklist is loaded.
func (s *config) Validate() []error {
	var errs []error
	if err := filesearch.ValidPattern(s.Path); err != nil {
		errs = append(errs, err)
	}
	if len(s.Jobs)+len(s.Require) == 0 && s.MinRetention == nil {
		errs = append(errs, errors.New("set jobs, require or min_retention"))
	}
	return errs
}

const maxFile = 1 << 20

// settings is what a configuration sets, as far as it is judged.
type settings struct {
	Global struct {
		Labels map[string]string `yaml:"external_labels"`
	}
	RuleFiles   []string     `yaml:"rule_files"`
	Scrapes     []scrape     `yaml:"scrape_configs"`
	ScrapeFiles []string     `yaml:"scrape_config_files"`
	Alerting    alertingPart `yaml:"alerting"`
	Storage     struct {
		TSDB struct {
			Retention struct {
				Time string `yaml:"time"`
				Size string `yaml:"size"`
			} `yaml:"retention"`
		} `yaml:"tsdb"`
	} `yaml:"storage"`
}

type alertingPart struct {
	Relabel       []relabel `yaml:"alert_relabel_configs"`
	Alertmanagers []scrape  `yaml:"alertmanagers"`
}

var templated = lazyregexp.New(`\{\{|\$\{?[A-Za-z_]|<%`)

// seen is one configuration with its place.
type seen struct {
	*settings
	file, name string // as found and as displayed
}

func (s *config) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	found, err := filesearch.Search(ctx, p.Deployment, s.Path, nil)
	if err != nil {
		return probe.Result{}, err
	}
	if len(found) == 0 {
		return probe.Failed(probe.ReasonMissing, "%s: no such file", s.Path), nil
	}
	var f probe.ResultBuilder
	var unseen []string
	for _, file := range found {
		name := p.Deployment.Rel(file)
		c, err := load(p, file)
		switch {
		case errors.Is(err, errInvalid):
			f.Add(probe.Failed(probe.ReasonInvalid, "%s: %v", name, err).About(probe.Offender{ID: name + " invalid", File: name}))
			continue
		case err != nil:
			r, err := probe.Unreadable(name, err)
			if err != nil {
				return probe.Result{}, err
			}
			f.Add(r.About(probe.Offender{ID: name, File: name}))
			continue
		}
		j := judgement{config: s, pass: p, seen: seen{settings: c, file: file, name: name}, f: &f}
		j.all(ctx)
		unseen = append(unseen, j.unseen...)
	}
	if len(unseen) > 0 && f.Worst.State != probe.StateFail { // a failure is certain whatever the rest is
		return probe.Result{}, probe.Unknownf(probe.ReasonError, "%s", strings.Join(unseen[:min(len(unseen), probe.MaxFindings)], "; "))
	}
	return f.Result("%s holds", s.Path), nil
}

var errInvalid = errors.New("not a valid configuration of Prometheus")

func load(p *probe.Pass, file string) (*settings, error) {
	return files.Load(p.Files, file, "configuration of Prometheus", maxFile, func(data []byte, _ fs.FileInfo) (*settings, error) {
		root, err := schema.Parse(file, data)
		if err != nil {
			return nil, errInvalid
		}
		c := &settings{}
		if err := root.Decode(c); err != nil {
			return nil, errInvalid
		}
		return c, nil
	})
}

// judgement judges one configuration.
type judgement struct {
	*config
	seen
	pass   *probe.Pass
	f      *probe.ResultBuilder
	unseen []string
}

func (j *judgement) fail(rule string, reason probe.Reason, format string, args ...any) {
	j.f.Fail(reason, "%s: %s", j.name, fmt.Sprintf(format, args...))
	j.f.Offend(probe.Offender{ID: j.name + " " + rule, File: j.name})
}

func (j *judgement) all(ctx context.Context) {
	jobs := j.scrapes(ctx)
	j.duplicates(jobs)
	for _, name := range j.Jobs {
		i := slices.IndexFunc(jobs, func(s scrape) bool { return s.Job == name })
		switch {
		case i >= 0:
			j.job(ctx, jobs[i])
		case len(j.unseen) > 0:
		case slices.ContainsFunc(jobs, func(s scrape) bool { return templated.MatchString(s.Job) }):
			j.unseen = append(j.unseen, j.name+" is a template: the name of a job is not final")
		default:
			j.fail("job "+name, probe.ReasonMissing, "no scrape job is called %s", name)
		}
	}
	for _, word := range j.Require {
		switch word {
		case "targets":
			if len(jobs) == 0 {
				j.fail(word, probe.ReasonMissing, "no scrape_configs")
			}
			for _, s := range jobs {
				if !slices.Contains(j.Jobs, s.Job) {
					j.job(ctx, s)
				}
			}
		case "external_labels":
			if len(j.Global.Labels) == 0 {
				j.fail(word, probe.ReasonMissing, "no external_labels in global")
			}
			for key, value := range j.Global.Labels {
				if value == "" {
					j.fail(word, probe.ReasonEmpty, "external label %s is empty", key)
				}
			}
		case "alerting":
			j.alerting(ctx)
		case "rule_files":
			j.rules(ctx)
		}
	}
	if j.MinRetention != nil {
		j.retention()
	}
}

// scrapes returns the scrape jobs, with those of scrape_config_files.
func (j *judgement) scrapes(ctx context.Context) []scrape {
	jobs := slices.Clone(j.Scrapes)
	for _, pattern := range j.ScrapeFiles {
		found, sure := j.named(ctx, pattern)
		if len(found) == 0 && !sure {
			j.unseen = append(j.unseen, j.name+": the files of scrape_config_files are not in the deployment's folder")
		}
		for _, file := range found {
			c, err := load(j.pass, file)
			if err != nil {
				j.fail("scrape_config_files", probe.ReasonInvalid, "%s of scrape_config_files is not valid", j.pass.Deployment.Rel(file))
				continue
			}
			jobs = append(jobs, c.Scrapes...)
		}
	}
	return jobs
}

func (j *judgement) duplicates(jobs []scrape) {
	counted := map[string]int{}
	for _, s := range jobs {
		if counted[s.Job]++; counted[s.Job] == 2 {
			j.fail("job "+s.Job, probe.ReasonInvalid, "two scrape jobs are called %s, which Prometheus refuses", phrase.Printable(s.Job))
		}
	}
}

// named returns the files that a path or pattern of the configuration means. sure says that there are no others.
func (j *judgement) named(ctx context.Context, pattern string) (found []string, sure bool) {
	folder := filepath.Dir(j.file)
	if !filepath.IsAbs(pattern) {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		return found, err == nil
	}
	elements := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	for i := range elements {
		if i == len(elements)-1 && strings.ContainsAny(elements[i], `*?[`) {
			break // a pattern without its folder matches anything
		}
		for _, at := range []string{folder, filepath.Dir(folder), j.pass.Deployment.Root} {
			if ctx.Err() != nil || !strings.HasPrefix(at+"/", j.pass.Deployment.Root+"/") {
				continue
			}
			if found, err := filepath.Glob(filepath.Join(at, filepath.Join(elements[i:]...))); err == nil && len(found) > 0 {
				return found, true
			}
		}
	}
	return nil, false
}

// retention compares how long samples are kept.
func (j *judgement) retention() {
	const standard = 15 * 24 * time.Hour
	kept, by := standard, "is not set, and 15d by default"
	set := func(text, where string) {
		d, err := schema.ParseDuration(text)
		switch {
		case templated.MatchString(text):
			j.unseen = append(j.unseen, where+" is set by a variable")
		case err != nil:
			j.fail("retention", probe.ReasonInvalid, "%s is not a duration", where)
		default:
			kept, by = d.Std(), fmt.Sprintf("is %s by %s", d, where)
		}
	}
	if text := j.Storage.TSDB.Retention.Time; text != "" {
		set(text, "storage.tsdb.retention.time")
	}
	declared := j.Storage.TSDB.Retention.Time != ""
	c, err := j.pass.View.Compose()
	if err == nil {
		for _, name := range c.Services() {
			service := c.Project.Services[name]
			if !compose.RunsImage(service, []string{"prometheus"}) {
				continue
			}
			declared = true
			if text := flag(service.Command, "--storage.tsdb.retention.time", "--storage.tsdb.retention"); text != "" {
				set(text, "the command of service "+name)
			}
		}
	}
	if !declared {
		j.unseen = append(j.unseen, j.name+": the command of Prometheus is not in a compose file, so its retention is unknown")
		return
	}
	if kept < j.MinRetention.Std() {
		j.fail("retention", probe.ReasonThreshold, "the retention of samples %s, less than %s", by, j.MinRetention)
	}
}

// flag returns the value of a flag in a command.
func flag(command []string, names ...string) string {
	for i, word := range command {
		for _, name := range names {
			if value, ok := strings.CutPrefix(word, name+"="); ok {
				return value
			}
			if word == name && i+1 < len(command) {
				return command[i+1]
			}
		}
	}
	return ""
}
