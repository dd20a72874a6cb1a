package envfile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/edit"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// The breakages of each kind.

// placeholder is a value that nobody replaced.
const placeholder = "changeme"

func asPlaceholder(at setter) []probe.Breakage {
	return at.to(placeholder, "replaced by a placeholder")
}

// breakages of a secret: missing, a placeholder, too short, and as in the template.
func (s *Secret) breakages(view *deployment.View) (all []probe.Breakage) {
	values, err := s.values(view)
	if err != nil {
		return nil
	}
	for i, v := range values {
		at, ok := setterOf(view, v)
		if !ok {
			continue
		}
		if i == 0 && len(values) == 1 && setOnce(view, slices.Concat(s.Key, s.URL)...) {
			all = append(all, at.without()...)
		}
		all = append(all, asPlaceholder(at)...)
		all = append(all, at.to("kX9$w"[:min(5, s.MinLength)], "replaced by a short value")...)
		all = append(all, at.to("password123", "replaced by a common password")...)
		if text, ok := templateValue(view, v.Key); ok {
			all = append(all, at.to(text, "replaced by its template")...)
		}
	}
	if file := passedFile(view); file != "" {
		if s.Signs {
			for _, line := range []string{"JWT_ALGORITHM=none", "JWT_SKIP_VERIFICATION=true", "JWT_VERIFY_SIGNATURE=false"} {
				key, _, _ := strings.Cut(line, "=")
				if v, err := view.Value(key); err == nil && !v.Set {
					all = append(all, probe.Breakage{Name: line + ": tokens accepted without a signature", File: file, Edit: edit.Append(line + "\n")})
				}
			}
		}
		for _, key := range slices.Sorted(maps.Keys(s.Off)) {
			if v, err := view.Value(key); err == nil && !v.Set && !strings.ContainsAny(key, `*?[\`) && len(s.Off[key]) > 0 {
				all = append(all, probe.Breakage{Name: key + ": protection switched off", File: file, Edit: edit.Append(key + "=" + s.Off[key][0] + "\n")})
			}
		}
	}
	return all
}

// templateValue returns the value of a variable in the env file's template; ok is false if it is empty.
func templateValue(view *deployment.View, key string) (text string, ok bool) {
	template, err := view.Template()
	if err != nil {
		return "", false
	}
	e, ok := template.Get(key)
	return e.Text.Reveal(), ok && !e.Text.Empty() && !strings.ContainsAny(e.Text.Reveal(), "\n")
}

// passedFile returns an env file of which the application gets every variable; "" for none.
func passedFile(view *deployment.View) string {
	c, err := view.Compose()
	if err != nil {
		if file, err := view.Env(); err == nil && view.Blocked() == "" {
			return file.Path
		}
		return ""
	}
	app, err := view.AppService()
	if err != nil || app.Name == "" {
		return ""
	}
	files := c.Project.Services[app.Name].EnvFiles
	if len(files) == 0 {
		return ""
	}
	return files[len(files)-1].Path
}

// breakages of switches: each one missing or off, and each override on.
func (s *Flag) breakages(view *deployment.View) (all []probe.Breakage) {
	for _, key := range s.All {
		v, err := view.Own(key)
		if err != nil {
			return nil
		}
		at, ok := setterOf(view, v)
		if !ok {
			continue
		}
		if setOnce(view, key) {
			all = append(all, at.without()...)
		}
		all = append(all, at.to("false", "switched off")...)
		all = append(all, asPlaceholder(at)...)
	}
	for _, key := range s.Overrides {
		if v, err := view.Own(key); err == nil && !v.Set && v.Ref.Kind == "" && passedFile(view) != "" {
			all = append(all, probe.Breakage{Name: key + ": switched on", File: passedFile(view), Edit: edit.Append(key + "=true\n")})
		}
	}
	return all
}

// breakages of a word: missing, a placeholder, and each word that is listed as bad.
func (s *envWord) breakages(view *deployment.View) (all []probe.Breakage) {
	v, err := view.Own(s.Key...)
	if err != nil {
		return nil
	}
	at, ok := setterOf(view, v)
	if !ok {
		return nil
	}
	if setOnce(view, s.Key...) {
		all = append(all, at.without()...)
	}
	all = append(all, asPlaceholder(at)...)
	for _, word := range s.Bad {
		all = append(all, at.to(word, "set to "+word)...)
	}
	if other, err := view.Own("DEBUG"); s.Debug && err == nil && !other.Set && other.Ref.Kind == "" && passedFile(view) != "" {
		all = append(all, probe.Breakage{Name: "DEBUG: switched on", File: passedFile(view), Edit: edit.Append("DEBUG=true\n")})
	}
	return all
}

// breakages of numbers: missing, no number, and outside of the bounds.
func (s *envNumber) breakages(view *deployment.View) (all []probe.Breakage) {
	keys, err := view.Keys(s.Any...)
	if err != nil {
		return nil
	}
	var limits []setter
	for _, key := range keys {
		v, err := view.Own(key)
		if err != nil {
			return nil
		}
		at, ok := setterOf(view, v)
		text := strings.TrimSpace(v.Text.Reveal())
		if !ok || text == "" {
			continue
		}
		switch s.subject(key, text) {
		case aboutNumber:
			limits = append(limits, at)
			all = append(all, s.outside(at)...)
		case aboutSwitch:
			all = append(all, at.to(s.FalseWords[0], "switched off")...)
		case aboutOffSwitch:
			all = append(all, at.to(s.TrueWords[0], "switched on")...)
		}
	}
	if len(limits) == 1 && setOnce(view, limits[0].key) {
		all = append(all, limits[0].without()...)
	}
	for _, key := range slices.Sorted(maps.Keys(s.NotAbove)) {
		low, errLow := view.Own(key)
		high, errHigh := view.Own(s.NotAbove[key]...)
		if n, err := s.number(strings.TrimSpace(high.Text.Reveal())); err == nil && errLow == nil && errHigh == nil {
			if at, ok := setterOf(view, low); ok {
				all = append(all, at.to(strconv.FormatFloat(n+1, 'f', 0, 64), "set above "+high.Key)...)
			}
		}
	}
	return all
}

func (s *envNumber) outside(at setter) (all []probe.Breakage) {
	number := func(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) }
	all = append(asPlaceholder(at), at.to("many", "replaced by a word")...)
	all = append(all, at.to(number(s.Min-1), "set below the minimum")...)
	if s.Max != 0 {
		all = append(all, at.to(number(s.Max+1), "set above the maximum")...)
	}
	if s.WarnAbove != 0 {
		all = append(all, at.to(number(s.WarnAbove+1), "set to more than limits anything")...)
	}
	return all
}

// breakages of values that must be replaced: each one is a placeholder again, or as in the template.
func (s *envPlaceholders) breakages(view *deployment.View) (all []probe.Breakage) {
	envs, err := ownEnvFiles(view)
	if err != nil {
		return nil
	}
	for _, file := range envs {
		for _, e := range file.Entries {
			if e.Inherited || e.Text.Empty() || slices.Contains(s.Except, e.Key) {
				continue
			}
			at := setterAt(file, e)
			all = append(all, asPlaceholder(at)...)
			if !secretvalue.HoldsSecret(e.Key) {
				continue
			}
			all = append(all, at.to("<"+strings.ToLower(e.Key)+">", "replaced by its name in angle brackets")...)
			all = append(all, at.to("${"+e.Key+"_UNSET}", "replaced by a variable without a value")...)
			if text, ok := templateValue(view, e.Key); ok && len(text) >= secretvalue.MinSecret {
				all = append(all, at.to(text, "replaced by its template")...)
			}
		}
	}
	return all
}

func setterAt(file *env.File, e env.Entry) setter {
	return setter{
		key: e.Key, file: file.Path, set: func(value string) edit.Edit { return edit.SetVariable(e.Key, e.Line, value) },
		drop: edit.DropVariable(e.Key, e.Line), comment: edit.CommentVariable(e.Key, e.Line),
	}
}

// breakages of the env file: gone, unreadable for Compose, and without a variable that something needs.
func (s *envFile) breakages(view *deployment.View) (all []probe.Breakage) {
	path := view.Place(find.FactEnvFile).Path()
	file, err := view.Env()
	if err != nil || !view.OwnsEnvFile() || len(file.Entries) == 0 {
		return nil
	}
	first := file.Entries[0].Key
	all = append(probe.WholeFile(path),
		probe.Breakage{Name: "a quote left open", File: path, Edit: edit.Append("BROKEN='open\n")},
		probe.Breakage{Name: "readable by all users", File: path, Mode: 0o644},
		probe.Breakage{Name: first + ": set a second time", File: path, Edit: edit.Append(first + "=again\n")},
	)
	needed := slices.Clone(s.Required)
	if template, err := view.Template(); err == nil && s.Template {
		for _, e := range template.Entries {
			needed = append(needed, e.Key)
		}
	}
	if c, err := view.Compose(); err == nil && s.Compose {
		needed = append(needed, neededVariables(c)...)
	}
	slices.Sort(needed)
	for _, key := range slices.Compact(needed) {
		e, ok := file.Get(key)
		if again := slices.DeleteFunc(slices.Clone(file.Entries), func(e env.Entry) bool { return e.Key != key }); !ok || len(again) != 1 {
			continue
		}
		at := setterAt(file, e)
		all = append(all, probe.Breakage{Name: fmt.Sprintf("%s: value removed", key), File: path, Edit: at.drop},
			probe.Breakage{Name: fmt.Sprintf("%s: commented out", key), File: path, Edit: at.comment})
		if slices.Contains(s.Required, key) {
			all = append(all, at.to("", "value emptied")...)
		}
	}
	return all
}
