package envfile

import (
	"slices"
	"strings"
	"unicode"

	"github.com/thenexusengine/catalyst_exporter/deployment"
	"github.com/thenexusengine/catalyst_exporter/probe"
)

// A secret that signs tokens protects nothing when the service accepts tokens without a signature. Libraries and gateways
// name that switch in many ways, so its name is read word by word: what it is about, what it does, and how often it says
// the opposite. A name with a word that is not listed here is another setting (JWT_VERIFY_RETRIES) and is not judged.

// tokenKeys are patterns of variables that may be about tokens.
var tokenKeys = []string{"*[jJ][wW][tT]*", "*[tT][oO][kK][eE][nN]*", "*[jJ][wW][sS]*"}

// tokenWord is what a word of a switch's name says.
type tokenWord int

const (
	wordFills     tokenWord = iota + 1
	wordToken               // a token
	wordAlgorithm           // the algorithm of the signature
	wordChecks              // that it is checked, or the signature itself
	wordDenies              // the opposite
	wordUnsigned            // a token without a signature
	wordExpires             // the lifetime of a token
	wordIssuer              // who made a token, or whose key signs it
	wordLists               // what follows is refused
)

var tokenWords = map[tokenWord]string{
	wordFills: " APP AUTH API OIDC OAUTH OAUTH2 SSO ACCESS ID BEARER SECURITY SETTINGS OPTIONS PARAMETERS IS USE ENABLE ENABLED REQUIRE REQUIRED REQUIRES ALLOW ALLOWED ALLOWS " +
		"ACCEPT ACCEPTED ACCEPTS DEFAULT SUPPORTED VALID KEY ON STRICT MODE METHOD METHODS THE PBS CATALYST SERVER ",
	wordToken:     " JWT JWTS JWS TOKEN TOKENS ",
	wordAlgorithm: " ALG ALGS ALGO ALGOS ALGORITHM ALGORITHMS ",
	wordChecks:    " VERIFY VERIFIED VERIFIES VERIFICATION VALIDATE VALIDATED VALIDATION CHECK CHECKS CHECKED SIGNATURE SIGNATURES SIGNED SIGNING SIGN ",
	wordDenies:    " SKIP SKIPS DISABLE DISABLED DISABLES NO NOT DONT IGNORE IGNORES BYPASS WITHOUT OFF NEVER SUPPRESS REJECT DENY FORBID DISALLOW REFUSE ",
	wordUnsigned:  " UNSIGNED UNVERIFIED INSECURE NONE ",
	wordExpires:   " EXP EXPIRY EXPIRATION EXPIRES EXPIRED LIFETIME ",
	wordIssuer:    " ISSUER ",
	wordLists:     " FORBIDDEN DENIED REJECTED BLOCKED DISALLOWED EXCLUDED REFUSED ",
}

// wordOfSwitch returns what a word says, 0 for a word that is not known.
func wordOfSwitch(word string) tokenWord {
	for kind, words := range tokenWords {
		if strings.Contains(words, " "+word+" ") {
			return kind
		}
	}
	return 0
}

// acceptsUnsigned reports whether a variable makes a service accept tokens without a valid signature, or expired ones.
func acceptsUnsigned(key, value string) (unsigned, expired bool) {
	seen, signing := map[tokenWord]int{}, false
	for _, word := range wordsOfKey(key) {
		kind := wordOfSwitch(word)
		if kind == 0 {
			return false, false
		}
		seen[kind]++
		signing = signing || strings.HasPrefix(word, "SIGN")
	}
	denies := seen[wordDenies] + seen[wordUnsigned]
	names := slices.ContainsFunc(listOf(value), func(word string) bool { return strings.EqualFold(word, "none") })
	switch {
	case seen[wordToken] == 0 || seen[wordLists] > 0 || seen[wordIssuer] > 0 && !signing:
		return false, false
	case seen[wordAlgorithm] > 0:
		return names && denies == 0, false
	case seen[wordChecks]+seen[wordUnsigned] == 0 && (denies == 0 || seen[wordExpires] == 0):
		return false, false
	}
	isOff := names && denies%2 == 0
	switch strings.ToLower(strings.Trim(value, " '\"")) {
	case "true", "1", "yes", "y", "on", "t", "enabled", "always":
		isOff = denies%2 == 1
	case "false", "0", "no", "n", "off", "f", "disabled", "never":
		isOff = denies%2 == 0
	}
	return isOff && seen[wordExpires] == 0, isOff && seen[wordExpires] > 0
}

// wordsOfKey splits a variable's name, which may be in capitals or camel case (Jwt__ValidateIssuerSigningKey), into words in
// capitals.
func wordsOfKey(key string) []string {
	var split strings.Builder
	var before rune
	for _, r := range key {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			split.WriteByte(' ')
		}
		split.WriteRune(r)
		before = r
	}
	return strings.FieldsFunc(strings.ToUpper(split.String()), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// listOf splits a value that may be a list.
func listOf(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(", ;[]\"'", r) })
}

// judgeSignatures adds a failure for every variable that makes the service accept tokens without a valid signature, and a
// warning for one that makes it accept expired ones.
func judgeSignatures(f *probe.ResultBuilder, view *deployment.View) (key string, err error) {
	present, err := view.Keys(tokenKeys...)
	if err != nil {
		return "", err
	}
	for _, key := range present {
		values, err := view.Values(key)
		if err != nil {
			return key, err
		}
		for _, v := range values {
			switch unsigned, expired := acceptsUnsigned(v.Key, v.Text.Reveal()); {
			case unsigned:
				f.Fail(probe.ReasonDisabled, "%s at %s accepts tokens without a valid signature", v.Key, v.Origin)
			case expired:
				f.Warn(probe.ReasonWeak, "%s at %s accepts expired tokens", v.Key, v.Origin)
			}
		}
	}
	return "", nil
}
