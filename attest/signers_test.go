package attest

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/attest/pattern"
)

func TestSigners_Trust(t *testing.T) {
	k, other := newKey(t, "ed25519"), newKey(t, "ed25519")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, line string // KEY and OTHER are replaced by the keys
		at         time.Time
		refused    string
	}{
		{name: "listed", line: `one@example.com KEY`},
		{name: "comment behind the key", line: `one@example.com KEY of the "first" person`},
		{name: "indented, tabs, CRLF", line: "\t one@example.com \t KEY\r"},
		{name: "quoted principals", line: `"one@example.com,two@example.com" KEY`},
		{name: "second of a list", line: `two@example.com,one@example.com KEY`},
		{name: "wildcard", line: `*@example.com KEY`},
		{name: "question mark", line: `?ne@example.com KEY`},
		{name: "question mark is one byte", line: `?one@example.com KEY`, refused: "not for one@example.com"},
		{name: "wildcard of another domain", line: `*@example.org KEY`, refused: "not for one@example.com"},
		{name: "pattern must match the whole", line: `one@example KEY`, refused: "not for one@example.com"},
		{name: "upper case differs", line: `One@example.com KEY`, refused: "not for one@example.com"},
		{name: "negated behind", line: `*@example.com,!one@example.com KEY`, refused: "not for one@example.com"},
		{name: "negated before", line: `!one@example.com,* KEY`, refused: "not for one@example.com"},
		{name: "negation of another", line: `!two@example.com,* KEY`},
		{name: "negated here, listed on the next line", line: "!one@example.com,* KEY\none@example.com KEY"},
		{name: "key of another line", line: "one@example.com OTHER\ntwo@example.com KEY", refused: "listed at allowed_signers:2, but not for one@example.com"},
		{name: "not listed", line: `one@example.com OTHER`, refused: "is not in allowed_signers"},
		{name: "commented out", line: `# one@example.com KEY`, refused: "is not in allowed_signers"},
		{name: "empty file", line: "\n \n", refused: "is not in allowed_signers"},
		{name: "namespace", line: `one@example.com namespaces="git,` + Namespace + `" KEY`},
		{name: "namespace by pattern", line: `one@example.com namespaces="catalyst-*" KEY`},
		{name: "option in upper case", line: `one@example.com NAMESPACES="catalyst-*" KEY`},
		{name: "other namespace", line: `one@example.com namespaces="git,file" KEY`, refused: "may not sign in the namespace"},
		{name: "negated namespace", line: `one@example.com namespaces="*,!` + Namespace + `" KEY`, refused: "may not sign in the namespace"},
		{name: "other namespace here, any on the next line", line: "one@example.com namespaces=\"git\" KEY\none@example.com KEY"},
		{name: "from the second on", line: `one@example.com valid-after="20261123120000Z" KEY`},
		{name: "a second too early", line: `one@example.com valid-after="20261123120001Z" KEY`, refused: "was not yet valid at 2026-11-23T12:00:00Z"},
		{name: "up to the second", line: `one@example.com valid-before="20261123120000Z" KEY`},
		{name: "a second too late", line: `one@example.com valid-before="20261123115959Z" KEY`, refused: "was no longer valid at 2026-11-23T12:00:00Z"},
		{name: "UTC written out", line: `one@example.com valid-before="202611231200utc" KEY`},
		{name: "local time, winter", line: `one@example.com valid-before="202611231300" KEY`},
		{name: "local time, winter, over", line: `one@example.com valid-before="202611231259" KEY`, refused: "no longer valid"},
		{name: "local time, summer", line: `one@example.com valid-after="202607011400" KEY`, at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)},
		{name: "local time, summer, early", line: `one@example.com valid-after="202607011401" KEY`, at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), refused: "not yet valid"},
		{name: "date alone", line: `one@example.com valid-after="20261123Z",valid-before="20261124Z" KEY`},
		{name: "a date ends with its first moment", line: `one@example.com valid-before="20261123Z" KEY`, refused: "no longer valid"},
		{name: "an authority signs no claims", line: `one@example.com cert-authority KEY`, refused: "is not in allowed_signers"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.NewReplacer("KEY", k.line(), "OTHER", other.line()).Replace(tt.line)
			s, problems := ParseSigners("allowed_signers", []byte(text), berlin)
			if err := problems.Err(); err != nil {
				t.Fatal(err)
			}
			at := noon
			if !tt.at.IsZero() {
				at = tt.at
			}
			want(t, trusts(s, k.PublicKey(), person, at), tt.refused)
		})
	}
}

