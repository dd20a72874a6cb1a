package schema

// Masks values in messages of other code, which may quote them.

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// masked removes the text of expanded scalars from a message about c, or the text of every scalar if c is hidden.
func masked(message string, c place) string {
	values := map[string]string{}
	gather(c.node, c.hidden, 0, values)
	// Longest first: a short text may be part of a longer one.
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
			// Short texts are masked only as whole words: "1" is part of too many words.
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
