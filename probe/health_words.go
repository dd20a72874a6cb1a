package probe

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The keys and words by which services speak of health.

// isStatusKey reports whether a key says how the thing is that it belongs to.
func isStatusKey(key string) bool {
	return slices.Contains([]string{"status", "state", "health", "ready", "healthy", "ok", "alive", "up", "live", "connected", "available", "reachable", "success", "passing"}, key)
}

// isFaultKey reports whether a key says, by being true or by holding anything, that something is wrong.
func isFaultKey(key string) bool {
	return slices.Contains([]string{"error", "errors", "failure", "failures", "degraded", "unhealthy", "failed", "failing"}, key)
}

// isWrapper reports whether a key holds the whole over again.
func isWrapper(key string) bool {
	return slices.Contains([]string{"data", "result", "response", "payload", "body"}, key)
}

// healthSaying is the word that a value under a key says of the thing it belongs to; says is false where it says none.
func healthSaying(key string, value any) (word string, says bool) {
	if isFaultKey(key) {
		return key, isFault(value)
	}
	if !isStatusKey(key) {
		return "", false
	}
	switch v := value.(type) {
	case bool:
		return fmt.Sprint(v), true
	case string:
		// Under the rest of the keys a text may be anything: since when, by whom.
		return v, slices.Contains([]string{"status", "state", "health", "ready", "healthy", "ok", "alive", "up"}, key)
	case nil:
		return "null", slices.Contains([]string{"ready", "healthy", "ok", "alive"}, key)
	case float64:
		switch {
		case key == "status" && v >= 100 && v < 400: // as in HTTP
			return "ok", true
		case key == "status" && v >= 400 && v < 600:
			return "error", true
		}
	}
	return "", false
}

// isFault reports whether a value under a key for faults tells of one: true, a text, a list or an object with something in it. One that says
// itself how it is is a part called so.
func isFault(value any) bool {
	switch v := value.(type) {
	case bool:
		return v
	case string:
		return !slices.Contains([]string{"", "none", "no", "false", "null", "nil", "ok"}, strings.ToLower(strings.TrimSpace(v)))
	case []any:
		return len(v) > 0
	case map[string]any:
		for key := range v {
			if isStatusKey(strings.ToLower(key)) {
				return false
			}
		}
		return len(v) > 0
	}
	return false
}

// healthy reports whether a word says that all is well, be it with something behind it: ok (3ms).
func healthy(word string) bool {
	all := healthTokens(word)
	return len(all) > 0 && isWell(all[0]) && !slices.ContainsFunc(all, isSick)
}

// maxHealthTokens is how long a sentence on health may be.
const maxHealthTokens = 20

// healthTokens splits a text into its words in small letters; none where there are too many.
func healthTokens(text string) []string {
	all := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
	if len(all) > maxHealthTokens {
		return nil
	}
	return all
}

// wordInText finds the word on health in a text that people are meant to read: "Prometheus Server is Healthy."
func wordInText(text string) (word string, says bool) {
	all := healthTokens(text)
	if i := slices.IndexFunc(all, isSick); i >= 0 {
		return strings.Join(all[i:], " "), true
	}
	if i := slices.IndexFunc(all, isWell); i >= 0 {
		return all[i], true
	}
	return "", false
}

func isWell(word string) bool { return slices.Contains(healthWords(), word) }

// isSick reports whether a word is one for what is not, or not quite, well.
func isSick(word string) bool {
	return slices.Contains(downWords(), word) || slices.Contains(halfWords(), word)
}

// isDown reports whether a word says of a part that it does not work; what is disabled or degraded may be meant so.
func isDown(word string) bool {
	all := healthTokens(word)
	return slices.ContainsFunc(all, func(w string) bool { return w == "false" || slices.Contains(downWords(), w) })
}

func healthWords() []string {
	return []string{"healthy", "ok", "up", "pass", "passed", "passing", "ready", "true", "alive", "live", "connected", "green", "available", "running", "operational", "working",
		"success", "good", "normal", "active", "online", "serving", "reachable", "pong"}
}

// downWords say that something does not work.
func downWords() []string {
	return []string{"unhealthy", "down", "error", "fail", "failed", "failing", "failure", "unavailable", "disconnected", "red", "stopped", "timeout", "unreachable", "refused", "offline", "dead"}
}

// halfWords say that something is not as it should be, or is not known to be.
func halfWords() []string {
	return []string{"disabled", "degraded", "false", "null", "not", "not_ready", "not_serving", "yellow", "warn", "warning", "unknown", "starting", "not_configured", "partial", "partially",
		"out_of_service", "critical", "inactive"}
}

// shownHealth shows a word when it is one that health endpoints use, be it with others around it.
func shownHealth(word string) string {
	all := healthTokens(word)
	i := slices.IndexFunc(all, isSick)
	switch {
	case len(all) == 1 && slices.Contains([]string{"true", "false", "null"}, all[0]):
		return all[0]
	case i >= 0 && all[i] == "not" && i+1 < len(all) && isWell(all[i+1]):
		return fmt.Sprintf("%q", "not "+all[i+1])
	case i >= 0:
		return fmt.Sprintf("%q", all[i])
	case len(all) == 1 && isWell(all[0]):
		return fmt.Sprintf("%q", all[0])
	}
	return "another value"
}
