package gitscan

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/zricethezav/gitleaks/v8/config"

	"github.com/thenexusengine/catalyst_exporter/lazyregexp"
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
regex = '''(?i)(?:\bmachine\s+\S+|\bdefault)(?:\s+(?:login|account)\s+\S+){1,2}\s+password\s+(\S{8,128})'''
secretGroup = 1
keywords = ["login"]

[[rules]]
id = "catalyst-pgpass-password"
description = "password in a .pgpass"
path = '''(?i)(?:^|/)[^/]*pgpass[^/]*$'''
regex = '''(?m)^[^:#\s]+:(?:\d+|\*):[^:\n]*:[^:\n]*:((?:[^:\\\s]|\\.){8,128})\s*$'''
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
id = "catalyst-redis-acl"
description = "password of a Redis user"
regex = '''(?im)(?:^\s*user|\bacl["',\s]+setuser)["',\s]+[^\s"',]+["',\s][^\n]{0,200}?>([^\s"',\]]{8,128})'''
secretGroup = 1
keywords = ["user"]

[[rules]]
id = "catalyst-command-password"
description = "password in a command of a database or web client"
regex = '''\b(?:(?:mysql|mariadb)[a-z-]*\b[^\n]{0,200}?["'\s](?:-p|--password[=\s"',]+)|mongo[a-z]*\b[^\n]{0,200}?["'\s](?:-p|--password)[=\s"',]+|curl\b[^\n]{0,200}?["'\s](?:-u|--user)[=\s"',]*[^\s:"'$]+:)([^\s"',\]]{8,128})'''
secretGroup = 1
keywords = ["mysql", "mariadb", "mongo", "curl"]

[[rules]]
id = "catalyst-compose-secret"
description = "password or key in a compose file"
path = '''(?i)(?:^|/)[^/]*compose[^/]*\.ya?ml$'''
regex = '''(?im)^[ \t]*(?:-[ \t]*)?["']?[a-z0-9_.]*(?:password|passwd|passphrase|secret|token|(?:api|access|signing|encryption|auth|private|license)_?key|key_base)["']?[ \t]*[:=][ \t]*["']?([^\s"'#$][^\s"']{7,127})'''
secretGroup = 1
keywords = ["pass", "secret", "token", "key"]

[[rules]]
id = "catalyst-kubernetes-secret"
description = "value in a Kubernetes Secret"
regex = '''(?m)^kind:[ \t]*["']?Secret["']?[ \t]*\r?\n((?:(?:[^-\n]|-[^-\n])[^\n]*\n?|\n)+)|^((?:data|stringData):[ \t]*\r?\n(?:(?:[^-\n]|-[^-\n])[^\n]*\n|\n)*?)kind:[ \t]*["']?Secret\b|"kind"\s*:\s*"Secret"(?s:.{0,900}?)("(?:data|stringData)"\s*:\s*\{[^{}]*\})|("(?:data|stringData)"\s*:\s*\{[^{}]*\})(?s:.{0,900}?)"kind"\s*:\s*"Secret"'''
keywords = ["secret"]

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
regex = '''\b(?:basic_auth:\s*(?:\{[^}\n]*?|\n(?:[ \t]+\w+:[^\n]*\n){0,3}?[ \t]+)password:|authorization:\s*(?:\{[^}\n]*?|\n(?:[ \t]+\w+:[^\n]*\n){0,3}?[ \t]+)credentials:)[ \t]*["']?([^\s"'#,}]{8,128})'''
secretGroup = 1
keywords = ["basic_auth", "authorization"]

