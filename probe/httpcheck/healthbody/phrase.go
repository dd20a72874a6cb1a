package healthbody

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// Judges the words of a status. One good word is not enough: what follows it must be a measure or a known word, so that
// "available: no", "online 0/3" and "up but read-only" are not healthy, while "ok (3ms)" is.

// standing is what a status text says.
type standing int

const (
	silent  standing = iota // nothing about health
	well                    // healthy
	unclear                 // healthy, with an unknown addition
	bad                     // not healthy
)

// statusPhrase is a judged status text.
type statusPhrase struct {
	standing
	shown string // known words of the text, for messages
}

func (p statusPhrase) good() bool { return p.standing == well }

// judgeStatus judges the value of a status key. Its subject is known, so a text without a good word is bad.
func judgeStatus(text string) statusPhrase {
	if flaw, ok := strings.CutPrefix(text, flawed); ok && (isFlawKey(flaw) || isAbilityKey(strings.TrimPrefix(flaw, "not "))) {
		return statusPhrase{bad, strconv.Quote(text)}
	}
	p, before := judgePhrase(text)
	if p.standing == silent || before && p.standing != bad {
		return statusPhrase{bad, "another value"}
	}
	return p
}

// judgeSentence judges a text that may name its subject before the status: "Prometheus Server is Healthy."
func judgeSentence(text string) statusPhrase {
	p, _ := judgePhrase(text)
	return p
}

// maxHealthTokens bounds the words of a status text.
const maxHealthTokens = 20

var (
	statusToken = lazyregexp.New(`[0-9]+ ?(?:/|of|out of) ?[0-9]+\b|v?[0-9][0-9a-z.,:+%µ-]*|[\p{L}_][\p{L}\p{N}_]*`)
	statusRatio = lazyregexp.New(`^([0-9]+) ?(?:/|of|out of) ?([0-9]+)$`)
	negation    = lazyregexp.New(`n['’]t\b`)
	readOnly    = lazyregexp.New(`read[- ]only`)
)

// statusSigns replaces signs by words.
func statusSigns() *strings.Replacer {
	return strings.NewReplacer("✓", " ok ", "✔", " ok ", "✅", " ok ", "🟢", " ok ", "👍", " ok ",
		"✗", " failed ", "✘", " failed ", "❌", " failed ", "🔴", " failed ", "👎", " failed ", "⚠", " degraded ", "🟡", " degraded ", "🟠", " degraded ")
}

// judgePhrase judges a text. before reports unknown words before the first good one.
func judgePhrase(text string) (p statusPhrase, before bool) {
	text = statusSigns().Replace(text)
	text = readOnly.ReplaceAllString(negation.ReplaceAllString(strings.ToLower(text), " not"), "readonly")
	all := statusToken.FindAllString(text, maxHealthTokens+1)
	if len(all) > maxHealthTokens {
		return statusPhrase{}, false
	}
	good, unknown := "", strings.Contains(text, "?")
	for i := 0; i < len(all); i++ {
		word, next := all[i], ""
		if i+1 < len(all) {
			next = all[i+1]
		}
		switch {
		case isNone(word) && isFaultNoun(next), isFaultNoun(word) && isZero(next): // no errors, failed: 0
			i++
		case word == "not" && isHealthyWord(next):
			return statusPhrase{bad, strconv.Quote("not " + next)}, before
		case isZero(word) && (isPart(next) || isAvailability(next)):
			return statusPhrase{bad, "0 available"}, before
		case isUnhealthyWord(word) || isNegation(word) || good != "" && isRestriction(word):
			return statusPhrase{bad, withGood(good, word)}, before
		case statusRatio.MatchString(word):
			if isFaultNoun(next) && strings.HasPrefix(word, "0") { // 0 of 3 failed
				i++
				continue
			}
			switch isBad, sure := judgeRatio(word, next, good); {
			case isBad && sure:
				return statusPhrase{bad, "only partly available"}, before
			case isBad:
				unknown = true
			case good == "" && !sure:
				good = "ok"
			}
		case isHealthyWord(word):
			good = word
			if isZero(next) && isAvailability(word) && (i+2 >= len(all) || !isUnit(all[i+2]) && !isFaultNoun(all[i+2])) {
				return statusPhrase{bad, strconv.Quote(word + " 0")}, before
			}
		case isMeasure(word) || isFiller(word):
		case good != "":
			unknown = true
		default:
			before = true
		}
	}
	switch {
	case good == "":
		return statusPhrase{}, before
	case unknown:
		return statusPhrase{unclear, fmt.Sprintf("%q with an unknown addition", good)}, before
	}
	return statusPhrase{well, strconv.Quote(good)}, before
}

// judgeRatio judges a count of parts such as 0/3 by the words around it. sure is false for a ratio whose subject is not
// known.
func judgeRatio(word, next, good string) (isBad, sure bool) {
	parts := statusRatio.FindStringSubmatch(word)
	some, all := strings.TrimLeft(parts[1], "0"), strings.TrimLeft(parts[2], "0")
	switch {
	case isUsage(next):
		return false, true
	case isFaultNoun(next):
		return some != "", true
	case some == all && some != "":
		return false, false
	}
	return true, some == "" || isAvailability(good) || isAvailability(next) || good == "" || isPart(next)
}

