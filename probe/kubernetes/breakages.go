package kubernetes

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
	"github.com/thenexusengine/catalyst_exporter/probe/filesearch"
)

// Ways to break manifests: one line of a selected workload, or of an object that belongs to it, loses what a requirement is
// about. Only the first such line of an object is broken, and none of objects that share what others could stand in for.

// weakening is an edit of a line.
type weakening struct {
	word string // of the requirement
	kind string // of the object, "" for a workload
	line *lazyregexp.Regexp
	with string
	what string
}

func weakenings() []weakening {
	return []weakening{
		{"replicas", "", replicasLine, "${1}${2}0", "replicas set to 0"},
		{"readiness", "", readinessLine, "${1}x-$2", "readinessProbe renamed"},
		{"liveness", "", livenessLine, "${1}x-$2", "livenessProbe renamed"},
		{"startup", "", startupLine, "${1}x-$2", "startupProbe renamed"},
		{"memory_limit", "", limitsLine, "${1}x-$2", "limits renamed"},
		{"cpu_limit", "", limitsLine, "${1}x-$2", "limits renamed"},
		{"disruption_budget", "PodDisruptionBudget", budgetLine, "${1}minAvailable: 100%", "nothing may be evicted"},
		{"autoscaler", "HorizontalPodAutoscaler", maxLine, "${1}${2}0", "maxReplicas set to 0"},
		{"network_policy", "NetworkPolicy", policyLine, "${1}ConfigMap", "replaced by a ConfigMap"},
		{"read_only", "", readOnlyLine, "${1}false", "readOnlyRootFilesystem set to false"},
		{"no_privilege_escalation", "", escalationLine, "${1}true", "allowPrivilegeEscalation set to true"},
		{"cap_drop_all", "", dropLine, "${1}NET_RAW]", "only one capability dropped"},
		{"pinned", "", imageLine, "${1}${2}registry.internal/app:latest", "image set to latest"},
		{"digest", "", imageLine, "${1}${2}registry.internal/app:latest", "image set to latest"},
	}
}

// A key starts its line, or follows another one within braces.
var (
	replicasLine   = lazyregexp.New(`(^|[\s{,])(replicas:\s*)[0-9]+\b`)
	readinessLine  = lazyregexp.New(`(^|[\s{,])(readinessProbe:)`)
	livenessLine   = lazyregexp.New(`(^|[\s{,])(livenessProbe:)`)
	startupLine    = lazyregexp.New(`(^|[\s{,])(startupProbe:)`)
	limitsLine     = lazyregexp.New(`(^|[\s{,])(limits:)`)
	budgetLine     = lazyregexp.New(`(^|[\s{,])(?:minAvailable|maxUnavailable):\s*[^\s,}]+`)
	maxLine        = lazyregexp.New(`(^|[\s{,])(maxReplicas:\s*)[0-9]+\b`)
	policyLine     = lazyregexp.New(`^(kind:\s*)NetworkPolicy\s*$`)
	readOnlyLine   = lazyregexp.New(`\b(readOnlyRootFilesystem:\s*)true\b`)
	escalationLine = lazyregexp.New(`\b(allowPrivilegeEscalation:\s*)false\b`)
	dropLine       = lazyregexp.New(`\b(drop:\s*\[)["']?ALL["']?\]`)
	imageLine      = lazyregexp.New(`(^|[\s{,])(image:\s*)[^\s,}]+`)
)

func (s *manifest) breakages(view *deployment.View) (all []probe.Breakage) {
	var c cluster
	texts := map[string][]string{}
	for _, pattern := range s.Path {
		found, err := filesearch.Search(context.Background(), view.Deployment, pattern, s.Without)
		if err != nil {
			return nil
		}
		for _, file := range found {
			data, _, err := files.Read(file, maxFile)
			if err != nil || !isManifest(pattern, file) || filepath.Ext(file) == ".json" || texts[file] != nil {
				continue
			}
			texts[file] = strings.Split(string(data), "\n")
			c.join(parse(file, data), "")
		}
	}
	if len(c.limits) > 0 || len(s.Sidecars) > 0 {
		return nil // what one container lacks, something else may set, or need not be set
	}
	add := func(o object, kind string) {
		for _, w := range weakenings() {
			name := o.title() + ", " + w.word + ": " + w.what
			declared := slices.ContainsFunc(all, func(b probe.Breakage) bool { return b.Name == name && b.File == o.file }) // of another workload
			if w.kind != kind || !slices.Contains(s.Require, w.word) || declared {
				continue
			}
			lines := texts[o.file]
			for n := o.line; n > 0 && n <= len(lines) && (n == o.line || !strings.HasPrefix(lines[n-1], "---")); n++ {
				if text := strings.TrimRight(lines[n-1], "\r"); !strings.HasPrefix(strings.TrimSpace(text), "#") && w.line.MatchString(text) {
					all = append(all, probe.Breakage{Name: name, File: o.file, Edit: edit.Lines(func(number int, line string) (string, bool) {
						if number == n {
							line = w.line.ReplaceAllString(line, w.with)
						}
						return line, true
					})})
					break
				}
			}
		}
	}
	for _, w := range s.selected(&c) {
		if slices.ContainsFunc([]string{"Job", "CronJob", "DaemonSet"}, func(kind string) bool { return kind == w.Kind }) {
			continue
		}
		add(w.object, "")
		for _, b := range c.budgets {
			if b.Spec.Selector.selects(w.pod().Metadata.Labels) && b.Metadata.Namespace == w.Metadata.Namespace {
				add(b.object, b.Kind)
			}
		}
		if a := c.scaler(w); a != nil {
			add(a.object, a.Kind)
		}
		if len(c.policies) == 1 { // another one may restrict the same traffic
			add(c.policies[0].object, "NetworkPolicy")
		}
	}
	return all
}
