package secretvalue

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func TestIsPlaceholder(t *testing.T) {
	yes := []string{
		"CHANGE_ME", "CHANGEME", "change-me", "CHANGE_ME_STRONG_PASSWORD_HERE", "xxCHANGE_MExx", "changeme", "changeme123!", "Password", "password",
		"secret", "my-secret", "your-secret", "your_jwt_secret", "YOUR KEY", "<password>", "<your key here>", "pre<name>post", "${DB_PASSWORD}",
		"prefix-${X:-y}", "%{FOO}", "{{ vault_key }}", "todo", "TODO: set", "example", "an example value", "xxx", "XXXXXXXX", "redis://:secret@host",
		"replace_me", "tbd", "changeit", "change_this", "ChangeThisPassword123", "to-be-set", "MUST_BE_SET", "fill-me-in", "REPLACE_WITH_KEY", "replace-this-with-real", "insert_key_here",
		"use-a-strong-one-here", "TODO_set_me", "$(openssl rand -base64 32)", "`openssl rand -base64 32`", "generate-with-openssl-rand-base64-32", "[password]", "__REDIS_PASSWORD__",
		"@REDIS_PASSWORD@", "%REDIS_PASSWORD%", "$REDIS_PASSWORD", "REDIS_PASSWORD", "my-api-key", "pagerduty-key", "YourPagerDutyKey", "none", "null", "REDACTED", "***", "...", "xxxx-xxxx", strings.Repeat("x", 36) + "NRAL",
		"00000000-0000-0000-0000-000000000000", "AKIA" + "IOSFODNN7EXAMPLE", "bPxRfiCY" + "EXAMPLEKEY", base64.StdEncoding.EncodeToString([]byte("CHANGE_ME_NOW")),
		base64.RawURLEncoding.EncodeToString([]byte("my-password\n")),
	}
	for _, v := range yes {
		if !IsPlaceholder(v) {
			t.Errorf("%q is a placeholder", v)
		}
	}
	no := []string{
		"", "hunter2", "kQ9xxxW2vTodoL8pSecretZ1passwordq", strings.Repeat("a1B2", 15) + "xxxz", "secretary", "passwords4ever", "yourself", "a<b", "5>3", "$PATHLIKE", "1.0",
		"/run/secrets/db_pw", "correct-horse-battery-staple", "exchange_message", "turnkey", base64.StdEncoding.EncodeToString([]byte("plain text that is long")), "TBd-YHiZ48c38iwcsv-ggjPxj6NQFLzClKWT1cKmAToxxx",
	}
	for _, v := range no {
		if IsPlaceholder(v) {
			t.Errorf("%q is no placeholder", v)
		}
	}
	for range 2000 { // what openssl rand makes is never taken for one
		b := make([]byte, 48)
		_, _ = rand.Read(b)
		for _, v := range []string{hex.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b[:32]) + "xxx", base64.StdEncoding.EncodeToString(b[:16])} {
			if IsPlaceholder(v) || IsTriedFirst(v) {
				t.Errorf("the random %q is no placeholder", v)
			}
		}
	}
}

