package env

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Variable substitution with Compose's rules ($NAME, ${NAME}, ${NAME:-default}, ${NAME:?message}, ${NAME:+other}, $$).
// It reuses the library's pattern but not its code, for three reasons: the library logs every unset variable through a
// global logger, its errors quote the text, and it follows nested defaults without a limit. A test compares the
// results.

const (
	maxScanned  = 2 << 20 // bytes scanned per file: defaults are scanned again, so nested ones cost the square of their length
	maxExpanded = 1 << 20 // bytes of expanded texts per file: "A=$B$B", "C=$A$A", … doubles with every line
)

// SubstitutionError says why a text with variables cannot be expanded. It names the variable and never quotes the text.
type SubstitutionError struct {
	Variable string // "" when the text is malformed
	Required bool   // the text requires the variable with ${NAME:?…} or ${NAME?…}
	Limit    bool   // the text exceeds a size limit
}

// Error implements error.
func (e *SubstitutionError) Error() string {
	switch {
	case e.Required:
		return fmt.Sprintf("required variable %s is not set: set it in the env file", e.Variable)
	case e.Limit:
		return fmt.Sprintf("variables are nested too deeply or expand to more than %d MiB", maxExpanded>>20)
	}
	return "invalid variable reference: write $$ for a literal dollar sign"
}

// Lookup finds a variable's value; false when it is not set.
type Lookup func(name string) (string, bool)

// Expander expands the texts of one file and records the variables of the last text. The zero value with Find set is
// ready to use.
type Expander struct {
	Find    Lookup
	Lenient bool     // expand a required variable without value to the empty text instead of an error
	Used    []string // every variable looked up, in order, with repetitions
	Unset   []string // variables that were not set and had no default, as they may be shown
	text    string   // the text being expanded

	scanned, expanded int // totals so far
}

// Expand returns text with its variables replaced.
func (x *Expander) Expand(text string) (string, error) {
	x.Used, x.Unset, x.text = nil, nil, text
	if !strings.Contains(text, "$") {
		return text, nil
	}
	return x.substitute(text)
}

func (x *Expander) substitute(text string) (string, error) {
	if x.scanned += len(text); x.scanned > maxScanned {
		return "", &SubstitutionError{Limit: true}
	}
	out, err := template.SubstituteWithOptions(text, nil,
		template.WithReplacementFunction(func(match string, _ template.Mapping, _ *template.Config) (string, error) {
			value, err := x.replace(match)
			if x.expanded += len(value); err == nil && x.expanded > maxExpanded {
				return "", &SubstitutionError{Limit: true}
			}
			return value, err
		}))
	if err != nil {
		return "", err
	}
	return out, nil
}

// replace expands a match of the pattern: "$$", "$NAME", "${" alone, or the text from a "${" to the *last* brace of the
// line, so text after the first reference is expanded separately.
func (x *Expander) replace(match string) (string, error) {
	switch {
	case match == "$$":
		return "$", nil
	case match == "${":
		return "", &SubstitutionError{}
	case match[1] != '{':
		return x.plain(match[1:], match == x.text || variableName.MatchString(match[1:])), nil
	}
	reference, rest := match, ""
	if end := closingBrace(match); end >= 0 {
		reference, rest = match[:end+1], match[end+1:]
	}
	// Text cut at the first closing brace is scanned again, because "${A:-{b}" has no matching brace.
	inner := strings.TrimSuffix(reference[2:], "}")
	value, err := x.braced(inner)
	if err != nil {
		return "", err
	}
	rest, err = x.tail(rest)
	return value + rest, err
}

func (x *Expander) tail(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return x.substitute(text)
}

// variableName matches names that are certainly those of variables. In pa$word the name is a part of the password.
var variableName = lazyregexp.New(`^[A-Z]{1,16}(?:_[A-Z0-9]{1,16})*$`)

// unnamed stands for the name of a variable that may be a part of a secret.
const unnamed = "a variable without braces"

func (x *Expander) plain(name string, show bool) string {
	value, ok := x.ask(name)
	if !ok && show {
		x.Unset = append(x.Unset, name)
	} else if !ok && !slices.Contains(x.Unset, unnamed) {
		x.Unset = append(x.Unset, unnamed)
	}
	return value
}

func (x *Expander) ask(name string) (string, bool) {
	x.Used = append(x.Used, name)
	if x.Find == nil {
		return "", false
	}
	return x.Find(name)
}

// braced evaluates the text between the braces: a name, an operator, and the operator's text.
func (x *Expander) braced(inner string) (string, error) {
	at := strings.IndexAny(inner, ":-+?")
	if at < 0 {
		return x.plain(inner, true), nil
	}
	name, text := inner[:at], inner[at:]
	orEmpty := text[0] == ':'
	if orEmpty {
		text = text[1:]
	}
	if text == "" {
		return "", &SubstitutionError{}
	}
	operator, text := text[0], text[1:]
	value, ok := x.ask(name)
	there := ok && (value != "" || !orEmpty)
	switch operator {
	case '-':
		if !there {
			return x.tail(text)
		}
	case '+':
		if there {
			return x.tail(text)
		}
	case '?':
		if !there {
			if x.Lenient {
				x.Unset = append(x.Unset, name)
				return "", nil
			}
			return "", &SubstitutionError{Variable: name, Required: true}
		}
	}
	return value, nil
}

// closingBrace returns the index of the brace that closes the first one, -1 for none.
func closingBrace(s string) int {
	open := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '}':
			if open--; open == 0 {
				return i
			}
		case '{':
			open++
			i++ // like the library, skip the character after an opening brace
		}
	}
	return -1
}
