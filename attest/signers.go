package attest

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/thenexusengine/catalyst_exporter/files"
	"github.com/thenexusengine/catalyst_exporter/schema"
)

// Rules of this file: the allowed_signers file of ssh-keygen(1), section ALLOWED SIGNERS: whose key is whose, for what and when.
//
// We read it as ssh-keygen does, with these differences, each towards saying no or towards the manual page:
//   - every bad line is told, with its number, and the good ones hold; ssh-keygen stops at the first bad line it needs;
//   - dates that do not exist (20260230) are refused, where the C library carries them over into March;
//   - a date without Z is local time as the manual page has it; ssh-keygen 9.2 reads summer dates as standard time, an hour off. Write Z;
//   - RSA keys under 2048 bits and DSA keys are refused, and so are certificates with critical options.

const (
	maxSigners   = 1 << 20 // bytes of an allowed_signers file: some thousand keys
	minRSA       = 2048    // bits
	longestField = 1024    // bytes of one pattern, as in OpenSSH
)

// Signers are the people an allowed_signers file lists. Nobody is trusted by the zero value and by an empty file.
type Signers struct {
	file    string
	entries []signer
}

// signer is one line.
type signer struct {
	line          int
	principals    string // pattern list
	key           ssh.PublicKey
	authority     bool   // the key signs certificates, not claims
	namespaces    string // pattern list; "" is any
	after, before time.Time
}

// LoadSigners reads an allowed_signers file; dates without Z are of the zone local. The error is of reading, or schema.Problems: then the lines
// that are right hold all the same, so that a caller may go on with less trust, never with more.
func LoadSigners(path string, local *time.Location) (*Signers, error) {
	data, _, err := files.Read(path, maxSigners)
	if err != nil {
		return nil, err
	}
	s, problems := ParseSigners(path, data, local)
	return s, problems.Err()
}

// ParseSigners reads the text of an allowed_signers file; file names it in messages. Signers is never nil.
func ParseSigners(file string, data []byte, local *time.Location) (*Signers, schema.Problems) {
	s := &Signers{file: file}
	var problems schema.Problems
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.Trim(line, " \t\r")
		if line == "" || line[0] == '#' {
			continue
		}
		e, err := parseSigner(line, local)
		if err != nil {
			problems = append(problems, schema.Problem{File: file, Line: i + 1, Message: err.Error()})
			continue
		}
		e.line = i + 1
		s.entries = append(s.entries, e)
	}
	return s, problems
}

// Len is the number of lines that hold a key.
func (s *Signers) Len() int { return len(s.entries) }

// isKeyType reports whether a key of this type may sign.
func isKeyType(s string) bool {
	switch s {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSA:
		return true
	}
	return false
}

// strongKey refuses keys that can be forged today.
func strongKey(key ssh.PublicKey) error {
	if !isKeyType(key.Type()) {
		return fmt.Errorf("keys of type %s are not accepted: use ed25519, ecdsa or rsa", key.Type())
	}
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSA {
			return fmt.Errorf("the RSA key has %d bits, fewer than %d", r.N.BitLen(), minRSA)
		}
	}
	return nil
}

// Trusts returns nil when the file lists the key for the principal and the namespace at the time at. The error says which of them it is not, of
// the line that came nearest.
func (s *Signers) Trusts(key ssh.PublicKey, principal, namespace string, at time.Time) error {
	const (
		otherPrincipal = iota + 1
		otherNamespace
		otherTime
	)
	nearest, why := 0, fmt.Errorf("the key %s is not in %s", fingerprint(key), s.file)
	miss := func(step int, format string, args ...any) {
		if step > nearest {
			nearest, why = step, fmt.Errorf(format, args...)
		}
	}
	for _, e := range s.entries {
		if !e.holds(key) {
			continue
		}
		place := fmt.Sprintf("%s:%d", s.file, e.line)
		switch {
		case !matchList(e.principals, principal):
			miss(otherPrincipal, "the key %s is listed at %s, but not for %s", fingerprint(key), place, principal)
		case e.namespaces != "" && !matchList(e.namespaces, namespace):
			miss(otherNamespace, "the key at %s may not sign in the namespace %s", place, namespace)
		case !e.after.IsZero() && at.Before(e.after):
			miss(otherTime, "the key at %s was not yet valid at %s: it is from %s", place, stamp(at), stamp(e.after))
		case !e.before.IsZero() && at.After(e.before):
			miss(otherTime, "the key at %s was no longer valid at %s: it was until %s", place, stamp(at), stamp(e.before))
		default:
			err := checkCertificate(key, principal, at)
			if err == nil {
				return nil
			}
			miss(otherTime, "%s: %w", place, err)
		}
	}
	return why
}

// holds reports whether the line speaks of this key: the key itself, or the authority of its certificate.
func (e *signer) holds(key ssh.PublicKey) bool {
	if !e.authority {
		return sameKey(e.key, key)
	}
	cert, ok := key.(*ssh.Certificate)
	return ok && sameKey(e.key, cert.SignatureKey)
}

// checkCertificate judges a certificate whose authority is trusted; every other key is fine.
func checkCertificate(key ssh.PublicKey, principal string, at time.Time) error {
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return nil
	}
	if cert.CertType != ssh.UserCert {
		return errors.New("the certificate is not one of a user")
	}
	if len(cert.ValidPrincipals) == 0 { // would hold for everybody
		return errors.New("the certificate names no principal")
	}
	if cert.Signature == nil || cert.Signature.Format == ssh.KeyAlgoRSA {
		return errors.New("the certificate is signed with SHA-1")
	}
	if err := strongKey(cert.Key); err != nil {
		return fmt.Errorf("the certificate's key: %w", err)
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return at }}
	if err := checker.CheckCert(principal, cert); err != nil {
		return fmt.Errorf("the certificate does not hold for %s at %s: %s", principal, stamp(at), strings.TrimPrefix(err.Error(), "ssh: "))
	}
	return nil
}

// plainKey is the key that signs: of a certificate, the one it is about.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

// fingerprint is "SHA256:…" as ssh-keygen -l shows it.
func fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(plainKey(key)) }

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// stamp is how times are shown.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
