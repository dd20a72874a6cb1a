package httpcheck

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Keys and words that services use to report health.

// isStatusKey reports whether a key holds the status of its object.
func isStatusKey(key string) bool {
	return slices.Contains([]string{"status", "state", "health", "ready", "healthy", "ok", "alive", "up", "live", "connected", "available", "reachable", "success", "passing"}, key)
}

// isFaultKey reports whether a key signals a fault by being true or non-empty.
func isFaultKey(key string) bool {
	return slices.Contains([]string{"error", "errors", "failure", "failures", "degraded", "unhealthy", "failed", "failing"}, key)
}

// isWrapper reports whether a key wraps the status of the whole service.
func isWrapper(key string) bool {
	return slices.Contains([]string{"data", "result", "response", "payload", "body"}, key)
}

// healthStatus returns the status word of a key and value; says is false if there is none.
func healthStatus(key string, value any) (word string, says bool) {
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
		// Under other keys a text may be anything, such as a time.
		return v, slices.Contains([]string{"status", "state", "health", "ready", "healthy", "ok", "alive", "up"}, key)
	case nil:
		return "null", slices.Contains([]string{"ready", "healthy", "ok", "alive"}, key)
	case float64:
		switch {
		case key == "status" && v >= 100 && v < 400: // HTTP status
			return "ok", true
		case key == "status" && v >= 400 && v < 600:
			return "error", true
		}
	}
	return "", false
}

// isFault reports whether a value under a fault key signals a fault: true, or a non-empty text, list or object. An
// object with its own status is a component of that name.
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

// healthy reports whether a word means healthy, possibly with an addition: ok (3ms).
func healthy(word string) bool {
	all := healthTokens(word)
	return len(all) > 0 && isHealthyWord(all[0]) && !slices.ContainsFunc(all, isUnhealthyWord)
}

// maxHealthTokens bounds the words of a status text.
const maxHealthTokens = 20

// healthTokens splits a text into lower-case words; none if there are too many.
func healthTokens(text string) []string {
	all := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
	if len(all) > maxHealthTokens {
		return nil
	}
	return all
}

// wordInText finds the status word in a sentence: "Prometheus Server is Healthy."
func wordInText(text string) (word string, says bool) {
	all := healthTokens(text)
	if i := slices.IndexFunc(all, isUnhealthyWord); i >= 0 {
		return strings.Join(all[i:], " "), true
	}
	if i := slices.IndexFunc(all, isHealthyWord); i >= 0 {
		return all[i], true
	}
	return "", false
}

func isHealthyWord(word string) bool { return slices.Contains(healthWords(), word) }

// isUnhealthyWord reports whether a word means down or degraded.
func isUnhealthyWord(word string) bool {
	return slices.Contains(downWords(), word) || slices.Contains(degradedWords(), word)
}

// isDown reports whether a word means down. Disabled or degraded may be intended.
func isDown(word string) bool {
	all := healthTokens(word)
	return slices.ContainsFunc(all, func(w string) bool { return w == "false" || slices.Contains(downWords(), w) })
}

func healthWords() []string {
	return []string{"healthy", "ok", "up", "pass", "passed", "passing", "ready", "true", "alive", "live", "connected", "green", "available", "running", "operational", "working",
		"success", "good", "normal", "active", "online", "serving", "reachable", "pong"}
}

// downWords mean down.
func downWords() []string {
	return []string{"unhealthy", "down", "error", "fail", "failed", "failing", "failure", "unavailable", "disconnected", "red", "stopped", "timeout", "unreachable", "refused", "offline", "dead"}
}

// degradedWords mean degraded or unknown.
func degradedWords() []string {
	return []string{"disabled", "degraded", "false", "null", "not", "not_ready", "not_serving", "yellow", "warn", "warning", "unknown", "starting", "not_configured", "partial", "partially",
		"out_of_service", "critical", "inactive"}
}

// formatStatus formats a known status word for messages, also within other words.
func formatStatus(word string) string {
	all := healthTokens(word)
	i := slices.IndexFunc(all, isUnhealthyWord)
	switch {
	case len(all) == 1 && slices.Contains([]string{"true", "false", "null"}, all[0]):
		return all[0]
	case i >= 0 && all[i] == "not" && i+1 < len(all) && isHealthyWord(all[i+1]):
		return fmt.Sprintf("%q", "not "+all[i+1])
	case i >= 0:
		return fmt.Sprintf("%q", all[i])
	case len(all) == 1 && isHealthyWord(all[0]):
		return fmt.Sprintf("%q", all[0])
	}
	return "another value"
}
