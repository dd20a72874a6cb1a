package gitscan

import (
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
