package secretvalue

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestStrengthOf(t *testing.T) {
	names := []string{"nordlicht", "media", "nordlichtmedia", "shopkeeper"}
	md, sha, sha2 := md5.Sum([]byte("password")), sha1.Sum([]byte("dragon\n")), sha256.Sum256([]byte("nordlicht"))
	for value, want := range map[string]Strength{
		"Sup3rS3cr3tP@ssw0rd!":                                                         Guessable, // leet
		"1qaz2wsx3edc4rfv5tgb":                                                         Guessable, // walks
		"qwertzuiopasdfghjkl":                                                          Guessable,
		"azertyuiopqsdfghjklm":                                                         Guessable,
		"zaq12wsxcde34rfvbgt5":                                                         Guessable,
		"NordlichtMedia2026!":                                                          Guessable, // names
		"shopkeeper-nordlicht":                                                         Guessable,
		"Shopk33per2026Shopk33per2026":                                                 Guessable,
		hex.EncodeToString(md[:]):                                                      Guessable, // digests
		strings.ToUpper(hex.EncodeToString(md[:])):                                     Guessable,
		hex.EncodeToString(sha[:]):                                                     Guessable,
		hex.EncodeToString(sha2[:]):                                                    Guessable,
		hex.EncodeToString([]byte("letmein123")):                                       Guessable, // encodings
		base64.StdEncoding.EncodeToString([]byte("iloveyou2024")):                      Guessable,
		digestText(sha512.New(), "Password1"):                                          Guessable,
		digestText(sha512.New384(), "admin123"):                                        Guessable,
		digestText(sha256.New224(), "welcome!"):                                        Guessable,
		digestText(md5.New(), "qwerty") + digestText(md5.New(), "qwerty"):              Guessable,
		base64.StdEncoding.EncodeToString(sha2[:]):                                     Guessable,
		base32.StdEncoding.EncodeToString([]byte("nordlicht-media")):                   Guessable,
		base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString([]byte("admin")))): Guessable,
		"qazwsxedcrfvtgbyhnujm":                                                        Guessable, // columns of keys
		"!QAZ2wsx#EDC4rfv":                                                             Guessable,
		"йцукенгшщзхъфывапролд":                                                        Guessable, // other layouts
		"ASDFGHJKL:zxcvbnm<>?":                                                         Guessable,
		"arstdhneioqwfpgjluy":                                                          Guessable,
		"19900512-19900512":                                                            Guessable, // repetitions
		"otter.otter.otter.otter":                                                      Guessable,
		"keyboard cat keyboard cat keyboard cat":                                       Guessable,
		"jwt-secret-jwt-secret-jwt-secre":                                              Moderate,
		"Shopk33per2026Shopk33per2026Shopk33":                                          Guessable,
		"otterviolinmapleotterviolinlantern":                                           Strong,
		"ecivres-esabatad":                                                             Guessable, // backwards
		"12345678-1234-1234-1234-123456789abc":                                         Guessable, // UUIDs
		"550E8400-E29B-41D4-A716-446655440000":                                         Published,
		"9c1f4e2a-7b3d-4f86-a5e9-d20c8b7f6e13":                                         Strong,
		digestText(sha512.New(), "Kz9vQx7-otter-violin"):                               Strong,
		"otter.violin.lantern.maple.quartz.brisk":                                      Strong,
		"aaaaaaaaaaaaaaaaaaaaaaaa":                                                     Guessable,
		"abcdefghijklmnopqrstuvwxyz":                                                   Guessable,
		"k3v9Qz":                                                                       Guessable,
		"correcthorsebatterystaple":                                                    Published,
		"keyboard cat":                                                                 Published,
		"September-October-2026":                                                       Moderate,
		"k3v9QzT7wL":                                                                   Moderate,
		"violin-change-otter-maple-quartz-72-lantern-brisk":                            Strong,
		"vN8r2Kq7Zt4Lx9Wm3Bp6Hs1D":                                                     Strong,
	} {
		if got := StrengthOf(value, names); got != want {
			t.Errorf("%q: strength %d, want %d", value, got, want)
		}
	}
	if StrengthOf("NordlichtMedia2026!", nil) == Guessable {
		t.Error("the names are not used")
	}
}

