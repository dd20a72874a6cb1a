package compose

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Describes faults of compose files by file and line. The library's errors quote values of the file and carry no lines,
// so they are recognised, reworded and located in the YAML trees.

// Kinds of an Error.
const (
	KindUnreadable    = "unreadable"    // Err holds the cause: fs.ErrNotExist, fs.ErrPermission, files.ErrTooLarge, …
	KindSyntax        = "syntax"        // invalid YAML
	KindDuplicate     = "duplicate"     // a key set twice
	KindLimit         = "limit"         // larger or more deeply nested than allowed
	KindInclude       = "include"       // an included or extended file cannot be read
	KindInterpolation = "interpolation" // a variable reference: Err is a *env.SubstitutionError
	KindSchema        = "schema"        // an unknown attribute or a value of the wrong type
	KindUndefined     = "undefined"     // a network, volume, secret, config or service that is not defined
	KindInconsistent  = "inconsistent"  // attributes that contradict each other
	KindEnvFile       = "env_file"      // an env file that is missing or that Compose rejects
	KindOther         = "other"         // rejected for another reason
)

// Error is a reason for which docker compose would reject the files. It never holds a value of the files. It may
// hold keys and names of services, networks, volumes and files.
type Error struct {
	File    string // as displayed; "" when no single file is at fault
	Line    int    // 0 when unknown
	Kind    string // one of the Kind constants
	Key     string // the attribute, variable or name at fault; "" for none
	Service string // "" for none
	Text    string // lower case, without file and line
	Err     error  // the cause, where errors.Is and errors.As can use it; nil otherwise
}

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.File == "":
		return e.Text
	case e.Line == 0:
		return e.File + ": " + e.Text
	}
	return e.File + ":" + strconv.Itoa(e.Line) + ": " + e.Text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// plainWords returns the start of a message up to the point where it may quote a value: a quote, a colon, an arrow, a
// number after "got".
func plainWords(text string) string {
	if i := strings.IndexAny(text, "\"'`:\n<>{}[]$="); i >= 0 {
		text = text[:i]
	}
	for _, stop := range []string{" got ", " value ", " spec ", " path "} {
		text, _, _ = strings.Cut(text, stop)
	}
	text = strings.TrimSpace(text)
	if len(text) > 120 {
		text = text[:120]
	}
	return text
}

var (
	schemaError       = lazyregexp.New(`^validating .*?: (\S*) (.*)$`)
	additional        = lazyregexp.New(`^additional propert(?:y|ies) (.+) not allowed$`)
	mustBe            = lazyregexp.New(`^must be (?:a |an |greater than or equal to |less than or equal to )?[a-z0-9., ]+$`)
	interpolatingPath = lazyregexp.New(`^error while interpolating (\S+): `)
	dottedStart       = lazyregexp.New(`^([a-z_]+(?:\.[\w./\[\]-]+)+):? `)
	decodingField     = lazyregexp.New(`'(services|networks|volumes|secrets|configs)\[([\w.-]+)\]\.([\w.\[\]]+)'`)
	serviceNamed      = lazyregexp.New(`\bservice "([\w.-]+)"`)
	cycle             = lazyregexp.New(`cycle detected: ([\w. >-]+)$`)
)

// explain converts the library's error to one with a position.
func (c *Model) explain(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	if e := c.explainSubstitution(err); e != nil {
		return e
	}
	text := err.Error()
	if m := interpolatingPath.FindStringSubmatch(text); m != nil {
		return c.place(m[1], &Error{Kind: KindSchema, Text: "is not a number or boolean after variable substitution"})
	}
	if m := schemaError.FindStringSubmatch(text); m != nil {
		return c.explainSchema(m[1], m[2])
	}
	if m := decodingField.FindStringSubmatch(text); m != nil {
		return c.place(m[1]+"."+m[2]+"."+m[3], &Error{Kind: KindSchema, Text: "value has the wrong type"})
	}
	if m := cycle.FindStringSubmatch(text); m != nil {
		first, _, _ := strings.Cut(m[1], " ")
		return c.place("services."+first+".depends_on", &Error{Kind: KindInconsistent, Service: first,
			Text: "services depend on each other in a cycle: " + m[1]})
	}
	if m := dottedStart.FindStringSubmatch(text); m != nil {
		what := plainWords(strings.TrimPrefix(text[len(m[0]):], " "))
		if what == "" {
			what = "value is rejected by Compose"
		}
		return c.place(m[1], &Error{Kind: KindInconsistent, Text: what})
	}
	if m := serviceNamed.FindStringSubmatch(text); m != nil && c.defines(m[1]) {
		what := plainWords(text[strings.Index(text, m[0])+len(m[0]):])
		return c.place("services."+m[1], &Error{Kind: KindInconsistent, Service: m[1],
			Text: strings.TrimSpace("rejected by Compose: " + what)})
	}
	e := &Error{Kind: KindOther, Text: "rejected by Compose: " + plainWords(text)}
	if f := c.files[0]; f != nil {
		e.File = f.shown
	}
	c.whereQuoted(text, e)
	return e
}

