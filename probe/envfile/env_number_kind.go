package envfile

import (
	"slices"
	"strings"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
)

// What a variable of env_number is about. Listed variables are numbers. Of those that only match a pattern, the last
// word decides: it names a limit (RATE_LIMIT_REQUESTS), a switch (RATE_LIMIT_ENABLED), or something else
// (RATE_LIMIT_CACHE_SIZE, RATE_LIMIT_REDIS_DB).

type subject int

const (
	aboutOther     subject = iota
	aboutNumber            // a limit or duration
	aboutSwitch            // enables the limits
	aboutOffSwitch         // disables the limits
)

var (
	isSwitch  = lazyregexp.New(`(?i)(^|_)(ENABLED?|ACTIVE|ON)$`)
	offSwitch = lazyregexp.New(`(?i)(^|_)(DISABLED?|OFF|BYPASS|DRY_?RUN|SHADOW|LOG_ONLY|REPORT_ONLY)$|(^|_)DISABLE_`)
	// modeKey matches keys that may hold a word for off among words that are not about that.
	modeKey = lazyregexp.New(`(?i)(^|_)(MODE|STATE)$`)
	// limitKey matches keys whose last word names a limit.
	limitKey = lazyregexp.New(`(?i)(^|_)(RATE_?LIMITS?|LIMITS?|MAX|MAXIMUM|RATE|REQUESTS?|REQS?|HITS|CALLS|POINTS|TOKENS|QUOTA|BURST|COUNT|RPS|RPM|RPH|RPD|QPS|TPS|` +
		`PER_?(SEC|SECOND|MIN|MINUTE|HOUR|DAY|IP|USER|KEY|CLIENT|TENANT|PUBLISHER|ENDPOINT))$`)
	// scopeKey matches keys whose last word names what is limited. Text in them is not a limit.
	scopeKey = lazyregexp.New(`(?i)(^|_)(GENERAL|DEFAULT|GLOBAL|AUTH|LOGIN|API|PUBLIC|ADMIN|ANON|ANONYMOUS|AUTHENTICATED|USERS?|IP|CLIENT|TENANT|PUBLISHER|ENDPOINT|` +
		`BID|BIDS|AUCTION|READ|WRITE|GET|POST|SECOND|MINUTE|HOUR|DAY|HARD|SOFT|UPLOAD|SEARCH|WEBHOOK)$`)
	// limitPerTime matches a limit with its unit of time.
	limitPerTime = lazyregexp.New(`(?i)^(\d+)\s*(?:r|req|reqs|requests?)?\s*(?:/|-| per )\s*(\d*)\s*(?:s|sec|second|m|min|minute|h|hr|hour|d|day)s?$`)
	// windowKey matches keys of the time in which a limit counts.
	windowKey = lazyregexp.New(`(?i)(^|_)(WINDOW|PERIOD|INTERVAL|DURATION)(_(MS|SEC|SECS|SECONDS|MINUTES))?$`)
	zeroTime  = lazyregexp.New(`(?i)^0+(?:\.0+)?\s*(?:ms|s|m|h|d)?$`)

	wholeNumber = lazyregexp.New(`^-?\d+(?:\.\d+)?$`)
)

func (s *envNumber) subject(key, text string) subject {
	word := hasWord(s.TrueWords, text) || hasWord(s.FalseWords, text)
	switch {
	case slices.Contains(s.Any, key):
		return aboutNumber
	case offSwitch.MatchString(key):
		return aboutOffSwitch
	case isSwitch.MatchString(key), modeKey.MatchString(key) && word, !s.Duration && rateLimitKey(key) && word && text != "0" && text != "1":
		return aboutSwitch
	case s.Duration, limitKey.MatchString(key), isPerTime(text), scopeKey.MatchString(key) && wholeNumber.MatchString(text):
		return aboutNumber
	}
	return aboutOther
}

// rateLimitKey reports whether a key names the limits as a whole: a word in it switches them.
func rateLimitKey(key string) bool {
	return key == "RATE_LIMIT" || key == "RATE_LIMITING" || key == "RATE_LIMITS"
}

// leastPerTime returns the least number of a list of limits with their units of time: 5/second;100/hour.
func leastPerTime(text string) (number string, ok bool) {
	for one := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == ',' }) {
		m := limitPerTime.FindStringSubmatch(strings.TrimSpace(one))
		if m == nil || m[2] != "" && strings.Trim(m[2], "0") == "" {
			return "", false
		}
		if digits := strings.TrimLeft(m[1], "0"); number == "" || len(digits) < len(number) || len(digits) == len(number) && digits < number {
			number = digits
		}
		if number == "" {
			return "0", true
		}
	}
	return number, number != ""
}

// isPerTime reports whether a text is a limit, or several, with its unit of time.
func isPerTime(text string) bool {
	_, ok := leastPerTime(text)
	return ok
}