// withGood shows a bad word, with the good one that it restricts.
func withGood(good, word string) string {
	if slices.Contains([]string{"true", "false", "null"}, word) && good == "" {
		return word
	}
	if good == "" || isUnhealthyWord(word) {
		return strconv.Quote(word)
	}
	return fmt.Sprintf("%q with %q", good, word)
}

// healthTokens splits a text into lower-case words; none if there are too many.
func healthTokens(text string) []string {
	all := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
	if len(all) > maxHealthTokens {
		return nil
	}
	return all
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

// isClearlyDown reports whether a word means down and is no level or policy, as error and fail may be.
func isClearlyDown(word string) bool {
	p := judgeStatus(word)
	if p.standing == bad && (strings.HasPrefix(strings.ToLower(word), flawed) || strings.HasSuffix(p.shown, "available") && !strings.Contains(p.shown, `"`) || strings.Contains(p.shown, `" with "`)) {
		return true // online 0/3, up but read-only
	}
	all := healthTokens(word)
	return len(all) == 1 && slices.Contains([]string{"down", "unhealthy", "unavailable", "disconnected", "unreachable", "offline", "dead"}, all[0])
}

func isNegation(word string) bool {
	return slices.Contains(strings.Fields("no none never cannot unable nothing nicht kein keine pas non não niet geen inte ikke nie nem"), word)
}

func isNone(word string) bool {
	return word == "no" || word == "zero" || word == "without" || isZero(word)
}

func isZero(word string) bool { return word != "" && strings.Trim(word, "0") == "" }

func isFaultNoun(word string) bool {
	return slices.Contains(strings.Fields("error errors failure failures fault faults problem problems issue issues warning warnings alert alerts "+
		"incident incidents outage outages failed failing down lag degradation unhealthy timeouts restarts"), word)
}

// isAvailability reports whether a good word can be counted: online 0/3.
func isAvailability(word string) bool {
	return slices.Contains(strings.Fields("up available online alive ready connected running reachable healthy serving live active operational"), word)
}

func isPart(word string) bool {
	return slices.Contains(strings.Fields("nodes replicas workers instances components checks services servers shards brokers members backends pods"), word)
}

func isUsage(word string) bool {
	return slices.Contains(strings.Fields("connections connection conns clients used use slots idle open requests jobs gb mb kb gib mib bytes memory"), word)
}

// measure matches a number with or without a unit, a version, a time, or a commit.
var measure = lazyregexp.New(`^(v?[0-9][0-9.,:+-]*[a-z%µ]{0,8}|[0-9]{4}-[0-9]{2}-[0-9]{2}[t0-9:.z+-]*|[0-9a-f]*[0-9][0-9a-f]{6,39})$`)

func isMeasure(word string) bool { return measure.MatchString(word) || isUnit(word) }

func isUnit(word string) bool {
	return slices.Contains(strings.Fields("ms us µs ns s sec secs second seconds m min mins minute minutes h hr hrs hour hours d day days week weeks "+
		"b kb mb gb tb kib mib gib bytes percent rps qps req requests ops"), word)
}

// isFiller reports whether a word says nothing about health.
func isFiller(word string) bool {
	return slices.Contains(strings.Fields("a ago all an and api app application are as at been build by cache check checked checks client clients cluster code "+
		"component components conns connection connections database db every everything for from has health healthcheck host http https idle in "+
		"instance instances is it its last latency leader master message node nodes now of on open ping pool port postgres postgresql primary queue "+
		"mariadb mysql mongodb nginx kafka rabbitmq elasticsearch valkey redis read readwrite release replica replicas replication response round rtt running "+
		"seen server servers service services since state status system systems tcp the this time tls to today took total trip uptime used utc version "+
		"via was with worker workers writable write"), word)
}

func healthWords() []string {
	return strings.Fields("healthy ok okay up pass passed passing ready true alive live connected green available running operational working success " +
		"successful succeeded good normal active online serving reachable pong fine nominal responding responsive functional established optimal " +
		"stable synced started initialized accepting accepted yes " +
		"verfügbar erreichbar verbunden bereit gesund aktiv disponible connecté opérationnel opérationnelle accessible conectado conectada activo activa operativo " +
		"operativa saludable disponibile connesso attivo raggiungibile disponível ativo saudável beschikbaar verbonden actief tillgänglig tilgængelig")
}

// downWords mean down.
func downWords() []string {
	return strings.Fields("unhealthy down error fail failed failing failure unavailable disconnected red stopped timeout unreachable refused offline dead " +
		"broken crashed unresponsive")
}

// degradedWords mean degraded or unknown.
func degradedWords() []string {
	return strings.Fields("disabled degraded false null not not_ready not_serving yellow warn warning unknown starting not_configured partial partially " +
		"out_of_service outofservice critical inactive")
}

// isRestriction reports whether a word restricts a good one before it: up but read-only.
func isRestriction(word string) bool {
	return slices.Contains(strings.Fields("no but except excluding only readonly without lost exited killed exceeded rejected rejecting denied panic exception "+
		"errors failures missing stale lagging overloaded saturated exhausted maintenance draining paused suspended shutting terminating terminated "+
		"recovering recovery blocked stuck corrupt corrupted unstable impaired limited slow pending initializing loading syncing outage wrong bad "+
		"invalid off never cannot unable unauthorized none nothing however although despite expired restarting crashloop throttled unreadable "+
		"unwritable unsynced behind outdated failover fallback backlog deadlock deadlocks"), word)
}
