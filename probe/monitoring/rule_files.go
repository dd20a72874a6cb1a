package monitoring

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// The team's alert rules: the files that rule_files of a Prometheus service matches, as its container sees them through
// mounts, configs and secrets. Files in the image or in a volume are not seen.

const maxRuleFiles = 200

// ruleFiles are the rules of one Prometheus.
type ruleFiles struct {
	alertRules
	files   int
	invalid []string // base names of files that Prometheus refuses
}

// none reports whether Prometheus certainly loads no rule file.
func (r ruleFiles) none() bool { return r.files == 0 && !r.partial }

// rules reads the rule files.
func (f prometheusFile) rules(p *probe.Pass) ruleFiles {
	var all ruleFiles
	seen := map[string]bool{}
	for _, entry := range schemaList(f.top["rule_files"]) {
		pattern := entry.Value
		if !path.IsAbs(pattern) {
			pattern = path.Join(path.Dir(f.inside), pattern)
		}
		matched, complete := f.glob(p, pattern)
		all.partial = all.partial || !complete
		for _, inside := range matched {
			if seen[inside] {
				continue
			}
			seen[inside] = true
			if len(seen) > maxRuleFiles {
				all.partial = true
				return all
			}
			v, err := p.View.FileIn(f.compose, f.service, inside, "rule_files", f.compose.At(f.service, "command"))
			if err != nil || !v.Set {
				all.partial = true
				continue
			}
			all.files++
			if !all.add(v.Text.Reveal()) {
				all.invalid = append(all.invalid, path.Base(inside))
			}
		}
	}
	return all
}

// glob returns the paths inside the container that a pattern matches. complete is false when files may match that are
// not on this host. Prometheus accepts wildcards in the last part only.
func (f prometheusFile) glob(p *probe.Pass, pattern string) (matched []string, complete bool) {
	dir, base := path.Split(path.Clean(pattern))
	dir = path.Clean(dir)
	if strings.ContainsAny(dir, `*?[\`) {
		return nil, false
	}
	add := func(inside string) {
		if ok, err := path.Match(base, path.Base(inside)); ok && err == nil && path.Dir(inside) == dir {
			matched = append(matched, inside)
		}
	}
	if host, mounted := f.compose.HostPath(f.service, dir); mounted {
		names, err := p.Files.Names(host, maxRuleFiles*10)
		rel, outside := filepath.Rel(p.Deployment.Root, host)
		created := errors.Is(err, fs.ErrNotExist) && outside == nil && filepath.IsLocal(rel) // by Docker, and empty
		complete = err == nil || created
		for _, name := range names {
			add(path.Join(dir, name))
		}
	}
	s := f.compose.Project.Services[f.service]
	for _, v := range s.Volumes {
		add(path.Clean(v.Target))
	}
	for _, c := range s.Configs {
		add(path.Join("/", configTarget(c.Target, "/", c.Source)))
	}
	for _, c := range s.Secrets {
		add(configTarget(c.Target, "/run/secrets", c.Source))
	}
	if !strings.ContainsAny(base, `*?[\`) && len(matched) > 0 {
		complete = true // one file, which is mounted
	}
	return matched, complete
}

// configTarget returns the path of a config or secret in a container.
func configTarget(target, dir, source string) string {
	switch {
	case target == "":
		return path.Join(dir, source)
	case path.IsAbs(target):
		return path.Clean(target)
	}
	return path.Join(dir, target)
}

// add collects the alerts of a rule file; ok is false when Prometheus refuses it.
func (r *ruleFiles) add(text string) (ok bool) {
	root, err := schema.Parse("rules", []byte(text))
	if err != nil || !schema.IsNull(root) && root.Kind != yaml.MappingNode {
		return false
	}
	for key := range fieldsOf(root) {
		if key != "groups" {
			return false
		}
	}
	for _, group := range schemaList(fieldsOf(root)["groups"]) {
		fields := fieldsOf(group)
		if schema.IsNull(fields["name"]) {
			return false
		}
		for _, entry := range schemaList(fields["rules"]) {
			rule := fieldsOf(entry)
			if schema.IsNull(rule["alert"]) == schema.IsNull(rule["record"]) || schema.IsNull(rule["expr"]) {
				return false
			}
			if schema.IsNull(rule["alert"]) {
				continue
			}
			labels := map[string]string{"alertname": rule["alert"].Value}
			for label, value := range schema.Pairs(rule["labels"]) {
				labels[label.Value] = value.Value
			}
			r.addAlert(labels, rule["expr"].Value)
		}
	}
	return true
}

// addAlert adds an alert. Labels with a template have an unknown value.
func (r *alertRules) addAlert(labels map[string]string, expression string) {
	for label, value := range labels {
		if strings.Contains(value, "{{") {
			delete(labels, label)
		}
	}
	r.alerts = append(r.alerts, labels)
	if slices.Contains([]string{"vector(1)", "vector(1)==1", "vector(1)>0"}, strings.Join(strings.Fields(expression), "")) {
		r.always = append(r.always, labels["alertname"])
	}
}
