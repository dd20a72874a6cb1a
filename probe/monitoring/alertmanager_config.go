package monitoring

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/find"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/alertmanager"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// alertmanager_config: does an alert that matches no specific route reach somebody?
//
// The rules are stricter than amtool, which accepts a placeholder as a key, a key file that does not exist and a
// receiver without integrations. A route below the root may lead to such a receiver (that is how alerts are muted).
// The root must not, and neither must the routes at which alerts end that page somebody. Key files are resolved as the
// service that mounts the configuration sees them.

func AlertmanagerConfigKind() probe.Kind {
	return probe.Kind{
		Name:       "alertmanager_config",
		Question:   "Does Alertmanager's configuration deliver every alert to somebody?",
		Example:    "{}",
		Layer:      probe.LayerDeclared,
		Reads:      "alertmanager.yml, at most 1 MiB, the key files it names and the compose file that mounts them",
		Permission: "read permission",
		Alone:      true,
		Breakages: func(spec any, view *deployment.View) []probe.Breakage {
			return spec.(*alertmanagerConfig).breakages(view)
		},
		New: func() any { return &alertmanagerConfig{MaxMuted: defaultMaxMuted} },
	}
}

const (
	maxAlertmanager = 1 << 20 // bytes
	defaultMaxMuted = 0.1
)

type alertmanagerConfig struct {
	Integrations []string `yaml:"integrations" doc:"integrations (pagerduty, opsgenie, …); the root route must end at one of them; any when unset"`
	Alerting     string   `yaml:"alerting" doc:"external: alerts are evaluated and sent outside of the deployment"`
	PageMatchers []string `yaml:"page_matchers" doc:"matchers of the alerts that page somebody, e.g. severity=\"page\"; the paging severities of the rule files when unset, otherwise severity critical"`
	MaxMuted     float64  `yaml:"max_muted" default:"0.1" doc:"largest share of the week in which alerts that page somebody may be muted"`
}

func (a *alertmanagerConfig) Validate() []error {
	var wrong []error
	known := slices.Sorted(maps.Keys(alertmanager.Needs()))
	for _, name := range a.Integrations {
		if !slices.Contains(known, name) {
			hint := ""
			if near := schema.Nearest(name, known); near != "" {
				hint = fmt.Sprintf(", did you mean %s?", near)
			}
			wrong = append(wrong, fmt.Errorf("integrations: unknown integration %q%s", name, hint))
		}
	}
	if a.Alerting != "" && a.Alerting != "external" {
		wrong = append(wrong, errors.New("alerting: expected external"))
	}
	for _, text := range a.PageMatchers {
		if _, err := alertmanager.ParseMatchers(text); err != nil {
			wrong = append(wrong, fmt.Errorf("page_matchers: %w", err))
		}
	}
	if len(wrong) == 0 && len(a.PageMatchers) > 0 && len(a.samples(alertRules{})) == 0 {
		wrong = append(wrong, errors.New(`page_matchers: no alert matches. Name a value, e.g. severity="page"`))
	}
	if a.MaxMuted < 0 || a.MaxMuted > 1 {
		wrong = append(wrong, errors.New("max_muted is not between 0 and 1"))
	}
	return wrong
}

func (a *alertmanagerConfig) Probe(ctx context.Context, p *probe.Pass) (probe.Result, error) {
	if ctx.Err() != nil {
		return probe.Result{}, ctx.Err()
	}
	place := p.View.Place(find.FactAlertmanager)
	found, err := readAlertmanagers(ctx, p, place)
	var unread *unreadableFile
	switch {
	case errors.As(err, &unread):
		return probe.Unreadable(unread.shown+" cannot be read", unread.error)
	case err != nil:
		return probe.Result{}, err
	}
	var f probe.ResultBuilder
	found.judgeUnread(p, &f)
	if len(found.read) == 0 {
		if err := probe.Unlisted(p, place, "alertmanager.yml"); err != nil {
			return probe.Result{}, err
		}
		if r, ok := a.unwired(p); ok {
			return r, nil
		}
		if len(found.shipped)+len(found.elsewhere) > 0 {
			return f.Result(""), nil
		}
		return probe.Result{}, probe.Absent(p, place, "alertmanager.yml", "deployment.alertmanager.config")
	}
	team := a.judgeWiring(p, &f)
	var details []string
	for _, source := range found.read {
		r, err := a.judgeSource(ctx, source, team, p.Time)
		if err != nil {
			return probe.Result{}, err
		}
		f.Add(r)
		details = append(details, r.Detail)
	}
	return f.Result("%s", strings.Join(details, "; ")), nil
}

