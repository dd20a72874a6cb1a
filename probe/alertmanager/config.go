// Package alertmanager reads the configuration of Alertmanager and walks alerts through its routing tree.
package alertmanager

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Alertmanager's configuration as rules read it. Alertmanager's own package links more than eighty modules and does not
// check what these rules are about (that a key is a key, that its file exists). What Alertmanager would refuse is
// a problem here as far as it decides who is notified: the form of routes, receivers and time intervals. Unknown
// fields of integrations are ignored, since each version adds new ones.
//
// No message quotes a value: problems name a line, a key that Alertmanager knows, and what is wrong.

// Config is a parsed configuration. It is shared and must not be modified.
type Config struct {
	Empty     bool
	Problems  []Problem // for which Alertmanager refuses the file
	Global    Fields
	Root      *Route // nil when there is none
	Receivers []Receiver
	Templates []string // patterns of files
	intervals []Interval
	Inhibits  []Inhibition
}

type Problem struct {
	Line int
	Text string
}

// Route is a node of the routing tree.
type Route struct {
	Line      int
	parent    *Route // nil for the root
	Receiver  string // the parent's when the route names none
	Inherits  bool
	Matchers  []Matcher
	Continues bool // continue: later siblings are tried as well
	Routes    []*Route
	mutes     []Name           // time intervals in which it notifies nobody
	actives   []Name           // time intervals outside of which it notifies nobody
	durations [3]time.Duration // group_wait, group_interval, repeat_interval
	groupBy   []string         // nil: inherited
}

// Intervals returns all time intervals that a route names.
func (r *Route) Intervals() []Name { return slices.Concat(r.mutes, r.actives) }

// Inhibition mutes the alerts that match its targets while an alert that matches its sources fires.
type Inhibition struct {
	Line             int
	Sources, Targets []Matcher
	Equal            []string
}

type Name struct {
	Line int
	Name string
}

type Receiver struct {
	Line         int
	Name         string
	Integrations []Integration
}

// Integration is one entry of a list such as pagerduty_configs.
type Integration struct {
	Line   int
	Kind   string // pagerduty, …; "" for an unknown one
	Fields Fields
}

// Fields are the scalars of a mapping by key. Those of nested mappings for HTTP clients and TLS have their path in
// the key: http_config.basic_auth.password.
type Fields map[string]Field

type Field struct {
	Line  int
	Value string
}

// Set reports whether one of the keys has a value.
func (f Fields) Set(keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return f[k].Value != "" })
}

// Parse parses a configuration. It continues after a problem, so that all of them are reported.
func Parse(file string, data []byte) *Config {
	am := &Config{}
	root, err := schema.Parse(file, data)
	if err != nil {
		var problems schema.Problems
		errors.As(err, &problems)
		for _, p := range problems {
			hint := ""
			if p.Hint != "" {
				hint = ": " + p.Hint
			}
			am.addProblem(p.Line, "%s%s", p.Message, hint)
		}
		return am
	}
	top := am.mapping(root, "the configuration", "global", "templates", "route", "inhibit_rules", "receivers", "mute_time_intervals", "time_intervals", "tracing")
	am.Empty = len(top) == 0 && len(am.Problems) == 0
	am.Global = Fields{}
	am.fields(top["global"], "", am.Global)
	am.checkSmarthost(am.Global["smtp_smarthost"])
	for _, n := range am.list(top["templates"], "templates") {
		am.Templates = append(am.Templates, am.text(n))
	}
	for _, key := range []string{"mute_time_intervals", "time_intervals"} {
		for _, n := range am.list(top[key], key) {
			am.readInterval(n)
		}
	}
	for _, n := range am.list(top["inhibit_rules"], "inhibit_rules") {
		rule := am.mapping(n, "an inhibit rule", "name", "source_match", "source_match_re", "source_matchers",
			"target_match", "target_match_re", "target_matchers", "equal", "sources")
		inhibition := Inhibition{Line: n.Line, Sources: am.allMatchers(rule, "source_"), Targets: am.allMatchers(rule, "target_")}
		for _, label := range am.list(rule["equal"], "equal") {
			inhibition.Equal = append(inhibition.Equal, am.text(label))
		}
		if schema.IsNull(rule["sources"]) { // the sources of later versions are not evaluated
			am.Inhibits = append(am.Inhibits, inhibition)
		}
	}
	names := map[string]bool{}
	for _, n := range am.list(top["receivers"], "receivers") {
		r := am.readReceiver(n)
		switch {
		case r.Name == "":
			am.addProblem(n.Line, "a receiver has no name")
		case names[r.Name]:
			am.addProblem(n.Line, "a receiver with this name is already defined above")
		}
		names[r.Name] = true
		am.Receivers = append(am.Receivers, r)
	}
	if route := top["route"]; !schema.IsNull(route) {
		am.Root = am.readRoute(route, nil)
		if len(am.Root.Matchers) > 0 {
			am.addProblem(am.Root.Line, "the root route has matchers: it must match every alert")
		}
		if named := am.Root.Intervals(); len(named) > 0 {
			am.addProblem(named[0].Line, "the root route has time intervals: it must match every alert at any time")
		}
		if am.Root.Continues {
			am.addProblem(am.Root.Line, "the root route has continue: remove it")
		}
	}
	return am
}