func TestSigners_Problems(t *testing.T) {
	k, weak := newKey(t, "ed25519"), newKey(t, "rsa1024")
	kind, blob, _ := strings.Cut(k.line(), " ")
	tests := []struct{ name, line, problem string }{
		{"principals alone", `one@example.com`, "key is missing after the principals"},
		{"open quote", `"one@example.com KEY`, "principals: no closing quote"},
		{"text behind the quote", `"one"@example.com KEY`, "principals: text after the closing quote"},
		{"quote in the middle", `one"@"example.com KEY`, "principals: unexpected quote"},
		{"empty principals", `"" KEY`, "principals: list contains an empty pattern"},
		{"empty pattern", `one@example.com,,two@example.com KEY`, "principals: list contains an empty pattern"},
		{"nothing but negations", `!one@example.com KEY`, "principals: only negated patterns"},
		{"pattern too long", strings.Repeat("a", pattern.Longest) + ` KEY`, "principals: pattern is too long"},
		{"no principals", `KEY`, "unknown key type or option"},
		{"unknown option", `one@example.com no-pty KEY`, "unknown key type or option"},
		{"options without a key", `one@example.com cert-authority`, "unknown or missing key type after the options"},
		{"option without value", `one@example.com namespaces KEY`, "option namespaces: value must be in double quotes"},
		{"value without quotes", `one@example.com namespaces=git KEY`, "option namespaces: value must be in double quotes"},
		{"no closing quote", `one@example.com namespaces="git KEY`, "options: no closing quote"},
		{"empty namespaces", `one@example.com namespaces="" KEY`, "option namespaces: list contains an empty pattern"},
		{"namespaces twice", `one@example.com namespaces="a",namespaces="b" KEY`, "duplicate option namespaces"},
		{"valid-after twice", `one@example.com valid-after="20260101",valid-after="20260102" KEY`, "duplicate option valid-after"},
		{"comma at the end", `one@example.com namespaces="a", KEY`, "options end in a comma"},
		{"no comma", `one@example.com namespaces="a"valid-after="20260101" KEY`, "option namespaces: missing comma"},
		{"a value for a flag", `one@example.com cert-authority="yes" KEY`, "option cert-authority: missing comma"},
		{"no such day", `one@example.com valid-after="20260230" KEY`, "option valid-after: invalid date or time"},
		{"no such hour", `one@example.com valid-before="202601012400Z" KEY`, "option valid-before: invalid date or time"},
		{"another form", `one@example.com valid-before="2026-01-01" KEY`, "option valid-before: write YYYYMMDD"},
		{"eleven digits", `one@example.com valid-before="20260101120" KEY`, "option valid-before: write YYYYMMDD"},
		{"a sign among the digits", `one@example.com valid-before="2026010+" KEY`, "option valid-before: write YYYYMMDD"},
		{"no time", `one@example.com valid-before="" KEY`, "option valid-before: write YYYYMMDD"},
		{"the epoch", `one@example.com valid-before="19700101Z" KEY`, "option valid-before: invalid date or time, or before 1970"},
		{"ends before it begins", `one@example.com valid-after="20260102Z",valid-before="20260102Z" KEY`, "valid-before must be after valid-after"},
		{"no base64", `one@example.com ` + kind + ` ?`, "key is not base64"},
		{"key left out", `one@example.com ` + kind, "key is not base64"},
		{"cut key", `one@example.com ` + kind + ` ` + blob[:len(blob)-8], "invalid key"},
		{"other type", `one@example.com ssh-rsa ` + blob, "key has type ssh-ed25519, but the line states ssh-rsa"},
		{"DSA", `one@example.com ssh-dss ` + blob, "unknown key type or option"},
		{"short RSA", `one@example.com ` + weak.line(), "RSA key has 1024 bits, at least 2048 are required"},
	}
	var all []string
	for _, tt := range tests {
		line := strings.ReplaceAll(tt.line, "KEY", k.line())
		all = append(all, line)
		t.Run(tt.name, func(t *testing.T) {
			s, problems := ParseSigners("allowed_signers", []byte("# first\n"+line), time.UTC)
			want(t, problems.Err(), "allowed_signers:2: "+tt.problem)
			if s.Len() != 0 {
				t.Error("an invalid line is trusted")
			}
		})
	}
	// Every invalid line is reported, and the valid one among them applies.
	s, problems := ParseSigners("allowed_signers", []byte(strings.Join(all, "\n")+"\n"+person+" "+k.line()), time.UTC)
	if len(problems) != len(all) || s.Len() != 1 {
		t.Fatalf("%d problems and %d keys, want %d and 1", len(problems), s.Len(), len(all))
	}
	want(t, trusts(s, k.PublicKey(), person, noon), "")
}

