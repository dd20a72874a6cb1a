package composecheck

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/shell"
)

// redisLine is the command line of a Redis server, read as Redis does: a configuration file, then options that override
// it in order. Names of options are case-insensitive.
type redisLine struct {
	config  string // "" for none, "-" for the standard input
	options []redisOption
}

type redisOption struct {
	name string // lower case
	args []shell.Word
}

// redisOptions reads the arguments of the server. It returns false when a word that may be an option is unknown.
func redisOptions(args []shell.Word) (line redisLine, known bool) {
	for i, w := range args {
		last := len(line.options) - 1
		isOption := strings.HasPrefix(w.Text, "--") && !w.Unknown && (last < 0 || len(line.options[last].args) > 0)
		switch {
		case isOption: // "--requirepass x" in one word is an option with its argument
			words := strings.Fields(w.Text[2:])
			if len(words) == 0 {
				return line, false
			}
			option := redisOption{name: strings.ToLower(words[0])}
			if rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(w.Text[2:]), words[0])); rest != "" {
				option.args = append(option.args, shell.Word{Text: unquoted(rest)})
			}
			line.options = append(line.options, option)
		case w.Unknown && (last < 0 || len(line.options[last].args) > 0):
			return line, false
		case last >= 0:
			line.options[last].args = append(line.options[last].args, w)
		case i == 0:
			line.config = w.Text
		}
	}
	return line, true
}

// last returns the arguments of the last option of that name, which is the one that counts.
func (l redisLine) last(name string) ([]shell.Word, bool) {
	for _, o := range slices.Backward(l.options) {
		if o.name == name {
			return o.args, true
		}
	}
	return nil, false
}

func (l redisLine) has(names ...string) bool {
	return slices.ContainsFunc(l.options, func(o redisOption) bool { return slices.Contains(names, o.name) })
}

// unreadAfterPassword reports whether an option of that name follows the last password, which it may replace.
func (l redisLine) unreadAfterPassword(name string) bool {
	for _, o := range slices.Backward(l.options) {
		switch o.name {
		case name:
			return true
		case "requirepass":
			return false
		}
	}
	return false
}