// judgeSource judges one configuration with its key files, as its service sees them.
func (a *alertmanagerConfig) judgeSource(ctx context.Context, source amSource, team alertRules, now time.Time) (probe.Result, error) {
	keys := map[string]amKeyFile{}
	for _, f := range source.config.KeyFiles() {
		if ctx.Err() != nil {
			return probe.Result{}, ctx.Err()
		}
		if _, known := keys[f.Value]; !known && len(keys) < maxKeyFiles {
			keys[f.Value] = source.keys.read(f)
		}
	}
	var f probe.ResultBuilder
	r := a.judge(source.config, keys, source.shown, team, now)
	f.Add(r)
	source.judgeTemplates(&f)
	if isolated(source.keys.compose, source.keys.service) {
		for _, line := range source.config.DeafReceivers() {
			f.Fail(probe.ReasonUnreachable, "%s:%d: receiver is on the loopback interface of the container of %s, which has no other process. Use the "+
				"service's name", source.shown, line, source.keys.service)
		}
	}
	source.judgeHosts(&f)
	return f.Result("%s", r.Detail), nil
}

// judge judges a configuration. keys holds what was found in the key files, by their names in the configuration; file
// is the name of the configuration in messages.
func (a *alertmanagerConfig) judge(am *alertmanager.Config, keys map[string]amKeyFile, file string, rules alertRules, now time.Time) probe.Result {
	if am.Empty {
		return probe.Failed(probe.ReasonEmpty, "%s is empty", file)
	}
	var f probe.ResultBuilder
	at := func(line int) string { return fmt.Sprintf("%s:%d", file, line) }
	for _, p := range am.Problems {
		f.Fail(probe.ReasonInvalid, "%s: %s", at(p.Line), p.Text)
	}
	if am.Root == nil {
		if len(am.Problems) == 0 {
			f.Fail(probe.ReasonMissing, "%s has no route: no alert is delivered", file)
		}
		return f.Result("")
	}
	used := a.judgeRoutes(&f, am, at)
	a.judgeSamples(&f, am, rules, now, at)
	global := map[string]bool{} // keys of the global section that receivers fall back to; true when one is in use
	for _, r := range am.Receivers {
		if !used[r.Name] {
			f.Warn(probe.ReasonMismatch, "%s: receiver is not used by any route", at(r.Line))
		}
		for _, i := range r.Integrations {
			judgeIntegration(&f, am, i, at)
			if used[r.Name] {
				judgeLoopback(&f, am, i, at)
			}
			for _, key := range i.FallsBack() {
				global[key] = global[key] || used[r.Name]
			}
			judgeFields(&f, i.Fields, keys, at, func(string) bool { return used[r.Name] })
		}
	}
	judgeFields(&f, am.Global, keys, at, func(key string) bool { return global[key] })
	return f.Result("alerts that match no specific route in %s end at %s", file, strings.Join(am.IntegrationsAt(am.Root), " and "))
}

