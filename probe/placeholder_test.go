package probe

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
		"secret", "my-secret", "your-secret", "your_jwt_secret", "YOUR KEY", "<password>", "<your key here>", "pre<x>post", "${DB_PASSWORD}",
		"prefix-${X:-y}", "%{FOO}", "{{ vault_key }}", "todo", "TODO: set", "example", "an example value", "xxx", "XXXXXXXX", "redis://:secret@host",
		"replace_me", "tbd",
	}
	for _, v := range yes {
		if !isPlaceholder(v) {
			t.Errorf("%q is a placeholder", v)
		}
	}
	no := []string{
		"", "hunter2", "kQ9xxxW2vTodoL8pSecretZ1passwordq", strings.Repeat("a1B2", 15) + "xxxz", "secretary", "passwords4ever", "yourself", "a<b", "5>3", "$PATHLIKE", "1.0",
		"/run/secrets/db_pw", "TBd-YHiZ48c38iwcsv-ggjPxj6NQFLzClKWT1cKmAToxxx",
	}
	for _, v := range no {
		if isPlaceholder(v) {
			t.Errorf("%q is no placeholder", v)
		}
	}
	for range 2000 { // what openssl rand makes is never taken for one
		b := make([]byte, 48)
		_, _ = rand.Read(b)
		for _, v := range []string{hex.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b[:32]) + "xxx"} {
			if isPlaceholder(v) {
				t.Errorf("the random %q is no placeholder", v)
			}
		}
	}
}

func TestHasPlaceholderDomain(t *testing.T) {
	for v, want := range map[string]bool{
		"https://yourdomain.com": true, "yourpublisher.com": true, "admin@example.com": true, "api.example": true, "https://ads.yourdomain": true, "a.b.test": true,
		"https://ads.tne.io": false, "example.community": false, "bestexample.com": false, "latest": false, "": false,
	} {
		if got := hasPlaceholderDomain(v); got != want {
			t.Errorf("hasPlaceholderDomain(%q) = %v", v, got)
		}
	}
}

func TestEntropyBits(t *testing.T) {
	for _, weak := range []string{"", "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abcdefghijklmnopqrst", "1234567890123456", "abc123abc123abc123abc123", "0000000000000001"} {
		if bits := entropyBits(weak); bits >= weakEntropy {
			t.Errorf("%q: %.0f bits", weak, bits)
		}
	}
	for range 500 {
		b := make([]byte, 32)
		_, _ = rand.Read(b)
		for _, v := range []string{hex.EncodeToString(b[:12]), base64.StdEncoding.EncodeToString(b)} {
			if bits := entropyBits(v); bits < weakEntropy {
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
		if got := decodedLen(v); got != want {
			t.Errorf("decodedLen(%q) = %d, want %d", v, got, want)
		}
	}
}
