package firewall

import (
	"slices"
	"strings"
)

// Parsing the iptables-restore lines in ufw's files. Unsupported options make a rule unsure, never harmless.

// parseRuleLine parses a line of iptables-restore. Not ok: the line neither admits nor blocks new connections from
// outside.
func parseRuleLine(text string) (ufwRule, bool) {
	words := ruleWords(text)
	r := ufwRule{anybody: true, whole: true}
	protocol, ports, sourcePort, target := "any", "any", "", ""
	fresh, not := true, false
	for i := 0; i < len(words); i++ {
		word := words[i]
		next := func() string {
			if i+1 < len(words) {
				i++
			} else {
				r.unsure = true
			}
			value := words[i]
			if value == "!" && i+1 < len(words) { // the old form of ! -s X
				not = true
				i++
				value = words[i]
			}
			return value
		}
		if word == "!" {
			not = true
			continue
		}
		switch word {
		case "-A", "-I":
			chain := next()
			var known bool
			if r.forward, known = chainRole(chain); !known {
				if isOtherChain(chain) {
					return ufwRule{}, false
				}
				r.unsure = true // a custom chain: the conditions for jumping to it are unknown
			}
		case "-i", "--in-interface":
			if iface := next(); !not {
				r.onInterface(iface)
			}
			r.whole = false
		case "-s", "--source", "--src":
			if from := next(); not {
				r.whole = false
			} else {
				r.from(from)
			}
		case "-d", "--destination", "--dst":
			if to := next(); not {
				r.whole = false
			} else {
				r.to(to)
			}
		case "-p", "--protocol":
			protocol = next()
			r.unsure = r.unsure || not
		case "--dport", "--dports", "--destination-port", "--destination-ports":
			ports = next()
			r.unsure = r.unsure || not
		case "--sport", "--sports", "--source-port", "--source-ports":
			sourcePort = next()
			r.whole = false
		case "--ctstate", "--state":
			states := strings.Split(strings.ToUpper(next()), ",")
			fresh = slices.Contains(states, "NEW") != not
			r.whole = false
		case "-j", "--jump", "-g", "--goto":
			target = next()
		case "-m", "--match":
			switch next() {
			case "tcp", "udp", "multiport", "comment", "conntrack", "state":
			case "recent", "limit", "hashlimit", "connlimit": // limits the rate, not the sender
				r.whole = false
			default:
				r.unsure = true
			}
		case "--comment", "--seconds", "--hitcount", "--name", "--limit", "--limit-burst", "--reject-with", "-o", "--out-interface":
			next()
		case "--set", "--update", "--rcheck", "--rsource", "--syn":
		default:
			r.unsure = true
		}
		not = false
	}
	switch target {
	case "ACCEPT", "ufw-user-limit-accept", "ufw6-user-limit-accept":
		r.admits = true
	case "DROP", "REJECT":
	default:
		return ufwRule{}, false
	}
	dhcp := protocol == "udp" && sourcePort == "67" && ports == "68" // ufw's rule for the host's own address
	if !fresh || dhcp {
		return ufwRule{}, false
	}
	return r, r.opens(protocol, ports)
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
