package firewall

import (
	"bytes"
	"errors"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/probe/portset"
)

// Parsing ufw's files: what their rules do to a new connection from outside.
//
// user.rules contains each rule twice: as a comment, "### tuple ###", which ufw itself reads, and below it as the lines
// that are loaded. Manual edits change only the lines, and before.rules and after.rules have only lines. Both are read,
// and where they differ both count.

// ufwRule is the effect of one rule.
type ufwRule struct {
	line    int
	admits  bool // otherwise it drops or rejects
	forward bool // for packets forwarded to a container or another host
	ports   portset.Opened
	anybody bool // matches packets from any internet address
	whole   bool // has no further conditions; only such a rule blocks a packet for certain
	unsure  bool // it has conditions that are not supported here
	// aside is the interface that the rule is limited to, if it seems to lead to a private network; "" otherwise.
	aside   string
	profile string
}

const (
	maxUFWFile  = 8 << 20
	maxUFWRules = 50_000
)

var errTooManyRules = errors.New("too many rules")

// parseUFW reads a file of rules.
func parseUFW(data []byte) ([]ufwRule, error) {
	var rules []ufwRule
	filter := true // the lines belong to the table filter
	var tuple *ufwRule
	line := 0
	for text := range bytes.Lines(data) {
		line++
		text := strings.TrimSpace(string(text))
		var r ufwRule
		ok := false
		switch {
		case strings.HasPrefix(text, "### tuple ###"):
			r, ok = parseTuple(strings.TrimPrefix(text, "### tuple ###"))
			r.line, tuple = line, nil
			if ok {
				tuple = &r
			}
		case text == "":
			tuple = nil
		case text[0] == '*':
			filter = text == "*filter"
		case filter && (strings.HasPrefix(text, "-A ") || strings.HasPrefix(text, "-I ")):
			r, ok = parseRuleLine(text)
			r.line = line
			ok = ok && !tuple.says(r)
		}
		if ok {
			if rules = append(rules, r); len(rules) > maxUFWRules {
				return nil, errTooManyRules
			}
		}
	}
	return rules, nil
}

// says reports whether a rule line below a tuple does no more than the tuple.
func (r *ufwRule) says(line ufwRule) bool {
	if r == nil {
		return false
	}
	return !line.admits || r.admits && r.forward == line.forward && (r.anybody || !line.anybody) && line.ports.Without(r.ports).Empty()
}

// parseTuple reads ACTION PROTOCOL PORT TO PORT FROM [TO-PROFILE FROM-PROFILE] [DIRECTION[_INTERFACE]] [comment=…].
func parseTuple(text string) (ufwRule, bool) {
	text, _, _ = strings.Cut(text, " comment=")
	fields := strings.Fields(text)
	if len(fields) < 6 || len(fields) > 9 {
		return ufwRule{}, false
	}
	action, forward := strings.CutPrefix(fields[0], "route:")
	action, _, _ = strings.Cut(action, "_") // allow_log, allow_log-all
	r := ufwRule{forward: forward, admits: action == "allow" || action == "limit", anybody: true, whole: true}
	if !r.admits && action != "deny" && action != "reject" {
		return ufwRule{}, false
	}
	if len(fields) >= 8 && fields[6] != "-" {
		r.profile = strings.ReplaceAll(fields[6], "%20", " ")
	}
	if len(fields) == 7 || len(fields) == 9 {
		in, _, _ := strings.Cut(fields[len(fields)-1], "!")
		direction, iface, _ := strings.Cut(in, "_")
		if direction == "out" && !forward {
			return ufwRule{}, false
		}
		if direction == "in" && iface != "" {
			r.onInterface(iface)
		}
	}
	if fields[4] != "any" {
		r.whole = false // a source port; the client chooses it
	}
	r.to(fields[3])
	r.from(fields[5])
	return r, r.opens(fields[1], fields[2])
}