// What a blank is hangs on whose value it is.
func TestIsBlankSetting(t *testing.T) {
	yes := []string{
		"A=CHANGE_ME", "HOST=<host>", "HOST={{ public_host }}", "HOST=${PUBLIC_HOST}", "HOST=%HOST%", "USER=your-user", "BUCKET=s3://your-bucket/x", "MAIL=ops@your-org", "WORD=secret", "WORD=password",
		"SENTRY_DSN=https://<key>@sentry.io/<project>", "NAME=to be defined", "DATABASE_URL=postgres://u:changeme@db/x", "REDIS_URL=redis://:redis123@redis:6379", "HOOK=https://hooks.slack.com/services/XXX/YYY",
		"HOOK=https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXX", "API_KEY" + "=key", "API_KEY" + "=abc123", "AWS_ACCESS_KEY_ID=your_key", "AWS_ACCESS_KEY_ID=AKIA" + "IOSFODNN7EXAMPLE", "JWT_SECRET='{{.Key}}'",
	}
	for _, v := range yes {
		if key, value, _ := strings.Cut(v, "="); !IsBlankSetting(key, value) {
			t.Errorf("%s is blank", v)
		}
	}
	no := []string{
		"A=", "REDIS_PASSWORD_FILE=/run/secrets/redis_password", "LOG_REDACT_FIELDS=password,token,secret", "LOG_MASK=secret", "MAIL_FROM=Acme Ops <ops@acme.net>", "AUTH_METHOD=password",
		"PASSWORD_RESET_URL=https://acme.net/reset-password", "VAULT_PATH=secret/data/catalyst", "AWS_SECRET_NAME=prod/db-password", "LOG_FORMAT=<%p> {{.Level}} {{.Message}}", "NGINX_LOG=${remote_addr} - ${status}",
		"WIN_URL=https://win.acme.net/?p=${AUCTION_PRICE}", "CCPA_URL=https://acme.net/your-privacy-choices", "SAMPLER=sample", "EXCHANGE=exchange_message", "SNIPPET=<b>hi</b>", "REGEX=^(?<name>x)$",
		"OPTS=-Dx=%{y}", "CACHE=none", "KEYGEN=openssl rand -base64 32", "DATABASE_URL=postgres://u:k3v9QzT7wLm2@db/x", "DOCS=https://acme.net/example", "TOKEN_TTL=1h", "JWT_SECRET_ROTATION_DAYS=30",
		"HOOK=https://hooks.slack.com/services/T02AB/B03XY/q9", "MODE=replace",
	}
	for _, v := range no {
		if key, value, _ := strings.Cut(v, "="); IsBlankSetting(key, value) {
			t.Errorf("%s is not blank", v)
		}
	}
}

func TestIsTriedFirst(t *testing.T) {
	for v, want := range map[string]bool{
		"admin": true, "Postgres": true, "redis123": true, "Password1!": true, "p@ssw0rd": true, "catalyst-2024": true, "123456": true, "foobared": true, "keyboard cat": true, "": false, "administer": false,
		"SuperSecretPassword": false, "k3v9Qz": false, "admin12345": false,
	} {
		if got := IsTriedFirst(v); got != want {
			t.Errorf("isTriedFirst(%q) = %v", v, got)
		}
	}
}

func TestHasPlaceholderDomain(t *testing.T) {
	for v, want := range map[string]bool{
		"https://yourdomain.com": true, "yourpublisher.com": true, "admin@example.com": true, "api.example": true, "https://ads.yourdomain": true, "a.b.test": true, "ads.yoursite.com": true, "ads.company.com": true, "domain.com": true, "your.domain": true, "mysite.io": true,
		"https://ads.tne.io": false, "example.community": false, "bestexample.com": false, "latest": false, "": false, "mycompanion.com": false, "subdomain.io": false,
	} {
		if got := HasPlaceholderDomain(v); got != want {
			t.Errorf("hasPlaceholderDomain(%q) = %v", v, got)
		}
	}
}

func TestEntropyBits(t *testing.T) {
	for _, weak := range []string{"", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abcdefghijklmnopqrst", "1234567890123456", "abc123abc123abc123abc123", "0000000000000001"} {
		if bits := EntropyBits(weak); bits >= WeakEntropy {
			t.Errorf("%q: %.0f bits", weak, bits)
		}
	}
	for range 500 {
		b := make([]byte, 32)
		_, _ = rand.Read(b)
		for _, v := range []string{hex.EncodeToString(b[:12]), base64.StdEncoding.EncodeToString(b)} {
			if bits := EntropyBits(v); bits < WeakEntropy {
				t.Errorf("random %q: %.0f bits", v, bits)
			}
		}
	}
}

func TestDecodedLen(t *testing.T) {
	b := bytes.Repeat([]byte{0xfb}, 40)
	for v, want := range map[string]int{
		hex.EncodeToString(b): 40, base64.StdEncoding.EncodeToString(b): 40, base64.RawURLEncoding.EncodeToString(b): 40, "not base64!": 11, "": 0,
	} {
		if got := DecodedLen(v); got != want {
			t.Errorf("decodedLen(%q) = %d, want %d", v, got, want)
		}
	}
}
