package composecheck

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/shell"
)

// redisLine is the command line of a Redis server, read as Redis does: a configuration file, then options that override
// it in order. Names of options are case-insensitive.
type redisLine struct {
	config  string // "" for none, "-" for the standard input
	options []redisOption
	comment bool // a word starts with # as if it began a comment
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
			option := line.options[last]
			line.comment = line.comment || w.Text == "#" || option.name != "user" && len(option.args) > 0 && strings.HasPrefix(w.Text, "#")
			line.options[last].args = append(line.options[last].args, w)
		case i == 0:
			line.config = w.Text
			line.comment = strings.HasPrefix(w.Text, "#")
		}
	}
	return line, true
}
