package schema

// Rules of this file: what a type with its own way of reading implements, and what it needs for that.

import (
	"encoding/json"
	"iter"

	"go.yaml.in/yaml/v3"
)

// Unmarshaler is a type that reads its node itself (null included). It may call DecodeAt on its own receiver to fill its tagged fields. A type that
// is also a Secret must not quote n in problems; what it quotes all the same is masked.
type Unmarshaler interface {
	UnmarshalNode(file, path string, n *Node) Problems
}

// Described is a type that knows the JSON Schema of its value, asked of a zero value. It may call JSON on its own type.
type Described interface{ JSONSchema() map[string]any }

// Validator is asked after a struct was decoded without a problem. Each error becomes a problem at the struct's line; a FieldError points at a field,
// a Problem is taken as it is.
type Validator interface{ Validate() []error }

// FieldError is an error of Validate about one field, named by its key ("port") or its path from the struct ("postgres.port").
type FieldError struct {
	Field string
	Err   error
}

func (e FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

func (e FieldError) Unwrap() error { return e.Err }

// IsNull reports whether n was written without a value.
func IsNull(n *Node) bool {
	return n == nil || n.Kind == 0 || n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// Text returns the scalar n as it is written.
func Text(file, path string, n *Node) (string, Problems) {
	switch {
	case IsNull(n):
		return "", Problems{Problemf(file, path, n, "has no value")}
	case n.Kind != yaml.ScalarNode:
		return "", Problems{Problemf(file, path, n, "expected text, found %s", describe(n))}
	}
	return n.Value, nil
}

// Pairs ranges over the keys and values of a mapping, in order; over nothing if n is something else.
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

// Quote shows the scalar n in a message: quoted, cut at 40 characters, control characters escaped, <expanded> if Expand made it. Not for secrets.
func Quote(n *Node) string {
	switch {
	case IsNull(n) || n.Kind != yaml.ScalarNode:
		return describe(n)
	case Expanded(n):
		return "<expanded>"
	}
	return quote(n.Value)
}

// copyJSON is a deep copy of a schema, so that ours never changes a Described's own.
func copyJSON(m map[string]any) map[string]any {
	var out map[string]any
	text, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		panic("schema: a JSON Schema that is not JSON: " + err.Error())
	}
	return out
}
