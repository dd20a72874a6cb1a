package promconfig

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// breakages take away what a single configuration must have.
func (s *config) breakages(view *deployment.View) []probe.Breakage {
	file := view.Deployment.Abs(s.Path)
	data, _, err := files.Read(file, maxFile)
	if err != nil || strings.ContainsAny(s.Path, `*?[`) {
		return nil
	}
	all := probe.WholeFile(file)
	sections := map[string][]string{"rule_files": {"rule_files"}, "alerting": {"alerting"}, "external_labels": {"global", "external_labels"}}
	for word, path := range sections {
		if slices.Contains(s.Require, word) && strings.Contains(string(data), path[len(path)-1]+":") {
			all = append(all, probe.Breakage{Name: word + " dropped", File: file, Edit: edit.DropYAML(path...)},
				probe.Breakage{Name: word + " commented out", File: file, Edit: edit.CommentYAML(path...)})
		}
	}
	slices.SortFunc(all, func(a, b probe.Breakage) int { return strings.Compare(a.Name, b.Name) })
	for _, job := range s.Jobs {
		all = append(all, probe.Breakage{Name: "job " + job + " renamed", File: file, Edit: edit.Replace("job_name: "+job, "job_name: x-"+job)})
	}
	return all
}
