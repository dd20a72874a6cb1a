package healthbody

import (
	"slices"
	"strconv"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Members that are neither a status nor a component with one: words of trouble ({"migrations": "pending"}), and figures.
// A figure is judged only against a limit in the same object, {"lag": 30, "max_lag": 10}; others are named as not judged.

// figure notes what a member says by a word or a figure; its siblings may contain the limit.
func (r *Report) figure(m member, siblings object, path []string) {
	words := keyWords(m.key)
	name := strings.Join(words, "_")
	if len(path) > 0 && !isGroup(path[len(path)-1]) {
		name = path[len(path)-1] + "." + name
	}
	value, isFigure := figureOf(m.value)
	switch {
	case !plainPart.MatchString(name) || isPastKey(m.key):
	case isTrouble(append(pathWords(path), words...), m.value):
		r.troubles = append(r.troubles, name)
	case !isFigure || isLimitKey(words):
	case exceedsLimit(words, value, siblings):
		r.exceeded = append(r.exceeded, name)
	case !hasLimit(words, siblings) && isLoadKey(append(pathWords(path), words...)):
		r.unlimited = append(r.unlimited, name)
	}
}

// pathWords returns the words of the innermost component.
func pathWords(path []string) []string {
	if len(path) == 0 {
		return nil
	}
	return keyWords(path[len(path)-1])
}

// figureText matches a number with a unit.
var figureText = lazyregexp.New(`^([0-9]+(?:\.[0-9]+)?) ?(?:%|ms|s|sec|seconds|kb|mb|gb|tb|kib|mib|gib|bytes)?$`)

func figureOf(value any) (n float64, ok bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case string:
		m := figureText.FindStringSubmatch(strings.ToLower(strings.TrimSpace(v)))
		if m == nil {
			return 0, false
		}
		n, err := strconv.ParseFloat(m[1], 64)
		return n, err == nil
	}
	return 0, false
}

func containsAny(words []string, list string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(w string) bool { return slices.Contains(words, w) })
}

// isTrouble reports whether the value of a key, with the name of its component, is a word of trouble.
func isTrouble(key []string, value any) bool {
	const pending = "pending behind outdated dirty unapplied required needed missing failed error incomplete"
	migrations := containsAny(key, "migration migrations schema")
	switch v := value.(type) {
	case bool:
		return v && migrations && containsAny(key, "pending unapplied dirty required needed missing") ||
			!v && migrations && containsAny(key, "applied current complete completed latest done") ||
			!v && strings.HasSuffix(strings.Join(key, " "), "up to date")
	case float64:
		return v > 0 && migrations && containsAny(key, "pending unapplied dirty missing")
	case []any:
		return len(v) > 0 && migrations && containsAny(key, "pending unapplied missing")
	case string:
		const longest = 4 // words; a longer text explains
		text := healthTokens(v)
		if len(text) == 0 || len(text) > longest || slices.ContainsFunc(text, func(w string) bool { return isNone(w) || w == "not" && !migrations }) {
			return false
		}
		const capacity = "queue queues buffer buffers backlog pool disk storage volume volumes memory heap swap inodes connections slots quota partition filesystem"
		return migrations && (containsAny(text, pending) || strings.HasPrefix(strings.Join(text, " "), "not ")) ||
			containsAny(key, capacity) && containsAny(text, "full overflow overflowing overflowed backlogged blocked critical") ||
			containsAny(key, "mode") && containsAny(text, "maintenance recovery degraded draining offline emergency") ||
			containsAny(text, "exhausted saturated overloaded stalled stuck lagging corrupt corrupted unsynced exceeded overdue")
	}
	return false
}

// isLoadKey reports whether a figure measures how well something works, so that a reader expects it to be judged.
func isLoadKey(key []string) bool {
	return containsAny(key, "latency lag percent pct usage used depth backlog queue load utilization utilisation disk memory heap delay") &&
		!containsAny(key, "total free available size capacity limit max")
}

const (
	limitWords = "max maximum limit threshold allowed ceiling"
	unitWords  = "ms us ns s sec secs second seconds percent pct bytes kb mb gb count"
)

func isLimitKey(key []string) bool { return containsAny(key, limitWords) }

// exceedsLimit reports whether a figure is beyond a limit that its object states.
func exceedsLimit(key []string, value float64, siblings object) bool {
	return slices.ContainsFunc(siblings, func(m member) bool {
		limit, ok := figureOf(m.value)
		words := keyWords(m.key)
		switch {
		case !ok:
			return false
		case slices.Equal(words, []string{"threshold"}) && slices.Equal(key, []string{"free"}):
			return value < limit // of Spring's disk space
		}
		return isLimitOf(words, key) && value > limit
	})
}

func hasLimit(key []string, siblings object) bool {
	return slices.ContainsFunc(siblings, func(m member) bool { return isLimitOf(keyWords(m.key), key) })
}

// isLimitOf reports whether a key names the limit of another one, in the same unit: max_lag of lag, or limit of value.
func isLimitOf(limit, key []string) bool {
	without := func(words []string, list string) []string {
		return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(strings.Fields(list), w) })
	}
	units := func(words []string) []string { return without(words, strings.Join(without(words, unitWords), " ")) }
	if !isLimitKey(limit) || isLimitKey(key) || len(units(limit)) > 0 && len(units(key)) > 0 && !slices.Equal(units(limit), units(key)) {
		return false
	}
	bare := without(without(limit, limitWords), unitWords)
	if len(bare) > 0 {
		return slices.Equal(bare, without(key, unitWords))
	}
	// A limit without a subject is that of a value without one. The largest observed value is no limit.
	return containsAny(key, "value current observed used usage lag latency depth percent delay") && (!containsAny(limit, "max maximum") || containsAny(key, "value current used"))
}
