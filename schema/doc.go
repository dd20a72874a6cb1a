// Package schema decodes YAML into tagged structs, strictly, and reports all problems at once.
//
// A document is processed by Parse (text to nodes: bounded, one document, no aliases left), Expand (${VAR} in scalars)
// and Decode (nodes to a struct). JSON describes the same struct to an editor. Each step returns Problems: file, line,
// column, path, the wrong word and the nearest valid one.
//
// # Tags
//
//	yaml:"name"      the key; an exported field without it panics, "-" omits the field
//	doc:"…"          one-line description
//	required:"true"  must be set; strings, lists and maps must also not be empty
//	enum:"a,b,c"     the allowed words (strings, and the entries of lists and maps of strings)
//	min:"1" max:"9"  numbers, durations ("1m") and sizes ("1MB") by value; strings by characters; lists and maps by entries
//	pattern:"^a"     regular expression that a string (or each entry of a list or map of strings) must match somewhere
//	default:"…"      the default value: shown by JSON, never applied (fill the struct before Decode)
//	example:"…"      shown by JSON and when a required field is missing
//	inline:"true"    the fields of this struct are keys of the enclosing mapping
//
// # Values
//
// Strings accept any scalar exactly as written (1.10 stays 1.10). Booleans are true and false only. Numbers are
// decimal, without quotes. A list of strings may be written as one scalar. A value in the document replaces the
// caller's default. A key without a value is an empty mapping for structs, is unset for lists and maps, and is a
// problem for all other types. JSON describes the stricter form (strings quoted, no empty keys). Only Decode detects
// duplicate keys and calls Validate.
//
// # Secrets
//
// Messages quote a value only if it is a wrong word, boolean, number, duration or size. They never quote a value of a
// type that implements Secret or a value from Expand (shown as <expanded>). Quotes are truncated to 40 characters, with
// control characters escaped.
package schema

import "go.yaml.in/yaml/v3"

// Node is a node of a YAML document. Parse returns trees without aliases, anchors, merge keys and comments.
type Node = yaml.Node