func (am *Config) addProblem(line int, format string, args ...any) {
	am.Problems = append(am.Problems, Problem{line, fmt.Sprintf(format, args...)})
}

// mapping returns the values of a mapping by key, nothing for a null node. Keys that are not among the known ones are
// problems, unless no known keys are given.
func (am *Config) mapping(n *schema.Node, what string, known ...string) map[string]*schema.Node {
	values := map[string]*schema.Node{}
	if schema.IsNull(n) {
		return values
	}
	if n.Kind != yaml.MappingNode {
		am.addProblem(n.Line, "%s is not a mapping", what)
		return values
	}
	for key, value := range schema.Pairs(n) {
		if len(known) > 0 && !slices.Contains(known, key.Value) {
			am.unknownKey(key, known)
		}
		values[key.Value] = value
	}
	return values
}

func (am *Config) unknownKey(key *schema.Node, known []string) {
	hint := ""
	if near := schema.Nearest(key.Value, known); near != "" {
		hint = fmt.Sprintf(" (did you mean %s?)", near)
	}
	am.addProblem(key.Line, "unknown key%s", hint)
}

// list returns the entries of a list, nothing for a null node.
func (am *Config) list(n *schema.Node, what string) []*schema.Node {
	if schema.IsNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		am.addProblem(n.Line, "%s is not a list", what)
		return nil
	}
	return n.Content
}

func (am *Config) text(n *schema.Node) string {
	if schema.IsNull(n) {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		am.addProblem(n.Line, "expected text")
		return ""
	}
	return n.Value
}

// checkSmarthost checks the address of a mail server: Alertmanager refuses one without a port.
func (am *Config) checkSmarthost(f Field) {
	if _, port, _ := CutPort(f.Value); f.Value != "" && port == "" {
		am.addProblem(f.Line, "the address of the mail server has no port")
	}
}

// IsDuration reports whether a text is a Prometheus duration.
func IsDuration(text string) bool { return text != "" && duration.MatchString(text) }

// duration matches a Prometheus duration: 30s, 1h30m, 4d.
var duration = lazyregexp.New(`^(?:0|(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?)$`)

// unset is the duration of a setting that a route does not have: it is inherited.
const unset = time.Duration(-1)

// durationOf returns a Prometheus duration; unset for none.
func durationOf(text string) time.Duration {
	if text == "" || !duration.MatchString(text) {
		return unset
	}
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour}
	var sum time.Duration
	for _, part := range durationPart.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(part[1]) // digits
		sum += time.Duration(n) * units[part[2]]
	}
	return sum
}

var durationPart = lazyregexp.New(`(\d+)(ms|[ywdhms])`)

