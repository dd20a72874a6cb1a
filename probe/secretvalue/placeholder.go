// Package secretvalue judges text that may be a secret: placeholders, weak values and names of secrets.
package secretvalue

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
	"github.com/thenexusengine/catalyst_exporter/probe/phrase"
)

// A placeholder is a value that was meant to be replaced. It is recognised by its pattern, not by comparison with one
// default: templates differ between teams and versions, and a check that knows one default passes all others. The
// patterns match whole words, so a generated secret that contains "xxx" or "todo" between other letters is not a
// placeholder.
//
// The meaning of a word depends on its setting: "password" is a placeholder as a secret, and a valid name for a field
// that logs must hide. Secrets are therefore checked against every pattern, other settings only against patterns that
// are a placeholder in any setting.

// placeholderAnywhere matches anywhere in any value: these letters do not occur by chance.
var placeholderAnywhere = lazyregexp.New(`(?i)change[-_ ]?me|replace[-_ ]?me`)

// exchange contains the letters of change-me when a word with me follows: exchange_media.
var exchange = lazyregexp.New(`(?i)exchange`)

// placeholderPhrase is a request to fill in a value, at the start of a value or as whole words.
var placeholderPhrase = lazyregexp.New(`(?i)(^|[^a-z0-9])(change[-_ ]?(it|this|in[-_ ]prod(uction)?|before[-_ ][a-z]+)|replace[-_ ](this|with|by|in)|(to|must|should)[-_ ]be[-_ ](set|defined|filled|replaced|changed|provided|determined|generated)` +
	`|fill[-_ ]?(me[-_ ]?|this[-_ ]?)?in|set[-_ ]?me|not[-_ ]?set|(insert|enter|paste|put)[-_ ][a-z_ -]*here|placeholder|fixme)($|[^a-z0-9])|^(insert|enter|paste)[-_ ]|^todo($|[^a-z0-9])|^tb[da]($|[ :])|^change[-_]?(this|it)|[_-]here$`)

// placeholderMark is an unrendered template: <host>, {{ host }}, ${HOST}, %HOST%, __HOST__, @HOST@. Notations that are
// valid in a setting do not match: tags, {{.Level}} of Go templates, ${AUCTION_PRICE} and ${remote_addr}, which another
// program replaces.
var (
	placeholderMark = lazyregexp.New(`<([A-Za-z][A-Za-z0-9_.]*(?:[- ][A-Za-z0-9_.]+){0,7})>|^\{\{-?\s*[A-Za-z_][\w.]*(?:\s*\|[^{}]*)?\s*-?\}\}$|^%[A-Z][A-Z0-9_]*%$|^__[A-Z][A-Z0-9_]*__$|^@@?[A-Z][A-Z0-9_]*@@?$`)
	unexpanded      = lazyregexp.New(`\$\{([A-Z][A-Z0-9_]*)(?:[:?+=-][^}]*)?\}`)
)

// placeholderOwn matches "your…" at the start of a value, an address or a path segment.
var placeholderOwn = lazyregexp.New(`(?i)(?:^|://|@)your[-_ ][a-z]|[^:/]/your(?:/|$)`)

// placeholderNoWord is a whole value that is valid only in settings about words.
var (
	placeholderNoWord = lazyregexp.New(`(?i)^(?:password|passwd|secret|example|x{3,})$`)
	aboutWords        = lazyregexp.New(`(?i)(?:^|_)(?:` + wordKeys + `)$`)
)

// IsUnfilled reports whether the value is a placeholder in any setting. The empty value is not.
func IsUnfilled(value string) bool {
	return asksToFill(value) || hasMark(value, func(string) bool { return true })
}

// asksToFill reports whether the value has a placeholder's words.
func asksToFill(value string) bool {
	value = exchange.ReplaceAllLiteralString(value, "exch")
	return placeholderAnywhere.MatchString(value) || placeholderPhrase.MatchString(value) || placeholderOwn.MatchString(value)
}