func digestText(h hash.Hash, text string) string {
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// Secrets of common generators are neither placeholders nor weak. They are the same in each run: one of many thousands with
// punctuation contains a placeholder by chance.
func TestStrengthOf_Generators(t *testing.T) {
	source := rand.NewChaCha8([32]byte{})
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = source.Read(b)
		return b
	}
	chars := func(n int, from string) string {
		var b strings.Builder
		for _, r := range random(n) {
			b.WriteByte(from[int(r)%len(from)])
		}
		return b.String()
	}
	const lower, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	alnum := lower + strings.ToUpper(lower) + digits
	generators := map[string]func() string{
		"openssl rand -base64 32": func() string { return base64.StdEncoding.EncodeToString(random(32)) },
		"openssl rand -base64 64": func() string { return base64.StdEncoding.EncodeToString(random(64)) },
		"openssl rand -hex 32":    func() string { return hex.EncodeToString(random(32)) },
		"openssl rand -hex 16":    func() string { return hex.EncodeToString(random(16)) },
		"pwgen -s 24":             func() string { return chars(24, alnum) },
		"pwgen 24": func() string { // syllables, with capitals and digits
			var b strings.Builder
			for b.Len() < 24 {
				b.WriteString(chars(1, "bcdfghjklmnpqrstvwxyzBCDFGHJKLMNPQRSTVWXYZ") + chars(1, "aeiouAEIOU") + chars(1, "aeioubdfgklmnprst123456789"))
			}
			return b.String()
		},
		"uuidgen": func() string {
			b := random(16)
			b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
		},
		"django get_random_secret_key": func() string { return chars(50, lower+digits+"!@#$%^&*(-_=+)") },
		"python secrets.token_urlsafe": func() string { return base64.RawURLEncoding.EncodeToString(random(32)) },
		"symbols 24":                   func() string { return chars(24, alnum+"!@#$%^&*()_+-=[]{}|;:,.<>?") },
		"alphanumeric 42":              func() string { return chars(42, alnum) },
	}
	for _, name := range slices.Sorted(maps.Keys(generators)) {
		for range 100 {
			value := generators[name]()
			if got := StrengthOf(value, []string{"catalyst", "postgres", "redis", "shop"}); got != Strong {
				t.Errorf("%s: strength %d: %q", name, got, value)
			}
			if IsPlaceholder(value) {
				t.Errorf("%s: placeholder: %q", name, value)
			}
		}
	}
}

// Every line of the file of published secrets is a digest, and every group names its source.
func TestKnownSecrets(t *testing.T) {
	count := 0
	for group := range strings.SplitSeq(strings.TrimSpace(knownSecrets), "\n\n") {
		if !strings.HasPrefix(group, "# ") {
			t.Errorf("no source: %.80s", group)
		}
		for line := range strings.SplitSeq(group, "\n") {
			if b, err := hex.DecodeString(line); !strings.HasPrefix(line, "#") {
				count++
				if err != nil || len(b) != sha256.Size {
					t.Errorf("not a digest: %q", line)
				}
			}
		}
	}
	if count < 50 {
		t.Errorf("%d digests", count)
	}
}

func BenchmarkStrengthOf(b *testing.B) {
	for _, value := range []string{"vN8r2Kq7Zt4Lx9Wm3Bp6Hs1D", "4@8({[<6931!|70$5+7%2z4@8({[<6931!|70$5+7%2z", strings.Repeat("ab", 60)} {
		b.Run(value[:8], func(b *testing.B) {
			for b.Loop() {
				StrengthOf(value, []string{"catalyst"})
			}
		})
	}
}
