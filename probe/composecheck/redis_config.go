package composecheck

import (
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/deployment/compose"
	"github.com/thenexusengine/catalyst_exporter/deployment/shell"
	"github.com/thenexusengine/catalyst_exporter/deployment/source"
)

// redisDirective is a line of a Redis configuration, or an option of the command line, which Redis appends to it.
type redisDirective struct {
	name string // lower case; "" stands for directives that cannot be read
	args []shell.Word
	at   source.Origin
	why  string // why they cannot be read
}

// redisReader collects the directives of one server in their order.
type redisReader struct {
	view       *deployment.View
	model      *compose.Model
	service    string
	at         source.Origin // of the command
	configAt   source.Origin // of the configuration file, else of the command
	directives []redisDirective
	files      int // read so far
}

const (
	maxRedisDepth      = 16 // of included files
	maxRedisFiles      = 200
	maxRedisDirectives = 100_000
)

func (r *redisReader) unread(why string) {
	r.directives = append(r.directives, redisDirective{why: why})
}

// file reads a configuration file inside the container.
func (r *redisReader) file(inside string, at source.Origin, depth int) error {
	what := "the configuration of service " + r.service
	r.files++
	switch {
	case depth > maxRedisDepth || r.files > maxRedisFiles || len(r.directives) > maxRedisDirectives:
		r.unread(what + " includes too many files")
		return nil
	case strings.ContainsAny(inside, "*?["):
		r.unread(what + " includes files by a pattern")
		return nil
	}
	file, err := r.view.FileIn(r.model, r.service, inside, what, at)
	if err != nil {
		return err
	}
	if !file.Set {
		r.unread(what + " is not among the deployment's files")
		return nil
	}
	if depth == 0 {
		r.configAt = file.Origin
	}
	n := 0
	for line := range strings.Lines(file.Text.Reveal()) {
		n++
		words, ok := redisWords(line)
		if len(words) == 0 {
			continue
		}
		d := redisDirective{name: strings.ToLower(words[0]), at: file.Origin}
		d.at.Line = n
		if !ok {
			r.unread(what + " has unbalanced quotes")
			continue
		}
		for _, w := range words[1:] {
			d.args = append(d.args, shell.Word{Text: w})
		}
		if err := r.add(d, depth); err != nil {
			return err
		}
	}
	return nil
}

// add appends a directive, or those of the file that it includes.
func (r *redisReader) add(d redisDirective, depth int) error {
	if d.name != "include" {
		r.directives = append(r.directives, d)
		return nil
	}
	for _, file := range d.args {
		if file.Unknown {
			r.unread("service " + r.service + " includes a file whose name cannot be evaluated")
			continue
		}
		if err := r.file(file.Text, d.at, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// redisWords splits a line of a configuration as Redis does. It returns false for unbalanced quotes, and nothing for a
// comment.
func redisWords(line string) (words []string, ok bool) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return nil, true
	}
	for line != "" {
		var word strings.Builder
		quote := byte(0)
		i := 0
		for ; i < len(line); i++ {
			c := line[i]
			switch {
			case quote == '"' && c == '\\' && i+1 < len(line):
				i++
				word.WriteByte(line[i])
				continue
			case quote == '\'' && c == '\\' && i+1 < len(line) && line[i+1] == '\'':
				i++
				word.WriteByte('\'')
				continue
			case quote != 0 && c == quote:
				quote = 0
				continue
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
				continue
			}
			if quote == 0 && (c == ' ' || c == '\t') {
				break
			}
			word.WriteByte(c)
		}
		if quote != 0 {
			return words, false
		}
		words = append(words, word.String())
		line = strings.TrimSpace(line[i:])
	}
	return words, true
}
