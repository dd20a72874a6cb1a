package gitscan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/deployment/env"
	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe"
	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// The secrets in use are known: the values of the env files and of Compose's secret files. Exactly these are searched
// for, as they are, in base64 and URL-encoded. No rule is needed to recognize them.

const (
	// ruleInUse is the rule of findings that equal a secret in use. It is valid in .gitleaksignore and baselines.
	ruleInUse = "catalyst-secret-in-use"
	// minInUse is the minimum length of values that are searched for: shorter ones occur by chance.
	minInUse      = 12
	maxSecretFile = 4 << 10
	// prefixed is the number of bytes by which a position is looked up. No pattern is shorter.
	prefixed = 8
)

// publicKey matches keys that end in KEY and open nothing.
var publicKey = lazyregexp.New(`(?i)(?:PUBLIC|PUBLISHABLE|SITE|PRIMARY|PARTITION|SORT|CACHE)_?KEY$`)

// noSecretValue matches locations, and names made of words.
var noSecretValue = lazyregexp.New(`(?i)^(?:file:|\.{0,2}/|[a-z]:\\)|^[a-z]+(?:[./:_-][a-z]+)+$`)

// namedPassword matches keys whose value is a password even if it is made of words.
var namedPassword = lazyregexp.New(`(?i)PASS(WORD|WD|PHRASE)?|SECRET|TOKEN`)

// secretsInUse returns the secrets of the deployment.
func secretsInUse(p *probe.Pass) []string {
	var all []string
	add := func(value string) {
		if len(value) >= minInUse && secretvalue.EntropyBits(value) >= secretvalue.WeakEntropy &&
			!secretvalue.IsPlaceholder(value) && !secretvalue.IsTriedFirst(value) {
			all = append(all, value)
		}
	}
	envs, _ := p.View.EnvFiles() // other probes report unreadable ones
	for _, env := range envs {
		for _, e := range env.Entries {
			addEntry(e, add)
		}
	}
	if c, err := p.View.Compose(); err == nil {
		for _, s := range c.Project.Secrets {
			if s.File == "" {
				continue
			}
			if text, _, err := files.Read(s.File, maxSecretFile); err == nil {
				add(strings.TrimSpace(string(text)))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func addEntry(e env.Entry, add func(string)) {
	value := e.Text.Reveal()
	if m := secretvalue.URLPassword.FindStringSubmatch(value); m != nil {
		add(m[1])
		if plain, err := url.PathUnescape(m[1]); err == nil {
			add(plain)
		}
		return
	}
	holds := (secretvalue.HoldsSecret(e.Key) || secretKey.MatchString(e.Key)) && !publicKey.MatchString(e.Key)
	if !holds || strings.Contains(value, "://") || noSecretValue.MatchString(value) && (!namedPassword.MatchString(e.Key) || strings.ContainsAny(value, `/\`)) {
		return
	}
	add(value)
}

// valueSearch finds texts in one pass over the content.
type valueSearch struct {
	begins   [1 << 16]bool // hashes of the first bytes
	patterns map[string][]string
	digest   string
}

// newValueSearch prepares a search for values. The key is random and stays in the process, so that the digest says nothing
// about the values.
func newValueSearch(key []byte, values []string) *valueSearch {
	v := &valueSearch{patterns: map[string][]string{}}
	mac := hmac.New(sha256.New, key)
	for _, value := range values {
		_, _ = fmt.Fprintf(mac, "%d %s", len(value), value)
		for _, form := range formsOf(value) {
			if known := v.patterns[form[:prefixed]]; !slices.Contains(known, form) {
				v.patterns[form[:prefixed]] = append(known, form)
				v.begins[beginOf(form)] = true
			}
		}
	}
	v.digest = string(mac.Sum(nil))
	return v
}

func beginOf(text string) uint16 {
	n := uint32(text[0]) | uint32(text[1])<<8 | uint32(text[2])<<16 | uint32(text[3])<<24
	return uint16(n * 2654435761 >> 16) //nolint:gosec // a multiplicative hash
}

// formsOf returns the texts in which a value may be written. Base64 depends on the position of the value in what is
// encoded: characters that the neighbours decide are left out.
func formsOf(value string) []string {
	forms := []string{value}
	for _, escaped := range []string{url.QueryEscape(value), url.PathEscape(value)} {
		if escaped != value {
			forms = append(forms, escaped, lowerEscapes(escaped))
		}
	}
	for skip := range 3 {
		padded := make([]byte, skip+len(value))
		copy(padded[skip:], value)
		first, end := (skip*8+5)/6, len(padded)*8/6
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, encoding.EncodeToString(padded)[first:end])
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(text[i+1:i+3]))
		}
	}
	return string(b)
}

// lines calls each with the line, from 0, of every occurrence.
func (v *valueSearch) lines(text string, each func(line int)) {
	if v == nil || len(v.patterns) == 0 {
		return
	}
	line, counted := 0, 0
	for i := 0; i+prefixed <= len(text); i++ {
		if !v.begins[beginOf(text[i:i+4])] {
			continue
		}
		for _, pattern := range v.patterns[text[i:i+prefixed]] {
			if strings.HasPrefix(text[i:], pattern) {
				line += strings.Count(text[counted:i], "\n")
				counted = i
				each(line)
				break
			}
		}
	}
}
