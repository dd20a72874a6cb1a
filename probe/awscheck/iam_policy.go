package awscheck

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// Evaluates IAM policies: can the identity put objects into the bucket? iam_excess.go checks what else it may do. Statements follow AWS's documented evaluation: an explicit Deny first, then any Allow, otherwise denied.
// Conditions depend on a request and are not evaluated: a conditional Allow counts separately, a conditional Deny is
// ignored.

// maxPolicy exceeds the limit of AWS (10,240 characters, more when percent-encoded).
const maxPolicy = 256 << 10

// maxPattern exceeds the maximum length of an ARN.
const maxPattern = 2048

var errPolicy = errors.New("invalid IAM policy")

// iamPolicy is one policy document.
type iamPolicy struct {
	Name       string // shown in messages
	ARN        string // of a managed policy
	Statements []iamStatement
}

type iamStatement struct {
	Allow        bool
	Actions      []string
	NotActions   []string
	Resources    []string
	NotResources []string
	Conditional  bool
}

// oneOrMany is a string or a list of strings.
type oneOrMany []string

func (o *oneOrMany) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = oneOrMany{one}
		return nil
	}
	var many []string
	err := json.Unmarshal(data, &many)
	*o = many
	return err
}

type rawStatement struct {
	Effect      string
	Action      oneOrMany
	NotAction   oneOrMany
	Resource    oneOrMany
	NotResource oneOrMany
	Condition   map[string]json.RawMessage
}

// parsePolicy parses a document, plain or percent-encoded as AWS sends it. user replaces ${aws:username}.
func parsePolicy(name, document, user string) (iamPolicy, error) {
	text := strings.TrimSpace(document)
	if len(text) > maxPolicy {
		return iamPolicy{}, errPolicy
	}
	if !strings.HasPrefix(text, "{") {
		decoded, err := url.PathUnescape(text)
		if err != nil {
			return iamPolicy{}, errPolicy
		}
		text = decoded
	}
	var raw struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(text), &raw); err != nil || len(raw.Statement) == 0 {
		return iamPolicy{}, errPolicy
	}
	var all []rawStatement
	if err := json.Unmarshal(raw.Statement, &all); err != nil {
		var one rawStatement
		if json.Unmarshal(raw.Statement, &one) != nil {
			return iamPolicy{}, errPolicy
		}
		all = []rawStatement{one}
	}
	if len(all) == 0 {
		return iamPolicy{}, errPolicy
	}
	p := iamPolicy{Name: name}
	for _, r := range all {
		s := iamStatement{Allow: r.Effect == "Allow", Actions: lower(r.Action), NotActions: lower(r.NotAction), Conditional: len(r.Condition) > 0}
		if !s.Allow && r.Effect != "Deny" || len(r.Action)+len(r.NotAction) == 0 || len(r.Resource)+len(r.NotResource) == 0 {
			return iamPolicy{}, errPolicy
		}
		for _, list := range []struct {
			from oneOrMany
			to   *[]string
		}{{r.Resource, &s.Resources}, {r.NotResource, &s.NotResources}} {
			for _, resource := range list.from {
				resource = strings.ReplaceAll(resource, "${aws:username}", user)
				if i := strings.Index(resource, "${"); i >= 0 { // other variables depend on the request
					resource, s.Conditional = resource[:i]+"*", true
				}
				if len(resource) > maxPattern {
					return iamPolicy{}, errPolicy
				}
				*list.to = append(*list.to, resource)
			}
		}
		p.Statements = append(p.Statements, s)
	}
	return p, nil
}

func lower(all []string) []string {
	var out []string
	for _, s := range all {
		out = append(out, strings.ToLower(s))
	}
	return out
}

// speaksOf reports whether a statement applies to an action (in lower case).
func (s iamStatement) appliesTo(action string) bool {
	if len(s.NotActions) > 0 {
		return !slices.ContainsFunc(s.NotActions, func(p string) bool { return globCovers(p, action) })
	}
	return slices.ContainsFunc(s.Actions, func(p string) bool { return globCovers(p, action) })
}

// grant is the decision of policies on one action for an ARN pattern.
type grant int

const (
	grantNone        grant = iota
	grantConditional       // allowed under conditions, which are not evaluated
	grantAllowed           // on at least part of the pattern
)

// allowed evaluates the policies. action is in lower case; target is a pattern, of which one writable object suffices.
func allowed(policies []iamPolicy, action, target string) grant {
	var denied []iamStatement
	for _, p := range policies {
		for _, s := range p.Statements {
			if !s.Allow && !s.Conditional && s.appliesTo(action) {
				denied = append(denied, s)
			}
		}
	}
	best := grantNone
	for _, p := range policies {
		for _, s := range p.Statements {
			if !s.Allow || !s.appliesTo(action) {
				continue
			}
			for _, part := range s.matchingResources(target) {
				if slices.ContainsFunc(denied, func(d iamStatement) bool { return d.covers(part) || d.covers(target) }) {
					continue
				}
				if s.Conditional {
					best = max(best, grantConditional)
				} else {
					best = grantAllowed
				}
			}
		}
	}
	return best
}

// parts returns the resource patterns of an Allow that overlap the target.
func (s iamStatement) matchingResources(target string) []string {
	if len(s.NotResources) > 0 {
		if slices.ContainsFunc(s.NotResources, func(r string) bool { return globCovers(r, target) }) {
			return nil
		}
		return []string{target}
	}
	var parts []string
	for _, r := range s.Resources {
		if globsMeet(r, target) {
			parts = append(parts, r)
		}
	}
	return parts
}

// covers reports whether the statement applies to everything a pattern matches.
func (s iamStatement) covers(target string) bool {
	if len(s.NotResources) > 0 {
		return !slices.ContainsFunc(s.NotResources, func(r string) bool { return globsMeet(r, target) })
	}
	return slices.ContainsFunc(s.Resources, func(r string) bool { return globCovers(r, target) })
}

// globCovers reports whether glob matches everything that the pattern target matches: * is any text, ? one character. A
// * of the target is covered only by a * of glob, so there may be false negatives but no false positives.
func globCovers(glob, target string) bool {
	g, t, star, mark := 0, 0, -1, 0
	for t < len(target) {
		switch {
		case g < len(glob) && glob[g] == '*':
			star, mark = g, t
			g++
		case g < len(glob) && target[t] != '*' && (glob[g] == '?' || glob[g] == target[t]):
			g++
			t++
		case star >= 0:
			mark++
			g, t = star+1, mark
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == '*' {
		g++
	}
	return g == len(glob)
}

// globsMeet reports whether some text matches both patterns.
func globsMeet(a, b string) bool {
	if len(a) > maxPattern || len(b) > maxPattern {
		return false
	}
	// meet[j]: a[i:] and b[j:] match a common text; filled from the ends.
	next, meet := make([]bool, len(b)+1), make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				meet[j] = true
			case i < len(a) && a[i] == '*':
				meet[j] = next[j] || j < len(b) && meet[j+1]
			case j < len(b) && b[j] == '*':
				meet[j] = meet[j+1] || i < len(a) && next[j]
			case i < len(a) && j < len(b):
				meet[j] = (a[i] == b[j] || a[i] == '?' || b[j] == '?') && next[j+1]
			default:
				meet[j] = false
			}
		}
		next, meet = meet, next
	}
	return next[0]
}
