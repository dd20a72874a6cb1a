package schema

// Interfaces and helpers for types that decode themselves.

import (
	"encoding/json"
	"iter"

	"go.yaml.in/yaml/v3"
)

// Unmarshaler is a type that decodes its own node (including null). It may call DecodeAt on its own receiver to fill
// its tagged fields. A type that is also a Secret must not quote n in problems; such quotes are masked.
type Unmarshaler interface {
	UnmarshalNode(file, path string, n *Node) Problems
}

// Described is a type that returns the JSON Schema of its value. The method is called on a zero value and may call JSON
// on its own type.
type Described interface{ JSONSchema() map[string]any }

// Validator is called after a struct was decoded without a problem. Each error becomes a problem at the struct's line.
// A FieldError refers to a field. A Problem is used unchanged.
type Validator interface{ Validate() []error }

// FieldError is an error of Validate about one field, identified by its key ("port") or its path from the struct
// ("postgres.port").
type FieldError struct {
	Field string
	Err   error
}

func (e FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

func (e FieldError) Unwrap() error { return e.Err }

// IsNull reports whether n has no value.
func IsNull(n *Node) bool {
	return n == nil || n.Kind == 0 || n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// Text returns the scalar n as written.
func Text(file, path string, n *Node) (string, Problems) {
	switch {
	case IsNull(n):
		return "", Problems{Problemf(file, path, n, "value is missing")}
	case n.Kind != yaml.ScalarNode:
		return "", Problems{Problemf(file, path, n, "expected text, found %s", describe(n))}
	}
	return n.Value, nil
}

// Pairs ranges over the keys and values of a mapping, in order. Other nodes have no pairs.
func Pairs(n *Node) iter.Seq2[*Node, *Node] {
	return func(yield func(key, value *Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// Quote formats the scalar n for a message: quoted, truncated to 40 characters, control characters escaped, <expanded>
// if Expand changed it. Not for secrets.
func Quote(n *Node) string {
	switch {
	case IsNull(n) || n.Kind != yaml.ScalarNode:
		return describe(n)
	case Expanded(n):
		return "<expanded>"
	}
	return quote(n.Value)
}

// copyJSON returns a deep copy of a schema, so that changes never affect a Described's own.
func copyJSON(m map[string]any) map[string]any {
	var out map[string]any
	text, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic("schema: invalid JSON Schema: " + err.Error())
	}
	return out
}
