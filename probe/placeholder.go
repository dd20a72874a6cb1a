package probe

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"regexp"
	"strings"
)

// A placeholder is a value that somebody was meant to replace. It is told by its pattern, never by equality with one default: templates
// differ between teams and versions, and a check that knows one default passes all the others. What is random stays what it is: the patterns
// ask for whole words, so that a generated secret that happens to hold "xxx" or "todo" between other letters is none.
//
// What a word means hangs on whose value it is: "password" is none for a secret, and a fine one for the field that a log must hide. So secrets are
// asked about every pattern, and other settings about those alone that mean nothing but a blank wherever they stand.

// placeholderAnywhere counts anywhere in any value: nobody generates these letters in a row by chance.
var placeholderAnywhere = regexp.MustCompile(`(?i)change[-_ ]?me|replace[-_ ]?me`)

// exchange holds the letters of change-me when a word with me follows: exchange_media.
var exchange = regexp.MustCompile(`(?i)exchange`)

// placeholderPhrase is a request to fill something in, at the start of a value or as its whole words.
var placeholderPhrase = regexp.MustCompile(`(?i)(^|[^a-z0-9])(change[-_ ]?(it|this|in[-_ ]prod(uction)?|before[-_ ][a-z]+)|replace[-_ ](this|with|by|in)|(to|must|should)[-_ ]be[-_ ](set|defined|filled|replaced|changed|provided|determined|generated)` +
	`|fill[-_ ]?(me[-_ ]?|this[-_ ]?)?in|set[-_ ]?me|not[-_ ]?set|(insert|enter|paste|put)[-_ ][a-z_ -]*here|placeholder|fixme)($|[^a-z0-9])|^(insert|enter|paste)[-_ ]|^todo($|[^a-z0-9])|^tb[da]($|[ :])|^change[-_]?(this|it)|[_-]here$`)

// placeholderMark is the notation of a template that nobody has rendered: <host>, {{ host }}, ${HOST}, %HOST%, __HOST__, @HOST@. Notations that
// belong into a setting are none: tags, {{.Level}} of Go's templates, ${AUCTION_PRICE} and ${remote_addr}, which another program replaces.
var (
	placeholderMark = regexp.MustCompile(`<([A-Za-z][A-Za-z0-9_.]*(?:[- ][A-Za-z0-9_.]+){0,7})>|^\{\{-?\s*[A-Za-z_][\w.]*(?:\s*\|[^{}]*)?\s*-?\}\}$|^%[A-Z][A-Z0-9_]*%$|^__[A-Z][A-Z0-9_]*__$|^@@?[A-Z][A-Z0-9_]*@@?$`)
	unexpanded      = regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]*)(?:[:?+=-][^}]*)?\}`)
)

// placeholderOwn is what somebody is told to replace by one's own, where a value, an address or a part of its path begins.
var placeholderOwn = regexp.MustCompile(`(?i)(?:^|://|@)your[-_ ][a-z]|[^:/]/your(?:/|$)`)

// placeholderNoWord is a whole value that no setting has, but for those that speak of words.
var (
	placeholderNoWord = regexp.MustCompile(`(?i)^(?:password|passwd|secret|example|x{3,})$`)
	aboutWords        = regexp.MustCompile(`(?i)(?:^|_)(?:` + wordKeys + `)$`)
)

// isUnfilled reports whether the value of a setting is one that nobody has replaced, whatever the setting is for. The empty value is none.
func isUnfilled(value string) bool {
	value = exchange.ReplaceAllLiteralString(value, "exch")
	if placeholderAnywhere.MatchString(value) || placeholderPhrase.MatchString(value) || placeholderOwn.MatchString(value) {
		return true
	}
	if m := placeholderMark.FindStringSubmatchIndex(value); m != nil {
		isGroup := m[0] > 0 && value[m[0]-1] == '?' // (?<name>…) of a regular expression
		if m[2] < 0 || !isGroup && !isHTMLTag(value[m[2]:m[3]]) {
			return true
		}
	}
	m := unexpanded.FindStringSubmatch(value)
	return m != nil && !strings.HasPrefix(m[1], "AUCTION_") // OpenRTB's macros
}

// secretMark is a notation that no secret holds, but for one that is not rendered.
var secretMark = regexp.MustCompile("(?i:x{8,})|[$%]\\{[^}]*\\}|<[^<>]*>|\\{\\{.*\\}\\}|^\\$[A-Z]+_[A-Z_]+$|\\$\\([a-z]+[ )]|^`[a-z]+[ `]|^\\[[A-Za-z _-]+\\]$")

// secretWord counts as a whole word: between the ends of the value and what is neither letter nor digit. The words of one's own
// (your-secret) count at the start of a word.
var secretWord = regexp.MustCompile(`(?i)(^|[^a-z0-9])((changeme|password|passwd|secret|example|openssl)($|[^a-z0-9])|your[-_ ])`)

// secretShort counts between blanks and colons alone, since so few letters do come up by chance between the - and _ of a random value.
var secretShort = regexp.MustCompile(`(?i)(^|[\s:])(todo|tbd|fixme|dummy|sample|xxx+)($|[\s:])`)

// secretNone is a whole value that is no secret: a word for none, the name of the thing itself (redis_password, my-api-key, PAGERDUTY_KEY), what
// comes out of a mask, the key of AWS's documentation.
var secretNone = regexp.MustCompile(`(?i)^(?:none|null|nil|undefined|n/a|default|unset|redacted|masked|hidden|(?:[a-z]+[-_ ]){0,5}(?:key|token|secret|password|passwd|credentials?)|your[a-z]*(?:key|token|secret|password|pass|here)|(?:generated?|random)[-_ ][a-z0-9_ -]+|[-x*.0# ]{3,})$` +
	`|^(?-i:[A-Za-z0-9/+]*EXAMPLE(?:KEY)?)$`)

// isPlaceholder reports whether a secret, or a value of which one word is expected, is one that nobody has replaced; encoding it makes it no secret.
func isPlaceholder(value string) bool {
	return isPlainPlaceholder(value) || isPlainPlaceholder(encodedText(value))
}

func isPlainPlaceholder(value string) bool {
	return isUnfilled(value) || secretMark.MatchString(value) || secretWord.MatchString(value) || secretShort.MatchString(value) || secretNone.MatchString(value)
}

// encodedText is the text that a base64 value stands for, "" where it stands for none: what is generated does not come out as text.
func encodedText(value string) string {
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		b, err := enc.DecodeString(value)
		text := strings.TrimSuffix(string(b), "\n")
		if err == nil && len(text) >= 5 && strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
			return text
		}
	}
	return ""
}

