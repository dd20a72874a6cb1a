package monitoring

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Matchers as Alertmanager reads them. The classic syntax comes first: label names are letters, digits and underscores,
// and values need no quotes. What it refuses is read as the UTF-8 syntax of Alertmanager 0.27 and later, in which names
// may be quoted (Alertmanager's documentation, "Matcher"). Regular expressions match the whole value. A label that an
// alert does not have is empty.

// amMatcher is one condition, e.g. severity =~ "critical|page".
type amMatcher struct {
	label, operator, value string
	expression             *regexp.Regexp // of =~ and !~
}

// newMatcher compiles a condition.
func newMatcher(label, operator, value string) (amMatcher, error) {
	m := amMatcher{label: label, operator: operator, value: value}
	if operator == "=~" || operator == "!~" {
		var err error
		if m.expression, err = regexp.Compile("^(?:" + value + ")$"); err != nil {
			return m, errors.New("invalid regular expression in a matcher")
		}
	}
	return m, nil
}

func (m amMatcher) matches(labels map[string]string) bool {
	value := labels[m.label]
	switch m.operator {
	case "=":
		return value == m.value
	case "!=":
		return value != m.value
	case "=~":
		return m.expression.MatchString(value)
	}
	return !m.expression.MatchString(value)
}

// matchesAll reports whether all matchers match an alert.
func matchesAll(matchers []amMatcher, labels map[string]string) bool {
	for _, m := range matchers {
		if !m.matches(labels) {
			return false
		}
	}
	return true
}

var (
	classicMatcher = regexp.MustCompile(`^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*((?s).*?)\s*$`)
	utf8Matcher    = regexp.MustCompile("^\\s*(\"(?:[^\"\\\\]|\\\\.)+\"|[^\\s\"'`{}=!~,\\\\]+)\\s*(=~|!~|!=|=)\\s*" +
		"(\"(?:[^\"\\\\]|\\\\.)*\"|[^\\s\"'`{}=!~,\\\\]+)\\s*$")
)

// parseMatchers reads one entry of a list of matchers: a matcher, or several between braces or commas. No error quotes
// a value.
func parseMatchers(text string) ([]amMatcher, error) {
	text = strings.TrimSpace(text)
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	var matchers []amMatcher
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

func parseMatcher(text string) (amMatcher, error) {
	if m := classicMatcher.FindStringSubmatch(text); m != nil {
		if value, ok := classicValue(m[3]); ok {
			return newMatcher(m[1], m[2], value)
		}
	}
	if m := utf8Matcher.FindStringSubmatch(text); m != nil {
		return newMatcher(unquoted(m[1]), m[2], unquoted(m[3]))
	}
	if !strings.ContainsAny(text, "=~") {
		return amMatcher{}, errors.New(`matcher has no operator. Write label = "value"`)
	}
	return amMatcher{}, errors.New(`invalid matcher. Write label = "value", with the value in double quotes`)
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
func (am *alertmanagerConfigFile) matchers(n *schema.Node) []amMatcher {
	var all []amMatcher
	for _, entry := range am.list(n, "matchers") {
		matchers, err := parseMatchers(am.text(entry))
		if err != nil {
			am.addProblem(entry.Line, "%s", err)
		}
		all = append(all, matchers...)
	}
	return all
}

// oldMatchers reads the deprecated mappings: match holds values and match_re regular expressions, by label.
func (am *alertmanagerConfigFile) oldMatchers(n *schema.Node, operator, what string) []amMatcher {
	var all []amMatcher
	values := am.mapping(n, what)
	for _, label := range slices.Sorted(maps.Keys(values)) {
		value := values[label]
		m, err := newMatcher(label, operator, am.text(value))
		if err != nil {
			am.addProblem(value.Line, "%s", err)
			continue
		}
		all = append(all, m)
	}
	return all
}

// allMatchers reads matchers in all notations. prefix is that of an inhibit rule's keys: "source_" or "target_".
func (am *alertmanagerConfigFile) allMatchers(fields map[string]*schema.Node, prefix string) []amMatcher {
	all := am.oldMatchers(fields[prefix+"match"], "=", prefix+"match")
	all = append(all, am.oldMatchers(fields[prefix+"match_re"], "=~", prefix+"match_re")...)
	return append(all, am.matchers(fields[prefix+"matchers"])...)
}
