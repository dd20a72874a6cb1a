package healthbody

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Keys that are made of several words, and members that report a flaw next to a good status: dbConnected,
// {"status": "ok", "read_only": true}, {"up": 1, "total": 3}.

// keyWords splits a key into its words, in lower case: dbConnected and db_connected are both db, connected.
func keyWords(key string) []string {
	var spaced strings.Builder
	lower := false
	for _, r := range key {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r, lower = ' ', false
		case unicode.IsUpper(r) && lower:
			spaced.WriteByte(' ')
			lower = false
		default:
			lower = unicode.IsLower(r)
		}
		spaced.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(spaced.String())
}

// splitKey reads a key that names a status and perhaps its component: overall_status, isHealthy, redisConnected. ok is
// false for other keys, and where the value is no status.
func splitKey(key string, value any) (part, status string, ok bool) {
	words := keyWords(key)
	if len(words) > 1 && slices.Contains([]string{"is", "are", "has", "all"}, words[0]) {
		words = words[1:]
	}
	if len(words) == 0 || isPastKey(key) || slices.Contains([]string{"expected", "desired", "http"}, words[0]) {
		return "", "", false
	}
	status = words[len(words)-1]
	rest := words[:len(words)-1]
	switch {
	case len(words) == 1 && status == "overall":
		status = "status"
	case !isStatusKey(status):
		return "", "", false
	}
	if text, is := value.(string); is && len(rest) > 0 {
		if says := judgeSentence(text); says.standing == silent {
			return "", "", false // the name of a state that is none of health
		}
	}
	if _, says := healthStatus(status, value); !says {
		return "", "", false
	}
	if len(rest) == 0 || len(rest) == 1 && slices.Contains(strings.Fields("overall global general app application service system server"), rest[0]) {
		return "", status, true
	}
	return strings.Join(rest, "_"), status, true
}

// isFlawKey reports whether a key says that something works only in part if it is true.
func isFlawKey(key string) bool {
	return slices.Contains(strings.Fields("readonly exhausted saturated overloaded stale lagging maintenance maintenancemode inmaintenance draining paused "+
		"suspended shuttingdown terminating stopping corrupt corrupted disconnected unavailable unreachable offline down stuck throttled timeout timedout "+
		"circuitopen full diskfull outage"), strings.Join(keyWords(key), ""))
}

// isAbilityKey reports whether a key says that something does not work if it is false.
func isAbilityKey(key string) bool {
	words := keyWords(key)
	if len(words) > 1 && words[0] == "is" {
		words = words[1:]
	}
	return slices.Contains(strings.Fields("writable writeable readable synced insync initialized started accepting responsive"), strings.Join(words, ""))
}

// isFaultList reports whether a key holds a list of what does not work: unhealthy_components, failed-checks.
func isFaultList(key string) bool {
	bad := strings.Fields("error errors failure failures degraded unhealthy failed failing down unavailable disconnected unreachable offline")
	words := keyWords(key)
	return len(words) > 0 && (slices.Contains(bad, words[0]) || slices.Contains(bad, words[len(words)-1])) &&
		!isPastKey(key)
}

// isPastKey reports whether a key speaks of an earlier state: last_status.
func isPastKey(key string) bool {
	words := keyWords(key)
	return len(words) > 1 && slices.Contains([]string{"last", "previous", "prev", "recent", "past"}, words[0])
}

// flawed begins the status of what works with a flaw.
const flawed = "up but "

// flaw returns the status word of a member that reports a flaw.
func flaw(key string, value any) (word string, says bool) {
	switch v := value.(type) {
	case bool:
		switch {
		case v && isFlawKey(key):
			return flawed + strings.Join(keyWords(key), " "), true
		case !v && isAbilityKey(key):
			return flawed + "not " + strings.Join(keyWords(key), " "), true
		}
	case string:
		text := strings.ToLower(strings.TrimSpace(v))
		if name := strings.Join(keyWords(key), ""); text == "open" && (name == "circuitbreaker" || name == "circuit" || name == "breaker") {
			return flawed + "circuit open", true
		}
		return flaw(key, text == "true" || text == "yes" || text != "false" && text != "no" && isAbilityKey(key))
	case []any:
		return "failing", len(v) > 0 && isFaultList(key)
	case float64:
		const lowest, highest = 400, 599 // HTTP statuses of errors
		if slices.Contains([]string{"code", "statuscode", "httpstatus", "httpcode"}, strings.Join(keyWords(key), "")) && v >= lowest && v <= highest {
			return "error", true
		}
	}
	return "", false
}

// countedStatus returns the status of an object that counts its parts: {"up": 1, "total": 3}.
func countedStatus(o object) (word string, says bool) {
	number := func(keys string) (float64, string, bool) {
		for _, key := range strings.Fields(keys) {
			if value, has := o.get(key); has {
				if n, ok := value.(float64); ok && n >= 0 {
					return n, key, true
				}
			}
		}
		return 0, "", false
	}
	some, key, hasSome := number("up healthy online ready alive passing")
	all, _, hasAll := number("total expected desired")
	if !hasSome || !hasAll || all < 1 {
		return "", false
	}
	return fmt.Sprintf("%s %.0f/%.0f", key, some, all), true
}

// countsAsStatus reports whether a plain value below a component counts as its status: a word that is one, or any under
// the name of a node. {"database": {"ssl": true}} says nothing about the database.
func countsAsStatus(key, word string) bool {
	tokens := healthTokens(word)
	if len(tokens) == 0 || slices.ContainsFunc(tokens, isUnhealthyWord) {
		return true
	}
	weak := strings.Fields("true yes active normal good fine stable started initialized accepting accepted online running synced")
	return !slices.Contains(weak, tokens[0]) || nodeKey.MatchString(key)
}

// nodeKey matches the name of one of several servers.
var nodeKey = lazyregexp.New(`(?i)^(primary|secondary|main|master|slave|leader|follower|replica|standby|read|write|reader|writer|node|shard|host|instance|server)s?[-_ ]?[0-9a-z]{0,3}$`)

// remark notes a member next to the status of the whole service that contradicts it: a message about a failure, or that
// the result is stored.
func (r *Report) remark(m member) {
	switch key := strings.Join(keyWords(m.key), ""); key {
	case "cached", "fromcache", "iscached", "servedfromcache":
		r.cached = r.cached || m.value == true
	case "message", "msg", "detail", "reason":
		const short = 8 // words; a longer text explains
		text, _ := m.value.(string)
		all := healthTokens(text)
		if len(all) > short {
			return
		}
		first := slices.IndexFunc(all, func(w string) bool { return isHealthyWord(w) || isUnhealthyWord(w) })
		if first >= 0 && slices.Contains(downWords(), all[first]) && judgeSentence(text).standing == bad {
			r.remarks = append(r.remarks, key)
		}
	}
}
