package healthbody

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Keys that services use to report health. phrase.go judges their values.

// isStatusKey reports whether a key holds the status of its object.
func isStatusKey(key string) bool {
	return isTextKey(key) || slices.Contains([]string{"live", "connected", "available", "reachable", "success", "passing", "passed", "online", "running",
		"operational", "responding", "serving"}, key)
}

// isTextKey reports whether any text under a key is a status. Under other status keys a text may be a time or a name.
func isTextKey(key string) bool {
	return slices.Contains([]string{"status", "state", "health", "ready", "healthy", "ok", "alive", "up"}, key)
}

// isResultKey reports whether a key holds a status if its text is a word of health: the result of a check, or a payload.
func isResultKey(key string) bool {
	return slices.Contains([]string{"result", "outcome", "conclusion"}, key)
}

// isFaultKey reports whether a key signals a fault by being true or non-empty.
func isFaultKey(key string) bool {
	return slices.Contains([]string{"error", "errors", "failure", "failures", "degraded", "unhealthy", "failed", "failing"}, key)
}

// faultCount matches the keys of counters of faults, which are often counted since the start of a service.
var faultCount = lazyregexp.New(`^(num_?|total_?)?(errors?|failures?|failed|failing|degraded|unhealthy|down|unavailable|unreachable|disconnected|offline|exceptions?|panics?)([_-]?(count|total|checks|s))?$`)

// isRunCount reports whether a key counts the failures of a check since it last passed.
func isRunCount(key string) bool {
	return slices.Contains([]string{"contiguousfailures", "consecutivefailures", "consecutive_failures", "contiguous_failures"}, key)
}

// isWrapper reports whether a key wraps the status of the whole service.
func isWrapper(key string) bool {
	return slices.Contains([]string{"data", "result", "response", "payload", "body"}, key)
}

// isGroup reports whether a key holds components and is none itself.
func isGroup(key string) bool {
	return isWrapper(key) || slices.Contains([]string{"checks", "components", "details", "entries", "results", "services", "dependencies", "info",
		"subsystems", "systems", "health", "indicators", "resources", "items", "status"}, key)
}

// healthStatus returns the status word of a key and value; says is false if there is none.
func healthStatus(key string, value any) (word string, says bool) {
	switch {
	case isRunCount(key):
		n, ok := value.(float64)
		if ok && n > 0 {
			return "failing", true
		}
		return "ok", ok
	case isFaultKey(key):
		return key, isFault(value)
	case isResultKey(key):
		text, ok := value.(string)
		return text, ok && (slices.ContainsFunc(healthTokens(text), isUnhealthyWord) || judgeStatus(text).good())
	case !isStatusKey(key):
		return "", false
	}
	switch v := value.(type) {
	case bool:
		return fmt.Sprint(v), true
	case string:
		if v == noStatus {
			return "", false
		}
		text := strings.ToLower(strings.TrimSpace(v))
		switch {
		case slices.Contains([]string{"no", "n", "false", "off", "0"}, text) && key != "status":
			return "false", true
		case slices.Contains([]string{"yes", "y", "true", "1"}, text) && key != "status":
			return "true", true
		}
		return v, isTextKey(key) || partial.MatchString(text)
	case nil:
		return "null", slices.Contains([]string{"ready", "healthy", "ok", "alive"}, key)
	case float64:
		return numericStatus(key, v)
	}
	return "", false
}

// noStatus is what Spring Actuator reports for a component that has no status. It has the letters of a constant there.
const noStatus = "UNKNOWN"

// partial matches a count of parts: 0/3.
var partial = lazyregexp.New(`^[0-9]+ ?/ ?[0-9]+$`)

// numericStatus returns the status word of a number.
func numericStatus(key string, v float64) (word string, says bool) {
	switch {
	case key == "status" && v >= 100 && v < 400: // HTTP status
		return "ok", true
	case key == "status" && v >= 400 && v < 600:
		return "error", true
	case !slices.Contains([]string{"up", "ok", "ready", "healthy", "alive", "live", "success", "reachable", "available"}, key):
	case v == 0:
		return "false", true
	case v == 1:
		return "true", true
	}
	return "", false
}

// isFault reports whether a value under a fault key signals a fault: true, or a non-empty text, list or object. An
// object with its own status is a component of that name; one of numbers counts faults.
func isFault(value any) bool {
	switch v := value.(type) {
	case bool:
		return v
	case string:
		text := strings.ToLower(strings.TrimSpace(v))
		return !slices.Contains([]string{"", "none", "no", "false", "null", "nil", "ok", "n/a", "-", "0", "no error", "no errors"}, text)
	case []any:
		return len(v) > 0
	case object:
		counts := true
		for _, m := range v {
			if isStatusKey(strings.ToLower(m.key)) {
				return false
			}
			_, number := m.value.(float64)
			counts = counts && number
		}
		return len(v) > 0 && !counts
	}
	return false
}

// countsFaults reports whether a value under a key counts at least one fault.
func countsFaults(key string, value any) bool {
	if !faultCount.MatchString(key) {
		return false
	}
	switch v := value.(type) {
	case float64:
		return v > 0
	case object:
		return slices.ContainsFunc(v, func(m member) bool { n, ok := m.value.(float64); return ok && n > 0 })
	}
	return false
}
