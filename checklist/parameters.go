package checklist

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Parameters of a checklist: values that differ between deployments, such as a time limit. The configuration sets them; a
// checklist may have defaults, also for single environments. Probes refer to them as ${param.NAME}.

// ParameterDocument declares a parameter.
type ParameterDocument struct {
	Type         string                  `yaml:"type" required:"true" enum:"text,number,whole,switch,duration,list" doc:"what values are allowed: text, a number, a whole number, true or false, a duration, or a list of texts"`
	About        string                  `yaml:"about" doc:"what it is, for readers"`
	Default      *schema.Node            `yaml:"default" doc:"value where neither the configuration nor the environment gives one; without any, the configuration must set it"`
	Environments map[string]*schema.Node `yaml:"environments" doc:"defaults by deployment.environment"`
}

// parameter is a declared parameter with its value in one environment; nil while it has none.
type parameter struct {
	origin
	doc   ParameterDocument
	value *schema.Node
}

var (
	parameterName      = lazyregexp.New(`^[a-z][a-z0-9_]*$`)
	parameterReference = lazyregexp.New(`\$\{param\.([^}]*)\}`)
)

// declare reads the parameters of the documents, and gives them their values.
func (l *loader) declare(docs []parsed, ch Changes) {
	l.parameters = map[string]*parameter{}
	var names []string
	for _, d := range docs {
		for key, at := range schema.Pairs(child(d.root, "parameters")) {
			name, path := key.Value, "parameters."+key.Value
			switch known := l.parameters[name]; {
			case !parameterName.MatchString(name):
				l.wrong(d.file, path, key, "", "invalid name: use lower-case letters, digits and _")
			case known != nil:
				l.wrong(d.file, path, key, "", "parameter %q is already declared at %s", name, position(known.file, known.node))
			default:
				p := &parameter{origin: origin{d.file, path, key}, doc: d.doc.Parameters[name]}
				l.parameters[name], names = p, append(names, name)
				l.checkDefaults(p, at)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ch.Parameters)) {
		value, path := ch.Parameters[name], "parameters."+name
		if p := l.parameters[name]; p == nil {
			l.wrong(ch.File, path, value, nearest(name, names), "the checklist has no parameter %q", name)
		} else if l.hasType(p.doc.Type, origin{ch.File, path, value}) {
			p.value = value
		}
	}
	for _, name := range names {
		if p := l.parameters[name]; p.value == nil && !slices.Contains(l.failed, name) {
			l.wrong(p.file, p.path, p.node, "", "no value in environment %q: set parameters.%s in the configuration, or a default", ch.Environment, name)
		}
	}
}

// checkDefaults checks the type of every default, and takes the one of the environment.
func (l *loader) checkDefaults(p *parameter, at *schema.Node) {
	if d := p.doc.Default; d != nil && l.hasType(p.doc.Type, origin{p.file, p.path + ".default", d}) {
		p.value = d
	}
	for key, value := range schema.Pairs(child(at, "environments")) {
		if l.hasType(p.doc.Type, origin{p.file, p.path + ".environments." + key.Value, value}) && key.Value == l.environment {
			p.value = value
		}
	}
}

// hasType reports whether a value has the type of a parameter, and records a problem when it does not.
func (l *loader) hasType(kind string, o origin) bool {
	ok, scalar := false, o.node != nil && o.node.Kind == yaml.ScalarNode && !schema.IsNull(o.node)
	switch {
	case kind == "list":
		ok = o.node != nil && o.node.Kind == sequenceNode && !slices.ContainsFunc(o.node.Content, func(n *schema.Node) bool { return n.Kind != yaml.ScalarNode })
	case !scalar:
	case kind == "number":
		_, err := strconv.ParseFloat(o.node.Value, 64)
		ok = err == nil
	case kind == "whole":
		_, err := strconv.Atoi(o.node.Value)
		ok = err == nil
	case kind == "switch":
		ok = o.node.Value == "true" || o.node.Value == "false"
	case kind == "duration":
		_, err := schema.ParseDuration(o.node.Value)
		ok = err == nil
	default:
		ok = true
	}
	if !ok {
		name, _, _ := strings.Cut(strings.TrimPrefix(o.path, "parameters."), ".")
		l.failed = append(l.failed, name)
		l.wrong(o.file, o.path, o.node, "", "the value is not of type %s", kind)
	}
	return ok
}

// filled returns a copy of a probe in which the values of parameters stand for references to them. A value that is a reference
// alone takes the parameter's type.
func (l *loader) filled(o origin) *schema.Node {
	if o.node == nil {
		return nil
	}
	out := *o.node
	out.Content = nil
	for i, inner := range o.node.Content {
		if o.node.Kind == mappingNode && i%2 == 0 {
			out.Content = append(out.Content, inner)
			continue
		}
		out.Content = append(out.Content, l.filled(origin{o.file, o.path, inner}))
	}
	if out.Kind != yaml.ScalarNode {
		return &out
	}
	if m := parameterReference.FindStringSubmatch(out.Value); m != nil && m[0] == out.Value {
		if value := l.valueOf(m[1], o); value != nil {
			whole := *value
			whole.Line, whole.Column = out.Line, out.Column
			return &whole
		}
		return &out
	}
	out.Value = parameterReference.ReplaceAllStringFunc(out.Value, func(found string) string {
		value := l.valueOf(parameterReference.FindStringSubmatch(found)[1], o)
		if value != nil && value.Kind != yaml.ScalarNode {
			l.wrong(o.file, o.path, o.node, "", "a list cannot be a part of a text")
			return found
		}
		if value == nil {
			return found
		}
		return value.Value
	})
	return &out
}

// valueOf returns the value of a parameter, nil after a problem.
func (l *loader) valueOf(name string, o origin) *schema.Node {
	p := l.parameters[name]
	if p == nil {
		l.wrong(o.file, o.path, o.node, nearest(name, slices.Sorted(maps.Keys(l.parameters))), "unknown parameter %q", name)
		return nil
	}
	l.parametric = true
	return p.value
}