// judgeRoutes judges the routing tree and returns the names of the receivers that it uses.
func (a *alertmanagerConfig) judgeRoutes(f *probe.ResultBuilder, am *alertmanager.Config, at func(int) string) map[string]bool {
	used := map[string]bool{}
	if am.Root.Receiver == "" {
		f.Fail(probe.ReasonMissing, "%s: the root route has no receiver", at(am.Root.Line))
	}
	var walk func(r *alertmanager.Route)
	walk = func(r *alertmanager.Route) {
		used[r.Receiver] = true
		if _, ok := am.Receiver(r.Receiver); !ok && r.Receiver != "" && !r.Inherits {
			f.Fail(probe.ReasonMissing, "%s: receiver of this route is not defined", at(r.Line))
		}
		for _, interval := range r.Intervals() {
			if am.Interval(interval.Name) == nil {
				f.Fail(probe.ReasonMissing, "%s: time interval is not defined", at(interval.Line))
			}
		}
		for _, child := range r.Routes {
			walk(child)
		}
	}
	walk(am.Root)
	told := am.IntegrationsAt(am.Root)
	_, defined := am.Receiver(am.Root.Receiver) // an undefined one is reported above
	switch {
	case !defined:
	case len(told) == 0:
		f.Fail(probe.ReasonEmpty, "%s: the root route ends at a receiver without integrations. Add one such as pagerduty_configs",
			at(am.Root.Line))
	case len(a.Integrations) > 0 && !slices.ContainsFunc(told, func(kind string) bool { return slices.Contains(a.Integrations, kind) }):
		f.Fail(probe.ReasonMismatch, "%s: the root route ends at %s, expected %s",
			at(am.Root.Line), strings.Join(told, " and "), strings.Join(a.Integrations, " or "))
	}
	return used
}

// judgeIntegration checks that an integration has the settings it needs.
func judgeIntegration(f *probe.ResultBuilder, am *alertmanager.Config, i alertmanager.Integration, at func(int) string) {
	needs, known := alertmanager.Needs()[i.Kind]
	if !known {
		f.Warn(probe.ReasonInvalid, "%s: unknown integration: its settings are not checked", at(i.Line))
	}
	for _, need := range needs {
		if !i.Fields.Set(need.Own...) && !am.Global.Set(need.Global...) {
			f.Fail(probe.ReasonMissing, "%s: %s_configs has no %s", at(i.Line), i.Kind, strings.Join(slices.DeleteFunc(slices.Clone(need.Own), func(k string) bool { return strings.HasSuffix(k, "_file") }), " or "))
		}
	}
	set := func(keys ...string) bool {
		return slices.ContainsFunc(keys, func(key string) bool { return i.Fields.Set(key) || am.Global.Set("smtp_"+key) })
	}
	if i.Kind == "email" && set("auth_username") && !set("auth_password", "auth_password_file", "auth_secret", "auth_secret_file") {
		f.Warn(probe.ReasonMissing, "%s: email_configs has auth_username but no auth_password", at(i.Line))
	}
}

// judgeFields judges values and key files. decides reports whether a key is needed to notify somebody; a problem of
// any other key is a warning.
func judgeFields(f *probe.ResultBuilder, fields alertmanager.Fields, keys map[string]amKeyFile, at func(int) string, decides func(key string) bool) {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		field := fields[key]
		report := f.Fail
		if !decides(key) {
			report = f.Warn
		}
		plain, isFile := strings.CutSuffix(key, "_file")
		switch {
		case field.Value == "":
		case !isFile && isAlertmanagerPlaceholder(key, field.Value):
			report(probe.ReasonPlaceholder, "%s: %s is a placeholder", at(field.Line), key)
		case !isFile:
			judgeAddress(report, key, field.Value, at(field.Line)+": "+key)
		case fields.Set(plain):
			f.Fail(probe.ReasonInvalid, "%s: %s and %s are both set, but Alertmanager accepts only one", at(field.Line), plain, key)
		default:
			if found, looked := keys[field.Value]; looked {
				judgeKeyFile(report, f, found, plain, key, at(field.Line), decides(key))
			} else {
				f.Warn(probe.ReasonInvalid, "%s: %s was not checked: only %d key files are read", at(field.Line), key, maxKeyFiles)
			}
		}
	}
}
