package attest

// Parses one line of an allowed_signers file: PRINCIPALS [OPTIONS] KEYTYPE KEY [COMMENT].

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/attest/pattern"
)

// parseSigner parses: principals [options] keytype base64 [comment].
func parseSigner(line string, local *time.Location) (signer, error) {
	var e signer
	principals, rest, err := principalsField(line)
	if err != nil {
		return e, err
	}
	if err := pattern.Check(principals); err != nil {
		return e, fmt.Errorf("principals: %w", err)
	}
	e.principals = principals
	if !isKeyType(firstField(rest)) {
		options, after, err := optionsField(rest)
		if err != nil {
			return e, err
		}
		if err := e.parseOptions(options, local); err != nil {
			return e, err
		}
		rest = after
	}
	e.key, err = parseKey(rest)
	return e, err
}

// principalsField splits off the first field, which may be quoted as a whole.
func principalsField(line string) (field, rest string, err error) {
	if line[0] == '"' {
		end := strings.IndexByte(line[1:], '"')
		if end < 0 {
			return "", "", errors.New("principals: no closing quote")
		}
		field, rest = line[1:1+end], line[end+2:]
		if rest != "" && !isSpace(rest[0]) {
			return "", "", errors.New("principals: text after the closing quote")
		}
	} else {
		field = firstField(line)
		if strings.Contains(field, `"`) {
			return "", "", errors.New("principals: unexpected quote")
		}
		rest = line[len(field):]
	}
	rest = strings.TrimLeft(rest, " \t")
	if rest == "" {
		return "", "", errors.New("key is missing after the principals: write PRINCIPALS [OPTIONS] KEYTYPE KEY")
	}
	return field, rest, nil
}

// optionsField splits off everything up to the first blank outside quotes.
func optionsField(s string) (field, rest string, err error) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && isSpace(s[i]):
			return s[:i], strings.TrimLeft(s[i:], " \t"), nil
		}
	}
	if quoted {
		return "", "", errors.New("options: no closing quote")
	}
	return s, "", nil
}

// parseOptions parses comma-separated options; their names are case-insensitive.
func (e *signer) parseOptions(s string, local *time.Location) error {
	seen := make(map[string]bool)
	for {
		end := strings.IndexAny(s, "=,")
		if end < 0 {
			end = len(s)
		}
		name := strings.ToLower(s[:end])
		if s = s[end:]; seen[name] {
			return fmt.Errorf("duplicate option %s", name)
		}
		switch name {
		case "cert-authority":
			e.authority = true
		case "namespaces", "valid-after", "valid-before":
			seen[name] = true
			value, rest, err := optionValue(s)
			if err == nil {
				err = e.setOption(name, value, local)
			}
			if err != nil {
				return fmt.Errorf("option %s: %w", name, err)
			}
			s = rest
		default:
			return errors.New("unknown key type or option: options are cert-authority, namespaces=\"…\", valid-after=\"…\", valid-before=\"…\"")
		}
		if s == "" {
			break
		}
		if s[0] != ',' {
			return fmt.Errorf("option %s: missing comma", name)
		}
		if s = s[1:]; s == "" {
			return errors.New("options end in a comma")
		}
	}
	if !e.after.IsZero() && !e.before.IsZero() && !e.before.After(e.after) {
		return errors.New("valid-before must be after valid-after")
	}
	return nil
}

// optionValue parses ="…" with \" for a quote.
func optionValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `="`) {
		return "", "", errors.New(`value must be in double quotes: NAME="VALUE"`)
	}
	var b strings.Builder
	for i := 2; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
			b.WriteByte('"')
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errors.New("no closing quote")
}

func (e *signer) setOption(name, value string, local *time.Location) error {
	if name == "namespaces" {
		e.namespaces = value
		return pattern.Check(value)
	}
	at, err := parseKeyTime(value, local)
	if err != nil {
		return err
	}
	if name == "valid-after" {
		e.after = at
	} else {
		e.before = at
	}
	return nil
}

// parseKeyTime parses YYYYMMDD, YYYYMMDDHHMM and YYYYMMDDHHMMSS, in UTC with a trailing Z (or UTC), else in the zone
// local.
func parseKeyTime(s string, local *time.Location) (time.Time, error) {
	digits, zone := s, local
	for _, suffix := range []string{"Z", "UTC"} {
		if cut := len(s) - len(suffix); cut > 0 && strings.EqualFold(s[cut:], suffix) {
			digits, zone = s[:cut], time.UTC
			break
		}
	}
	layout, ok := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	if !ok || strings.Trim(digits, "0123456789") != "" {
		return time.Time{}, errors.New("write YYYYMMDD or YYYYMMDDHHMM[SS], followed by Z for UTC")
	}
	at, err := time.ParseInLocation(layout, digits, zone)
	if err != nil || at.Unix() <= 0 {
		return time.Time{}, errors.New("invalid date or time, or before 1970")
	}
	return at, nil
}

// parseKey parses KEYTYPE BASE64 [comment].
func parseKey(s string) (ssh.PublicKey, error) {
	kind := firstField(s)
	if !isKeyType(kind) {
		return nil,
			errors.New("unknown or missing key type after the options: write ssh-ed25519, ecdsa-sha2-nistp256 or ssh-rsa and the key")
	}
	text := firstField(strings.TrimLeft(s[len(kind):], " \t"))
	blob, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(blob) == 0 {
		return nil, errors.New("key is not base64: copy the whole line of the .pub file")
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, errors.New("invalid key: copy the whole line of the .pub file")
	}
	if key.Type() != kind {
		return nil, fmt.Errorf("key has type %s, but the line states %s", key.Type(), kind)
	}
	return key, strongKey(key)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

func firstField(s string) string {
	if end := strings.IndexAny(s, " \t"); end >= 0 {
		return s[:end]
	}
	return s
}