// triedFirst is a password that is on every list of defaults, as it is or with a number behind it.
var triedFirst = regexp.MustCompile(`(?i)^(?:p[a@]ss(?:w[o0]rd)?|admin(?:istrator)?|root|user|guest|test(?:ing)?|demo|dev(?:elopment)?|postgres(?:ql)?|redis|valkey|mysql|database|db|catalyst|letmein|welcome|qwerty|master|foobared|server|prod(?:uction)?|insecure|fake|temp|trustno|abc|keyboard cat)[-_.]?[0-9]{0,4}[!?.]?$|^(?:12345?6?7?8?9?0?|0+|1+)$`)

// isTriedFirst reports whether a secret is one that whoever attacks tries before any other.
func isTriedFirst(value string) bool { return triedFirst.MatchString(value) }

// wordKeys are the last words of keys whose value speaks of something by a word of its own: a file, a name, a kind, a list of fields.
const wordKeys = `FILE|FILES|PATH|PATHS|DIR|DIRECTORY|FOLDER|NAME|NAMES|TYPE|TYPES|METHOD|METHODS|MODE|MODES|KIND|FIELD|FIELDS|HEADER|HEADERS|COOKIE|PREFIX|SUFFIX|SCOPE|SCOPES|ROLE|ROLES|` +
	`FORMAT|PATTERN|POLICY|STRATEGY|BACKEND|PROVIDER|STORE|MANAGER|ENGINE|ALGORITHM|ALG|ISSUER|AUDIENCE|LABEL|LABELS|TAG|TAGS|TOPIC|QUEUE|TABLE|COLUMN|COLUMNS|MECHANISM|GRANTS?|REDACT|MASK|FILTER|` +
	`URL|URI|ENDPOINT|HOST|PORT|REGION|ARN|ENABLED|REQUIRED|DISABLED|TTL|EXPIRY|EXPIRATION|EXPIRES|EXPIRES_IN|LIFETIME|AGE|LENGTH|MIN|MAX|LIMIT|SIZE|COUNT|ROUNDS|COST|DAYS|HOURS|MINUTES|SECONDS|INTERVAL|TIMEOUT|VERSION|(?:KEY|SECRET|TOKEN|CREDENTIALS?)_ID`

