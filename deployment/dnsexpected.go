package deployment

import (
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// DNSExpected says which addresses the public hosts must resolve to:
//
//	expected: [192.0.2.10, 2001:db8::10]              # every host, exactly these
//	expected: {any_of: [192.0.2.10, 192.0.2.11]}      # every host, one or more of these
//	expected: {shop.example.com: [192.0.2.10], api.example.com: {any_of: [192.0.2.20, 192.0.2.21]}}
type DNSExpected struct {
	Addresses []netip.Addr // sorted, without duplicates
	AnyOf     bool
	Hosts     map[string]DNSExpected // by name in lower case; nil: the same for all
}

// For returns what is expected of a host; set is false if nothing is.
func (e DNSExpected) For(host string) (of DNSExpected, set bool) {
	if e.Hosts != nil {
		of, set = e.Hosts[hostOf(host)]
		return of, set
	}
	return e, len(e.Addresses) > 0
}

const anyOfKey = "any_of"

// UnmarshalNode implements schema.Unmarshaler.
func (e *DNSExpected) UnmarshalNode(file, path string, n *schema.Node) schema.Problems {
	*e = DNSExpected{}
	if n.Kind != yaml.MappingNode {
		return e.addresses(file, path, n)
	}
	var problems schema.Problems
	for key, value := range schema.Pairs(n) {
		at := path + "." + key.Value
		if key.Value == anyOfKey {
			e.AnyOf = true
			problems = append(problems, e.addresses(file, at, value)...)
			continue
		}
		name := hostOf(key.Value)
		if name == notAName || !hostName.MatchString(name) {
			problems = append(problems, schema.Problemf(file, at, key, "%s is neither a host name nor any_of", schema.Quote(key)))
			continue
		}
		var of DNSExpected
		problems = append(problems, of.UnmarshalNode(file, at, value)...)
		if of.Hosts != nil {
			problems = append(problems, schema.Problemf(file, at, value, "expected addresses or any_of, found hosts"))
		}
		if e.Hosts == nil {
			e.Hosts = map[string]DNSExpected{}
		}
		e.Hosts[name] = of
	}
	switch {
	case e.AnyOf && e.Hosts != nil:
		problems = append(problems, schema.Problemf(file, path, n, "set either any_of or hosts"))
	case !e.AnyOf && e.Hosts == nil:
		problems = append(problems, schema.Problemf(file, path, n, "expected addresses, any_of or hosts"))
	}
	return problems
}

// addresses decodes one address or a list of them.
func (e *DNSExpected) addresses(file, path string, n *schema.Node) (problems schema.Problems) {
	if schema.IsNull(n) {
		return nil
	}
	list := n.Content
	if n.Kind != yaml.SequenceNode {
		list = []*schema.Node{n}
	}
	if len(list) == 0 {
		return schema.Problems{schema.Problemf(file, path, n, "at least one address is required")}
	}
	for _, item := range list {
		text, bad := schema.Text(file, path, item)
		if problems = append(problems, bad...); len(bad) > 0 {
			continue
		}
		a, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			problems = append(problems, schema.Problemf(file, path, item, "%s is not an IP address", schema.Quote(item)))
			continue
		}
		e.Addresses = append(e.Addresses, a.Unmap())
	}
	slices.SortFunc(e.Addresses, netip.Addr.Compare)
	e.Addresses = slices.Compact(e.Addresses)
	return problems
}

// JSONSchema implements schema.Described.
func (DNSExpected) JSONSchema() map[string]any {
	text := map[string]any{"type": "string"}
	list := map[string]any{"anyOf": []any{text, map[string]any{"type": "array", "items": text, "minItems": 1}}}
	some := map[string]any{"type": "object", "properties": map[string]any{anyOfKey: list}, "required": []any{anyOfKey}, "additionalProperties": false}
	one := map[string]any{"anyOf": []any{list, some}}
	return map[string]any{"anyOf": []any{list, some, map[string]any{"type": "object", "additionalProperties": one}}}
}
