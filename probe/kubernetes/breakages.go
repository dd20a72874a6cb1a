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
		{"replicas", "", replicasLine, "${1}0", "replicas set to 0"},
		{"readiness", "", readinessLine, "${1}x-$2", "readinessProbe renamed"},
		{"liveness", "", livenessLine, "${1}x-$2", "livenessProbe renamed"},
		{"startup", "", startupLine, "${1}x-$2", "startupProbe renamed"},
		{"memory_limit", "", limitsLine, "${1}x-$2", "limits renamed"},
		{"cpu_limit", "", limitsLine, "${1}x-$2", "limits renamed"},
		{"disruption_budget", "PodDisruptionBudget", budgetLine, "${1}minAvailable: 100%", "nothing may be evicted"},
		{"autoscaler", "HorizontalPodAutoscaler", maxLine, "${1}0", "maxReplicas set to 0"},
		{"read_only", "", readOnlyLine, "${1}false", "readOnlyRootFilesystem set to false"},
		{"no_privilege_escalation", "", escalationLine, "${1}true", "allowPrivilegeEscalation set to true"},
		{"pinned", "", imageLine, "${1}registry.internal/app:latest", "image set to latest"},
		{"digest", "", imageLine, "${1}registry.internal/app:latest", "image set to latest"},
	}
}

var (
	replicasLine   = lazyregexp.New(`^(\s*replicas:\s*)[0-9]+\s*$`)
	readinessLine  = lazyregexp.New(`^(\s*)(readinessProbe:.*)$`)
	livenessLine   = lazyregexp.New(`^(\s*)(livenessProbe:.*)$`)
	startupLine    = lazyregexp.New(`^(\s*)(startupProbe:.*)$`)
	limitsLine     = lazyregexp.New(`^(\s*)(limits:.*)$`)
	budgetLine     = lazyregexp.New(`^(\s*)(?:minAvailable|maxUnavailable):.*$`)
	maxLine        = lazyregexp.New(`^(\s*maxReplicas:\s*)[0-9]+\s*$`)
	readOnlyLine   = lazyregexp.New(`^(\s*readOnlyRootFilesystem:\s*)true\s*$`)
	escalationLine = lazyregexp.New(`^(\s*allowPrivilegeEscalation:\s*)false\s*$`)
	imageLine      = lazyregexp.New(`^(\s*(?:- )?image:\s*)\S+\s*$`)
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
			if w.kind != kind || !slices.Contains(s.Require, w.word) {
				continue
			}
			lines := texts[o.file]
			for n := o.line; n > 0 && n <= len(lines) && (n == o.line || !strings.HasPrefix(lines[n-1], "---")); n++ {
				if w.line.MatchString(strings.TrimRight(lines[n-1], "\r")) {
					all = append(all, probe.Breakage{Name: o.title() + ", " + w.word + ": " + w.what, File: o.file, Edit: edit.Lines(func(number int, line string) (string, bool) {
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
	workloads := s.selected(&c)
	for _, w := range workloads {
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
	}
	return slices.CompactFunc(all, func(a, b probe.Breakage) bool { return a.Name == b.Name && a.File == b.File })
}
