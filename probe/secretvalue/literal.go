package secretvalue

import "github.com/thenexusengine/catalyst_exporter/lazyregexp"

var (
	// noSecretKey matches keys that are public or open nothing.
	noSecretKey = lazyregexp.New(`(?i)(?:PUBLIC|PUBLISHABLE|SITE|PRIMARY|PARTITION|SORT|CACHE)_?KEY$`)
	// noSecretText matches the value of a switch or a number, or the location of a secret.
	noSecretText = lazyregexp.New(`(?i)^(?:true|false|yes|no|on|off|none|[0-9]{1,5}[a-z]{0,2}|(?:file:|\.{0,2}/).*)$`)
)

// Literal returns the password or key in the value of a variable; "" for none.
func Literal(key, value string) string {
	if m := URLPassword.FindStringSubmatch(value); m != nil {
		value = m[1]
	} else if !HoldsSecret(key) || noSecretKey.MatchString(key) || noSecretText.MatchString(value) {
		return ""
	}
	if IsPlaceholder(value) {
		return ""
	}
	return value
}