// hasMark reports whether the value contains an unrendered template whose name passes the test.
func hasMark(value string, isName func(string) bool) bool {
	if m := placeholderMark.FindStringSubmatchIndex(value); m != nil {
		isGroup := m[0] > 0 && value[m[0]-1] == '?' // (?<name>…) of a regular expression
		isWhole := m[1]-m[0] == len(value)
		if m[2] < 0 || !isGroup && !phrase.IsHTMLTag(value[m[2]:m[3]]) && (isWhole || isName(value[m[2]:m[3]])) {
			return true
		}
	}
	m := unexpanded.FindStringSubmatch(value)
	return m != nil && !strings.HasPrefix(m[1], "AUCTION_") // OpenRTB's macros
}

// isNameInSecret matches what brackets inside a longer secret contain if they are a template's. Generated passwords with
// punctuation contain <k7> and %{Qa} by chance.
var isNameInSecret = lazyregexp.New(`^(?:[A-Z][A-Z_ .-]{3,}|[a-z][a-z_ .-]{3,}|[A-Z][a-z]{2,}(?:[ _-][A-Za-z]+)+|(?i:key|pwd|tbd|xxx|api))$|[^ ] [^ ]`).MatchString

// isPlainName matches what brackets around a whole secret contain if they are a template's.
var isPlainName = lazyregexp.New(`^[\w .:/?=+,'-]*$`).MatchString

// SecretMark is a notation that occurs in a secret only when a template was not rendered, or the mark with which Django begins
// the key of a new project.
func SecretMark(value string) bool {
	if secretMark.MatchString(value) {
		return true
	}
	for _, m := range secretBrackets.FindAllStringSubmatch(value, -1) {
		if m[0] == value && isPlainName(m[1]+m[2]) || isNameInSecret(m[1]+m[2]) {
			return true
		}
	}
	return false
}

var (
	secretMark     = lazyregexp.New("(?i:x{8,})|^django-insecure-|\\{\\{.*\\}\\}|^\\$[A-Z]+_[A-Z_]+$|\\$\\([a-z]+ |^\\$\\([a-z]+\\)$|^`[a-z]+(?: [^`]*)?`$|^\\[[A-Za-z _-]+\\]$")
	secretBrackets = lazyregexp.New(`[$%]\{([^{}]*)\}|<([^<>]*)>`)
)

// secretWord matches a whole word, delimited by the ends of the value or by characters other than letters and digits.
// Words such as your-secret match at the start of a word.
var secretWord = lazyregexp.New(`(?i)(^|[^a-z0-9])((changeme|password|passwd|secret|example|openssl)($|[^a-z0-9])|your[-_ ])`)

// secretShort matches between blanks and colons only: words this short occur by chance between the - and _ of a random
// value.
var secretShort = lazyregexp.New(`(?i)(^|[\s:])(todo|tbd|fixme|dummy|sample|xxx+)($|[\s:])`)

// secretNone is a whole value that is not a secret: a word for none, the name of the secret itself (redis_password,
// my-api-key, PAGERDUTY_KEY), a masked value, the key in the AWS documentation.
var secretNone = lazyregexp.New(`(?i)^(?:none|null|nil|undefined|n/a|default|unset|redacted|masked|hidden|(?:[a-z]+[-_ ]){0,5}(?:key|token|secret|password|passwd|credentials?)|your[a-z]*(?:key|token|secret|password|pass|here)|(?:generated?|random)[-_ ][a-z0-9_ -]+|[-x*.0# ]{3,})$` +
	`|^(?-i:[A-Za-z0-9/+]*EXAMPLE(?:KEY)?)$`)

// IsPlaceholder reports whether a secret, or a value of one word, was never replaced. Base64 does not hide a
// placeholder.
func IsPlaceholder(value string) bool {
	return isPlainPlaceholder(value) || isPlainPlaceholder(EncodedText(value))
}

func isPlainPlaceholder(value string) bool {
	return asksToFill(value) || hasMark(value, isNameInSecret) || SecretMark(value) || secretWord.MatchString(value) || secretShort.MatchString(value) || secretNone.MatchString(value) ||
		isTemplateText(value)
}

func base64Encodings() []*base64.Encoding {
	return []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding}
}

// EncodedText returns the text encoded by a base64 value, "" when it encodes no text. Random bytes do not decode to
// text.
func EncodedText(value string) string {
	for _, enc := range base64Encodings() {
		b, err := enc.DecodeString(value)
		text := strings.TrimSuffix(string(b), "\n")
		if err == nil && len(text) >= 5 && strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
			return text
		}
	}
	return ""
}