// readRoute reads a node of the routing tree; the root has no parent.
func (am *Config) readRoute(n *schema.Node, parent *Route) *Route {
	r := &Route{Line: n.Line, parent: parent}
	fields := am.mapping(n, "a route", "receiver", "group_by", "group_wait", "group_interval", "repeat_interval", "match", "match_re", "matchers",
		"continue", "routes", "mute_time_intervals", "active_time_intervals")
	if r.Receiver = am.text(fields["receiver"]); r.Receiver == "" && parent != nil {
		r.Receiver, r.Inherits = parent.Receiver, true
	}
	if on := fields["continue"]; !schema.IsNull(on) {
		switch strings.ToLower(on.Value) {
		case "true", "yes", "on":
			r.Continues = true
		case "false", "no", "off":
		default:
			am.addProblem(on.Line, "continue must be true or false")
		}
	}
	for i, key := range []string{"group_wait", "group_interval", "repeat_interval"} {
		value := am.text(fields[key])
		r.durations[i] = durationOf(value)
		switch {
		case value == "":
		case !duration.MatchString(value):
			am.addProblem(fields[key].Line, "%s is not a duration such as 30s or 4h", key)
		case key != "group_wait" && strings.Trim(value, "0ywdhms") == "":
			am.addProblem(fields[key].Line, "%s is zero", key)
		}
	}
	r.mutes, r.actives = am.names(fields, "mute_time_intervals"), am.names(fields, "active_time_intervals")
	r.groupBy = am.groupBy(fields["group_by"])
	r.Matchers = am.allMatchers(fields, "")
	for _, child := range am.list(fields["routes"], "routes") {
		r.Routes = append(r.Routes, am.readRoute(child, r))
	}
	return r
}

// names reads a list of names.
func (am *Config) names(fields map[string]*schema.Node, key string) []Name {
	var all []Name
	for _, name := range am.list(fields[key], key) {
		all = append(all, Name{name.Line, am.text(name)})
	}
	return all
}

// groupBy checks the labels by which alerts are grouped.
func (am *Config) groupBy(n *schema.Node) []string {
	seen := map[string]bool{}
	var labels []string
	for _, entry := range am.list(n, "group_by") {
		label := am.text(entry)
		if label == "" {
			am.addProblem(entry.Line, "an entry of group_by has no label name")
		}
		if seen[label] {
			am.addProblem(entry.Line, "a label is twice in group_by")
		}
		seen[label] = true
		labels = append(labels, label)
	}
	if seen["..."] && len(seen) > 1 {
		am.addProblem(n.Line, "group_by has both ... (all labels) and other labels")
	}
	return labels
}

func (am *Config) readReceiver(n *schema.Node) Receiver {
	r := Receiver{Line: n.Line}
	fields := am.mapping(n, "a receiver")
	r.Name = am.text(fields["name"])
	known := append([]string{"name"}, integrationKeys()...)
	for key, value := range schema.Pairs(n) {
		if key.Value == "name" {
			continue
		}
		kind, isList := strings.CutSuffix(key.Value, "_configs")
		if !slices.Contains(known, key.Value) {
			if !isList || schema.Nearest(key.Value, known) != "" {
				am.unknownKey(key, known)
				continue
			}
			kind = "" // of a later version of Alertmanager
		}
		for _, entry := range am.list(value, "the value of an integration key") {
			i := Integration{Line: entry.Line, Kind: kind, Fields: Fields{}}
			am.fields(entry, "", i.Fields)
			if kind == "email" {
				am.checkSmarthost(i.Fields["smarthost"])
			}
			r.Integrations = append(r.Integrations, i)
		}
	}
	return r
}

// fields collects the scalars of a mapping and of nested mappings that hold credentials.
func (am *Config) fields(n *schema.Node, path string, into Fields) {
	am.mapping(n, "a group of settings")
	for key, value := range schema.Pairs(n) {
		switch {
		case value.Kind == yaml.ScalarNode && !schema.IsNull(value):
			into[path+key.Value] = Field{value.Line, value.Value}
		case value.Kind == yaml.MappingNode && slices.Contains([]string{"http_config", "basic_auth", "authorization", "oauth2", "tls_config", "sigv4", "smtp_tls_config"}, key.Value):
			am.fields(value, path+key.Value+".", into)
		}
	}
}
