package composecheck

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// Ways to break the compose files. A value is removed only where one file sets it: another would stand in for it.

// dropped returns the breakages that take an attribute of a service away; what describes it.
func dropped(c *compose.Model, service, what string, attribute ...string) []probe.Breakage {
	path := append([]string{"services", service}, attribute...)
	files := c.FilesWith(path...)
	if len(files) != 1 {
		return nil
	}
	return []probe.Breakage{
		{Name: service + ": " + what + " dropped", File: files[0], Edit: edit.DropYAML(path...)},
		{Name: service + ": " + what + " commented out", File: files[0], Edit: edit.CommentYAML(path...)},
	}
}

// isSet reports whether a file sets an attribute of a service.
func isSet(c *compose.Model, service string, attribute ...string) bool {
	return len(c.FilesWith(append([]string{"services", service}, attribute...)...)) > 0
}

// changed returns the breakage that gives an attribute another value, in the file that decides it.
func changed(c *compose.Model, service, what, value string, attribute ...string) []probe.Breakage {
	path := append([]string{"services", service}, attribute...)
	files := c.FilesWith(path...)
	if len(files) == 0 {
		return nil
	}
	return []probe.Breakage{{Name: service + ": " + what, File: files[len(files)-1], Edit: edit.SetYAML(value, path...)}}
}

// breakages of limits: each one dropped, and each one without effect.
func (s *composeLimits) breakages(view *deployment.View) (all []probe.Breakage) {
	c, err := view.Compose()
	if err != nil {
		return nil
	}
	for _, name := range c.Services() {
		if slices.Contains(s.Except, name) || compose.ScaledToNone(c.Project.Services[name]) {
			continue
		}
		for _, of := range [][2]string{{"memory", "mem_limit"}, {"cpus", "cpus"}} {
			long, short := []string{"deploy", "resources", "limits", of[0]}, []string{of[1]}
			limit := long
			if isSet(c, name, short...) {
				limit = short
			}
			if isSet(c, name, long...) == isSet(c, name, short...) {
				continue // the other one stands in
			}
			what := strings.Join(limit, ".")
			all = append(all, dropped(c, name, what, limit...)...)
			all = append(all, changed(c, name, what+" set to 0", "0", limit...)...)
		}
	}
	return all
}