// explainSubstitution finds the references that cannot be expanded and returns the first in the order of files and
// lines.
func (c *Model) explainSubstitution(err error) *Error {
	var s *env.SubstitutionError
	if !errors.As(err, &s) {
		return nil
	}
	var first *Error
	for _, f := range c.files {
		for _, doc := range f.docs {
			scalars(doc, false, func(n *yaml.Node) {
				if first != nil || !strings.Contains(n.Value, "$") {
					return
				}
				x := env.Expander{Find: c.Lookup}
				_, err := x.Expand(n.Value)
				var s *env.SubstitutionError
				if errors.As(err, &s) {
					first = &Error{File: f.shown, Line: n.Line, Kind: KindInterpolation, Key: s.Variable, Text: s.Error(), Err: s}
				}
			})
		}
	}
	if first == nil {
		first = &Error{Kind: KindInterpolation, Key: s.Variable, Text: s.Error(), Err: s}
	}
	return first
}

// explainSchema rewords a schema error: which attribute, and what it must be.
func (c *Model) explainSchema(path, what string) *Error {
	if m := additional.FindStringSubmatch(what); m != nil {
		names := strings.Split(m[1], ",") // in random order: the library iterates over a map
		for i, name := range names {
			names[i] = strings.Trim(name, "' ")
		}
		name := slices.Min(names)
		return c.place(strings.TrimPrefix(path+"."+name, "."), &Error{Kind: KindSchema, Key: name,
			Text: "unknown attribute " + shortKey(name)})
	}
	if what == "false schema" { // the last part of the path is an unknown attribute
		return c.place(path, &Error{Kind: KindSchema, Text: "unknown attribute"})
	}
	text := "value is not accepted by Compose"
	if mustBe.MatchString(what) {
		text = what
	} else if strings.HasPrefix(what, "missing propert") {
		text = plainWords(what)
	}
	return c.place(path, &Error{Kind: KindSchema, Text: text})
}

// place adds the position of a dotted path in the last file that has it, and prefixes the text with the path.
func (c *Model) place(path string, e *Error) *Error {
	path = strings.NewReplacer(".[]", "", "[", ".", "]", "").Replace(path)
	best := 0
	for _, f := range c.files {
		for _, doc := range f.docs {
			n := nearest(doc, path)
			if n == nil {
				continue
			}
			if depth := reach(doc, path); depth >= best {
				best, e.File, e.Line = depth, f.shown, n.Line
			}
		}
	}
	if e.File == "" && len(c.files) > 0 {
		e.File = c.files[0].shown
	}
	parts := strings.Split(path, ".")
	if e.Key == "" {
		e.Key = parts[len(parts)-1]
	}
	if e.Service == "" && len(parts) > 1 && parts[0] == "services" {
		e.Service = parts[1]
	}
	e.Text = shownPath(parts) + ": " + e.Text
	return e
}

// shownPath formats a path for display. It drops values: list items of an environment hold both name and value.
func shownPath(parts []string) string {
	for i, p := range parts {
		parts[i] = shownName(p)
	}
	return strings.Trim(strings.Join(parts, "."), ".")
}

// reach returns how many parts of a path exist in the tree.
func reach(n *yaml.Node, path string) int {
	parts := strings.Split(path, ".")
	for take := len(parts); take > 0; take-- {
		if k, _ := descend(n, parts[:take]...); k != nil {
			return take
		}
	}
	return 0
}

// whereQuoted sets e's line to that of the value a message quotes, at its end or whole, when exactly one line of the
// files matches. The value itself is not reported.
func (c *Model) whereQuoted(message string, e *Error) {
	lines := map[string]int{}
	end := strings.Trim(message[strings.LastIndex(message, ": ")+1:], " '\"")
	for _, f := range c.files {
		for _, doc := range f.docs {
			scalars(doc, false, func(n *yaml.Node) {
				if len(n.Value) >= 3 && (strings.Contains(message, n.Value) || len(end) >= 2 && strings.Contains(n.Value, end)) {
					lines[fmt.Sprintf("%s:%d", f.shown, n.Line)] = n.Line
					e.File, e.Line = f.shown, n.Line
				}
			})
		}
	}
	if len(lines) != 1 {
		e.Line = 0
	}
}
