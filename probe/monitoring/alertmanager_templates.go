package monitoring

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// Are the templates defined that integrations use? A notification with an undefined one fails. Alertmanager starts with
// a pattern in templates that matches no file, so that a missing file is seen only here.

var (
	usedTemplate    = lazyregexp.New(`\{\{-?\s*template\s+"([^"]+)"`)
	definedTemplate = lazyregexp.New(`\{\{-?\s*(?:define|block)\s+"([^"]+)"`)
	// builtInTemplate matches the names that Alertmanager defines itself: __subject, slack.default.title.
	builtInTemplate = lazyregexp.New(`^(?:__|[a-z0-9]+\.default\.)`)
)

// judgeTemplates warns about templates that no file defines, if all files of the service could be read.
func (s amSource) judgeTemplates(f *probe.ResultBuilder) {
	used := map[string]int{} // line by name
	for _, r := range s.config.Receivers {
		for _, i := range r.Integrations {
			for _, field := range i.Fields {
				for _, m := range usedTemplate.FindAllStringSubmatch(field.Value, -1) {
					if !builtInTemplate.MatchString(m[1]) && (used[m[1]] == 0 || field.Line < used[m[1]]) {
						used[m[1]] = field.Line
					}
				}
			}
		}
	}
	if len(used) == 0 {
		return
	}
	defined, complete := s.definedTemplates()
	for _, name := range slices.SortedFunc(maps.Keys(used), func(a, b string) int { return used[a] - used[b] }) {
		if complete && !defined[name] {
			f.Warn(probe.ReasonMissing, "%s: this template is defined in no file that templates matches", fmt.Sprintf("%s:%d", s.shown, used[name]))
		}
	}
}

// definedTemplates returns the names that the template files define. complete is false when some cannot be read here.
func (s amSource) definedTemplates() (names map[string]bool, complete bool) {
	names, complete = map[string]bool{}, true
	if s.keys.service == "" {
		return names, len(s.config.Templates) == 0
	}
	k := s.keys
	for _, pattern := range s.config.Templates {
		if !path.IsAbs(pattern) {
			pattern = path.Join(path.Dir(k.inside), pattern)
		}
		matched, all := glob(k.pass, k.compose, k.service, pattern)
		complete = complete && all
		for _, inside := range matched {
			v, err := k.pass.View.FileIn(k.compose, k.service, inside, "templates", k.compose.At(k.service, "command"))
			if err != nil || !v.Set {
				complete = false
				continue
			}
			for _, m := range definedTemplate.FindAllStringSubmatch(v.Text.Reveal(), -1) {
				names[m[1]] = true
			}
		}
	}
	return names, complete
}
