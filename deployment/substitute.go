package deployment

// Variable substitution with Compose's rules ($NAME, ${NAME}, ${NAME:-default}, ${NAME:?message}, ${NAME:+other}, $$), written anew around the
// library's own pattern for three reasons: the library logs every unset variable through a global logger, its errors quote the text they were made
// for, and it follows nested defaults without any bound. That the results agree is a test's matter.

import (
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
)

const (
	maxScanned  = 2 << 20 // bytes looked at for one file: a default is looked at again, so nested ones cost the square of their length
	maxExpanded = 1 << 20 // bytes of all expanded texts of one file: "A=$B$B", "C=$A$A", … doubles with every line
)

// SubstitutionError says why a text with variables cannot be expanded. It names the variable and never the text around it.
type SubstitutionError struct {
	Variable string // "" when the text itself is malformed
	Required bool   // the text asks for the variable with ${NAME:?…} or ${NAME?…}
	Limit    bool   // the text is refused for its size, not for its form
}

// Error implements error.
func (e *SubstitutionError) Error() string {
	switch {
	case e.Required:
		return fmt.Sprintf("required variable %s has no value: set it in the env file", e.Variable)
	case e.Limit:
		return fmt.Sprintf("the file's variables are nested too deeply or expand to more than %d MiB", maxExpanded>>20)
	}
	return "invalid variable reference: write $$ for a dollar sign that starts none"
}

// lookup finds a variable's value; false when it is not set at all.
type lookup func(name string) (string, bool)

// expander expands the texts of one file and keeps which variables the last one named. The zero value with a find is ready.
type expander struct {
	find    lookup
	lenient bool     // a required variable without value is the empty text instead of an error
	used    []string // every variable asked for, in order, repeated ones too
	unset   []string // those asked for that were not set and had no default

	scanned, expanded int // so far, against the limits
}

// expand returns text with its variables replaced.
func (x *expander) expand(text string) (string, error) {
	x.used, x.unset = nil, nil
	if !strings.Contains(text, "$") {
		return text, nil
	}
	return x.substitute(text)
}

func (x *expander) substitute(text string) (string, error) {
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

// replace replaces what the pattern matched: "$$", "$NAME", "${" alone, or from a "${" to the *last* brace of the line, so that what stands behind
// the first reference is expanded on its own.
func (x *expander) replace(match string) (string, error) {
	switch {
	case match == "$$":
		return "$", nil
	case match == "${":
		return "", &SubstitutionError{}
	case match[1] != '{':
		return x.plain(match[1:]), nil
	}
	reference, rest := match, ""
	if end := closingBrace(match); end >= 0 {
		reference, rest = match[:end+1], match[end+1:]
	}
	// What was cut at the first closing brace is looked at again, as "${A:-{b}" has none that closes it.
	inner := strings.TrimSuffix(reference[2:], "}")
	value, err := x.braced(inner)
	if err != nil {
		return "", err
	}
	rest, err = x.tail(rest)
	return value + rest, err
}

func (x *expander) tail(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return x.substitute(text)
}

func (x *expander) plain(name string) string {
	value, ok := x.ask(name)
	if !ok {
		x.unset = append(x.unset, name)
	}
	return value
}

func (x *expander) ask(name string) (string, bool) {
	x.used = append(x.used, name)
	if x.find == nil {
		return "", false
	}
	return x.find(name)
}

// braced evaluates what stands between the braces: a name, an operator, and the operator's text.
func (x *expander) braced(inner string) (string, error) {
	at := strings.IndexAny(inner, ":-+?")
	if at < 0 {
		return x.plain(inner), nil
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
			if x.lenient {
				x.unset = append(x.unset, name)
				return "", nil
			}
			return "", &SubstitutionError{Variable: name, Required: true}
		}
	}
	return value, nil
}

// closingBrace is the index of the brace that closes the first one, -1 when none does.
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
			i++ // as the library does: the character after an opening brace is not looked at
		}
	}
	return -1
}
