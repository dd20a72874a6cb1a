package promconfig

import (
	"context"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// scrape is a scrape job, or where Alertmanagers are found.
type scrape struct {
	Job      string               `yaml:"job_name"`
	Static   []group              `yaml:"static_configs"`
	Files    []fileSD             `yaml:"file_sd_configs"`
	Relabel  []relabel            `yaml:"relabel_configs"`
	Metrics  []relabel            `yaml:"metric_relabel_configs"`
	Discover map[string]yaml.Node `yaml:",inline"` // all other settings, among them discovery
}

type group struct {
	Targets []string `yaml:"targets" json:"targets"`
}

type fileSD struct {
	Files []string `yaml:"files"`
}

type relabel struct {
	Source []string `yaml:"source_labels"`
	Regex  *string  `yaml:"regex"`
	Action string   `yaml:"action"`
}

// dropsAll reports whether a rule drops everything: it matches any value, which is what it does without a regex.
func dropsAll(rules []relabel) bool {
	for _, r := range rules {
		if strings.EqualFold(r.Action, "drop") && (r.Regex == nil || *r.Regex == ".*" || *r.Regex == "(.*)") {
			return true
		}
	}
	return false
}

// job requires that a scrape job has targets and keeps what it scrapes.
func (j *judgement) job(ctx context.Context, s scrape) {
	rule, title := "job "+s.Job, "scrape job "+phrase.Printable(s.Job)
	if s.Job == "" {
		j.fail(rule, probe.ReasonInvalid, "a scrape job has no job_name")
		return
	}
	j.targets(ctx, s, rule, title)
	if dropsAll(s.Relabel) {
		j.fail(rule, probe.ReasonInvalid, "%s drops all its targets (relabel_configs)", title)
	}
	if dropsAll(s.Metrics) {
		j.fail(rule, probe.ReasonInvalid, "%s drops all its samples (metric_relabel_configs)", title)
	}
}

// targets requires targets: static ones, those of files, or service discovery.
func (j *judgement) targets(ctx context.Context, s scrape, rule, title string) {
	count := 0
	add := func(targets []string) {
		for _, target := range targets {
			switch {
			case templated.MatchString(target):
				j.unseen = append(j.unseen, j.name+" is a template: a target of "+title+" is not final")
			case strings.TrimSpace(target) == "" || strings.Contains(target, "/"):
				j.fail(rule, probe.ReasonInvalid, "%s has a target that is not host:port", title)
			}
			count++
		}
	}
	for _, g := range s.Static {
		add(g.Targets)
	}
	for key, value := range s.Discover {
		if strings.HasSuffix(key, "_sd_configs") && len(value.Content) > 0 {
			count++
		}
	}
	missing := ""
	for _, sd := range s.Files {
		for _, pattern := range sd.Files {
			found, sure := j.named(ctx, pattern)
			if len(found) == 0 && !sure {
				j.unseen = append(j.unseen, j.name+": the target files of "+title+" are not in the deployment's folder")
				count++
			} else if len(found) == 0 {
				missing = ": no target file of file_sd_configs exists"
			}
			for _, file := range found {
				groups, err := j.targetFile(file)
				if err != nil {
					j.fail(rule, probe.ReasonInvalid, "%s of %s is not a valid target file", j.pass.Deployment.Rel(file), title)
				}
				for _, g := range groups {
					add(g.Targets)
				}
			}
		}
	}
	if count == 0 {
		j.fail(rule, probe.ReasonEmpty, "%s has no targets%s", title, missing)
	}
}

func (j *judgement) targetFile(file string) ([]group, error) {
	return files.Load(j.pass.Files, file, "targets of Prometheus", maxFile, func(data []byte, _ fs.FileInfo) ([]group, error) {
		var groups []group
		if filepath.Ext(file) == ".json" {
			return groups, json.Unmarshal(data, &groups)
		}
		root, err := schema.Parse(file, data)
		if err != nil {
			return nil, err
		}
		if root.Kind == yaml.MappingNode && len(root.Content) == 0 {
			return nil, nil // an empty file
		}
		return groups, root.Decode(&groups)
	})
}

// alerting requires an Alertmanager.
func (j *judgement) alerting(ctx context.Context) {
	if len(j.Alerting.Alertmanagers) == 0 {
		j.fail("alerting", probe.ReasonMissing, "no Alertmanager under alerting")
		return
	}
	for _, a := range j.Alerting.Alertmanagers {
		j.targets(ctx, a, "alerting", "alerting")
	}
	if dropsAll(j.Alerting.Relabel) {
		j.fail("alerting", probe.ReasonInvalid, "alert_relabel_configs drops all alerts")
	}
}

// ruleFile is what a rule file contains, as far as it is judged.
type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert  string `yaml:"alert"`
			Record string `yaml:"record"`
			Expr   string `yaml:"expr"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

// rules requires rule files that contain rules.
func (j *judgement) rules(ctx context.Context) {
	if len(j.RuleFiles) == 0 {
		j.fail("rule_files", probe.ReasonMissing, "no rule_files")
	}
	for _, pattern := range j.RuleFiles {
		found, sure := j.named(ctx, pattern)
		switch {
		case len(found) == 0 && sure:
			j.fail("rule_files", probe.ReasonMissing, "no file matches %s of rule_files", phrase.Printable(pattern))
		case len(found) == 0:
			j.unseen = append(j.unseen, j.name+": the files of rule_files are not in the deployment's folder")
		}
		for _, file := range found {
			name := j.pass.Deployment.Rel(file)
			rules, err := files.Load(j.pass.Files, file, "rule file", maxFile, func(data []byte, _ fs.FileInfo) (ruleFile, error) {
				var r ruleFile
				root, err := schema.Parse(file, data)
				if err != nil {
					return r, err
				}
				return r, root.Decode(&r)
			})
			if err != nil {
				j.fail("rule_files "+name, probe.ReasonInvalid, "rule file %s is not valid", name)
				continue
			}
			count := 0
			for _, g := range rules.Groups {
				for _, r := range g.Rules {
					if count++; r.Expr == "" || (r.Alert == "") == (r.Record == "") || g.Name == "" {
						j.fail("rule_files "+name, probe.ReasonInvalid, "rule file %s has a rule without a name or expression", name)
					}
				}
			}
			if count == 0 {
				j.fail("rule_files "+name, probe.ReasonEmpty, "rule file %s contains no rule", name)
			}
		}
	}
}
