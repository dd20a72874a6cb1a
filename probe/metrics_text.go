package probe

import (
	"strconv"
	"strings"
)

// sampleNames parses the Prometheus text format or OpenMetrics and returns the sample names. Line is the first invalid
// line, from 1; 0 when all lines are valid.
func sampleNames(text string) (names map[string]bool, line int) {
	names = map[string]bool{}
	n := 0
	for l := range strings.Lines(text) {
		n++
		l = strings.Trim(l, " \t\r\n")
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		name, ok := sampleName(l)
		if !ok {
			return nil, n
		}
		names[name] = true
	}
	return names, 0
}

// endsOpenMetrics reports whether the text has exactly one # EOF, at its end.
func endsOpenMetrics(text string) bool {
	_, after, found := strings.Cut("\n"+text, "\n# EOF")
	return found && strings.TrimSpace(after) == ""
}

// sampleName returns the name of one sample: name{label="value",…} number timestamp, and in OpenMetrics an exemplar
// after a #.
func sampleName(line string) (string, bool) {
	end := 0
	for end < len(line) && isNameByte(line[end], end) {
		end++
	}
	name, rest := line[:end], line[end:]
	if name == "" || rest == "" {
		return "", false
	}
	rest = strings.TrimLeft(rest, " \t")
	if strings.HasPrefix(rest, "{") {
		var ok bool
		if rest, ok = afterLabels(rest[1:]); !ok {
			return "", false
		}
	} else if rest == line[end:] {
		return "", false // no space between name and value
	}
	rest, _, _ = strings.Cut(rest, " # ")
	fields := strings.Fields(rest)
	if len(fields) == 0 || len(fields) > 2 {
		return "", false
	}
	for _, f := range fields {
		if _, err := strconv.ParseFloat(f, 64); err != nil || strings.ContainsAny(f, "_xX") {
			return "", false
		}
	}
	return name, true
}

func isNameByte(c byte, at int) bool {
	return c == '_' || c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || at > 0 && c >= '0' && c <= '9'
}

// afterLabels returns the text after the closing brace of the labels.
func afterLabels(text string) (string, bool) {
	for {
		text = strings.TrimLeft(text, " \t")
		if rest, closed := strings.CutPrefix(text, "}"); closed {
			return rest, true
		}
		end := 0
		for end < len(text) && isNameByte(text[end], end) && text[end] != ':' {
			end++
		}
		if end == 0 {
			return "", false
		}
		text = strings.TrimLeft(text[end:], " \t")
		value, is := strings.CutPrefix(text, "=")
		if !is {
			return "", false
		}
		value, is = strings.CutPrefix(strings.TrimLeft(value, " \t"), `"`)
		if !is {
			return "", false
		}
		inside, rest := quoted(value)
		if len(inside) == len(value) {
			return "", false // no closing quote
		}
		text = strings.TrimLeft(rest, " \t")
		switch {
		case strings.HasPrefix(text, ","):
			text = text[1:]
		case !strings.HasPrefix(text, "}"):
			return "", false
		}
	}
}