func TestLoadSigners(t *testing.T) {
	k := newKey(t, "ed25519")
	path := filepath.Join(t.TempDir(), "allowed_signers")
	writeFile(t, path, person+" "+k.line()+"\nnonsense\n", 0o644)
	s, err := LoadSigners(path, time.UTC)
	want(t, err, path+":2: ")
	want(t, trusts(s, k.PublicKey(), person, noon), "")

	writeFile(t, path, strings.Repeat("# \n", maxSigners/3+1), 0o644)
	_, err = LoadSigners(path, time.UTC)
	want(t, err, "larger than the limit")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if s, err = LoadSigners(path, time.UTC); s != nil || !os.IsNotExist(err) {
		t.Errorf("missing file: %v, %v", s, err)
	}
}

func TestSigners_Certificates(t *testing.T) {
	authority, other, user := newKey(t, "ed25519"), newKey(t, "ed25519"), newKey(t, "ed25519")
	unix := func(t time.Time) uint64 { return uint64(t.Unix()) }
	tests := []struct {
		name    string
		by      ssh.Signer
		change  func(*ssh.Certificate)
		refused string
	}{
		{name: "good", by: authority},
		{name: "other authority", by: other, refused: "is not in allowed_signers"},
		{name: "of a host", by: authority, change: func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, refused: "not a user certificate"},
		{name: "for another person", by: authority, change: func(c *ssh.Certificate) { c.ValidPrincipals = []string{"two@example.com"} }, refused: "is not valid for one@example.com"},
		{name: "for everybody", by: authority, change: func(c *ssh.Certificate) { c.ValidPrincipals = nil }, refused: "has no principal"},
		{name: "over", by: authority, change: func(c *ssh.Certificate) { c.ValidBefore = unix(noon) }, refused: "expired"},
		{name: "not yet", by: authority, change: func(c *ssh.Certificate) { c.ValidAfter = unix(noon.Add(time.Second)) }, refused: "not yet valid"},
		{name: "critical option", by: authority, change: func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"force-command": "true"} }, refused: "unsupported critical option"},
	}
	s := allow(t, "*@example.com cert-authority %s", authority.line())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cert := &ssh.Certificate{Key: user.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{person},
				ValidAfter: unix(noon.Add(-time.Hour)), ValidBefore: unix(noon.Add(time.Hour))}
			if tt.change != nil {
				tt.change(cert)
			}
			if err := cert.SignCert(rand.Reader, tt.by); err != nil {
				t.Fatal(err)
			}
			want(t, trusts(s, cert, person, noon), tt.refused)
		})
	}
	t.Run("forged", func(t *testing.T) {
		cert := &ssh.Certificate{Key: user.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"two@example.com"}, ValidBefore: ssh.CertTimeInfinity}
		if err := cert.SignCert(rand.Reader, authority); err != nil {
			t.Fatal(err)
		}
		cert.ValidPrincipals = []string{person}
		want(t, trusts(s, cert, person, noon), "signature does not verify")
	})
	t.Run("the bare key has no certificate", func(t *testing.T) {
		want(t, trusts(s, user.PublicKey(), person, noon), "is not in allowed_signers")
	})
}

func FuzzSigners(f *testing.F) {
	k := newKey(f, "ed25519")
	f.Add(person + " " + k.line())
	f.Add(`*@example.com,!two@example.com namespaces="a,b",valid-after="20260101Z",valid-before="20270101" ` + k.line() + " comment")
	f.Add(`"one@example.com" cert-authority,namespaces="a\"b" ` + k.line())
	f.Add("# comment\n\n\tone@example.com ssh-rsa AAAA\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, problems := ParseSigners("allowed_signers", []byte(text), time.UTC)
		if lines := strings.Count(text, "\n") + 1; s.Len()+len(problems) > lines {
			t.Errorf("%d keys and %d problems in %d lines", s.Len(), len(problems), lines)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Message == "" || strings.ContainsRune(p.Error(), '\n') {
				t.Errorf("problem %q", p)
			}
		}
		if s.Len() == 0 && trusts(s, k.PublicKey(), person, noon) == nil {
			t.Error("trusts somebody without a line")
		}
	})
}

func trusts(s *Signers, key ssh.PublicKey, principal string, at time.Time) error {
	_, err := s.Trusts(key, principal, Namespace, at)
	return err
}
