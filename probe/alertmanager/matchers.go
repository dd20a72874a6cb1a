package alertmanager

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Matchers as Alertmanager reads them. The classic syntax comes first: label names are letters, digits and underscores,
// and values need no quotes. What it refuses is read as the UTF-8 syntax of Alertmanager 0.27 and later, in which names
// may be quoted (Alertmanager's documentation, "Matcher"). Regular expressions match the whole value. A label that an
// alert does not have is empty.

// Matcher is one condition, e.g. severity =~ "critical|page".
type Matcher struct {
	Label, Operator, Value string
	expression             *regexp.Regexp // of =~ and !~
}

// NewMatcher compiles a condition.
func NewMatcher(label, operator, value string) (Matcher, error) {
	m := Matcher{Label: label, Operator: operator, Value: value}
	if operator == "=~" || operator == "!~" {
		var err error
		if m.expression, err = regexp.Compile("^(?:" + value + ")$"); err != nil {
			return m, errors.New("invalid regular expression in a matcher")
		}
	}
	return m, nil
}

func (m Matcher) Matches(labels map[string]string) bool {
	value := labels[m.Label]
	switch m.Operator {
	case "=":
		return value == m.Value
	case "!=":
		return value != m.Value
	case "=~":
		return m.expression.MatchString(value)
	}
	return !m.expression.MatchString(value)
}

// MatchAll reports whether all matchers match an alert.
func MatchAll(matchers []Matcher, labels map[string]string) bool {
	for _, m := range matchers {
		if !m.Matches(labels) {
			return false
		}
	}
	return true
}

var (
	classicMatcher = lazyregexp.New(`^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*((?s).*?)\s*$`)
	utf8Matcher    = lazyregexp.New("^\\s*(\"(?:[^\"\\\\]|\\\\.)+\"|[^\\s\"'`{}=!~,\\\\]+)\\s*(=~|!~|!=|=)\\s*" +
		"(\"(?:[^\"\\\\]|\\\\.)*\"|[^\\s\"'`{}=!~,\\\\]+)\\s*$")
)

// ParseMatchers reads one entry of a list of matchers: a matcher, or several between braces or commas. No error quotes
// a value.
func ParseMatchers(text string) ([]Matcher, error) {
	text = strings.TrimSpace(text)
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	var matchers []Matcher
	for _, part := range splitMatchers(text) {
		m, err := parseMatcher(part)
		if err != nil {
			return matchers, err
		}
		matchers = append(matchers, m)
	}
	return matchers, nil
}

// splitMatchers splits at commas outside quotes. A comma at the end starts no matcher.
func splitMatchers(text string) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	if rest := text[start:]; strings.TrimSpace(rest) != "" {
		parts = append(parts, rest)
	}
	return parts
}

func parseMatcher(text string) (Matcher, error) {
	if m := classicMatcher.FindStringSubmatch(text); m != nil {
		if value, ok := classicValue(m[3]); ok {
			return NewMatcher(m[1], m[2], value)
		}
	}
	if m := utf8Matcher.FindStringSubmatch(text); m != nil {
		return NewMatcher(unquoted(m[1]), m[2], unquoted(m[3]))
	}
	if !strings.ContainsAny(text, "=~") {
		return Matcher{}, errors.New(`matcher has no operator. Write label = "value"`)
	}
	return Matcher{}, errors.New(`invalid matcher. Write label = "value", with the value in double quotes`)
}

// classicValue resolves quotes and escapes. Quotes must be both present or both absent.
func classicValue(raw string) (string, bool) {
	inner, open := strings.CutPrefix(raw, `"`)
	var value strings.Builder
	closed := false
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case closed:
			return "", false // text after the closing quote
		case c == '\\' && i+1 < len(inner):
			i++
			switch inner[i] {
			case 'n':
				value.WriteByte('\n')
			case '"', '\\':
				value.WriteByte(inner[i])
			default:
				value.WriteByte('\\')
				value.WriteByte(inner[i])
			}
		case c == '\\':
			value.WriteByte(c)
		case c == '"' && !open:
			return "", false
		case c == '"':
			closed = true
		default:
			value.WriteByte(c)
		}
	}
	return value.String(), open == closed && utf8.ValidString(raw)
}

func unquoted(text string) string {
	if value, ok := classicValue(text); ok {
		return value
	}
	return text
}

// matchers reads a list of matchers.
func (am *Config) matchers(n *schema.Node) []Matcher {
	var all []Matcher
	for _, entry := range am.list(n, "matchers") {
		matchers, err := ParseMatchers(am.text(entry))
		if err != nil {
			am.addProblem(entry.Line, "%s", err)
		}
		all = append(all, matchers...)
	}
	return all
}

// oldMatchers reads the deprecated mappings: match holds values and match_re regular expressions, by label.
func (am *Config) oldMatchers(n *schema.Node, operator, what string) []Matcher {
	var all []Matcher
	values := am.mapping(n, what)
	for _, label := range slices.Sorted(maps.Keys(values)) {
		value := values[label]
		m, err := NewMatcher(label, operator, am.text(value))
		if err != nil {
			am.addProblem(value.Line, "%s", err)
			continue
		}
		all = append(all, m)
	}
	return all
}

// allMatchers reads matchers in all notations. prefix is that of an inhibit rule's keys: "source_" or "target_".
func (am *Config) allMatchers(fields map[string]*schema.Node, prefix string) []Matcher {
	all := am.oldMatchers(fields[prefix+"match"], "=", prefix+"match")
	all = append(all, am.oldMatchers(fields[prefix+"match_re"], "=~", prefix+"match_re")...)
	return append(all, am.matchers(fields[prefix+"matchers"])...)
}
