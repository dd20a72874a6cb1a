package envfile

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
)

// Ways to break a value of a service where it is set: in an env file, in the environment of the compose file, or in a file
// that holds one secret.

// setter edits one value.
type setter struct {
	key, file     string
	set           func(value string) edit.Edit
	drop, comment edit.Edit
}

// setterOf returns how to edit a value; ok is false for one that is not set in a file by itself: it is computed by a command,
// or part of a longer text.
func setterOf(view *deployment.View, v deployment.Value) (setter, bool) {
	key, isPart := strings.CutPrefix(v.Key, inURL)
	if !v.Set || v.Origin.File == "" || v.Origin.Via == source.ViaCommand {
		return setter{}, false
	}
	s := setter{key: key, file: v.Origin.File}
	model, err := view.Compose()
	inCompose := err == nil && slices.ContainsFunc(model.Files, func(f string) bool { return view.Deployment.Rel(f) == v.Origin.File })
	line := v.Origin.Line
	switch {
	case inCompose && v.Origin.Service != "":
		path := []string{"services", v.Origin.Service, "environment", key}
		s.set = func(value string) edit.Edit { return edit.SetYAML(quoted(value), path...) }
		s.drop, s.comment = edit.DropYAML(path...), edit.CommentYAML(path...)
	case inCompose:
		return setter{}, false
	case line == 0: // the file is the value
		s.set = edit.Content
		s.drop, s.comment = edit.Delete, nil
	default:
		s.set = func(value string) edit.Edit { return edit.SetVariable("", line, value) }
		s.drop, s.comment = edit.DropVariable("", line), edit.CommentVariable("", line)
	}
	if isPart {
		s.set = nil
	}
	return s, true
}

func quoted(value string) string { return "'" + value + "'" }

// to returns the breakage that gives the value another text; what describes it.
func (s setter) to(value, what string) []probe.Breakage {
	if s.set == nil {
		return nil
	}
	return []probe.Breakage{{Name: s.key + ": " + what, File: s.file, Edit: s.set(value)}}
}

// without returns the breakages that take the value away.
func (s setter) without() []probe.Breakage {
	all := []probe.Breakage{{Name: s.key + ": value removed", File: s.file, Edit: s.drop}}
	if s.comment != nil {
		all = append(all, probe.Breakage{Name: s.key + ": commented out", File: s.file, Edit: s.comment})
	}
	return append(all, s.to("", "value emptied")...)
}

// setOnce reports whether only one place sets one of the keys. Where there are two, the other stands in for the one that is
// removed, which is a change and not a fault.
func setOnce(view *deployment.View, keys ...string) bool {
	places := 0
	envs, err := view.EnvFiles()
	if err != nil {
		return false
	}
	for _, env := range envs {
		for _, e := range env.Entries {
			if slices.Contains(keys, e.Key) {
				places++
			}
		}
	}
	if model, err := view.Compose(); err == nil {
		for _, name := range model.Services() {
			for _, key := range keys {
				if text, ok := model.Project.Services[name].Environment[key]; ok && text != nil {
					if at, raw := model.EnvironmentAt(name, key); at.Line > 0 && !strings.Contains(raw, "$") {
						places++
					}
				}
			}
		}
	}
	return places <= 1
}
