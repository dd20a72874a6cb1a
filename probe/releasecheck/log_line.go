package releasecheck

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/openmetrics"
)

// Classifies log lines: by their level in structured logs, and by the start of a panic or an unhandled exception. The
// word error in a text is no evidence: it may report the absence of errors.

// logLevel is the level of a line.
type logLevel int

const (
	levelNone  logLevel = iota // no level found
	levelFine                  // debug to warning
	levelError                 // error and above
)

var (
	// terminalColours matches colour escapes.
	terminalColours = lazyregexp.New("\x1b\\[[0-9;]*m")
	// panicHeads matches first lines of crashes: Go, including servers that recover; Java, Python, Rust, Node.js.
	panicHeads = lazyregexp.New(`^panic: |^fatal error: |^goroutine \d+ \[running\]:|http: panic serving |[Pp]anic recovered|` +
		`^Exception in thread "|^Traceback \(most recent call last\):|^thread '[^']*' panicked at |^Uncaught [A-Z]\w*(Error|Exception)`)
	// fineLevels and errorLevels are level names in lower case.
	fineLevels  = map[string]bool{"trace": true, "debug": true, "dbg": true, "verbose": true, "info": true, "inf": true, "information": true, "notice": true, "warn": true, "warning": true, "wrn": true}
	errorLevels = map[string]bool{"error": true, "err": true, "eror": true, "severe": true, "fatal": true, "ftl": true, "dpanic": true, "panic": true, "critical": true, "crit": true, "alert": true, "emerg": true, "emergency": true}
	// levelKeys are fields that hold the level.
	levelKeys = []string{"level", "severity", "lvl", "levelname", "log.level"}
)

// classifyLogLine classifies one line. panics is true for the first line of a crash.
func classifyLogLine(line []byte) (level logLevel, panics bool) {
	line = bytes.TrimSpace(line)
	if bytes.IndexByte(line, 0x1b) >= 0 {
		line = terminalColours.ReplaceAll(line, nil)
	}
	if len(line) > 0 && line[0] == '{' {
		return jsonLevel(line)
	}
	if panicHeads.Match(line) {
		return levelNone, true
	}
	word, _ := logfmtLevel(string(line))
	return levelOf(word), false
}

func levelOf(word string) logLevel {
	word = strings.ToLower(strings.TrimSpace(word))
	switch {
	case errorLevels[word]:
		return levelError
	case fineLevels[word]:
		return levelFine
	}
	return levelNone
}

// jsonLevel parses a JSON line. Numbers are levels of pino and bunyan, where 50 is error. Level panic counts as a
// crash.
func jsonLevel(line []byte) (logLevel, bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil {
		return levelNone, false
	}
	for _, key := range levelKeys {
		raw, there := fields[key]
		if !there {
			continue
		}
		var word string
		var number float64
		switch {
		case json.Unmarshal(raw, &word) == nil:
			return levelOf(word), strings.EqualFold(word, "panic")
		case json.Unmarshal(raw, &number) == nil && number >= 50:
			return levelError, false
		case json.Unmarshal(raw, &number) == nil && number >= 10:
			return levelFine, false
		}
	}
	return levelNone, false
}

// logfmtLevel finds the level in the key=value pairs of a line and skips quoted text.
func logfmtLevel(line string) (string, bool) {
	for line != "" {
		line = strings.TrimLeft(line, " \t")
		end := strings.IndexAny(line, "= \t")
		if end < 0 {
			return "", false
		}
		key := line[:end]
		if line[end] != '=' {
			line = line[end:]
			continue
		}
		value, rest := line[end+1:], ""
		if strings.HasPrefix(value, `"`) {
			value, rest = openmetrics.Quoted(value[1:])
		} else if i := strings.IndexAny(value, " \t"); i >= 0 {
			value, rest = value[:i], value[i:]
		}
		for _, known := range levelKeys {
			if key == known {
				return value, true
			}
		}
		line = rest
	}
	return "", false
}

// maxLogLine bounds the bytes classified per line.
const maxLogLine = 64 << 10

// logCount counts lines written to it. The zero value is ready; end counts a last line without a newline.
type logCount struct {
	lines, levelled, errors, panics int

	part []byte
}

func (l *logCount) Write(data []byte) (int, error) {
	for rest := data; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			l.keep(rest)
			return len(data), nil
		}
		l.keep(rest[:i])
		l.end()
		rest = rest[i+1:]
	}
}

func (l *logCount) keep(part []byte) {
	l.part = append(l.part, part[:min(len(part), maxLogLine-len(l.part))]...)
}

func (l *logCount) end() {
	defer func() { l.part = l.part[:0] }()
	if len(bytes.TrimSpace(l.part)) == 0 {
		return
	}
	l.lines++
	level, panics := classifyLogLine(l.part)
	if level != levelNone {
		l.levelled++
	}
	if level == levelError {
		l.errors++
	}
	if panics {
		l.panics++
	}
}