[[rules]]
id = "catalyst-client-password"
description = "password for a database client"
regex = '''\b(?:PGPASSWORD|MYSQL_PWD|REDISCLI_AUTH|smtp_auth_password)["']?[=:]\s*["']?([^\s"']{8,128})'''
secretGroup = 1
keywords = ["pgpassword", "mysql_pwd", "rediscli_auth", "smtp_auth_password"]
`

// passwordFound is what a finding of one of our rules keeps of its password.
type passwordFound struct {
	digest string // HMAC with a key of this process
	strong bool   // hard to guess, and written where production reads it
}

const strongPassword = 64 // bits

var (
	// reference matches what stands for a password in a template or program.
	reference = lazyregexp.New(`\$\{?[A-Za-z_(]|\{[^}]*\}|<[^>]*>|%[A-Za-z_]+%|%[sqv]|\*{3}|\.{3}`)
	// trialPath matches files that are not of production.
	trialPath = lazyregexp.New(`(?i)(?:^|[/._-])(?:tests?|testdata|testing|spec|specs|fixtures?|mocks?|examples?|samples?|demo|templates?|dist|e2e|ci|\.?github|\.?gitlab-ci|\.?circleci|jenkinsfile|\.?travis)(?:[/._-]|$)|_test\.|\.(?:example|sample|tmpl|template)$`)
	// nearHost matches hosts that only the same machine or nobody reaches.
	nearHost = lazyregexp.New(`(?i)@(?:localhost|127\.[0-9.]+|\[::1\]|0\.0\.0\.0|host\.docker\.internal|(?:[a-z0-9-]+\.)*(?:example\.(?:com|org|net)|example|invalid|test|localhost))(?:[:/?\s]|$)`)
)

// judgePassword evaluates a match of one of our rules. It reports false for what is no password.
func judgePassword(rule, file, match, secret string) (strong, isPassword bool) {
	switch rule {
	case "catalyst-basic-authorization", "catalyst-docker-auth":
		plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(secret, "="))
		_, password, found := strings.Cut(string(plain), ":")
		if err != nil || !found || len(password) < secretvalue.MinSecret {
			return false, false
		}
		secret = password
	case "catalyst-compose-secret":
		key, _, _ := strings.Cut(match, secret)
		key = strings.Trim(key, "\"'=:- \t")
		if publicKey.MatchString(key) || noSecretValue.MatchString(secret) && !namedPassword.MatchString(key) || strings.HasPrefix(secret, "/") {
			return false, false
		}
	case "catalyst-kubernetes-secret":
		for _, value := range kubernetesSecrets(secret) {
			s, is := judgeText(file, match, value)
			strong, isPassword = strong || s, isPassword || is
		}
		return strong, isPassword
	}
	return judgeText(file, match, secret)
}

func judgeText(file, match, secret string) (strong, isPassword bool) {
	if m := secretvalue.URLPassword.FindStringSubmatch(secret); m != nil {
		secret = m[1]
	}
	if reference.MatchString(secret) || passwordHash.MatchString(secret) || secretvalue.IsPlaceholder(secret) || secretvalue.IsTriedFirst(secret) {
		return false, false
	}
	return secretvalue.EntropyBits(secret) >= strongPassword && !trialPath.MatchString(file) && !nearHost.MatchString(match), true
}

// passwordHash matches what is made of a password, or encrypted.
var passwordHash = lazyregexp.New(`^(?:SCRAM-SHA-256\$|md5[0-9a-f]{32}$|\$[0-9a-z]+\$|\{[A-Z0-9-]+\}|ENC\[)`)

var (
	kubernetesSection = lazyregexp.New(`^\s*["']?(data|stringData)["']?\s*:`)
	kubernetesEntry   = lazyregexp.New(`["']?([\w.-]+)["']?\s*:\s*["']?([^\s"',{}]{8,})`)
)

// kubernetesSecrets returns the values of a Kubernetes Secret whose keys say that they are secret.
func kubernetesSecrets(text string) (all []string) {
	section := ""
	for line := range strings.SplitSeq(text, "\n") {
		if m := kubernetesSection.FindStringSubmatch(line); m != nil {
			section, line = m[1], strings.TrimPrefix(line, m[0])
		} else if strings.TrimLeft(line, " \t") == line {
			section = "" // another key of the document
		}
		for _, m := range kubernetesEntry.FindAllStringSubmatch(line, -1) {
			value, key := m[2], strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(m[1]))
			if section == "data" {
				plain, err := base64.StdEncoding.DecodeString(value)
				if err != nil {
					continue
				}
				value = strings.TrimSpace(string(plain))
			}
			isURL := secretvalue.URLPassword.MatchString(value)
			if section != "" && len(value) >= secretvalue.MinSecret && (isURL || secretKey.MatchString(key) && !publicKey.MatchString(key) || strings.Contains(value, `"auth"`)) {
				all = append(all, value)
			}
		}
	}
	return all
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
