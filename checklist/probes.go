package checklist

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// commonFields are the keys of ProbeDocument.
func commonFields() []string {
	return []string{"name", "max_age", "max_stale", "timeout", "essential", "enabled", "reason"}
}

// probe decodes one probe of an item: a mapping with exactly one kind, whose value is the kind's spec, and the common fields.
func (l *loader) probe(item string, o origin) *Probe {
	if o.node == nil || o.node.Kind != mappingNode {
		l.wrong(o.file, o.path, o.node, "", "a probe must have the form `kind: {parameters}`")
		return nil
	}
	o.node = l.filled(o)
	common := *o.node
	common.Content = nil
	var kind *probe.Kind
	var spec *schema.Node
	for i := 0; i+1 < len(o.node.Content); i += 2 {
		key, value := o.node.Content[i], o.node.Content[i+1]
		if slices.Contains(commonFields(), key.Value) {
			common.Content = append(common.Content, key, value)
			continue
		}
		k, known := l.kinds[key.Value]
		if !known {
			l.wrong(o.file, o.path, key, nearest(key.Value, append(commonFields(), l.names...)), "unknown kind of probe %q", key.Value)
			return nil
		}
		if kind != nil {
			l.wrong(o.file, o.path, key, "", "a probe must have exactly one kind, got %s and %s", kind.Name, k.Name)
			return nil
		}
		kind, spec = &k, value
	}
	if kind == nil {
		l.wrong(o.file, o.path, o.node, "", "a probe must name its kind")
		return nil
	}
	if kind.OwnItem {
		spec = withItem(spec, item)
	}
	var d ProbeDocument
	l.problems = append(l.problems, l.tags.DecodeAt(o.file, o.path, &common, &d)...)

	pr := &Probe{Name: d.Name, Kind: *kind, MaxAge: kind.MaxAge, Timeout: kind.Timeout, Essential: d.Essential}
	if pr.Name == "" {
		pr.Name = kind.Name
	}
	if pr.Timeout == 0 {
		pr.Timeout = probe.DefaultTimeout
	}
	l.spec(pr, probeOrigin{origin{o.file, o.path + "." + kind.Name, spec}, spec})
	l.tune(pr, tuning{d.Enabled, d.Reason, d.MaxAge, d.MaxStale, d.Timeout}, o)
	if kind.Active && d.Enabled == nil {
		pr.Disabled = fmt.Sprintf("active probe (it does more than read): set overrides.%s.probes.%s.enabled to true to enable it", item, pr.Name)
	}
	return pr
}

// withItem returns the spec with the parameter item, set to the item of the probe unless it is written. The parameter is part
// of the digest, so that two items never share a verdict about different claims.
func withItem(spec *schema.Node, item string) *schema.Node {
	if spec == nil || spec.Kind != mappingNode && !schema.IsNull(spec) || child(spec, "item") != nil {
		return spec
	}
	at := func(value string) *schema.Node {
		return &schema.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: spec.Line, Column: spec.Column}
	}
	out := &schema.Node{Kind: mappingNode, Tag: "!!map", Style: spec.Style, Line: spec.Line, Column: spec.Column}
	out.Content = append([]*schema.Node{at("item"), at(item)}, spec.Content...)
	return out
}

// spec decodes the kind's parameters into a probe.
func (l *loader) spec(pr *Probe, o probeOrigin) {
	l.probes[pr] = o
	made := pr.Kind.New()
	problems := l.tags.DecodeAt(o.file, o.path, o.spec, made)
	l.problems = append(l.problems, problems...)
	pr.Settings, pr.Digest = written(pr.Kind.Name, o.spec)
	pr.Look, pr.Derived, pr.Kind = nil, nil, l.kinds[pr.Kind.Name]
	switch p := made.(type) {
	case probe.Probe:
		pr.Look = p
	case probe.Derived:
		pr.Derived = p
	default:
		panic("kind " + pr.Kind.Name + " makes neither a Probe nor a Derived")
	}
	if u, ok := findUnfilled(pr.Kind.Name, o.file, o.spec); ok {
		pr.Look, pr.Derived, pr.Kind.Breakages = u, nil, nil
	}
}

// written returns a probe's parameters for display, and their digest.
func written(kind string, spec *schema.Node) (settings, digest string) {
	text, err := yaml.Marshal(spec)
	if err != nil {
		return "", "" // see Inherit: no digest, no inheritance
	}
	sum := sha256.Sum256(append([]byte(kind+"\x00"), text...))
	if len(spec.Content) > 0 {
		settings = strings.TrimSpace(string(text))
	}
	return settings, hex.EncodeToString(sum[:])
}

// minActive is how often an active probe may run at most: it does more than read.
const minActive = time.Minute

// tuning are the settings of a probe in addition to its parameters.
type tuning struct {
	enabled                   *bool
	reason                    string
	maxAge, maxStale, timeout *schema.Duration
}

func (l *loader) tune(pr *Probe, t tuning, o origin) {
	if t.maxAge != nil {
		if pr.MaxAge = time.Duration(*t.maxAge); pr.Kind.Active && pr.MaxAge < minActive {
			l.wrong(o.file, o.path, o.node, "", "max_age of the active probe %s must be at least 1m", pr.Name)
		}
	}
	if t.timeout != nil {
		pr.Timeout = time.Duration(*t.timeout)
	}
	switch {
	case t.maxStale != nil:
		pr.MaxStale = time.Duration(*t.maxStale)
	case pr.MaxStale == 0 || t.maxAge != nil || t.timeout != nil:
		pr.MaxStale = probe.MaxStale(pr.MaxAge, pr.Timeout)
	}
	if t.enabled != nil {
		pr.Disabled = ""
		if !*t.enabled {
			pr.Disabled = t.reason
			if t.reason == "" {
				l.wrong(o.file, o.path, o.node, "", "a disabled probe needs a `reason`")
			}
		}
	}
}