// isAccessKeyID matches keys whose value is half of a secret although it is called an id.
var isAccessKeyID = regexp.MustCompile(`(?i)ACCESS_?KEY_?ID$`)

// holdsSecret reports whether a variable is called like one whose value is a secret, and not like one that speaks of it (JWT_SECRET_FILE, TOKEN_TTL).
func holdsSecret(key string) bool {
	return isAccessKeyID.MatchString(key) || secretName.MatchString(key) && !aboutWords.MatchString(key)
}

// urlPassword is the password in a URL.
var urlPassword = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^/@\s:]*:([^/@\s]+)@`)

// addressBlank are blanks of addresses: what stands for a part of the path or the host. Common words of paths are none.
var addressBlank = regexp.MustCompile(`(?i)(^|[^a-z0-9])([tb]?x{3,}|[tb]0{6,}|changeme|todo|tbd|fixme|placeholder|(your|my)[-_][a-z0-9-]+)($|[^a-z0-9])|/\.{3}(/|$)`)

// isBlankWord reports whether a value of which one word or number is expected is one that nobody has replaced.
func isBlankWord(value string) bool { return isUnfilled(value) || placeholderNoWord.MatchString(value) }

// isBlankSetting reports whether the value of a variable is one that nobody has replaced: of a secret any placeholder, of a URL also those of its
// parts, else what is one for every setting.
func isBlankSetting(key, value string) bool {
	switch m := urlPassword.FindStringSubmatch(value); {
	case holdsSecret(key) && (isPlaceholder(value) || isTriedFirst(value)), isUnfilled(value):
		return true
	case m != nil:
		return isPlaceholder(m[1]) || isTriedFirst(m[1])
	case strings.Contains(value, "://"):
		return strings.Contains(value, "hooks.") && addressBlank.MatchString(value)
	}
	return placeholderNoWord.MatchString(value) && !aboutWords.MatchString(key)
}

// placeholderDomain is a domain of the documentation's, which no deployment lives at (RFC 2606, and what templates write).
var placeholderDomain = regexp.MustCompile(`(?i)(^|[^a-z0-9-])((your|my)-?(domain|company|publisher|site|website|organi[sz]ation|business|project|adserver|exchange)(\.[a-z]{2,})?|your\.(domain|site|company|server|host)|(domain|company|yourname|changeme)\.(com|org|net|tld)|foo\.bar|example\.(com|org|net)|[a-z0-9.-]+\.(example|invalid|test))($|[^a-z0-9-])`)

// hasPlaceholderDomain reports whether a value speaks of a domain that stands for another.
func hasPlaceholderDomain(value string) bool { return placeholderDomain.MatchString(value) }

// weakEntropy is the estimate under which a secret counts as guessable: 48 bits fall to an offline search within days.
const weakEntropy = 48

// commonWord is what people make passwords of: each is one step for who guesses, not one for each letter.
var commonWord = regexp.MustCompile(`(?i)pass(word|wort|phrase|wd)?|secret|super|admin|root|user|login|welcome|letmein|qwerty|default|master|test|production|prod|staging|server|database|postgres|redis|catalyst|token|private|monkey|dragon|hunter|summer|winter|company|qwertyuiop|qwertz|asdfghjkl|zxcvbnm|1q2w3e4r|qazwsx`)

// entropyBits estimates how many bits it takes to guess a value: the entropy of its characters and of the steps between them, whichever is
// less, times its length. A repeated pattern counts once, a common word as one character. It is an upper bound for what people make up and a fair
// one for what is generated.
func entropyBits(value string) float64 {
	value = commonWord.ReplaceAllString(period(value), "\x00")
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

// period returns the shortest text that repeated gives the value.
func period(value string) string {
	if i := strings.Index((value + value)[min(1, len(value)):], value); i >= 0 && i+1 < len(value) {
		return value[:i+1]
	}
	return value
}

// decodedLen is the number of bytes a value stands for: those it decodes to where it is base64 or hexadecimal, else its own.
func decodedLen(value string) int {
	if b, err := hex.DecodeString(value); err == nil {
		return len(b)
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(value); err == nil {
			return len(b)
		}
	}
	return len(value)
}