// triedFirst matches passwords on lists of common defaults, optionally followed by a number.
var triedFirst = lazyregexp.New(`(?i)^(?:p[a@]ss(?:w[o0]rd)?|admin(?:istrator)?|root|user|guest|test(?:ing)?|demo|dev(?:elopment)?|postgres(?:ql)?|redis|valkey|mysql|database|db|catalyst|letmein|welcome|qwerty|master|foobared|server|prod(?:uction)?|insecure|fake|temp|trustno|abc|keyboard cat)[-_.]?[0-9]{0,4}[!?.]?$|^(?:12345?6?7?8?9?0?|0+|1+)$`)

// IsTriedFirst reports whether a secret is one that attackers try first.
func IsTriedFirst(value string) bool { return triedFirst.MatchString(value) }

// wordKeys are the last words of keys whose value is an ordinary word: a file, a name, a kind, a list of fields.
const wordKeys = `FILE|FILES|PATH|PATHS|DIR|DIRECTORY|FOLDER|NAME|NAMES|TYPE|TYPES|METHOD|METHODS|MODE|MODES|KIND|FIELD|FIELDS|HEADER|HEADERS|COOKIE|PREFIX|SUFFIX|SCOPE|SCOPES|ROLE|ROLES|` +
	`FORMAT|PATTERN|REGEX|REGEXP|ROUTE|ROUTES|PAGE|VIEW|SUBJECT|TITLE|TEXT|MESSAGE|BODY|HINT|PROMPT|DESCRIPTION|QUESTION|POLICY|STRATEGY|BACKEND|PROVIDER|STORE|MANAGER|ENGINE|ALGORITHM|ALG|ISSUER|AUDIENCE|LABEL|LABELS|TAG|TAGS|TOPIC|QUEUE|TABLE|COLUMN|COLUMNS|MECHANISM|GRANTS?|REDACT|MASK|FILTER|` +
	`URL|URI|ENDPOINT|HOST|PORT|REGION|ARN|ENABLED|REQUIRED|DISABLED|TTL|EXPIRY|EXPIRATION|EXPIRES|EXPIRES_IN|LIFETIME|AGE|LENGTH|MIN|MAX|LIMIT|SIZE|COUNT|ROUNDS|COST|DAYS|HOURS|MINUTES|SECONDS|INTERVAL|TIMEOUT|VERSION|(?:KEY|SECRET|TOKEN|CREDENTIALS?)_ID`

// isAccessKeyID matches keys whose value is half of a secret despite being called an id.
var isAccessKeyID = lazyregexp.New(`(?i)ACCESS_?KEY_?ID$`)

// HoldsSecret reports whether a variable is named like a secret and not like a setting about one (JWT_SECRET_FILE,
// TOKEN_TTL).
func HoldsSecret(key string) bool {
	return isAccessKeyID.MatchString(key) || SecretName.MatchString(key) && !aboutWords.MatchString(key)
}

// URLPassword is the password in a URL.
var URLPassword = lazyregexp.New(`^[A-Za-z][A-Za-z0-9+.-]*://[^/@\s:]*:([^/@\s]+)@`)

// AddressBlank matches placeholders for a part of a path or host. Common words of paths do not match.
var AddressBlank = lazyregexp.New(`(?i)(^|[^a-z0-9])([tb]?x{3,}|[tb]0{6,}|changeme|todo|tbd|fixme|placeholder|(your|my)[-_][a-z0-9-]+)($|[^a-z0-9])|/\.{3}(/|$)`)

// IsBlankWord reports whether a value of one word or number was never replaced.
func IsBlankWord(value string) bool { return IsUnfilled(value) || placeholderNoWord.MatchString(value) }

// isUnfilledSetting reports whether the value of a variable that holds no secret is a placeholder. In a sentence, such as
// the subject of a mail, "change this" is an ordinary phrase unless it is most of the sentence.
func isUnfilledSetting(value string) bool {
	if IsUnfilled(value) {
		m := placeholderPhrase.FindString(value)
		isSentence := m != "" && strings.Contains(strings.TrimSpace(value), " ") && 2*len(m) < len(value)
		return !isSentence || IsUnfilled(placeholderPhrase.ReplaceAllString(value, " "))
	}
	return false
}

