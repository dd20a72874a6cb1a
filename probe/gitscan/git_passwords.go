package gitscan

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"

	"github.com/zricethezav/gitleaks/v8/config"

	"github.com/thenexusengine/catalyst_exporter/probe/secretvalue"
)

// Passwords that people make up have no form by which gitleaks' rules recognize them: the place where they are written
// does. These rules extend gitleaks' own, in its format: their ids are valid in .gitleaksignore, baselines and
// disabledRules, and the repository's allow-lists apply.

// rulePrefix begins the ids of our rules.
const rulePrefix = "catalyst-"

const passwordRules = `
[[rules]]
id = "catalyst-url-password"
description = "password in a URL"
regex = '''(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:'"<>]{0,64}:([^\s/@'"<>]{8,128})@[a-z0-9.\[\]:_-]+'''
secretGroup = 1
keywords = ["://"]

[[rules]]
id = "catalyst-netrc-password"
description = "password in a .netrc"
regex = '''(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S{8,128})'''
secretGroup = 1
keywords = ["machine"]

[[rules]]
id = "catalyst-pgpass-password"
description = "password in a .pgpass"
path = '''(?i)(?:^|/)\.?pgpass(?:\.conf)?$'''
regex = '''(?m)^[^:#\s]+:(?:\d+|\*):[^:\n]*:[^:\n]*:([^:\s]{8,128})\s*$'''
secretGroup = 1
keywords = [":"]

[[rules]]
id = "catalyst-redis-requirepass"
description = "password of a Redis server"
regex = '''(?i)\b(?:requirepass|masterauth)\b["',\s=:-]+([^\s"',\]]{8,128})'''
secretGroup = 1
keywords = ["requirepass", "masterauth"]

[[rules]]
id = "catalyst-redis-cli-password"
description = "password in a call of redis-cli"
regex = '''(?i)redis-cli\b[^\n]{0,200}?["'\s](?:-a|--pass)["',\s=]+([^\s"',\]]{8,128})'''
secretGroup = 1
keywords = ["redis-cli"]

[[rules]]
id = "catalyst-sql-password"
description = "password of a database role"
regex = '''(?i)\b(?:create|alter)\s+(?:role|user)\b[^;]{0,200}?\b(?:password|identified\s+by)\s+'([^'\s]{8,128})[']'''
secretGroup = 1
keywords = ["role", "user"]

[[rules]]
id = "catalyst-basic-authorization"
description = "credentials in an Authorization header"
regex = '''(?i)authorization["']?\s*[:=]\s*["']?basic\s+([a-z0-9+/]{12,256}={0,2})'''
secretGroup = 1
keywords = ["authorization"]

[[rules]]
id = "catalyst-docker-auth"
description = "credentials of a registry"
regex = '''"auth"\s*:\s*"([A-Za-z0-9+/]{12,256}={0,2})"'''
secretGroup = 1
keywords = ["\"auth\""]

[[rules]]
id = "catalyst-prometheus-basic-auth"
description = "password of a scrape job"
regex = '''\bbasic_auth:\s*\n(?:[ \t]+\w+:[^\n]*\n){0,3}?[ \t]+password:[ \t]*["']?([^\s"'#]{8,128})'''
secretGroup = 1
keywords = ["basic_auth"]

[[rules]]
id = "catalyst-client-password"
description = "password for a database client"
regex = '''\b(?:PGPASSWORD|MYSQL_PWD|REDISCLI_AUTH)["']?[=:]\s*["']?([^\s"']{8,128})'''
secretGroup = 1
keywords = ["pgpassword", "mysql_pwd", "rediscli_auth"]
`

// passwordFound is what a finding of one of our rules keeps of its password.
type passwordFound struct {
	digest string // HMAC with a key of this process
	strong bool   // hard to guess, and written where production reads it
}

const strongPassword = 64 // bits

var (
	// reference matches what stands for a password in a template or program.
	reference = regexp.MustCompile(`\$\{?[A-Za-z_(]|\{[^}]*\}|<[^>]*>|%[A-Za-z_]+%|%[sqv]|\*{3}|\.{3}`)
	// trialPath matches files that are not of production.
	trialPath = regexp.MustCompile(`(?i)(?:^|[/._-])(?:tests?|testdata|testing|spec|specs|fixtures?|mocks?|examples?|samples?|demo|templates?|dist|e2e|ci|\.?github|\.?gitlab-ci|\.?circleci|jenkinsfile|\.?travis)(?:[/._-]|$)|_test\.|\.(?:example|sample|tmpl|template)$`)
	// nearHost matches hosts that only the same machine or nobody reaches.
	nearHost = regexp.MustCompile(`(?i)@(?:localhost|127\.[0-9.]+|\[::1\]|0\.0\.0\.0|host\.docker\.internal|(?:[a-z0-9-]+\.)*(?:example\.(?:com|org|net)|example|invalid|test|localhost))(?:[:/?\s]|$)`)
)

// judgePassword evaluates a match of one of our rules. It reports false for what is no password.
func judgePassword(rule, file, match, secret string) (strong, isPassword bool) {
	if rule == "catalyst-basic-authorization" || rule == "catalyst-docker-auth" {
		plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(secret, "="))
		_, password, found := strings.Cut(string(plain), ":")
		if err != nil || !found || len(password) < secretvalue.MinSecret {
			return false, false
		}
		secret = password
	}
	if reference.MatchString(secret) || secretvalue.IsPlaceholder(secret) || secretvalue.IsTriedFirst(secret) {
		return false, false
	}
	return secretvalue.EntropyBits(secret) >= strongPassword && !trialPath.MatchString(file) && !nearHost.MatchString(match), true
}

// addPasswordRules adds our rules to a repository's.
func addPasswordRules(rules *config.ViperConfig) error {
	own, err := decodeRules([]byte(passwordRules))
	if err != nil {
		return err
	}
	for _, r := range own.Rules {
		known := slices.Contains(rules.Extend.DisabledRules, r.ID)
		for _, have := range rules.Rules {
			known = known || have.ID == r.ID
		}
		if !known {
			rules.Rules = append(rules.Rules, r)
		}
	}
	return nil
}
