package schema

// Rules of this file: messages that others wrote may hold values; what must not show is taken out before they leave.

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// masked takes the text of expanded scalars out of a message about c, and the text of every scalar if c is hidden.
func masked(message string, c place) string {
	values := map[string]string{}
	gather(c.node, c.hidden, 0, values)
	// The longest first: a short one may be a part of it.
	for _, value := range slices.SortedFunc(maps.Keys(values), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) {
		mask := values[value]
		for _, form := range []string{value, strings.Trim(strconv.Quote(value), `"`)} {
			if strings.TrimSpace(form) == "" || !strings.Contains(message, form) {
				continue
			}
			if len(form) >= 4 {
				message = strings.ReplaceAll(message, form, mask)
				continue
			}
			// Short ones only as words of their own: "1" is in too many words.
			word := regexp.MustCompile(`(^|[^\pL\pN_])` + regexp.QuoteMeta(form) + `([^\pL\pN_]|$)`)
			message = word.ReplaceAllString(message, "${1}"+mask+"${2}")
		}
	}
	return message
}

func gather(n *Node, hidden bool, depth int, into map[string]string) {
	if n == nil || depth > maxDepth {
		return
	}
	if n.Kind == yaml.ScalarNode {
		switch {
		case Expanded(n):
			into[n.Value] = "<expanded>"
			for piece := range strings.SplitSeq(n.FootComment, "\x00") {
				into[piece] = "<expanded>"
			}
		case hidden:
			into[n.Value] = "<secret>"
		}
	}
	for i, c := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			gather(c, hidden, depth+1, into)
		}
	}
}