// IsBlankSetting reports whether the value of a variable was never replaced: for a secret any placeholder, for a URL
// also those of its parts, otherwise placeholders of any setting.
func IsBlankSetting(key, value string) bool {
	switch {
	case HoldsSecret(key):
		if IsPlaceholder(value) || IsTriedFirst(value) {
			return true
		}
	case isUnfilledSetting(value):
		return true
	}
	switch m := URLPassword.FindStringSubmatch(value); {
	case m != nil:
		return IsPlaceholder(m[1]) || IsTriedFirst(m[1])
	case strings.Contains(value, "://"):
		return strings.Contains(value, "hooks.") && AddressBlank.MatchString(value)
	}
	return placeholderNoWord.MatchString(value) && !aboutWords.MatchString(key)
}

// PlaceholderDomain matches documentation domains (RFC 2606, and common template domains).
var PlaceholderDomain = lazyregexp.New(`(?i)(^|[^a-z0-9-])((your|my)-?(domain|company|publisher|site|website|organi[sz]ation|business|project|adserver|exchange)(\.[a-z]{2,})?|your\.(domain|site|company|server|host)|(domain|company|yourname|changeme)\.(com|org|net|tld)|foo\.bar|example\.(com|org|net)|[a-z0-9.-]+\.(example|invalid|test))($|[^a-z0-9-])`)

// HasPlaceholderDomain reports whether a value contains a documentation domain.
func HasPlaceholderDomain(value string) bool { return PlaceholderDomain.MatchString(value) }

// WeakEntropy is the threshold in bits below which a secret is guessable: an offline search breaks 48 bits within days.
const WeakEntropy = 48

// commonWord matches common parts of passwords: an attacker guesses each as one unit, not letter by letter.
var commonWord = lazyregexp.New(`(?i)pass(word|wort|phrase|wd)?|secret|super|admin|root|user|login|welcome|letmein|qwerty|default|master|test|production|prod|staging|server|database|postgres|redis|catalyst|token|private|monkey|dragon|hunter|summer|winter|company|qwertyuiop|qwertz|asdfghjkl|zxcvbnm|1q2w3e4r|qazwsx`)

// EntropyBits estimates the bits needed to guess a value: the lower of the entropy of its characters and of the steps
// between them, times its length. A repeated pattern counts once, a common word as one character. It is an upper bound
// for values made up by people and a fair estimate for generated ones.
func EntropyBits(value string) float64 {
	value = commonWord.ReplaceAllString(Period(value), "\x00")
	if len(value) < 2 {
		return 0
	}
	characters, steps := map[int]int{}, map[int]int{}
	for i := range len(value) {
		characters[int(value[i])]++
		if i > 0 {
			steps[int(value[i])-int(value[i-1])]++
		}
	}
	return min(shannon(characters, len(value)), shannon(steps, len(value)-1)) * float64(len(value))
}

func shannon(counts map[int]int, total int) float64 {
	bits := 0.0
	for _, n := range counts {
		p := float64(n) / float64(total)
		bits -= p * math.Log2(p)
	}
	return bits
}

// Period returns the shortest text whose repetition gives the value.
func Period(value string) string {
	if i := strings.Index((value + value)[min(1, len(value)):], value); i >= 0 && i+1 < len(value) {
		return value[:i+1]
	}
	return value
}

// DecodedLen returns the number of bytes encoded by a base64 or hexadecimal value, otherwise the length of the value.
func DecodedLen(value string) int {
	if b, err := hex.DecodeString(value); err == nil {
		return len(b)
	}
	for _, enc := range base64Encodings() {
		if b, err := enc.DecodeString(value); err == nil {
			return len(b)
		}
	}
	return len(value)
}

// SecretName matches the names of variables that hold secrets.
var SecretName = lazyregexp.New(`(?i)(SECRET|PASSWORD|PASSWD|TOKEN|PRIVATE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PASSPHRASE|_(KEY|PASS|PWD)$)`)

// MinSecret is the minimum length at which equal values are not a coincidence.
const MinSecret = 8
