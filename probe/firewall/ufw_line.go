package firewall

import (
	"slices"
	"strings"
)

// Parsing the iptables-restore lines in ufw's files. Unsupported options make a rule unsure, never harmless.

// parseRuleLine parses a line of iptables-restore. Not ok: the line neither admits nor blocks new connections from
// outside.
func parseRuleLine(text string) (ufwRule, bool) {
	l := ruleLine{words: ruleWords(text), rule: ufwRule{anybody: true, whole: true}, protocol: "any", ports: "any", fresh: true}
	for l.at = 0; l.at < len(l.words); l.at++ {
		word := l.words[l.at]
		if word == "!" {
			l.not = true
			continue
		}
		if !l.option(word) {
			return ufwRule{}, false
		}
		l.not = false
	}
	switch l.target {
	case "ACCEPT", "ufw-user-limit-accept", "ufw6-user-limit-accept":
		l.rule.admits = true
	case "DROP", "REJECT":
	default:
		return ufwRule{}, false
	}
	dhcp := l.protocol == "udp" && l.sourcePort == "67" && l.ports == "68" // ufw's rule for the host's own address
	if !l.fresh || dhcp {
		return ufwRule{}, false
	}
	return l.rule, l.rule.opens(l.protocol, l.ports)
}

// ruleLine is the state of parsing one line.
type ruleLine struct {
	words []string
	at    int // index of the current word
	rule  ufwRule

	protocol, ports, sourcePort, target string

	fresh bool // the rule applies to new connections
	not   bool // the current option is negated
}

// next returns the value of the current option.
func (l *ruleLine) next() string {
	if l.at+1 < len(l.words) {
		l.at++
	} else {
		l.rule.unsure = true
	}
	value := l.words[l.at]
	if value == "!" && l.at+1 < len(l.words) { // the old form of ! -s X
		l.not = true
		l.at++
		value = l.words[l.at]
	}
	return value
}

// option processes an option with its value. It returns false if the rule is in a chain that does not matter.
func (l *ruleLine) option(word string) bool {
	r := &l.rule
	switch word {
	case "-A", "-I":
		chain := l.next()
		var known bool
		if r.forward, known = chainRole(chain); !known {
			if isOtherChain(chain) {
				return false
			}
			r.unsure = true // a custom chain: the conditions for jumping to it are unknown
		}
	case "-i", "--in-interface":
		if iface := l.next(); !l.not {
			r.onInterface(iface)
		}
		r.whole = false
	case "-s", "--source", "--src":
		if from := l.next(); l.not {
			r.whole = false
		} else {
			r.from(from)
		}
	case "-d", "--destination", "--dst":
		if to := l.next(); l.not {
			r.whole = false
		} else {
			r.to(to)
		}
	case "-p", "--protocol":
		l.protocol = l.next()
		r.unsure = r.unsure || l.not
	case "--dport", "--dports", "--destination-port", "--destination-ports":
		l.ports = l.next()
		r.unsure = r.unsure || l.not
	case "--sport", "--sports", "--source-port", "--source-ports":
		l.sourcePort = l.next()
		r.whole = false
	case "--ctstate", "--state":
		states := strings.Split(strings.ToUpper(l.next()), ",")
		l.fresh = slices.Contains(states, "NEW") != l.not
		r.whole = false
	case "-j", "--jump", "-g", "--goto":
		l.target = l.next()
	case "-m", "--match":
		l.match(l.next())
	case "--comment", "--seconds", "--hitcount", "--name", "--limit", "--limit-burst", "--reject-with", "-o", "--out-interface":
		l.next()
	case "--set", "--update", "--rcheck", "--rsource", "--syn":
	default:
		r.unsure = true
	}
	return true
}

// match processes the name of a match extension.
func (l *ruleLine) match(name string) {
	switch name {
	case "tcp", "udp", "multiport", "comment", "conntrack", "state":
	case "recent", "limit", "hashlimit", "connlimit": // limits the rate, not the sender
		l.rule.whole = false
	default:
		l.rule.unsure = true
	}
}

// chainRole reports whether a chain sees packets from outside, and whether it is for forwarded ones.
func chainRole(chain string) (forward, known bool) {
	switch strings.Replace(chain, "ufw6-", "ufw-", 1) {
	case "ufw-before-input", "ufw-user-input", "ufw-after-input", "INPUT":
		return false, true
	case "ufw-before-forward", "ufw-user-forward", "ufw-after-forward", "FORWARD":
		return true, true
	}
	return false, false
}

// isOtherChain reports whether a chain admits nothing by itself: output and logging chains, and ufw's internal ones.
func isOtherChain(chain string) bool {
	name, ufw := strings.CutPrefix(strings.Replace(chain, "ufw6-", "ufw-", 1), "ufw-")
	if !ufw {
		return chain == "OUTPUT"
	}
	return strings.HasSuffix(name, "-output") || strings.Contains(name, "logging") || slices.Contains([]string{
		"user-limit", "user-limit-accept", "not-local", "skip-to-policy-input", "skip-to-policy-forward", "reject-input", "reject-forward", "track-input", "track-forward",
	}, name)
}

// ruleWords splits a line at blanks outside quotes.
func ruleWords(text string) []string {
	var words []string
	var word strings.Builder
	quote, open := byte(0), false
	for i := range len(text) {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, open = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words
}
