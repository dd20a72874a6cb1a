// Package schema reads what people write: YAML into tagged structs, strictly, with everything wrong told at once.
//
// The way of a document is Parse (text to nodes, bounded, one document, no aliases left), Expand (${VAR} in scalars), Decode (nodes to a struct);
// JSON describes the same struct to an editor. Each step returns Problems: file, line, column, path, the wrong word and the nearest right one.
//
// # Tags
//
//	yaml:"name"      the key; an exported field without it is a programmer's mistake (panic), "-" leaves the field out
//	doc:"…"          one line for people
//	required:"true"  must be written; strings, lists and maps must not be empty either
//	enum:"a,b,c"     the words allowed (strings, and the entries of lists and maps of strings)
//	min:"1" max:"9"  numbers, durations ("1m") and sizes ("1MB") by value; strings by characters; lists and maps by entries
//	pattern:"^a"     regular expression a string (or each entry of a list or map of strings) must match somewhere
//	default:"…"      what holds when nothing is written: shown by JSON, never applied (fill the struct before Decode)
//	example:"…"      shown by JSON and where a required field is missing
//	inline:"true"    the fields of this struct are keys of the enclosing mapping
//
// # Values
//
// Strings take any scalar exactly as written (1.10 stays 1.10); bool takes true and false only; numbers are decimal, without quotes.
// A list of strings may be written as one scalar. What is written replaces what the caller filled in. A key without a value counts as an empty
// mapping for structs, as not written for lists and maps, and is a problem for everything else. JSON describes the stricter form (strings quoted,
// no empty keys); Decode alone knows about duplicate keys and Validate.
//
// # Secrets
//
// A value is quoted in a message only where it is a wrong word, boolean, number, duration or size, never for types that say Secret, never when
// it came from Expand (shown as <expanded>), and cut at 40 characters with control characters escaped.
package schema

import "go.yaml.in/yaml/v3"

// Node is a piece of a YAML document. Parse returns trees without aliases, anchors, merge keys and comments.
type Node = yaml.Node
